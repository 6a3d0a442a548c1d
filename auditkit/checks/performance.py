"""How often is the model right, would a simpler one do, and do its scores mean what they say?"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import pandas as pd

from auditkit.checks.base import CHECKS, at_least, at_most, finding, percent, points, settled_at
from auditkit.errors import NotApplicable
from auditkit.models import baselines
from auditkit.models.baselines import Baseline
from auditkit.models.predictor import Ability
from auditkit.ranges import GAP, SHARE, ranged
from auditkit.results import Finding, Intervals, Lines, Section, Table, Topic, Unit
from auditkit.statistics import calibration, classification
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject


@CHECKS.register("performance")
@dataclass(frozen=True, kw_only=True)
class Performance:
    """Accuracy above that of a majority guess, and above limits of your own if you set any."""

    rule: ClassVar[str] = "AK101"
    title: ClassVar[str] = "Performance"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    min_gain: float = ranged(0.0, *GAP)
    min_accuracy: float | None = ranged(None, *SHARE)
    min_auc: float | None = ranged(None, *SHARE)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Accuracy, gain over the majority guess, AUC and log loss."""
        y, predictions = subject.labels, subject.predictions
        known = None if subject.train is None else subject.train_labels
        guess = baselines.majority(known, y)
        accuracy = classification.accuracy(y, predictions)
        guessed = classification.accuracy(y, guess.predictions)
        yield finding(
            f"The model is right for {percent(accuracy.value)} of {accuracy.n:,} rows; a majority "
            f"guess ({guess.how}) is right for {percent(guessed.value)}.",
            accuracy,
            metric="accuracy",
            status=at_least(accuracy, self.min_accuracy),
            limit=self.min_accuracy,
            null=guessed.value,
            remedy="Train longer, with more rows or better features, or do not use the model.",
            rows_needed=lambda: settled_at(accuracy, self.min_accuracy),
        )
        gain = classification.accuracy_difference(y, predictions, guess.predictions)
        yield finding(
            f"Accuracy is {points(gain.value)} above that of a majority guess."
            if gain.value >= 0
            else f"Accuracy is {points(-gain.value)} below that of a majority guess.",
            gain,
            metric="gain over a majority guess",
            unit=Unit.POINTS,
            status=at_least(gain, self.min_gain),
            limit=self.min_gain,
            null=0.0,
            remedy="Do not use this model: it adds nothing to always giving the commoner answer.",
            rows_needed=lambda: settled_at(gain, self.min_gain),
        )
        if subject.can(Ability.SCORES):
            yield from self._scores(subject)

    def _scores(self, subject: Subject) -> Iterator[Finding]:
        auc = classification.auc(subject.labels, subject.scores)
        yield finding(
            f"A positive row scores above a negative one in {percent(auc.value)} of pairs (AUC).",
            auc,
            metric="AUC",
            status=at_least(auc, self.min_auc),
            limit=self.min_auc,
            null=0.5,
            remedy="The scores do not order rows well enough: revisit features and training.",
            rows_needed=lambda: settled_at(auc, self.min_auc),
        )
        loss = classification.log_loss(subject.labels, subject.scores)
        share = float(subject.labels.mean())
        base = abs(sum(p * math.log(p) for p in (share, 1 - share) if p > 0))
        yield finding(
            f"The mean log loss is {loss.value:.3f} nats; always giving the base rate costs "
            f"{base:.3f}.",
            loss,
            metric="log loss",
            unit=Unit.NUMBER,
            null=base,
        )


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
        y = subject.labels
        simple = _baselines(subject)
        for one in simple:
            behind = classification.accuracy_difference(y, one.predictions, subject.predictions)
            ahead = "more" if behind.value >= 0 else "fewer"
            right = classification.accuracy(y, one.predictions)
            yield finding(
                f"{one.name.capitalize()} is right for {percent(right.value)} of the rows: "
                f"{points(abs(behind.value))} {ahead} than the model.",
                behind,
                metric=f"lead of {one.name}",
                unit=Unit.POINTS,
                status=at_most(behind, self.max_loss),
                limit=self.max_loss,
                null=0.0,
                where={"fitted on": one.how},
                remedy=f"Use {one.name}: it is simpler and more often right on these rows.",
                rows_needed=partial(settled_at, behind, self.max_loss),
            )
        known = None if subject.train is None else subject.train_labels
        rows = [("this model", subject.predictions)]
        rows += [(one.name, one.predictions) for one in (*simple, baselines.majority(known, y))]
        accuracies = [classification.accuracy(y, predictions) for _, predictions in rows]
        frame = pd.DataFrame(
            {
                "model": [name for name, _ in rows],
                "accuracy": [one.value for one in accuracies],
                "low": [one.low for one in accuracies],
                "high": [one.high for one in accuracies],
            }
        )
        view = Intervals(
            title="Accuracy beside simpler models",
            frame=frame,
            label="model",
            value="accuracy",
            low="low",
            high="high",
            text="Each dot is the share of audited rows that a model gets right.",
        )
        text = (
            "A network that a simpler model equals is complexity without a return: the simpler "
            "model is easier to explain, to check and to run. Intervals of each model alone are "
            "drawn; the findings compare them on the same rows, which is sharper."
        )
        yield Section(title="Beside simpler models", text=text, views=(view,))


def _beside_base_rate(skill: Estimate) -> str:
    if not skill.defined:
        return ""
    word = "better" if skill.value >= 0 else "worse"
    return f", {percent(abs(skill.value))} {word} than always giving the base rate"


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


@CHECKS.register("calibration")
@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Of the rows scored 70 %, do about 70 % have the positive outcome?"""

    rule: ClassVar[str] = "AK103"
    title: ClassVar[str] = "Calibration"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    max_error: float | None = ranged(0.05, *SHARE)
    bins: int = ranged(10, 2, 100)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Expected calibration error, Brier score and the reliability curve."""
        y, scores = subject.labels, subject.scores
        error, null = calibration.expected_calibration_error(
            y, scores, bins=self.bins, rng=subject.rng(self.rule)
        )
        yield finding(
            f"Scores are off by {points(error.value)} on average; a perfectly calibrated model "
            f"would show {points(null)} on as many rows.",
            error,
            metric="expected calibration error",
            unit=Unit.POINTS,
            status=at_most(error, self.max_error),
            limit=self.max_error,
            null=null,
            remedy="Recalibrate the scores on held-out rows (Platt or isotonic), or use the "
            "decisions without the scores.",
            # Where chance explains the error, its value says nothing of how many rows would do.
            rows_needed=lambda: settled_at(error, self.max_error) if error.value > null else None,
        )
        brier, skill = calibration.brier(y, scores), calibration.brier_skill(y, scores)
        yield finding(
            f"The Brier score is {brier.value:.3f}{_beside_base_rate(skill)}.",
            brier,
            metric="Brier score",
            unit=Unit.NUMBER,
        )
        yield Section(
            title="Do the scores mean what they say?",
            text="On the diagonal a score of 70 % comes true 70 times in 100. Below it the model "
            "promises too much, above it too little.",
            views=self._views(subject),
        )

    def _views(self, subject: Subject) -> tuple[Lines, Table]:
        frame = calibration.reliability(subject.labels, subject.scores, bins=self.bins)
        named = frame.rename(columns={"mean_score": "mean score", "observed": "came true"})
        curve = Lines(
            title="What was said and what came true",
            frame=named,
            x="mean score",
            y=("came true", "low", "high"),
            unit=Unit.SHARE,
            diagonal=True,
            text=f"Rows in {len(named)} bins of equal size by score; low and high bound the share "
            "that came true (95 %).",
        )
        table = Table(
            title="The same by bin", frame=named, shares=("mean score", "came true", "low", "high")
        )
        return curve, table
