"""The flags with which a run is resumed or given up."""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from digits import UserError
from digits.experiment import checkpoint, run_head
from digits.terminal import cli

RUN_FLAGS = {"resume", "restart", "output_dir"}
# Those that a resumed run may change.
FREE_FLAGS = {"save_weights", "checkpoint_seconds", "dask"}


def add(parser: argparse.ArgumentParser) -> None:
    """Add --resume, --restart and --checkpoint_seconds."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume the unfinished run in --output_dir, with the flags it began with",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="discard the unfinished run in --output_dir and start a new one",
    )
    parser.add_argument(
        "--checkpoint_seconds",
        type=cli.number(float, 0, 86_400),
        metavar="S",
        default=60.0,
        help="seconds between checkpoints (0: after each step); one more follows each "
        "epoch",
    )


def resuming(script: str, folder: Path) -> str:
    """Return the command that resumes a script's run; folder: its --output_dir."""
    return cli.command_of(script, "--resume", "--output_dir", folder)


def parse(
    script: str,
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    check: Callable[[argparse.ArgumentParser, argparse.Namespace], object],
) -> argparse.Namespace:
    """Return the flags of a run: those given, or with --resume those it began with.

    script: its name; check: ends with a usage error where flags disagree. A flag that
    contradicts the run's is a usage error too, but for where it is saved. Raises
    UserError where there is no run of the script to resume.
    """
    args = parser.parse_args(argv)
    if not args.resume:
        check(parser, args)
        return args
    if args.restart:
        parser.error("--resume and --restart exclude each other")
    found = checkpoint.newest(Path(args.output_dir, checkpoint.FOLDER), is_told=False)
    if found is None:
        raise UserError(f"{args.output_dir}: holds no unfinished run; drop --resume")
    head = found[1]
    begun, other = head["summary"]["arguments"], head["summary"]["script"]
    if other != script:
        raise UserError(f"{args.output_dir}: holds an unfinished run of {other}")
    if head["directory"] != os.getcwd():
        raise UserError(f"{args.output_dir}: resume it in {head['directory']}")
    if not run_head.are_flags(begun, parser, check):
        raise checkpoint.unreadable(args.output_dir, "other flags than there are")
    names = given(parser, argv)
    for name in sorted(names - RUN_FLAGS - FREE_FLAGS):
        if getattr(args, name) != begun[name]:
            parser.error(f"--{name}: the run began with {begun[name]}; drop the flag")
    own = {name: getattr(args, name) for name in RUN_FLAGS | (FREE_FLAGS & names)}
    args = argparse.Namespace(**begun | own)
    check(parser, args)
    return args


def given(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> set[str]:
    """Return the names of the flags that a command line gives."""
    absent = object()
    names = {action.dest for action in parser._actions}
    unset = argparse.Namespace(**dict.fromkeys(names, absent))
    parsed = vars(parser.parse_args(argv, unset))
    return {name for name, value in parsed.items() if value is not absent}
