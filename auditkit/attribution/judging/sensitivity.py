"""Max-sensitivity: how far an explanation moves when the input hardly does.

Yeh et al. 2019, "On the (In)fidelity and Sensitivity of Explanations".
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from auditkit.attribution.players import HELD
from auditkit.attribution.question import Question

NUDGE = 0.02  # of a number's spread over the rows
NUDGES = 2


def max_sensitivity(
    question: Question,
    maps: Tensor,
    explain: Callable[[Question], Tensor],
    generator: torch.Generator,
    nudges: int = NUDGES,
) -> Tensor:
    """The farthest that a row's map (B, N) moves under small nudges, in its own length, (B,).

    Each number of a real input moves by up to a fiftieth of its standard deviation over the
    rows, uniformly; whole numbers stay. 0 for the gradient of a linear model. NaN where the map
    is 0 throughout.
    """
    farthest = torch.zeros(len(maps), dtype=torch.float64)
    for _ in range(nudges):
        moved = replace(question, inputs=nudged(question, generator))
        farthest = torch.fmax(farthest, relative_distance(maps, explain(moved)))
    return torch.where(maps.norm(dim=1) > 0, farthest, torch.nan)


def nudged(question: Question, generator: torch.Generator) -> tuple[Tensor, ...]:
    """The inputs with every number that a player owns moved a little."""
    found = []
    for one, mask in zip(question.inputs, question.players.masks, strict=True):
        if not one.is_floating_point():
            found.append(one)
            continue
        draw = torch.rand(one.shape, generator=generator, dtype=torch.float64) * 2 - 1
        spread = one.double().std(dim=0, correction=0).cpu()
        step = (NUDGE * spread * draw).masked_fill(mask.cpu() == HELD, 0.0)
        found.append(one + step.to(one.device, one.dtype))
    return tuple(found)


def relative_distance(first: Tensor, second: Tensor) -> Tensor:
    """How far second (B, N) is from first, in the length of first, (B,); NaN where that is 0."""
    length = first.norm(dim=1)
    return torch.where(length > 0, (first - second).norm(dim=1) / length, torch.nan)
