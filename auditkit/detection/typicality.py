"""Whether an image is like any that a detector was calibrated on, by its spectrum.

Only low frequencies are asked, which say what an image is of: the high ones hold the traces of
generators, and one not seen before must not pass for a strange image. The distance is
Mahalanobis', for bands go together: white noise has ordinary power in each and no ordinary
spectrum. How far is too far is read off calibration images, so that tails may be heavy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.detection.conformal import Tail, numbers, once_each
from auditkit.errors import DataError

Floats = NDArray[np.float64]

FOLDS = 5  # a calibration image's distance is from images of other originals, as a new one's is
LEAST = 1e-6  # variance of a band that does not vary
LOW = 12  # bands, of 32: up to .19 cycles a pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Calibration spectra of one kind: their mean, what makes them white, and their distances.

    mean is (LOW,); white holds the lower triangle, row by row, of a W with W'W the inverse
    covariance.
    """

    mean: tuple[float, ...]
    white: tuple[float, ...]
    far: Tail

    @classmethod
    def of(cls, spectra: Floats, original: ArrayLike, counted: ArrayLike) -> Self:
        """From spectra (n, bands), the original behind each (n,), and what counts once (n,)."""
        codes, once = (pd.factorize(np.asarray(one))[0] for one in (original, counted))
        spectra = spectra[:, :LOW]
        mean, white = _fitted(spectra, once)
        folds = min(FOLDS, codes.max() + 1)
        distances = _distance(spectra, mean, white)
        for fold in range(folds if folds > 1 else 0):
            out = codes % folds == fold
            distances[out] = _distance(spectra[out], *_fitted(spectra[~out], once[~out]))
        return cls(
            mean=rounded(mean),
            white=rounded(white[np.tril_indices(LOW)]),
            far=Tail.of(distances, once),
        )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` gave. Raises DataError where it is no such cloud."""
        mean, white, far = numbers(raw, "mean"), numbers(raw, "white"), raw.get("far")
        sizes = (len(mean), len(white))
        if sizes != (LOW, LOW * (LOW + 1) // 2) or not isinstance(far, Mapping):
            raise DataError("the calibration is not one that auditkit wrote: spectra do not fit")
        return cls(mean=mean, white=white, far=Tail.from_dict(far))

    def as_far(self, spectra: Floats) -> Floats:
        """The share of this kind's originals at least as far out as spectra (n, bands): (n,)."""
        white = np.zeros((LOW, LOW))
        white[np.tril_indices(LOW)] = self.white
        return self.far.share(_distance(spectra[:, :LOW], np.array(self.mean), white))


def rounded(values: ArrayLike) -> tuple[float, ...]:
    """Seven digits of each value: what a file needs."""
    return tuple(float(f"{one:.7g}") for one in np.asarray(values, float).ravel())


def _fitted(spectra: Floats, counted: ArrayLike) -> tuple[Floats, Floats]:
    """Mean and white; of few that count, bands are taken to vary by themselves."""
    weight, originals = once_each(counted)
    mean = np.average(spectra, axis=0, weights=weight)
    moved = spectra - mean
    covariance = (moved * weight[:, None]).T @ moved / originals
    alone = np.diag(covariance.diagonal().clip(LEAST))
    bands = len(mean)
    own = originals / (originals + bands)
    return mean, np.linalg.inv(np.linalg.cholesky(own * covariance + (1 - own) * alone))


def _distance(spectra: Floats, mean: Floats, white: Floats) -> Floats:
    moved = (spectra - mean) @ white.T
    return np.asarray(np.sqrt((moved**2).mean(axis=1)))
