"""What the training took, and what more data would buy: the appetite of a network."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from auditkit.checks.base import CHECKS, at_most, exactly, finding
from auditkit.errors import NotApplicable
from auditkit.models.card import Card, LearningCurve, Training
from auditkit.ranges import ranged
from auditkit.results import Finding, Intervals, Lines, Section, Table, Topic, Unit
from auditkit.statistics.estimate import undefined
from auditkit.statistics.power_law import PowerLaw, fit_power_law
from auditkit.subject import Subject

TIMES = 10  # how many times the rows the law is asked for


@CHECKS.register("cost")
@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the training took: rows, parameters, time, operations, energy."""

    rule: ClassVar[str] = "AK403"
    title: ClassVar[str] = "Cost of training"
    topic: ClassVar[Topic] = Topic.TRAINING

    max_seconds: float | None = ranged(None, 0)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Seconds, operations and energy, and what they were spent on."""
        card = subject.required_card
        training = card.training
        seconds = exactly(training.seconds, n=training.train_rows, method="wall time, one training")
        yield finding(
            f"Training took {_seconds(training.seconds)} on {training.hardware}, for "
            f"{training.parameters:,} parameters and {training.train_rows:,} "
            f"{'windows of text' if card.task == 'language' else 'rows'}.",
            seconds,
            metric="training time in seconds",
            unit=Unit.NUMBER,
            status=at_most(seconds, self.max_seconds),
            limit=self.max_seconds,
            remedy="Train a smaller network, or stop earlier.",
        )
        yield _operations(training)
        if math.isfinite(training.energy):
            yield finding(
                f"It took about {training.energy:.3g} kilowatt-hours: an estimate from the "
                "hardware's nominal power, not a measurement.",
                exactly(training.energy, n=training.train_rows, method="codecarbon, an estimate"),
                metric="energy in kilowatt-hours",
                unit=Unit.NUMBER,
            )
        facts = _facts(card, training)
        frame = pd.DataFrame({"what": list(facts), "value": [str(one) for one in facts.values()]})
        table = Table(title="Training in figures", frame=frame)
        text = "The appetite of a network for rows and computing is part of its price."
        yield Section(title="What the training took", text=text, views=(table,))


@CHECKS.register("data-hunger")
@dataclass(frozen=True, kw_only=True)
class DataHunger:
    """How many more rows would it take, and what would they buy?"""

    rule: ClassVar[str] = "AK405"
    title: ClassVar[str] = "Hunger for data"
    topic: ClassVar[Topic] = Topic.TRAINING

    max_gain: float | None = ranged(None, 0)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The learning curve, the law through it, and what ten times the rows would give."""
        curve = subject.required_card.curve
        if curve is None:
            raise NotApplicable(
                "no learning curve was measured: train with `auditkit train ... --learning-curve`"
            )
        law = fit_power_law(
            [one.rows for one in curve.points],
            curve.errors,
            curve.deviations,
            rng=subject.rng(self.rule),
        )
        if isinstance(law, PowerLaw):
            yield from self._findings(curve, law)
        else:
            yield finding("", law, metric="exponent of the learning curve")
        yield _picture(curve, law if isinstance(law, PowerLaw) else None)

    def _findings(self, curve: LearningCurve, law: PowerLaw) -> Iterator[Finding]:
        yield finding(
            f"The error falls with the rows as a power of -{law.exponent.value:.2f}: ten times "
            f"the rows leave {law.left(TIMES):.2f} of what is above "
            f"{law.floor.value:.3f}.",
            law.exponent,
            metric="exponent of the learning curve",
            unit=Unit.NUMBER,
        )
        gain = law.gain(max(one.rows for one in curve.points), TIMES)
        yield finding(
            f"Ten times the training rows would better the {curve.metric} by {gain.value:.3f}, if "
            "the law goes on as it is.",
            gain,
            metric="gain from ten times the rows",
            unit=Unit.NUMBER,
            status=at_most(gain, self.max_gain),
            limit=self.max_gain,
            remedy="Gather more rows before trusting this model: it has not learned yet what they "
            "would teach.",
        )


def _picture(curve: LearningCurve, law: PowerLaw | None) -> Section:
    points = sorted(curve.points, key=lambda one: one.rows)
    measured = pd.DataFrame(
        {
            "rows": [f"{one.rows:,} rows" for one in points],
            curve.metric: [one.score for one in points],
            "low": [one.low for one in points],
            "high": [one.high for one in points],
        }
    )
    views: list[Intervals | Lines] = [
        Intervals(
            title=f"{curve.metric} by training rows",
            frame=measured,
            label="rows",
            value=curve.metric,
            low="low",
            high="high",
            unit=Unit.NUMBER,
            text="Each dot is a training of its own on a part of the rows, judged on the same "
            "test rows; the last is this model. Parts train for up to four times the epochs.",
        )
    ]
    if law is not None:
        rows, errors = law.course(points[0].rows, points[-1].rows * TIMES)
        frame = pd.DataFrame({"training rows": rows, "error": errors})
        views.append(
            Lines(
                title="The error that the law gives",
                frame=frame,
                x="training rows",
                y=("error",),
                mark=float(points[-1].rows),
                mark_label="this model",
                text="Right of the mark nothing was measured: the curve is the law's.",
            )
        )
    return Section(
        title="What more data would buy",
        text="A network learns from examples, and needs many. How its error falls as the rows "
        "grow says whether gathering more of them is worth it.",
        views=tuple(views),
    )


def _facts(card: Card, training: Training) -> dict[str, object]:
    kept = training.history[training.best_epoch - 1]
    return {
        "hardware": training.hardware,
        "device": training.device,
        "processes": training.processes,
        "seed": training.seed,
        "training rows": training.train_rows,
        "validation rows": training.validation_rows,
        "parameters": training.parameters,
        "rows a second": f"{kept.rows_per_second:,.0f}",
        "epochs trained": len(training.history),
        "epoch kept": training.best_epoch,
        **{
            name.replace("_", " "): value
            for name, value in (*training.recipe.items(), *card.options.items())
        },
    }


def _operations(training: Training) -> Finding:
    if math.isnan(training.operations):
        unseen = undefined(
            "torch's counter cannot see into the kernels of recurrent layers",
            n=training.train_rows,
            method="torch's counter",
        )
        return finding("", unseen, metric="floating-point operations")
    return finding(
        f"It took about {_powers(training.operations)} floating-point operations, counted on one "
        "batch and multiplied by the rows.",
        exactly(training.operations, n=training.train_rows, method="torch's counter"),
        metric="floating-point operations",
        unit=Unit.NUMBER,
    )


def _powers(number: float) -> str:
    digits, power = f"{number:.1e}".split("e")
    return f"{digits} x 10^{int(power)}"


def _seconds(value: float) -> str:
    return f"{value:.1f} seconds" if value < 10 else f"{value:,.0f} seconds"
