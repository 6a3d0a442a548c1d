"""A census of hidden units: how many never answer, how many are stuck at an end of their range."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from auditkit.attribution.question import at_rest

# The largest size of an answer that counts as none. GELU gives -.00405 at -3, and less below.
SILENT: Mapping[type[nn.Module], float] = {nn.ReLU: 0.0, nn.GELU: 0.0041}
RANGES: Mapping[type[nn.Module], tuple[float, float]] = {nn.Sigmoid: (0, 1), nn.Tanh: (-1, 1)}
EDGE = 0.01  # of the range: an answer this near to an end is at the end
STUCK = 0.95  # share of the rows at an end from which a unit is saturated


@dataclass(frozen=True, slots=True)
class UnitCount:
    """dead and saturated of total hidden units, over all layers that were watched."""

    dead: int
    saturated: int
    total: int

    @property
    def share(self) -> float:
        """dead / total, between 0 and 1; NaN where no layer was watched."""
        return self.dead / self.total if self.total else float("nan")

    @property
    def saturated_share(self) -> float:
        """saturated / total, between 0 and 1; NaN where no layer was watched."""
        return self.saturated / self.total if self.total else float("nan")


@dataclass(slots=True)
class Tally:
    """What one layer has shown so far: largest answer and answers at an end, each (units,)."""

    kind: type[nn.Module]
    largest: Tensor
    at_an_end: Tensor
    rows: int

    def add(self, answers: Tensor) -> None:
        """Take in more answers, (rows, units)."""
        self.rows += len(answers)
        if self.kind in SILENT:
            self.largest = torch.maximum(self.largest, answers.abs().amax(dim=0))
            return
        low, high = RANGES[self.kind]
        edge = EDGE * (high - low)
        self.at_an_end += ((answers < low + edge) | (answers > high - edge)).sum(dim=0)

    def count(self) -> UnitCount:
        """Rectifiers can be dead, squashing functions saturated."""
        dead = saturated = 0
        if self.kind in SILENT:
            dead = int((self.largest <= SILENT[self.kind]).sum())
        else:
            saturated = int((self.at_an_end >= STUCK * self.rows).sum())
        return UnitCount(dead, saturated, self.largest.numel())


class Calls:
    """A forward hook with one tally for each use of a module in a pass."""

    def __init__(self, kind: type[nn.Module]) -> None:
        self.kind = kind
        self.tallies: list[Tally] = []
        self._next = 0

    def restart(self) -> None:
        """Say that a new pass begins."""
        self._next = 0

    def __call__(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        """Tally one use, as a forward hook is called."""
        answers = _rows(output.detach())
        if self._next == len(self.tallies):
            none = torch.zeros(answers.shape[1], device=answers.device)
            self.tallies.append(Tally(self.kind, none, none.long(), 0))
        self.tallies[self._next].add(answers)
        self._next += 1


@torch.no_grad()
def unit_census(model: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> UnitCount:
    """Dead and saturated units behind the activation modules of a network, in one pass.

    Each batch is the tuple of tensors that the model takes, rows first. A unit is a place on the
    last axis of what a module gives, or a channel where it gives maps (B, channels, H, W); each
    place of a map and each step of a sequence is a row of its own, padding included.

    - dead, behind a ReLU: 0 on every row. Behind a GELU: within .0041 of 0 on every row, as it
      is wherever its input stays below -3, where next to no gradient passes.
    - saturated, behind a sigmoid or tanh: on 95 % of the rows or more, within 1 % of its range
      of an end (a sigmoid below .01 or above .99, a tanh beyond .98 either way).

    A module used k times in one pass counts as k layers. The model is at rest meanwhile, without
    dropout, and is left as it came.
    """
    counts = layer_census(model, batches).values()
    return UnitCount(
        dead=sum(one.dead for one in counts),
        saturated=sum(one.saturated for one in counts),
        total=sum(one.total for one in counts),
    )


@torch.no_grad()
def layer_census(
    model: nn.Module, batches: Iterable[tuple[Tensor, ...]]
) -> Mapping[str, UnitCount]:
    """The same of each activation module by its name, in the order of the model.

    A module used k times in one pass counts k times as many units; one never used is left out.
    """
    with at_rest(model), _watched(model) as tallies:
        for batch in batches if tallies else ():  # without activations a pass shows nothing
            for calls in tallies.values():
                calls.restart()
            model(*batch)
    found = {}
    for name, calls in tallies.items():
        counts = [tally.count() for tally in calls.tallies]
        if counts:
            found[name] = UnitCount(
                dead=sum(one.dead for one in counts),
                saturated=sum(one.saturated for one in counts),
                total=sum(one.total for one in counts),
            )
    return found


@contextmanager
def _watched(model: nn.Module) -> Iterator[dict[str, Calls]]:
    """While open, tallies what each activation module gives; no hook outlives it."""
    kinds = (*SILENT, *RANGES)
    tallies: dict[str, Calls] = {}
    handles: list[RemovableHandle] = []
    try:
        for name, module in model.named_modules():
            kind = next((one for one in kinds if isinstance(module, one)), None)
            if kind is not None:
                tallies[name] = Calls(kind)
                handles.append(module.register_forward_hook(tallies[name]))
        yield tallies
    finally:
        for handle in handles:
            handle.remove()


def _rows(output: Tensor) -> Tensor:
    """(B, units), (B, T, units) or (B, units, H, W) -> (rows, units)."""
    if output.ndim == 4:
        output = output.movedim(1, -1)
    return output.reshape(-1, output.shape[-1])
