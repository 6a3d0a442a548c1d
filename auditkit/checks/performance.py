"""How often is a decision right?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from auditkit.checks.base import CHECKS, at_least, finding, percent, points
from auditkit.data.schema import Task
from auditkit.models import baselines
from auditkit.models.predictor import Ability
from auditkit.ranges import GAP, SHARE, ranged
from auditkit.results import Finding, Section, Topic, Unit
from auditkit.statistics import classification
from auditkit.statistics.classification import BesideConstant
from auditkit.statistics.estimate import settled_at
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
        subject.require(Task.DECISION)
        known = None if subject.train is None else subject.train_labels
        cells = {str(name): int(n) for name, n in subject.totals.items()}
        positive, how = baselines.majority_answer(
            known, cells["tp"] + cells["fn"], sum(cells.values())
        )
        found = classification.beside_constant(**cells, positive=positive)
        yield self._accuracy(found, how)
        yield self._gain(found)
        if subject.can(Ability.SCORES):
            yield from self._scores(subject)

    def _accuracy(self, found: BesideConstant, how: str) -> Finding:
        accuracy, guessed = found.accuracy, found.guess.value
        return finding(
            f"The model is right for {percent(accuracy.value)} of {accuracy.n:,} rows; a majority "
            f"guess ({how}) is right for {percent(guessed)}.",
            accuracy,
            metric="accuracy",
            status=at_least(accuracy, self.min_accuracy),
            limit=self.min_accuracy,
            null=guessed,
            remedy="Train longer, with more rows or better features, or do not use the model.",
            rows_needed=lambda: settled_at(accuracy, self.min_accuracy),
        )

    def _gain(self, found: BesideConstant) -> Finding:
        gain = found.gain
        side = "above" if gain.value >= 0 else "below"
        return finding(
            f"Accuracy is {points(abs(gain.value))} {side} that of a majority guess.",
            gain,
            metric="gain over a majority guess",
            unit=Unit.POINTS,
            status=at_least(gain, self.min_gain),
            limit=self.min_gain,
            null=0.0,
            remedy="Do not use this model: it adds nothing to always giving the commoner answer.",
            rows_needed=lambda: settled_at(gain, self.min_gain),
        )

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
        base = classification.base_log_loss(subject.labels)
        yield finding(
            f"The mean log loss is {loss.value:.3f} nats; always giving the base rate costs "
            f"{base:.3f}.",
            loss,
            metric="log loss",
            unit=Unit.NUMBER,
            null=base,
        )
