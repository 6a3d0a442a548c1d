"""Fields that know the range of their values: a limit of 2 on a share is a slip of the pen."""

import math
from dataclasses import field, fields
from typing import Any

from auditkit.errors import UsageError

SHARE = (0.0, 1.0)
GAP = (-1.0, 1.0)  # the difference of two shares
MOST = 2**32 - 1  # the largest seed that all generators take


def ranged(default: Any, low: float, high: float = math.inf) -> Any:
    """A dataclass field whose value, unless None, is finite and lies within [low, high]."""
    return field(default=default, metadata={"range": (low, high)})


def require_ranges(made: Any, where: str) -> None:
    """Raise UsageError for the first field of a dataclass that is out of its range."""
    for one in fields(made):
        value = getattr(made, one.name)
        if value is None or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        low, high = one.metadata.get("range", (-math.inf, math.inf))
        if not (math.isfinite(value) and low <= value <= high):
            span = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
            span = "a finite number" if low == -math.inf else span
            raise UsageError(f"{one.name} in {where} is {value}: it must be {span}")
