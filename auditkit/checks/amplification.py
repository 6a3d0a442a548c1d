"""Does the model widen the links between outcomes and groups that its data have?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.amplification.attribute_sets import indicators
from auditkit.bias.amplification.joints import Joint, joint
from auditkit.bias.amplification.measures import amplification, beside_training
from auditkit.bias.amplification.multi_attribute import MultiAmplification, multi_attribute
from auditkit.bias.amplification.together import rows_together
from auditkit.bias.groups import group_counts
from auditkit.checks.amplification_views import Found, section
from auditkit.checks.base import CHECKS, at_most, finding, percent, points, reasons
from auditkit.checks.contrasts import chance
from auditkit.data.schema import Schema, Task
from auditkit.data.tables import memberships
from auditkit.ranges import GAP, ranged
from auditkit.results import Finding, Section, Topic, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

OUTCOMES = {"tp": (1, 1), "fp": (0, 1), "fn": (1, 0), "tn": (0, 0)}  # true, predicted
SURE = 0.05  # above this chi-square p the data have no link to speak of
LEAST = 0.0005  # of a share: less is written as 0.0 points
REMEDY = (
    "Find out what the model leans on: the column itself, or features that give it away. Reweigh "
    "the training rows or train with a constraint, and audit again."
)


@CHECKS.register("amplification")
@dataclass(frozen=True, kw_only=True)
class BiasAmplification:
    """Do predictions lean further than the labels of each group do?

    The verdict, if you set max_excess, is on what exceeds a model that errs as often, class by
    class, but is blind to the group: noise alone narrows every link, so that a poor model that
    discriminates can score below 0. There is no accepted limit, so none is set. Groups of fewer
    than min_group_size rows are left out, and combinations of fewer.
    """

    rule: ClassVar[str] = "AK218"
    title: ClassVar[str] = "Bias amplification"
    topic: ClassVar[Topic] = Topic.HARM

    max_excess: float | None = ranged(None, *GAP)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(500, 100, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Two findings for each sensitive column, one for all together; where it happens."""
        subject.require(Task.DECISION, Task.CLASSES)
        found = [self._measured(subject, column) for column in subject.sensitive]
        for one in found:
            yield self._amplified(one, subject)
            yield self._beyond(one, subject)
        if len(found) > 1:
            yield self._together(subject)
        decided = subject.task is Task.DECISION
        yield section(found, str(subject.table.schema.positive) if decided else None)

    def _measured(self, subject: Subject, column: str) -> Found:
        table = _joint(subject, column).at_least(self.min_group_size)
        trained = _trained(subject, column)
        return Found(
            column=column,
            link=amplification(table),
            mals=amplification(table, "mals"),
            training=float("nan") if trained is None else beside_training(table, trained),
        )

    def _amplified(self, found: Found, subject: Subject) -> Finding:
        link = found.link
        message = ""
        if link.value.defined:
            message = (
                f"{_shares(found, subject)}. Over all groups it "
                f"{_moved(link.value.value, 'the link')}; a model as inaccurate, but blind to "
                f"{found.column}, would have {_moved(link.noise, 'it', past=True)}. This one is "
                f"right for "
                f"{percent(link.accuracy.value)} of the rows."
            )
        return finding(
            message,
            link.value,
            metric="bias amplification",
            unit=Unit.POINTS,
            null=link.noise,
            where=_where(found),
        )

    def _beyond(self, found: Found, subject: Subject) -> Finding:
        excess, limit = found.link.excess, self.max_excess
        link, doubt = f"the link between {_outcome(subject)} and {found.column}", ""
        if found.link.link_p > SURE:
            doubt = " The data have no clear link here, so which way it points is a coin's toss."
        return finding(
            f"Beyond what errors alone explain, the model {_moved(excess.value, link)}.{doubt}",
            excess,
            metric="bias amplification beyond noise",
            unit=Unit.POINTS,
            status=at_most(excess, limit),
            ceiling=True,
            limit=limit,
            null=0.0,
            where=_where(found),
            remedy=REMEDY,
            rows_needed=partial(settled_at, excess, limit),
        )

    def _together(self, subject: Subject) -> Finding:
        names = ", ".join(subject.sensitive)
        people, true, said, weights = _crossed(subject)
        together = _people(subject)
        found = multi_attribute(
            indicators(people),
            true,
            predicted_group=said,
            weights=weights,
            clusters=together,
            direction="attributes_to_group",
            min_rows=self.min_group_size,
            draws=self.draws,
            rng=subject.rng(self.rule),
        )
        return finding(
            _of_combinations(found, names, self.min_group_size),
            found.mean,
            metric="multi-attribute bias amplification",
            unit=Unit.POINTS,
            null=found.floor,
            where={
                "columns": names,
                "a blind model": points(found.noise),
                "standard deviation over combinations": points(found.deviation),
            },
        )


def _joint(subject: Subject, column: str) -> Joint:
    schema = subject.table.schema
    if subject.task is Task.DECISION:
        outcomes, together = _outcomes(schema), subject.clusters[column]
        return Joint.of_counts(subject.counts[column], outcomes, together)
    tasks = schema.target.levels
    names = np.asarray(tasks, dtype=object)
    group = subject.memberships[column]
    whose = subject.frame[subject.table.apart] if subject.table.apart else None
    said = names[_said(subject)]
    return joint(names[subject.expected], said, group, tasks=tasks, clusters=whose)


def _crossed(
    subject: Subject,
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray | None]:
    """All columns' groups, the true and the predicted outcome, and how many rows have them."""
    names = list(subject.sensitive)
    if subject.task is Task.CLASSES:
        people = subject.memberships[names]
        return people, subject.expected, _said(subject), None
    counts = subject.counts_of(names)  # of rows that are counted nothing else is known
    lines = counts.index.repeat(len(OUTCOMES)).to_frame(index=False)
    true, said = np.tile(np.array(list(OUTCOMES.values())), (len(counts), 1)).T
    return lines[names], true, said, counts[list(OUTCOMES)].to_numpy().ravel()


def _people(subject: Subject) -> tuple[Any, np.ndarray] | None:
    """How many rows of each line of `_crossed` belong together, None where all stand alone."""
    if subject.task is Task.CLASSES:
        return (
            None if not subject.table.apart else rows_together(subject.frame[subject.table.apart])
        )
    clusters = subject.clusters_of(list(subject.sensitive))
    return None if clusters is None else (clusters.cells, clusters.times)


def _trained(subject: Subject, column: str) -> Joint | None:
    """The same of the training rows' labels, as if they were also the predictions."""
    if subject.train is None:
        return None
    table, known = subject.train, subject.train_expected
    group = memberships(table.frame, table.schema, table.name)[column]
    if subject.task is Task.DECISION:
        return Joint.of_counts(group_counts(known, known, group), _outcomes(table.schema))
    names = np.asarray(table.schema.target.levels, dtype=object)[known]
    return joint(names, names, group, tasks=table.schema.target.levels)


def _said(subject: Subject) -> np.ndarray:
    """The class predicted for each row, as `expected` has the true one."""
    return np.asarray(subject.probabilities.argmax(axis=1))


def _outcomes(schema: Schema) -> tuple[str, str]:
    positive = str(schema.positive)
    others = [one for one in schema.target.levels if one != positive]
    return (others[0] if len(others) == 1 else f"not {positive}", positive)


def _outcome(subject: Subject) -> str:
    target = subject.table.schema.target.name
    return target if subject.task is Task.CLASSES else f"{target} = {subject.table.schema.positive}"


def _shares(found: Found, subject: Subject) -> str:
    """What the data and the model give to the two groups that the data treat most differently."""
    cells = found.link.cells
    outcome, named = str(subject.table.schema.positive), _outcome(subject)
    if subject.task is Task.CLASSES:
        outcome = found.link.widest
        named = f"{named} = {outcome}"
    share = cells[cells.index.get_level_values("task") == outcome]
    order = share["data"].to_numpy().argsort(kind="stable")
    least, most = int(order[0]), int(order[-1])
    groups = share.index.get_level_values("group")
    data, model = (share[name].to_numpy() for name in ("data", "model"))
    return (
        f"By {found.column}, the data give {named} to {percent(data[most])} of {groups[most]} and "
        f"{percent(data[least])} of {groups[least]}, the model to {percent(model[most])} and "
        f"{percent(model[least])}"
    )


def _of_combinations(found: MultiAmplification, names: str, least: int) -> str:
    sets = found.changes.index.get_level_values(0).nunique() if len(found.changes) else 0
    return (
        f"Over all {sets} groups of at least {least} rows by one or more of {names}, the share "
        f"that the model gives an outcome is {points(found.mean.value)} off that of the data, "
        f"upwards or downwards; chance alone would give {points(found.floor)}."
    )


def _moved(value: float, what: str, *, past: bool = False) -> str:
    """What happens to a link, in words; nothing where it would be written as 0.0 points."""
    if abs(value) < LEAST:
        return f"{'left' if past else 'leaves'} {what} as it is"
    verb = "widen" if value > 0 else "narrow"
    return f"{verb}{'ed' if past else 's'} {what} by {points(abs(value))}"


def _where(found: Found) -> dict[str, str]:
    where = {"column": found.column, "accuracy": percent(found.link.accuracy.value)}
    if found.link.value.defined:
        where["no link in the data, p"] = chance(found.link.link_p)
        if not np.isnan(found.training):
            where["beside the training labels"] = points(found.training)
    if found.link.left_out:
        where["not compared"] = reasons(found.link.left_out)
    return where
