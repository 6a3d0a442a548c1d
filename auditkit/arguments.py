"""Two liberties of our command line: several values after one option, and name=value pairs."""

import tomllib
from collections.abc import Sequence
from typing import Any

from auditkit.errors import UsageError

# Options that may take several values at once.
SEVERAL = ("--sensitive", "--control", "--immutable", "--bands", "--features", "--set")
INSTEAD = ("--model", "--predictions", "--config")  # options that stand for a command's argument


def spread(arguments: Sequence[str]) -> list[str]:
    """`--sensitive a b` as `--sensitive a --sensitive b`, where b cannot be anything else.

    It can be where the command's own argument does not come first: then nothing is changed.
    """
    first = len(arguments) > 1 and not arguments[1].startswith("-")
    if not first and not set(INSTEAD) & set(arguments):
        return list(arguments)
    given: list[str] = []
    taker = ""
    for argument in arguments:
        if argument.startswith("-"):
            taker = argument if argument in SEVERAL else ""
        elif taker and given[-1] != taker:
            given.append(taker)
        given.append(argument)
    return given


def pairs(given: Sequence[str]) -> dict[str, Any]:
    """`width=128` as {"width": 128}: numbers and true/false are read as such."""
    values: dict[str, Any] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair!r} is not of the form name=value, such as width=128")
        try:
            values[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name] = value
    return values
