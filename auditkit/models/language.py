"""What a language model's probabilities say a text costs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from auditkit.data.text import END, PAD, START, padded
from auditkit.runtime import track

WINDOWS = 16  # windows a forward pass


@torch.no_grad()
def bits_of(model: Any, texts: Sequence[np.ndarray], device: str) -> np.ndarray:
    """-log2 of the probability of each text's tokens and of its end, (n,) float64.

    The model reads each text from START in windows of its whole context. Of a window that is not
    the first only the second half is counted, so that every token has at least half a context
    before it; each token is counted once.
    """
    cuts, owners, fresh = [], [], []
    half = max(model.longest // 2, 1)
    for owner, text in enumerate(texts):
        framed = np.concatenate([[START], text, [END]])
        last = len(framed) - 1  # places with a next token
        for start in range(0, max(last - (model.longest - half), 1), half):
            window = framed[start : start + model.longest + 1]
            cuts.append(window)
            owners.append(owner)
            fresh.append(0 if start == 0 else model.longest - half)
    bits = np.zeros(len(texts))
    order = np.argsort([len(one) for one in cuts], kind="stable")
    starts = range(0, len(order), WINDOWS)
    for start in track(starts, "reading", len(starts)):
        chosen = order[start : start + WINDOWS]
        tokens = torch.from_numpy(padded([cuts[i] for i in chosen])[0]).to(device)
        logits = model(tokens[:, :-1]).float()
        nats = cross_entropy(
            logits.transpose(1, 2), tokens[:, 1:], reduction="none", ignore_index=PAD
        ).double()
        for row, i in enumerate(chosen):
            bits[owners[i]] += float(nats[row, fresh[i] :].sum()) / math.log(2)
    return bits
