"""How well a score tells made images from real ones, whatever threshold is chosen.

score (n,) is larger for what looks made, fake (n,) says what was, original (n,) whose photograph or
person each image is: images of one tell less than as many independent ones. Ties count as they
come: images of equal score are called together.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from auditkit.detection.evaluation.by_original import (
    Bools,
    Floats,
    Ints,
    both,
    codes,
    independent,
    limited,
    redrawn,
    require_same,
    running_mean,
    smaller,
    variance_of,
    wider,
)
from auditkit.detection.evaluation.calling import at_prevalence
from auditkit.errors import DataError, UsageError
from auditkit.statistics.calibration import calibration_error_of_counts
from auditkit.statistics.classification import ONE_CLASS, Area, auc_limits
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import z_of

CERTAIN = 1e-9  # how far from 0 and 1 a probability is held before its odds are taken
# False and true positive rates (draws, T), real images of each (draws, 1) -> figure (draws,).
Curves = Callable[[Floats, Floats, Floats], Floats]


def auc(
    score: ArrayLike, fake: ArrayLike, original: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """Chance that a made image scores above a real one, ties half: 1 is ideal, .5 is chance.

    Limits are those of `statistics.classification.auc` at the variance over whole originals, with
    as many fewer rows. Undefined with one class.

    Obuchowski 1997, "Nonparametric Analysis of Clustered ROC Curve Data".
    """
    values, made, whose = _columns(score, fake, original)
    m, k = int(made.sum()), int((~made).sum())
    if not m or not k:
        return undefined(ONE_CLASS, n=len(made), method="DeLong, by original")
    ranks, placed = rankdata(values), np.empty(len(values))
    placed[made] = (ranks[made] - rankdata(values[made])) / k
    placed[~made] = 1 - (ranks[~made] - rankdata(values[~made])) / m
    value = float(placed[made].mean())
    influence = (placed - value) / np.where(made, m, k)
    alone = variance_of(influence, np.arange(len(made)))
    over = max(variance_of(influence, whose), alone)
    left = [independent(whose[one]) / one.sum() for one in (made, ~made)]
    left = [alone / over, alone / over] if over > 0 else left
    area = Area(
        auc=value,
        variance=over,
        positives=max(round(m * left[0]), 1),
        negatives=max(round(k * left[1]), 1),
    )
    low, high, method = auc_limits(area, z_of(confidence) * wider(whose, confidence))
    return Estimate(
        value=value,
        low=low,
        high=high,
        n=len(made),
        method=f"{method}; of {whose.max() + 1:,} originals",
        confidence=confidence,
    )


def average_precision(
    score: ArrayLike, fake: ArrayLike, original: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """Mean over made images of the share made among those scored as high; 1 is ideal.

    Chance gives the share of made images in these rows: it says little where that is not told
    beside it. Undefined with one class.
    """
    values, made, whose = _columns(score, fake, original)
    if not both(made):
        return undefined(ONE_CLASS, n=len(made), method="linearised")
    value, influence = running_mean(values, made, made)
    return limited(
        value,
        variance_of(influence, whose),
        whose,
        without=smaller(made, whose),
        confidence=confidence,
        method="linearised, score limits",
    )


def equal_error_rate(
    score: ArrayLike,
    fake: ArrayLike,
    original: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> Estimate:
    """The share of errors at the threshold where both classes have as many: 0 is ideal, .5 chance.

    Between two thresholds the curve is a straight line. Undefined with one class.
    """

    def found(false: Floats, true: Floats, _: Floats) -> Floats:
        excess = false + true - 1  # rises from -1 to 1
        place, line = np.argmax(excess >= 0, axis=1), np.arange(len(excess))
        before, after = excess[line, place - 1], excess[line, place]
        part = before / (before - after)
        return np.asarray(
            false[line, place - 1] + part * (false[line, place] - false[line, place - 1])
        )

    return _drawn(found, score, fake, original, rng=rng, confidence=confidence)


def tpr_at_fpr(
    score: ArrayLike,
    fake: ArrayLike,
    original: ArrayLike,
    *,
    rng: np.random.Generator,
    level: float = 0.01,
    confidence: float = 0.95,
) -> Estimate:
    """The share of made images above a threshold that at most a share `level` of real ones reach.

    1 is ideal, `level` is chance. The highest few of the real ones set the threshold, and on new
    images more exceed it: limits hold those of the threshold that counts one real image more.
    Undefined where real images are of fewer than 1 / level originals, among which so small a share
    cannot be seen, and with one class. Raises UsageError for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise UsageError(f"level is {level}; it is a share between 0 and 1, such as 0.01")
    values, made, whose = _columns(score, fake, original)
    originals, needed = len(np.unique(whose[~made])), int(np.ceil(1 / level - 1e-9))
    if originals < needed and both(made):
        return undefined(
            f"real images of {originals} originals are too few to see a false alarm in {needed}",
            n=len(made),
        )

    def found(false: Floats, true: Floats, _: Floats) -> Floats:
        place = (false <= level + 1e-12).sum(axis=1) - 1
        return np.asarray(true[np.arange(len(true)), place])

    def strictly(false: Floats, true: Floats, reals: Floats) -> Floats:
        place = ((false * reals + 1) / (reals + 1) <= level + 1e-12).sum(axis=1) - 1
        return np.asarray(true[np.arange(len(true)), np.maximum(place, 0)])

    usual, strict = (
        _drawn(one, values, made, whose, rng=rng, confidence=confidence)
        for one in (found, strictly)
    )
    return replace(usual, low=min(usual.low, strict.low), high=max(usual.high, strict.high))


def calibration_error(
    probability: ArrayLike,
    fake: ArrayLike,
    original: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> tuple[Estimate, float]:
    """Mean distance between the probability of a fake and how often it is one; and what chance has.

    A detector speaks for as many fakes as reals; here its odds are moved to the share of fakes in
    these rows. The rest is `statistics.calibration`, rows of one original as wide as they vary.
    """
    chance, made, whose = _columns(probability, fake, original)
    if not both(made):
        return undefined(ONE_CLASS, n=len(made)), float("nan")
    if chance.min() < 0 or chance.max() > 1:
        raise DataError("a probability lies outside 0 to 1; give those that the detector answers")
    moved = at_prevalence(chance, float(made.mean()))
    off = (made - moved - (made - moved).mean()) / len(made)
    alone = variance_of(off, np.arange(len(made)))
    values, place = np.unique(moved, return_inverse=True)
    return calibration_error_of_counts(
        values,
        np.bincount(place, made),
        np.bincount(place, ~made),
        rng=rng,
        confidence=confidence,
        alike=max(variance_of(off, whose) / alone, 1.0) if alone > 0 else 1.0,
    )


def _drawn(
    found: Curves,
    score: ArrayLike,
    fake: ArrayLike,
    original: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float,
) -> Estimate:
    """A figure of the ROC curve, its variance that over originals drawn again."""
    values, made, whose = _columns(score, fake, original)
    method = "bootstrap of originals, score limits"
    if not both(made):
        return undefined(ONE_CLASS, n=len(made), method=method)
    order = np.argsort(-values, kind="stable")
    starts = np.flatnonzero(np.diff(-values[order], prepend=-np.inf))

    def of(weights: Floats) -> Floats:
        some = (weights[:, made].any(axis=1)) & (weights[:, ~made].any(axis=1))
        sides = (weights[some][:, order] * one[order] for one in (~made, made))
        rates: list[Floats] = []
        for side in sides:
            counts = np.add.reduceat(side, starts, axis=1).cumsum(axis=1)
            rates.append(np.pad(counts, ((0, 0), (1, 0))) / counts[:, -1:])
        return found(rates[0], rates[1], weights[some][:, ~made].sum(axis=1, keepdims=True))

    drawn = np.concatenate([of(weights) for weights in redrawn(whose, rng)])
    return limited(
        float(of(np.ones((1, len(made))))[0]),
        float(drawn.var(ddof=1)) if len(drawn) > 1 else 0.0,
        whose,
        without=smaller(made, whose),
        confidence=confidence,
        method=method,
    )


def _columns(score: ArrayLike, fake: ArrayLike, original: ArrayLike) -> tuple[Floats, Bools, Ints]:
    values, made, whose = np.asarray(score, float), np.asarray(fake, bool), codes(original)
    require_same(values, made, whose)
    if not np.isfinite(values).all():
        raise DataError(
            f"the score in row {int(np.argmin(np.isfinite(values))) + 1} is no number; leave it out"
        )
    return values, made, whose
