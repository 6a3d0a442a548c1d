"""Sufficiency and comprehensiveness: are the first words enough, and is anything left without them?

DeYoung et al. 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models".
"""

import torch
from torch import Tensor

from auditkit.attribution.judging.deletion import Chance
from auditkit.attribution.judging.removal import Removal

BINS = (0.01, 0.05, 0.1, 0.2, 0.5)  # the paper's parts of a text's words


def reads_words(removal: Removal) -> bool:
    """Whether rows are texts: whole numbers in places of which each row has its own."""
    first = removal.question.inputs[0]
    whole = not first.is_floating_point() and first.dtype != torch.bool
    return whole and first.ndim > 1 and not removal.question.players.shared


def comprehensiveness(removal: Removal, first: Tensor, chance: Chance) -> Tensor:
    """How far the answer falls without the first words, a mean over BINS, (B,).

    first (B, T) are the answers with the first out (`Curves.first`). In parts of the span of
    the row's answer, where the paper has probabilities; higher is better.
    """
    out = _at(removal, first, removal.players[:, None], without=False)
    return (removal.own[:, None] - out).mean(dim=1) / _unit(chance)


def sufficiency(removal: Removal, last: Tensor, chance: Chance) -> Tensor:
    """How far the answer falls with the first words alone, a mean over BINS, (B,).

    last (B, T) are the answers with the last out (`Curves.last`). Lower is better.
    """
    kept = _at(removal, last, removal.players[:, None], without=True)
    return (removal.own[:, None] - kept).mean(dim=1) / _unit(chance)


def random_words(removal: Removal, chance: Chance) -> tuple[Tensor, Tensor]:
    """Both for random orders, (B,) each: comprehensiveness and sufficiency."""
    curves = torch.split(chance.answers, removal.counts.shape[1], dim=1)
    full = torch.stack([comprehensiveness(removal, one, chance) for one in curves])
    bare = torch.stack([sufficiency(removal, one, chance) for one in curves])
    return full.mean(dim=0), bare.mean(dim=0)


def _at(removal: Removal, curve: Tensor, players: Tensor, *, without: bool) -> Tensor:
    """The curve where the first words of each bin are out, or where all but they are, (B, bins)."""
    number = torch.ceil(players * torch.tensor(BINS, dtype=torch.float64) - 1e-9).long()
    taken = players - number if without else number
    place = torch.searchsorted(removal.counts.contiguous(), taken.contiguous())
    return curve.gather(1, place.clamp(max=curve.shape[1] - 1))


def _unit(chance: Chance) -> Tensor:
    return torch.where(chance.spans > 0, chance.spans * chance.sign, torch.nan)
