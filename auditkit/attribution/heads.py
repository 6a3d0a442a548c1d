"""What each head of an attention looks at, whatever the text says.

Many heads look at the token before, at the first one or at full stops, in every text alike: Clark
et al. 2019, "What Does BERT Look at?". The first token often takes what a head has no use for:
Xiao et al. 2024, "Efficient Streaming Language Models with Attention Sinks".
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from auditkit.attribution.attention import Look, parted, rows_watched, watching
from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.players import Players
from auditkit.attribution.question import Question

QUANTITIES = ("first", "before", "itself", "marks", "evenness")
COLUMNS = ["looks", "layer", "head", *QUANTITIES]
READS, WRITES, ACROSS = "text", "written text", "from the written text to the other"


def habits(question: Question, sizes: Sequence[Tensor], marks: Tensor) -> pd.DataFrame:
    """A line for each head: means over rows of the shares of its attention, 0 to 1.

    sizes (B,) are how many tokens each text has: of the one read, and of one that is written from
    it. marks (B, S) bool says which tokens of the text read are punctuation. first, before and
    itself are the first token, the one before and the token that asks, over all that ask;
    evenness is the entropy over that of looking at all alike. Undefined is NaN: before and
    itself where a text looks at another, marks of a text that is written or has none. A last
    line of each kind, head 0, is a head that looks at all it may see alike.
    """
    parts: list[list[tuple[str, int, Tensor]]] = []
    every = torch.arange(question.rows, device=question.device)
    with watching(question.model) as looks:  # type: ignore[arg-type]
        for part in torch.split(every, rows_watched(question, looks)):
            looks.clear()
            with torch.no_grad():
                question.answer(tuple(one[part] for one in question.inputs), part)
            here = [one.to(question.device)[part] for one in sizes]
            parts.append(seen_by(looks, here, marks.to(question.device)[part]))
    return together(parts)


def together(parts: Sequence[list[tuple[str, int, Tensor]]]) -> pd.DataFrame:
    """The lines of `habits` from what `seen_by` gave of each pass."""
    lines = []
    for line in zip(*parts, strict=True):
        kind, layer, _ = line[0]
        shares = torch.cat([values for _, _, values in line])  # (B, heads, quantities)
        lines += [
            (kind, layer, head + 1, *_means(shares[:, head])) for head in range(shares.shape[1] - 1)
        ]
        lines.append((kind, layer, 0, *_means(shares[:, -1])))
    frame = pd.DataFrame(lines, columns=COLUMNS)
    repeated = (frame["head"] == 0) & frame.duplicated(["looks", "head"])
    return frame[~repeated].sort_values("head", key=lambda one: one == 0, kind="stable")


def seen_by(
    looks: list[Look], sizes: Sequence[Tensor], marks: Tensor
) -> list[tuple[str, int, Tensor]]:
    """Kind, layer and shares (B, heads + 1, quantities) of each look of a pass.

    The last head looks at all alike; sizes and marks are as in `habits`.
    """
    reading, writing = parted(looks)
    found = []
    layers: dict[str, int] = {}
    for look in [*reading, *writing]:
        written = any(look is one for one in writing)
        kind = READS if not written else WRITES if look.own else ACROSS
        layers[kind] = layers.get(kind, 0) + 1
        asks = sizes[-1] if written else sizes[0]
        seen = sizes[-1] if kind == WRITES else sizes[0]
        shown = torch.zeros_like(marks[:, :1]) if kind == WRITES else marks
        found.append((kind, layers[kind], _shares(look, asks, seen, shown)))
    return found


def _shares(look: Look, asks: Tensor, seen: Tensor, marks: Tensor) -> Tensor:
    weights = look.weights.detach().double().nan_to_num()  # (B, heads, T, S)
    steps, size = weights.shape[2:]
    device = weights.device
    asking = torch.arange(steps, device=device) < asks[:, None]  # (B, T)
    may = (torch.arange(size, device=device) < seen[:, None])[:, None].expand(-1, steps, -1)
    behind = look.own and not bool(weights.triu(1).any())
    may = may.tril() if behind else may  # (B, T, S)
    even = may.double() / may.sum(dim=2, keepdim=True).clamp(min=1)
    weights = torch.cat([weights, even[:, None]], dim=1)
    none = torch.full_like(weights[..., 0], torch.nan)
    entropy = -(weights * weights.clamp(min=1e-300).log()).sum(dim=3)
    most = may.sum(dim=2).double().log()[:, None]  # (B, 1, T)
    found = [
        weights[..., 0],
        _beside(weights, -1) if look.own else none,
        weights.diagonal(dim1=2, dim2=3) if look.own else none,
        (weights * marks[:, None, None]).sum(dim=3) if marks.any() else none,
        torch.where(most > 0, entropy / most.clamp(min=1e-12), torch.nan),
    ]
    asked = asking[:, None, :, None].expand(-1, weights.shape[1], -1, len(found))
    return torch.stack(found, dim=3).masked_fill(~asked, torch.nan).nanmean(dim=2)


def _beside(weights: Tensor, step: int) -> Tensor:
    """The weight of the place before each that asks, NaN for the first."""
    found = torch.full_like(weights[..., 0], torch.nan)
    found[..., -step:] = weights.diagonal(offset=step, dim1=2, dim2=3)
    return found


def _means(shares: Tensor) -> list[float]:
    """Of (B, quantities), NaN left out."""
    values = shares.cpu().numpy()
    return [mean_of(one).value if np.isfinite(one).any() else np.nan for one in values.T]


def marks_of(players: Players) -> Tensor:
    """Which tokens (B, S) are punctuation: those of words without a letter or a digit."""
    mask = players.masks[0]
    found = torch.zeros_like(mask, dtype=torch.bool)
    for row, place in enumerate(mask):
        said = [not any(map(str.isalnum, word)) for word in players.of(row)]
        found[row] = torch.tensor([*said, False])[place]  # HELD reads the last
    return found
