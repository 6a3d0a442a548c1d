"""Drawing counts by score again: as if other rows had come, or with the group labels dealt anew.

Neither touches a row: resampling rows within a group and an outcome is a multinomial over the
scores, and dealing labels out at random is a multivariate hypergeometric.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auditkit.bias.scores.score_counts import ScoreCounts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def redrawn(counts: Ints, draws: int, rng: np.random.Generator) -> Ints:
    """Bootstrap samples (draws, S) of as many rows as counts (S,) hold: at least one."""
    return rng.multinomial(counts.sum(), counts / counts.sum(), size=draws)


def dealt_sides(counts: ScoreCounts, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Positives and negatives by group, labels dealt out anew: two (G, S, draws).

    Among the positives and among the negatives; where rows belong together among whole parts.
    """
    if counts.parts is not None:
        return counts.parts.dealt(len(counts.index), draws, rng)
    positives, negatives = (
        dealt(side.sum(axis=0), side.sum(axis=1).tolist(), draws, rng).astype(float)
        for side in (counts.positives, counts.negatives)
    )
    return positives, negatives


def dealt(totals: Ints, sizes: Sequence[int], draws: int, rng: np.random.Generator) -> Ints:
    """Rows of each group at each score if labels are dealt out at random: (G, S, draws).

    totals (S,) are the rows at each score, whoever they belong to; sizes are the groups' and add
    up to them. Both are kept in every draw.
    """
    found = np.empty((len(sizes), len(totals), draws), dtype=np.int64)
    left = np.repeat(np.asarray(totals, dtype=np.int64)[:, None], draws, axis=1)
    for group, size in enumerate(sizes[:-1]):
        wanted = np.full(draws, size, dtype=np.int64)
        beyond = left.sum(axis=0)  # rows at this score and all later ones
        for place in range(len(totals)):
            here = left[place]
            beyond = beyond - here
            taken = rng.hypergeometric(here, beyond, wanted)
            found[group, place] = taken
            left[place] = here - taken
            wanted = wanted - taken
    found[-1] = left
    return found
