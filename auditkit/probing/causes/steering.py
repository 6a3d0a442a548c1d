"""Steering: a direction is added to what a layer gives, and the answers are watched.

Turner et al. 2023, "Activation Addition: Steering Language Models Without Optimization".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.question import at_rest, tensors
from auditkit.errors import DataError, UsageError
from auditkit.probing.asking import Inputs, Looked, answers, taken
from auditkit.probing.causes.losses import checked
from auditkit.probing.causes.pieces import given_by
from auditkit.probing.recording import replace
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime, track
from auditkit.statistics.estimate import Estimate

Floats = NDArray[np.float64]
DRAWS = 39  # random directions: a p-value of .025 at least


@dataclass(frozen=True, kw_only=True, eq=False)
class Steered:
    """Answers by strength, along a direction and along random ones of the same length.

    frame has a line for each strength: answer with low and high over rows; random low and high,
    between which lie the mean answers along 95 % of random directions. slope is by how much the
    answer moves a unit of strength (least squares of each row, their mean with its interval over
    rows); random (draws,) are the same of random directions, p how often one of them is as large.
    """

    __repr__ = in_short

    frame: pd.DataFrame
    slope: Estimate
    random: Floats
    p: float


def steer(
    model: nn.Module,
    layer: str,
    direction: ArrayLike | Tensor,
    strengths: Sequence[float],
    inputs: Tensor | Inputs,
    *,
    targets: Looked = None,
    draws: int = DRAWS,
    runtime: Runtime | None = None,
) -> Steered:
    """What the model answers with strength * direction added to what a layer gives.

    direction is (d,) along the features: added at every step and every place of a map alike; or
    of the shape the layer gives a row. Random directions are normal numbers of the same length.
    Raises UsageError for a direction of another size or of no length, and for fewer than two
    strengths; DataError where answers are NaN.
    """
    runtime = runtime or Runtime()
    held = tensors(inputs)
    along = np.asarray(strengths, float)
    if len(np.unique(along)) < 2:
        raise UsageError(f"strengths {list(strengths)}: give two or more, such as (-1, 0, 1)")
    with at_rest(model):
        shape = given_by(model, layer, taken(held, torch.arange(min(2, len(held[0]))))).shape
        own = torch.as_tensor(direction, dtype=torch.float32).detach()
        _require(own, shape, layer)
        length = torch.linalg.vector_norm(own)
        drawn = np.random.Generator.normal(
            runtime.rng(f"random directions at {layer}"), size=(draws, *own.shape)
        )
        random = torch.as_tensor(drawn, dtype=torch.float32)
        sizes = random.flatten(1).norm(dim=1).reshape(-1, *(1,) * own.ndim)
        every = torch.cat([own[None], random / sizes * length])
        found = np.stack(
            [
                [_answers(model, layer, one * float(s), held, targets, runtime) for s in along]
                for one in track(every, "steering", len(every))
            ]
        )  # (1 + draws, strengths, n)
    return _told(along, found)


def _told(along: Floats, found: Floats) -> Steered:
    apart = along - along.mean()
    rows = np.tensordot(found, apart / (apart**2).sum(), axes=(1, 0))  # (1 + draws, n)
    random = rows[1:].mean(axis=1)
    slope = mean_of(rows[0])
    lines = []
    for place, strength in enumerate(along):
        mean = mean_of(found[0, place])
        low, high = np.quantile(found[1:, place].mean(axis=1), [0.025, 0.975])
        lines.append((float(strength), mean.value, mean.low, mean.high, float(low), float(high)))
    columns = ["strength", "answer", "low", "high", "random low", "random high"]
    as_large = int(np.sum(np.abs(random) >= abs(slope.value) - 1e-12))
    return Steered(
        frame=pd.DataFrame(lines, columns=columns),
        slope=slope,
        random=random,
        p=(1 + as_large) / (1 + len(random)),
    )


def _answers(
    model: nn.Module,
    layer: str,
    moved: Tensor,
    inputs: Inputs,
    looked: Looked,
    runtime: Runtime,
) -> Floats:
    def change(numbers: Tensor) -> Tensor:
        return numbers + _placed(moved, numbers)

    with replace(model, layer, change):
        found = answers(model, inputs, looked, runtime=runtime)
    return checked(found, len(inputs[0]), "answer").numpy()


def _placed(moved: Tensor, numbers: Tensor) -> Tensor:
    """A direction as it is added to numbers (n, ...)."""
    moved = moved.to(numbers)
    if moved.ndim == 1 and numbers.ndim == 4:
        return moved[:, None, None]
    return moved


def _require(direction: Tensor, shape: torch.Size, layer: str) -> None:
    features = shape[1] if len(shape) in (2, 4) else shape[-1]
    if direction.shape != (features,) and direction.shape != shape[1:]:
        raise UsageError(
            f"a direction of shape {tuple(direction.shape)} at layer {layer!r}, which gives "
            f"{features} features: give ({features},)"
        )
    if not bool(torch.isfinite(direction).all()):
        raise DataError("the direction holds NaN or infinity: where it comes from is undefined")
    if not float(torch.linalg.vector_norm(direction)) > 0:
        raise UsageError("the direction is 0 throughout: it leads nowhere")
