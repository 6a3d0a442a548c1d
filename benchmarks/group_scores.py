"""How long the AUC of ten groups with intervals takes over 100,000 rows, beside scikit-learn.

    python -m benchmarks.group_scores

Both start from the same columns, the group as text, and must find the same AUCs. auditkit counts
the scores once and draws 1,000 replicates from the counts, 1,000 permutations besides;
scikit-learn's roc_auc_score is asked for every group of rows that were drawn anew, and its time
for 1,000 replicates is estimated from a few. Rounds are interleaved: read the ratio.
"""

import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.contrast import Contrast
from auditkit.bias.scores.score_auc import auc_gap
from auditkit.bias.scores.score_counts import score_counts

ROWS, GROUPS, REPLICATES, FEW, ROUNDS = 100_000, 10, 1000, 4, 5
ASKED = 25  # times faster


def data() -> pd.DataFrame:
    """Rows as a user has them: text for the group, scores that nobody shares."""
    rng = np.random.default_rng(0)
    group = rng.choice([f"group {letter}" for letter in "ABCDEFGHIJ"[:GROUPS]], ROWS)
    frame = pd.DataFrame({"group": pd.Series(group, dtype=object)})
    frame["y"] = rng.integers(0, 2, ROWS)
    frame["score"] = 1 / (1 + np.exp(-rng.normal(size=ROWS) - frame["y"]))
    return frame


def ours(frame: pd.DataFrame) -> Contrast:
    """AUC by group, simultaneous intervals of all 45 gaps, the permutation null."""
    counts = score_counts(frame["y"], frame["score"], frame["group"])
    return auc_gap(counts, rng=np.random.default_rng(0), draws=REPLICATES)


def theirs(frame: pd.DataFrame, replicates: int) -> NDArray[np.float64]:
    """AUC by group (groups,) of the rows, or of rows drawn anew: (replicates, groups)."""
    from sklearn.metrics import roc_auc_score

    codes, groups = pd.factorize(frame["group"], sort=True)
    y, score = frame["y"].to_numpy(), frame["score"].to_numpy()
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(max(replicates, 1)):
        rows = rng.integers(0, len(y), len(y)) if replicates else np.arange(len(y))
        own_y, own_score, own = y[rows], score[rows], codes[rows]
        lines.append(
            [roc_auc_score(own_y[own == k], own_score[own == k]) for k in range(len(groups))]
        )
    return np.asarray(lines)


def main() -> int:
    """Print both times and their ratio; 1 where it is less than asked."""
    frame = data()
    np.testing.assert_allclose(
        ours(frame).groups["value"].to_numpy(), theirs(frame, 0)[0], rtol=1e-12
    )
    taken, peer = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        ours(frame)
        middle = time.perf_counter()
        theirs(frame, FEW)
        taken.append(middle - start)
        peer.append((time.perf_counter() - middle) / FEW * REPLICATES)
    ratio = statistics.median(b / a for a, b in zip(taken, peer, strict=True))
    print(
        f"{ROWS:,} rows, {GROUPS} groups as text, {REPLICATES:,} replicates; median of {ROUNDS} "
        f"rounds; Python {platform.python_version()}, {platform.machine()}, "
        f"numpy {version('numpy')}, scikit-learn {version('scikit-learn')}"
    )
    print(f"auditkit: {statistics.median(taken):.2f} s, {REPLICATES:,} permutations included")
    print(f"scikit-learn on resampled rows: {statistics.median(peer):,.0f} s (from {FEW})")
    print(f"ratio {ratio:,.0f} (asked: {ASKED})")
    return 0 if ratio >= ASKED else 1


if __name__ == "__main__":
    sys.exit(main())
