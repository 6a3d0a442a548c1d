"""What a layer gave as one vector a row, which a probe can read."""

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from auditkit.errors import DataError, UsageError
from auditkit.models.transformer.blocks import present

Pool = Literal["mean", "max", "last", "first", "flat"]


def vectors(
    numbers: Tensor,
    lengths: Tensor | None = None,
    *,
    pool: Pool = "mean",
    axis: int | None = None,
) -> Tensor:
    """(n, d) from what a layer gave: (n, d), steps (n, T, d) or maps (n, C, places ...).

    pool is over the steps within each row's length (n,), or over the places of a map; "flat" keeps
    every number of it. axis is where the steps are, for what is neither: 2 for heads
    (n, heads, T, d), 1 for gates (n, T, gates, d); what is left is one vector. Raises DataError
    for numbers of another shape, for NaN and infinity, for a length that is none.
    """
    found = pooled(numbers, lengths, pool=pool, axis=axis)
    require_finite(found.detach().cpu())
    return found


def pooled(
    numbers: Tensor, lengths: Tensor | None, *, pool: Pool, axis: int | None = None
) -> Tensor:
    """The same, whatever the numbers are."""
    if pool not in get_args(Pool):
        raise UsageError(f"no pool {pool!r}: there are {', '.join(get_args(Pool))}")
    if numbers.dtype in (torch.float16, torch.bfloat16):
        numbers = numbers.float()  # sums of many steps have no place in 16 bits
    if axis is not None:
        numbers = numbers.movedim(axis, 1).flatten(2)  # (n, T, d)
    elif numbers.ndim > 3:
        numbers, lengths = numbers.flatten(2).transpose(1, 2), None  # (n, places, C)
    if numbers.ndim < 3 or (pool == "flat" and lengths is None):
        return numbers.reshape(len(numbers), -1)
    most = numbers.shape[1]
    if lengths is None:
        return _of_all(numbers, pool)
    ends = ends_of(lengths, len(numbers), most).to(numbers.device)
    match pool:
        case "mean":
            within = present(ends, most).unsqueeze(-1)  # (n, T, 1)
            return torch.where(within, numbers, 0).sum(dim=1) / ends.to(numbers).unsqueeze(-1)
        case "max":
            within = present(ends, most).unsqueeze(-1)
            return numbers.masked_fill(~within, -torch.inf).amax(dim=1)
        case "flat":
            return torch.where(present(ends, most).unsqueeze(-1), numbers, 0).flatten(1)
        case "last":
            return numbers[torch.arange(len(numbers), device=numbers.device), ends - 1]
        case _:
            return numbers[:, 0]


def ends_of(lengths: Tensor, n: int, most: int) -> Tensor:
    """Lengths (n,) as they are. Raises DataError for another count, and where one is not 1 to T."""
    if lengths.shape != (n,):
        raise DataError(
            f"lengths of shape {tuple(lengths.shape)} for {n} rows: give one for each row"
        )
    wrong = (lengths < 1) | (lengths > most)
    if bool(wrong.any()):
        row = int(wrong.int().argmax())
        raise DataError(
            f"row {row + 1} has length {int(lengths[row])}, and the layer gives {most} steps: "
            "give lengths of the steps of this layer, or none"
        )
    return lengths.long()


def _of_all(steps: Tensor, pool: Pool) -> Tensor:
    match pool:
        case "mean":
            return steps.mean(dim=1)
        case "max":
            return steps.amax(dim=1)
        case "last":
            return steps[:, -1]
        case _:
            return steps[:, 0]


def require_finite(numbers: Tensor | np.ndarray, name: str = "the activations") -> None:
    """Raise DataError for NaN and infinity in numbers (n, d), naming the first row."""
    wrong = ~np.isfinite(np.asarray(numbers)).all(axis=1)
    if wrong.any():
        raise DataError(
            f"row {int(wrong.argmax()) + 1} of {name} holds NaN or infinity ({int(wrong.sum())} of "
            f"{len(wrong)} rows do): find the layer where they begin"
        )
