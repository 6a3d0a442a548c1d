"""Would a simpler model on the same columns do as well?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import pandas as pd

from auditkit.checks.base import CHECKS, at_most, finding, percent, points
from auditkit.errors import NotApplicable
from auditkit.models import baselines
from auditkit.models.baselines import Baseline
from auditkit.ranges import GAP, ranged
from auditkit.results import Finding, Intervals, Section, Topic, Unit
from auditkit.statistics import classification
from auditkit.statistics.estimate import Estimate, settled_at
from auditkit.subject import Subject


@CHECKS.register("simpler-model")
@dataclass(frozen=True, kw_only=True)
class SimplerModel:
    """Would a logistic regression or gradient boosting on the same columns do as well?"""

    rule: ClassVar[str] = "AK102"
    title: ClassVar[str] = "Would a simpler model do?"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    max_loss: float = ranged(0.01, *GAP)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Accuracy of each baseline beside the model's, compared row by row."""
        simple = _baselines(subject)
        for one in simple:
            yield self._lead(subject, one)
        known = None if subject.train is None else subject.train_labels
        rows = [("this model", subject.predictions)]
        rows += [
            (one.name, one.predictions)
            for one in (*simple, baselines.majority(known, subject.labels))
        ]
        accuracies = {name: classification.accuracy(subject.labels, said) for name, said in rows}
        text = (
            "A network that a simpler model equals is complexity without a return: the simpler "
            "model is easier to explain, to check and to run. Intervals of each model alone are "
            "drawn; the findings compare them on the same rows, which is sharper."
        )
        yield Section(title="Beside simpler models", text=text, views=(_picture(accuracies),))

    def _lead(self, subject: Subject, simple: Baseline) -> Finding:
        lead = classification.accuracy_difference(
            subject.labels, simple.predictions, subject.predictions
        )
        right = classification.accuracy(subject.labels, simple.predictions)
        word = "more" if lead.value >= 0 else "fewer"
        return finding(
            f"{simple.name.capitalize()} is right for {percent(right.value)} of the rows: "
            f"{points(abs(lead.value))} {word} than the model.",
            lead,
            metric=f"lead of {simple.name}",
            unit=Unit.POINTS,
            status=at_most(lead, self.max_loss),
            limit=self.max_loss,
            null=0.0,
            where={"fitted on": simple.how},
            remedy=f"Use {simple.name}: it is simpler and more often right on these rows.",
            rows_needed=partial(settled_at, lead, self.max_loss),
        )


def _picture(accuracies: Mapping[str, Estimate]) -> Intervals:
    frame = pd.DataFrame(
        {
            "model": list(accuracies),
            "accuracy": [one.value for one in accuracies.values()],
            "low": [one.low for one in accuracies.values()],
            "high": [one.high for one in accuracies.values()],
        }
    )
    return Intervals(
        title="Accuracy beside simpler models",
        frame=frame,
        label="model",
        value="accuracy",
        low="low",
        high="high",
        text="Each dot is the share of audited rows that a model gets right.",
    )


def _baselines(subject: Subject) -> tuple[Baseline, ...]:
    schema, seed = subject.table.schema, subject.runtime.seed
    if not schema.features:
        raise NotApplicable("the file has no feature columns to fit a simpler model on")
    if subject.train is not None:
        train = (subject.train.frame, subject.train_labels)
        found = baselines.fitted(train, subject.frame, schema, seed=seed)
    else:
        found = baselines.cross_fitted(subject.frame, subject.labels, schema, seed=seed)
    if not found:
        raise NotApplicable("too few rows of one label to fit a simpler model")
    return found
