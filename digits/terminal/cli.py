"""How a script takes its command line, and how it ends on a user's mistake."""

import argparse
import errno
import functools
import io
import os
import shlex
import sys
from pathlib import Path

from digits import UsageError, UserError, __version__

ROOT = Path(__file__).resolve().parents[2]  # of the repository
FULL_DISK = errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO


def number(kind, low, high):
    """Return an argparse type: a `kind` (int or float) from `low` to `high`."""

    def parse(text):
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")
        return value

    parse.__name__ = kind.__name__  # argparse names it when the text is no number
    return parse


def command_of(script: str, *arguments: str | Path) -> str:
    """Return a command line that runs a script of the repository from where one is."""
    script = script if Path.cwd() == ROOT else str(ROOT / script)
    return shlex.join(["python3", script, *map(str, arguments)])


def add_dask_flag(parser, text):
    """Add --dask to a script's parser; text: what it does."""
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help=f"{text} on the Dask cluster at ADDRESS; local: on all cores of this "
        "machine",
    )


def parser(docstring):
    """Return an ArgumentParser of a script: its docstring, defaults and --version."""

    class Formatter(
        argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
    ):
        def _get_help_string(self, action):
            has_none = action.default in (None, []) or action.default is False
            if has_none or "default:" in (action.help or ""):
                return action.help
            return super()._get_help_string(action)

    found = argparse.ArgumentParser(description=docstring, formatter_class=Formatter)
    version = f"%(prog)s {__version__}"
    found.add_argument("--version", action="version", version=version)
    return found


def report_errors(main):
    """Make a `main` end on a user's mistake with one line on stderr and a status.

    1: a UserError, or a full disk; 2: a UsageError; 130: Ctrl-C; 141: the
    reader of stdout left.
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
            return 141
        except OSError as error:
            # Only what opens a file names it: this was stdout, or a temporary file.
            if error.errno not in FULL_DISK or error.filename is not None:
                raise
            print(f"error: cannot write: {error.strerror}", file=sys.stderr)
            return 1
        finally:
            if not _can_flush(sys.stdout):  # else Python complains of it at its end
                _send_to_nowhere(1)

    return reporting_main


def _can_flush(stream):
    try:
        stream.flush()
    except OSError:
        return False
    return True


def _open_closed_streams():
    """Let what is printed to a closed stream, as of `2>&-`, go nowhere."""
    for descriptor, name in enumerate(("stdout", "stderr"), 1):
        if getattr(sys, name) is None:
            _send_to_nowhere(descriptor)
            os.set_inheritable(descriptor, True)  # also of processes that are started
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))


def _send_to_nowhere(descriptor):
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _print_any_file_name():
    """Let stdout and stderr take file names that are no valid text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
