"""How often is the right one of several classes said?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auditkit.checks.base import CHECKS, at_least, finding, percent, points
from auditkit.data.schema import Task
from auditkit.models import baselines
from auditkit.models.baselines import Baseline
from auditkit.ranges import GAP, SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Table, Topic, Unit
from auditkit.statistics import multiclass
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

MOST_CLASSES = 50  # shown one by one


@CHECKS.register("class-performance")
@dataclass(frozen=True, kw_only=True)
class ClassPerformance:
    """Accuracy above that of a majority guess; no class forgotten for being rare.

    Accuracy counts rows, so that the commonest class weighs most; macro recall and macro F1
    count classes. Beyond the majority guess nothing is judged unless you set a limit.
    """

    rule: ClassVar[str] = "AK104"
    title: ClassVar[str] = "Performance by class"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    min_gain: float = ranged(0.0, *GAP)
    min_accuracy: float | None = ranged(None, *SHARE)
    min_macro_recall: float | None = ranged(None, *SHARE)
    min_class_recall: float | None = ranged(None, *SHARE)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Accuracy, gain, macro recall and F1, the worst class, log loss; the confusions."""
        subject.require(Task.CLASSES)
        levels = subject.table.schema.target.levels
        known = None if subject.train is None else subject.train_expected
        guess = baselines.majority(known, subject.classes, classes=len(levels))
        said = subject.probabilities.argmax(axis=1)
        counts = multiclass.confusion(subject.classes, said, len(levels))
        yield self._accuracy(subject, guess)
        yield self._gain(subject, guess)
        yield from self._means(counts, levels)
        yield self._worst(counts, levels)
        yield _loss(subject, len(levels))
        yield _section(counts, levels)

    def _accuracy(self, subject: Subject, guess: Baseline) -> Finding:
        accuracy = multiclass.accuracy(subject.right)
        guessed = multiclass.accuracy(guess.predictions == subject.classes)
        return finding(
            f"The model says the right class for {percent(accuracy.value)} of {accuracy.n:,} rows; "
            f"a majority guess ({guess.how}) for {percent(guessed.value)}.",
            accuracy,
            metric="accuracy",
            status=at_least(accuracy, self.min_accuracy),
            limit=self.min_accuracy,
            null=guessed.value,
            remedy="Train longer, with more rows or better features, or do not use the model.",
            rows_needed=lambda: settled_at(accuracy, self.min_accuracy),
        )

    def _gain(self, subject: Subject, guess: Baseline) -> Finding:
        gain = multiclass.accuracy_difference(subject.right, guess.predictions == subject.classes)
        side = "above" if gain.value >= 0 else "below"
        return finding(
            f"Accuracy is {points(abs(gain.value))} {side} that of a majority guess.",
            gain,
            metric="gain over a majority guess",
            unit=Unit.POINTS,
            status=at_least(gain, self.min_gain),
            limit=self.min_gain,
            null=0.0,
            remedy="Do not use this model: it adds nothing to always saying the commonest class.",
            rows_needed=lambda: settled_at(gain, self.min_gain),
        )

    def _means(self, counts: np.ndarray, levels: tuple[str, ...]) -> Iterator[Finding]:
        recall = multiclass.macro_recall(counts, levels)
        yield finding(
            f"Each class counting alike, {percent(recall.value)} of its rows are recognised on "
            f"average; chance alone would give {percent(1 / len(levels))}.",
            recall,
            metric="macro recall",
            status=at_least(recall, self.min_macro_recall),
            limit=self.min_macro_recall,
            null=1 / len(levels),
            remedy="Weigh the rare classes more in training, or gather more of their rows.",
            rows_needed=lambda: settled_at(recall, self.min_macro_recall),
        )
        f1 = multiclass.macro_f1(counts, levels)
        yield finding(f"The mean F1 of the classes is {percent(f1.value)}.", f1, metric="macro F1")

    def _worst(self, counts: np.ndarray, levels: tuple[str, ...]) -> Finding:
        least, place = multiclass.least_recall(counts, levels)
        name = levels[place] if place >= 0 else "none"
        return finding(
            f"The class recognised least often is {name}: {percent(least.value)} of its "
            f"{least.n:,} rows.",
            least,
            metric="recall of the worst class",
            status=at_least(least, self.min_class_recall),
            limit=self.min_class_recall,
            where={"class": name},
            remedy="Look at what this class is taken for, gather more of its rows, or do not let "
            "the model decide where it may occur.",
            rows_needed=lambda: settled_at(least, self.min_class_recall),
        )


def _loss(subject: Subject, classes: int) -> Finding:
    loss = multiclass.log_loss(subject.classes, subject.probabilities)
    base = multiclass.base_log_loss(subject.classes, classes)
    return finding(
        f"The mean log loss is {loss.value:.3f} nats; always giving the classes' shares costs "
        f"{base:.3f}.",
        loss,
        metric="log loss",
        unit=Unit.NUMBER,
        null=base,
    )


def _section(counts: np.ndarray, levels: tuple[str, ...]) -> Section:
    frame = multiclass.by_class(counts, levels)
    text = ""
    if len(frame) > MOST_CLASSES:
        frame = frame.nsmallest(MOST_CLASSES, "recall").reset_index(drop=True)
        text = f"The {MOST_CLASSES} of {len(levels)} classes that are recognised least often."
    picture = Intervals(
        title="Recall by class",
        frame=frame[["class", "recall", "recall low", "recall high"]],
        label="class",
        value="recall",
        low="recall low",
        high="recall high",
        text=text or "Of the rows of a class, the share that is recognised.",
    )
    shares = tuple(name for name in frame.columns if name not in ("class", "rows", "called so"))
    table = Table(title="Every class", frame=frame, shares=shares, text=text)
    mistakes = Table(
        title="The commonest mistakes",
        frame=multiclass.confusions(counts, levels),
        shares=("share",),
        text="share is of the rows of the right class.",
    )
    return Section(
        title="Which classes are told apart",
        text="Recall: of the rows of a class, the share called so. Precision: of the rows called "
        "so, the share that are. F1 is their harmonic mean. Each interval holds for its class "
        "alone.",
        views=(picture, table, mistakes),
    )
