"""A census of hidden units: how many never answer."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@dataclass(frozen=True, slots=True)
class UnitCount:
    """dead of total hidden units, over all layers that were watched."""

    dead: int
    total: int

    @property
    def share(self) -> float:
        """dead / total, between 0 and 1; NaN where no layer was watched."""
        return self.dead / self.total if self.total else float("nan")


@contextmanager
def _largest_outputs(layers: Sequence[nn.Module]) -> Iterator[list[Tensor | None]]:
    """While open, keeps for each layer the largest output of each unit seen so far."""
    largest: list[Tensor | None] = [None] * len(layers)

    def watch(index: int) -> RemovableHandle:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            now = output.detach().flatten(0, -2).amax(dim=0)  # (units,)
            seen = largest[index]
            largest[index] = now if seen is None else torch.maximum(seen, now)

        return layers[index].register_forward_hook(hook)

    handles = [watch(index) for index in range(len(layers))]
    try:
        yield largest
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def dead_units(model: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> UnitCount:
    """Units behind a ReLU that stay at 0 on every row of every batch.

    Each batch is the tuple of tensors that the model takes, rows first. Counts the last axis
    of what each nn.ReLU gives. The model's mode (train or eval) is left as it is.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    with _largest_outputs(layers) as largest:
        for batch in batches:
            model(*batch)
    seen = [one for one in largest if one is not None]
    return UnitCount(
        dead=sum(int((one <= 0).sum()) for one in seen), total=sum(one.numel() for one in seen)
    )
