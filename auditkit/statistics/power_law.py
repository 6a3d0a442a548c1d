"""How an error falls with the rows a model learns from, and what more rows would buy.

Hestness et al. 2017, "Deep Learning Scaling is Predictable, Empirically": error = a n^-b + c.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]

FEWEST = 4  # points for three numbers
DRAWS = 400
STEEPEST = 2.0  # an exponent beyond it is a curve that is no power law
GENTLEST = 1e-3  # at 0 scale and floor are one number
TRIED, CLOSER = 201, 4  # exponents tried between two limits, which close in so many times


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """error = scale * rows^-exponent + floor. draws are fits to errors drawn anew, (k, 3)."""

    scale: float
    exponent: Estimate
    floor: Estimate
    draws: Floats

    def at(self, rows: ArrayLike) -> Floats:
        """The error that the law gives for so many rows."""
        return _law(np.array([math.log(self.scale), self.exponent.value, self.floor.value]), rows)

    def left(self, times: float) -> float:
        """The share of what the error is above its floor that remains at `times` the rows."""
        return float(times**-self.exponent.value)

    def course(self, rows: float, most: float, points: int = 40) -> tuple[Floats, Floats]:
        """Numbers of rows between two, evenly spaced in their logarithm, and the error at each."""
        spaced = np.geomspace(rows, most, points)
        return spaced, self.at(spaced)

    def gain(self, rows: float, times: float, *, confidence: float = 0.95) -> Estimate:
        """How much lower the error is at `times` the rows, by the law.

        Beyond the rows that were seen it holds only if the law goes on holding, which no
        interval says.
        """
        tail = (1 - confidence) / 2
        drawn = [float(_law(one, rows) - _law(one, rows * times)) for one in self.draws]
        low, high = np.quantile(drawn, [tail, 1 - tail])
        value = float(self.at(rows) - self.at(rows * times))
        return Estimate(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            n=self.exponent.n,
            method=METHOD,
            confidence=confidence,
        )


METHOD = "power law fitted by least squares; percentiles of fits to errors drawn anew"


def fit_power_law(
    rows: ArrayLike,
    errors: ArrayLike,
    deviations: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> PowerLaw | Estimate:
    """The law through errors (k,) at so many rows (k,), each known to its standard deviation.

    An undefined estimate, with the reason, where there are fewer than four points or an error is
    not above 0. The interval draws each error anew from its normal law: the spread between
    trainings on other rows and seeds is not in it.
    """
    n, y = np.asarray(rows, float), np.asarray(errors, float)
    spread = np.maximum(np.asarray(deviations, float), 1e-9)
    if len(n) < FEWEST:
        return undefined(f"{len(n)} points; a power law takes {FEWEST}", n=len(n), method=METHOD)
    if not (np.isfinite(y).all() and np.isfinite(spread).all() and (y > 0).all()):
        return undefined("an error is not above 0", n=len(n), method=METHOD)
    best = _fits(n, y[None], spread)[0]
    drawn = np.maximum(y + spread * rng.normal(size=(DRAWS, len(y))), y.min() / 100)
    draws = _fits(n, drawn, spread)
    tail = (1 - confidence) / 2

    def estimate(place: int) -> Estimate:
        low, high = np.quantile(draws[:, place], [tail, 1 - tail])
        value = float(best[place])
        return Estimate(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            n=len(n),
            method=METHOD,
            confidence=confidence,
        )

    return PowerLaw(scale=math.exp(best[0]), exponent=estimate(1), floor=estimate(2), draws=draws)


def _law(parts: Floats, rows: ArrayLike) -> Floats:
    log_scale, exponent, floor = parts
    return np.asarray(np.exp(log_scale - exponent * np.log(np.asarray(rows, float))) + floor)


def _fits(n: Floats, y: Floats, spread: Floats) -> Floats:
    """log scale, exponent and floor of the best fits, (k, 3), to errors y (k, points).

    Given the exponent the law is linear in the other two: so exponents are tried, ever closer
    around the best. The floor lies between 0 and the smallest error.
    """
    low, high = np.full(len(y), GENTLEST), np.full(len(y), STEEPEST)
    rows = np.arange(len(y))
    for _ in range(CLOSER):
        exponents = np.linspace(low, high, TRIED, axis=1)  # (k, exponents)
        shapes = (n / n.min()) ** -exponents[..., None]  # (k, exponents, points)
        cost, scale, floor = _linear(shapes, y, (spread.min() / spread) ** 2)
        best = rows, cost.argmin(axis=1)
        step = (high - low) / (TRIED - 1)
        low = np.maximum(exponents[best] - step, GENTLEST)
        high = np.minimum(exponents[best] + step, STEEPEST)
    log_scale = np.log(np.maximum(scale[best], 1e-300)) + exponents[best] * math.log(n.min())
    return np.stack([log_scale, exponents[best], floor[best]], axis=1)


def _linear(shapes: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Cost, scale and floor of the best y = scale * shape + floor, each (k, exponents).

    The best of a plane's bounded part is the free one where it lies within, else one on an edge:
    no floor, the highest floor, no scale.
    """
    most = y.min(axis=1)[:, None]
    w, wy = weights.sum(), (y @ weights)[:, None]
    wz, wzz = shapes @ weights, shapes**2 @ weights
    wzy = (shapes * y[:, None]) @ weights
    spread = np.maximum(w * wzz - wz**2, 1e-300)
    free = (w * wzy - wz * wy) / spread
    nothing = np.zeros_like(wz)
    scales = np.stack([free, wzy / wzz, (wzy - most * wz) / wzz, nothing])
    floors = np.stack(
        [(wy - free * wz) / w, nothing, nothing + most, nothing + np.minimum(wy / w, most)]
    )
    inside = (scales >= 0) & (floors >= 0) & (floors <= most)
    misses = scales[..., None] * shapes + floors[..., None] - y[:, None]
    cost = np.where(inside, (misses**2) @ weights, np.inf)  # (4, k, exponents)
    best = cost.argmin(axis=0)[None]
    cost, scale, floor = (np.take_along_axis(o, best, axis=0)[0] for o in (cost, scales, floors))
    return cost, scale, floor
