"""The pieces of what a layer gives, and a model asked with each of them exchanged in turn."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from auditkit.attribution.question import tensors
from auditkit.errors import DataError, UsageError
from auditkit.models.transformer.blocks import Attention
from auditkit.probing.asking import Inputs, Measure, parts, said, taken
from auditkit.probing.recording import record, replace
from auditkit.runtime import track

Cut = Literal["layer", "units", "channels", "heads", "positions"]
# What stands in a piece's place, for rows (m,): of the shape the layer gives them, or 1 for n.
Other = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Places start to stop on one axis of what a layer gives; axis 0 is all of it."""

    layer: str
    name: str
    axis: int
    start: int
    stop: int

    def of(self, numbers: Tensor) -> Tensor:
        """The piece of numbers (m, ...), as a view."""
        if self.axis == 0:
            return numbers
        return numbers.narrow(self.axis, self.start, self.stop - self.start)


def pieces_of(layer: str, numbers: Tensor, cut: Cut, *, heads: int | None = None) -> list[Piece]:
    """How a layer that gives numbers (n, ...) is cut.

    units and channels are places of the axis of features, which is the second of (n, d) and of
    maps (n, C, H, W) and the last of steps (n, T, d). heads are as many equal stretches of it, or
    the second axis of (n, heads, T, S or d). positions are the steps. Raises UsageError for a cut
    that the layer does not have.
    """
    if cut == "layer":
        return [Piece(layer=layer, name="all", axis=0, start=0, stop=1)]
    if cut == "heads" and numbers.ndim == 4 and heads is None:
        return _each(layer, "head", 1, numbers.shape[1])
    features = 1 if numbers.ndim in (2, 4) else numbers.ndim - 1
    size = numbers.shape[features] if numbers.ndim > 1 else 1
    match cut:
        case "units" | "channels" if numbers.ndim > 1:
            return _each(layer, "channel" if numbers.ndim == 4 else "unit", features, size)
        case "positions" if numbers.ndim == 3:
            return _each(layer, "position", 1, numbers.shape[1])
        case "heads" if heads is not None and heads > 0 and size % heads == 0:
            return _each(layer, "head", features, heads, size // heads)
        case "heads":
            raise UsageError(
                f"layer {layer!r} gives {size} features, which are not {heads} heads: say how many "
                "there are with heads="
            )
        case _ if cut not in get_args(Cut):
            raise UsageError(f"no cut {cut!r}: there are {', '.join(get_args(Cut))}")
        case _:
            raise UsageError(
                f"layer {layer!r} gives {tuple(numbers.shape[1:])} a row, which has no {cut}: take "
                "'layer'"
            )


def _each(layer: str, word: str, axis: int, count: int, width: int = 1) -> list[Piece]:
    return [
        Piece(layer=layer, name=f"{word} {i}", axis=axis, start=i * width, stop=(i + 1) * width)
        for i in range(count)
    ]


def head_layers(model: nn.Module) -> tuple[str, ...]:
    """The attentions of a model whose heads can be exchanged, as `layer:heads`."""
    return tuple(
        f"{name}:heads"
        for name, one in model.named_modules()
        if name and isinstance(one, Attention | nn.MultiheadAttention)
    )


def paired(clean: Tensor | Inputs, corrupt: Tensor | Inputs) -> tuple[Inputs, Inputs]:
    """Two sets of rows that belong together. Raises DataError where their shapes differ."""
    one, other = tensors(clean), tensors(corrupt)
    if [part.shape for part in one] != [part.shape for part in other]:
        shapes = [[tuple(part.shape) for part in side] for side in (one, other)]
        raise DataError(
            f"clean inputs of shape {shapes[0]} and corrupt ones of {shapes[1]}: each row needs "
            "its partner, of the same shape"
        )
    return one, other


@torch.no_grad()
def given_by(model: nn.Module, layer: str, inputs: Inputs) -> Tensor:
    """What a layer gives for a few rows, on the CPU."""
    with record(model, layer) as kept:
        said(model, inputs)
    if len(kept) > 1:
        raise UsageError(f"{layer!r} means {len(kept)} layers: name one at a time")
    return kept[next(iter(kept))]


def from_other(model: nn.Module, layer: str, donor: Inputs) -> Other:
    """What a layer gives for the partners of rows."""
    return lambda rows: given_by(model, layer, taken(donor, rows))


@torch.no_grad()
def exchanged(
    model: nn.Module,
    pieces: Sequence[Piece],
    inputs: Inputs,
    other: Other,
    measure: Measure,
    *,
    size: int,
    label: str,
) -> Tensor:
    """What is measured, (pieces, n, q) float64, with each piece of a layer exchanged in turn.

    size is how many rows go through the model at once: where there is room for several pieces,
    the rows are repeated, and in each copy another piece is exchanged. All are of one layer.
    """
    n, layer = len(inputs[0]), pieces[0].layer
    found: list[Tensor] = []
    batches = [*parts(n, size)]
    for rows in track(batches, label, len(batches)):
        own, there = taken(inputs, rows), other(rows)
        several = max(1, size // len(rows))
        found.append(
            torch.cat(
                [
                    _with(model, layer, some, own, there, rows, measure)
                    for some in _in_turn(pieces, several)
                ]
            )
        )
    return torch.cat(found, dim=1)


def _in_turn(pieces: Sequence[Piece], several: int) -> Iterator[Sequence[Piece]]:
    for start in range(0, len(pieces), several):
        yield pieces[start : start + several]


def _with(
    model: nn.Module,
    layer: str,
    pieces: Sequence[Piece],
    own: Inputs,
    there: Tensor,
    rows: Tensor,
    measure: Measure,
) -> Tensor:
    m, k = len(rows), len(pieces)

    def change(numbers: Tensor) -> Tensor:
        moved = numbers.clone()
        fitting = like(there, numbers[:m])
        for copy, piece in enumerate(pieces):
            piece.of(moved[copy * m : (copy + 1) * m]).copy_(piece.of(fitting))
        return moved

    with replace(model, layer, change):
        outputs = said(model, tuple(torch.cat([one] * k) for one in own))
    return measure(outputs, rows.repeat(k)).double().cpu().reshape(k, m, -1)


def like(there: Tensor, numbers: Tensor) -> Tensor:
    """Numbers of other rows with the steps and rows of these: cut, or filled up with zeros."""
    there = there.to(numbers)
    if (
        there.ndim > 2
        and numbers.ndim == there.ndim
        and there.shape[1] not in (1, numbers.shape[1])
    ):
        there = there[:, : numbers.shape[1]]
        short = numbers.shape[1] - there.shape[1]
        there = nn.functional.pad(there, (0, 0) * (there.ndim - 2) + (0, short))
    return there.expand_as(numbers)
