"""Units of a layer that say the same: pairs whose activations correlate beyond .99."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import t

from auditkit.errors import UsageError
from auditkit.probing.similarity.alignment import Activations
from auditkit.probing.similarity.pairs import Floats, centred, rows_of
from auditkit.probing.telling import in_short

BLOCK = 1024  # units whose correlations with all others are held at once
TOLD = 1000  # pairs that are kept, the strongest first

Places = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Doubles:
    """Units of one layer that double others.

    frame has a line for each pair: unit, other, correlation, the strongest first, at most 1,000;
    pairs counts all. doubled are units that could be read off another one, of `varying` that
    change over the rows at all, of units; chance is how many pairs independent units would give.
    kinship (units,) numbers what hangs together by such pairs, -1 where a unit never changes.
    """

    __repr__ = in_short

    frame: pd.DataFrame
    pairs: int
    doubled: int
    varying: int
    units: int
    rows: int
    chance: float
    threshold: float
    kinship: Places

    @property
    def share(self) -> float:
        """doubled / varying, between 0 and 1; NaN where no unit changes."""
        return self.doubled / self.varying if self.varying else math.nan


def duplicates(activations: Activations, *, threshold: float = 0.99) -> Doubles:
    """Pairs of units whose activations (n, d) correlate beyond the threshold, of either sign.

    Of a group of units that hang together by such pairs all but one are doubled. Units that never
    change have no correlation. Raises DataError for another shape and NaN.
    """
    if not 0 < threshold < 1:
        raise UsageError(f"threshold is {threshold}; it is a correlation between 0 and 1, as .99")
    x = rows_of(activations)
    n, d = x.shape
    moved = centred(x)
    sizes = np.linalg.norm(moved, axis=0)
    varying = np.flatnonzero(sizes > 0)
    units = moved[:, varying] / sizes[varying]
    first, second, r = _pairs(units, threshold)
    m = len(varying)
    links = coo_array((np.ones(len(first)), (first, second)), shape=(m, m))
    groups, kin = connected_components(links, directed=False)
    kinship = np.full(d, -1, dtype=np.int64)
    kinship[varying] = kin
    order = np.argsort(-np.abs(r), kind="stable")[:TOLD]
    return Doubles(
        frame=pd.DataFrame(
            {
                "unit": varying[first[order]],
                "other": varying[second[order]],
                "correlation": r[order],
            }
        ),
        pairs=len(r),
        doubled=m - groups,
        varying=m,
        units=d,
        rows=n,
        chance=m * (m - 1) / 2 * _by_chance(threshold, n),
        threshold=threshold,
        kinship=kinship,
    )


def _pairs(units: Floats, threshold: float) -> tuple[Places, Places, Floats]:
    """Places of both units and their correlation, from columns of length 1, (n, m)."""
    parts = []
    for start in range(0, units.shape[1], BLOCK):
        rest = units[:, start:]  # pairs with units before these are known
        found = units[:, start : start + BLOCK].T @ rest
        one, other = np.nonzero(np.abs(found) > threshold)
        later = other > one
        one, other = one[later], other[later]
        parts.append((one + start, other + start, found[one, other]))
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros(0)
    firsts, seconds, values = zip(*parts, strict=True)
    r = np.clip(np.concatenate(values), -1, 1)
    return np.concatenate(firsts), np.concatenate(seconds), r


def _by_chance(threshold: float, n: int) -> float:
    """How likely two independent normal units correlate beyond the threshold in n rows."""
    return float(2 * t.sf(threshold * math.sqrt((n - 2) / (1 - threshold**2)), n - 2))
