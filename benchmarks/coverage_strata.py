"""Do the intervals of standardised rates and of clustered rows hold? By simulation.

python -m benchmarks.coverage_strata            minutes; rewrites docs/methods-multiplicity.md
python -m benchmarks.coverage_strata --quick    a few tables, printed only
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.clusters import clustered_counts
from auditkit.bias.disparity import Comparison, disparity
from auditkit.bias.strata import within_strata
from benchmarks.coverage import markdown, write_between

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-multiplicity.md"
DRAWS = 300
PROMISED = 0.94
SLACK = 1e-12


@dataclass(frozen=True, kw_only=True)
class Strata:
    """Strata whose base rates spread evenly between two values; groups differ within them."""

    strata: int
    cells: tuple[int, ...]  # rows of each group in a stratum
    rates: tuple[float, float]
    gap: float = 0.0  # between the first group and the others, in every stratum
    uneven: bool = False  # the first group stands mostly in the first half of the strata

    @property
    def title(self) -> str:
        """The setting in a few words."""
        rates = f"{self.rates[0]:g} to {self.rates[1]:g}"
        cells = "/".join(map(str, self.cells))
        gap = f", gap {self.gap:g}" if self.gap else ""
        uneven = ", unevenly spread" if self.uneven else ""
        return f"{self.strata} strata of {cells}: {rates}{gap}{uneven}"

    def holds(self, rng: np.random.Generator) -> bool:
        """Whether all pairs' intervals hold in one sample."""
        n = np.tile(self.cells, (self.strata, 1))
        if self.uneven:
            n[self.strata // 2 :, 0] = np.maximum(n[self.strata // 2 :, 0] // 8, 10)
        base = np.linspace(*self.rates, self.strata)[:, None]
        chance = np.broadcast_to(base, n.shape).copy()
        chance[:, 0] += self.gap
        hits = rng.binomial(n, chance)
        index = pd.MultiIndex.from_product([range(self.strata), range(len(self.cells))])
        flat, rows = hits.ravel(), n.ravel()
        counts = pd.DataFrame({"tp": flat, "fp": 0, "fn": rows - flat, "tn": 0}, index=index)
        found = within_strata(counts, "selection_rate", rng=rng, draws=DRAWS)
        weights = n.sum(axis=1) / n.sum()
        truth = dict(zip(map(str, range(len(self.cells))), weights @ chance, strict=True))
        apart = [truth[a] - truth[b] for a, b in found.pairs[["first", "second"]].to_numpy()]
        low, high = found.pairs["low"] - SLACK, found.pairs["high"] + SLACK
        return bool(((low <= apart) & (apart <= high)).all())


@dataclass(frozen=True, kw_only=True)
class People:
    """People of 1 to `most` rows; their rows are alike as the intraclass correlation says."""

    people: int  # of each group
    rates: tuple[float, ...]
    alike: float
    most: int

    @property
    def title(self) -> str:
        """The setting in a few words."""
        rates = ", ".join(f"{one:g}" for one in self.rates)
        return f"{self.people} people a group, up to {self.most} rows, ICC {self.alike:g}: {rates}"

    def holds(self, rng: np.random.Generator, comparison: Comparison) -> tuple[bool, bool]:
        """Whether all pairs' intervals hold, with and without knowing the people."""
        groups = len(self.rates)
        person = np.repeat(
            np.arange(self.people * groups), rng.integers(1, self.most + 1, self.people * groups)
        )
        rate, scale = np.array(self.rates)[np.arange(self.people * groups) % groups], 1 / self.alike
        own = rng.beta(rate * (scale - 1), (1 - rate) * (scale - 1))
        hit = (rng.random(len(person)) < own[person]).astype(int)
        counts, clusters = clustered_counts(np.ones_like(hit), hit, person % groups, person)
        held = []
        for known in (clusters, None):
            found = disparity(
                counts,
                "selection_rate",
                comparison=comparison,
                rng=rng,
                draws=DRAWS,
                clusters=known,
            )
            held.append(self._all(found.pairs, comparison) if found.estimate.defined else True)
        return held[0], held[1]

    def _all(self, pairs: pd.DataFrame, comparison: Comparison) -> bool:
        true = {str(place): rate for place, rate in enumerate(self.rates)}
        both = [(true[a], true[b]) for a, b in pairs[["first", "second"]].to_numpy()]
        apart = [a - b if comparison == "difference" else b / a for a, b in both]
        low, high = pairs["low"] - SLACK, pairs["high"] + SLACK
        return bool(((low <= apart) & (apart <= high)).all())


STRATA = (
    Strata(strata=1, cells=(50, 50), rates=(0.3, 0.3)),
    Strata(strata=6, cells=(30, 60), rates=(0.1, 0.6)),
    Strata(strata=6, cells=(100, 100), rates=(0.1, 0.6), gap=0.1),
    Strata(strata=20, cells=(10, 10), rates=(0.3, 0.3)),
    Strata(strata=20, cells=(10, 40), rates=(0.02, 0.02)),
    Strata(strata=20, cells=(20, 40), rates=(0.02, 0.3)),
    Strata(strata=20, cells=(10, 200, 50), rates=(0.1, 0.9)),
    Strata(strata=10, cells=(80, 80), rates=(0.1, 0.6), uneven=True),
    Strata(strata=10, cells=(80, 80, 20, 20, 40), rates=(0.2, 0.8), gap=0.1, uneven=True),
    Strata(strata=50, cells=(12, 12, 12), rates=(0.05, 0.1)),
)
PEOPLE = (
    People(people=10, rates=(0.3, 0.4), alike=0.3, most=30),
    People(people=15, rates=(0.3,) * 5, alike=0.3, most=8),
    People(people=25, rates=(0.1, 0.2), alike=0.8, most=30),
    People(people=40, rates=(0.3, 0.4), alike=0.3, most=10),
    People(people=40, rates=(0.05,) * 4, alike=0.3, most=10),
    People(people=100, rates=(0.3, 0.3, 0.4), alike=0.1, most=20),
    People(people=200, rates=(0.02, 0.05), alike=0.2, most=5),
)


def strata_table(tables: int) -> pd.DataFrame:
    """A line for each setting of strata."""
    lines = []
    for one in STRATA:
        rng = np.random.default_rng([crc32(one.title.encode()), 0])
        lines.append((one.title, float(np.mean([one.holds(rng) for _ in range(tables)]))))
    return pd.DataFrame(lines, columns=["strata", "all pairs hold"])


def people_table(tables: int) -> pd.DataFrame:
    """A line for each setting of people: differences, ratios, and rows taken for independent."""
    lines = []
    for one in PEOPLE:
        rng = np.random.default_rng([crc32(one.title.encode()), 0])
        gaps = np.mean([one.holds(rng, "difference") for _ in range(tables)], axis=0)
        ratios = np.mean([one.holds(rng, "ratio") for _ in range(tables)], axis=0)
        lines.append((one.title, gaps[0], ratios[0], gaps[1]))
    return pd.DataFrame(lines, columns=["people", "differences hold", "ratios hold", "rows alone"])


def main() -> int:
    """Simulate, print, write unless --quick; 1 where an interval covers too rarely."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer tables; nothing is written")
    parser.add_argument("--tables", type=int, default=2000, help="tables a setting")
    options = parser.parse_args()
    tables = 100 if options.quick else options.tables
    least = PROMISED - 2 * (PROMISED * (1 - PROMISED) / tables) ** 0.5
    short = 0
    for name, frame in (("strata", strata_table(tables)), ("people", people_table(tables))):
        asked = frame.filter(like="hold").to_numpy()
        short += int((asked < least).sum())
        shown = frame.copy()
        for column in frame.columns[1:]:
            shown[column] = frame[column].map("{:.1%}".format)
        text = f"{tables:,} tables of each.\n\n{markdown(shown)}\n\n"
        missing = int((asked < least).sum())
        text += f"Asked: at least {least:.1%}. "
        text += f"{missing} fall short." if missing else "None falls short."
        print(text)
        if not options.quick:
            write_between(PAGE, name, text)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
