"""Drawing counts by score again: as if other rows had come, or with the group labels dealt anew.

Neither touches a row: resampling rows within a group and an outcome is a multinomial over the
scores, and dealing labels out at random is a multivariate hypergeometric.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def redrawn(counts: Ints, draws: int, rng: np.random.Generator) -> Ints:
    """Bootstrap samples (draws, S) of as many rows as counts (S,) hold: at least one."""
    return rng.multinomial(counts.sum(), counts / counts.sum(), size=draws)


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
