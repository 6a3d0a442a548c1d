"""How members' scores go with the detail of an image: smooth photographs look more like fakes.

Generators smooth, and so do fog, water and a lens out of focus. A score is therefore read beside
those of real images of as much detail: less their mean there, in units of how far they spread
there: what is promised on average holds more evenly (normalised nonconformity). Calibration images
are read by the lines of folds without them, nearly as a new one is by the lines of all; simulated
false alarms stay at or below what is promised.

Papadopoulos, Vovk & Gammerman 2011, "Regression Conformal Prediction with Nearest Neighbours";
Lei et al. 2018, "Distribution-Free Predictive Inference for Regression".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.detection.conformal import numbers, once_each
from auditkit.errors import DataError

Floats = NDArray[np.float64]
NARROWEST = 0.25  # of the mean spread: no image is read in a finer unit
DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Detail:
    """Straight lines over detail, the mean log power of the upper half of the frequencies.

    mean and spread are (value at 0, slope) of real scores; ends are the least and the most detail
    of a calibration image, beyond which both are as at the end; least bounds the spread from below.
    """

    mean: tuple[float, float]
    spread: tuple[float, float]
    ends: tuple[float, float]
    least: float

    @classmethod
    def of(cls, score: Floats, spectra: Floats, original: ArrayLike) -> Self:
        """From scores (n,) and spectra (n, bands) of real images, each original once."""
        detail, (weight, _) = _detail(spectra), once_each(original)
        mean = _line(detail, score, weight)
        far = np.abs(score - mean[0] - mean[1] * detail)
        return cls(
            mean=mean,
            spread=_line(detail, far, weight),
            ends=(round(float(detail.min()), DIGITS), round(float(detail.max()), DIGITS)),
            least=max(round(NARROWEST * float(np.average(far, weights=weight)), DIGITS), 1e-6),
        )

    @classmethod
    def from_dict(cls, raw: Any) -> Self:
        """What `dataclasses.asdict` gave. Raises DataError where it is anything else."""
        if not isinstance(raw, Mapping):
            raise DataError("the calibration is not one that auditkit wrote: it tells no detail")
        pairs = {name: numbers(raw, name) for name in ("mean", "spread", "ends")}
        (least,) = numbers({"least": [raw.get("least")]}, "least")
        if any(len(one) != 2 for one in pairs.values()) or least <= 0:
            raise DataError("the calibration is not one that auditkit wrote: impossible detail")
        mean, spread, ends = ((one[0], one[1]) for one in pairs.values())
        return cls(mean=mean, spread=spread, ends=ends, least=least)

    def beside(self, score: Floats, spectra: Floats) -> Floats:
        """Scores (n,) less the mean of real images of as much detail, in units of their spread."""
        detail = _detail(spectra).clip(*self.ends)
        spread = np.maximum(self.spread[0] + self.spread[1] * detail, self.least)
        return np.asarray((score - self.mean[0] - self.mean[1] * detail) / spread)


def _detail(spectra: Floats) -> Floats:
    return np.asarray(spectra[:, spectra.shape[1] // 2 :].mean(axis=1))


def _line(x: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Value at 0 and slope by least squares; level where x does not vary."""
    middle, height = np.average(x, weights=weight), np.average(y, weights=weight)
    off = x - middle
    square = float(np.average(off**2, weights=weight))
    slope = float(np.average(off * (y - height), weights=weight)) / square if square > 1e-9 else 0.0
    return round(float(height - slope * middle), DIGITS), round(slope, DIGITS)
