"""Do the scores mean what they say?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auditkit.checks.base import CHECKS, at_most, finding, percent, points
from auditkit.data.schema import Task
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Lines, Section, Table, Topic, Unit
from auditkit.statistics import calibration
from auditkit.statistics.estimate import Estimate, settled_at
from auditkit.statistics.multiclass import confidence_of
from auditkit.subject import Subject

WHAT = {
    Task.DECISION: "A score is the probability of the positive outcome.",
    Task.CLASSES: "A score is the probability of the class that is said, which comes true where "
    "that class is the right one.",
}


@CHECKS.register("calibration")
@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Of the rows scored 70 %, do about 70 % have the positive outcome?

    Of several classes it is the likeliest whose probability is asked: is it right as often?
    """

    rule: ClassVar[str] = "AK103"
    title: ClassVar[str] = "Calibration"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    max_error: float | None = ranged(0.05, *SHARE)
    bins: int = ranged(10, 2, 100)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Expected calibration error, Brier score and the reliability curve."""
        y, scores = _said(subject)
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
            text=f"{WHAT[subject.task]} On the diagonal a score of 70 % comes true 70 times in "
            "100. Below it the model promises too much, above it too little.",
            views=self._views(y, scores),
        )

    def _views(self, y: np.ndarray, scores: np.ndarray) -> tuple[Lines, Table]:
        frame = calibration.reliability(y, scores, bins=self.bins)
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


def _said(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Whether what was promised came true, (n,) of 0 and 1, and how surely it was promised."""
    subject.require(Task.DECISION, Task.CLASSES)
    if subject.task is Task.CLASSES:
        return subject.right.astype(np.int8), confidence_of(subject.probabilities)
    return subject.labels, subject.scores


def _beside_base_rate(skill: Estimate) -> str:
    if not skill.defined:
        return ""
    word = "better" if skill.value >= 0 else "worse"
    return f", {percent(abs(skill.value))} {word} than always giving the base rate"
