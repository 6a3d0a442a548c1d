"""How a piece of a layer is taken out: what stands in its place, and what the answers then cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.errors import DataError, UsageError
from auditkit.probing.asking import Inputs, forward_size, parts, said, taken
from auditkit.probing.causes.losses import Price, checked, price_of
from auditkit.probing.causes.pieces import Other, Piece, exchanged, given_by
from auditkit.probing.recording import record
from auditkit.runtime import Runtime

How = Literal["mean", "zero", "resample"]
Floats = NDArray[np.float64]
DONORS = 4  # other rows that stand in for each row where it is resampled


@dataclass(frozen=True, kw_only=True, eq=False)
class Removal:
    """A model, rows, what they should be answered with and how a piece is taken out.

    lengths (n,) are steps of each row, or None.
    """

    model: nn.Module
    layers: tuple[str, ...]
    inputs: Inputs
    targets: Tensor
    how: How
    price: Price
    lengths: Tensor | None
    donors: Sequence[Tensor]
    runtime: Runtime

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.targets)

    def cost(self, outputs: object, rows: Tensor) -> Tensor:
        """Loss and wrong of rows (m,), (m, 2)."""
        wanted = self.targets[rows]
        if isinstance(outputs, Tensor):
            wanted = wanted.to(outputs.device)
        loss = checked(self.price.loss(outputs, wanted), len(rows), "loss")
        return torch.stack(
            [loss, checked(self.price.wrong(outputs, wanted), len(rows), "error")], 1
        )

    @torch.no_grad()
    def measured(self) -> Floats:
        """Loss and wrong of every row as the model answers it, (n, 2)."""
        found = [
            self.cost(said(self.model, taken(self.inputs, rows)), rows).double().cpu()
            for rows in parts(self.rows, self.size)
        ]
        return torch.cat(found).numpy()

    def without(self, pieces: Sequence[Piece]) -> Floats:
        """The same with each piece of a layer taken out, (pieces, n, 2)."""
        total = np.zeros((len(pieces), self.rows, 2))
        others = self.others(pieces[0].layer)
        for other in others:
            total += exchanged(
                self.model,
                pieces,
                self.inputs,
                other,
                self.cost,
                size=self.size,
                label=f"ablating {pieces[0].layer}",
            ).numpy()
        return total / len(others)

    def others(self, layer: str) -> list[Other]:
        """What stands in a piece's place."""
        match self.how:
            case "zero":
                return [lambda _rows: torch.zeros(1)]
            case "mean":
                return [lambda _rows: self.means[layer]]
            case _:
                return [partial(self.borrowed, layer, donor) for donor in self.donors]

    def borrowed(self, layer: str, donor: Tensor, rows: Tensor) -> Tensor:
        """What a layer gives for the donors of rows, their steps repeated where they have fewer."""
        donors = donor[rows]
        there = given_by(self.model, layer, taken(self.inputs, donors))
        if self.lengths is None or there.ndim != 3:
            return there
        ends = self.lengths[donors.to(self.lengths.device)].clamp(max=there.shape[1])
        steps = torch.arange(there.shape[1], device=there.device) % ends.to(there.device)[:, None]
        return there.gather(1, steps[..., None].expand_as(there))

    @cached_property
    def means(self) -> dict[str, Tensor]:
        """What each layer gives on average over rows and places, with 1 for each of those axes."""
        totals: dict[str, Tensor] = {}
        counts = dict.fromkeys(self.layers, 0.0)
        for rows in parts(self.rows, self.size):
            lengths = None if self.lengths is None else self.lengths[rows.to(self.lengths.device)]
            with torch.no_grad(), record(self.model, self.layers, lengths=lengths) as kept:
                said(self.model, taken(self.inputs, rows))
            for layer in self.layers:
                numbers, ends = kept[layer].double(), kept.lengths(layer)
                axes = [axis for axis in range(numbers.ndim) if axis not in _kept(layer, numbers)]
                total = numbers.sum(dim=axes, keepdim=True)  # behind a row's end stand zeros
                places = float(ends.sum()) if ends is not None else numbers.numel() / total.numel()
                totals[layer] = totals[layer] + total if layer in totals else total
                counts[layer] += places
        return {layer: total / counts[layer] for layer, total in totals.items()}

    @cached_property
    def size(self) -> int:
        """Rows of a pass."""
        return forward_size(self.model, self.inputs, self.runtime)


def _kept(layer: str, numbers: Tensor) -> tuple[int, ...]:
    """The axes over which no mean is taken: features, heads, and where a head looks from and to."""
    match layer.partition(":")[2]:
        case "heads":
            return (1, 3)
        case "weights":
            return (1, 2, 3)
        case _:
            return (1,) if numbers.ndim > 3 else (numbers.ndim - 1,)


def removal_of(
    model: nn.Module,
    layers: Sequence[str],
    inputs: Inputs,
    targets: ArrayLike | Tensor,
    how: How,
    price: Price | None,
    lengths: Tensor | None,
    runtime: Runtime,
) -> Removal:
    """The same, looked over."""
    wanted = (
        targets.detach() if isinstance(targets, Tensor) else torch.as_tensor(np.asarray(targets))
    )
    if len(wanted) != len(inputs[0]):
        raise DataError(f"{len(wanted)} targets for {len(inputs[0])} rows: give one a row")
    if how not in get_args(How):
        raise UsageError(f"no way {how!r} of taking out: there are mean, zero, resample")
    if wanted.is_floating_point() and not bool(torch.isfinite(wanted).all()):
        raise DataError("the targets hold NaN or infinity: leave those rows out")
    with at_rest(model), torch.no_grad():
        some = torch.arange(min(2, len(wanted)))
        outputs = said(model, taken(inputs, some))
    return Removal(
        model=model,
        layers=tuple(layers),
        inputs=inputs,
        targets=wanted,
        how=how,
        price=price or price_of(outputs, wanted),
        lengths=lengths,
        donors=_donors(len(wanted), runtime),
        runtime=runtime,
    )


def _donors(n: int, runtime: Runtime) -> list[Tensor]:
    """Other rows for every row, drawn round about: none is its own."""
    order = torch.as_tensor(runtime.rng("donor rows").permutation(n))
    found = []
    for step in range(1, min(DONORS, max(n - 1, 1)) + 1):
        donor = torch.empty_like(order)
        donor[order] = order.roll(step)
        found.append(donor)
    return found
