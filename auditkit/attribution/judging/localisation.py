"""Localisation: where the data has a planted truth, is it found?

Arras, Osman & Samek 2022, "CLEVR-XAI" (relevance rank accuracy).
"""

import torch
from torch import Tensor

from auditkit.attribution.judging.removal import ranks


def rank_accuracy(
    sizes: Tensor, truth: Tensor, exists: Tensor, generator: torch.Generator
) -> Tensor:
    """The part of the k first players that are among a row's k true ones, (B,); NaN without any.

    sizes (B, P), truth (B, P) bool; ties fall at random. By chance `chance_accuracy`.
    """
    planted = truth & exists
    number = planted.sum(dim=1)
    head = ranks(sizes, exists, generator) < number[:, None]
    found = (head & planted).sum(dim=1) / number.clamp(min=1)
    return torch.where(number > 0, found, torch.nan)


def chance_accuracy(truth: Tensor, exists: Tensor) -> Tensor:
    """The true players' part of all, (B,): what a random order finds on average."""
    return (truth & exists).sum(dim=1) / exists.sum(dim=1).clamp(min=1)
