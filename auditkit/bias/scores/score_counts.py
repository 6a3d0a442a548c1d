"""Who got which score: positives and negatives of each group at each score, counted once.

Everything said of scores by group (areas, curves, calibration, every threshold) is arithmetic on
this table; at one threshold it is the table of `bias.groups`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.groups import CELLS, cell_places, label
from auditkit.bias.scores.score_clusters import ScoreParts
from auditkit.data.values import coded
from auditkit.errors import DataError, UsageError
from auditkit.statistics.calibration import quantile_bins

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreCounts:
    """Rows by group, outcome and score.

    scores (S,) float64 are the distinct scores, rising, or the least of each bin; positives and
    negatives (G, S) int64 count the rows of each group that have them. groups are the names of
    index, which is that of `group_counts`. parts says which rows belong together, None where all
    stand alone.
    """

    scores: Floats
    index: pd.Index
    positives: Ints
    negatives: Ints
    parts: ScoreParts | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """Readable names of the groups, (G,)."""
        return tuple(label(group) for group in self.index)

    @property
    def rows(self) -> Ints:
        """Rows of each group, (G,)."""
        return np.asarray(self.tp[:, 0] + self.fp[:, 0])

    @cached_property
    def tp(self) -> Ints:
        """Positives at or above each score, (G, S + 1): the last column is nobody."""
        return _at_or_above(self.positives)

    @cached_property
    def fp(self) -> Ints:
        """Negatives at or above each score, (G, S + 1)."""
        return _at_or_above(self.negatives)

    def at(self, threshold: float) -> pd.DataFrame:
        """The counts tp, fp, fn, tn by group if a score >= threshold is a positive decision.

        Equal to `group_counts` of these decisions. Of binned scores this holds where the
        threshold is one of `scores`; else the bin it falls into counts as below. Raises
        UsageError for a threshold of NaN.
        """
        if np.isnan(threshold):
            raise UsageError("the threshold is NaN; give a number")
        place = int(np.searchsorted(self.scores, threshold, side="left"))
        tp, fp = self.tp[:, place], self.fp[:, place]
        table = np.stack([tp, fp, self.tp[:, 0] - tp, self.fp[:, 0] - fp], axis=1)
        return pd.DataFrame(table, index=self.index, columns=list(CELLS))

    def only(self, places: Sequence[int] | NDArray[Any]) -> Self:
        """The groups at these places alone, in this order."""
        chosen = np.asarray(places, dtype=np.int64)
        return replace(
            self,
            index=self.index[chosen],
            positives=self.positives[chosen],
            negatives=self.negatives[chosen],
            parts=None if self.parts is None else self.parts.only(chosen),
        )

    def coarser(self, bins: int) -> Self:
        """The same rows in at most `bins` bins of neighbouring scores, each named by its least.

        Bins weigh about alike, positives as much as negatives whatever their numbers: an area
        under a curve needs both.
        """
        if bins >= len(self.scores):
            return self
        sums = (side.sum(axis=0) for side in (self.positives, self.negatives))
        shares = [side / side.sum() for side in sums if side.any()]
        weight = np.sum(shares, axis=0) / len(shares)
        bin_of = np.floor((np.cumsum(weight) - weight / 2) * bins)
        starts = np.flatnonzero(np.diff(bin_of, prepend=-1))
        return replace(
            self,
            scores=self.scores[starts],
            positives=np.add.reduceat(self.positives, starts, axis=1),
            negatives=np.add.reduceat(self.negatives, starts, axis=1),
            parts=None if self.parts is None else self.parts.coarser(starts),
        )

    def merged(self) -> Self:
        """All groups as one, under the name of the first."""
        return replace(
            self,
            index=self.index[:1],
            positives=self.positives.sum(axis=0, keepdims=True),
            negatives=self.negatives.sum(axis=0, keepdims=True),
            parts=None if self.parts is None else self.parts.merged(),
        )


def score_counts(
    y_true: Any, score: Any, sensitive: Any, *, bins: int | None = None, clusters: Any = None
) -> ScoreCounts:
    """Positives and negatives of each group at each distinct score, or in `bins` bins.

    y_true holds 0/1 or booleans, score finite numbers, sensitive whatever `group_counts` takes.
    Bins hold about equally many rows each, rows of equal score always together; every threshold
    at a bin's edge is exact. clusters names whose row each is (a person, a document), (n,); rows
    without one are a cluster together: they may be one person's. Raises DataError as `group_counts`
    does, and for scores that are NaN or infinite; UsageError for fewer than one bin.
    """
    if bins is not None and bins < 1:
        raise UsageError(f"bins is {bins}; give at least 1, or None for each score by itself")
    scores = finite(score)
    if len(y_true) != len(scores):
        seen = f"y_true {len(y_true)}, score {len(scores)}"
        raise DataError(f"columns of different lengths ({seen}); give one value a row to each")
    nobody = np.zeros(len(scores), dtype=np.int8)
    places, index = cell_places(y_true, nobody, sensitive)
    codes, negative = places // 4, places % 2  # of whom nobody is chosen, fn is 2 and tn 3
    values, place = np.unique(scores, return_inverse=True)
    if bins is not None and bins < len(values):
        place = quantile_bins(scores, bins)
        values = np.full(place.max() + 1, np.inf)
        np.minimum.at(values, place, scores)
    shape = (len(index), 2, len(values))
    cell = (codes * 2 + negative) * len(values) + place
    table = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype(np.int64)
    parts = None
    if clusters is not None:
        parts = _parts(clusters, codes, negative * len(values) + place, 2 * len(values))
    return ScoreCounts(
        scores=values, index=index, positives=table[:, 0], negatives=table[:, 1], parts=parts
    )


def _parts(clusters: Any, group: Ints, column: Ints, width: int) -> ScoreParts | None:
    whose = coded(pd.Series(clusters)).codes.astype(np.int64)
    if len(whose) != len(group):
        raise DataError(f"clusters has {len(whose)} rows, score {len(group)}; give one a row")
    return ScoreParts.of(np.where(whose < 0, whose.max() + 1, whose), group, column, width)


def finite(score: Any) -> Floats:
    """Scores as float64 (n,). Raises DataError for text, and where any is NaN or infinite."""
    try:
        scores = np.asarray(score, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"score holds what is no number ({error}); give one number a row") from None
    if scores.ndim != 1:
        raise DataError(f"score has shape {scores.shape}; give one number a row")
    wrong = int((~np.isfinite(scores)).sum())
    if wrong:
        raise DataError(
            f"score is missing or infinite in {wrong} of {len(scores)} rows; leave those rows out "
            "or mend the model that gave them"
        )
    return scores


def _at_or_above(counts: Ints) -> Ints:
    """Sums from each place to the end, and a last one of nothing: (G, S) -> (G, S + 1)."""
    total = np.zeros((len(counts), counts.shape[1] + 1), dtype=np.int64)
    total[:, :-1] = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    return total
