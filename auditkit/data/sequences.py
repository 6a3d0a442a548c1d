"""Turns sequences of numbers (speech, sensors) into arrays a network can take."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from auditkit.data.schema import require_column
from auditkit.data.values import row_number
from auditkit.errors import DataError


@dataclass(frozen=True, kw_only=True)
class SequenceEncoder:
    """How many channels there are, how many steps at most; mean and deviation of each channel."""

    column: str
    channels: int
    longest: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, column: str, *, longest: int | None = None) -> Self:
        """Learn from training rows; longest bounds the steps that are read of each.

        Raises DataError where a sequence is absent, empty or of other channels.
        """
        cells = _cells(frame, column, None, "the training data")
        steps = np.concatenate(cells).astype(np.float64)
        deviation = steps.std(axis=0)
        most = max(map(len, cells))
        return cls(
            column=column,
            channels=int(steps.shape[1]),
            longest=most if longest is None else min(most, longest),
            mean=tuple(map(float, steps.mean(axis=0))),
            deviation=tuple(float(one) if one > 1e-8 else 1.0 for one in deviation),
        )

    def arrays(self, frame: pd.DataFrame, where: str = "the data") -> tuple[np.ndarray, ...]:
        """values (n, T, channels) float32, standardised, 0 after the end; lengths (n,) int64.

        T is the longest of these rows; what is beyond `longest` steps is cut off. Raises
        DataError where a sequence is absent, empty or of other channels.
        """
        cells = [one[: self.longest] for one in _cells(frame, self.column, self.channels, where)]
        lengths = np.array([len(one) for one in cells], dtype=np.int64)
        values = np.zeros((len(cells), max(lengths, default=1), self.channels), dtype=np.float32)
        mean, deviation = np.array(self.mean), np.array(self.deviation)
        for row, one in enumerate(cells):
            values[row, : len(one)] = (one - mean) / deviation
        return values, lengths

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal encoder."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """The encoder that `to_dict` wrote. Raises DataError where a part is missing or wrong."""
        try:
            made = cls(**{**raw, "mean": tuple(raw["mean"]), "deviation": tuple(raw["deviation"])})
            sound = (
                isinstance(made.column, str)
                and type(made.channels) is type(made.longest) is int
                and len(made.mean) == len(made.deviation) == made.channels
                and made.channels > 0
                and made.longest > 0
                and all(map(np.isfinite, (*made.mean, *made.deviation)))
                and min(made.deviation) > 0
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the encoder is not one that auditkit wrote: {error!r}") from error
        if not sound:
            raise DataError("the encoder is not one that auditkit wrote: impossible figures")
        return made


def _cells(frame: pd.DataFrame, column: str, channels: int | None, where: str) -> list[np.ndarray]:
    require_column(frame, column, where)
    cells: list[np.ndarray] = frame[column].tolist()
    if not cells and channels is None:
        raise DataError(f"{where} has no rows")
    wanted = channels
    for row, cell in enumerate(cells):
        if not isinstance(cell, np.ndarray) or cell.ndim != 2 or cell.dtype.kind != "f":
            number = row_number(frame.index, row)
            raise DataError(
                f"column {column!r} in {where} should hold sequences, arrays of numbers (steps, "
                f"channels); row {number} has {type(cell).__name__}"
            )
        if not len(cell):
            number = row_number(frame.index, row)
            raise DataError(f"the sequence in row {number} of {where} has no steps: drop the row")
        wanted = cell.shape[1] if wanted is None else wanted
        if cell.shape[1] != wanted:
            number = row_number(frame.index, row)
            raise DataError(
                f"the sequence in row {number} of {where} has {cell.shape[1]} channels where "
                f"{wanted} are expected"
            )
        if not np.isfinite(cell).all():
            number = row_number(frame.index, row)
            raise DataError(f"the sequence in row {number} of {where} holds NaN or infinity")
    return cells
