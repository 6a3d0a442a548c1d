"""A finding's interval against its limit and its null, as a strip to be looked at."""

import math
from dataclasses import dataclass

from auditkit.report.numerals import write
from auditkit.results import Finding

WIDTH, PAD = 200.0, 10.0  # of the drawing, in its own units


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Places along the strip, from 0 to WIDTH; None where there is nothing to mark."""

    low: float
    high: float
    value: float
    zero: float | None
    limit: float | None
    null: float | None
    spoken: str


def strip(finding: Finding) -> Strip | None:
    """The places of a finding's numbers; None for a value that is undefined or stands alone."""
    beside = (finding.limit, finding.null, *(finding.interval or ()))
    apart = any(math.isfinite(one) and one != finding.value for one in beside)
    if not math.isfinite(finding.value) or not apart:
        return None
    interval = finding.interval or (finding.value, finding.value)
    if not all(math.isfinite(end) for end in interval):
        interval = (finding.value, finding.value)
    marks = [finding.value, *interval, finding.limit, finding.null]
    least, most = _range([one for one in marks if math.isfinite(one)])

    def place(number: float) -> float:
        return round(PAD + (WIDTH - 2 * PAD) * (number - least) / (most - least), 1)

    return Strip(
        low=place(interval[0]),
        high=place(interval[1]),
        value=place(finding.value),
        zero=place(0.0) if least < 0 < most else None,
        limit=place(finding.limit) if math.isfinite(finding.limit) else None,
        null=place(finding.null) if math.isfinite(finding.null) else None,
        spoken=_spoken(finding, interval),
    )


def _range(marks: list[float]) -> tuple[float, float]:
    """Zero is kept in sight where it is near enough to mean something."""
    least, most = min(marks), max(marks)
    spread = most - least
    if 0 < least <= 2 * spread:
        least = 0.0
    if -2 * spread <= most < 0:
        most = 0.0
    spare = 0.06 * (most - least)
    return (least if least == 0 else least - spare), (most if most == 0 else most + spare)


def _spoken(finding: Finding, interval: tuple[float, float]) -> str:
    unit = finding.unit
    parts = [f"value {write(finding.value, unit)}"]
    if finding.interval:
        parts.append(f"interval {write(interval[0], unit)} to {write(interval[1], unit)}")
    if math.isfinite(finding.limit):
        parts.append(f"limit {write(finding.limit, unit)}")
    if math.isfinite(finding.null):
        parts.append(f"chance alone {write(finding.null, unit)}")
    return ", ".join(parts)
