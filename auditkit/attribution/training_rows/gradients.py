"""The gradient of each row's loss by a network's weights, row by row and a block at a time.

Where torch can map over rows (`torch.func.vmap`) it does, and its first rows are compared with
gradients taken one by one: layers that it cannot map over, or maps over wrongly, are left to a
loop. A batch's mean gradient is never cut into rows by formulas for layers, which is where a
recurrent network, whose weights are used at every step, comes out silently wrong.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from auditkit.errors import DataError, ModelError, UsageError

LossOf = Callable[[Tensor, Tensor], Tensor]
COMPARED = 2  # rows whose gradients are taken both ways
ALIKE = 1e-3  # of the largest gradient: how far the two ways may be apart in float32
MEGABYTES = 256
BLOCKS = 4  # tensors of a block's size that are alive at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Encoded rows as a network takes them, rows first, and what it should say of each."""

    inputs: tuple[Tensor, ...]
    targets: Tensor

    def __post_init__(self) -> None:
        lengths = {len(one) for one in (*self.inputs, self.targets)}
        if len(lengths) != 1 or 0 in lengths:
            raise DataError(f"inputs and targets have {sorted(lengths)} rows: give as many of each")

    def __len__(self) -> int:
        return len(self.targets)

    def at(self, rows: Any) -> "Rows":
        """Some of the rows, by position or slice."""
        return Rows(inputs=tuple(one[rows] for one in self.inputs), targets=self.targets[rows])


class RowGradients:
    """Gradients of rows' losses by the weights of a network, which is copied and never touched.

    weights names what to differentiate by: all that the network trains, or those below a module
    ("output"). loss takes answers and targets and gives (n,). Batch normalisation and dropout are
    as in use. Raises UsageError for a module without weights.
    """

    def __init__(
        self, model: nn.Module, loss: LossOf, *, below: str = "", megabytes: int = MEGABYTES
    ) -> None:
        self.model = copy.deepcopy(model).eval()
        self.loss, self.megabytes = loss, megabytes
        inside = f"{below}." if below else ""
        named = self.model.named_parameters()
        self.names = [n for n, p in named if p.requires_grad and n.startswith(inside)]
        if not self.names:
            raise UsageError(f"no weights to be trained in {below or 'the network'}: name a module")
        for name, one in self.model.named_parameters():
            one.requires_grad_(name in self.names)
        self._mapped: bool | None = None

    @property
    def size(self) -> int:
        """How many weights there are."""
        return sum(one.numel() for one in self._chosen.values())

    @property
    def at_once(self) -> int:
        """Rows in a block: as many as leave it within the memory allowed."""
        return max(1, int(self.megabytes * 2**20 / (8 * BLOCKS * self.size)))

    @property
    def mapped(self) -> bool | None:
        """Whether torch maps over the rows, False for a loop; None before any was asked for."""
        return self._mapped

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of another epoch. Raises ModelError where they do not fit."""
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:160]
            raise ModelError(f"these weights do not fit the network: {reason}") from error

    def blocks(self, rows: Rows, at_once: int | None = None) -> Iterator[Tensor]:
        """Gradients (b, P) float64 on the CPU, block by block, in the order of the rows."""
        recurrent = any(isinstance(one, nn.RNNBase) for one in self.model.modules())
        # cuDNN cannot go back through a recurrent network that is not training.
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not recurrent):
            if self._mapped is None:
                self._mapped = self._agree(rows)
            for start in range(0, len(rows), at_once or self.at_once):
                part = rows.at(slice(start, start + (at_once or self.at_once)))
                found = self._by_map(part) if self._mapped else self._by_loop(part)
                yield found.to("cpu", torch.float64)

    def all(self, rows: Rows) -> Tensor:
        """Gradients (n, P) float64: for few rows."""
        return torch.cat(list(self.blocks(rows)))

    @property
    def _chosen(self) -> dict[str, nn.Parameter]:
        every = dict(self.model.named_parameters())
        return {name: every[name] for name in self.names}

    def _agree(self, rows: Rows) -> bool:
        """Whether mapping over rows gives what one row after another does."""
        few = rows.at(slice(0, COMPARED))
        by_loop = self._by_loop(few)
        try:
            by_map = self._by_map(few)
        except (RuntimeError, ValueError, NotImplementedError, TypeError):
            return False  # a layer that reads its numbers, or has no rule: many have none
        size = float(by_loop.abs().max())
        return bool((by_map - by_loop).abs().max() <= ALIKE * size)

    def _by_map(self, rows: Rows) -> Tensor:
        chosen = {name: one.detach() for name, one in self._chosen.items()}

        def cost(weights: dict[str, Tensor], target: Tensor, *inputs: Tensor) -> Tensor:
            one = tuple(each[None] for each in inputs)
            return self.loss(functional_call(self.model, weights, one), target[None])[0]

        each = vmap(grad(cost), in_dims=(None, 0, *[0] * len(rows.inputs)))
        parts = each(chosen, rows.targets, *rows.inputs)
        found = torch.empty(len(rows), self.size, dtype=torch.float64, device=rows.targets.device)
        start = 0
        for name in self.names:
            part = parts.pop(name).flatten(1)
            found[:, start : start + part.shape[1]] = part
            start += part.shape[1]
        return found

    def _by_loop(self, rows: Rows) -> Tensor:
        weights = list(self._chosen.values())
        found = []
        for i in range(len(rows)):
            one = rows.at(slice(i, i + 1))
            cost = self.loss(self.model(*one.inputs), one.targets).sum()
            parts = torch.autograd.grad(cost, weights, allow_unused=True)
            found.append(
                torch.cat(
                    [
                        torch.zeros_like(weight).flatten() if part is None else part.flatten()
                        for part, weight in zip(parts, weights, strict=True)
                    ]
                )
            )
        return torch.stack(found)
