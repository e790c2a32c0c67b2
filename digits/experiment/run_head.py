"""Checks of the head of a checkpoint, which says what run it is of."""

import argparse
import contextlib
import io
import math
from collections.abc import Callable, Mapping
from typing import Any

TYPES = {
    "summary": dict,
    "directory": str,
    "versions": dict,
    "place": list,
    "rows": list,
    "seconds": float,
}
SUMMARY_TYPES = {"script": str, "command": str, "arguments": dict}


def check(head: Any) -> None:
    """Raise KeyError, TypeError or ValueError unless a head is what a Run writes."""
    for values, types in ((head, TYPES), (head["summary"], SUMMARY_TYPES)):
        for name, kind in types.items():
            if type(values[name]) is not kind:
                raise TypeError(name)
    *counts, sums = head["place"]
    if len(counts) != 3 or any(type(one) is not int or one < 0 for one in counts):
        raise ValueError("place")
    if type(sums) is not list or any(type(one) not in (int, float) for one in sums):
        raise ValueError("sums")
    if any(type(row) is not dict for row in head["rows"]):
        raise ValueError("rows")
    if not 0 <= head["seconds"] < math.inf:
        raise ValueError("seconds")


def are_flags(
    values: Mapping[str, Any],
    parser: argparse.ArgumentParser,
    check: Callable[[argparse.ArgumentParser, argparse.Namespace], object],
) -> bool:
    """Tell whether {name: value} are what a parser may return.

    check: as digits.experiment.resume_flags.parse takes it.
    """
    actions = {a.dest: a for a in parser._actions if a.default != argparse.SUPPRESS}
    if values.keys() != actions.keys():
        return False
    if not all(_is_flag(values[name], action) for name, action in actions.items()):
        return False
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            check(parser, argparse.Namespace(**values))
    except SystemExit:
        return False
    return True


def _is_flag(value, action):
    """Tell whether a value is one that an argument of a parser may have."""
    if value is None:
        return action.default is None
    if _are_same(value, action.default) or _are_same(value, action.const):
        return True
    if (type(value) is list) != (action.nargs in ("+", "*")):
        return False
    if value == [] and action.nargs == "+":
        return False
    values = value if type(value) is list else [value]
    return all(_is_one(one, action) for one in values)


def _is_one(value, action):
    try:
        parsed = (action.type or str)(str(value))
    except (ValueError, argparse.ArgumentTypeError):
        return False
    is_choice = action.choices is None or parsed in action.choices
    return _are_same(value, parsed) and is_choice


def _are_same(one, other):
    return type(one) is type(other) and one == other
