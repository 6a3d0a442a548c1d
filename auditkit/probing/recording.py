"""What the layers of any torch module give while it runs, and the same with other numbers in it.

>>> with record(model, ["stage1", "blocks.*", "rnn:cell"]) as activations:
...     model(pixels)
>>> activations["stage1"].shape         # rows first, all passes together
>>> with replace(model, "stage1", lambda maps: maps.mean(dim=0, keepdim=True).expand_as(maps)):
...     model(pixels)

`layer:part` names what else a layer holds, `layer#2` its second call in a pass: `parts`. The model
needs no conversion, and nothing is left behind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.errors import DataError, ModelError, UsageError, suggestion
from auditkit.models.transformer.blocks import present
from auditkit.probing.parts import Spot, spots_of
from auditkit.probing.passes import Passes
from auditkit.probing.pooling import Pool, ends_of, pooled, vectors
from auditkit.probing.storing import InMemory, OnDisk, Store

Change = Callable[[Tensor], Tensor]
Lengths = Tensor | Mapping[str, Tensor]


class Recording(Mapping[str, Tensor]):
    """What each layer gave, (n, ...), rows first; the rows of several passes follow each other.

    Numbers are on the CPU and hold no gradients; where the steps of a row are known, they are zero
    behind its end. A layer that was not called has none: asking for it raises ModelError.
    """

    def __init__(
        self,
        spots: Sequence[Spot],
        stores: Mapping[str, Store],
        *,
        pool: Pool | None,
        lengths: Lengths | None,
    ) -> None:
        self._spots = {one.name: one for one in spots}
        self._stores = stores
        self._pool, self._told = pool, lengths
        self._pending: list[tuple[str, Tensor | None]] = []
        self._lengths: dict[str, list[Tensor | None]] = {name: [] for name in self._spots}

    def __getitem__(self, name: str) -> Tensor:
        self._require(name)
        found = self._stores[name].read()
        if found is None:
            raise ModelError(f"layer {name!r} was not called: run the model inside `with`")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._spots)

    def __len__(self) -> int:
        return len(self._spots)

    def __contains__(self, name: object) -> bool:
        return name in self._spots

    def __repr__(self) -> str:
        return f"Recording({', '.join(f'{name}: {self._stores[name].rows} rows' for name in self)})"

    def lengths(self, name: str) -> Tensor | None:
        """The steps of each row in what a layer gave, (n,); None where they are not known."""
        self._require(name)
        known = [one for one in self._lengths[name] if one is not None]
        return torch.cat(known) if known and len(known) == len(self._lengths[name]) else None

    def vectors(self, name: str, *, pool: Pool = "mean") -> Tensor:
        """One vector a row, (n, d), of its own steps alone: `probing.vectors`."""
        steps = self._require(name).steps
        numbers = self[name]
        if self._pool is not None:
            return vectors(numbers)
        return vectors(numbers, self.lengths(name), pool=pool, axis=steps[0] if steps else None)

    @property
    def frame(self) -> pd.DataFrame:
        """One line a layer: its rows, the shape of one, precision, and megabytes."""
        found = [(name, self._stores[name].read()) for name in self]
        return pd.DataFrame(
            [
                {
                    "layer": name,
                    "rows": len(one),
                    "shape": " x ".join(map(str, one.shape[1:])),
                    "precision": str(one.dtype).removeprefix("torch."),
                    "megabytes": one.numel() * one.element_size() / 2**20,
                }
                for name, one in found
                if one is not None
            ],
            columns=["layer", "rows", "shape", "precision", "megabytes"],
        )

    def take(self, spot: Spot, numbers: Tensor, lengths: Tensor | None) -> None:
        """Keep a copy of what a layer gave, until its pass ends well."""
        numbers = numbers.detach()
        axis = spot.steps[0] if spot.steps else 1 if numbers.ndim == 3 else None
        if axis is not None:
            lengths = self._ends(spot, numbers, axis, lengths)
        if self._pool is not None:
            where = None if spot.steps is None else axis
            numbers, lengths = pooled(numbers, lengths, pool=self._pool, axis=where), None
        beyond = None
        if axis is not None and lengths is not None:
            beyond = ~present(lengths, numbers.shape[axis])  # (n, T)
        self._stores[spot.name].add(numbers, beyond, axis or 1)
        self._pending.append((spot.name, lengths))

    def commit(self) -> None:
        """Keep what was taken in a pass."""
        for name, lengths in self._pending:
            self._stores[name].commit()
            self._lengths[name].append(lengths)
        self._pending.clear()

    def drop(self) -> None:
        """Forget what was taken in a pass that failed."""
        for name, _ in self._pending:
            self._stores[name].drop()
        self._pending.clear()

    def _require(self, name: str) -> Spot:
        if name not in self._spots:
            raise UsageError(f"layer {name!r} was not recorded; {suggestion(name, self._spots)}")
        return self._spots[name]

    def _ends(
        self, spot: Spot, numbers: Tensor, axis: int, lengths: Tensor | None
    ) -> Tensor | None:
        """The steps of each row on the CPU: as the layer tells, or as they were given."""
        told = self._told_of(spot.name)
        if lengths is None and told is not None:
            start = self._stores[spot.name].rows
            lengths = told[start : start + len(numbers)]
        if lengths is None:
            return None
        try:
            return ends_of(lengths.detach().cpu(), len(numbers), numbers.shape[axis])
        except DataError as error:
            raise DataError(f"layer {spot.name!r}: {error}") from None

    def _told_of(self, name: str) -> Tensor | None:
        if not isinstance(self._told, Mapping):
            return self._told
        begun = [key for key in self._told if name.startswith(key)]
        return self._told[max(begun, key=len)] if begun else None


@contextmanager
def record(
    model: nn.Module,
    layers: str | Sequence[str],
    *,
    to: Literal["memory", "disk"] | Path = "memory",
    dtype: torch.dtype | None = None,
    pool: Pool | None = None,
    lengths: Lengths | None = None,
) -> Iterator[Recording]:
    """While open, keeps what the layers of these names or patterns give, pass after pass.

    to="disk" keeps it in a file that is gone with the recording, in the folder of temporary files
    or in the one given, and maps it when it is read. dtype is that of what is kept, None as it
    comes. With pool only one vector a row is kept. lengths (n,) are the steps of all rows in the
    order in which they pass, or {beginning of a layer's name: lengths}; of packed steps, of nested
    ones and in auditkit's recurrent networks they are known.

    Raises UsageError for a name that no layer has, ModelError for a layer that gives no numbers
    or is called several times in a pass, DataError for lengths that do not fit.
    """
    spots = spots_of(model, layers)
    with ExitStack() as kept:
        stores = {one.name: _store(one, to, dtype, pool) for one in spots}
        for store in stores.values():
            kept.callback(store.close)
        found = Recording(spots, stores, pool=pool, lengths=lengths)
        kept.callback(found.drop)
        passes = Passes(model, spots, kept, begin=found.drop, end=found.commit)

        def seen(spot: Spot) -> Callable[[Tensor, Tensor | None], None]:
            def see(numbers: Tensor, known: Tensor | None) -> None:
                if not passes.here(spot):
                    return
                found.take(spot, numbers, known)
                if not passes.running:
                    found.commit()

            return see

        for spot in spots:
            spot.tap(seen(spot), kept)
        yield found


@contextmanager
def replace(model: nn.Module, layer: str, change: Change) -> Iterator[None]:
    """While open, the model goes on with change(what the layer gave), of the same shape.

    change takes and gives a tensor, rows first; gradients flow through it. Of hidden and cell
    states it is asked at every step, with the states so far and zeros for those to come, and what
    it gives for that step goes on. Raises UsageError for a layer that does not exist or a pattern
    that means several, ModelError for a change of another shape and, at the end, for a layer that
    no pass has called.
    """
    spots = spots_of(model, layer, moves=True)
    if len(spots) > 1:
        raise UsageError(
            f"{layer!r} means {len(spots)} layers, {spots[0].name!r} the first: replace one at a "
            "time, in nested `with`"
        )
    (spot,) = spots
    asked = 0
    with ExitStack() as kept:
        passes = Passes(model, spots, kept)

        def see(numbers: Tensor, _lengths: Tensor | None) -> Tensor | None:
            nonlocal asked
            if not passes.here(spot):
                return None
            asked += 1
            return _checked(change(numbers), numbers, layer)

        spot.tap(see, kept)
        yield
    if passes.ended and not asked:
        raise ModelError(
            f"layer {layer!r} was not called in {passes.ended} passes: nothing was replaced; name "
            "a layer that runs"
        )


def _checked(changed: Tensor, numbers: Tensor, layer: str) -> Tensor:
    """What a change gave, where the model is and in its precision."""
    if not isinstance(changed, Tensor):
        raise ModelError(
            f"the change of layer {layer!r} gave {type(changed).__name__}: give a tensor"
        )
    if changed.shape != numbers.shape:
        raise ModelError(
            f"the change of layer {layer!r} gave shape {tuple(changed.shape)} for "
            f"{tuple(numbers.shape)}: give one of the same shape"
        )
    return changed.to(device=numbers.device, dtype=numbers.dtype)


def _store(spot: Spot, to: str | Path, dtype: torch.dtype | None, pool: Pool | None) -> Store:
    ragged = () if pool is not None else spot.steps
    if to == "memory":
        return InMemory(spot.name, ragged, dtype)
    if to == "disk":
        return OnDisk(spot.name, ragged, dtype, None)
    if isinstance(to, str) or not to.is_dir():
        raise UsageError(f"no folder {str(to)!r} to record to: give 'memory', 'disk' or a folder")
    return OnDisk(spot.name, ragged, dtype, to)
