"""How far are the model's numbers from the true ones?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from auditkit.checks.base import CHECKS, at_least, at_most, finding, percent
from auditkit.data.schema import Task
from auditkit.models import baselines
from auditkit.models.baselines import Baseline
from auditkit.ranges import GAP, ranged
from auditkit.results import Finding, Lines, Section, Table, Topic, Unit
from auditkit.statistics import regression
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject


@CHECKS.register("number-performance")
@dataclass(frozen=True, kw_only=True)
class NumberPerformance:
    """Errors below those of always giving the mean, and below limits of your own if you set any.

    min_gain is a share of the error of that guess; max_error is in the target's own unit.
    """

    rule: ClassVar[str] = "AK105"
    title: ClassVar[str] = "Errors of the numbers"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    min_gain: float = ranged(0.0, *GAP)
    max_error: float | None = ranged(None, 0)
    min_r2: float | None = ranged(None, -1e6, 1)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Error saved, mean absolute and root mean squared error, R2, bias."""
        subject.require(Task.NUMBER)
        known = None if subject.train is None else subject.train_expected
        guess = baselines.mean_guess(known, subject.truth)
        yield self._gain(subject, guess)
        yield from self._errors(subject, guess)
        yield self._r2(subject)
        yield _bias(subject)
        yield _section(subject)

    def _gain(self, subject: Subject, guess: Baseline) -> Finding:
        gain = regression.error_saved(subject.truth, subject.values, guess.answers, guess.answers)
        word = "smaller" if gain.value >= 0 else "larger"
        return finding(
            f"The mean absolute error is {percent(abs(gain.value))} {word} than that of always "
            f"giving the mean {guess.how}.",
            gain,
            metric="error saved",
            status=at_least(gain, self.min_gain),
            limit=self.min_gain,
            null=0.0,
            remedy="Do not use this model: it adds nothing to always giving the mean.",
            rows_needed=lambda: settled_at(gain, self.min_gain),
        )

    def _errors(self, subject: Subject, guess: Baseline) -> Iterator[Finding]:
        name = subject.table.schema.target.name
        error = regression.mean_absolute_error(subject.truth, subject.values)
        guessed = regression.mean_absolute_error(subject.truth, guess.answers)
        yield finding(
            f"The model is off by {error.value:.4g} on average (in the unit of {name}); always "
            f"giving the mean is off by {guessed.value:.4g}.",
            error,
            metric="mean absolute error",
            status=at_most(error, self.max_error),
            unit=Unit.NUMBER,
            limit=self.max_error,
            null=guessed.value,
            remedy="Train longer, with more rows or better features, or do not use the model.",
            rows_needed=lambda: settled_at(error, self.max_error),
        )
        root = regression.root_mean_squared_error(subject.truth, subject.values)
        rough = regression.root_mean_squared_error(subject.truth, guess.answers)
        yield finding(
            f"The root mean squared error, in which large errors weigh more, is {root.value:.4g}; "
            f"that of the mean is {rough.value:.4g}.",
            root,
            metric="root mean squared error",
            unit=Unit.NUMBER,
            null=rough.value,
        )

    def _r2(self, subject: Subject) -> Finding:
        r2 = regression.r_squared(subject.truth, subject.values)
        return finding(
            f"R² is {r2.value:.3f}: 1 is without error, 0 what the mean of these rows would get.",
            r2,
            metric="R²",
            unit=Unit.NUMBER,
            status=at_least(r2, self.min_r2),
            limit=self.min_r2,
            null=0.0,
            remedy="The numbers explain too little: revisit features and training.",
            rows_needed=lambda: settled_at(r2, self.min_r2),
        )


def _bias(subject: Subject) -> Finding:
    bias = regression.signed_error(subject.truth, subject.values)
    word = "much" if bias.value >= 0 else "little"
    return finding(
        f"On average the model says {abs(bias.value):.4g} too {word}.",
        bias,
        metric="mean signed error",
        unit=Unit.NUMBER,
        null=0.0,
    )


def _section(subject: Subject) -> Section:
    frame = regression.by_said(subject.truth, subject.values)
    curve = Lines(
        title="What was said and what was true",
        frame=frame,
        x="said",
        y=("true",),
        unit=Unit.NUMBER,
        diagonal=True,
        text=f"Means of the rows in {len(frame)} bins of equal size by what was said.",
    )
    return Section(
        title="Are the numbers right on average, low and high?",
        text="On the diagonal a number comes true on average. A curve flatter than it says that "
        "the model exaggerates, a steeper one that it dares too little.",
        views=(curve, Table(title="The same by bin", frame=frame)),
    )
