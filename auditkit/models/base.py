"""What an architecture is, and how encoded rows reach one."""

from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from auditkit.data.encoding import Encoded, Encoder
from auditkit.registry import Registry


class Architecture(Protocol):
    """A network that can be built for a table, trained, saved and audited.

    Options is a frozen dataclass of its sizes. forward takes numeric (B, N) float, missing
    (B, N) bool and categorical (B, C) integers, and gives logits (B,).
    """

    Options: ClassVar[type[Any]]

    @classmethod
    def for_table(cls, encoder: Encoder, options: Any) -> nn.Module:
        """An untrained network for the columns that `encoder` was fitted on."""
        ...


ARCHITECTURES: Registry[type[Architecture]] = Registry("architecture", "auditkit.models")


def parameters(model: nn.Module) -> int:
    """Number of trainable numbers in a network."""
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


def tensors(encoded: Encoded) -> tuple[Tensor, ...]:
    """numeric, missing and categorical as tensors that share the arrays' memory."""
    arrays = (encoded.numeric, encoded.missing, encoded.categorical)
    return tuple(torch.from_numpy(one) for one in arrays)


def batches(rows: tuple[Tensor, ...], size: int) -> Iterator[tuple[Tensor, ...]]:
    """The rows, `size` at a time and in their order."""
    for start in range(0, len(rows[0]), size):
        yield tuple(one[start : start + size] for one in rows)
