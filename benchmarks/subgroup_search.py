"""How long the search for subgroups takes beside plain pandas, on rows like Adult's test set.

    python -m benchmarks.subgroup_search

16,281 rows, six columns of numbers and eight of levels. Both plain ways look at one half of the
rows, count rows and mean loss of every slice of up to three conditions, and do nothing else: no
choice among them, no confirmation. One groups by every three columns, numbers in fifths; the other
takes the very conditions that auditkit searches, runs of fifths included, and intersects them one
slice after the other. Three to four minutes,
nearly all of them the last way's; read the ratios.
"""

import platform
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.subgroups.search import find_subgroups
from auditkit.bias.subgroups.slices import conditions

ROWS, LEAST = 16_281, 82
LEVELS = (9, 16, 7, 15, 6, 5, 2, 42)  # of Adult's columns


def data() -> tuple[pd.DataFrame, np.ndarray]:
    """Columns as skewed as Adult's, and a loss that a slice of two conditions raises."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"number {i}": rng.gamma(2, size=ROWS).round(2) for i in range(6)})
    for place, levels in enumerate(LEVELS):
        odds = rng.dirichlet(np.full(levels, 0.7))
        frame[f"level {place}"] = rng.choice([f"value {i}" for i in range(levels)], ROWS, p=odds)
    common = frame["level 1"] == frame["level 1"].mode()[0]
    worse = common & (frame["number 0"] < 0.8)
    return frame, (rng.random(ROWS) < 0.1 + 0.3 * worse).astype(float)


def ours(frame: pd.DataFrame, loss: np.ndarray) -> int:
    """Search and confirmation, as the check does them."""
    found = find_subgroups(frame, loss, rng=np.random.default_rng(0))
    assert found.slices["confirmed"][0], "the planted slice was not found"
    return found.looked


def by_groups(frame: pd.DataFrame, loss: np.ndarray) -> int:
    """A group-by of every one, two and three columns."""
    coded = frame.copy()
    for name in coded.columns[:6]:
        coded[name] = pd.qcut(coded[name], 5, duplicates="drop")
    half = coded.assign(loss=loss).iloc[: ROWS // 2]
    looked = 0
    for d in (1, 2, 3):
        for names in combinations(coded.columns, d):
            found = half.groupby(list(names), observed=True)["loss"].agg(["size", "mean"])
            looked += int((found["size"] >= LEAST).sum())
    return looked


def by_masks(frame: pd.DataFrame, loss: np.ndarray) -> int:
    """Every conjunction of the conditions, one after the other, those with too few rows cut."""
    half, losses = frame.iloc[: ROWS // 2], pd.Series(loss[: ROWS // 2])
    found = conditions(half, least=LEAST)
    masks = [pd.Series(one) for one in found.rows]
    looked, level = 0, [((), pd.Series(np.ones(len(half), dtype=bool)))]
    for _ in range(3):
        grown = []
        for members, met in level:
            for place in range(members[-1] + 1 if members else 0, len(masks)):
                if found.columns[place] in found.columns[list(members)]:
                    continue
                both = met & masks[place]
                if both.sum() >= LEAST:
                    losses[both].mean()
                    grown.append(((*members, place), both))
        looked, level = looked + len(grown), grown
    return looked


def main() -> None:
    """Each once, one after the other."""
    frame, loss = data()
    tasks: dict[str, Callable[[pd.DataFrame, np.ndarray], int]] = {
        "auditkit": ours,
        "pandas, groupby": by_groups,
        "pandas, masks": by_masks,
    }
    print(f"{ROWS:,} rows, {frame.shape[1]} columns, slices of up to three conditions and at least")
    print(f"{LEAST} rows of a half; Python {platform.python_version()}, {platform.machine()}")
    base = 0.0
    for name, task in tasks.items():
        start = perf_counter()
        looked = task(frame, loss)
        seconds = perf_counter() - start
        base = base or seconds
        print(
            f"{name}: {looked:,} slices in {seconds:.2f} s, {seconds / base:.1f} times", flush=True
        )


if __name__ == "__main__":
    main()
