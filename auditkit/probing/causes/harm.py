"""Whom it hurts when a piece of a network is gone, beside groups drawn at random.

For each piece and group: the change of the group's errors less that of everybody else's. Were
the groups drawn at random, some piece would hurt some group more by chance alone; so each
difference is held against the largest of all pieces and groups under exchanged labels (Westfall &
Young 1993, "Resampling-Based Multiple Testing"), in units of its own spread.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.errors import DataError
from auditkit.statistics import multiclass
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.intervals import z_of

FEWEST = 10  # rows of a group, and of all others
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
    said = pd.Series(np.asarray(groups, dtype=object))
    if len(said) != change.shape[1]:
        raise DataError(f"{len(said)} groups for {change.shape[1]} rows: give one a row")
    known = said.notna().to_numpy()
    codes, names = pd.factorize(said[known].astype(str), sort=True)
    counts = np.bincount(codes, minlength=len(names))
    left_out = {
        str(name): f"{count} rows"
        for name, count in zip(names, counts, strict=True)
        if count < FEWEST
    }
    kept = [place for place, count in enumerate(counts) if count >= FEWEST]
    if len(kept) < 2:
        raise DataError(
            f"{len(kept)} of {len(names)} groups have {FEWEST} rows or more: two are needed to "
            "compare"
        )
    enough = np.isin(codes, kept)
    moved, of = change[:, known][:, enough], codes[enough]
    asked = kept[1:] if len(kept) == 2 else kept
    one_hot = (of == np.asarray(asked)[:, None]).astype(float)  # (groups, n)
    apart, spread = _apart(moved, one_hot)
    drawn = np.stack([_apart(moved, one_hot[:, rng.permutation(len(of))])[0] for _ in range(draws)])
    scale = np.where(spread > 0, spread, np.inf)
    largest = (np.abs(drawn) / scale).max(axis=(1, 2))
    own = np.abs(apart) / scale
    adjusted = (1 + (largest[:, None, None] >= own - 1e-12).sum(axis=0)) / (1 + draws)
    chance = np.quantile(largest, 0.95)
    lines = []
    for i, (layer, piece) in enumerate(pieces):
        for j, place in enumerate(asked):
            here = change_of_errors(moved[i][of == place])
            rest = moved[i][of != place]
            half = z_of(0.95) * np.hypot(_error(moved[i][of == place]), _error(rest))
            lines.append(
                (
                    *(layer, piece, str(names[place]), here.n, here.value, here.low, here.high),
                    *(apart[i, j], apart[i, j] - half, apart[i, j] + half),
                    *(chance * spread[i, j], adjusted[i, j]),
                )
            )
    return Harm(frame=pd.DataFrame(lines, columns=COLUMNS), draws=draws, left_out=left_out)


# fmt: off
COLUMNS = [
    "layer", "piece", "group", "rows", "change", "low", "high", "apart", "apart low", "apart high",
    "chance", "adjusted",
]
# fmt: on


def _apart(moved: Floats, one_hot: Floats) -> tuple[Floats, Floats]:
    """Means of groups less those of others (pieces, groups), and their spread were all alike."""
    n, size = moved.shape[1], one_hot.sum(axis=1)
    inside = moved @ one_hot.T
    outside = moved.sum(axis=1, keepdims=True) - inside
    spread = moved.std(axis=1, keepdims=True) * np.sqrt(n / (size * (n - size)))
    return inside / size - outside / (n - size), spread


def change_of_errors(change: Floats) -> Estimate:
    """The mean of changes of errors (n,): by Tango where an answer is either right or wrong."""
    if np.isin(change, (-1, 0, 1)).all():
        return multiclass.accuracy_difference(change > 0, change < 0)
    return mean_of(change)


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
