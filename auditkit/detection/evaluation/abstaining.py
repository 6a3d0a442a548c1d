"""What not answering buys: errors among the images that are answered first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.detection.evaluation.by_original import (
    NO_ROWS,
    Floats,
    codes,
    independent,
    limited,
    require_same,
    running_mean,
    share_of,
    variance_of,
)
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined

POINTS = 40  # of a curve


@dataclass(frozen=True, kw_only=True, eq=False)
class RiskCoverage:
    """Errors among the surest images, by the share of images that is answered.

    curve has coverage (rising to 1), risk with low and high at each point by itself, and oracle:
    the risk if the wrong ones were left out first. area is the mean risk over all coverages, 0 is
    ideal; `random` is what leaving images out by lot gives, `oracle` the least for as many errors.
    """

    curve: pd.DataFrame
    area: Estimate
    random: float
    oracle: float


def risk_coverage(
    certainty: ArrayLike,
    wrong: ArrayLike,
    original: ArrayLike,
    *,
    points: int = POINTS,
    confidence: float = 0.95,
) -> RiskCoverage:
    """The curve of wrong (n,) calls, the surest answered first; certainty (n,) is of any scale.

    Images of equal certainty are answered together. Undefined without rows.

    El-Yaniv & Wiener 2010, "On the Foundations of Noise-free Selective Classification"; area and
    oracle: Geifman, Uziel & El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation".
    """
    sure, error, whose = np.asarray(certainty, float), np.asarray(wrong, bool), codes(original)
    require_same(sure, error, whose)
    if not len(sure):
        nothing = pd.DataFrame(columns=["coverage", "risk", "low", "high", "oracle"])
        return RiskCoverage(
            curve=nothing, area=undefined(NO_ROWS), random=float("nan"), oracle=float("nan")
        )
    if np.isnan(sure).any():
        raise DataError("a certainty is NaN; give those images the least")
    value, influence = running_mean(sure, error, np.ones(len(sure), dtype=bool))
    area = limited(
        value,
        variance_of(influence, whose),
        whose,
        without=independent(whose),
        confidence=confidence,
        method="linearised, score limits",
    )
    ideal = _oracle(int(error.sum()), np.arange(1, len(sure) + 1))
    order = np.argsort(-sure, kind="stable")
    last = np.flatnonzero(np.diff(sure[order], append=np.nan) != 0) + 1  # rows at each threshold
    kept = last[np.unique(np.searchsorted(last, np.linspace(0, len(sure), points + 1)[1:]))]
    found = [share_of(error[order[:n]], whose[order[:n]], confidence=confidence) for n in kept]
    return RiskCoverage(
        curve=_curve(kept / len(sure), found, ideal[kept - 1]),
        area=area,
        random=float(error.mean()),
        oracle=float(ideal.mean()),
    )


def _curve(coverage: Floats, risks: Sequence[Estimate], oracle: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "coverage": coverage,
            "risk": [one.value for one in risks],
            "low": [one.low for one in risks],
            "high": [one.high for one in risks],
            "oracle": oracle,
        }
    )


def certainty(probability: ArrayLike, answered: ArrayLike) -> Floats:
    """How sure a call is, (n,): how far from a half; images without an answer come last."""
    far = np.abs(np.asarray(probability, float) - 0.5)
    return np.where(np.asarray(answered, bool), far, far - 1)


def _oracle(errors: int, answered: NDArray[np.int64]) -> Floats:
    """The least risk (n,) of so many answered images (n,) when the right ones come first."""
    right = answered[-1] - errors
    return np.asarray(np.maximum(answered - right, 0) / answered)
