"""What a generator gives up where its latent vectors are drawn nearer to their middle.

Truncation buys images that look more typical, and pays with those that are rare: which classes go
first is what an owner of a generator should know before it is turned down.

Brock 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis"; Marchesi 2017,
"Megapixel Size Image Creation using Generative Adversarial Networks".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from auditkit.errors import UsageError
from auditkit.models.predictor import Judge
from auditkit.probing.latents.making import Making
from auditkit.probing.telling import in_short
from auditkit.runtime import track
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.generation import (
    class_shares,
    effective_classes,
    precision_recall_density_coverage,
)

PSI = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LOST = 0.5  # of its share at full width: a class that surely has less is going
NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Truncation:
    """What becomes of the images as latent vectors are scaled by psi, the widest last.

    curve has a line for each psi: precision and recall of real images, coverage, classes (as many
    even ones have the same entropy). shares has a line for each psi and class: share, low, high,
    which hold for all classes of a psi at once. going maps a class to the largest psi at which
    it surely has less than half of its share at psi 1, the first to go first. images were made at
    each psi, real ones looked at.
    """

    __repr__ = in_short

    curve: pd.DataFrame
    shares: pd.DataFrame
    going: dict[str, float]
    images: int
    real: int


def truncation(
    made: Making,
    judge: Judge,
    real: NDArray[Any],
    *,
    images: int = 1000,
    psi: Sequence[float] = PSI,
) -> Truncation:
    """The same `images` latent vectors scaled by each psi, seen by a judge.

    real (n, d) are the judge's features of real images. Raises UsageError for psi that do not
    rise from above 0 to 1, DataError for too few images.
    """
    if sorted(set(psi)) != list(psi) or not psi or psi[0] <= 0 or psi[-1] != 1:
        raise UsageError(f"psi is {tuple(psi)}; give shares that rise from above 0 to 1")
    latents = made.drawn(images, "truncation")
    lines, seen = [], []
    for one in track(psi, "truncation", len(psi)):
        pixels = _bytes(made.images(one * latents))
        features, probabilities = judge.look(pixels)
        overlap = precision_recall_density_coverage(real, features, NEIGHBOURS)
        shares = class_shares(probabilities, len(judge.levels))
        seen.append(shares)
        lines.append(
            {
                "psi": one,
                "precision": overlap.precision,
                "recall": overlap.recall,
                "coverage": overlap.coverage,
                "classes": effective_classes([share.value for share in shares]),
            }
        )
    return Truncation(
        curve=pd.DataFrame(lines),
        shares=_long(psi, seen, judge.levels),
        going=_going(psi, seen, judge.levels),
        images=images,
        real=len(real),
    )


def _going(
    psi: Sequence[float], seen: Sequence[Sequence[Estimate]], levels: Sequence[str]
) -> dict[str, float]:
    """Classes in the order in which they go; one that was hardly there at psi 1 cannot."""
    found = {}
    for place, name in enumerate(levels):
        full = seen[-1][place].low
        below = [
            one for one, shares in zip(psi, seen, strict=True) if shares[place].high < LOST * full
        ]
        if below:
            found[name] = max(below)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _long(
    psi: Sequence[float], seen: Sequence[Sequence[Estimate]], levels: Sequence[str]
) -> pd.DataFrame:
    rows = [
        (one, name, share.value, share.low, share.high)
        for one, shares in zip(psi, seen, strict=True)
        for name, share in zip(levels, shares, strict=True)
    ]
    return pd.DataFrame(rows, columns=["psi", "class", "share", "low", "high"])


def _bytes(images: torch.Tensor) -> NDArray[np.uint8]:
    return images.mul(255).round().clamp(0, 255).to("cpu", torch.uint8).numpy()
