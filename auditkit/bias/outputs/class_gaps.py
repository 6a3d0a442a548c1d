"""Several classes by group: the largest gap of any class, with intervals and null for all at once.

Only what a rate asks of a row is drawn again (right or not, by class), so that a thousand draws
cost as much for a million rows as for a thousand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import random_table

from auditkit.bias.bootstrap import furthest, require_draws
from auditkit.bias.clusters import (
    Clusters,
    cluster_null,
    clustered,
    clustered_counts,
    design_effects,
    drawn_clusters,
)
from auditkit.bias.contrast import Contrast, Measured, contrast
from auditkit.bias.groups import RATES, share
from auditkit.bias.membership import membership
from auditkit.bias.null import TIE, Null, permutation_null
from auditkit.bias.outputs.class_rates import (
    CLASS_RATES,
    ClassCounts,
    macro_recall,
    parts_of,
    shared_classes,
)
from auditkit.bias.pairs import Contest
from auditkit.bias.several import METHOD, SeveralGap, contests_of, several_gap
from auditkit.statistics.intervals import Bounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUREST = 1 - 1e-15  # no confidence is 1


def class_gap(
    counts: ClassCounts,
    rate: str,
    *,
    rng: np.random.Generator,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 0,
) -> SeveralGap:
    """The largest difference between groups in one of CLASS_RATES, of any class.

    The intervals hold for all pairs and classes at once. A group with fewer than min_group_size
    rows in a class's denominator (at least one) is left out of that class, by name. clusters, of
    `class_clusters`, say which rows belong together. Raises UsageError for an unknown rate, a
    confidence outside (0, 1) and fewer than one draw.
    """
    hits, n = parts_of(counts, rate)
    require_draws(draws, confidence)
    key, nobody = CLASS_RATES[rate]
    contests, left_out, omitted = contests_of(
        counts.one_vs_rest(), key, nobody=nobody, min_group_size=min_group_size
    )
    if clusters is not None:
        contests = {
            name: _in_clusters(one, clusters, counts.levels.index(name), len(counts.index))
            for name, one in contests.items()
        }
    place = {name: k for k, name in enumerate(counts.levels)}

    def maxima() -> Floats:
        if clusters is not None:
            samples = drawn_clusters(list(contests.values()), clusters, draws, rng)
        else:
            hit, rows = (part.astype(np.float64) for part in _drawn(hits, n, rate, draws, rng))
            samples = [
                (hit[:, one.groups, place[name]], rows[:, one.groups, place[name]])
                for name, one in contests.items()
            ]
        each = [
            furthest(one, *sample, "difference")
            for one, sample in zip(contests.values(), samples, strict=True)
        ]
        return np.asarray(np.max(each, axis=0))

    def null(every: Sequence[Contest], observed: float) -> Null:
        if clusters is not None:
            return cluster_null(
                every, clusters, observed, comparison="difference", draws=draws, rng=rng
            )
        if rate == "share_said":
            return _null_of_shares(counts.said, every, list(contests), place, observed, draws, rng)
        return permutation_null(every, observed, comparison="difference", draws=draws, rng=rng)

    return several_gap(
        contests,
        rate=rate,
        maxima=maxima,
        null=null,
        left_out=left_out,
        omitted=omitted,
        confidence=confidence,
        same_rows=rate == "share_said",
        method=METHOD if clusters is None else f"{METHOD}, of {clusters.total:,} clusters of rows",
    )


def class_clusters(
    y: Any, said: Any, sensitive: Any, cluster: Any, *, levels: Sequence[Any]
) -> Clusters | None:
    """Which rows belong together, for the gaps of these classes; None where each stands alone.

    Takes what `class_counts` takes, and cluster, one value a row (n,): rows without one belong
    together. A line a class and group, classes first.
    """
    codes, _ = membership(sensitive, {"y": len(y), "said": len(said), "cluster": len(cluster)})
    size = len(levels)
    truth, answer = (pd.Index(levels).get_indexer(pd.Index(one)) for one in (y, said))
    every = np.arange(size)
    _, found = clustered_counts(
        (truth[:, None] == every).ravel(),
        (answer[:, None] == every).ravel(),
        [np.tile(every, len(codes)), np.repeat(codes, size)],
        np.repeat(pd.factorize(pd.Series(cluster), use_na_sentinel=False)[0], size),
    )
    return None if found.total == len(codes) else found


def _in_clusters(contest: Contest, clusters: Clusters, place: int, groups: int) -> Contest:
    """The contest of the class at this place, its lines those of `class_clusters`."""
    return clustered(replace(contest, groups=place * groups + contest.groups), clusters)


def macro_gap(
    counts: ClassCounts,
    *,
    rng: np.random.Generator,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 0,
) -> Contrast:
    """The largest difference between groups in macro recall, each class counting alike.

    Over the classes that every group compared has rows of; other classes, and groups of fewer than
    min_group_size rows, are left out by name. With clusters, of `class_clusters`, all
    is as much wider as whole clusters make the standard error. Raises UsageError as `class_gap`.
    """
    require_draws(draws, confidence)
    present = shared_classes(counts, min_group_size)
    hits, rows = counts.hits, counts.rows
    kept, left_out = _comparable(counts, present, min_group_size)
    h, n = hits[np.ix_(kept, present)], rows[np.ix_(kept, present)]
    value = share(h, n).mean(axis=1) if len(present) > 1 else np.full(len(kept), np.nan)
    wider = np.ones(len(kept))
    if clusters is not None and h.size:
        wider = _wider(clusters, n, kept, present, len(counts.index))

    def limits(z: float) -> Bounds:
        level = min(2 * float(ndtr(z)) - 1, SUREST)
        if level <= 0:
            return value, value
        each = [macro_recall(hits[i], rows[i], counts.levels, present, level) for i in kept]
        low, high = np.array([[one.low, one.high] for one in each]).T
        return (
            np.maximum(value - wider * (value - low), 0.0),
            np.minimum(value + wider * (high - value), 1.0),
        )

    drawn = permuted = None
    if len(kept) > 1 and len(present) > 1:
        again, errors = _macro_drawn(h, n, draws, rng)
        drawn = value + wider * (again - value), wider * errors
        middle = share(h.sum(axis=0), n.sum(axis=0)).mean()  # which every permutation keeps
        permuted = middle + wider * (_macro_permuted(h, n, draws, rng) - middle)
    measured = Measured(
        labels=[counts.groups[place] for place in kept],
        values=value,
        errors=wider * _macro_error(h, n),
        n=n.sum(axis=1),
        limits=limits,
        drawn=drawn,
        permuted=permuted,
        left_out=left_out,
    )
    return contrast(measured, confidence=confidence, what="a mean recall of several classes")


def _comparable(
    counts: ClassCounts, shared: Ints, min_group_size: int
) -> tuple[Ints, dict[str, str]]:
    """The groups large enough, and why other groups and classes are left out."""
    rows = counts.rows
    large = rows.sum(axis=1) >= max(min_group_size, 1)
    left_out = {
        counts.groups[place]: f"fewer than {min_group_size:,} rows"
        for place in np.flatnonzero(~large)
    }
    for k in np.flatnonzero(rows.any(axis=0)):
        if k not in shared:
            lacking = [counts.groups[place] for place in np.flatnonzero(large & (rows[:, k] == 0))]
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            left_out[f"class {counts.levels[k]}"] = f"no rows in {', '.join(lacking[:3])}{more}"
    return np.flatnonzero(large), left_out


def _wider(clusters: Clusters, n: Ints, kept: Ints, present: Ints, groups: int) -> Floats:
    """How many times wider the standard error of each group's macro recall is for whole clusters.

    n is (kept groups, present classes); groups is how many lines a class has.
    """
    member, place = np.indices(n.shape)
    effects = design_effects(
        clusters,
        RATES["true_positive_rate"],
        (present[place] * groups + kept[member]).ravel(),
        (1 / (n.shape[1] * n)).ravel(),
        member.ravel(),
    )
    return np.asarray(np.sqrt(effects))


def _macro_error(hits: Ints, n: Ints) -> Floats:
    """Standard error of a mean of recalls, each with one success and one failure more."""
    p = (hits + 1) / (n + 2)
    return np.asarray(np.sqrt((p * (1 - p) / (n + 2)).sum(axis=-1)) / max(n.shape[-1], 1))


def _macro_drawn(
    hits: Ints, n: Ints, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Macro recall drawn again with the rows of each class kept, and its standard errors.

    Drawn about the recalls with half a success and half a failure more, since one of 1 would
    never vary, and moved to the measured mean.
    """
    p = (hits + 0.5) / (n + 1)
    drawn = rng.binomial(n, p, size=(draws, *n.shape))
    moved = share(hits, n).mean(axis=-1) - p.mean(axis=-1)
    return share(drawn, n).mean(axis=-1) + moved, _macro_error(drawn, n)


def _macro_permuted(hits: Ints, n: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """Macro recall of each group with labels permuted among the rows of each class."""
    dealt = [
        rng.multivariate_hypergeometric(
            n[:, k], int(hits[:, k].sum()), size=draws, method="marginals"
        )
        for k in range(n.shape[1])
    ]
    return np.asarray(share(np.stack(dealt, axis=2), n).mean(axis=2))


def _drawn(
    hits: Ints, n: Ints, rate: str, draws: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Numerators and denominators of the whole table drawn again, each (draws, G, K).

    Only what the rate asks of a row is drawn, which has the law of a bootstrap of the rows.
    """
    parts = hits[:, :, None] if rate == "share_said" else np.stack([hits, n - hits], axis=2)
    total = int(parts.sum())
    sample = rng.multinomial(total, parts.ravel() / total, size=draws).reshape(draws, *parts.shape)
    drawn = sample.sum(axis=2, keepdims=True) if rate == "share_said" else sample
    whole = np.broadcast_to(drawn.sum(axis=3), sample.shape[:3])
    return sample[..., 0], whole


def _null_of_shares(
    said: Ints,
    every: Sequence[Contest],
    names: Sequence[str],
    place: Mapping[str, int],
    observed: float,
    draws: int,
    rng: np.random.Generator,
) -> Null:
    """The null of the largest gap of any class in how often it is said.

    All classes are about the same rows: the whole table is drawn with both margins kept
    (Patefield 1981), not each class by itself.
    """
    table = said[every[0].groups]
    rows = table.sum(axis=1)
    dealt = random_table(rows, table.sum(axis=0)).rvs(size=draws, random_state=rng)
    shares = dealt[:, :, [place[name] for name in names]] / rows[:, None]
    gaps = (shares.max(axis=1) - shares.min(axis=1)).max(axis=1)
    p_value = (1 + int((gaps >= observed - TIE).sum())) / (draws + 1)
    upper = float(np.quantile(gaps, 0.95))
    return Null(mean=float(gaps.mean()), upper=upper, p_value=p_value, draws=draws)
