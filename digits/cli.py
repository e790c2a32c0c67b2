"""How a script takes its command line, and how it ends on a user's mistake."""

import argparse
import functools
import os
import sys

from digits import UsageError, UserError


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
        def _get_help_string(self, action):
            stated = action.default in (None, []) or "default:" in action.help
            return action.help if stated else super()._get_help_string(action)

    return argparse.ArgumentParser(description=docstring, formatter_class=Formatter)


def report_errors(main):
    """Make a `main` end on a user's mistake with one line on stderr and a status.

    1: a UserError; 2: a UsageError; 130: Ctrl-C; 141: the reader of stdout left.
    """

    @functools.wraps(main)
    def reporting_main(argv=None):
        _open_closed_streams()
        _print_any_file_name()
        try:
            status = main(argv)
            sys.stdout.flush()
            return status
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2 if isinstance(error, UsageError) else 1
        except KeyboardInterrupt:
            print("\ninterrupted", file=sys.stderr)
            return 130
        except BrokenPipeError:  # the reader of our output left, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 141

    return reporting_main


def _open_closed_streams():
    """Let what is printed to a closed stream, as of `2>&-`, go nowhere."""
    for descriptor, name in enumerate(("stdout", "stderr"), 1):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
            os.set_inheritable(descriptor, True)  # also of processes that are started
            setattr(sys, name, os.fdopen(descriptor, "w"))


def _print_any_file_name():
    """Let stdout and stderr take file names that are no valid text."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
