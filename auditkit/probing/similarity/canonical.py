"""Canonical correlations of two layers: which directions of one are found in the other."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from auditkit.errors import UsageError
from auditkit.probing.similarity.alignment import CONSTANT, Activations
from auditkit.probing.similarity.pairs import Floats, centred, limits_of, require_same_rows, rows_of
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate, undefined

METHOD = "held out in halves; linearised, over rows, on the scale of arctanh"
DEALT = 19  # dealings of rows over which the correlations that chance gives are averaged
NOTHING = 1e-10  # of the largest direction: what rounding leaves of none

Weighting = Literal["mean", "projection"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Canonical:
    """Canonical correlations of two sets of activations.

    estimate is their mean on rows that the directions were not fitted on; in_sample the mean on
    those they were, chance that mean where the rows of one side are dealt anew: with few rows for
    each direction nearly as high. kept are how many directions of each side were looked at. frame
    has a line for each pair of directions, the strongest first: direction, held out, in sample,
    chance, weight.
    """

    __repr__ = in_short

    measure: str
    estimate: Estimate
    in_sample: float
    chance: float
    kept: tuple[int, int]
    frame: pd.DataFrame


def cca(
    x: Activations,
    y: Activations,
    *,
    weighting: Weighting = "mean",
    runtime: Runtime | None = None,
) -> Canonical:
    """Canonical correlations of all directions of activations (n, d) and (n, e) of the same rows.

    Their mean is 1 where one is a linear map of the other that loses nothing, about 0 (on rows
    held out) where they have nothing in common. Undefined where rows do not vary, or where a
    side has more directions than a quarter of the rows: `svcca` keeps fewer.

    Hotelling 1936, "Relations Between Two Sets of Variates".
    """
    return _correlated(x, y, 1.0, weighting, runtime, "CCA")


def svcca(
    x: Activations,
    y: Activations,
    *,
    variance: float = 0.99,
    weighting: Weighting = "mean",
    runtime: Runtime | None = None,
) -> Canonical:
    """`cca` of the principal directions that hold so much of each side's variance.

    weighting "projection" counts each pair of directions by how much of x lies along it.

    Raghu et al. 2017, "SVCCA"; Morcos et al. 2018, "Insights on representational similarity in
    neural networks with canonical correlation" (the weights).
    """
    return _correlated(x, y, variance, weighting, runtime, "SVCCA")


class Fitted(NamedTuple):
    """Directions of both sides, and what they gave on the rows they were fitted on.

    means (d,), (e,); maps (d, k), (e, k); correlations and weights (k,); kept directions of each.
    """

    means: tuple[Floats, Floats]
    maps: tuple[Floats, Floats]
    correlations: Floats
    weights: Floats
    white: tuple[Floats, Floats]


def _correlated(
    x: Activations,
    y: Activations,
    variance: float,
    weighting: Weighting,
    runtime: Runtime | None,
    name: str,
) -> Canonical:
    if not 0 < variance <= 1:
        raise UsageError(f"variance is {variance}; it is a share between 0 and 1, such as 0.99")
    if weighting not in ("mean", "projection"):
        raise UsageError(f"no weighting {weighting!r}: there are mean and projection")
    one, other = rows_of(x, "the activations x"), rows_of(y, "the activations y")
    require_same_rows(one, other)
    rng = (runtime or Runtime()).rng("halves of canonical correlations")
    whole = _fit(one, other, variance)
    measure = f"{name}, {'weighted by projection' if weighting == 'projection' else 'mean'}"
    if whole is None or (most := max(part.shape[1] for part in whole.white)) > len(one) // 4:
        reason = CONSTANT
        if whole is not None:
            reason = f"{most} directions of {len(one)} rows: a quarter as many is the most"
        return _nothing(measure, reason, len(one))
    weights = _weights(whole, weighting)
    dealt = np.mean([_by_chance(whole, rng) for _ in range(DEALT)], axis=0)
    held, estimate = _held_out(one, other, variance, weighting, rng)
    k = len(whole.correlations)
    return Canonical(
        measure=measure,
        estimate=estimate,
        in_sample=float(weights @ whole.correlations),
        chance=float(weights @ dealt),
        kept=(whole.white[0].shape[1], whole.white[1].shape[1]),
        frame=pd.DataFrame(
            {
                "direction": np.arange(1, k + 1),
                "held out": np.pad(held[:k], (0, max(k - len(held), 0)), constant_values=np.nan),
                "in sample": whole.correlations,
                "chance": dealt,
                "weight": weights,
            }
        ),
    )


def _nothing(measure: str, reason: str, n: int) -> Canonical:
    columns = ["direction", "held out", "in sample", "chance", "weight"]
    return Canonical(
        measure=measure,
        estimate=undefined(reason, n=n, method=METHOD),
        in_sample=math.nan,
        chance=math.nan,
        kept=(0, 0),
        frame=pd.DataFrame(columns=columns),
    )


def _fit(x: Floats, y: Floats, variance: float) -> Fitted | None:
    """None where a side does not vary."""
    sides = [_whitened(one, variance) for one in (x, y)]
    if sides[0] is None or sides[1] is None:
        return None
    (white_x, back_x), (white_y, back_y) = sides[0], sides[1]
    left, correlations, right = np.linalg.svd(white_x.T @ white_y, full_matrices=False)
    # How much of each number of x lies along a direction (Morcos et al. 2018).
    along = np.abs((white_x @ left).T @ centred(x)).sum(axis=1)
    return Fitted(
        means=(x.mean(axis=0), y.mean(axis=0)),
        maps=(back_x @ left, back_y @ right.T),
        correlations=np.minimum(correlations, 1.0),
        weights=along / along.sum(),
        white=(white_x, white_y),
    )


def _whitened(x: Floats, variance: float) -> tuple[Floats, Floats] | None:
    """Orthonormal columns (n, k) of the principal directions, and the map (d, k) to them."""
    left, sizes, right = np.linalg.svd(centred(x), full_matrices=False)
    if not sizes[0]:
        return None
    real = int((sizes > NOTHING * sizes[0]).sum())
    share = np.cumsum(sizes[:real] ** 2) / np.sum(sizes[:real] ** 2)
    k = real if variance == 1 else min(int(np.searchsorted(share, variance)) + 1, real)
    return left[:, :k], right[:k].T / sizes[:k]


def _weights(fitted: Fitted, weighting: Weighting) -> Floats:
    k = len(fitted.correlations)
    return fitted.weights if weighting == "projection" else np.full(k, 1 / k)


def _by_chance(fitted: Fitted, rng: np.random.Generator) -> Floats:
    x, y = fitted.white
    return np.asarray(np.linalg.svd(x.T @ y[rng.permutation(len(y))], compute_uv=False))


def _held_out(
    x: Floats, y: Floats, variance: float, weighting: Weighting, rng: np.random.Generator
) -> tuple[Floats, Estimate]:
    """Correlations (k,) on the half that was not fitted, of both halves, and their mean."""
    n = len(x)
    first = np.zeros(n, dtype=bool)
    first[rng.permutation(n)[: n // 2]] = True
    found, moves = [], []
    for near in (first, ~first):
        fitted = _fit(x[near], y[near], variance)
        if fitted is None:
            return np.zeros(0), undefined("half of the rows are the same", n=n, method=METHOD)
        sides = [
            _standard((one[~near] - mean) @ to)
            for one, mean, to in zip((x, y), fitted.means, fitted.maps, strict=True)
        ]
        r = (sides[0] * sides[1]).mean(axis=0)
        # What a row moves a correlation by.
        move = sides[0] * sides[1] - r * (sides[0] ** 2 + sides[1] ** 2) / 2
        weights = _weights(fitted, weighting)
        found.append((r, float(weights @ r)))
        moves.append(move @ weights)
    k = min(len(r) for r, _ in found)
    value = sum(mean for _, mean in found) / 2
    # As if both halves erred alike: each was fitted on what the other is measured on, and taken
    # as independent they cover 81 to 95 %.
    error = sum(float(one.std(ddof=1)) / math.sqrt(len(one)) for one in moves) / 2
    low, high = limits_of(value, error, n - 2, "arctanh")
    mean = np.mean([r[:k] for r, _ in found], axis=0)
    return mean, Estimate(value=value, low=low, high=high, n=n, method=METHOD)


def _standard(columns: Floats) -> Floats:
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1))
