"""Turns images into arrays a network can take. They stay bytes until a batch is needed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from auditkit.data.schema import require_column
from auditkit.data.values import row_number
from auditkit.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ImageEncoder:
    """What images look like: all of one size; mean and deviation of each channel in [0, 1]."""

    column: str
    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, column: str) -> Self:
        """Learn from training rows. Raises DataError where images are absent or differ in size."""
        first = _image(frame, column, 0, "the training data")
        pixels = _stacked(frame, column, first.shape, "the training data")
        share = pixels.reshape(len(pixels), first.shape[0], -1).astype(np.float32) / 255
        mean = share.mean(axis=(0, 2), dtype=np.float64)
        deviation = share.std(axis=(0, 2), dtype=np.float64)
        channels, height, width = first.shape
        return cls(
            column=column,
            channels=channels,
            height=height,
            width=width,
            mean=tuple(map(float, mean)),
            # An even channel says nothing; dividing by it must not say infinity.
            deviation=tuple(float(one) if one > 1e-3 else 1.0 for one in deviation),
        )

    def arrays(self, frame: pd.DataFrame, where: str = "the data") -> tuple[np.ndarray, ...]:
        """pixels (n, channels, height, width) uint8.

        Raises DataError where an image is absent, or not of the size that was trained with.
        """
        shape = (self.channels, self.height, self.width)
        return (_stacked(frame, self.column, shape, where),)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives back an equal encoder."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """The encoder that `to_dict` wrote. Raises DataError where a part is missing or wrong."""
        try:
            made = cls(**{**raw, "mean": tuple(raw["mean"]), "deviation": tuple(raw["deviation"])})
            sizes = (made.channels, made.height, made.width)
            figures = (*made.mean, *made.deviation)
            sound = all(type(one) is int and 0 < one < 2**16 for one in sizes) and (
                isinstance(made.column, str)
                and len(made.mean) == len(made.deviation) == made.channels
                and all(map(np.isfinite, figures))
                and min(made.deviation) > 0
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the encoder is not one that auditkit wrote: {error!r}") from error
        if not sound:
            raise DataError("the encoder is not one that auditkit wrote: impossible figures")
        return made


def _image(frame: pd.DataFrame, column: str, row: int, where: str) -> np.ndarray:
    require_column(frame, column, where)
    if not len(frame):
        raise DataError(f"{where} has no rows")
    cell = frame[column].iloc[row]
    if not isinstance(cell, np.ndarray) or cell.dtype != np.uint8 or cell.ndim != 3:
        number = row_number(frame.index, row)
        raise DataError(
            f"column {column!r} in {where} should hold images, arrays of bytes (channels, height, "
            f"width); row {number} has {_seen(cell)}"
        )
    return cell


def _stacked(frame: pd.DataFrame, column: str, shape: tuple[int, ...], where: str) -> np.ndarray:
    require_column(frame, column, where)
    cells = frame[column].tolist()
    for row, cell in enumerate(cells):
        if getattr(cell, "shape", None) != shape or cell.dtype != np.uint8:
            _image(frame, column, row, where)
            number = row_number(frame.index, row)
            raise DataError(
                f"the image in row {number} of {where} is {_size(cell.shape)}, and the model "
                f"takes {_size(shape)}: scale or convert the images first"
            )
    return np.stack(cells) if cells else np.empty((0, *shape), dtype=np.uint8)


def _size(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width} x {height} with {channels} channel{'' if channels == 1 else 's'}"


def _seen(cell: Any) -> str:
    if isinstance(cell, np.ndarray):
        return f"{cell.dtype} of shape {cell.shape}"
    return "nothing" if cell is None or cell is pd.NA else type(cell).__name__
