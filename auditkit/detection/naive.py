"""What a leak of the format does: a detector that learned it, and the same images in one format.

Real images are stored as JPEG and fakes are not, as in many a published corpus. A detector that is
trained on such files looks perfect, and says little once all images went through one program.

Grommelt 2024, "Fake or JPEG? Revealing Common Biases in Generated Image Detection Datasets".
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.detection.corpus import IMAGE, ORIGINAL
from auditkit.detection.degrading import degraded
from auditkit.detection.evaluation import auc, balanced_accuracy
from auditkit.detection.leaks import evened
from auditkit.detection.quick import QuickDetector, halved, made, readable, spectra
from auditkit.detection.traits import grid_spectrum
from auditkit.errors import DataError
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

QUALITY = 60  # of JPEG: what many web sites save
FEWEST = 20  # real and made images in each half
LEAK, JPEG, LOSSLESS = "real as JPEG, made as PNG", "all as JPEG", "all as PNG"
ONE_ENCODER = "one encoder for all"
NOTHING_MADE = "real images alone, half of them stored as JPEG and called real"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A quick detector that learned from files stored in one way, asked about others."""

    trained: str
    tested: str
    auc: Estimate
    accuracy: Estimate


def collapse(corpus: pd.DataFrame, runtime: Runtime, *, most: int = 800) -> tuple[Trial, ...]:
    """What leaking files teach, beside one encoder for all, tried on other originals.

    The last trials have no fakes at all: whatever is found there is the format. Raises DataError
    where a class has too few images.
    """
    rng = runtime.rng("a leak of the format")
    rows = evened(readable(corpus), rng, most)
    fake, original = made(rows), rows[ORIGINAL].to_numpy()
    learned = halved(rows[ORIGINAL], rng)
    fewest = min((half & one).sum() for half in (learned, ~learned) for one in (fake, ~fake))
    if fewest < FEWEST:
        raise DataError(
            f"{fewest} images of a class in one half of the originals are too few to show what a "
            f"leak does: {FEWEST} are needed"
        )
    plain = _seen(list(rows[IMAGE]))
    stored = _seen([degraded(one, "jpeg", QUALITY, rng) for one in rows[IMAGE]])
    leaking = np.where(fake[:, None], plain, stored)
    honest, naive = (QuickDetector(one[learned], fake[learned]) for one in (stored, leaking))
    forms = {LEAK: leaking, JPEG: stored, LOSSLESS: plain}
    asked = _Asked(~learned, fake, original)
    return (
        *(asked.trial(LEAK, naive, name, one) for name, one in forms.items()),
        asked.trial(ONE_ENCODER, honest, JPEG, stored),
        *_without_fakes(plain[~fake], stored[~fake], original[~fake], learned[~fake]),
    )


def _seen(images: list[NDArray[np.uint8]]) -> Floats:
    """What a naive detector reads: the spectra, and the frequencies that JPEG rounds."""
    return np.hstack([spectra(images), np.stack([grid_spectrum(one) for one in images])])


def _without_fakes(
    plain: Floats, stored: Floats, original: NDArray[np.object_], learned: Bools
) -> list[Trial]:
    """Real images alone; every other original is left in PNG and called made."""
    places, _ = pd.factorize(pd.Series(original).astype(str))
    called = places % 2 == 0
    leaking = np.where(called[:, None], plain, stored)
    detector = QuickDetector(leaking[learned], called[learned])
    asked = _Asked(~learned, called, original)
    return [
        asked.trial(NOTHING_MADE, detector, name, one)
        for name, one in ((LEAK, leaking), (JPEG, stored))
    ]


@dataclass(frozen=True, eq=False)
class _Asked:
    rows: Bools
    fake: Bools
    original: NDArray[np.object_]

    def trial(self, trained: str, detector: QuickDetector, tested: str, features: Floats) -> Trial:
        said = detector.probability(features[self.rows])
        fake, original = self.fake[self.rows], self.original[self.rows]
        return Trial(
            trained=trained,
            tested=tested,
            auc=auc(said, fake, original),
            accuracy=balanced_accuracy(said >= 0.5, fake, original),
        )
