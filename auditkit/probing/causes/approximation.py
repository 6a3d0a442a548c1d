"""Attribution patching: what patching would do to first order, from two passes and one back.

effect ~ slope of the answer at the piece, on the input that is run, times what would be put there
less what stands there. It serves all pieces of all layers at once. It is wrong where the way from
one to the other is curved (a saturated unit has no slope), so that a sample of the pieces is
patched in truth and the error reported.

Nanda 2023, "Attribution Patching: Activation Patching At Industrial Scale"; Syed et al. 2023,
"Attribution Patching Outperforms Automated Circuit Discovery".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.probing.asking import Inputs, Looked, answers, forward_size, looking, slopes, taken
from auditkit.probing.causes.losses import checked as finite
from auditkit.probing.causes.patching import restored
from auditkit.probing.causes.pieces import (
    Cut,
    Piece,
    exchanged,
    from_other,
    given_by,
    like,
    paired,
    pieces_of,
)
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime

Floats = NDArray[np.float64]
CHECKED = 32  # pieces that are patched in truth: the strongest half, and others drawn at random


@dataclass(frozen=True, kw_only=True, eq=False)
class Approximated:
    """What each piece would restore, to first order, and how wrong that is.

    frame has a line for each piece: layer, piece, effect with low and high, and the true effect,
    where it was patched in truth (else NaN). correlation is Spearman's between the two over the
    `checked` pieces, worst the largest difference; both NaN where fewer than 3 were checked.
    """

    __repr__ = in_short

    frame: pd.DataFrame
    correlation: float
    worst: float
    checked: int


def attribution_patching(
    model: nn.Module,
    clean: Tensor | Inputs,
    corrupt: Tensor | Inputs,
    layers: str | Sequence[str],
    *,
    parts: Cut = "units",
    heads: int | None = None,
    targets: Looked = None,
    checked: int = CHECKED,
    runtime: Runtime | None = None,
) -> Approximated:
    """What `patch` (denoise) would find for every piece, approximately, and its measured error.

    Two passes and one back for all pieces, and a pass for each that is checked. Arguments and
    errors are those of `patch`.
    """
    runtime = runtime or Runtime()
    first, second = paired(clean, corrupt)
    names = [layers] if isinstance(layers, str) else list(layers)
    with at_rest(model):
        own, other = (
            finite(answers(model, some, targets, runtime=runtime), len(first[0]), "answer").numpy()
            for some in (second, first)
        )
        apart = other - own
        found = first_order(model, names, second, first, targets, parts, heads, runtime)
        sign = np.sign(apart)
        moved = {piece: one * sign for piece, one in found.items()}
        true = _in_truth(model, moved, (second, first), targets, own, checked, runtime)
    lines = []
    for piece, one in moved.items():
        effect = restored(one, apart)
        there = restored(true[piece] * sign, apart).value if piece in true else np.nan
        lines.append((piece.layer, piece.name, effect.value, effect.low, effect.high, there))
    frame = pd.DataFrame(lines, columns=["layer", "piece", "effect", "low", "high", "true effect"])
    both = frame.dropna(subset=["effect", "true effect"])
    enough = len(both) > 2
    return Approximated(
        frame=frame,
        correlation=_correlation(both["effect"], both["true effect"]) if enough else np.nan,
        worst=float((both["effect"] - both["true effect"]).abs().max()) if enough else np.nan,
        checked=len(both),
    )


def first_order(
    model: nn.Module,
    layers: Sequence[str],
    base: Inputs,
    donor: Inputs,
    looked: Looked,
    cut: Cut,
    heads: int | None,
    runtime: Runtime,
) -> dict[Piece, Floats]:
    """By how much the answer on each base row would move, (n,), for every piece from its donor."""
    kept: dict[Piece, list[Floats]] = {}
    n = len(base[0])
    for rows, seen in slopes(
        model, layers, base, looking(looked, n), runtime=runtime, label="first order"
    ):
        for layer, (numbers, slope) in seen.items():
            there = like(given_by(model, layer, taken(donor, rows)), numbers)
            product = slope * (there - numbers)
            for piece in pieces_of(layer, numbers, cut, heads=heads):
                one = piece.of(product).flatten(1).sum(dim=1).double().cpu().numpy()
                kept.setdefault(piece, []).append(one)
    return {piece: np.concatenate(one) for piece, one in kept.items()}


def _in_truth(
    model: nn.Module,
    moved: Mapping[Piece, Floats],
    inputs: tuple[Inputs, Inputs],
    looked: Looked,
    own: Floats,
    checked: int,
    runtime: Runtime,
) -> dict[Piece, Floats]:
    """By how much the answer moves in truth, for the strongest pieces and some drawn at random."""
    base, donor = inputs
    n = len(own)
    order = sorted(moved, key=lambda piece: -abs(float(moved[piece].sum())))
    strong, rest = order[: -(-checked // 2)], order[-(-checked // 2) :]
    drawn = runtime.rng("pieces patched in truth").permutation(len(rest))[: checked // 2]
    chosen = [*strong, *(rest[i] for i in sorted(drawn))]
    found: dict[Piece, Floats] = {}
    size = forward_size(model, base, runtime)
    for layer in dict.fromkeys(piece.layer for piece in chosen):
        pieces = [piece for piece in chosen if piece.layer == layer]
        there = exchanged(
            model,
            pieces,
            base,
            from_other(model, layer, donor),
            looking(looked, n),
            size=size,
            label=f"patching {layer}",
        )[..., 0].numpy()
        found |= {piece: one - own for piece, one in zip(pieces, there, strict=True)}
    return found


def _correlation(one: pd.Series, other: pd.Series) -> float:
    if one.nunique() < 2 or other.nunique() < 2:
        return float("nan")
    return float(spearmanr(one, other).statistic)
