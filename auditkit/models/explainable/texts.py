"""Texts: each word a player, of as many tokens as it has; padding and lengths are held."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import HELD, Players
from auditkit.data.text import MASK, PAD, UNKNOWN, TextEncoder

HIDDEN = {"pad": PAD, "unknown": UNKNOWN}  # by what a word is hidden, the default first


def words(encoder: TextEncoder, texts: Sequence[str], shape: Sequence[int]) -> Players:
    """The words of each text as players of tokens of the shape (B, T), cut off where these are."""
    masks = torch.full(tuple(shape), HELD)
    names = []
    for row, found in enumerate(encoder.words(texts)):
        kept = [one for one in found if one.start < shape[1]]
        for player, one in enumerate(kept):
            masks[row, one.start : one.end] = player
        names.append(tuple(one.text for one in kept))
    return Players(masks=(masks, torch.full((1,), HELD)), names=tuple(names))


def hidden(inputs: tuple[Tensor, ...], *, masked: bool) -> Mapping[str, Baseline]:
    """All that a player has hidden, in each of the ways; inputs begin with tokens (B, T).

    masked says that the model has learned what a MASK is.
    """
    marks = {**HIDDEN, **({"mask": MASK} if masked else {})}
    first = tuple(one[:1] for one in inputs)
    return {
        name: Baseline(name=name, rows=(torch.full_like(first[0], mark), *first[1:]))
        for name, mark in marks.items()
    }
