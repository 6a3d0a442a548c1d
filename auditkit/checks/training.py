"""How the model came to be: did it learn or memorise, how many units are idle, what did it cost?"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import ClassVar

import pandas as pd

from auditkit.checks.base import CHECKS, at_most, exactly, finding, percent, points
from auditkit.models.card import Training
from auditkit.ranges import GAP, SHARE, ranged
from auditkit.results import Finding, Lines, Section, Table, Topic, Unit
from auditkit.statistics.classification import accuracy
from auditkit.statistics.estimate import independent_difference, settled_at
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
        """The gap in accuracy between training and audited rows, and the curves of training."""
        seen = accuracy(subject.train_labels, subject.train_predictions)
        fresh = accuracy(subject.labels, subject.predictions)
        gap = independent_difference(seen, fresh)
        yield finding(
            f"The model is right for {percent(seen.value)} of the rows it was trained with and "
            f"for {percent(fresh.value)} of the audited ones: a gap of {points(gap.value)}.",
            gap,
            metric="over-fitting gap",
            unit=Unit.POINTS,
            status=at_most(gap, self.max_gap),
            limit=self.max_gap,
            null=0.0,
            remedy="Train with more rows, stronger regularisation or earlier stopping.",
            rows_needed=lambda: settled_at(gap, self.max_gap),
        )
        if subject.card is not None:
            yield _curves(subject.card.training)


@CHECKS.register("dead-units")
@dataclass(frozen=True, kw_only=True)
class DeadUnits:
    """How many hidden units answer no row at all?"""

    rule: ClassVar[str] = "AK402"
    title: ClassVar[str] = "Dead units"
    topic: ClassVar[Topic] = Topic.TRAINING

    max_share: float = ranged(0.5, *SHARE)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The share of dead units at the epoch that was kept."""
        training = subject.required_card.training
        kept = training.history[training.best_epoch - 1]
        share = exactly(
            kept.dead_units, n=training.validation_rows, method="counted on the validation rows"
        )
        yield finding(
            f"{percent(share.value)} of the hidden units stay at 0 on every validation row.",
            share,
            metric="share of dead units",
            status=at_most(share, self.max_share),
            limit=self.max_share,
            remedy="Lower the learning rate, or use an activation that cannot die.",
        )


@CHECKS.register("cost")
@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the training took: rows, parameters, time, device."""

    rule: ClassVar[str] = "AK403"
    title: ClassVar[str] = "Cost of training"
    topic: ClassVar[Topic] = Topic.TRAINING

    max_seconds: float | None = ranged(None, 0)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Seconds and what they were spent on."""
        card = subject.required_card
        training = card.training
        seconds = exactly(training.seconds, n=training.train_rows, method="wall time, one training")
        yield finding(
            f"Training took {training.seconds:.0f} seconds on {training.hardware}, for "
            f"{training.parameters:,} parameters and {training.train_rows:,} rows.",
            seconds,
            metric="training time in seconds",
            unit=Unit.NUMBER,
            status=at_most(seconds, self.max_seconds),
            limit=self.max_seconds,
            remedy="Train a smaller network, or stop earlier.",
        )
        facts = {
            "hardware": training.hardware,
            "device": training.device,
            "seed": training.seed,
            "training rows": training.train_rows,
            "validation rows": training.validation_rows,
            "parameters": training.parameters,
            "epochs trained": len(training.history),
            "epoch kept": training.best_epoch,
            **{
                name.replace("_", " "): value
                for name, value in (*training.recipe.items(), *card.options.items())
            },
        }
        frame = pd.DataFrame({"what": list(facts), "value": [str(one) for one in facts.values()]})
        table = Table(title="Training in figures", frame=frame)
        text = "The appetite of a network for rows and computing is part of its price."
        yield Section(title="What the training took", text=text, views=(table,))


def _curves(training: Training) -> Section:
    frame = pd.DataFrame([asdict(epoch) for epoch in training.history])
    frame.columns = pd.Index([name.replace("_", " ") for name in frame.columns])

    def lines(title: str, *y: str, unit: Unit = Unit.NUMBER) -> Lines:
        return Lines(
            title=title,
            frame=frame[["epoch", *y]],
            x="epoch",
            y=y,
            unit=unit,
            mark=float(training.best_epoch),
            mark_label="kept",
        )

    return Section(
        title="How the training went",
        text="Training loss is measured with dropout at work and before the epoch's last steps, so "
        "that it may lie above validation loss. Where validation loss rises while training loss "
        "falls, the network memorises.",
        views=(
            lines("Loss by epoch", "train loss", "validation loss"),
            lines(
                "Accuracy and dead units by epoch",
                "validation accuracy",
                "dead units",
                unit=Unit.SHARE,
            ),
            lines("Gradient norm by epoch", "gradient norm"),
        ),
    )
