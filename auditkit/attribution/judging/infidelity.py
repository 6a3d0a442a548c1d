"""Infidelity: do the numbers of the players taken out say how much the answer changes?

Yeh et al. 2019, "On the (In)fidelity and Sensitivity of Explanations".
"""

import torch
from torch import Tensor

SHUFFLES = 10


def infidelity(scores: Tensor, sets: Tensor, changes: Tensor) -> Tensor:
    """The part of the answer's changes that the scores leave unexplained, (B,) from 0 to 1.

    scores (B, P), sets (B, S, P) bool the players taken out, changes (B, S) by how much the
    answer fell. The scores may be in any unit: each row has its own factor, which is not below
    0. 0 for the weights times the way of a linear model; 1 for scores of 0; NaN where nothing
    changes.
    """
    said = torch.einsum("bsp,bp->bs", sets.double(), scores.double())
    whole = (changes**2).sum(dim=1)
    squares = (said**2).sum(dim=1)
    along = (said * changes).sum(dim=1).clamp(min=0)
    explained = torch.where(squares > 0, along**2 / squares.clamp(min=1e-300), 0.0)
    return torch.where(whole > 0, (1 - explained / whole.clamp(min=1e-300)).clamp(0, 1), torch.nan)


def infidelity_of_shuffled(
    scores: Tensor, exists: Tensor, sets: Tensor, changes: Tensor, generator: torch.Generator
) -> Tensor:
    """The same of the row's own scores dealt to its players at random, (B,), a mean of draws."""
    drawn = []
    for _ in range(SHUFFLES):
        drawn.append(infidelity(shuffled(scores, exists, generator), sets, changes))
    return torch.stack(drawn).mean(dim=0)


def shuffled(scores: Tensor, exists: Tensor, generator: torch.Generator) -> Tensor:
    """Each row's scores (B, P) in random places among the players that it has."""
    chance = torch.rand(scores.shape, generator=generator, dtype=torch.float64)
    to = chance.masked_fill(~exists, 2.0).argsort(dim=1)  # those that exist come first
    own = (~exists).long().argsort(dim=1, stable=True)
    return torch.zeros_like(scores).scatter(1, to, scores.gather(1, own))
