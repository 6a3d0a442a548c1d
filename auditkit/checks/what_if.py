"""What if each group had a threshold of its own: how much gap would go, at what price?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from auditkit.bias.disparity import Disparity
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.bias.scores.what_if import CONSTRAINTS, WhatIf, frontiers, what_if
from auditkit.checks.base import CHECKS, finding, percent, points, reasons, words
from auditkit.data.schema import Task
from auditkit.errors import DataError
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Lines, Section, Table, Topic, Unit
from auditkit.statistics.estimate import undefined
from auditkit.subject import Subject

LEAST = 0.0005  # of a share: less is written as 0.0 points
POINTS = 10  # of each line of the frontier
LOTTERY = "equalized_odds"
TOLD = "demographic_parity"  # in a sentence; the others stand in the table
GAPS = {
    "demographic_parity": "selection rate",
    "equal_opportunity": "true positive rate",
    "equalized_odds": "true and false positive rates (the wider one)",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """What thresholds by group would do under one constraint, or why it cannot be said."""

    column: str
    constraint: str
    found: WhatIf | None
    reason: str = ""


@CHECKS.register("group-thresholds")
@dataclass(frozen=True, kw_only=True)
class GroupThresholdsWhatIf:
    """Which gaps would thresholds by group close, and what would that cost in accuracy?

    The thresholds are chosen on one half of the rows and measured on the other, so that they do
    not flatter. allowed_gap is how far apart the groups' rates may be; groups of fewer than
    min_group_size rows in either half are left out. Nothing is judged: this is a choice.
    """

    rule: ClassVar[str] = "AK220"
    title: ClassVar[str] = "What if groups had thresholds of their own?"
    topic: ClassVar[Topic] = Topic.HARM

    allowed_gap: float = ranged(0.0, *SHARE)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(500, 100, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each column; all constraints, and the frontier of accuracy and gap."""
        subject.require(Task.DECISION)
        lines: list[Lines] = []
        tried: list[Tried] = []
        for column in subject.sensitive:
            counts = subject.score_counts_of([column])
            for constraint in CONSTRAINTS:
                one = self._tried(subject, column, constraint, counts)
                tried.append(one)
                if constraint == TOLD:
                    yield _finding(one)
            lines += self._frontier(column, counts, subject.threshold)
        text = (
            "A threshold turns a score into a decision. With one for each group, a gap can be "
            "closed without training anew; each line shows the best accuracy for a gap that is "
            "allowed. Equalized odds need a lottery between two thresholds in some groups. Beware: "
            "to decide by a sensitive attribute treats people differently for it, which may be "
            "unlawful where these decisions are made, whatever its purpose. Ask a lawyer first."
        )
        yield Section(
            title="What one threshold for each group would do",
            text=text,
            views=(_outcomes(tried), *lines, _thresholds(tried)),
        )

    def _tried(self, subject: Subject, column: str, constraint: str, counts: ScoreCounts) -> Tried:
        try:
            found = what_if(
                counts,
                constraint,
                threshold=subject.threshold,
                allowed=self.allowed_gap,
                min_group_size=self.min_group_size,
                draws=self.draws,
                rng=subject.rng(f"{self.rule} {column} {constraint}"),
            )
        except DataError as error:  # such as one group alone with enough rows
            return Tried(column=column, constraint=constraint, found=None, reason=str(error))
        return Tried(column=column, constraint=constraint, found=found)

    def _frontier(self, column: str, counts: ScoreCounts, threshold: float) -> list[Lines]:
        """Best accuracy by allowed gap, a line for each constraint; nothing without two groups."""
        try:
            frame = frontiers(
                counts, threshold=threshold, points=POINTS, min_group_size=self.min_group_size
            )
        except DataError:
            return []
        frame = frame.rename(columns=words).round(4)
        return [
            Lines(
                title=f"Accuracy by the gap between groups of {column} that is allowed",
                frame=frame.rename(columns={"allowed": "allowed gap"}),
                x="allowed gap",
                y=tuple(map(words, CONSTRAINTS)),
                unit=Unit.SHARE,
                text="Of the rows that the thresholds are chosen by: a little flattering.",
            )
        ]


def _finding(tried: Tried) -> Finding:
    found, where = tried.found, {"column": tried.column, "constraint": words(tried.constraint)}
    metric = f"accuracy change, {words(tried.constraint)} by thresholds"
    if found is None:
        return finding("", undefined(tried.reason), metric=metric, unit=Unit.POINTS, where=where)
    before, after, change = found.before.estimate, found.after.estimate, found.change
    if found.left_out:
        where["not compared"] = reasons(found.left_out)
    where["gap now"] = _between(found.before)
    where["gap left"] = _between(found.after)
    where["accuracy now"] = percent(found.accuracy.value)
    price = f"a {'gain' if change.value > 0 else 'cost'} of {points(abs(change.value))} of accuracy"
    price = "no cost in accuracy" if abs(change.value) < LEAST else price
    return finding(
        f"With one threshold for each group of {tried.column}, the gap in {GAPS[tried.constraint]} "
        f"would go from {points(before.value)} to {points(after.value)}, at {price}.",
        change,
        metric=metric,
        unit=Unit.POINTS,
        where=where,
    )


def _outcomes(tried: list[Tried]) -> Table:
    """Each column and constraint in a line."""
    lines: list[dict[str, str | float]] = []
    for one in tried:
        line: dict[str, str | float] = {"column": one.column, "made equal": words(one.constraint)}
        if one.found is None:
            lines.append(line | {"why not": one.reason})
            continue
        before, after, change = one.found.before, one.found.after, one.found.change
        lines.append(
            line
            | {
                "gap now": before.estimate.value,
                "gap left": after.estimate.value,
                "left at most": after.estimate.high,
                "by chance": after.null.mean,
                "accuracy": change.value,
                "from": change.low,
                "to": change.high,
            }
        )
    return Table(
        title="Gaps closed, and accuracy gained or lost",
        frame=pd.DataFrame(lines),
        shares=("gap now", "gap left", "left at most", "by chance", "accuracy", "from", "to"),
        text="Of equalized odds the wider gap of its two rates. Measured on the half of the rows "
        "that no threshold was chosen by.",
    )


def _between(gap: Disparity) -> str:
    """A gap with its interval and what chance alone gives."""
    one = gap.estimate
    if not one.defined:
        return f"undefined: {one.reason}"
    return (
        f"{points(one.value)} ({100 * one.low:.1f} to {100 * one.high:.1f}); chance alone "
        f"{points(gap.null.mean)}"
    )


def _thresholds(tried: list[Tried]) -> Table:
    parts = [
        one.found.thresholds.table.reset_index().assign(
            column=one.column, constraint=words(one.constraint)
        )
        for one in tried
        if one.found is not None and one.constraint != LOTTERY
    ]
    names = ["column", "constraint", "group", "threshold"]
    frame = pd.concat(parts, ignore_index=True)[names] if parts else pd.DataFrame(columns=names)
    return Table(
        title="The thresholds that were tried",
        frame=frame.round(4),
        text="At or above it the decision is positive. Those of equalized odds are lotteries.",
    )
