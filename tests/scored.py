"""Planted subjects whose scores serve two groups equally well, or one of them worse."""

import numpy as np
import pandas as pd

from auditkit.subject import Subject
from tests.subjects import subject


def scored_groups(
    *, order: float = 1.0, skew: float = 0.0, n: int = 6000, seed: int = 0, groups: str = "ab"
) -> Subject:
    """Scores that are the true chances in every group but the last.

    There a share `order` of the scores is kept, the others are shuffled; and skew is added.
    """
    rng = np.random.default_rng(seed)
    group = rng.choice(list(groups), n)
    true = rng.beta(1.2, 1.8, n)
    label = (rng.uniform(size=n) < true).astype(int)
    last = group == groups[-1]
    lost = np.flatnonzero(last & (rng.uniform(size=n) > order))
    score = true.copy()
    score[lost] = rng.permutation(score[lost])
    score = np.clip(score + skew * last, 0, 1)
    frame = pd.DataFrame({"group": group, "label": label, "score": score})
    return subject(frame, prediction=None, score="score")
