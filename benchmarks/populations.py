"""The populations whose truth is known, from which `benchmarks.coverage` draws its tables."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.disparity import DISPARITIES

LIMITS = {"difference": 0.1, "ratio": 0.8}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Rows and true rate of each group; `other` is the second rate of equalized odds."""

    sizes: tuple[int, ...]
    rates: tuple[float, ...]
    other: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The disparity to measure."""
        return "equalized_odds" if self.other else "demographic_parity"

    @property
    def title(self) -> str:
        """Groups x rows, and the rates, in a few words."""
        unequal = len(set(self.sizes)) > 1
        rows = "(" + " ".join(map(str, self.sizes)) + ")" if unequal else str(self.sizes[0])
        odds = f" and {_runs(self.other)}" if self.other else ""
        return f"{len(self.sizes)} × {rows}: {_runs(self.rates)}{odds}"

    @property
    def truth(self) -> dict[str, NDArray[np.float64]]:
        """The true rates, by name of the rate."""
        rates = (np.array(one) for one in (self.rates, self.other) if one)
        return dict(zip(DISPARITIES[self.name], rates, strict=True))

    def gap(self, comparison: str) -> float:
        """The true largest difference or smallest ratio."""
        if comparison == "difference":
            return max(float(rate.max() - rate.min()) for rate in self.truth.values())
        return min(float(rate.min() / rate.max()) for rate in self.truth.values())

    def excess(self, comparison: str) -> float:
        """How far the truth lies beyond the limit: negative within, 0 exactly at it."""
        gap, limit = self.gap(comparison), LIMITS[comparison]
        return round(gap - limit if comparison == "difference" else limit - gap, 9)

    def table(self, rng: np.random.Generator) -> pd.DataFrame:
        """One sample, as counts. For equalized odds each group has as many negatives again."""
        n = np.array(self.sizes)
        hits = rng.binomial(n, self.rates)
        if not self.other:
            return pd.DataFrame({"tp": hits, "fp": 0, "fn": n - hits, "tn": 0})
        false = rng.binomial(n, self.other)
        return pd.DataFrame({"tp": hits, "fp": false, "fn": n - hits, "tn": n - false})


def even(groups: int, rows: int, *rates: float) -> Setting:
    """Groups of equal size, the rates shared out evenly among them."""
    each = tuple(rate for rate in rates for _ in range(groups // len(rates)))
    return Setting(sizes=(rows,) * groups, rates=each)


def _runs(values: tuple[float, ...]) -> str:
    """(.3, .3, .4) as "0.3 (2), 0.4"."""
    runs = ((value, len(list(same))) for value, same in groupby(values))
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return ", ".join(f"{value:g} ({times})" if times > 1 else f"{value:g}" for value, times in runs)


MIXED = (50, 50, 200, 1000, 5000)
SETTINGS = (
    # No gap at all.
    even(2, 50, 0.3),
    even(2, 5000, 0.3),
    even(8, 100, 0.3),
    even(20, 50, 0.3),
    even(20, 200, 0.02),
    even(5, 100, 0.02),
    even(4, 500, 0.9),
    even(3, 50, 1.0),
    Setting(sizes=MIXED, rates=(0.3,) * 5),
    Setting(sizes=MIXED, rates=(0.02,) * 5),
    Setting(sizes=(50, 5000), rates=(0.02,) * 2),
    Setting(sizes=(200,) * 6, rates=(0.9,) * 6, other=(0.02,) * 6),
    # A difference of exactly .1.
    even(2, 100, 0.02, 0.12),
    Setting(sizes=MIXED, rates=(0.02, 0.12, 0.02, 0.12, 0.02)),
    even(8, 100, 0.25, 0.3, 0.3, 0.35),
    even(20, 50, 0.3, 0.4),
    even(10, 100, 0.9, 1.0),
    Setting(sizes=(200,) * 6, rates=(0.8,) * 3 + (0.9,) * 3, other=(0.1,) * 3 + (0.2,) * 3),
    # A ratio of exactly .8.
    even(2, 5000, 0.72, 0.9),
    even(10, 50, 0.24, 0.3),
    even(10, 500, 0.016, 0.02),
    even(10, 100, 0.8, 1.0),
    # Just beyond, and twice the limit.
    even(2, 5000, 0.3, 0.405),
    even(2, 200, 0.02, 0.13),
    even(20, 500, 0.89, 1.0),
    Setting(sizes=(2000,) * 5, rates=(0.2, 0.3, 0.3, 0.3, 0.4)),
    even(20, 500, 0.7, 0.9),
    even(10, 50, 0.02, 0.22),
)
# Few enough for a test, hard enough to fail: no gap among many, and exactly at the limit.
QUICK = (even(8, 100, 0.3), even(2, 100, 0.02, 0.12))
