"""How differently a model's numbers are spread in each group: distances of whole distributions.

Parity of numbers: equal means can hide that one group's numbers are all alike. Distances are
Wasserstein's, in the numbers' own unit, and Kolmogorov and Smirnov's, a share of rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import random_table

from auditkit.bias.bootstrap import require_draws
from auditkit.bias.null import TIE, UNDEFINED, Null
from auditkit.bias.outputs.number_errors import NumberErrors
from auditkit.bias.outputs.number_gaps import dealt, left_out_for
from auditkit.errors import UsageError, suggestion
from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DISTANCES: Mapping[str, str] = MappingProxyType(
    {"wasserstein": "Wasserstein distance", "kolmogorov_smirnov": "Kolmogorov-Smirnov distance"}
)
OF: Mapping[str, str] = MappingProxyType(
    {"said": "what is said", "errors": "the errors", "truth": "what is true"}
)
METHOD = "norm of the bootstrapped difference of distributions, all pairs at once"
# At how many points drawn distributions are compared; the value itself is exact. An area needs few,
# a widest gap many: between 500 it is 3 % wider than at them.
POINTS = MappingProxyType({"wasserstein": 100, "kolmogorov_smirnov": 500})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DistributionGap:
    """The largest distance between the distributions of two groups; 0 is ideal.

    first and second are the two groups. pairs has a line for every two groups, first, second,
    value, low, high, all holding at once. left_out maps a group to why it was not compared.
    """

    estimate: Estimate
    first: str
    second: str
    null: Null
    pairs: pd.DataFrame
    left_out: Mapping[str, str]
    critical: float


def distribution_gap(
    errors: NumberErrors,
    of: str = "said",
    distance: str = "wasserstein",
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 300,
    min_group_size: int = 0,
) -> DistributionGap:
    """The largest distance between groups of what is said, of the errors or of what is true.

    wasserstein is the area between the two cumulative distributions: how far, on average, the
    numbers of one group must be moved to be those of the other. kolmogorov_smirnov is the widest
    gap between them: of some number, how many more points of one group lie below it. A distance
    is never below 0 and so exceeds 0 by chance: see the null.

    The distance of two samples differs from the true one by no more than the norm of the
    difference of their deviations (triangle inequality); that norm is bootstrapped, by whole
    units, and its 95 % point, over all pairs at once in units of each pair's mean, is the half
    width. A group of fewer than min_group_size units (at least 2) is left out. Raises UsageError
    for an unknown name, a confidence outside (0, 1) and fewer than one draw.
    """
    values = _chosen(errors, of, distance)
    require_draws(draws, confidence)
    kept, left_out = _kept(errors, min_group_size)
    if len(kept) < 2:
        few = f"{len(kept)} group{'s' * (len(kept) != 1)} to compare; a gap needs two"
        return _nothing(few, left_out)
    i, j = np.triu_indices(len(kept), k=1)
    exact = _measured(errors, values, kept, np.unique(values), distance)[i, j]
    # Few points are enough to see how far a drawn distribution strays.
    points = np.unique(np.quantile(values, np.linspace(0, 1, POINTS[distance]), method="higher"))
    histograms = [_histogram(errors, values, points, place) for place in kept]
    every = np.sum([one.sum(axis=0) for one in histograms], axis=0)
    strayed = np.stack([_strayed(one, every, draws, rng) for one in histograms], axis=1)
    norms = _norms(strayed, points, distance)
    scale = norms.mean(axis=0)
    critical = _critical(norms, scale, confidence)
    seen = _measured(errors, values, kept, points, distance).max()
    null = _null(errors, histograms, norms, points, distance, float(seen), draws, rng)
    names = np.asarray(errors.groups, dtype=object)[kept]
    high = exact + critical * scale
    pairs = pd.DataFrame(
        {
            "first": names[i],
            "second": names[j],
            "value": exact,
            "low": np.maximum(exact - critical * scale, 0.0),
            "high": np.minimum(high, 1.0) if distance == "kolmogorov_smirnov" else high,
        }
    )
    furthest = pairs.iloc[int(np.argmax(exact))]
    return DistributionGap(
        estimate=Estimate(
            value=float(exact.max()),
            low=float(pairs["low"].max()),
            high=float(pairs["high"].max()),
            n=int(np.isin(errors.codes, kept).sum()),
            method=METHOD,
            confidence=confidence,
        ),
        first=str(furthest["first"]),
        second=str(furthest["second"]),
        null=null,
        pairs=pairs,
        left_out=left_out,
        critical=critical,
    )


def _chosen(errors: NumberErrors, of: str, distance: str) -> Floats:
    """The numbers whose distributions are compared, (n,)."""
    if distance not in DISTANCES:
        raise UsageError(f"no distance {distance!r}; {suggestion(distance, DISTANCES)}")
    if of not in OF:
        raise UsageError(f"nothing called {of!r} to compare; {suggestion(of, OF)}")
    return {"said": errors.said, "errors": errors.errors, "truth": errors.truth}[of]


def _kept(errors: NumberErrors, min_group_size: int) -> tuple[Ints, dict[str, str]]:
    """Places of the groups of enough units, and why others are left out."""
    sizes = np.bincount(errors.parts[1], minlength=len(errors.index))
    least = max(min_group_size, 2)
    small = np.flatnonzero(sizes < least)
    left_out = {errors.groups[place]: left_out_for(least, errors.unit) for place in small}
    return np.flatnonzero(sizes >= least), left_out


def _histogram(errors: NumberErrors, values: Floats, points: Floats, place: int) -> Ints:
    """How many rows of each unit of a group lie at or below a point and above the last: (U, P).

    Where rows stand for themselves all of them are one line, which is enough to draw them again.
    """
    mine = errors.codes == place
    bins = np.searchsorted(points, values[mine], side="left")
    if not errors.unit:
        return np.bincount(bins, minlength=len(points))[None, :]
    units = np.unique(errors.parts[0][mine], return_inverse=True)[1]
    table = np.bincount(units * len(points) + bins, minlength=(units.max() + 1) * len(points))
    return table.reshape(-1, len(points))


def _measured(
    errors: NumberErrors, values: Floats, kept: Ints, points: Floats, distance: str
) -> Floats:
    """Distance of every two groups, (G, G), from their cumulative distributions at the points."""
    shares = []
    for place in kept:
        mine = np.sort(values[errors.codes == place])
        shares.append(np.searchsorted(mine, points, side="right") / len(mine))
    table = np.array(shares)  # (G, points)
    return np.stack([_norm(table - one, points, distance) for one in table])


def _norm(apart: Floats, points: Floats, distance: str) -> Floats:
    """The size of a difference of cumulative distributions (..., points)."""
    if distance == "kolmogorov_smirnov":
        return np.asarray(np.abs(apart).max(axis=-1))
    return np.asarray(np.abs(apart[..., :-1]) @ np.diff(points))


def _norms(shares: Floats, points: Floats, distance: str) -> Floats:
    """The size of the difference of every two groups, (draws, pairs), of (draws, G, points)."""
    pairs = combinations(range(shares.shape[1]), 2)
    each = [_norm(shares[:, a] - shares[:, b], points, distance) for a, b in pairs]
    return np.stack(each, axis=1)


def _strayed(histogram: Ints, every: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """How far the distribution of units drawn again strays from the group's own: (draws, P).

    Where all its rows are alike, a unit is added whose rows are as every (P,) group's are: that
    nothing was seen to vary is no proof that nothing does.
    """
    rows = histogram.sum(axis=0)
    total, units = int(rows.sum()), len(histogram)
    alone = units == 1  # rows by themselves
    units = total if alone else units
    if np.count_nonzero(rows) == 1:
        own = rows / total
        chance = (units * own + every / every.sum()) / (units + 1)
        return np.cumsum(rng.multinomial(units, chance, size=draws) / units - own, axis=1)
    if alone:
        drawn = rng.multinomial(total, rows / total, size=draws).astype(float)
    else:
        weights = rng.multinomial(units, np.full(units, 1 / units), size=draws)
        drawn = weights.astype(float) @ histogram.astype(float)
    share = np.cumsum(drawn, axis=1) / drawn.sum(axis=1, keepdims=True)
    # Drawn from themselves, units vary less than they do from sample to sample.
    return np.asarray((share - np.cumsum(rows) / total) * math.sqrt(units / (units - 1)))


def _critical(norms: Floats, scale: Floats, confidence: float) -> float:
    """How many times its mean the norm of a pair may be, all pairs at once."""
    with np.errstate(invalid="ignore", divide="ignore"):
        largest = np.where(scale > 0, norms / scale, 0.0).max(axis=1)
    return float(np.quantile(largest, confidence, method="higher"))


def _null(
    errors: NumberErrors,
    histograms: list[Ints],
    norms: Floats,
    points: Floats,
    distance: str,
    observed: float,
    draws: int,
    rng: np.random.Generator,
) -> Null:
    """The largest distance with groups permuted among units.

    Where units lie in several groups, which leaves nothing to permute, it is that of the
    bootstrapped deviations, as it would be without any difference.
    """
    if errors.straddling:
        gaps = norms.max(axis=1)
    else:
        rows = _rows_dealt(errors, histograms, draws, rng)  # (d, G, points)
        shares = np.cumsum(rows, axis=2) / rows.sum(axis=2, keepdims=True)
        gaps = _norms(shares, points, distance).max(axis=1)
    return Null(
        mean=float(gaps.mean()),
        upper=float(np.quantile(gaps, 0.95)),
        p_value=(1 + int(np.sum(gaps >= observed - TIE))) / (len(gaps) + 1),
        draws=len(gaps),
    )


def _rows_dealt(
    errors: NumberErrors, histograms: list[Ints], draws: int, rng: np.random.Generator
) -> Floats:
    """Rows of each group between points with groups permuted among units: (d, G, points)."""
    if not errors.unit:
        rows = np.array([one.sum(axis=0) for one in histograms])
        table = random_table(rows.sum(axis=1), rows.sum(axis=0))
        return np.asarray(table.rvs(size=draws, random_state=rng), dtype=float)
    sizes = np.array([len(one) for one in histograms])
    every = np.concatenate(histograms).astype(float)
    group = np.repeat(np.arange(len(sizes)), sizes)[dealt(sizes, draws, rng)]  # (d, units)
    return np.stack([(group == place) @ every for place in range(len(sizes))], axis=1)


def _nothing(reason: str, left_out: Mapping[str, str]) -> DistributionGap:
    return DistributionGap(
        estimate=undefined(reason, method=METHOD),
        first="",
        second="",
        null=UNDEFINED,
        pairs=pd.DataFrame(columns=["first", "second", "value", "low", "high"]),
        left_out=left_out,
        critical=math.nan,
    )
