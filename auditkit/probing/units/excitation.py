"""The inputs that excite a unit most, and where in them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.errors import DataError, UsageError
from auditkit.models.transformer.blocks import present
from auditkit.probing.recording import record
from auditkit.probing.telling import in_short

Lengths = Callable[[tuple[Tensor, ...]], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Exciting:
    """The rows that excite each unit most.

    frame has a line for each unit and rank: unit, rank (from 1), row (counted over all batches),
    activation, times (how many standard deviations above the mean of all rows), and where in the
    row: step, or map_row and map_column; -1 where the layer has no such places.
    """

    __repr__ = in_short

    layer: str
    rows: int
    frame: pd.DataFrame


def exciting(
    model: nn.Module,
    layer: str,
    units: int | Sequence[int],
    batches: Iterable[Tensor | tuple[Tensor, ...]],
    *,
    k: int = 9,
    lengths: Lengths | None = None,
) -> Exciting:
    """The k rows that excite units of a layer most, in one pass over the batches.

    A row's activation is the largest over its steps (n, T, d) or the places of a map (n, C, H,
    W). lengths gives the steps of each row of a batch (m,): what comes after is padding and does
    not count. Memory is that of one batch. Raises UsageError for a layer or a unit that does not
    exist, DataError for no rows and for NaN.
    """
    wanted = [int(one) for one in np.atleast_1d(np.asarray(units))]
    if k < 1 or not wanted:
        raise UsageError(f"k is {k} for {len(wanted)} units: give 1 or more of both")
    tops = Tops(k)
    with at_rest(model), torch.no_grad():
        for batch in batches:
            inputs = (batch,) if isinstance(batch, Tensor) else tuple(batch)
            with record(model, layer) as activations:
                model(*inputs)
            held = None if lengths is None else lengths(inputs).cpu()
            if len(activations) > 1:
                raise UsageError(f"{layer!r} means {len(activations)} layers: name one at a time")
            (name,) = activations
            tops.add(*_largest(activations[name], wanted, held, name))
    if not tops.rows:
        raise DataError("there are no batches: give at least one row")
    return Exciting(layer=layer, rows=tops.rows, frame=tops.frame(wanted))


class Tops:
    """The k largest activations of each unit so far, and the mean and spread of all."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.rows = 0
        self._best: tuple[Tensor, ...] = ()  # value, row, two places: (<= k, units) each
        self._sum = self._squares = torch.zeros(())

    def add(self, largest: Tensor, first: Tensor, second: Tensor) -> None:
        """Take in a batch: each row's largest activation and where it was, (m, units) each."""
        m, units = largest.shape
        row = torch.arange(self.rows, self.rows + m)[:, None].expand(m, units)
        self.rows += m
        self._sum = self._sum + largest.sum(dim=0)
        self._squares = self._squares + largest.square().sum(dim=0)
        new = (largest, row, first, second)
        old = self._best or tuple(one[:0] for one in new)
        both = [torch.cat([a, b]) for a, b in zip(old, new, strict=True)]
        # Stable, so that of equal rows the first stays whatever the batches.
        order = both[0].sort(dim=0, descending=True, stable=True).indices[: self.k]
        self._best = tuple(one.gather(0, order) for one in both)

    def frame(self, units: Sequence[int]) -> pd.DataFrame:
        """A line for each unit and rank."""
        value, row, first, second = self._best
        mean = self._sum / self.rows
        spread = (self._squares / self.rows - mean.square()).clamp(min=0).sqrt()
        times = (value - mean) / spread
        lines = [
            {
                "unit": unit,
                "rank": rank + 1,
                "row": int(row[rank, i]),
                "activation": float(value[rank, i]),
                "times": float(times[rank, i]),
                "step": int(first[rank, i]) if int(second[rank, i]) < 0 else -1,
                "map_row": int(first[rank, i]) if int(second[rank, i]) >= 0 else -1,
                "map_column": int(second[rank, i]),
            }
            for i, unit in enumerate(units)
            for rank in range(len(value))
        ]
        return pd.DataFrame(lines)


def _largest(
    numbers: Tensor, units: Sequence[int], lengths: Tensor | None, layer: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Each row's largest activation (m, units) in float64, and its places; -1 without."""
    if numbers.ndim not in (2, 3, 4):
        raise DataError(
            f"layer {layer!r} gives {tuple(numbers.shape)}: units are looked for in (n, d), "
            "(n, steps, d) and (n, channels, height, width)"
        )
    axis = 1 if numbers.ndim == 4 else numbers.ndim - 1
    size = numbers.shape[axis]
    for unit in units:
        if not 0 <= unit < size:
            raise UsageError(f"no unit {unit} in layer {layer!r}: it has {size}, 0 to {size - 1}")
    # (m, places, units); one place where a row is a vector
    chosen = numbers.movedim(axis, -1)[..., list(units)].double()
    flat = chosen.reshape(len(numbers), -1, len(units))
    if bool(torch.isnan(flat).any()):
        raise DataError(f"layer {layer!r} gives NaN: find the layer where it begins")
    if lengths is not None and numbers.ndim == 3:
        within = present(lengths.clamp(min=1, max=flat.shape[1]), flat.shape[1])
        flat = flat.masked_fill(~within[..., None], -torch.inf)
    largest, place = flat.max(dim=1)
    none = torch.full_like(place, -1)
    if numbers.ndim == 2:
        return largest, none, none
    if numbers.ndim == 3:
        return largest, place, none
    return largest, place // numbers.shape[3], place % numbers.shape[3]
