"""Does the interval of an effect size hold, and is a p as rarely small as it claims? By simulation.

    python -m benchmarks.coverage_associations     a minute; rewrites docs/methods-associations.md

Words are drawn from four kinds, each a mean direction and noise. The truth is the effect size that
lists of these lengths give on average.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.words.associations import attribute_p, split_null
from auditkit.bias.words.effect_size import effect_size
from benchmarks.coverage import markdown, write_between

Floats = NDArray[np.float64]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-associations.md"
SIZE = 50  # numbers of a vector
PROMISED, RARE = 0.94, 0.05


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Four lists: their lengths, how far X and Y lie apart along the attributes, and aside.

    apart is how far A and B lie apart in a third direction, that of no target.
    """

    lengths: tuple[int, int, int, int]
    along: float
    aside: float
    apart: float = 0.0

    def cosines(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Of all targets with the attributes of A and of B."""
        by = np.array([self.along, self.aside, self.apart])
        sides = ((1, 1, 0), (-1, -1, 0), (1, 0, 1), (-1, 0, -1))
        made = []
        for n, side in zip(self.lengths, sides, strict=True):
            centre = (by * side) @ np.eye(3, SIZE)
            words = centre + rng.normal(size=(n, SIZE)) / np.sqrt(SIZE)
            made.append(words / np.linalg.norm(words, axis=1, keepdims=True))
        targets = np.concatenate(made[:2])
        return targets @ made[2].T, targets @ made[3].T


SETTINGS = tuple(
    Setting(lengths=lengths, along=along, aside=aside)
    for lengths in ((8, 8, 8, 8), (25, 25, 25, 25), (6, 6, 7, 7), (5, 9, 8, 8))
    for along, aside in ((0.0, 0.0), (0.0, 0.5), (0.15, 0.0), (0.15, 0.5), (0.5, 0.5))
) + tuple(
    Setting(lengths=(n,) * 4, along=0.0, aside=aside, apart=0.5)
    for n in (8, 25)
    for aside in (0.0, 0.5)
)


def main() -> int:
    """Simulate, print and write; 1 where an interval holds too rarely."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=1000, help="draws of a setting")
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    rows = [simulated(one, options.tables, place) for place, one in enumerate(SETTINGS)]
    frame = pd.DataFrame(rows)
    text = markdown(shown(frame))
    print(text)
    if not options.no_write:
        write_between(PAGE, "associations", text)
    error = 2 * np.sqrt(PROMISED * (1 - PROMISED) / options.tables)
    short = frame[frame["holds"] < PROMISED - error]
    print(f"{len(short)} of {len(frame)} settings fall short of {PROMISED:.0%}")
    return 1 if len(short) else 0


def simulated(setting: Setting, tables: int, seed: int) -> dict[str, object]:
    """How often the intervals hold, and how often p is at most .05."""
    rng = np.random.default_rng([7, seed])
    first = setting.lengths[0]
    found = [setting.cosines(rng) for _ in range(tables)]
    truth = np.mean([effect_size(*setting.cosines(rng), first).value for _ in range(4 * tables)])
    ours, alone = [], []
    small: list[tuple[bool, bool]] = []
    for to_a, to_b in found:
        scores = to_a.mean(axis=1) - to_b.mean(axis=1)
        one = effect_size(to_a, to_b, first)
        ours.append(one.low <= truth <= one.high)
        low, high = over_targets(scores, first)
        alone.append(low <= truth <= high)
        null, _ = split_null(scores, first, rng=rng, permutations=200, most_exact=0)
        other = attribute_p(to_a, to_b, first, rng=rng, permutations=200, most_exact=0)
        small.append((null.p_value <= RARE, max(null.p_value, other) <= RARE))
    return {
        "lists": " + ".join(map(str, setting.lengths)),
        "along": setting.along,
        "aside": setting.aside,
        "truth": truth,
        "holds": np.mean(ours),
        "alone": np.mean(alone),
        "apart": setting.apart,
        "small": np.mean([one for one, _ in small]),
        "both": np.mean([one for _, one in small]),
    }


def over_targets(scores: Floats, first: int) -> tuple[float, float]:
    """Student's interval from the jackknife over the targets alone, the attributes held fixed."""

    def d(values: Floats, ahead: int) -> float:
        return float((values[:ahead].mean() - values[ahead:].mean()) / values.std(ddof=1))

    n = len(scores)
    left = np.array([d(np.delete(scores, i), first - (i < first)) for i in range(n)])
    parts = (left[:first], left[first:])
    half = t.ppf(0.975, n - 2) * np.sqrt(sum((len(one) - 1) * one.var() for one in parts))
    return d(scores, first) - half, d(scores, first) + half


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The table of the page."""
    return pd.DataFrame(
        {
            "words in X + Y + A + B": frame["lists"],
            "apart along the attributes": frame["along"].map("{:g}".format),
            "and aside": frame["aside"].map("{:g}".format),
            "attributes apart": frame["apart"].map("{:g}".format),
            "true d": frame["truth"].map("{:.2f}".format),
            "interval holds": frame["holds"].map("{:.1%}".format),
            "over targets alone": frame["alone"].map("{:.1%}".format),
            "p of targets at most .05": frame["small"].map("{:.1%}".format),
            "p of both": frame["both"].map("{:.1%}".format),
        }
    )


if __name__ == "__main__":
    sys.exit(main())
