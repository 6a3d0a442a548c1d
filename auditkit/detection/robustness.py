"""What is left of a detector when images were saved, blurred, scaled, cropped or made noisy.

What is done to an image does not depend on whether it was made. Calls are at the threshold that
the detector was calibrated to, which knows nothing of what is done here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from auditkit.detection import evaluation
from auditkit.detection.calibration import ALPHA, Answer
from auditkit.detection.corpus import FAKE, GENERATOR, IMAGE, LABEL, ORIGINAL, SOURCE
from auditkit.detection.degrading import DEGRADATIONS, degraded
from auditkit.detection.files import Detector
from auditkit.detection.patches import grey
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
    most 5 % as calls; false_alarms the share of real images whose answer is fake, by_source that
    of each source's.
    """

    kind: str
    strength: float
    auc: Estimate
    balanced: Estimate
    false_alarms: Estimate
    by_source: Mapping[str, Estimate]
    answered: Estimate

    @property
    def most_accused(self) -> str:
        """The source whose real images are called fake most."""
        return max(self.by_source, key=lambda one: self.by_source[one].value)

    @property
    def title(self) -> str:
        """In words: JPEG (quality: 60)."""
        if self.kind == UNTOUCHED:
            return UNTOUCHED
        one = DEGRADATIONS[self.kind]
        return f"{one.title} ({one.unit}: {self.strength:g})"


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """The images as they are, and after each kind and strength, the mildest of a kind first.

    smooth is the share of untouched real images called fake among the quarter with the least
    detail, detailed that among the others: whatever smooths, fog or a lens out of focus, may look
    like a generator.
    """

    untouched: Step
    smooth: Estimate
    detailed: Estimate
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
    said = detector.answers(images, runtime)
    untouched = _step(UNTOUCHED, 0.0, said, rows)
    plan = [(kind, strength) for kind in kinds for strength in DEGRADATIONS[kind].strengths]
    steps = []
    for kind, strength in track(plan, "degraded images", len(plan)):
        rng = runtime.rng(f"degraded: {kind} {strength:g}")
        changed = [degraded(one, kind, strength, rng) for one in images]
        steps.append(_step(kind, strength, detector.answers(changed, runtime), rows))
    smooth, detailed = _by_detail(said[~fake], rows[~fake])
    return Robustness(untouched=untouched, steps=tuple(steps), smooth=smooth, detailed=detailed)


def detail(pixels: Pixels) -> float:
    """How far pixels lie from a blur of one pixel, on average, in grey levels."""
    bright = grey(pixels).astype(np.float64) * 255
    return float(np.abs(bright - gaussian_filter(bright, 1.0, mode="reflect")).mean())


def _by_detail(said: pd.DataFrame, rows: pd.DataFrame) -> tuple[Estimate, Estimate]:
    """Shares called fake of the quarter of rows with the least detail, and of the rest."""
    called, whose = (said["answer"] == Answer.FAKE).to_numpy(), rows[ORIGINAL].to_numpy()
    order = np.argsort([detail(one) for one in rows[IMAGE]], kind="stable")
    ends = np.split(order, [len(order) // 4])
    smooth, detailed = (evaluation.share_of(called[one], whose[one]) for one in ends)
    return smooth, detailed


def _step(kind: str, strength: float, said: pd.DataFrame, rows: pd.DataFrame) -> Step:
    fake, whose = (rows[LABEL] == FAKE).to_numpy(dtype=bool), rows[ORIGINAL].to_numpy()
    called = (said["answer"] == Answer.FAKE).to_numpy()
    source = rows[SOURCE].to_numpy().astype(str)
    of = {str(one): ~fake & (source == one) for one in np.unique(source[~fake])}
    return Step(
        kind=kind,
        strength=strength,
        auc=evaluation.auc(said["score"], fake, whose),
        balanced=evaluation.balanced_accuracy(said["p_value"] <= ALPHA, fake, whose),
        false_alarms=evaluation.false_alarms(called, fake, whose),
        by_source={name: evaluation.share_of(called[at], whose[at]) for name, at in of.items()},
        answered=evaluation.share_of(said["answer"] != Answer.ABSTAIN, whose),
    )


def _by_turns(corpus: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.DataFrame:
    """Half real, half made; one of each source and generator, then another of each, and so on."""
    shuffled = corpus.iloc[rng.permutation(len(corpus))]
    turn = shuffled.groupby([SOURCE, GENERATOR]).cumcount()
    ordered = shuffled.iloc[np.argsort(turn.to_numpy(), kind="stable")]
    return ordered.groupby(LABEL).head(most // 2).reset_index(drop=True)
