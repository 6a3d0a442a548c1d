"""Which measure answers which question, and which of them cannot hold together here?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from auditkit.bias.compatibility import Compatibility, compatibility
from auditkit.bias.groups import label
from auditkit.checks.base import CHECKS, finding, percent, points, words
from auditkit.data.schema import Task
from auditkit.ranges import ranged
from auditkit.results import Finding, Section, Table, Topic, Unit
from auditkit.subject import Subject

# What is asked, the measure that asks it, and when it is the right one.
GUIDE = (
    (
        "Does each group get the positive decision equally often?",
        "demographic parity, four-fifths rule",
        "the labels are themselves unjust or missing, or the law looks at outcomes",
    ),
    (
        "Are those who have the outcome recognised equally often?",
        "equal opportunity",
        "the labels are trusted and being overlooked is the harm",
    ),
    (
        "Are both kinds of error equally common?",
        "equalized odds",
        "the labels are trusted and a false alarm harms too",
    ),
    (
        "Does a decision, or a score, mean the same whoever it is about?",
        "predictive parity, calibration within groups",
        "somebody acts on what the model says as if it were the same for all",
    ),
    (
        "Is the model right equally often?",
        "accuracy equality",
        "both kinds of error cost alike; it hides which one is made",
    ),
    (
        "Does the model lean further than its data?",
        "bias amplification",
        "the labels are a record of what was, and the model should not make it worse",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What holds of one sensitive column."""

    column: str
    found: Compatibility


@CHECKS.register("measures")
@dataclass(frozen=True, kw_only=True)
class Measures:
    """A short guide to choosing a measure, and what arithmetic forbids with these base rates.

    Nothing is judged. Groups of fewer than min_group_size rows are left out.
    """

    rule: ClassVar[str] = "AK219"
    title: ClassVar[str] = "Choosing a measure"
    topic: ClassVar[Topic] = Topic.HARM

    min_group_size: int = ranged(10, 1)
    draws: int = ranged(500, 100, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each sensitive column; the guide."""
        subject.require(Task.DECISION)
        told = [
            Told(
                column=column,
                found=compatibility(
                    counts,
                    rng=subject.rng(f"{self.rule} {column}"),
                    min_group_size=self.min_group_size,
                    draws=self.draws,
                ),
            )
            for column, counts in subject.counts.items()
        ]
        target = subject.table.schema
        for one in told:
            yield _finding(one, f"{target.target.name} = {target.positive}")
        yield Section(
            title="Which measure, and which cannot hold together",
            text="No model satisfies all measures of fairness: choose by the question that matters "
            "where it is used, before looking at the numbers. A base rate is the share of a group "
            "that has the positive outcome. Where base rates differ and the model is not perfect, "
            "equal precision, equal true positive rates and equal false positive rates cannot all "
            "hold (Chouldechova 2017, Kleinberg et al. 2016): if two are made equal, the third is "
            "forced apart by what the last table says.",
            views=(_guide(), _base_rates(told), _ties(told)),
        )


def _finding(told: Told, outcome: str) -> Finding:
    found, where = told.found, {"column": told.column}
    metric = "false positive rates forced apart"
    if not found.differ:
        gap = found.gap.estimate
        return finding(
            f"By {told.column}, the shares that have {outcome} lie within {points(gap.value)} of "
            "each other, and the rows do not show that they differ: as far as they tell, no "
            "measure rules out another.",
            gap,
            metric="base rate difference",
            unit=Unit.POINTS,
            null=found.gap.null.mean,
            where=where,
        )
    if not found.main.defined:
        return finding("", found.main, metric=metric, unit=Unit.POINTS, where=where)
    base = {label(group): value for group, value in found.base_rates["value"].items()}
    now = float(found.ties["now"].iloc[0])
    apart = f"their false positive rates would have to be {points(found.main.value)} apart"
    return finding(
        f"By {told.column}, {percent(base[found.first])} of {found.first} and "
        f"{percent(base[found.second])} of {found.second} have {outcome}, so that predictive "
        "parity and equal error rates cannot both hold: were the precision "
        f"({percent(found.rates['precision'])}) and the true positive rate "
        f"({percent(found.rates['true_positive_rate'])}) the same in both groups, {apart}.",
        found.main,
        metric=metric,
        unit=Unit.POINTS,
        where=where | {"apart now": points(now)},
    )


def _guide() -> Table:
    columns = ["the question", "the measure", "choose it where"]
    return Table(title="A guide", frame=pd.DataFrame(list(GUIDE), columns=columns))


def _base_rates(told: list[Told]) -> Table:
    parts = []
    for one in told:
        frame = one.found.base_rates
        part = frame[["value", "low", "high"]].reset_index(drop=True)
        part.insert(0, "group", [label(group) for group in frame.index])
        part.insert(0, "column", one.column)
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.rename(columns={"value": "base rate"})
    return Table(title="Base rates", frame=frame, shares=("base rate", "low", "high"))


def _ties(told: list[Told]) -> Table:
    lines = [
        {
            "column": one.column,
            "groups": f"{one.found.first} and {one.found.second}",
            "made equal": " and ".join(map(words, line["kept"])),
            "forced apart": words(line["forced"]),
            "by": line["value"],
            "low": line["low"],
            "high": line["high"],
            "apart now": line["now"],
        }
        for one in told
        if one.found.differ
        for line in one.found.ties.to_dict("records")
    ]
    names = ["column", "groups", "made equal", "forced apart", "by", "low", "high", "apart now"]
    return Table(
        title="What cannot hold together here",
        frame=pd.DataFrame(lines, columns=names),
        shares=("by", "low", "high", "apart now"),
        text="Of the two groups of each column whose base rates differ most surely, the higher one "
        "first; below 0 the second has the higher rate.",
    )
