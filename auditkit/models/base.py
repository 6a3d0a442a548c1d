"""What an architecture is, and how encoded rows reach one."""

from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from auditkit.data.schema import Medium, Task
from auditkit.models.card import Head
from auditkit.registry import Registry

__all__ = ["ARCHITECTURES", "Answer", "Architecture", "Head", "batches", "fed", "parameters"]


class Answer(nn.Module):
    """The last layer: features (B, d) to (B, K) for classes, (B,) for a decision or a number.

    The linear layer of a numeric target works in deviations from the training mean; its answer
    is given in the target's own unit.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, head: Head) -> None:
        super().__init__()
        self.linear = nn.Linear(width, head.size)
        self.single = head.size == 1
        self.number = head.task is Task.NUMBER
        if self.number:
            self.register_buffer("mean", torch.tensor(head.mean))
            self.register_buffer("deviation", torch.tensor(head.deviation))

    def forward(self, features: Tensor) -> Tensor:
        """Logits, or numbers in the target's unit."""
        raw: Tensor = self.linear(features)  # (B, K)
        raw = raw.float() if self.number else raw  # half precision has no room for a unit
        if self.single:
            raw = raw.squeeze(-1)  # (B,)
        return self.mean + self.deviation * raw if self.number else raw


class Architecture(Protocol):
    """A network that can be built for data, trained, saved and audited.

    Options is a frozen dataclass of its sizes. media are what it can read; tasks what it can be
    asked. forward takes the tensors of one medium, rows first:
    table     numeric (B, N) float, missing (B, N) bool, categorical (B, C) integers
    image     pixels (B, channels, height, width) float in [0, 1]
    sequence  values (B, T, channels) float, lengths (B,) integers
    text      tokens (B, T) integers, lengths (B,) integers
    and gives (B,) for one answer a row, (B, K) for classes, (B, T, V) for tokens.
    """

    Options: ClassVar[type[Any]]
    media: ClassVar[frozenset[Medium]]
    tasks: ClassVar[frozenset[Task]]

    @classmethod
    def build(cls, encoder: Any, head: Head, options: Any) -> nn.Module:
        """An untrained network for the data that `encoder` was fitted on."""
        ...


ARCHITECTURES: Registry[type[Architecture]] = Registry("architecture", "auditkit.models")


def parameters(model: nn.Module) -> int:
    """Number of trainable numbers in a network."""
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


def fed(inputs: tuple[Tensor, ...], device: torch.device | str) -> tuple[Tensor, ...]:
    """A batch as a network takes it, on the device: images come as bytes and become [0, 1]."""
    moved = (one.to(device, non_blocking=True) for one in inputs)
    return tuple(one.float() / 255 if one.dtype == torch.uint8 else one for one in moved)


def batches(rows: tuple[Tensor, ...], size: int) -> Iterator[tuple[Tensor, ...]]:
    """The rows, `size` at a time and in their order."""
    for start in range(0, len(rows[0]), size):
        yield tuple(one[start : start + size] for one in rows)
