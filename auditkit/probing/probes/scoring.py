"""Scores of what probes said, with intervals that know which rows are one person's.

A score is a mean of what each row adds to it, to first order (its influence). Rows of one person
are added up before they are squared, so that a person counts as much as it tells: for accuracy
and AUC that is said as a number of rows that would tell as much, n_eff = v (1 - v) / V.

Probes of different parts share the rows they are fitted on, and err together. Measured, the
deviation of a score was .9 to 1.5 times what independent rows have, the more the fewer rows there
are for each column: every variance is taken to be half as large again (docs/methods-probes.md).
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import rankdata, t

from auditkit.probing.probes.labels import Labels
from auditkit.statistics import classification, regression
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval, score_limits, z_of

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
Z = z_of(CONFIDENCE)
SHARED = 1.5  # times the variance of independent rows


def right(labels: Labels, said: Floats) -> Estimate:
    """The accuracy of the likeliest class: Wilson, of as many rows as tell as much."""
    hit = (said.argmax(axis=1) == labels.values).astype(float)
    n, value = len(hit), float(hit.mean())
    effective, method = float(n), "Wilson, fits sharing rows"
    if labels.whose is not None:
        effective = _effective(hit - value, value, labels.whose)
        method = "Wilson, by persons, fits sharing rows"
    effective /= SHARED
    low, high = rate_interval(value * effective, effective)
    return _estimate(value, float(low), float(high), n, method)


def area(labels: Labels, said: Floats) -> Estimate:
    """AUC; of several classes the mean of each against all others, over classes with rows.

    DeLong's variance of the mean itself: what each row adds to each class's area is added up
    before it is squared, so that one row's part in several curves is not taken for several
    rows. On the logit scale, within [0, 1].

    DeLong et al. 1988; by persons: Obuchowski 1997.
    """
    if len(labels.levels) == 2 and labels.whose is None:
        alone = classification.auc(labels.values, said[:, 1])
        return _stretched(alone) if alone.defined else alone
    n = len(labels)
    classes = [one for one in range(len(labels.levels)) if 0 < (labels.values == one).sum() < n]
    if len(classes) < 2:
        return undefined("only one class is present", n=n, method="DeLong, logit")
    if len(labels.levels) == 2:
        classes = [1]
    each = [_influence(labels.values == one, said[:, one]) for one in classes]
    value = float(np.mean([one for one, _ in each]))
    influence = np.mean([one for _, one in each], axis=0)
    whose = np.arange(n) if labels.whose is None else labels.whose
    fewest = int(
        min((labels.values == one).sum() for one in range(len(labels.levels)) if one in classes)
    )
    method = "DeLong, logit" + (", by persons" if labels.whose is not None else "")
    method += ", fits sharing rows"
    if len(labels.levels) > 2:
        method += ", mean of each class against all others"
    variance, count = _variance(influence, whose)
    if variance <= 0 or not 0 < value < 1:
        low, high = (
            float(one) for one in score_limits(value * fewest / SHARED, fewest / SHARED, Z)
        )
        return _estimate(value, low, high, n, "score limits of the smallest class")
    half = _student(count) * math.sqrt(SHARED * variance) / (value * (1 - value))
    centre = math.log(value / (1 - value))
    return _estimate(value, float(expit(centre - half)), float(expit(centre + half)), n, method)


def share_explained(labels: Labels, said: Floats) -> Estimate:
    """The coefficient of determination: Student's interval over what rows, or persons, add.

    On the logarithm of the share that is left unexplained.
    """
    plain = regression.r_squared(labels.values, said)
    if not plain.defined or plain.value == 1:
        return plain
    squares = (labels.values - said) ** 2
    spread = (labels.values - labels.values.mean()) ** 2
    influence = squares / squares.mean() - spread / spread.mean()
    whose = np.arange(len(said)) if labels.whose is None else labels.whose
    variance, count = _variance(influence, whose)
    half = _student(count) * math.sqrt(SHARED * variance)
    left = 1 - plain.value
    method = "Student's t on the logarithm of the share left unexplained"
    method += ", fits sharing rows" if labels.whose is None else ", by persons, fits sharing rows"
    low, high = 1 - left * math.exp(min(half, 700)), 1 - left * math.exp(-half)
    return _estimate(plain.value, low, high, plain.n, method)


def _stretched(alone: Estimate) -> Estimate:
    """An area's interval of independent rows, widened on the logit scale; from 0 or 1 as it is."""
    if not 0 < alone.value < 1:
        return alone
    ends = logit(np.array([alone.low, alone.high]))
    centre = float(logit(alone.value))
    low, high = expit(centre + math.sqrt(SHARED) * (ends - centre))
    return replace(
        alone, low=float(low), high=float(high), method=f"{alone.method}, fits sharing rows"
    )


def _student(count: int) -> float:
    return float(t.ppf((1 + CONFIDENCE) / 2, max(count - 1, 1)))


def _influence(positive: np.ndarray, score: Floats) -> tuple[float, Floats]:
    """An AUC, and n times what each row adds to it: its placement among the other class, (n,)."""
    m, n = int(positive.sum()), len(score)
    ranks = rankdata(score)
    found = np.empty(n)
    above = (ranks[positive] - rankdata(score[positive])) / (n - m)
    below = 1 - (ranks[~positive] - rankdata(score[~positive])) / m
    value = float(above.mean())
    found[positive] = (above - value) * n / m
    found[~positive] = (below - value) * n / (n - m)
    return value, found


def _variance(influence: Floats, whose: np.ndarray) -> tuple[float, int]:
    """The variance of a mean of these over persons, and how many persons there are."""
    people = np.unique(whose, return_inverse=True)[1]
    each = np.bincount(people, influence)
    count = len(each)
    if count < 2:
        return math.nan, count
    return float(np.square(each).sum() / len(influence) ** 2 * count / (count - 1)), count


def _effective(influence: Floats, value: float, whose: np.ndarray) -> float:
    """Independent rows that tell as much of a rate as these persons' rows do, at most all.

    Few persons tell their own variance badly: as many fewer rows, by Student's law. Where all
    rows agree nothing is seen of it, and a person's rows are taken to be alike.
    """
    n = len(influence)
    variance, count = _variance(influence, whose)
    sizes = np.bincount(np.unique(whose, return_inverse=True)[1])
    alike = n**2 / float(np.square(sizes).sum())
    rows = min(value * (1 - value) / variance, n) if variance > 0 else alike
    few = (Z / _student(count)) ** 2
    return max(rows * few, 1e-6)


def _estimate(value: float, low: float, high: float, n: int, method: str) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n, method=method, confidence=CONFIDENCE)
