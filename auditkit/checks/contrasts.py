"""A gap between groups, of whatever quantity, as a finding and as a picture."""

from collections.abc import Callable, Collection, Mapping
from math import nan

from auditkit.bias.contrast import Contrast
from auditkit.checks.base import GROUP, at_most, finding, percent, points, reasons
from auditkit.results import Finding, Intervals, Unit
from auditkit.statistics.estimate import settled_at


def gap_finding(
    gap: Contrast,
    *,
    column: str,
    what: str,
    metric: str,
    unit: Unit = Unit.POINTS,
    limit: float | None = None,
    remedy: str = "",
    written: Callable[[float], str] = percent,
    apart: Callable[[float], str] = points,
    where: Mapping[str, str] | None = None,
    nameless: Collection[str] = (),
) -> Finding:
    """One sentence on the largest gap: whose it is, how wide, and what chance alone would give.

    what names the quantity in a sentence ("AUC"); written says a group's value, apart a gap. Of
    nameless groups no value is said: taken from the total it would tell of a smaller group.
    """
    found = {"column": column, **(where or {})}
    message = ""
    if gap.estimate.defined:
        low, high = (written(float(gap.groups["value"][one])) for one in (gap.lowest, gap.highest))
        if {gap.lowest, gap.highest} & set(nameless):
            low = high = ""
        else:
            low, high = f" ({low})", f" ({high})"
        said = (
            f"the {what} of {gap.lowest}{low} is {apart(gap.estimate.value)} below that of "
            f"{gap.highest}{high}"
        )
        if gap.estimate.value == 0:
            said = f"the {what} is the same in all groups{low}"
        message = f"By {column}, {said}; chance alone would give {apart(gap.null.mean)}."
        found |= {
            "lowest": gap.lowest,
            "highest": gap.highest,
            "chance alone, 1 in 20": apart(gap.null.upper),
            "permutation p": chance(gap.null.p_value),
        }
    if gap.measured.left_out:
        found["not compared"] = reasons(gap.measured.left_out)
    return finding(
        message,
        gap.estimate,
        metric=metric,
        unit=unit,
        status=at_most(gap.estimate, limit),
        limit=limit,
        null=gap.null.mean,
        where=found,
        remedy=remedy,
        rows_needed=lambda: settled_at(gap.estimate, limit),
        p_value=nan if limit is None else gap.beyond(limit),
    )


def picture(gap: Contrast, *, title: str, what: str, unit: Unit = Unit.SHARE) -> Intervals:
    """Each group's value with its own interval."""
    frame = gap.groups.reset_index(names=GROUP).rename(columns={"value": what})
    return Intervals(
        title=title, frame=frame, label=GROUP, value=what, low="low", high="high", unit=unit
    )


def chance(value: float) -> str:
    """A p-value as it is written."""
    return "below .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
