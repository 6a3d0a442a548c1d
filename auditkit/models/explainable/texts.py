"""Texts: each word a player, of as many tokens as it has; padding and lengths are held."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import HELD, Players
from auditkit.data.text import MASK, PAD, UNKNOWN, TextEncoder
from auditkit.models.base import fed
from auditkit.models.explainable.sequences import repeated
from auditkit.models.explainable.tables import drawn_rows
from auditkit.runtime import Runtime

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


def hidden(
    encoder: TextEncoder,
    inputs: tuple[Tensor, ...],
    reference: pd.DataFrame | None,
    samples: int,
    runtime: Runtime,
    *,
    masked: bool,
) -> Mapping[str, Baseline]:
    """All that a player has hidden, in each of the ways; inputs begin with tokens (B, T).

    sample puts training texts in its place, cut or repeated to the length. masked says that the
    model has learned what a MASK is.
    """
    tokens, *rest = (one[:1] for one in inputs)
    marks = {**HIDDEN, **({"mask": MASK} if masked else {})}
    found = {
        name: Baseline(name=name, rows=(torch.full_like(tokens, mark), *rest))
        for name, mark in marks.items()
    }
    if reference is not None and len(reference):
        drawn = encoder.arrays(drawn_rows(reference, samples, runtime), "the training rows")
        others, sizes = fed(tuple(map(torch.from_numpy, drawn)), tokens.device)
        held = (one.expand(len(others), *one.shape[1:]) for one in rest)
        rows = (repeated(others, sizes, tokens.shape[1]), *held)
        found["sample"] = Baseline(name="sample", rows=rows)
    return found


def sizes_of(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """How many tokens (B,) the text read has, and that written so far where there is one."""
    _tokens, lengths, *written = inputs
    return (lengths, written[1] + 1) if written else (lengths,)
