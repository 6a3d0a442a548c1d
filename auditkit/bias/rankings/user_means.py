"""Means over users of how well a ranking serves them; the user is the unit of every interval."""

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from auditkit.bias.groups import label
from auditkit.bias.membership import membership
from auditkit.bias.rankings.ranking import by_user, measure_of
from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]


def within_groups(
    users: Any,
    relevance: Any,
    scores: Any,
    groups: Any,
    *,
    k: int = 10,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """NDCG among the candidates of one group of items alone: ndcg, low, high, random, users.

    groups is a group a row; a line of the table for each, in order. users counts those with two
    candidates of the group.
    """
    codes, index = membership(groups, {"scores": len(scores)})
    whole = pd.Series(users).to_numpy(), np.asarray(relevance, float), np.asarray(scores, float)
    lines = []
    for place in range(len(index)):
        own = by_user(*(one[codes == place] for one in whole), k=k)
        ndcg = served(own, "ndcg", confidence=confidence)
        lines.append((ndcg.value, ndcg.low, ndcg.high, own["ndcg_random"].mean(), ndcg.n))
    return pd.DataFrame(
        lines,
        columns=["ndcg", "low", "high", "random", "users"],
        index=pd.Index([label(one) for one in index], name="group", dtype=object),
    )


def served(per_user: pd.DataFrame, measure: str, *, confidence: float = 0.95) -> Estimate:
    """The mean of a measure over the users who have one, with Student's interval.

    Its standard error is that of `error_of`.
    """
    values = per_user[measure_of(measure)].dropna().to_numpy(float)
    return _mean(values, error_of(values), (0.0, 1.0), confidence)


def in_random_order(per_user: pd.DataFrame, measure: str) -> float:
    """The mean of a measure over the users who have one, were their items in a random order."""
    return float(per_user[f"{measure_of(measure)}_random"].mean())


def gain_over_random(per_user: pd.DataFrame, measure: str, *, confidence: float = 0.95) -> Estimate:
    """How much above a random order of the same candidates a measure is, on average over users."""
    both = per_user[[measure_of(measure), f"{measure}_random"]].dropna().to_numpy(float)
    gain, n = both[:, 0] - both[:, 1], len(both)
    error = math.nan
    if n > 1:
        # Where all are served alike their gains hardly vary: one user is added here too.
        added = n * error_of(both[:, 0]) ** 2 - both[:, 0].var()
        error = math.sqrt(max((gain.var() + added) / n, gain.var(ddof=1) / n))
    return _mean(gain, error, (-1.0, 1.0), confidence)


def error_of(values: Floats, weights: NDArray[Any] | None = None, pooled: float = 0.0) -> Any:
    """The standard error of a mean of values (n,) in [0, 1], one user added to their spread.

    weights, (draws, n), are how often each was drawn again. The added user has the variance
    `pooled`, or lies at the far end of the scale in as much as users lie at its ends: where nearly
    all find what they look for in the first place, hardly anything is seen to vary, and that is no
    proof that nothing does.
    """
    n = len(values)
    if n < 2:
        return math.nan
    counts = np.ones((1, n)) if weights is None else weights
    mean = counts @ values / n
    squares = np.maximum(counts @ values**2 - n * mean**2, 0.0)
    ends = counts @ ((values == 0) | (values == 1)) / n
    added = np.maximum(ends * np.maximum(mean, 1 - mean) ** 2, pooled)
    error = np.sqrt((squares + added) / n / n)
    return float(error[0]) if weights is None else error


def _mean(values: Floats, error: float, ends: tuple[float, float], confidence: float) -> Estimate:
    n, method = len(values), "Student's t over users"
    if not n:
        return undefined("no user has a value", method=method)
    half = float(t.ppf((1 + confidence) / 2, max(n - 1, 1))) * error
    mean = float(values.mean())
    return Estimate(
        value=mean,
        low=float(np.maximum(mean - half, ends[0])),
        high=float(np.minimum(mean + half, ends[1])),
        n=n,
        method=method,
        confidence=confidence,
        reason="" if n > 1 else "a single user gives no interval",
    )
