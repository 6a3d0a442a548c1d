"""Rankings and whom they serve: NDCG, recall and reciprocal rank of each user, compared by group.

A row is a candidate: a user, what the user thinks of it (relevance, 0 or more) and the model's
score, by which it is ranked among the user's own candidates. Ties are in random order: what stands
here is the mean over all orders. The user is the unit of every interval and of every permutation.

Järvelin & Kekäläinen 2002, "Cumulated Gain-Based Evaluation of IR Techniques"; McSherry & Najork
2008, "Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied
Scores".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from auditkit.data.values import coded
from auditkit.errors import DataError, UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# What can be measured of a user, as a sentence calls it.
MEASURES: Mapping[str, str] = MappingProxyType(
    {"ndcg": "NDCG", "recall": "recall", "mrr": "mean reciprocal rank"}
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranked:
    """Each candidate's place among those of its user; row by row, in the order they were given.

    names are the users; user (n,) is a place in them. Of candidates with the same score, `first` is
    the best rank, from 1, and `tied` how many there are. discount is what a reader's attention is
    worth at the rank, 1 / log2(1 + rank) and 0 beyond k; inside is the chance of a rank within k.
    """

    names: NDArray[np.object_]
    user: Ints
    sizes: Ints  # (users,) candidates of each
    first: Ints
    tied: Ints
    discount: Floats
    inside: Floats
    k: int

    def per_user(self, values: ArrayLike) -> Floats:
        """Sums of the rows' values by user: (users,)."""
        return of_users(self.user, values, len(self.names))

    def at_random(self) -> tuple[Floats, Floats]:
        """discount and inside of a row if its user's candidates were in random order: (n,) each."""
        return (self.per_user(self.discount) / self.sizes)[self.user], (
            np.minimum(self.k, self.sizes) / self.sizes
        )[self.user]


def ranked(users: Any, scores: Any, *, k: int = 10) -> Ranked:
    """The candidates of each user by falling score.

    users and scores are (n,). Raises UsageError for k below 1, DataError for lengths that differ,
    no rows, a user that is missing or a score that is not finite.
    """
    if k < 1:
        raise UsageError(f"k is {k}; give at least 1, such as 10")
    value = _finite(scores, "score")
    column = coded(pd.Series(users))
    user, names = column.codes.astype(np.int64), np.asarray(column.names, dtype=object)
    if len(user) != len(value):
        raise DataError(f"{len(user)} users beside {len(value)} scores; give both in each row")
    if not len(user):
        raise DataError("no rows to rank; give at least one")
    if (user < 0).any():
        raise DataError(
            f"the user is missing in {int((user < 0).sum()):,} of {len(user):,} rows; leave those "
            "rows out"
        )
    sizes = np.bincount(user, minlength=len(names))
    order = np.lexsort((-value, user))
    place = np.arange(len(user))
    own, by_score = user[order], value[order]
    fresh = np.ones(len(user), dtype=bool)
    fresh[1:] = (own[1:] != own[:-1]) | (by_score[1:] != by_score[:-1])
    block = np.cumsum(fresh) - 1
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])  # of each user, in the order
    tied = np.bincount(block)[block]
    first = place[fresh][block] - starts[own] + 1
    back = np.empty_like(order)
    back[order] = place
    first, tied = first[back], tied[back]
    ahead = np.minimum(first - 1, k)  # ranks within k before the block, and with it
    through = np.minimum(first + tied - 1, k)
    worth = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, min(k, sizes.max()) + 2)))])
    ahead_worth, through_worth = (
        worth[np.minimum(one, len(worth) - 1)] for one in (ahead, through)
    )
    return Ranked(
        names=names,
        user=user,
        sizes=sizes,
        first=first,
        tied=tied,
        discount=(through_worth - ahead_worth) / tied,
        inside=(through - ahead) / tied,
        k=k,
    )


def liked_from(ratings: ArrayLike) -> float:
    """The least rating that is no worse than the mean: from there on an item counts as relevant."""
    known = _finite(ratings, "rating")
    if not len(known):
        raise DataError("no ratings; give at least one")
    return float(known[known >= known.mean()].min())


def of_users(user: Ints, values: ArrayLike, users: int) -> Floats:
    """Sums of rows' values by user, 0 for one without rows: (users,)."""
    return np.bincount(user, np.asarray(values, float), minlength=users).astype(float)


def by_user(
    users: Any, relevance: Any, scores: Any, *, k: int = 10, relevant_from: float = 1.0
) -> pd.DataFrame:
    """How well each user is served, a line a user: columns candidates, relevant, MEASURES and more.

    ndcg weighs every relevance by its rank, within k; recall is the share of the relevant (from
    relevant_from on) among the first k; mrr is 1 over the rank of the first relevant one. Beside
    each stands what a random order gives (ndcg_random and so on). A user with one candidate has no
    order, and one with nothing relevant nothing to be found: NaN, and never 0. reason says which.
    Raises as `ranked` does, and DataError for a relevance that is negative or not finite.
    """
    order = ranked(users, scores, k=k)
    gain = _gains(relevance, len(order.user))
    ideal = ranked(users, gain, k=k)
    best = order.per_user(ideal.discount * gain)
    hit = gain >= relevant_from
    found = order.per_user(hit)
    chance_worth, chance_inside = order.at_random()
    with np.errstate(divide="ignore", invalid="ignore"):
        frame = pd.DataFrame(
            {
                "candidates": order.sizes,
                "relevant": found.astype(np.int64),
                "ndcg": order.per_user(order.discount * gain) / best,
                "ndcg_random": order.per_user(chance_worth * gain) / best,
                "recall": order.per_user(order.inside * hit) / found,
                "recall_random": order.per_user(chance_inside * hit) / found,
                "mrr": _reciprocal(order, hit, order.first, order.tied),
                "mrr_random": _reciprocal(
                    order, hit, np.ones_like(order.first), order.sizes[order.user]
                ),
            },
            index=pd.Index(order.names, name="user", dtype=object),
        )
    alone, nothing, flat = order.sizes < 2, found == 0, best == 0
    reason = np.where(alone, "one candidate", np.where(nothing, "nothing relevant", ""))
    undefined = {"ndcg": alone | flat, "recall": alone | nothing, "mrr": alone | nothing}
    for name, lacking in undefined.items():
        frame.loc[lacking, [name, f"{name}_random"]] = np.nan
    return frame.assign(reason=reason)


def _reciprocal(order: Ranked, hit: NDArray[np.bool_], first: Ints, tied: Ints) -> Floats:
    """1 over the rank of each user's first hit, the mean over the orders of its tie: (users,).

    In a tie of m with r hits the first of them is the j-th, from 0, in C(m-1-j, r-1) of C(m, r).
    """
    users = len(order.names)
    best = np.full(users, np.iinfo(np.int64).max)
    np.minimum.at(best, order.user[hit], first[hit])
    there = first == best[order.user]  # the rows of the tie in which the first hit lies
    user, m = order.user[there], tied[there]
    r = np.bincount(user, hit[there], minlength=users)[user]
    begin = np.argsort(user, kind="stable")
    run = np.arange(len(user)) - np.searchsorted(user[begin], user[begin])
    j = np.empty(len(user), dtype=np.int64)
    j[begin] = run
    left = m - 1 - j - (r - 1)  # places for no hit after the first
    ways = _choose(m - 1 - j, r - 1) - _choose(m, r)
    chance = np.where(left >= 0, np.exp(np.where(left >= 0, ways, 0.0)), 0.0)
    return of_users(user, chance / (first[there] + j), users)


def _choose(n: NDArray[Any], k: NDArray[Any]) -> Floats:
    """The logarithm of n over k; without meaning where k exceeds n."""
    rest = np.maximum(n - k, 0)
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(rest + 1.0))


def _gains(relevance: Any, n: int) -> Floats:
    gain = _finite(relevance, "relevance")
    if len(gain) != n:
        raise DataError(f"{len(gain)} relevances beside {n} scores; give both in each row")
    if (gain < 0).any():
        row = int((gain < 0).argmax())
        raise DataError(f"relevance is {gain[row]:g} in row {row + 1}; give 0 for what is not")
    return gain


def _finite(values: Any, name: str) -> Floats:
    found = np.asarray(values, float)
    if found.ndim != 1:
        raise DataError(f"{name} has shape {found.shape}; give one number a row")
    if not np.isfinite(found).all():
        row = int((~np.isfinite(found)).argmax())
        raise DataError(f"{name} is {found[row]} in row {row + 1}; give finite numbers")
    return found


def measure_of(measure: str) -> str:
    """The measure's name. Raises UsageError, with the names there are, for another."""
    if measure not in MEASURES:
        raise UsageError(f"no measure {measure!r}; there are {', '.join(MEASURES)}")
    return measure
