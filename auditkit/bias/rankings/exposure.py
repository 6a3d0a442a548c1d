"""Which items a ranking puts before the users' eyes, beside how relevant these are.

A user's attention is 1 in all; the first place has the most of it, 1 / log2(1 + rank), and none is
left beyond k. An item's exposure is the attention it gets, its merit its share of the relevance
among the same user's candidates. Users are the unit of every interval.

Singh & Joachims 2018, "Fairness of Exposure in Rankings".
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import t

from auditkit.bias.groups import label
from auditkit.bias.membership import membership
from auditkit.bias.rankings.popularity import gini
from auditkit.bias.rankings.ranking import Ranked, of_users, ranked
from auditkit.data.values import coded
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval
from auditkit.statistics.ratios import ratio_estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST = "ratio of sums over users, for the smallest of all groups (Bonferroni)"
ALIKE = "nothing was seen to vary"
BLOCKS = 100  # of users that are left out together


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exposure:
    """Who gets the attention that the rankings of all users give.

    groups has a line for each group of items: items (different ones), candidates, merit and
    exposure (shares of all), ideal (the exposure share if users' relevances ranked), ratio
    (exposure over merit: 1 is in proportion) with low and high, random (the ratio of a random
    order), and recall (of what is relevant, the share within k) with its ends and recall_random.
    least names the group with the smallest ratio, and least_ratio is that ratio: its interval holds
    although it was picked as the smallest. A group that fewer than min_group_size users could be
    shown is not picked. Where all users give alike there is no interval, but of a group that nobody
    is shown: how many users might be, is known. gini says
    how unequal items' exposures are (0 all alike, 1 all for one), gini_random that of random
    orders, gini_ideal that of users' own relevances, more_unequal the first less the second.
    """

    groups: pd.DataFrame
    least: str
    least_ratio: Estimate
    least_random: float
    gini: float
    gini_random: float
    gini_ideal: float
    more_unequal: Estimate

    @property
    def of_catalogue(self) -> "pd.Series[float]":
        """Each group's share of the different items."""
        return self.groups["items"] / self.groups["items"].sum()


def exposure(
    users: Any,
    items: Any,
    relevance: Any,
    scores: Any,
    groups: Any,
    *,
    k: int = 10,
    relevant_from: float = 1.0,
    min_group_size: int = 0,
    confidence: float = 0.95,
) -> Exposure:
    """The exposure of groups of items; each argument is (n,), a row a candidate.

    Users with one candidate, or none with any relevance, say nothing of an order and are left
    out. A group without merit has no ratio: NaN. Raises DataError as `by_user` does.
    """
    gain, codes, index = np.asarray(relevance, float), *membership(groups, {"users": len(users)})
    item = _codes(items, len(gain))
    whole = ranked(users, scores, k=k)
    ideal = ranked(users, gain, k=k)  # which refuses what is no number
    if (gain < 0).any():
        raise DataError(f"a relevance is {gain.min():g}; give 0 for what is not relevant")
    telling = ((whole.sizes > 1) & (whole.per_user(gain) > 0))[whole.user]
    shares = _Shares.of(whole, ideal, gain, telling)
    labels = [label(one) for one in index]
    parts = _Parts.of(shares, whole, gain >= relevant_from, codes, len(labels))
    frame = _frame(parts, shares, codes, item, labels, telling, confidence)
    place, least = _least(parts, frame, max(min_group_size, 2), confidence)
    gini, chance, most, more = _ginis(shares, whole, item, telling, confidence)
    return Exposure(
        groups=frame,
        least=labels[place] if place >= 0 else "",
        least_ratio=least,
        least_random=float(frame["random"].iloc[place]) if place >= 0 else float("nan"),
        gini=gini,
        gini_random=chance,
        gini_ideal=most,
        more_unequal=more,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shares:
    """Each row's share of its user's attention, relevance and candidates: (n,), 0 where untold."""

    exposure: Floats
    ideal: Floats
    random: Floats
    merit: Floats

    @classmethod
    def of(
        cls, order: Ranked, ideal: Ranked, gain: Floats, telling: NDArray[np.bool_]
    ) -> "_Shares":
        def shared(values: Floats) -> Floats:
            whole = order.per_user(values)[order.user]
            return np.where(telling, values / np.where(whole > 0, whole, 1.0), 0.0)

        return cls(
            exposure=shared(order.discount),
            ideal=shared(ideal.discount),
            random=shared(np.ones(len(gain))),
            merit=shared(gain),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """What each user gives each group of items: (telling users, groups)."""

    exposure: Floats
    ideal: Floats
    random: Floats
    merit: Floats
    found: Floats
    found_random: Floats
    relevant: Floats

    @classmethod
    def of(
        cls, shares: _Shares, order: Ranked, hit: NDArray[np.bool_], codes: Ints, groups: int
    ) -> "_Parts":
        kept = np.flatnonzero(order.per_user(shares.random) > 0)
        place = order.user * groups + codes

        def laid(values: Floats) -> Floats:
            table = of_users(place, values, len(order.names) * groups)
            return table.reshape(-1, groups)[kept]

        told = hit & (shares.random > 0)
        return cls(
            exposure=laid(shares.exposure),
            ideal=laid(shares.ideal),
            random=laid(shares.random),
            merit=laid(shares.merit),
            found=laid(order.inside * told),
            found_random=laid(order.at_random()[1] * told),
            relevant=laid(told.astype(float)),
        )


def _frame(
    parts: _Parts,
    shares: _Shares,
    codes: Ints,
    item: Ints,
    labels: list[str],
    telling: NDArray[np.bool_],
    confidence: float,
) -> pd.DataFrame:
    users = max(len(parts.exposure), 1)
    once = np.unique(np.stack([codes, item]), axis=1)[0]
    ratios = [_exposed(parts, g, confidence) for g in range(len(labels))]
    recalls = [
        _ratio(parts.found[:, g], parts.relevant[:, g], confidence) for g in range(len(labels))
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = parts.random.sum(axis=0) / parts.merit.sum(axis=0)
        recall_chance = parts.found_random.sum(axis=0) / parts.relevant.sum(axis=0)
    return pd.DataFrame(
        {
            "items": np.bincount(once, minlength=len(labels)),
            "candidates": np.bincount(codes[telling], minlength=len(labels)),
            "merit": parts.merit.sum(axis=0) / users,
            "exposure": parts.exposure.sum(axis=0) / users,
            "ideal": parts.ideal.sum(axis=0) / users,
            "ratio": [one.value for one in ratios],
            "low": [one.low for one in ratios],
            "high": [one.high for one in ratios],
            "random": np.where(np.isfinite(chance), chance, np.nan),
            "recall": [one.value for one in recalls],
            "recall low": [one.low for one in recalls],
            "recall high": [float(np.minimum(one.high, 1.0)) for one in recalls],
            "recall_random": recall_chance,
        },
        index=pd.Index(labels, name="group", dtype=object),
    )


def _least(
    parts: _Parts, frame: pd.DataFrame, least_users: int, confidence: float
) -> tuple[int, Estimate]:
    """The place of the group that is shown least for its merit, and its ratio; -1 for none."""
    shown = np.sum(parts.random > 0, axis=0)
    picked = np.where(shown >= least_users, frame["ratio"], np.nan)
    if np.isnan(picked).all():
        return -1, undefined("no group of items is large enough", method=SMALLEST)
    place = int(np.nanargmin(picked))
    sure = 1 - (1 - confidence) / int(np.sum(~np.isnan(picked)))  # the smallest of several
    ratio = _exposed(parts, place, sure)
    return place, replace(ratio, method=SMALLEST, confidence=confidence)


def _exposed(parts: _Parts, group: int, confidence: float) -> Estimate:
    """A group's exposure over its merit, 0 with an upper end where nobody is shown any of it.

    A user's attention is 1 at most: were more on average, some of these users would show it.
    """
    asked = parts.random[:, group] > 0
    exposure, merit = parts.exposure[asked, group], parts.merit[asked, group]
    found = _ratio(exposure, merit, confidence)
    if found.value != 0:
        return found
    most = float(rate_interval(0, found.n, confidence=confidence)[1])
    return replace(found, low=0.0, high=most / float(merit.mean()), reason="")


def _ratio(above: Floats, below: Floats, confidence: float) -> Estimate:
    """A ratio of sums over users; where these do not vary it has no interval."""
    found = ratio_estimate(above, below, least=0.0, confidence=confidence)
    if found.high - found.low > 1e-12 * abs(found.value):
        return found
    nan = float("nan")
    return replace(found, low=nan, high=nan, reason=found.reason or ALIKE)


def _ginis(
    shares: _Shares,
    order: Ranked,
    item: Ints,
    telling: NDArray[np.bool_],
    confidence: float,
) -> tuple[float, float, float, Estimate]:
    """Gini of the exposures, of those of random and of ideal orders, and the first less the second.

    The interval is the jackknife's over blocks of users.
    """
    method = "jackknife over blocks of users"
    users = np.unique(order.user[telling])
    seen, item = np.unique(item[telling], return_inverse=True)
    if len(users) < 2 or len(seen) < 2:
        nan = float("nan")
        return nan, nan, nan, undefined("fewer than two users or items", method=method)
    blocks = min(BLOCKS, len(users))
    block = (np.searchsorted(users, order.user[telling]) * blocks) // len(users)

    def by_block(values: Floats) -> Floats:
        shape = (blocks, len(seen))
        return np.asarray(csr_matrix((values[telling], (block, item)), shape=shape).todense())

    own, chance = by_block(shares.exposure), by_block(shares.random)
    value = gini(own.sum(axis=0)) - gini(chance.sum(axis=0))
    without = gini(own.sum(axis=0) - own) - gini(chance.sum(axis=0) - chance)
    error = np.sqrt((blocks - 1) * without.var())
    half = float(t.ppf((1 + confidence) / 2, blocks - 1) * error) if error > 0 else math.nan
    more = Estimate(
        value=value,
        low=float(np.maximum(value - half, -1.0)),
        high=float(np.minimum(value + half, 1.0)),
        n=len(users),
        method=method,
        confidence=confidence,
        reason="" if error > 0 else ALIKE,
    )
    ideal = of_users(item, shares.ideal[telling], len(seen))
    return gini(own.sum(axis=0)), gini(chance.sum(axis=0)), gini(ideal), more


def _codes(items: Any, n: int) -> Ints:
    column = coded(pd.Series(items))
    if len(column.codes) != n:
        raise DataError(f"{len(column.codes)} items beside {n} relevances; give both in each row")
    if (column.codes < 0).any():
        raise DataError(
            f"the item is missing in {int((column.codes < 0).sum()):,} of {n:,} rows; leave those "
            "rows out"
        )
    return column.codes.astype(np.int64)
