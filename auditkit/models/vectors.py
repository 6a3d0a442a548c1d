"""The vectors that a network of ours begins with: those of words in its embedding layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from auditkit.data.text import UNKNOWN, TextEncoder
from auditkit.errors import NotApplicable


def word_vectors(
    model: nn.Module, encoder: Any, words: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (n, d) float64 of words, and of how many pieces each is the mean, (n,) int64.

    A word that the tokenizer cannot spell has NaN and 0 pieces. Raises NotApplicable for a network
    that reads no text, or letter by letter.
    """
    if not isinstance(encoder, TextEncoder):
        raise NotApplicable("the model reads no text, and so has no vectors of words")
    if encoder.units == "characters":
        raise NotApplicable("the model reads letter by letter, and has no vectors of words")
    layers = (one for one in model.modules() if isinstance(one, nn.Embedding))
    layer = next((one for one in layers if one.num_embeddings == encoder.vocabulary), None)
    if layer is None:
        raise NotApplicable("the model has no layer of vectors for its tokens")
    table = layer.weight.detach().cpu().double().numpy()
    # Of bytes, a word within a text begins with its blank.
    blank = " " if encoder.units == "bytes" else ""
    spelled = encoder.tokens([blank + word for word in words])
    spelled = [one if len(one) and (one != UNKNOWN).all() else one[:0] for one in spelled]
    pieces = np.array([len(one) for one in spelled], dtype=np.int64)
    means = [
        table[one].mean(axis=0) if len(one) else np.full(table.shape[1], np.nan) for one in spelled
    ]
    return np.array(means), pieces
