"""Rows counted where they lie: pandas, Polars, PyArrow, DuckDB, PySpark and Dask alike.

The group-by runs inside the engine and only its counts come back, so that a billion rows in a
warehouse never move. What is asked of an engine is little enough for all of them: comparisons,
whole parts, a group-by and lengths. Everything after it is arithmetic on a small table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.engines.levels import decided, labelled
from auditkit.bias.engines.tally import (
    Bands,
    group_key,
    grouped,
    lazy,
    number,
    require_bands,
    require_columns,
    tally,
)
from auditkit.bias.groups import CELLS
from auditkit.bias.membership import membership
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.errors import DataError, UsageError

BINS = 4096  # of scores between 0 and 1; a power of two, so that every edge is a number exactly
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The C combinations of label, decision, score and groups that occur, and how many rows each.

    labels, decisions and scores (C,) hold plain values (None is missing), the least score of a
    bin where scores are binned; decisions and scores are None where they were not asked for.
    sound (C,) says whether a score lies between 0 and 1. groups (C, sensitive) has the user's
    names, rows (C,) int64 the number of rows.
    """

    labels: Sequence[Any]
    decisions: Sequence[Any] | None
    scores: Sequence[Any] | None
    sound: Sequence[Any] | None
    groups: pd.DataFrame
    rows: Ints

    @property
    def total(self) -> int:
        """Rows of all combinations."""
        return int(self.rows.sum())

    def with_groups(self, groups: pd.DataFrame) -> Self:
        """The same counts under other names of the groups."""
        return replace(self, groups=groups)

    def counts(self, truth: Ints, chosen: Ints, columns: Sequence[str]) -> pd.DataFrame:
        """tp, fp, fn, tn by group of one column, or by the intersections of several.

        truth and chosen (C,) are 1 where a combination's label and decision are positive.
        """
        codes, index = self._groups(columns)
        table = np.zeros((len(index), 4), dtype=np.int64)
        np.add.at(table, (codes, 3 - 2 * truth - chosen), self.rows)  # tp 0, fn 1, fp 2, tn 3
        return pd.DataFrame(table[:, [0, 2, 1, 3]], index=index, columns=list(CELLS))

    def score_counts(self, truth: Ints, columns: Sequence[str]) -> ScoreCounts:
        """Positives and negatives of each group at each score, or in each bin of scores."""
        codes, index = self._groups(columns)
        scores, place = np.unique(np.array(self.scores, dtype=np.float64), return_inverse=True)
        table = np.zeros((2, len(index), len(scores)), dtype=np.int64)
        np.add.at(table, (truth, codes, place), self.rows)
        return ScoreCounts(scores=scores, index=index, positives=table[1], negatives=table[0])

    def cut_at(self, threshold: float) -> Self:
        """The same with an edge of the bins at the threshold, so that counts there are exact."""
        both = zip(self.scores or (), self.decisions or (), strict=True)
        return replace(
            self, scores=[max(one, threshold) if chosen else one for one, chosen in both]
        )

    def require_sound(self, score: str) -> None:
        """Raise DataError where a score is missing, NaN, infinite or no probability."""
        wrong = sum(
            int(n) for fine, n in zip(self.sound or (), self.rows, strict=False) if not fine
        )
        if wrong:
            raise DataError(
                f"score column {score!r} has no number between 0 and 1 in {wrong:,} of "
                f"{self.total:,} rows: leave those rows out, or mend the model that gave them"
            )

    def _groups(self, columns: Sequence[str]) -> tuple[Ints, pd.Index]:
        chosen = self.groups[list(columns)]
        one = chosen.iloc[:, 0] if len(columns) == 1 else chosen
        return membership(one, {"the counts": len(chosen)})


def group_counts_of(
    frame: Any,
    *,
    label: str,
    sensitive: str | Sequence[str],
    prediction: str | None = None,
    score: str | None = None,
    threshold: float = 0.5,
    positive: Any = None,
    bands: Bands | None = None,
) -> pd.DataFrame:
    """Confusion counts by group, the table of `bias.groups.group_counts`, counted in the engine.

    frame is a pandas, Polars, PyArrow, DuckDB, PySpark or Dask table. Decisions are the column
    prediction, or score >= threshold. label and prediction hold 0/1 or booleans; with positive,
    any values, of which that one counts as 1. bands cuts numeric columns at inner edges. Raises
    DataError for a column that is absent, missing values in it, scores outside [0, 1] and tables
    of another kind; UsageError unless either prediction or score is named.
    """
    if (prediction is None) == (score is None):
        raise UsageError("name either the column of predictions or the column of scores")
    if not np.isfinite(threshold):
        raise UsageError(f"the threshold is {threshold}; give a number")
    cells = cells_of(
        frame,
        label=label,
        sensitive=_required(sensitive),
        prediction=prediction,
        score=score,
        threshold=threshold,
        bands=bands,
    )
    if score is not None:
        cells.require_sound(score)
    truth = labelled(cells.labels, cells.rows, label, positive)
    said = cells.decisions or ()
    chosen = (
        np.array(said, dtype=np.int64)
        if prediction is None
        else decided(said, cells.rows, prediction, positive, cells.labels)
    )
    return cells.counts(truth, chosen, list(cells.groups.columns))


def score_counts_of(
    frame: Any,
    *,
    label: str,
    score: str,
    sensitive: str | Sequence[str],
    positive: Any = None,
    bins: int | None = BINS,
    bands: Bands | None = None,
) -> ScoreCounts:
    """Positives and negatives of each group by score, counted in the engine.

    Scores lie between 0 and 1, in bins of equal width (a power of two keeps every edge exact);
    with bins=None each distinct score stands by itself, where they are few enough to come back.
    Raises what `group_counts_of` does, and UsageError for fewer than one bin.
    """
    if bins is not None and bins < 1:
        raise UsageError(f"bins is {bins}; give at least 1, or None for each score by itself")
    cells = cells_of(
        frame, label=label, sensitive=_required(sensitive), score=score, bins=bins, bands=bands
    )
    cells.require_sound(score)
    truth = labelled(cells.labels, cells.rows, label, positive)
    return cells.score_counts(truth, list(cells.groups.columns))


def cells_of(
    frame: Any,
    *,
    label: str,
    sensitive: str | Sequence[str],
    prediction: str | None = None,
    score: str | None = None,
    threshold: float | None = None,
    bins: int | None = None,
    bands: Bands | None = None,
) -> Cells:
    """The combinations of label, decision, score and groups that occur, from one group-by.

    With bins a score is asked for its bin, with a threshold for its side of it, with neither for
    its value. Raises DataError for a column that is absent or cannot be counted.
    """
    require_bands(bands or {}, sensitive)
    rows = lazy(frame)
    columns = [sensitive] if isinstance(sensitive, str) else list(dict.fromkeys(sensitive))
    asked = (label, *columns, *(one for one in (prediction, score) if one is not None))
    require_columns(rows, asked)
    keys = {"label": nw.col(label)}
    if prediction is not None:
        keys["decision"] = nw.col(prediction)
    if score is not None:
        value = number(rows, score)
        keys["sound"] = (value >= 0) & (value <= 1)
        if threshold is None or bins is not None:
            keys["score"] = value if bins is None else _bin(value, bins)
        if threshold is not None and prediction is None:
            keys["decision"] = value >= threshold
    groups = {f"group {i}": group_key(rows, name, bands) for i, name in enumerate(columns)}
    found = tally(rows, {**keys, **groups})
    return Cells(
        labels=found["label"],
        decisions=found.get("decision"),
        scores=found.get("score"),
        sound=found.get("sound"),
        groups=pd.DataFrame(
            {
                name: grouped(found[key], (bands or {}).get(name, ()))
                for key, name in zip(groups, columns, strict=True)
            },
            index=range(len(found["rows"])),
        ),
        rows=np.array(found["rows"], dtype=np.int64),
    )


def _required(sensitive: str | Sequence[str]) -> str | Sequence[str]:
    if not sensitive:
        raise DataError("no sensitive column given; name at least one")
    return sensitive


def _bin(value: nw.Expr, bins: int) -> nw.Expr:
    """The least score of a score's bin; a score of 1 stands by itself."""
    sound = (value >= 0) & (value <= 1)  # some engines put NaN into bin 0
    return nw.when(sound).then((value * bins).floor().cast(nw.Float64) / bins)
