"""Centred kernel alignment: how alike two layers, or two models, tell rows from each other."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from torch import Tensor

from auditkit.errors import DataError, UsageError
from auditkit.probing.similarity.measured import Similarity
from auditkit.probing.similarity.pairs import (
    Floats,
    Pairs,
    centred,
    jackknifed,
    narrowed,
    products_of,
    require_same_rows,
    rows_of,
)
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime, track
from auditkit.statistics.estimate import Estimate, undefined

METHOD = "jackknife over rows, on the scale of arctanh"
CONSTANT = "the activations are the same for every row"

Activations = ArrayLike | Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """The alignment of all pairs of layers of two models, or of one with itself.

    frame has a line for each pair: layer, other, cka, low, high, rows, reason. chance is its mean
    and chance_spread its standard deviation where the rows of one side are dealt anew; both are
    exact for the debiased measure, whatever the activations, and NaN for the other.
    """

    __repr__ = in_short

    frame: pd.DataFrame
    debiased: bool
    chance: float
    chance_spread: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One set of activations, centred, (n, d) with d <= n, and its alignment with itself."""

    rows: Floats
    own: Pairs

    @classmethod
    def of(cls, values: Activations, name: str) -> "Side":
        """Raises DataError for what is no (n, d) of numbers."""
        rows = narrowed(centred(rows_of(values, name)))
        return cls(rows=rows, own=products_of(rows, rows))

    @property
    def constant(self) -> bool:
        """Whether all rows are the same."""
        return not self.rows.any()


def cka(
    x: Activations,
    y: Activations,
    *,
    debiased: bool = True,
    permutations: int = 199,
    runtime: Runtime | None = None,
) -> Similarity:
    """Linear centred kernel alignment of activations (n, d) and (n, e) of the same rows.

    1 where one is the other turned, mirrored, scaled or shifted, about 0 where they have nothing
    in common; never above 1. Debiased, as is the default, chance gives 0 on average whatever n, d
    and e; the plain one gives about d / (n + d) of independent noise, .91 at n = 50, d = 512.
    Undefined where all rows of one are the same. Raises DataError for other shapes and NaN.

    Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited"; Nguyen et al.
    2021, "Do Wide and Deep Networks Learn the Same Things?" (debiased: Song et al. 2012).
    """
    one, other = Side.of(x, "the activations x"), Side.of(y, "the activations y")
    require_same_rows(one.rows, other.rows)
    estimate = _aligned(one, other, debiased)
    measure = "CKA, debiased" if debiased else "CKA"
    if not estimate.defined:
        return Similarity(measure=measure, estimate=estimate, chance=math.nan)
    if permutations < 0:
        raise UsageError(f"permutations is {permutations}: give 0 or more")
    rng = (runtime or Runtime()).rng("permutations of cka")
    orders = (rng.permutation(estimate.n) for _ in range(permutations))
    dealt = [_dealt(one, other, order, debiased) for order in orders]
    here = _dealt(one, other, np.arange(estimate.n), debiased)
    tied = abs(here) * 1e-9
    as_high = 1 + sum(value >= here - tied for value in dealt)
    return Similarity(
        measure=measure,
        estimate=estimate,
        chance=0.0 if debiased else _expected(one, other),
        p_value=as_high / (permutations + 1) if permutations else math.nan,
        permutations=permutations,
    )


def compare(
    activations: Mapping[str, Activations],
    others: Mapping[str, Activations] | None = None,
    *,
    debiased: bool = True,
) -> Comparison:
    """`cka` of every layer with every other: of one model, or of two on the same rows.

    Raises DataError where they are not of the same rows.
    """
    first = _sides(activations)
    second = first if others is None else _sides(others)
    require_same_rows(next(iter(first.values())).rows, next(iter(second.values())).rows)
    found: dict[tuple[str, str], Estimate] = {}
    pairs = [(a, b) for a in first for b in second]
    for a, b in track(pairs, "comparing layers", len(pairs)):
        mirrored = found.get((b, a)) if others is None else None
        found[a, b] = mirrored or _aligned(first[a], second[b], debiased)
    n = len(next(iter(first.values())).rows)
    frame = pd.DataFrame(
        [(a, b, one.value, one.low, one.high, one.n, one.reason) for (a, b), one in found.items()],
        columns=["layer", "other", "cka", "low", "high", "rows", "reason"],
    )
    return Comparison(
        frame=frame,
        debiased=debiased,
        chance=0.0 if debiased else math.nan,
        chance_spread=spread_by_chance(n) if debiased else math.nan,
    )


def spread_by_chance(n: int) -> float:
    """Standard deviation of the debiased alignment over all dealings of n rows, exactly.

    sqrt(2 / (n (n - 3))), whatever the activations: the centred kernels have rows that add up to 0
    and are divided by their own sizes.

    Székely & Rizzo 2013 have the same number for distance correlation in many dimensions.
    """
    return math.sqrt(2 / (n * (n - 3)))


def _sides(activations: Mapping[str, Activations]) -> dict[str, Side]:
    if not activations:
        raise DataError("there are no layers to compare: give {name: activations (n, d)}")
    found = {
        name: Side.of(one, f"the activations of {name!r}") for name, one in activations.items()
    }
    first = next(iter(found.values()))
    for one in found.values():
        require_same_rows(first.rows, one.rows)
    return found


def _aligned(one: Side, other: Side, debiased: bool) -> Estimate:
    if one.constant or other.constant:
        return undefined(CONSTANT, n=len(one.rows), method=METHOD)
    if debiased:
        both = products_of(one.rows, other.rows)
        value = _ratio(*(part.whole.covariance for part in (both, one.own, other.own)))
        left = _ratio(*(part.without_each.covariance for part in (both, one.own, other.own)))
    else:
        plain = [_plain(a, b) for a, b in ((one, other), (one, one), (other, other))]
        value = _ratio(*(whole for whole, _ in plain))
        left = _ratio(*(without for _, without in plain))
    held = min(max(float(value), -1.0), 1.0)
    return jackknifed(held, np.asarray(left), method=METHOD)


def _ratio(both: float | Floats, own: float | Floats, other: float | Floats) -> float | Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return cast(Floats, both / np.sqrt(np.asarray(own) * np.asarray(other)))


def _plain(one: Side, other: Side) -> tuple[float, Floats]:
    """|X'Y|^2 of centred rows, all and with each row left out, (n,)."""
    x, y = one.rows, other.rows
    grown = len(x) / (len(x) - 1)  # the mean moves with the row that is left out
    crossed = x.T @ y
    own = np.einsum("ij,ij->i", x @ crossed, y)
    ends = np.einsum("ij,ij->i", x, x) * np.einsum("ij,ij->i", y, y)
    whole = float(np.square(crossed).sum())
    return whole, whole - 2 * grown * own + grown * grown * ends


def _dealt(one: Side, other: Side, order: np.ndarray, debiased: bool) -> float:
    """The part of the measure that moves when the other's rows are dealt anew."""
    x, y = one.rows, other.rows[order]
    whole = float(np.square(x.T @ y).sum())
    if not debiased:
        return whole
    return whole - float(one.own.rows_a @ other.own.rows_a[order]) * (1 + 2 / (len(x) - 2))


def _expected(one: Side, other: Side) -> float:
    """The plain alignment's mean over all dealings.

    Kazi-Aoual et al. 1995, "Refined approximations to permutation tests for multivariate
    inference".
    """
    n = len(one.rows)
    spans = []
    for side in (one, other):
        gram = side.rows.T @ side.rows
        spans.append(float(np.trace(gram)) / float(np.linalg.norm(gram)))
    return spans[0] * spans[1] / (n - 1)
