"""How often an interval for two rates misses on its worse side: exact, by both binomials."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, norm

from auditkit.statistics.intervals import (
    Bounds,
    difference_interval,
    difference_of,
    ratio_interval,
    ratio_of,
)

Floats = NDArray[np.float64]
Misses = tuple[NDArray[np.bool_], NDArray[np.bool_]]
PAIRS = (  # n1, p1, n2, p2
    (50, 0.3, 50, 0.3),
    (50, 0.5, 50, 0.3),
    (50, 0.02, 50, 0.12),
    (50, 0.9, 50, 1.0),
    (200, 0.02, 200, 0.04),
    (50, 0.02, 1000, 0.02),
    (50, 0.12, 1000, 0.02),
    (50, 0.9, 1000, 0.9),
    (50, 0.3, 1000, 0.3),
)
CRITICAL = (1.96, 3.16)  # one pair, and ten groups
SLACK = 1e-12


def pair_tails() -> pd.DataFrame:
    """A line for each pair and z: the worse side's misses over its share, by method."""
    lines = []
    for z in CRITICAL:
        for n1, p1, n2, p2 in PAIRS:
            x1, x2 = np.arange(n1 + 1.0)[:, None], np.arange(n2 + 1.0)[None, :]
            weight = binom.pmf(x1, n1, p1) * binom.pmf(x2, n2, p2)
            counts = (x1, n1, x2, n2)
            line = {"pair": f"{p1:g} of {n1}, {p2:g} of {n2}", "z": f"{z:g}"}
            for name, misses in METHODS.items():
                sides = [float(weight[one].sum()) for one in misses(counts, p1, p2, z)]
                line[name] = f"{max(sides) / norm.sf(z):.1f}"
            lines.append(line)
    return pd.DataFrame(lines)


def _wilson(x: Floats, n: int, z: float) -> Bounds:
    p = x / n
    spread = z * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    middle, scale = p + z * z / (2 * n), 1 + z * z / n
    return np.clip((middle - spread) / scale, 0, 1), np.clip((middle + spread) / scale, 0, 1)


def _beyond(bounds: Bounds, true: float) -> Misses:
    low, high = bounds
    return low > true + SLACK, high < true - SLACK


def _ours(counts: tuple, p1: float, p2: float, z: float) -> Misses:
    return _beyond(difference_interval(*counts, z), p1 - p2)


def _our_ratio(counts: tuple, p1: float, p2: float, z: float) -> Misses:
    return _beyond(ratio_interval(*counts, z), p1 / p2)


def _plain(combine: Callable[..., Bounds], true: Callable[[float, float], float]) -> Callable:
    """MOVER on Wilson's limits as published."""

    def misses(counts: tuple, p1: float, p2: float, z: float) -> Misses:
        x1, n1, x2, n2 = counts
        one, other = (x1 / n1, _wilson(x1, n1, z)), (x2 / n2, _wilson(x2, n2, z))
        return _beyond(combine(*one, *other), true(p1, p2))

    return misses


def _miettinen_nurminen(counts: tuple, p1: float, p2: float, z: float) -> Misses:
    """Whether the score test at the true difference rejects; their closed form for the rates."""
    x1, n1, x2, n2 = counts
    x1, x2 = np.broadcast_arrays(x1, x2)
    d, n = p1 - p2, n1 + n2
    l2 = (n1 + 2 * n2) * d - n - (x1 + x2)
    l1 = (n2 * d - n - 2 * x2) * d + x1 + x2
    l0 = x2 * d * (1 - d)
    q = (l2 / (3 * n)) ** 3 - l1 * l2 / (6 * n * n) + l0 / (2 * n)
    root = np.sqrt(np.maximum((l2 / (3 * n)) ** 2 - l1 / (3 * n), 0))
    root = np.where(q > 0, root, -root)
    cosine = np.divide(q, root**3, out=np.zeros_like(q), where=root != 0)
    angle = (np.pi + np.arccos(np.clip(cosine, -1, 1))) / 3
    r2 = np.clip(2 * root * np.cos(angle) - l2 / (3 * n), 0, 1)
    r1 = np.clip(r2 + d, 0, 1)
    variance = (r1 * (1 - r1) / n1 + r2 * (1 - r2) / n2) * n / (n - 1)
    t = (x1 / n1 - x2 / n2 - d) / np.sqrt(np.maximum(variance, 1e-300))
    return t > z, t < -z


METHODS: dict[str, Callable[[tuple, float, float, float], Misses]] = {
    "difference, ours": _ours,
    "Newcombe on plain Wilson": _plain(difference_of, lambda p1, p2: p1 - p2),
    "Miettinen-Nurminen": _miettinen_nurminen,
    "ratio, ours": _our_ratio,
    "Donner-Zou on plain Wilson": _plain(ratio_of, lambda p1, p2: p1 / p2),
}
