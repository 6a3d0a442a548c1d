"""How much better some groups of users are served by a ranking than others.

The user is the unit: whole users are drawn again and dealt out among the groups.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import t

from auditkit.bias.contrast import Contrast, Measured, contrast
from auditkit.bias.groups import label
from auditkit.bias.membership import membership
from auditkit.bias.rankings.ranking import MEASURES, measure_of
from auditkit.bias.rankings.user_means import error_of
from auditkit.data.values import coded
from auditkit.errors import DataError, UsageError

Floats = NDArray[np.float64]

WORK = 5_000_000  # numbers drawn at most, by fewer draws where there are many users


def groups_of_users(users: Any, groups: Any) -> pd.Series:
    """Each user's group, from a group a row. Raises DataError where one user is in two."""
    codes, index = membership(groups, {"users": len(users)})
    column = coded(pd.Series(users))
    known = column.codes >= 0
    least, most = np.full(len(column.names), len(index)), np.full(len(column.names), -1)
    np.minimum.at(least, column.codes[known], codes[known])
    np.maximum.at(most, column.codes[known], codes[known])
    straddling = np.flatnonzero(least != most)
    if len(straddling):
        raise DataError(
            f"user {column.names[straddling[0]]} is in several groups; a group belongs to a user "
            "and not to a row"
        )
    labels = np.array([label(group) for group in index], dtype=object)
    found = pd.Categorical(labels[least], categories=labels, ordered=True)
    return pd.Series(found, index=list(column.names))


def service_gap(
    per_user: pd.DataFrame,
    measure: str,
    groups: pd.Series,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 0,
) -> Contrast:
    """The largest difference between groups of users in the mean of a measure.

    groups is what `groups_of_users` gives. Intervals hold for all pairs at once, from users drawn
    again within their group; the null deals the groups out anew among the users. A group of fewer
    than min_group_size users (at least 2) with a value is left out by name. Raises UsageError for
    another measure, a confidence outside (0, 1) and fewer than one draw.
    """
    if draws < 1:
        raise UsageError(f"draws is {draws}; give at least 1, better 1000")
    values = per_user[measure_of(measure)]
    member = groups.reindex(values.index)
    of_group = {
        str(name): values[member == name].dropna().to_numpy(float) for name in member.cat.categories
    }
    least = max(min_group_size, 2)
    kept = {name: own for name, own in of_group.items() if len(own) >= least}
    several = list(kept.values())
    means = np.array([own.mean() for own in several])
    pooled = _pooled(several)
    errors = np.array([error_of(own, pooled=pooled) for own in several])
    n = np.array([len(own) for own in several], dtype=np.int64)

    def limits(z: float) -> tuple[Floats, Floats]:
        half = -t.ppf(ndtr(-z), np.maximum(n - 1, 1)) * errors
        return np.maximum(means - half, 0.0), np.minimum(means + half, 1.0)

    measured = Measured(
        labels=list(kept),
        values=means,
        errors=errors,
        n=n,
        limits=limits,
        drawn=_drawn(several, pooled, draws, rng) if len(kept) > 1 else None,
        permuted=_permuted(several, draws, rng) if len(kept) > 1 else None,
        left_out={
            name: f"fewer than {least:,} users"  # not how few, which would tell of people
            for name, own in of_group.items()
            if name not in kept
        },
    )
    return contrast(measured, confidence=confidence, what=MEASURES[measure])


def _drawn(
    several: list[Floats], pooled: float, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Means of users drawn again within each group, with their standard errors: (draws, G)."""
    values, errors = np.empty((2, draws, len(several)))
    for place, own in enumerate(several):
        n = len(own)
        few = min(draws, max(50, WORK // n))
        counts = rng.multinomial(n, np.full(n, 1 / n), size=few)
        again = np.arange(draws) % few
        values[:, place] = (counts @ own / n)[again]
        errors[:, place] = error_of(own, counts, pooled)[again]
    return values, errors


def _pooled(several: list[Floats]) -> float:
    """The variance within groups, of all of them together."""
    within = sum(float(own.var()) * len(own) for own in several)
    return within / max(sum(len(own) - 1 for own in several), 1)


def _permuted(several: list[Floats], draws: int, rng: np.random.Generator) -> Floats:
    """Means of the groups when users are dealt out among them: (d, G)."""
    pool = np.concatenate(several)
    starts = np.concatenate([[0], np.cumsum([len(own) for own in several])[:-1]])
    sizes = np.diff([*starts, len(pool)])
    few = min(draws, max(50, WORK // len(pool)))
    dealt = rng.permuted(np.tile(pool, (few, 1)), axis=1)
    return np.asarray(np.add.reduceat(dealt, starts, axis=1) / sizes)
