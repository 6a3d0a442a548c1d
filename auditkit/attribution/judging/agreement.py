"""Agreement: do methods that work differently put the same players first?

What all methods share with the controls is no evidence: those know nothing of the model.

Krishna et al. 2024, "The Disagreement Problem in Explainable Machine Learning".
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from torch import Tensor

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.judging.ranking import overlap, rank_correlation

COLUMNS = ["method", "other", "rank correlation", "low", "high", "top", "rows"]


def agreement(sizes: Mapping[str, Tensor], exists: Tensor) -> pd.DataFrame:
    """A line for each pair of methods: Spearman's correlation over a row's players, a mean of rows.

    sizes (B, P) by method are how strongly each player weighs, sign left out; top is the part
    shared of what both put first (a fifth of the players, at most 5).
    """
    lines = []
    for one, other in combinations(sizes, 2):
        found = mean_of(rank_correlation(sizes[one], sizes[other], exists).numpy())
        first = overlap(sizes[one], sizes[other], exists).numpy()
        lines.append(
            (one, other, found.value, found.low, found.high, float(np.mean(first)), found.n)
        )
    return pd.DataFrame(lines, columns=COLUMNS)


def nearest(frame: pd.DataFrame, method: str, among: set[str]) -> str:
    """The name of the method's closest other one of `among`; "" where there is none."""
    found: dict[str, float] = {}
    for one, other, alike in zip(
        frame["method"], frame["other"], frame["rank correlation"], strict=True
    ):
        name = other if one == method else one
        if method in (one, other) and name in among and not np.isnan(alike):
            found[str(name)] = float(alike)
    return max(found, key=lambda name: found[name], default="")
