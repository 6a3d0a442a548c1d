"""Shapley values by asking for every coalition: 2^k answers a row."""

import math

import torch
from torch import Tensor

from auditkit.attribution.shapley.game import Game

BLOCK = 1024  # coalitions a step, so that no more than their answers are held


def exact(game: Game) -> Tensor:
    """The Shapley values of each row's players, (B, k) float64, without an error.

    Shapley 1953, "A Value for n-Person Games".
    """
    k = game.players
    found = torch.zeros(game.size, k, dtype=torch.float64, device=game.question.device)
    bits = torch.arange(k)
    out: Tensor | None = None
    for numbers in torch.split(torch.arange(2**k), BLOCK):
        coalitions = (numbers[:, None] >> bits & 1).bool()
        values = game.values(coalitions)
        out = values[:, :1] if out is None else out  # so that what never moves gives 0 exactly
        found += (values - out) @ weights(coalitions).to(found.device)
    return found


def weights(coalitions: Tensor) -> Tensor:
    """How much each coalition's answer (S, k) counts for each player: phi = v @ weights.

    A player's share is the mean over the sizes s of coalitions, of v with it minus v without it,
    and so 1 / (s C(k, s)) where it is in and -1 / ((k - s) C(k, s)) where it is out.
    """
    k = coalitions.shape[1]
    sizes = range(k + 1)
    inside = torch.tensor(
        [1 / (s * math.comb(k, s)) if s else 0.0 for s in sizes], dtype=torch.float64
    )
    outside = torch.tensor(
        [-1 / ((k - s) * math.comb(k, s)) if s < k else 0.0 for s in sizes], dtype=torch.float64
    )
    size = coalitions.sum(dim=1)
    return torch.where(coalitions, inside[size][:, None], outside[size][:, None])
