"""How the training went: curves, idle units, and how fast each layer moved."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import pandas as pd

from auditkit.checks.base import CHECKS, at_most, exactly, finding, percent
from auditkit.errors import NotApplicable
from auditkit.models.card import Comparison, Epoch, Training
from auditkit.ranges import SHARE, ranged
from auditkit.results import Bars, Finding, Intervals, Lines, Section, Table, Topic, Unit
from auditkit.subject import Subject

MOST_LAYERS = 8  # lines in one picture


@CHECKS.register("dead-units")
@dataclass(frozen=True, kw_only=True)
class DeadUnits:
    """How many hidden units answer no row at all, or give all rows the same?"""

    rule: ClassVar[str] = "AK402"
    title: ClassVar[str] = "Dead and saturated units"
    topic: ClassVar[Topic] = Topic.TRAINING

    max_share: float = ranged(0.5, *SHARE)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The shares of dead and of saturated units at the epoch that was kept."""
        training = subject.required_card.training
        kept = training.history[training.best_epoch - 1]
        if math.isnan(kept.dead_units):
            raise NotApplicable("the network has no units behind a ReLU, GELU, sigmoid or tanh")
        method = "counted on validation rows"
        dead = exactly(kept.dead_units, n=training.validation_rows, method=method)
        yield finding(
            f"{percent(dead.value)} of the hidden units stay at their floor on every validation "
            "row.",
            dead,
            metric="share of dead units",
            status=at_most(dead, self.max_share),
            limit=self.max_share,
            remedy="Lower the learning rate, or use an activation that cannot die.",
        )
        stuck = exactly(kept.saturated_units, n=training.validation_rows, method=method)
        yield finding(
            f"{percent(stuck.value)} of the hidden units lie at an end of their range on nearly "
            "every validation row.",
            stuck,
            metric="share of saturated units",
            status=at_most(stuck, self.max_share),
            limit=self.max_share,
            remedy="Lower the learning rate or the scale of the inputs, or use an activation that "
            "does not saturate.",
        )
        comparison = subject.required_card.comparison
        if comparison is not None:
            yield _beside(comparison)


def _beside(comparison: Comparison) -> Section:
    """Score and idle units for each value of a choice, all else being equal."""
    option = comparison.option.replace("_", " ")
    frame = pd.DataFrame([asdict(one) for one in comparison.variants])
    frame = frame.rename(
        columns={
            "value": option,
            "score": comparison.metric,
            "dead_units": "dead units",
            "saturated_units": "saturated units",
        }
    )
    bars = Bars(
        title=f"Idle units by {option}",
        frame=frame[[option, "dead units", "saturated units"]],
        x=option,
        y=("dead units", "saturated units"),
        unit=Unit.SHARE,
    )
    scores = Intervals(
        title=f"{comparison.metric} by {option}",
        frame=frame[[option, comparison.metric, "low", "high"]],
        label=option,
        value=comparison.metric,
        low="low",
        high="high",
        unit=Unit.NUMBER,
    )
    table = Table(
        title="The same in numbers", frame=frame, shares=("dead units", "saturated units")
    )
    text = f"Trainings that differ in {option} alone, on the same rows and from the same seed, "
    text += "judged on the same test rows: one training each, so that small differences may be "
    text += "the seed's."
    return Section(title=f"What {option} does", text=text, views=(bars, scores, table))


@CHECKS.register("training-course")
@dataclass(frozen=True, kw_only=True)
class TrainingCourse:
    """Did the training end where it was still getting better?"""

    rule: ClassVar[str] = "AK404"
    title: ClassVar[str] = "How the training went"
    topic: ClassVar[Topic] = Topic.TRAINING

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The epoch that was kept, and the curves."""
        training = subject.required_card.training
        kept = training.history[training.best_epoch - 1]
        judged = not math.isnan(kept.validation_loss)
        why = (
            "its validation loss was the lowest"
            if judged
            else "it was the last, as nothing that can be judged while training says which is best"
        )
        yield finding(
            f"Of {len(training.history)} epochs number {training.best_epoch} was kept: {why}.",
            exactly(training.best_epoch, n=training.train_rows),
            metric="epoch kept",
            unit=Unit.COUNT,
        )
        yield Section(
            title="How the training went",
            text="Training loss is measured with dropout at work and before the epoch's last "
            "steps, so that it may lie above validation loss. Where validation loss rises while "
            "training loss falls, the network memorises. A layer whose update is far below a "
            "thousandth of its weights hardly learns; far above, it does not settle.",
            views=tuple(_curves(training)),
        )


def _curves(training: Training) -> Iterator[Lines]:
    history = training.history
    yield from _lines(
        training,
        "Loss by epoch",
        {
            "train loss": [one.train_loss for one in history],
            "validation loss": [one.validation_loss for one in history],
        },
    )
    shares = {"dead units": [one.dead_units for one in history]}
    shares["saturated units"] = [one.saturated_units for one in history]
    others: dict[str, list[float]] = {}
    for name in dict.fromkeys(name for one in history for name in one.metrics):
        values = [one.metrics.get(name, math.nan) for one in history]
        (shares if "accuracy" in name else others)[name] = values
    yield from _lines(training, "Accuracy and idle units by epoch", shares, unit=Unit.SHARE)
    for name, values in others.items():
        yield from _lines(training, f"{name.capitalize()} by epoch", {name: values})
    yield from _lines(
        training,
        "Gradient norm by epoch",
        {"gradient norm": [one.gradient_norm for one in history]},
    )
    yield from _lines(
        training,
        "Learning rate by epoch",
        {"learning rate": [one.learning_rate for one in history]},
    )
    yield from _lines(
        training,
        "Update over weights, by layer",
        _by_layer(history, place=1),
        text="The norm of a layer's last change in an epoch over that of its weights; the layers "
        f"with the largest, at most {MOST_LAYERS}.",
    )


def _lines(
    training: Training,
    title: str,
    columns: dict[str, list[float]],
    *,
    unit: Unit = Unit.NUMBER,
    text: str = "",
) -> Iterator[Lines]:
    """A picture of the columns that hold a number at all; none where none does."""
    known = {name: values for name, values in columns.items() if any(map(math.isfinite, values))}
    if known:
        yield Lines(
            title=title,
            frame=pd.DataFrame({"epoch": [one.epoch for one in training.history], **known}),
            x="epoch",
            y=tuple(known),
            unit=unit,
            mark=float(training.best_epoch),
            mark_label="kept",
            text=text,
        )


def _by_layer(history: Sequence[Epoch], *, place: int) -> dict[str, list[float]]:
    names = list(dict.fromkeys(name for one in history for name in one.layers))
    nothing = (math.nan, math.nan)
    found = {name: [one.layers.get(name, nothing)[place] for one in history] for name in names}
    ranked = sorted(names, key=lambda name: -max(found[name], key=lambda v: (v == v, v)))
    return {name: found[name] for name in ranked[:MOST_LAYERS]}
