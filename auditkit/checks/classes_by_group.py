"""Are the classes recognised equally well in each group, and said equally often?"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.clusters import Clusters
from auditkit.bias.contrast import Contrast
from auditkit.bias.outputs.class_gaps import class_clusters, class_gap, macro_gap
from auditkit.bias.outputs.class_rates import ClassCounts, by_group, class_counts
from auditkit.bias.several import SeveralGap
from auditkit.bias.suppression import may_be_shown, not_shown
from auditkit.checks.base import CHECKS, GROUP, at_most, finding, percent, points
from auditkit.checks.contrasts import chance, gap_finding
from auditkit.data.schema import Task
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Section, Table, Topic, Unit
from auditkit.subject import Subject

MOST_CLASSES = 10  # shown one by one, the widest gaps first
MOST_NAMED = 4  # of what was not compared

# What a rate says of the two groups furthest apart.
SAYS = {
    "recall": "of rows that are {name}, {low} are recognised in {lowest} and {high} in {highest}",
    "precision": "of rows called {name}, {low} are so in {lowest} and {high} in {highest}",
    "share_said": "{name} is the answer for {low} of the rows in {lowest} and {high} in {highest}",
}
METRICS = {
    "recall": "widest recall gap of any class",
    "precision": "widest precision gap of any class",
    "share_said": "widest gap in how often a class is said",
}
REMEDIES = {
    "recall": "Look at what this class is taken for in this group; gather more of its rows there, "
    "or better features, and until then let a person decide its cases.",
    "precision": "Do not act on this answer for this group without a second look, and find out "
    "which classes are taken for it there.",
    "share_said": "Decide whether equal shares are owed for this class. If so, reweigh the "
    "training rows, and audit again.",
}


@CHECKS.register("class-equality")
@dataclass(frozen=True, kw_only=True)
class ClassEquality:
    """Is every class recognised equally often in each group, where it is there?

    The largest gap of any class is held against the limit of equal opportunity, whose likeness it
    is; its interval and its null are those of the largest of so many. How often an answer is right
    and how often it is given are measured: no limit is custom where no class is favoured.
    """

    rule: ClassVar[str] = "AK212"
    title: ClassVar[str] = "Classes by group"
    topic: ClassVar[Topic] = Topic.HARM

    max_difference: float | None = ranged(0.1, *SHARE)
    max_precision_difference: float | None = ranged(None, *SHARE)
    max_share_difference: float | None = ranged(None, *SHARE)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(1000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Findings for recall, its mean over classes, precision and shares, by column."""
        subject.require(Task.CLASSES)
        levels = np.asarray(subject.table.schema.target.levels, dtype=object)
        said = subject.probabilities.argmax(axis=1)
        views: list[Table] = []
        for column in subject.sensitive:
            told = (levels[subject.classes], levels[said], subject.memberships[column])
            counts = class_counts(*told, levels=levels.tolist())
            clusters = None
            if subject.table.apart in subject.frame.columns:
                together = subject.frame[subject.table.apart]
                clusters = class_clusters(*told, together, levels=levels.tolist())
            gaps = {rate: self._gap(subject, counts, column, rate, clusters) for rate in SAYS}
            for rate, limit in zip(SAYS, self._limits(), strict=True):
                counted = {"counted by": subject.table.apart} if clusters else {}
                yield _finding(gaps[rate], {"column": column} | counted, limit, len(said))
            macro = self._macro(subject, counts, column, clusters)
            yield gap_finding(
                macro, column=column, what="mean recall", metric="mean recall difference"
            )
            views.append(_groups(counts, column, self.min_group_size))
            if gaps["recall"].estimate.defined:
                views.append(_widest(gaps["recall"], column))
        yield _section(tuple(views))

    def _limits(self) -> tuple[float | None, float | None, float | None]:
        return self.max_difference, self.max_precision_difference, self.max_share_difference

    def _gap(
        self,
        subject: Subject,
        counts: ClassCounts,
        column: str,
        rate: str,
        clusters: Clusters | None,
    ) -> SeveralGap:
        return class_gap(
            counts,
            rate,
            rng=subject.rng(f"{self.rule} {column} {rate}"),
            clusters=clusters,
            draws=self.draws,
            min_group_size=self.min_group_size,
        )

    def _macro(
        self, subject: Subject, counts: ClassCounts, column: str, clusters: Clusters | None
    ) -> Contrast:
        return macro_gap(
            counts,
            rng=subject.rng(f"{self.rule} {column} macro"),
            clusters=clusters,
            draws=self.draws,
            min_group_size=self.min_group_size,
        )


def _finding(gap: SeveralGap, where: dict[str, str], limit: float | None, rows: int) -> Finding:
    message, column = "", where["column"]
    if gap.estimate.defined:
        line = gap.widest[gap.widest["class"] == gap.name]
        low, high = (percent(float(line[one].iloc[0])) for one in ("its rate", "and its"))
        fact = SAYS[gap.rate].format(
            name=gap.name, low=low, lowest=gap.lowest, high=high, highest=gap.highest
        )
        compared = len(gap.widest)
        which = f", the widest of {compared} classes" if compared > 1 else ""
        message = f"By {column}, {fact}: a gap of {points(gap.estimate.value)}{which}; chance "
        message += f"alone would give {points(gap.null.mean)}."
        where = where | {
            "class": gap.name,
            "lowest": gap.lowest,
            "highest": gap.highest,
            "chance alone, 1 in 20": points(gap.null.upper),
            "permutation p": chance(gap.null.p_value),
        }
        where |= _surest(gap)
    if gap.left_out:
        where["not compared"] = _not_compared(gap)
    return finding(
        message,
        gap.estimate,
        metric=METRICS[gap.rate],
        unit=Unit.POINTS,
        status=at_most(gap.estimate, limit),
        limit=limit,
        null=gap.null.mean,
        where=where,
        remedy=REMEDIES[gap.rate],
        rows_needed=lambda: gap.rows_needed(limit if limit is not None else 0.0, rows),
        p_value=nan if limit is None else gap.beyond(limit),
    )


def _surest(gap: SeveralGap) -> dict[str, str]:
    """The class and pair that give the interval its lower end, where they are others."""
    name, first, second, low = gap.surest()
    if low <= 0 or (name, {first, second}) == (gap.name, {gap.lowest, gap.highest}):
        return {}
    said = f"of {name}, {second} at least {points(low)} below {first}: the lower end of the "
    return {"surest gap": f"{said}interval, though the gap seen there is smaller"}


def _not_compared(gap: SeveralGap) -> str:
    named = [f"{name}: {why}" for name, why in list(gap.left_out.items())[:MOST_NAMED]]
    rest = len(gap.left_out) - len(named)
    more = f"; and {rest} more classes in some groups" if rest else ""
    return "; ".join(named) + more


def _groups(counts: ClassCounts, column: str, min_group_size: int) -> Table:
    sizes = next(iter(counts.one_vs_rest().values()))
    shown = may_be_shown(sizes, min_group_size)
    frame = by_group(counts, min_group_size=min_group_size).drop(columns=["low", "high", "reason"])
    frame = frame[shown].reset_index(drop=True)
    frame.insert(0, GROUP, [name for name, one in zip(counts.groups, shown, strict=True) if one])
    shares = ("accuracy", "macro recall", "its recall")
    text = (
        "macro recall is the mean recall of the classes, each counting alike, of which every group "
        f"has rows. The worst class is of those with {min_group_size} rows in the group: "
        "being the worst of many, it looks worse than it is. "
    )
    text += not_shown(sizes, shown, min_group_size)
    return Table(title=f"Groups by {column}", frame=frame, shares=shares, text=text.strip())


def _widest(gap: SeveralGap, column: str) -> Table:
    widest = gap.widest.sort_values("value", ascending=False, kind="stable")
    frame = widest.head(MOST_CLASSES).reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "class": frame["class"],
            "worst seen in": frame["lowest"],
            "recall there": frame["its rate"],
            "best seen in": frame["highest"],
            "recall in it": frame["and its"],
            "gap": frame["value"],
            "at least": frame["low"],
            "at most": frame["high"],
        }
    )
    hidden = len(widest) - len(frame)
    text = f"The {len(frame)} widest of {len(widest)} classes. " if hidden else ""
    return Table(
        title=f"Recall of each class by {column}: the widest gap",
        frame=frame,
        shares=("recall there", "recall in it", "gap", "at least", "at most"),
        text=f"{text}The ends hold for all classes and pairs of groups at once.",
    )


def _section(views: tuple[Table, ...]) -> Section:
    return Section(
        title="Is each class recognised equally well in each group?",
        text="Recall: of the rows of a class, the share called so. With many classes some gap is "
        "always wide: each finding is about the widest, and what chance alone would give is "
        "the widest gap too, of as many classes among groups made at random. Whether an answer is "
        "right at all, by group, is asked by accuracy equality.",
        views=views,
    )
