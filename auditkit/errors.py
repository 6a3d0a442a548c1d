"""What can go wrong, as a tree. Catch AuditkitError and you have caught all of it.

    AuditkitError
    ├── UsageError          an option, an argument or a name is wrong
    │   └── ConfigError     audit.toml is wrong
    ├── DataError           the rows cannot be read, or are not what the schema says
    │   ├── ChecksumError   the bytes are not the ones that were promised
    │   └── FetchError      a data set cannot be had from here
    ├── ModelError          a model or a checkpoint cannot be loaded
    └── NotApplicable       a check has nothing to say about this subject (not a fault)

Each message says what is wrong, what was seen and what to do, in one line. This module
imports nothing of auditkit: an error is handed the known names, it never looks them up.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AuditkitError(Exception):
    """Root of everything auditkit raises on purpose."""


class UsageError(AuditkitError):
    """An option, an argument or a name is wrong."""


class ConfigError(UsageError):
    """The configuration file is wrong."""


class DataError(AuditkitError):
    """The rows cannot be read, or are not what the schema says."""


class ChecksumError(DataError):
    """The bytes are not the ones that were promised."""


class FetchError(DataError):
    """A data set cannot be had from here."""


class ModelError(AuditkitError):
    """A model or a checkpoint cannot be loaded."""


class NotApplicable(AuditkitError):
    """A check has nothing to say about this subject, and why."""


def suggestion(name: str, known: Iterable[object], *, most: int = 12) -> str:
    """`there are a, b, c: did you mean 'b'?`, the tail of every unknown-name message."""
    names = [str(one) for one in known]
    listed = ", ".join(names[:most]) + (
        f" and {len(names) - most} more" if len(names) > most else ""
    )
    near = get_close_matches(name, names, n=1, cutoff=0.6) or [
        one for one in names if one.casefold() == name.casefold()
    ]
    are = "are" if len(names) > 1 else "is"
    return f"there {are} {listed or 'none'}" + (f": did you mean {near[0]!r}?" if near else "")
