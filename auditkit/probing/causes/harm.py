"""Whom it hurts when a piece of a network is gone, beside groups drawn at random.

For each piece and group: the change of the group's errors less that of everybody else's. Were
the groups drawn at random, some piece would hurt some group more by chance alone; so each
difference is held against the largest of all pieces and groups under exchanged labels (Westfall &
Young 1993, "Resampling-Based Multiple Testing"), in units of its own spread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.errors import DataError
from auditkit.probing.telling import in_short
from auditkit.statistics import multiclass
from auditkit.statistics.estimate import Estimate

FEWEST = 10  # rows of a group
AT_ONCE = 100  # groupings that are drawn and added up together
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Harm:
    """How each piece's absence changes the errors of each group.

    frame has a line for each piece and group: layer, piece, group, rows, change with low and high
    (of the group's own errors), apart with its own low and high (the change
    less that of all others, its interval at 95 % for itself alone), chance (the size that random
    groups exceed in one of 20 sets of all pieces and groups) and adjusted (p over all of them).
    left_out maps groups that are not compared to why.
    """

    __repr__ = in_short

    frame: pd.DataFrame
    draws: int
    left_out: dict[str, str]

    @property
    def found(self) -> pd.DataFrame:
        """The lines that chance does not explain: adjusted p of at most .05."""
        return self.frame[self.frame["adjusted"] <= 0.05]


def harm_by_group(
    pieces: Sequence[tuple[str, str]],
    change: Floats,
    groups: ArrayLike,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Harm:
    """The same from changes of errors (pieces, n) and groups (n,); a missing group has no say.

    Of two groups each is the other's opposite, and only the second is asked about. Raises
    DataError where fewer than two groups have 10 rows.
    """
    known, codes, names, left_out = _groups_of(groups, change.shape[1])
    moved = change[:, known]
    kept = np.unique(codes)
    asked = kept[1:] if len(kept) == 2 else kept
    one_hot = (codes == asked[:, None]).astype(float)  # (groups, n)
    apart, spread = _apart(moved, one_hot)
    largest = _largest(moved, one_hot, draws, rng)
    own = np.abs(apart) / np.where(spread > 0, spread, np.inf)
    adjusted = (1 + (largest[:, None, None] >= own - 1e-9).sum(axis=0)) / (1 + draws)
    chance = np.quantile(largest, 0.95) * spread
    lines = []
    for (i, (layer, piece)), (j, place) in product(enumerate(pieces), enumerate(asked)):
        inside, rest = moved[i][codes == place], moved[i][codes != place]
        here = change_of_errors(inside)
        half = _half(inside, rest)
        lines.append(
            (
                *(layer, piece, names[place], here.n, here.value, here.low, here.high),
                *(apart[i, j], apart[i, j] - half, apart[i, j] + half),
                *(chance[i, j], adjusted[i, j]),
            )
        )
    return Harm(frame=pd.DataFrame(lines, columns=COLUMNS), draws=draws, left_out=left_out)


# fmt: off
COLUMNS = [
    "layer", "piece", "group", "rows", "change", "low", "high", "apart", "apart low", "apart high",
    "chance", "adjusted",
]
# fmt: on


def _groups_of(
    groups: ArrayLike, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str], dict[str, str]]:
    """Places of the rows that are compared, the group of each, all names and who is left out."""
    said = pd.Series(np.asarray(groups, dtype=object))
    if len(said) != rows:
        raise DataError(f"{len(said)} groups for {rows} rows: give one a row")
    known = np.flatnonzero(said.notna())
    codes, levels = pd.factorize(said.iloc[known].astype(str), sort=True)
    names, counts = [str(one) for one in levels], np.bincount(codes, minlength=len(levels))
    few = np.flatnonzero(counts < FEWEST)
    if len(names) - len(few) < 2:
        raise DataError(
            f"{len(names) - len(few)} of {len(names)} groups have {FEWEST} rows or more: two are "
            "needed to compare"
        )
    enough = ~np.isin(codes, few)
    return known[enough], codes[enough], names, {names[i]: f"{counts[i]} rows" for i in few}


def _apart(moved: Floats, one_hot: Floats) -> tuple[Floats, Floats]:
    """Means of groups less those of others (pieces, groups), and their spread were all alike."""
    n, size = moved.shape[1], one_hot.sum(axis=1)
    inside = moved @ one_hot.T
    outside = moved.sum(axis=1, keepdims=True) - inside
    spread = moved.std(axis=1, keepdims=True) * np.sqrt(n / (size * (n - size)))
    return inside / size - outside / (n - size), spread


def _largest(
    moved: Floats, one_hot: Floats, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The largest difference over pieces and groups in each draw, in units of its own spread."""
    n, size = moved.shape[1], one_hot.sum(axis=1)
    deviation = moved.std(axis=1, keepdims=True)
    unit = (moved - moved.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, np.inf)
    found = []
    for start in range(0, draws, AT_ONCE):
        several = min(AT_ONCE, draws - start)
        drawn = np.stack([one_hot[:, rng.permutation(n)] for _ in range(several)])
        sums = (drawn.reshape(-1, n) @ unit.T).reshape(several, len(size), -1)
        scaled = np.abs(sums) * np.sqrt(n / (size * (n - size)))[:, None]
        found.append(scaled.max(axis=(1, 2)))
    return np.concatenate(found)


def change_of_errors(change: Floats) -> Estimate:
    """The mean of changes of errors (n,): by Tango where an answer is either right or wrong."""
    if np.isin(change, (-1, 0, 1)).all():
        return multiclass.accuracy_difference(change > 0, change < 0)
    return mean_of(change)


def _half(inside: Floats, rest: Floats) -> float:
    """Half the interval of a difference of means, at 95 %, by Student's law as Welch has it."""
    own, other = _error(inside) ** 2, _error(rest) ** 2
    if not own + other:
        return 0.0
    parts = own**2 / (len(inside) - 1) + other**2 / (len(rest) - 1)
    return float(student.ppf(0.975, (own + other) ** 2 / parts) * np.sqrt(own + other))


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
