"""How an error falls with the rows a model learns from, and what more rows would buy.

Hestness et al. 2017, "Deep Learning Scaling is Predictable, Empirically": error = a n^-b + c.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]

FEWEST = 4  # points for three numbers
DRAWS = 400
STEEPEST = 2.0  # an exponent beyond it is a curve that is no power law


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
    best = _fit(n, y, spread)
    drawn = np.maximum(y + spread * rng.normal(size=(DRAWS, len(y))), y.min() / 100)
    draws = np.array([_fit(n, one, spread, start=best) for one in drawn])
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


def _fit(n: Floats, y: Floats, spread: Floats, start: Floats | None = None) -> Floats:
    """log scale, exponent, floor of the best fit, from several starts where none is given."""
    most = float(y.min())
    starts = (
        [start]
        if start is not None
        else [
            np.array(
                [math.log(max(y[0] - floor, 1e-9)) + exponent * math.log(n[0]), exponent, floor]
            )
            for exponent in (0.1, 0.3, 0.7)
            for floor in (0.0, most / 2, most * 0.9)
        ]
    )
    low, high = np.array([-50.0, 0.0, 0.0]), np.array([50.0, STEEPEST, max(most, 1e-12)])
    fits = [
        least_squares(
            lambda parts: (_law(parts, n) - y) / spread,
            np.clip(one, low + 1e-12, high - 1e-12),
            bounds=(low, high),
            x_scale=np.array([1.0, 0.1, max(most, 1e-6)]),
        )
        for one in starts
    ]
    return np.asarray(min(fits, key=lambda fit: fit.cost).x)
