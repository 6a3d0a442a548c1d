"""How alike two sets of activations are: one number beside what chance gives of it."""

import math
from dataclasses import dataclass

import pandas as pd

from auditkit.probing.telling import in_short
from auditkit.statistics.estimate import Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Similarity:
    """A measure of likeness, with its interval, and the same of rows dealt at random.

    chance is its mean where the rows of one side are dealt anew, p_value how often it is then as
    high (the dealing at hand counted); NaN where that was not asked. n counts the rows.
    """

    __repr__ = in_short

    measure: str
    estimate: Estimate
    chance: float
    p_value: float = math.nan
    permutations: int = 0

    @property
    def frame(self) -> pd.DataFrame:
        """One line: measure, value, low, high, chance, p, rows."""
        one = self.estimate
        line = {
            "measure": self.measure,
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "chance": self.chance,
            "p": self.p_value,
            "rows": one.n,
        }
        return pd.DataFrame([line])
