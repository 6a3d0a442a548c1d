"""What a layer gave as one vector a row, which a probe can read."""

from typing import Literal

import torch
from torch import Tensor

from auditkit.errors import DataError, UsageError
from auditkit.models.transformer.blocks import present

Pool = Literal["mean", "max", "last", "first", "flat"]


def vectors(numbers: Tensor, lengths: Tensor | None = None, *, pool: Pool = "mean") -> Tensor:
    """(n, d) from what a layer gave: (n, d), steps (n, T, d) or maps (n, C, H, W).

    pool is over the steps within each row's length, or over the places of a map; "flat" keeps
    every number of it. Raises DataError for numbers of another shape, for NaN and infinity.
    """
    if numbers.ndim < 2:
        numbers = numbers.reshape(len(numbers), -1)
    if numbers.ndim == 4:
        numbers = numbers.flatten(2).transpose(1, 2)  # (n, places, C)
        lengths = None
    if numbers.ndim == 2 or pool == "flat":
        return _finite(numbers.reshape(len(numbers), -1))
    if numbers.ndim != 3:
        raise DataError(
            f"a layer gave {tuple(numbers.shape)}: vectors are made of (n, d), (n, steps, d) and "
            "(n, channels, height, width); give pool='flat'"
        )
    return _finite(_pooled(numbers, lengths, pool))


def _pooled(steps: Tensor, lengths: Tensor | None, pool: Pool) -> Tensor:
    n, most, _ = steps.shape
    ends = torch.full((n,), most) if lengths is None else lengths.to(steps.device).clamp(max=most)
    within = present(ends.to(steps.device), most).unsqueeze(-1)  # (n, T, 1)
    match pool:
        case "mean":
            return torch.where(within, steps, 0).sum(dim=1) / ends.to(steps).unsqueeze(-1)
        case "max":
            return steps.masked_fill(~within, -torch.inf).amax(dim=1)
        case "last":
            return steps[torch.arange(n, device=steps.device), ends - 1]
        case "first":
            return steps[:, 0]
        case _:
            raise UsageError(f"no pool {pool!r}: there are mean, max, last, first, flat")


def _finite(numbers: Tensor) -> Tensor:
    wrong = ~torch.isfinite(numbers).all(dim=1)
    if bool(wrong.any()):
        raise DataError(
            f"row {int(wrong.int().argmax()) + 1} of the activations holds NaN or infinity "
            f"({int(wrong.sum())} of {len(numbers)} rows do): find the layer where they begin"
        )
    return numbers
