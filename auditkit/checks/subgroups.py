"""Are there rows, by conditions that nobody named, for which the model is far more often wrong?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from auditkit.bias.subgroups.search import Subgroups, find_subgroups
from auditkit.checks.base import CHECKS, at_most, exactly, finding, percent, points
from auditkit.checks.contrasts import chance
from auditkit.data.schema import Medium, Task
from auditkit.errors import NotApplicable
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Status, Table, Topic, Unit
from auditkit.statistics.estimate import Estimate, settled_at, undefined
from auditkit.statistics.regression import absolute_errors
from auditkit.subject import Subject

TWENTIETH = 0.05  # of the rows: of a slice of that size it is said what would have been seen
NAMES = {
    "n": "rows",
    "rate": "in the slice",
    "outside": "in the others",
    "holm": "Holm p",
    "share": "share of the rows",
}
REMEDY = (
    "Look at these rows: are their labels sound, is something missing that would tell them apart? "
    "Gather more of them, or do not let the model decide there."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Losses:
    """The rows that are looked at, what each costs, and how a reader is told.

    people (n,) says which rows are one person's, None where each is its own. whose ("positive ")
    says which rows these are, what ("are missed") what a loss of 1 means; empty for numbers.
    """

    frame: pd.DataFrame
    values: np.ndarray
    people: np.ndarray | None = None
    whose: str = ""
    what: str = ""

    def of(self, rows: np.ndarray, *, whose: str, what: str) -> "_Losses":
        """Those of some rows alone."""
        people = None if self.people is None else self.people[rows]
        frame, values = self.frame.loc[rows], self.values[rows]
        return _Losses(frame=frame, values=values, people=people, whose=whose, what=what)


@CHECKS.register("subgroups")
@dataclass(frozen=True, kw_only=True)
class UnnamedSubgroups:
    """No slice of the rows, by up to three conditions, proven to be served far worse.

    Slices are looked for on one half of the rows and confirmed on the other. errors says what is
    counted: wrong answers, positives that are missed, or false alarms among negatives.
    max_difference is between a slice's share and that of all other rows; there is none unless you
    set one, since some rows are harder to tell in any data. Errors of numbers are only measured.
    """

    rule: ClassVar[str] = "AK217"
    title: ClassVar[str] = "Subgroups nobody named"
    topic: ClassVar[Topic] = Topic.HARM

    max_difference: float | None = ranged(None, *SHARE)
    errors: Literal["wrong", "missed", "false alarms"] = "wrong"
    most_conditions: int = ranged(3, 1, 3)
    most_slices: int = ranged(5, 1, 20)
    min_rows: int | None = ranged(None, 10)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each slice that was confirmed, or what would have been; all slices."""
        subject.require_people()
        losses = self._losses(subject)
        found = find_subgroups(
            losses.frame,
            losses.values,
            rng=subject.rng(self.rule),
            groups=losses.people,
            most_conditions=self.most_conditions,
            min_rows=self.min_rows,
            most=self.most_slices,
        )
        if found.reason:
            raise NotApplicable(f"{found.reason}: no subgroup can be looked for")
        limit = self.max_difference if losses.what else None
        confirmed = found.slices[found.slices["confirmed"]]
        for place, line in enumerate(confirmed.to_dict("records")):
            yield _worse(line, int(found.rows[place].sum()), found, losses, limit)
        if confirmed.empty:
            yield _none(found, losses, limit)
        yield _section(found, losses, limit)

    def _losses(self, subject: Subject) -> _Losses:
        subject.require(Task.DECISION, Task.CLASSES, Task.NUMBER)
        subject.require_rows()
        table = subject.table
        people = table.frame[table.apart].to_numpy() if table.apart else None
        frame = _columns(subject)
        if subject.task is Task.NUMBER:
            off = absolute_errors(subject.truth, subject.values)
            return _Losses(frame=frame, values=off, people=people)
        every = _Losses(frame=frame, values=(~subject.right).astype(float), people=people)
        if self.errors == "wrong":
            return every.of(np.ones(len(frame), dtype=bool), whose="", what="are answered wrongly")
        positive = subject.labels == 1
        if self.errors == "missed":
            return every.of(positive, whose="positive ", what="are missed")
        return every.of(~positive, whose="negative ", what="are called positive")


def _columns(subject: Subject) -> pd.DataFrame:
    """What slices are cut by: features and sensitive columns, these in their groups.

    Where the model reads no table, also whatever else stands beside what it reads.
    """
    frame, schema = subject.frame, subject.table.schema
    told = {name: subject.memberships[name] for name in schema.sensitive_names}
    if schema.medium is Medium.TABLE:
        told |= {name: frame[name] for name in schema.feature_names}
    else:
        facts = subject.predictor.facts
        answers = {facts.get("prediction column"), facts.get("score column")}
        known = {schema.target.name, *schema.feature_names, subject.table.apart, *answers, *told}
        told |= {
            name: frame[name]
            for name in frame.columns
            if name not in known and not isinstance(frame[name].iloc[0], np.ndarray)
        }
    if not told:
        raise NotApplicable(
            "no column is known by which rows could be told apart: name features, or a sensitive "
            "column with --sensitive"
        )
    return pd.DataFrame(told)


def _worse(
    line: dict[Any, Any], rows: int, found: Subgroups, losses: _Losses, limit: float | None
) -> Finding:
    """A slice that was confirmed, in one sentence."""
    share = bool(losses.what)
    written, apart = (percent, points) if share else (_figures, _figures)
    estimate = Estimate(
        value=line["difference"],
        low=line["low"],
        high=line["high"],
        n=line["n"],
        method=f"difference of two {'rates' if share else 'means'} on the confirming half, the "
        f"intervals of {len(found.slices)} slices at once",
    )
    rate, others = written(line["rate"]), written(line["outside"])
    message = (
        f"Of the {line['n']:,} {losses.whose}rows with {line['slice']}, {rate} {losses.what}, "
        f"against {others} of the others"
        if share
        else f"On the {line['n']:,} rows with {line['slice']} the model is off by {rate} on "
        f"average, against {others} on the others"
    )
    low = apart(estimate.low).removesuffix(" points")
    message += (
        f" ({apart(estimate.value)} more, interval {low} to {apart(estimate.high)}; found on one "
        f"half of the rows, confirmed on the other: p {chance(line['holm'])} after correction)."
    )
    return finding(
        message,
        estimate,
        metric="difference of a slice from the others",
        unit=Unit.POINTS if share else Unit.NUMBER,
        status=at_most(estimate, limit),
        ceiling=True,
        limit=limit,
        null=0.0,
        where={"slice": line["slice"], "rows of both halves": f"{rows:,}"},
        remedy=REMEDY,
        rows_needed=lambda: settled_at(replace(estimate, n=len(losses.frame)), limit),
    )


def _none(found: Subgroups, losses: _Losses, limit: float | None) -> Finding:
    """Nothing was confirmed: what would have been, since that says not that there is nothing."""
    share = bool(losses.what)
    sizes = found.detectable
    place = int((sizes["share"] - TWENTIETH).abs().argmin()) if len(sizes) else -1
    size, seen = sizes.iloc[place] if len(sizes) else (TWENTIETH, np.nan)
    estimate = (
        exactly(seen, n=len(losses.frame), method="from the rows of each half and the mean loss")
        if len(sizes)
        else undefined("no slice, however bad, would be confirmed on so few rows")
    )
    passed = limit is not None and bool(seen <= limit)
    tried = len(found.slices)
    stood = f"{tried} stood out and did not on the other" if tried else "none stood out"
    more = f"{points(seen)} more that {losses.what}" if share else f"{_figures(seen)} more"
    return finding(
        "No slice was confirmed to be served worse than the other rows: of "
        f"{found.looked:,} looked at on one half of the rows, {stood}. That does not say that "
        f"there is none: in a slice of {percent(size)} of the rows, {more} would have been found "
        "and confirmed four times in five; in a smaller one only a larger difference.",
        estimate,
        metric=f"difference that a slice of {percent(size)} of the rows would have shown",
        unit=Unit.POINTS if share else Unit.NUMBER,
        status=Status.PASSED if passed else Status.MEASURED,
        limit=limit,
        p_value=1.0 if passed else np.nan,  # what is not seen is no evidence of harm
    )


def _section(found: Subgroups, losses: _Losses, limit: float | None) -> Section:
    share = bool(losses.what)
    slices = found.slices.drop(columns="p").rename(columns=NAMES)
    slices["Holm p"] = slices["Holm p"].map(chance)
    seen = found.detectable.rename(columns=NAMES)
    shares = ("in the slice", "in the others", "difference", "low", "high") if share else ()
    views: tuple[Any, ...] = (
        Table(
            title="What a slice must show to be found and confirmed four times in five",
            frame=seen,
            shares=("share of the rows", "difference") if share else ("share of the rows",),
        ),
    )
    if len(slices):
        picture = Intervals(
            title="How much worse each slice is served",
            frame=slices[["slice", "difference", "low", "high"]],
            label="slice",
            value="difference",
            low="low",
            high="high",
            unit=Unit.POINTS if share else Unit.NUMBER,
            limit=np.nan if limit is None else limit,
        )
        views = (picture, Table(title="The slices", frame=slices, shares=shares), *views)
    left = f" {found.left_out} conditions that tell little alone were left out."
    return Section(
        title="Who is served worst, by whatever conditions",
        text=f"{found.looked:,} slices (up to three conditions, at least {found.least} rows) were "
        "looked at on one half of the rows. Of those that stood out, no two alike, "
        f"{len(slices) or 'none'} {'was' if len(slices) == 1 else 'were'} tried on the other "
        "half, whose rows had no part in choosing them: all figures are of that half, and the "
        "intervals hold for all slices at once. A difference is no proof of injustice: some rows "
        "are harder to tell. It says for whom the model should not be trusted as elsewhere."
        + (left if found.left_out else ""),
        views=views,
    )


def _figures(value: float) -> str:
    return f"{value:.4g}"
