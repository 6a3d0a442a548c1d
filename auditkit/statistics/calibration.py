"""Whether a score of .7 comes true seven times in ten: reliability, calibration error, Brier.

y is (n,) of 0 and 1; scores are (n,) in [0, 1], the probability of 1. Rows are put into bins of
about equal size by score; rows of equal score share a bin.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from auditkit.statistics.classification import binary, mean_estimate, probabilities
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval

Floats = NDArray[np.float64]
TINY = 1e-9  # a size for an error of a bin that has neither error nor noise
SHARP = 2.5  # standard errors by which a bin's error must stand out to be taken for real
CELLS = 10  # a bin's labels are drawn in this many cells of nearly equal score
STEPS = 14  # halvings in the search for a limit: to 1 in 16,384


def reliability(
    y: ArrayLike, score: ArrayLike, *, bins: int = 10, confidence: float = 0.95
) -> pd.DataFrame:
    """What was said beside what came true, a row per bin in order of score.

    Columns mean_score, observed (share of 1), low and high (Wilson limits of observed) and n.
    A calibrated model has mean_score = observed. Empty where there are no rows.
    """
    truth = binary(y, "y")
    scores = probabilities(score, truth)
    bin_of = quantile_bins(scores, bins)
    n = np.bincount(bin_of).astype(float)
    positives = np.bincount(bin_of, weights=truth)
    low, high = rate_interval(positives, n, confidence=confidence)
    return pd.DataFrame(
        {
            "mean_score": np.bincount(bin_of, weights=scores) / n,
            "observed": positives / n,
            "low": low,
            "high": high,
            "n": n.astype(int),
        }
    )


def quantile_bins(scores: Floats, bins: int) -> NDArray[np.int64]:
    """The bin of each row, (n,) from 0 without gaps; fewer than `bins` where scores are tied."""
    if not len(scores):
        return np.zeros(0, dtype=np.int64)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1], method="higher"))
    return np.unique(np.searchsorted(edges, scores, side="right"), return_inverse=True)[1]


def expected_calibration_error(
    y: ArrayLike,
    score: ArrayLike,
    *,
    rng: np.random.Generator,
    bins: int = 10,
    draws: int = 1000,
    confidence: float = 0.95,
) -> tuple[Estimate, float]:
    """Mean distance between score and outcome over the bins, and what chance alone gives.

    The first is the usual ECE, 0 is ideal; but it is above 0 for a perfect model too, and the
    second says by how much: its mean over labels drawn from the scores (consistency resampling).
    The interval is for the true error of these bins: the errors seen are scaled until an ECE as
    large, or as small, as the one seen would be rare. The lower limit holds for errors gathered
    in the bins that stand out, the upper one for errors spread as seen. So it is free of that
    bias, and reaches 0 where chance explains all; it is extended to hold the value itself.
    Undefined without rows.

    Broecker & Smith 2007, "Increasing the Reliability of Reliability Diagrams"; bias of the
    ECE: Roelofs et al. 2022, "Mitigating Bias in Calibration Error Estimation".
    """
    truth = binary(y, "y")
    scores = probabilities(score, truth)
    if not len(truth):
        return undefined("there are no rows"), math.nan
    return _judged(_binned(truth, scores, bins), rng, draws, confidence)


def calibration_error_of_counts(
    score: ArrayLike,
    positives: ArrayLike,
    negatives: ArrayLike,
    *,
    rng: np.random.Generator,
    bins: int = 10,
    draws: int = 1000,
    confidence: float = 0.95,
    alike: float = 1.0,
) -> tuple[Estimate, float]:
    """`expected_calibration_error` of rows that were counted at each distinct score (S,), rising.

    However many rows, it costs what as many scores do. alike is how many times the variance of
    independent rows theirs is. Undefined where nothing was counted.
    """
    scores, came = np.asarray(score, float), np.asarray(positives, float)
    n = came + np.asarray(negatives, float)
    some = n > 0
    if not some.any():
        return undefined("there are no rows"), math.nan
    binned = replace(_binned_counts(scores[some], came[some], n[some], bins), alike=alike)
    return _judged(binned, rng, draws, confidence)


def _judged(
    binned: "_Binned", rng: np.random.Generator, draws: int, confidence: float
) -> tuple[Estimate, float]:
    seed = int(rng.integers(2**63))
    rare = (1 - confidence) / 2
    null = binned.draw(np.zeros_like(binned.n), seed, draws)
    estimate = Estimate(
        value=binned.ece,
        low=min(_limit(binned, binned.sharp(), 1 - rare, seed, draws), binned.ece),
        high=max(_limit(binned, binned.spread(), rare, seed, draws), binned.ece),
        n=int(binned.n.sum()),
        method="consistency resampling, inverted",
        confidence=confidence,
    )
    return estimate, float(null.mean())


def brier(y: ArrayLike, score: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Mean squared distance of score and outcome: 0 is ideal, .25 is a score of always .5.

    The interval is Student's for a mean. Undefined without rows.

    Brier 1950, "Verification of Forecasts Expressed in Terms of Probability".
    """
    truth = binary(y, "y")
    squares = (probabilities(score, truth) - truth) ** 2
    return mean_estimate(squares, confidence=confidence, most=1.0)


def brier_skill(y: ArrayLike, score: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Share of the base rate's Brier score that the scores save: 1 is ideal, below 0 is worse.

    1 - Brier / (p (1 - p)), where p is the share of 1 in these rows. The interval is Student's
    on the influence of each row on this ratio. Undefined with one class.
    """
    truth = binary(y, "y")
    losses = (probabilities(score, truth) - truth) ** 2
    n = len(truth)
    if not 0 < truth.sum() < n:
        return undefined("only one class is present", n=n)
    reference = (truth - truth.mean()) ** 2
    ratio = losses.mean() / reference.mean()
    # The base rate minimises its own score: to first order its own error adds nothing.
    influence = (losses - ratio * reference) / reference.mean()
    half = float(t.ppf((1 + confidence) / 2, n - 1) * influence.std(ddof=1) / math.sqrt(n))
    skill = float(1 - ratio)
    return Estimate(
        value=skill,
        low=skill - half,
        high=skill + half,
        n=n,
        method="Student's t, linearised",
        confidence=confidence,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Binned:
    """Rows summed up: bins (B,), and the cells (C,) of nearly equal score that make them up."""

    n: Floats  # (B,) rows
    mean_score: Floats  # (B,)
    error: Floats  # (B,) observed share of 1, less mean_score
    cell_n: NDArray[np.int64]  # (C,)
    cell_score: Floats  # (C,)
    cell_bin: NDArray[np.int64]  # (C,) rising
    alike: float = 1.0  # how many times the variance of independent rows theirs is

    @property
    def ece(self) -> float:
        return float(np.average(np.abs(self.error), weights=self.n))

    @property
    def noise(self) -> Floats:
        """Standard error of each bin's share of 1 if the scores are right (B,)."""
        variances = self.cell_n * self.cell_score * (1 - self.cell_score)
        return np.asarray(np.sqrt(self.alike * np.bincount(self.cell_bin, variances)) / self.n)

    def spread(self) -> Floats:
        """The errors seen, none below its noise (B,): the shape that chance adds least to."""
        size = np.maximum(np.abs(self.error), np.maximum(self.noise, TINY))
        return np.where(self.error < 0, -size, size)

    def sharp(self) -> Floats:
        """The errors that stand out from their noise (B,), or the worst: chance adds most."""
        standing = np.abs(self.error) > SHARP * self.noise
        if not standing.any():
            standing[np.argmax(np.abs(self.error) - self.noise)] = True
        return np.where(standing, self.spread(), 0.0)

    def chances(self, errors: Floats) -> Floats:
        """Chance of 1 in each cell (C,) where the bins are wrong by errors (B,)."""
        return np.clip(self.cell_score + errors[self.cell_bin], 0, 1)

    def true_error(self, errors: Floats) -> float:
        """The ECE that endless rows would show, errors (B,) being the truth."""
        return float(self._errors_of(self.cell_n * self.chances(errors)))

    def draw(self, errors: Floats, seed: int, draws: int) -> Floats:
        """ECE of labels drawn anew, errors (B,) being the truth: (draws,).

        The same seed at each error keeps the search for a limit smooth.
        """
        rng, size = np.random.default_rng(seed), (draws, len(self.cell_n))
        chances = self.chances(errors)
        drawn = rng.binomial(self.cell_n, chances, size=size)
        if self.alike == 1:
            return self._errors_of(drawn)
        expected = self.cell_n * chances
        return self._errors_of(expected + np.sqrt(self.alike) * (drawn - expected))

    def _errors_of(self, positives: ArrayLike) -> Floats:
        """ECE of positives (..., C) -> (...)."""
        starts = np.searchsorted(self.cell_bin, np.arange(len(self.n)))
        observed = np.add.reduceat(np.asarray(positives, float), starts, axis=-1) / self.n
        return np.average(np.abs(observed - self.mean_score), weights=self.n, axis=-1)


def _binned(truth: Floats, scores: Floats, bins: int) -> _Binned:
    order = np.argsort(scores, kind="stable")
    truth, scores = truth[order], scores[order]
    bin_of = quantile_bins(scores, bins)
    n = np.bincount(bin_of).astype(float)
    mean_score = np.bincount(bin_of, weights=scores) / n
    place = np.arange(len(scores)) - np.searchsorted(bin_of, bin_of)  # within the bin
    cell = bin_of * CELLS + (place * CELLS // n[bin_of].astype(np.int64))
    cells, cell_of, cell_n = np.unique(cell, return_inverse=True, return_counts=True)
    return _Binned(
        n=n,
        mean_score=mean_score,
        error=np.bincount(bin_of, weights=truth) / n - mean_score,
        cell_n=cell_n,
        cell_score=np.clip(np.bincount(cell_of, weights=scores) / cell_n, 0, 1),
        cell_bin=cells // CELLS,
    )


def _binned_counts(scores: Floats, came: Floats, n: Floats, bins: int) -> _Binned:
    """The same bins as of single rows; a score shared by many stays in one cell."""
    upto = np.cumsum(n)
    ranks = np.ceil(np.linspace(0, 1, bins + 1)[1:-1] * (upto[-1] - 1))
    edges = np.unique(scores[np.searchsorted(upto, ranks, side="right")])
    bin_of = np.unique(np.searchsorted(edges, scores, side="right"), return_inverse=True)[1]
    rows = np.bincount(bin_of, n).astype(float)
    before = (upto - rows.cumsum()[bin_of] + rows[bin_of]) - n / 2  # within the bin
    cell = bin_of * CELLS + np.floor(before * CELLS / rows[bin_of]).astype(np.int64)
    cells, cell_of = np.unique(cell, return_inverse=True)
    cell_n = np.bincount(cell_of, n)
    mean_score = np.bincount(bin_of, n * scores) / rows
    return _Binned(
        n=rows,
        mean_score=mean_score,
        error=np.bincount(bin_of, came) / rows - mean_score,
        cell_n=cell_n.astype(np.int64),
        cell_score=np.clip(np.bincount(cell_of, n * scores) / cell_n, 0, 1),
        cell_bin=cells // CELLS,
    )


def _limit(binned: _Binned, shape: Floats, share: float, seed: int, draws: int) -> float:
    """The true error, in this shape (B,), at which the ECE seen is the `share` quantile."""
    unit = shape / np.abs(shape).max()

    def excess(scale: float) -> float:
        return float(np.quantile(binned.draw(scale * unit, seed, draws), share)) - binned.ece

    scale = _root(excess)
    return binned.true_error(scale * unit) if scale > 0 else 0.0  # and not 1e-16


def _root(excess: Callable[[float], float]) -> float:
    """Where a rising function crosses 0 between 0 and 1, by halving; the end it stays beyond."""
    low, high = 0.0, 1.0
    if excess(low) >= 0:
        return low
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) >= 0 else (middle, high)
    return (low + high) / 2
