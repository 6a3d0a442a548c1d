"""Activation patching: which layers, units, heads or positions carry what two inputs differ in.

A model runs on one input, and a piece of a layer is given what it holds on the other. What the
answer then regains of the difference between the two is the piece's effect: 0 none, 1 all.

denoise    runs on the corrupt input with clean pieces: what is enough to bring the answer back
noise      runs on the clean input with corrupt pieces: what is needed to keep it

Vig et al. 2020, "Investigating Gender Bias in Language Models Using Causal Mediation Analysis";
Meng et al. 2022, "Locating and Editing Factual Associations in GPT"; Heimersheim & Nanda 2024,
"How to use and interpret activation patching".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.errors import UsageError
from auditkit.probing.asking import Inputs, Looked, answers, forward_size, looking, taken
from auditkit.probing.causes.losses import checked
from auditkit.probing.causes.pieces import Cut, exchanged, from_other, given_by, paired, pieces_of
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.ratios import ratio_estimate

Way = Literal["denoise", "noise"]
ALIKE = "the two inputs of every pair are answered alike: nothing can be restored"
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Patched:
    """What each piece restores.

    frame has a line for each: layer, piece, effect with low and high (over pairs), rows, reason.
    effects (pieces, n) are by how much each pair's answer moved, in units of the answer towards
    the other input's; clean and corrupt (n,) are the answers.
    """

    __repr__ = in_short

    frame: pd.DataFrame
    effects: Floats
    clean: Floats
    corrupt: Floats
    way: Way


def patch(
    model: nn.Module,
    clean: Tensor | Inputs,
    corrupt: Tensor | Inputs,
    layers: str | Sequence[str],
    *,
    parts: Cut = "layer",
    heads: int | None = None,
    targets: Looked = None,
    way: Way = "denoise",
    runtime: Runtime | None = None,
) -> Patched:
    """What each piece of the layers restores of the difference between paired inputs.

    targets say which number of the answer is looked at, or are a function of the outputs that
    gives one a row. An effect is the sum over pairs of how far the answer moves towards the other
    input's, over the sum of how far the two lie apart; it may lie outside 0 to 1. Undefined where
    all pairs are answered alike. Raises DataError for inputs that are no pairs and answers that are
    NaN, UsageError for a layer or a cut that does not exist.
    """
    runtime = runtime or Runtime()
    if way not in ("denoise", "noise"):
        raise UsageError(f"no way {way!r}: there are denoise, noise")
    first, second = paired(clean, corrupt)
    base, donor = (second, first) if way == "denoise" else (first, second)
    names = [layers] if isinstance(layers, str) else list(layers)
    n = len(base[0])
    lines, effects = [], []
    with at_rest(model):
        size = forward_size(model, base, runtime)
        own = checked(
            answers(model, base, targets, runtime=runtime, size=size), n, "answer"
        ).numpy()
        other = checked(
            answers(model, donor, targets, runtime=runtime, size=size), n, "answer"
        ).numpy()
        for layer in names:
            # Two rows: one alone could leave an axis out.
            pieces = pieces_of(layer, _shape(model, layer, base), parts, heads=heads)
            found = exchanged(
                model,
                pieces,
                base,
                from_other(model, layer, donor),
                looking(targets, n),
                size=size,
                label=f"patching {layer}",
            )[..., 0].numpy()
            moved = (found - own) * np.sign(other - own)
            effects.append(moved)
            for piece, one in zip(pieces, moved, strict=True):
                effect = restored(one, other - own)
                lines.append(
                    (layer, piece.name, effect.value, effect.low, effect.high, n, effect.reason)
                )
    columns = ["layer", "piece", "effect", "low", "high", "rows", "reason"]
    return Patched(
        frame=pd.DataFrame(lines, columns=columns),
        effects=np.concatenate(effects),
        clean=other if way == "denoise" else own,
        corrupt=own if way == "denoise" else other,
        way=way,
    )


def restored(moved: Floats, apart: Floats) -> Estimate:
    """How far answers moved towards their partners', as a share of how far these lie apart."""
    if not np.abs(apart).sum() > 0:
        return undefined(ALIKE, n=len(moved))
    return ratio_estimate(moved, np.abs(apart))


def _shape(model: nn.Module, layer: str, inputs: Inputs) -> Tensor:
    return given_by(model, layer, taken(inputs, torch.arange(min(2, len(inputs[0])))))
