"""How rare a value is among calibration images, several of which may be of one photograph.

Twenty crops of a photograph are no twenty images: a new image is the first of a new photograph,
and is exchangeable with whole photographs alone. So each photograph counts once, however many
crops it has: p = (1 + sum over photographs of the share of its crops at least as large) / (J + 1)
for J photographs. Then P(p <= alpha) <= alpha for whatever laws lie within and between them.

Lee, Barber & Willett 2023, "Distribution-free inference with hierarchical data"; of single
images: Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import DataError

Floats = NDArray[np.float64]

STEPS = 200  # of a tail that are kept: closer where it is thin, .0023 apart at .05
FINE = 1e6  # edges are rounded up to a millionth
KINDS = 100  # of images that a file may speak of
MOST = 10_000  # steps that a file may hold; ours have `STEPS` at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The share of originals with values at least so large: edges rise, shares fall.

    Between two edges the share is that of the upper one, and edges are rounded up: a p-value may be
    too large by a few thousandths, and is never too small.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    originals: int

    @classmethod
    def of(cls, values: ArrayLike, original: ArrayLike) -> Self:
        """From values (n,) and the original behind each (n,). Raises DataError without any."""
        known = np.asarray(values, float)
        weight, originals = once_each(original)
        if not len(known):
            raise DataError("there are no calibration images of this kind")
        edges, place = np.unique(known, return_inverse=True)
        tail = np.bincount(place, weight)[::-1].cumsum()[::-1] / originals
        step = np.ceil(STEPS * np.sqrt(tail.clip(0, 1)))
        first = np.flatnonzero(np.diff(step, prepend=np.inf))
        last = np.append(first[1:], len(edges)) - 1
        return cls(
            edges=tuple((np.ceil(edges[last] * FINE) / FINE).tolist()),
            shares=tuple(tail[first].clip(0, 1).tolist()),
            originals=originals,
        )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` gave. Raises DataError where it is no such tail."""
        edges, shares = numbers(raw, "edges", most=MOST), numbers(raw, "shares", most=MOST)
        originals = raw.get("originals")
        right = (
            isinstance(originals, int)
            and not isinstance(originals, bool)
            and 0 < originals < 10**9
            and len(edges) == len(shares) > 0
            and bool(np.all(np.diff(edges) >= 0) and np.all(np.diff(shares) <= 0))
            and 0 < shares[-1] <= shares[0] <= 1
        )
        if not right:
            raise DataError("the calibration is not one that auditkit wrote: steps out of order")
        return cls(edges=edges, shares=shares, originals=int(str(originals)))

    def share(self, values: ArrayLike) -> Floats:
        """The share of originals at least as large as each of values (n,)."""
        steps = np.append(self.shares, 0.0)
        return np.asarray(steps[np.searchsorted(self.edges, values, side="left")])

    def p_value(self, values: ArrayLike) -> Floats:
        """The same with the image itself counted as one more original, in (0, 1]."""
        above = 1 + self.originals * self.share(values)
        return np.asarray(np.round(above / (self.originals + 1), 12))  # .05 is at most .05

    def least_below(self, level: float) -> float:
        """The least edge above which at most a share `level` of originals lies."""
        above = np.append(self.shares[1:], 0.0)
        return self.edges[int(np.argmax(above <= level))]


def once_each(original: ArrayLike) -> tuple[Floats, int]:
    """Weights (n,) by which the rows of each original add up to 1, and how many there are."""
    codes, names = pd.factorize(np.asarray(original))
    return 1 / np.bincount(codes)[codes], len(names)


def numbers(raw: Mapping[str, Any], name: str, *, most: int = MOST) -> tuple[float, ...]:
    """A list of finite numbers in a card. Raises DataError where it is anything else."""
    found = raw.get(name)
    if not isinstance(found, list | tuple) or len(found) > most:
        raise DataError(
            f"the calibration is not one that auditkit wrote: {name!r} is no short list"
        )
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in found):
        raise DataError(f"the calibration is not one that auditkit wrote: {name!r} is not numbers")
    if not all(abs(one) < 1e12 for one in found):  # and no NaN
        raise DataError(f"the calibration is not one that auditkit wrote: {name!r} is impossible")
    return tuple(float(one) for one in found)


def tables(raw: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
    """A table of tables in a card. Raises DataError unless it holds 1 to `KINDS`."""
    found = raw.get(name)
    if (
        not isinstance(found, Mapping)
        or not 0 < len(found) <= KINDS
        or not all(isinstance(one, Mapping) for one in found.values())
    ):
        raise DataError(f"the calibration is not one that auditkit wrote: {name!r} is missing")
    return {str(key): one for key, one in found.items()}
