"""How far apart would groups be at other thresholds than the one in force?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from auditkit.bias.scores.thresholds import Sweep, threshold_sweep
from auditkit.checks.base import CHECKS, finding, points, reasons, words
from auditkit.checks.contrasts import chance
from auditkit.checks.scores_by_group import DIGITS, counts_of
from auditkit.ranges import ranged
from auditkit.results import Finding, Lines, Section, Topic, Unit, View
from auditkit.subject import Subject


@CHECKS.register("threshold-sweep")
@dataclass(frozen=True, kw_only=True)
class ThresholdSweep:
    """How far apart are groups at other thresholds than the one in force?

    Nothing is judged here: the gaps at the threshold in force are judged by the rules on rates.
    Groups whose rate rests on fewer than min_group_size rows are not compared, and are named.
    """

    rule: ClassVar[str] = "AK211"
    title: ClassVar[str] = "Gaps at every threshold"
    topic: ClassVar[Topic] = Topic.HARM

    points: int = ranged(24, 5, 200)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(300, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """By column: the selection rate's gap in force and at its widest; the gaps as lines."""
        gaps: dict[str, Sweep] = {}
        for column, counts in counts_of(subject):
            swept = threshold_sweep(
                counts,
                rng=subject.rng(f"{self.rule} {column}"),
                points=self.points,
                include=subject.threshold,
                draws=self.draws,
                min_group_size=self.min_group_size,
            )
            yield _in_force(swept, column, subject.threshold)
            if not swept["selection_rate"].gaps.empty:
                gaps[column] = swept["selection_rate"]
        own = not subject.decides_by_score
        yield Section(
            title="What another threshold would do to the gaps",
            text="The largest gap of selection rates between groups if rows from each score "
            "upwards were selected."
            + " The model's own decisions do not follow from this threshold."
            * own,
            views=_gap_lines(gaps, subject.threshold) if gaps else (),
        )


def _in_force(swept: dict[str, Sweep], column: str, threshold: float) -> Finding:
    """The gap of selection rates at the threshold in force, beside the widest of any threshold."""
    sweep, where = swept["selection_rate"], {"column": column}
    left_out = {
        f"{group} ({words(rate)})": why
        for rate, one in swept.items()
        for group, why in one.left_out.items()
    }
    if left_out:
        where["not compared"] = reasons(left_out)
    here = sweep.at(threshold)
    message = ""
    if here.estimate.defined:
        where |= {"lowest": here.lowest, "highest": here.highest}
        where |= {
            f"{words(rate)}, widest": _widest(one)
            for rate, one in swept.items()
            if not one.gaps.empty
        }
        most = sweep.widest_line()
        said = (
            f"the selection rate of {here.lowest} is {points(here.estimate.value)} below that of "
            f"{here.highest}"
        )
        if here.estimate.value == 0:
            said = "the selection rate is the same in all groups"
        message = (
            f"By {column}, {said} at the threshold in force ({threshold:g}), where chance "
            f"alone would give {points(here.chance)}; of all thresholds the gap is widest at "
            f"{most['threshold']:.2g}: {points(float(most['gap']))}."
        )
    return finding(
        message,
        here.estimate,
        metric="selection rate difference at the threshold in force",
        unit=Unit.POINTS,
        null=here.chance,
        where=where,
    )


def _widest(sweep: Sweep) -> str:
    line, null = sweep.widest_line(), sweep.widest
    return (
        f"{points(float(line['gap']))} at {line['threshold']:.2g}; chance alone would give "
        f"{points(null.mean)} at the widest (p {chance(null.p_value)})"
    )


def _gap_lines(gaps: dict[str, Sweep], threshold: float) -> tuple[View, ...]:
    """The gap of each column, and the band of the one that is widest anywhere."""
    label = f"in force: {threshold:g}"
    widest = max(gaps, key=lambda column: float(gaps[column].widest_line()["gap"]))
    frame = gaps[widest].gaps[["threshold", "gap", "low", "high"]]
    band = Lines(
        title=f"Largest gap of selection rates by {widest}",
        frame=frame.round(DIGITS).rename(columns={"gap": "gap of selection rates"}),
        x="threshold",
        y=("gap of selection rates", "low", "high"),
        unit=Unit.POINTS,
        mark=threshold,
        mark_label=label,
        text="The band holds at each threshold by itself (95 %), not along the whole line.",
    )
    if len(gaps) == 1:
        return (band,)
    several = pd.DataFrame({f"by {column}": one.gaps["gap"] for column, one in gaps.items()})
    several.insert(0, "threshold", frame["threshold"])
    lines = Lines(
        title="Largest gap of selection rates by each sensitive column",
        frame=several.round(DIGITS),
        x="threshold",
        y=tuple(several.columns[1:]),
        unit=Unit.POINTS,
        mark=threshold,
        mark_label=label,
    )
    return lines, band
