"""Would a simpler model on the same rows do as well?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.checks.base import CHECKS, at_most, finding, percent, points
from auditkit.data.schema import Kind, Schema, Task
from auditkit.errors import NotApplicable
from auditkit.models import baselines
from auditkit.models.baselines import Baseline
from auditkit.models.predictor import Ability
from auditkit.ranges import GAP, ranged
from auditkit.results import Finding, Intervals, Section, Topic, Unit
from auditkit.statistics import classification, multiclass, regression
from auditkit.statistics.estimate import Estimate, settled_at
from auditkit.subject import SAYS, Subject

ANSWERED = (Task.DECISION, Task.CLASSES, Task.NUMBER)  # where right and wrong can be counted
MEASURES = {
    Task.DECISION: ("accuracy", "the share of audited rows that a model gets right"),
    Task.CLASSES: ("accuracy", "the share of audited rows that a model gets right"),
    Task.NUMBER: ("mean absolute error", "how far a model is off on average"),
}


@CHECKS.register("simpler-model")
@dataclass(frozen=True, kw_only=True)
class SimplerModel:
    """Would a linear model, or gradient boosting of a table, do as well on the same rows?

    Of texts the simple model counts words and pairs of words; of images it weighs pixels; of
    sequences it knows each channel's mean, deviation, first and last value. max_loss is a share
    of rows or, of numbers, of the error of always giving the mean.
    """

    rule: ClassVar[str] = "AK102"
    title: ClassVar[str] = "Would a simpler model do?"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    max_loss: float = ranged(0.01, *GAP)
    max_auc_loss: float | None = ranged(None, *GAP)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Each simple model beside the audited one, compared row by row."""
        simple = _baselines(subject)
        guess = _guess(subject)
        for one in simple:
            yield self._lead(subject, one, guess)
            if subject.task is Task.DECISION and subject.can(Ability.SCORES):
                yield self._auc_lead(subject, one)
        text = (
            "A network that a simpler model equals is complexity without a return: the simpler "
            "model is easier to explain, to check and to run. Intervals of each model alone are "
            "drawn; the findings compare them on the same rows, which is sharper."
        )
        pictures = [_picture(subject, (*simple, guess))]
        if subject.task is Task.DECISION and subject.can(Ability.SCORES):
            pictures.append(_auc_picture(subject, simple))
        yield Section(title="Beside simpler models", text=text, views=tuple(pictures))

    def _lead(self, subject: Subject, simple: Baseline, guess: Baseline) -> Finding:
        if subject.task is Task.NUMBER:
            lead = regression.error_saved(
                subject.truth, simple.answers, subject.values, guess.answers
            )
            message = _of_numbers(subject, simple, lead)
        else:
            right = simple.predictions == subject.expected
            lead = multiclass.accuracy_difference(right, subject.right)
            message = _of_answers(simple, multiclass.accuracy(right), lead)
        return finding(
            message,
            lead,
            metric=f"lead of {simple.name}",
            unit=Unit.POINTS,
            status=at_most(lead, self.max_loss),
            limit=self.max_loss,
            null=0.0,
            where={"fitted on": simple.how},
            remedy=f"Use {simple.name}: it is simpler and nearer the truth on these rows.",
            rows_needed=partial(settled_at, lead, self.max_loss),
        )

    def _auc_lead(self, subject: Subject, simple: Baseline) -> Finding:
        lead = classification.auc_difference(subject.labels, simple.answers, subject.scores)
        auc = classification.auc(subject.labels, simple.answers)
        word = "more" if lead.value >= 0 else "fewer"
        return finding(
            f"{_capital(simple.name)} orders {percent(auc.value)} of pairs rightly (AUC): "
            f"{points(abs(lead.value))} {word} than the model.",
            lead,
            metric=f"AUC lead of {simple.name}",
            unit=Unit.POINTS,
            status=at_most(lead, self.max_auc_loss),
            limit=self.max_auc_loss,
            null=0.0,
            where={"fitted on": simple.how},
            remedy=f"Use {simple.name}: it is simpler and orders these rows better.",
            rows_needed=partial(settled_at, lead, self.max_auc_loss),
        )


def _of_answers(simple: Baseline, accuracy: Estimate, lead: Estimate) -> str:
    word = "more" if lead.value >= 0 else "fewer"
    return (
        f"{_capital(simple.name)} is right for {percent(accuracy.value)} of the rows: "
        f"{points(abs(lead.value))} {word} than the model."
    )


def _of_numbers(subject: Subject, simple: Baseline, lead: Estimate) -> str:
    error = regression.mean_absolute_error(subject.truth, simple.answers)
    own = regression.mean_absolute_error(subject.truth, subject.values)
    word = "less" if lead.value >= 0 else "more"
    return (
        f"{_capital(simple.name)} is off by {error.value:.4g} on average, the model by "
        f"{own.value:.4g}: {points(abs(lead.value))} {word} of the error of always giving the mean."
    )


def _picture(subject: Subject, others: tuple[Baseline, ...]) -> Intervals:
    measure, meaning = MEASURES[subject.task]
    if subject.task is Task.NUMBER:
        rows = {"this model": subject.values} | {one.name: one.answers for one in others}
        found = {
            name: regression.mean_absolute_error(subject.truth, said) for name, said in rows.items()
        }
    else:
        right = {"this model": subject.right}
        right |= {one.name: one.predictions == subject.expected for one in others}
        found = {name: multiclass.accuracy(said) for name, said in right.items()}
    unit = Unit.NUMBER if subject.task is Task.NUMBER else Unit.SHARE
    return _intervals(found, measure, meaning, unit)


def _auc_picture(subject: Subject, simple: tuple[Baseline, ...]) -> Intervals:
    scores = {"this model": subject.scores} | {one.name: one.answers for one in simple}
    found = {name: classification.auc(subject.labels, one) for name, one in scores.items()}
    meaning = "the chance that a positive row scores above a negative one"
    return _intervals(found, "AUC", meaning, Unit.SHARE)


def _intervals(found: Mapping[str, Estimate], measure: str, meaning: str, unit: Unit) -> Intervals:
    frame = pd.DataFrame(
        {
            "model": list(found),
            measure: [one.value for one in found.values()],
            "low": [one.low for one in found.values()],
            "high": [one.high for one in found.values()],
        }
    )
    return Intervals(
        title=f"{_capital(measure)} beside simpler models",
        frame=frame,
        label="model",
        value=measure,
        low="low",
        high="high",
        unit=unit,
        text=f"Each dot is {meaning}.",
    )


def _guess(subject: Subject) -> Baseline:
    known = None if subject.train is None else subject.train_expected
    if subject.task is Task.NUMBER:
        return baselines.mean_guess(known, subject.expected)
    levels = subject.table.schema.target.levels if subject.task is Task.CLASSES else ()
    return baselines.majority(known, subject.expected, classes=len(levels))


def _baselines(subject: Subject) -> tuple[Baseline, ...]:
    if subject.task not in ANSWERED:
        raise NotApplicable(
            f"{SAYS[subject.task]}, for which no simpler model is fitted here; the checks of its "
            "own say what trivial answers score"
        )
    schema, seed = subject.table.schema, subject.runtime.seed
    if not schema.features:
        raise NotApplicable("the file has no feature columns to fit a simpler model on")
    sizes = {one.shape for one in subject.frame[_pictures(schema)].to_numpy().ravel()}
    if len(sizes) > 1:
        raise NotApplicable("the images are of several sizes: no simpler model here takes them")
    if subject.train is not None:
        train = (subject.train.frame, subject.train_expected)
        found = baselines.fitted(train, subject.frame, schema, seed=seed)
    else:
        expected: np.ndarray = subject.expected
        found = baselines.cross_fitted(subject.frame, expected, schema, seed=seed)
    if not found:
        raise NotApplicable("too few rows of one answer to fit a simpler model")
    return found


def _pictures(schema: Schema) -> list[str]:
    return [one.name for one in schema.features if one.kind is Kind.IMAGE]


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]
