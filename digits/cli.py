"""How a script takes its command line, and how it ends on a user's mistake."""

import argparse
import functools
import os
import sys

from digits import UserError


def number(kind, low, high):
    """Return an argparse type: a `kind` (int or float) from `low` to `high`."""

    def parse(text):
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")
        return value

    parse.__name__ = kind.__name__  # argparse names it when the text is no number
    return parse


def parser(docstring):
    """Return an ArgumentParser that shows a script's docstring and each default."""

    class Formatter(
        argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
    ):
        pass

    return argparse.ArgumentParser(description=docstring, formatter_class=Formatter)


def report_errors(main):
    """Make a `main` end on a UserError with one line on stderr and status 1."""

    @functools.wraps(main)
    def reporting_main(argv=None):
        try:
            return main(argv)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\ninterrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:  # the reader of our output left, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141

    return reporting_main
