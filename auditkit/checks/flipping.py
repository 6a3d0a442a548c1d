"""Does the model answer otherwise if a person is said to be another, and nothing else changes?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.individual.flipping import Answers, Asked, flip, unsteady
from auditkit.checks.base import CHECKS, GROUP, at_most, exactly, finding, percent, points
from auditkit.data.schema import Medium, Task
from auditkit.errors import NotApplicable
from auditkit.models.predictor import Ability, Classes, Decisions, Numbers, Outputs
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Table, Topic, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

PROBE = 200  # rows asked about a column that is no feature
STEADY = 0.01  # share of rows that may be answered otherwise when asked the same again
MOST_LINES = 8  # of a table


@CHECKS.register("flipped-attribute")
@dataclass(frozen=True, kw_only=True)
class FlippedAttribute:
    """Does a decision change when only a sensitive column of the row is changed?

    Each row is asked about again with every other group's value in place of its own (a band of
    numbers by the median of its values). The other columns stay, so that some rows describe
    people that do not exist; and a model may know the group from them. For models that can be
    asked, on at most `rows` rows.
    """

    rule: ClassVar[str] = "AK223"
    title: ClassVar[str] = "Flipping the sensitive attribute"
    topic: ClassVar[Topic] = Topic.HARM

    max_rate: float | None = ranged(0.05, *SHARE)
    rows: int = ranged(2000, 100, 1_000_000)
    min_group_size: int = ranged(10, 1)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Findings for each sensitive column; who is affected, and which way."""
        if subject.table.schema.medium is not Medium.TABLE:
            raise NotApplicable("the model reads no table: see flipped-terms for texts")
        columns = subject.sensitive
        rows = drawn(len(subject.frame), self.rows, subject.rng(self.rule))
        before = steady_answers(subject)
        decides = before.decisions is not None
        pictures: list[Intervals] = []
        tables: list[Table] = []
        for column in columns:
            asked = _flipped(subject, column, rows, before)
            if asked is None:
                yield _unread(column, len(rows))
                continue
            yield self._finding(column, asked, decides=decides)
            pictures += self._picture(column, asked) if decides else []
            tables += self._table(column, asked, decides=decides)
        if tables:
            yield Section(
                title="What changes if only the sensitive column is changed?",
                text=f"{len(rows):,} rows asked about again, everything else as it was. flipped is "
                "the share of rows with another decision; gained and lost count the changes that "
                "gain or lose the favoured outcome; change is the mean change of the score or "
                "number. Some of these people do not exist (a husband who is a woman), and a model "
                "that is not given the column can still know it from others. Groups of fewer than "
                f"{self.min_group_size} rows are not shown.",
                views=(*pictures, *tables),
            )

    def _finding(self, column: str, asked: Asked, *, decides: bool) -> Finding:
        rate, moved = asked.rate(), asked.largest_change()
        if not decides:
            return finding(
                f"Another {column} in its place moves the number by {moved.value:.4g} on average, "
                "by the change that moves it most.",
                moved,
                metric="largest change when flipped",
                unit=Unit.NUMBER,
                null=0.0,
                where={"column": column},
            )
        by = f" The score moves by {points(moved.value)} on average." if moved.defined else ""
        by = by if asked.moved else " Nothing moves at all."
        return finding(
            f"Another {column} in its place changes the decision for {percent(rate.value)} of "
            f"{rate.n:,} rows{direction(asked)}.{by}",
            rate,
            metric="flip rate",
            status=at_most(rate, self.max_rate),
            ceiling=True,
            limit=self.max_rate,
            null=0.0,
            where={"column": column, **most_often(asked)},
            remedy="Look at the rows whose decision changes. Train without the column, or so that "
            "it makes no difference, and then look at what gives it away (proxies): leaving it "
            "out alone seldom helps.",
            rows_needed=lambda: settled_at(rate, self.max_rate),
        )

    def _picture(self, column: str, asked: Asked) -> Iterator[Intervals]:
        frame = asked.by_origin()
        frame = frame[frame["n"] >= self.min_group_size].reset_index(drop=True)
        if len(frame):
            yield Intervals(
                title=f"Decisions that flip with {column}, by group",
                frame=frame.rename(columns={"group": GROUP, "value": "flipped"}),
                label=GROUP,
                value="flipped",
                low="low",
                high="high",
            )

    def _table(self, column: str, asked: Asked, *, decides: bool) -> Iterator[Table]:
        frame = asked.directions()
        frame = frame[frame["rows"] >= self.min_group_size] if len(frame) else frame
        if len(frame):
            yield flips_table(f"Another {column} in its place", frame, decides=decides)


def answered(subject: Subject, outputs: Outputs) -> Answers:
    """What the model said, of whatever rows: decisions at the audit's threshold."""
    match outputs:
        case Decisions():
            said, scores = outputs.predictions, outputs.scores
            if said is None and scores is not None:
                said = scores >= subject.threshold
            return Answers(decisions=np.asarray(said, np.int64), values=scores, favoured=True)
        case Classes():
            return Answers(decisions=outputs.probabilities.argmax(axis=1), values=None)
        case Numbers():
            return Answers(decisions=None, values=outputs.values)
    raise NotApplicable("the model neither decides nor gives a class or a number")


def ask(subject: Subject, frame: pd.DataFrame) -> Answers:
    """What the model says of any rows."""
    return answered(subject, subject.predictor.outputs(frame))


def steady_answers(subject: Subject, *, probe: int = PROBE) -> Answers:
    """The answers to the audited rows. Raises NotApplicable where asking again gives others.

    probe rows are asked a second time.
    """
    subject.require(Task.DECISION, Task.CLASSES, Task.NUMBER)
    if not subject.can(Ability.ANY_BATCH):
        raise NotApplicable("the model itself is not there to be asked again, only its answers")
    before, few = answered(subject, subject.outputs), np.arange(min(probe, len(subject.frame)))
    share = unsteady(before.at(few), ask(subject, subject.frame.iloc[few]))
    if share > STEADY:
        raise NotApplicable(
            f"the model answers {percent(share)} of rows otherwise when asked the same again: a "
            "change could not be told from chance"
        )
    return before


def _flipped(subject: Subject, column: str, rows: np.ndarray, before: Answers) -> Asked | None:
    """These rows asked about with other groups; None where the model does not read the column."""

    def flipped(rows: np.ndarray) -> Asked:
        frame, groups = subject.frame.iloc[rows], subject.memberships[column].iloc[rows]
        return flip(partial(ask, subject), frame, column, groups, before=before.at(rows))

    if column in subject.table.schema.feature_names:
        return flipped(rows)
    # Somebody's own preprocessing may read more than the features.
    return flipped(rows) if flipped(rows[:PROBE]).moved else None


def _unread(column: str, n: int) -> Finding:
    return finding(
        f"The model is not given {column}: flipping it changes nothing by construction, which "
        "says nothing of other columns that give it away (see proxies).",
        exactly(0.0, n=n, method="by construction"),
        metric="flip rate",
        null=0.0,
        where={"column": column},
    )


def direction(asked: Asked) -> str:
    """How many changes gain the favoured outcome and lose it, in brackets."""
    gained, lost = int(asked.toward.sum()), int(asked.away.sum())
    if not gained + lost:
        return ""
    gain = "change gains" if gained == 1 else "changes gain"
    lose = "loses" if lost == 1 else "lose"
    return f" ({gained:,} {gain} the favoured outcome, {lost:,} {lose} it)"


def most_often(asked: Asked) -> Mapping[str, str]:
    """Which change makes another decision most often, for a finding's details."""
    if not asked.flipped.any():
        return {}
    line = asked.directions().iloc[0]
    return {"most often": f"{line['from']} to {line['to']}: {percent(line['flipped'])}"}


def flips_table(title: str, frame: pd.DataFrame, *, decides: bool) -> Table:
    """A line for each change that was made, those that flip most."""
    first = frame["flipped"] if decides else frame["change"].abs()
    shown = frame.loc[first.sort_values(ascending=False, kind="stable").index[:MOST_LINES]]
    shown = shown.rename(columns={"toward": "gained", "away": "lost"}).reset_index(drop=True)
    empty = [] if decides else ["flipped", "low", "high", "gained", "lost"]
    if shown["change"].isna().all():
        empty += ["change", "change low", "change high"]
    hidden = len(frame) - len(shown)
    return Table(
        title=title,
        frame=shown.drop(columns=empty).round(3 if decides else 6),
        shares=tuple(one for one in ("flipped", "low", "high") if one not in empty),
        text=f"The {len(shown)} of {len(frame)} that change most." if hidden else "",
    )


def drawn(n: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Places of at most `most` of n rows, drawn at random, in their order."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))
