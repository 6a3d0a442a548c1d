"""Are like people treated alike, and how unequally do errors fall on people?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.groups import group_counts
from auditkit.bias.individual.consistency import (
    Neighbours,
    consistency,
    consistency_null,
    neighbours,
    places,
)
from auditkit.bias.individual.inequality import Between, between, inequality
from auditkit.bias.individual.scaling import scaled
from auditkit.checks.base import CHECKS, GROUP, at_least, at_most, finding, percent
from auditkit.data.schema import Kind, Medium, Task
from auditkit.errors import NotApplicable
from auditkit.models import baselines
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Topic, Unit
from auditkit.statistics.estimate import Estimate, settled_at
from auditkit.subject import Subject


@CHECKS.register("consistency")
@dataclass(frozen=True, kw_only=True)
class Consistency:
    """Do rows that are alike in everything but the sensitive columns get the same answer?

    At most `rows` rows are compared with their k nearest among all audited ones. What is near is
    a matter of the columns that happen to be there, so that nothing is judged unless you set a
    limit.
    """

    rule: ClassVar[str] = "AK221"
    title: ClassVar[str] = "Consistency among neighbours"
    topic: ClassVar[Topic] = Topic.HARM

    min_consistency: float | None = ranged(None, *SHARE)
    k: int = ranged(5, 1, 100)
    rows: int = ranged(2000, 100, 1_000_000)
    min_group_size: int = ranged(10, 1)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for all rows, a picture for each sensitive column."""
        answers, names = _answers(subject), _features(subject)
        if len(subject.frame) < self.k + 2:
            raise NotApplicable(f"{self.k} neighbours of a row take {self.k + 2} rows at least")
        codes = {one.name for one in subject.table.schema.features if one.kind is not Kind.NUMERIC}
        near = neighbours(
            scaled(subject.frame[names], codes), subject.rng(self.rule), k=self.k, most=self.rows
        )
        yield self._finding(subject, answers, near)
        views = tuple(
            self._picture(subject, name, answers, near)
            for name in subject.table.schema.sensitive_names
        )
        yield Section(
            title="Do people who are alike get the same answer?",
            text=f"Each of {len(near.rows):,} rows beside the {self.k} most like it among "
            f"{near.n:,}, by {len(names)} features: numbers count by their standard deviation, "
            "and to differ in one category counts as much as one of these. The sensitive columns "
            "are left out. A row near the line between two answers has neighbours on both sides, "
            "so that no useful model reaches 100 %; a group that is lower stands nearer to that "
            "line, or is treated more by chance.",
            views=views,
        )

    def _finding(self, subject: Subject, answers: np.ndarray, near: Neighbours) -> Finding:
        found = consistency(answers, near)
        null = consistency_null(answers, near, subject.rng(f"{self.rule} chance"))
        sensitive = ", ".join(subject.table.schema.sensitive_names)
        left = f" ({sensitive} left out)" if sensitive else ""
        chance = f"were answers given to rows at random, {percent(null.mean)}"
        message = (
            f"A row and the {near.k} most like it{left} get the same answer in "
            f"{percent(found.value)} of comparisons; {chance}."
        )
        if subject.task is Task.NUMBER:
            message = (
                f"The model ranks a row as the {near.k} most like it{left} do, on average, to "
                f"{percent(found.value)} (100 % is the same rank); {chance}."
            )
        return finding(
            message,
            found,
            metric="consistency",
            status=at_least(found, self.min_consistency),
            limit=self.min_consistency,
            null=null.mean,
            where={"neighbours": str(near.k), "compared with": f"{near.n:,} rows"},
            remedy="Look at pairs of like rows with unlike answers: a smoother model (fewer "
            "epochs, more weight decay) or a person for cases near the line would help.",
            rows_needed=lambda: settled_at(found, self.min_consistency),
        )

    def _picture(
        self, subject: Subject, column: str, answers: np.ndarray, near: Neighbours
    ) -> Intervals:
        groups = subject.memberships[column]
        found = {
            name: consistency(answers, near, among=(groups == name).to_numpy())
            for name in groups.cat.categories
        }
        return _intervals(
            f"Consistency by {column}",
            {name: one for name, one in found.items() if one.n >= self.min_group_size},
            reference=consistency(answers, near).value,
        )


@CHECKS.register("individual-inequality")
@dataclass(frozen=True, kw_only=True)
class IndividualInequality:
    """How unequally do the decisions' errors fall on people, and how much of it between groups?

    A decision is worth 0 to a person where the favoured outcome is wrongly refused, 1 where it
    is right, 2 where that outcome is wrongly granted. No limit is generally accepted.
    """

    rule: ClassVar[str] = "AK222"
    title: ClassVar[str] = "Inequality between people"
    topic: ClassVar[Topic] = Topic.HARM

    max_index: float | None = ranged(None, 0)
    alpha: float = ranged(2.0, -10, 10)
    draws: int = ranged(500, 100, 1_000_000)
    min_group_size: int = ranged(10, 1)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The index, Theil's, and the part between groups of each sensitive column."""
        subject.require(Task.DECISION)
        subject.require_people()
        columns = subject.table.schema.sensitive_names
        counts = _counts(subject, subject.predictions)
        index = inequality(counts, alpha=self.alpha)
        yield self._whole(subject, index)
        theil = inequality(counts, alpha=1)
        yield finding(
            f"Theil's index, which gives less weight to errors that favour a person, is "
            f"{theil.value:.4f}.",
            theil,
            metric="Theil index",
            unit=Unit.NUMBER,
        )
        parts = {
            name: between(
                subject.counts[name],
                subject.rng(f"{self.rule} {name}"),
                alpha=self.alpha,
                draws=self.draws,
            )
            for name in columns
        }
        for name, part in parts.items():
            yield _part(name, part)
        yield Section(
            title="What a decision is worth to people, on average",
            text="0 where a favoured outcome that was due is refused, 1 where the decision is "
            "right, 2 where an outcome is granted that was not due. A group below 1 meets more "
            "errors to its harm than to its favour; at 1 the two are in balance. Favoured is "
            f"{subject.table.schema.target.name} = {subject.table.schema.positive}: where that is "
            "a burden, such as being called a risk, read above for below. Each interval holds "
            f"for its group alone; groups of fewer than {self.min_group_size} rows are not shown.",
            views=tuple(_benefits(name, part, self.min_group_size) for name, part in parts.items()),
        )

    def _whole(self, subject: Subject, index: Estimate) -> Finding:
        known = None if subject.train is None else subject.train_labels
        guess = baselines.majority(known, subject.labels).predictions
        same = inequality(_counts(subject, guess), alpha=self.alpha)
        beside = (
            f"always giving the commonest answer would make it {same.value:.4f}"
            if same.defined
            else "always giving the commonest answer would favour nobody"
        )
        return finding(
            "Decisions are worth more to some people than to others: an index of "
            f"{index.value:.4f} (0 where all are served alike); {beside}.",
            index,
            metric=f"generalised entropy index ({self.alpha:g})",
            unit=Unit.NUMBER,
            status=at_most(index, self.max_index),
            ceiling=True,
            limit=self.max_index,
            remedy="Fewer errors make people more equal: see who meets them (results by group, "
            "worst-served), and where a refusal weighs more than a grant move the threshold.",
            rows_needed=lambda: settled_at(index, self.max_index),
        )


def _part(column: str, part: Between) -> Finding:
    estimate = part.estimate
    shared = part.null.mean / part.total if estimate.defined and part.total > 0 else float("nan")
    return finding(
        f"Of this inequality, {_small(part.share)} lies between groups of {column}; chance alone "
        f"would give {_small(shared)}. The rest lies among people of the same group.",
        estimate,
        metric="inequality between groups",
        unit=Unit.NUMBER,
        null=part.null.mean,
        where={"column": column},
    )


def _small(share: float) -> str:
    """A share that may be far below one in a thousand."""
    return percent(share) if not share < 0.01 else f"{100 * share:.2g} %"


def _benefits(column: str, part: Between, least: int) -> Intervals:
    frame = part.groups[part.groups["rows"] >= least].reset_index(drop=True)
    frame = frame.drop(columns="rows").rename(columns={"group": GROUP, "benefit": "worth"})
    return Intervals(
        title=f"Mean worth of a decision by {column}",
        frame=frame,
        label=GROUP,
        value="worth",
        low="low",
        high="high",
        unit=Unit.NUMBER,
        reference=1.0,
        reference_label="errors in balance",
    )


def _intervals(title: str, found: dict[str, Estimate], *, reference: float) -> Intervals:
    lines = [(name, one.value, one.low, one.high, one.n) for name, one in found.items()]
    return Intervals(
        title=title,
        frame=pd.DataFrame(lines, columns=[GROUP, "consistency", "low", "high", "n"]),
        label=GROUP,
        value="consistency",
        low="low",
        high="high",
        reference=reference,
        reference_label="all rows",
    )


def _features(subject: Subject) -> list[str]:
    """The features that are not sensitive. Raises NotApplicable where there are none."""
    schema = subject.table.schema
    if schema.medium is not Medium.TABLE:
        raise NotApplicable(
            "how alike two rows are is measured by the columns of a table; these are "
            f"{schema.medium.value}s"
        )
    names = [one for one in schema.feature_names if one not in schema.sensitive_names]
    if not names:
        raise NotApplicable("there are no features besides the sensitive columns")
    return names


def _answers(subject: Subject) -> np.ndarray:
    """Decisions (n,), classes one-hot (n, K), or numbers by their place among all (n,)."""
    subject.require(Task.DECISION, Task.CLASSES, Task.NUMBER)
    match subject.task:
        case Task.DECISION:
            return subject.predictions
        case Task.CLASSES:
            said = subject.probabilities
            return np.asarray(said.argmax(axis=1)[:, None] == np.arange(said.shape[1]))
        case _:
            return places(subject.values)


def _counts(subject: Subject, predictions: np.ndarray) -> pd.DataFrame:
    """Confusion counts of all rows together."""
    return group_counts(subject.labels, predictions, np.zeros(len(predictions), dtype=np.int8))
