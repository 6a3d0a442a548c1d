"""An affine map that takes something out of activations, and its use at a layer of a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from auditkit.errors import DataError
from auditkit.models.transformer.blocks import present
from auditkit.probing.recording import replace
from auditkit.probing.telling import in_short


@dataclass(frozen=True, kw_only=True, eq=False)
class Eraser:
    """x - move read (x - center): what `read` reads is taken out along `move`.

    center is (d,), move (d, r), read (r, d), float64, with read move = 1: erasing twice is erasing
    once. method says in words what was fitted.
    """

    __repr__ = in_short

    center: Tensor
    move: Tensor
    read: Tensor
    method: str

    @property
    def rank(self) -> int:
        """How many directions are taken out."""
        return self.move.shape[1]

    def __call__(self, numbers: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The same of what a layer gave: (n, d), steps (n, T, d) or maps (n, C, H, W).

        Each step and each place of a map is erased by itself; steps beyond a row's length stay.
        Raises DataError for numbers of another width.
        """
        if numbers.ndim == 4:
            places = self(numbers.flatten(2).transpose(1, 2))  # (n, places, C)
            return places.transpose(1, 2).reshape(numbers.shape)
        if numbers.shape[-1] != len(self.center):
            raise DataError(
                f"the eraser was fitted on {len(self.center)} dimensions, the layer gave "
                f"{tuple(numbers.shape)}: fit it on this layer"
            )
        center, move, read = (one.to(numbers) for one in (self.center, self.move, self.read))
        erased = numbers - ((numbers - center) @ read.T) @ move.T
        if lengths is None or numbers.ndim != 3:
            return erased
        within = present(lengths.to(numbers.device), numbers.shape[1])[..., None]  # (n, T, 1)
        return torch.where(within, erased, numbers)

    @contextmanager
    def at(self, model: nn.Module, layer: str, *, lengths: Tensor | None = None) -> Iterator[None]:
        """While open, the model goes on with what the layer gave, erased.

        lengths (n,) are the steps of the rows that run inside. Raises UsageError for a layer that
        does not exist.
        """
        with replace(model, layer, lambda numbers: self(numbers, lengths)):
            yield
