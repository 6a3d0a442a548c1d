"""Numbers as a reader wants them: 18.1 %, 16,281, 0.872, and a dash where there is none."""

import math
import re
from collections.abc import Iterable
from typing import Any

from auditkit.results import Unit

DASH = "–"
MINUS = "−"
SPACE = "\u00a0"  # between a number and its unit: never a line break there
HUNDREDTHS = (Unit.SHARE, Unit.POINTS)


def write(value: Any, unit: Unit = Unit.NUMBER, *, decimals: int | None = None) -> str:
    """One number as text; a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return DASH
    if unit in HUNDREDTHS:
        text = share(value, decimals=1 if decimals is None else decimals)
        return text.replace("%", "points") if unit is Unit.POINTS else text
    return count(value) if unit is Unit.COUNT else number(value, decimals=decimals)


def share(value: float, *, decimals: int = 1) -> str:
    """`18.1 %`; a share that is not quite nothing or not quite all is never rounded to it."""
    least = 10.0**-decimals
    percent = 100 * value
    if 0 < abs(percent) < least / 2:
        edge = f"<{SPACE}" if value > 0 else f">{SPACE}{MINUS}"
        return f"{edge}{least:.{decimals}f}{SPACE}%"
    if 100 - least / 2 <= percent < 100:
        return f">{SPACE}{100 - least:.{decimals}f}{SPACE}%"
    return f"{_digits(percent, decimals)}{SPACE}%"


def count(value: float) -> str:
    """`16,281`."""
    return f"{round(value):,}".replace("-", MINUS)


def roughly(value: float) -> str:
    """`8,400,000`: two figures, for a number that is itself a guess."""
    return count(float(f"{value:.1e}"))


def number(value: float, *, decimals: int | None = None) -> str:
    """Three or four figures that matter: `1,234`, `12.3`, `0.872`, `3.1 × 10⁻⁵`."""
    size = abs(value)
    if decimals is not None:
        return _digits(value, decimals)
    if value == 0 or (float(value).is_integer() and size < 1e15):
        return count(value)
    if size >= 1e15 or size < 5e-4:
        return _scientific(value)
    return _digits(value, 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 2 else 3)


def heading(name: str) -> str:
    """A column's name as words: `selection_rate` reads "selection rate"."""
    return name.replace("_", " ")


def prose(text: str) -> str:
    """A sentence that never breaks between a number and its percent sign."""
    return re.sub(r"(?<=\d) (?=%)", SPACE, text)


def with_interval(
    value: float, interval: tuple[float, float] | None, unit: Unit, *, decimals: int | None = None
) -> str:
    """`18.1 % (17.2 to 19.0)`; the value alone where there is no interval, or none but itself."""
    text = write(value, unit, decimals=decimals)
    if interval is None or not all(math.isfinite(end) for end in interval):
        return text
    if interval == (value, value):
        return text
    low, high = (write(end, unit, decimals=decimals) for end in interval)
    for suffix in (f"{SPACE}%", f"{SPACE}points"):
        low, high = low.removesuffix(suffix), high.removesuffix(suffix)
    return f"{text} ({low} to {high})"


def telling_decimals(unit: Unit, numbers: Iterable[float], limit: float) -> int | None:
    """How many decimals keep numbers that differ from the limit apart from it; None: as usual."""
    if not math.isfinite(limit):
        return None
    others = [one for one in numbers if math.isfinite(one) and one != limit]
    usual = write(limit, unit)
    if all(write(one, unit) != usual for one in others):
        return None
    start = 2 if unit in HUNDREDTHS else 4
    for decimals in range(start, start + 3):
        shown = write(limit, unit, decimals=decimals)
        if all(write(one, unit, decimals=decimals) != shown for one in others):
            return decimals
    return start + 2


def _digits(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        text = text.removeprefix("-")  # a negative zero is a zero
    return text.replace("-", MINUS)


def _scientific(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa.replace('-', MINUS)} × 10{raised}"
