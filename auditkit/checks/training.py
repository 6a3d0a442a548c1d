"""Did the model learn, or did it memorise?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from auditkit.checks.base import CHECKS, at_most, finding, percent, points
from auditkit.data.schema import Task
from auditkit.errors import NotApplicable
from auditkit.models.predictor import Detecting, Numbers
from auditkit.ranges import GAP, ranged
from auditkit.results import Finding, Section, Topic, Unit
from auditkit.statistics.estimate import Estimate, independent_difference, settled_at
from auditkit.statistics.multiclass import accuracy
from auditkit.statistics.regression import mean_absolute_error, overfitting_gap
from auditkit.subject import Subject


@CHECKS.register("overfitting")
@dataclass(frozen=True, kw_only=True)
class Overfitting:
    """Is the model much better on the rows it learned from than on others?"""

    rule: ClassVar[str] = "AK401"
    title: ClassVar[str] = "Over-fitting"
    topic: ClassVar[Topic] = Topic.TRAINING

    max_gap: float = ranged(0.05, *GAP)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The gap between training and audited rows."""
        subject.require(Task.DECISION, Task.CLASSES, Task.NUMBER)
        if isinstance(subject.predictor, Detecting):
            raise NotApplicable(
                "a detector is audited on generators that it did not learn from, which says more "
                "of them than of rows learned by heart: see unseen-generators"
            )
        yield self._numbers(subject) if subject.task is Task.NUMBER else self._answers(subject)

    def _answers(self, subject: Subject) -> Finding:
        seen, fresh = accuracy(subject.train_right), accuracy(subject.right)
        gap = independent_difference(seen, fresh)
        return self._judged(
            f"The model is right for {percent(seen.value)} of the rows it was made with and "
            f"for {percent(fresh.value)} of the audited ones: a gap of {points(gap.value)}.",
            gap,
        )

    def _numbers(self, subject: Subject) -> Finding:
        said = subject.train_outputs
        assert isinstance(said, Numbers), "a model of numbers gives numbers"
        trained, audited = (
            (subject.train_expected, said.values),
            (subject.truth, subject.values),
        )
        seen, fresh = mean_absolute_error(*trained), mean_absolute_error(*audited)
        gap = overfitting_gap(trained, audited)
        return self._judged(
            f"The model is off by {seen.value:.4g} on average on the rows it was made with and "
            f"by {fresh.value:.4g} on the audited ones: a gap of {points(gap.value)} of the error "
            "of always giving the mean.",
            gap,
        )

    def _judged(self, message: str, gap: Estimate) -> Finding:
        return finding(
            message,
            gap,
            metric="over-fitting gap",
            unit=Unit.POINTS,
            status=at_most(gap, self.max_gap),
            limit=self.max_gap,
            null=0.0,
            remedy="Train with more rows, stronger regularisation or earlier stopping.",
            rows_needed=lambda: settled_at(gap, self.max_gap),
        )
