"""What is left of a detector when images were saved, blurred, scaled, cropped or made noisy.

What is done to an image does not depend on whether it was made. Calls are at the threshold that
the detector was calibrated to, which knows nothing of what is done here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.detection import evaluation
from auditkit.detection.calibration import ALPHA, Answer
from auditkit.detection.corpus import FAKE, GENERATOR, IMAGE, LABEL, ORIGINAL, SOURCE
from auditkit.detection.degrading import DEGRADATIONS, degraded
from auditkit.detection.files import Detector
from auditkit.errors import DataError
from auditkit.runtime import Runtime, track
from auditkit.statistics.estimate import Estimate

Pixels = NDArray[np.uint8]
UNTOUCHED = "untouched"
FEWEST = 20  # images of each class


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a detector is worth after one thing was done to all images.

    kind is of `DEGRADATIONS`, or UNTOUCHED. balanced is the balanced accuracy of p-values of at
    most 5 % as calls; false_alarms the share of real images whose answer is fake.
    """

    kind: str
    strength: float
    auc: Estimate
    balanced: Estimate
    false_alarms: Estimate
    answered: Estimate

    @property
    def title(self) -> str:
        """In words: JPEG (quality: 60)."""
        if self.kind == UNTOUCHED:
            return UNTOUCHED
        one = DEGRADATIONS[self.kind]
        return f"{one.title} ({one.unit}: {self.strength:g})"


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """The images as they are, and after each kind and strength, the mildest of a kind first."""

    untouched: Step
    steps: tuple[Step, ...]

    def of(self, kind: str) -> tuple[Step, ...]:
        """The steps of one kind."""
        return tuple(one for one in self.steps if one.kind == kind)

    @property
    def strongest(self) -> tuple[Step, ...]:
        """The last step of each kind."""
        return tuple(self.of(kind)[-1] for kind in dict.fromkeys(s.kind for s in self.steps))

    @property
    def most_alarming(self) -> Step:
        """Where most real images are called fake."""
        return max(self.steps, key=lambda one: one.false_alarms.value)


def robustness(
    detector: Detector,
    corpus: pd.DataFrame,
    runtime: Runtime,
    *,
    kinds: Sequence[str] = tuple(DEGRADATIONS),
    most: int = 300,
) -> Robustness:
    """Degradations of the table, by default all, at all strengths, on at most `most` images.

    As many real as made ones, sources and generators by turns. Raises DataError where a class has
    fewer than 20.
    """
    rows = _by_turns(corpus, most, runtime.rng("images that are degraded"))
    fake = (rows[LABEL] == FAKE).to_numpy(dtype=bool)
    if min(fake.sum(), (~fake).sum()) < FEWEST:
        raise DataError(
            f"{int((~fake).sum())} real and {int(fake.sum())} made images are too few to degrade: "
            f"{FEWEST} of each are needed"
        )
    images: list[Pixels] = list(rows[IMAGE])
    untouched = _step(UNTOUCHED, 0.0, images, rows, detector, runtime)
    plan = [(kind, strength) for kind in kinds for strength in DEGRADATIONS[kind].strengths]
    steps = []
    for kind, strength in track(plan, "degraded images", len(plan)):
        rng = runtime.rng(f"degraded: {kind} {strength:g}")
        changed = [degraded(one, kind, strength, rng) for one in images]
        steps.append(_step(kind, strength, changed, rows, detector, runtime))
    return Robustness(untouched=untouched, steps=tuple(steps))


def _step(
    kind: str,
    strength: float,
    images: Sequence[Pixels],
    rows: pd.DataFrame,
    detector: Detector,
    runtime: Runtime,
) -> Step:
    said = detector.answers(list(images), runtime)
    fake, whose = (rows[LABEL] == FAKE).to_numpy(dtype=bool), rows[ORIGINAL].to_numpy()
    whole = evaluation.answered(said["answer"], fake, whose)
    return Step(
        kind=kind,
        strength=strength,
        auc=evaluation.auc(said["score"], fake, whose),
        balanced=evaluation.balanced_accuracy(said["p_value"] <= ALPHA, fake, whose),
        false_alarms=evaluation.false_alarms(said["answer"] == Answer.FAKE, fake, whose),
        answered=whole.answered,
    )


def _by_turns(corpus: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.DataFrame:
    """Half real, half made; one of each source and generator, then another of each, and so on."""
    shuffled = corpus.iloc[rng.permutation(len(corpus))]
    turn = shuffled.groupby([SOURCE, GENERATOR]).cumcount()
    ordered = shuffled.iloc[np.argsort(turn.to_numpy(), kind="stable")]
    return ordered.groupby(LABEL).head(most // 2).reset_index(drop=True)
