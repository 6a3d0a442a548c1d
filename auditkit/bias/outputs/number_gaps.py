"""Gaps between groups in how far numbers are off, with intervals for all pairs and the null.

Where rows share a person, whole persons are drawn again and permuted.
"""

import numpy as np
from numpy.typing import NDArray

from auditkit.bias.bootstrap import require_draws
from auditkit.bias.contrast import Contrast, Measured, contrast
from auditkit.bias.outputs.number_errors import (
    MEASURES,
    NumberErrors,
    averaged,
    columns_of,
    group_means,
    limits_of,
    too_few,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHOD = "intervals of all pairs at once (Tukey)"
MANY = 1000  # units of a group above which its mean is drawn from the normal law
WORK = 5_000_000  # numbers permuted at most, by fewer permutations where there are many units


def error_gap(
    errors: NumberErrors,
    measure: str,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 0,
) -> Contrast:
    """The largest difference between groups in one of MEASURES, in the target's own unit.

    Intervals hold for all pairs at once: each group's own limits, combined, at Tukey's critical
    value. A group of fewer than min_group_size units (at least 2)
    is left out by name. The null permutes groups among units; where units lie in several groups,
    which leaves nothing to permute, it is drawn from the groups' standard errors. Raises
    UsageError for another name, a confidence outside (0, 1) and fewer than one draw.
    """
    require_draws(draws, confidence)
    means = group_means(errors, measure)
    least = max(min_group_size, 2)
    kept = [place for place, one in enumerate(means) if one.units >= least]
    compared = [means[place] for place in kept]
    value, error, _ = columns_of(compared, measure)
    sums = errors.sums(averaged(errors, measure))
    chosen = [sums[place] for place in kept]
    measured = Measured(
        labels=[errors.groups[place] for place in kept],
        values=value,
        errors=error,
        n=np.array([int(sums[place][1].sum()) for place in kept], dtype=np.int64),
        limits=lambda z: limits_of(compared, measure, z),
        permuted=_permuted(chosen, error, measure, draws, rng, errors.straddling),
        left_out={
            errors.groups[place]: left_out_for(least, errors.unit)
            for place, one in enumerate(means)
            if place not in kept
        },
        unknown=too_few(errors.unit),
    )
    return contrast(measured, confidence=confidence, what=MEASURES[measure], method=METHOD)


def left_out_for(least: int, unit: str) -> str:
    """Why a group of fewer units is not compared; not how few they are, which tells of people."""
    return f"fewer than {least:,} {f'values of {unit}' if unit else 'rows'}"


def dealt(sizes: Ints, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Units in random order, (d, U), of which the first sizes[0] go to the first group, and so on.

    d is draws, or as many as WORK allows, 50 at least.
    """
    units = int(sizes.sum())
    few = min(draws, max(50, WORK // units))
    return rng.permuted(np.tile(np.arange(units), (few, 1)), axis=1)


def _permuted(
    sums: list[tuple[Floats, Floats]],
    error: Floats,
    measure: str,
    draws: int,
    rng: np.random.Generator,
    straddling: bool,
) -> Floats | None:
    """Each group's mean with groups permuted among units, (d, G)."""
    if len(sums) < 2:
        return None
    if straddling:
        return np.asarray(rng.standard_normal((draws, len(sums))) * error)
    sizes = np.array([len(size) for _, size in sums], dtype=np.int64)
    total, size = (np.concatenate([one[i] for one in sums]) for i in (0, 1))
    if sizes.sum() > WORK // draws and np.all(size == 1):
        means = np.stack([_of_pool(total, int(one), draws, rng) for one in sizes], axis=1)
    else:
        order = dealt(sizes, draws, rng)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        above, below = (np.add.reduceat(one[order], starts, axis=1) for one in (total, size))
        means = above / below
    return np.asarray(np.sqrt(means) if measure == "root_mean_squared_error" else means)


def _of_pool(values: Floats, size: int, draws: int, rng: np.random.Generator) -> Floats:
    """Means of `size` of the values, (draws,): of many rows drawing with replacement will do.

    Gaps between groups then have the variance that permutations give, but for one part in n.
    """
    if size > MANY:
        error = values.std(ddof=1) / np.sqrt(size)
        means = values.mean() + error * rng.standard_normal(draws)
        return np.asarray(np.maximum(means, 0.0) if values.min() >= 0 else means)
    return np.asarray(values[rng.integers(len(values), size=(draws, size))].mean(axis=1))
