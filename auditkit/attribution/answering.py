"""What somebody's model answers, whatever its code does on the way.

It may write in its inputs, squeeze away the axis of a single row, raise anything at all, or answer
a row in another way each time.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.errors import ModelError

Model = nn.Module | Callable[..., Any]
UNSTEADY = 1e-3  # of the largest answer: more than rounding in batches of another size


def told(error: Exception) -> str:
    """Any error, of whoever's code, in one line."""
    said = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class Copied(nn.Module):
    """A model that writes in what it is given (`relu_`, `x[mask] = 0`), given copies."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> Any:
        """What the model answers."""
        return self.model(*(one.clone() for one in inputs))


def by_row(outputs: Any, rows: int) -> Any:
    """A model's outputs, rows first, also where it squeezes away the axis of a single row."""
    if isinstance(outputs, Tensor) and rows == 1 and (outputs.ndim == 0 or len(outputs) != 1):
        return outputs[None]
    return outputs


@torch.no_grad()
def first_answer(model: Model, inputs: tuple[Tensor, ...]) -> tuple[Any, Model]:
    """What the model answers, and the model as it can be asked again: given copies if it must."""
    given = tuple(one.clone() for one in inputs)
    before = [one._version for one in given]
    try:
        outputs = model(*given)
    except Exception as error:  # of the user's own code, which may raise anything
        shapes = ", ".join(str(tuple(one.shape)) for one in inputs)
        raise ModelError(f"the model does not take inputs of shape {shapes}: {told(error)}") from (
            error
        )
    writes = [one._version for one in given] != before
    return outputs, Copied(model) if writes else model


@torch.no_grad()
def require_steady(model: Model, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
    """Raise ModelError where a row's answer depends on the pass, or on the rows beside it."""
    rows = len(inputs[0])
    half = -(-rows // 2)
    try:
        if rows > 1:
            again, first = by_row(model(*(one[:half] for one in inputs)), half), outputs[:half]
        else:
            again, first = by_row(model(*inputs), 1), by_row(outputs, 1)
    except Exception as error:
        raise ModelError(
            f"the model took {rows} rows and does not take {half} of them: {told(error)}"
        ) from error
    first, again = first.double(), again.double().reshape(first.shape)
    if float((first - again).abs().max()) > UNSTEADY * max(float(first.abs().max()), 1e-9):
        raise ModelError(
            "the model answers the same row in another way from pass to pass, or with other rows "
            "beside it (dropout left on, noise, statistics of the batch): explain it without"
        )
