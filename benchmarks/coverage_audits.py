"""How often is some verdict of a whole fairness section wrong, and what does it find?

    python -m benchmarks.coverage_audits            minutes; rewrites docs/methods-multiplicity.md
    python -m benchmarks.coverage_audits --quick    a few audits, printed only

An audit here is what AK201 to AK206 judge: five differences and one ratio for each of three
sensitive columns of 2, 5 and 8 groups over the same rows, corrected by Holm.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.disparity import DISPARITIES, disparity
from auditkit.bias.groups import group_counts
from auditkit.statistics.intervals import z_of
from auditkit.statistics.multiplicity import benjamini_hochberg, holm
from benchmarks.coverage import markdown, write_between

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-multiplicity.md"
GROUPS = (2, 5, 8)
MAX_DIFFERENCE, MIN_RATIO, ALLOWED = 0.1, 0.8, 0.05
DETECTABLE = z_of(0.95) + 0.8416  # standard errors seen with 80 % power at 5 %
DRAWS = 300
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Population:
    """Rows whose decisions depend on three memberships as `chances` says.

    chances maps memberships (n, 3) and labels (n,) to the chance of a positive decision.
    planted names the column in which there is a gap to be found, if there is.
    """

    title: str
    rows: int
    chances: Callable[[Ints, Ints], NDArray[np.float64]]
    planted: int | None = None
    base: float = 0.5  # share of positive labels

    def tables(self, rng: np.random.Generator) -> list[pd.DataFrame]:
        """One sample, counted by each of the three columns."""
        members = np.stack([rng.integers(0, size, self.rows) for size in GROUPS], axis=1)
        labels = (rng.uniform(size=self.rows) < self.base).astype(int)
        decided = (rng.uniform(size=self.rows) < self.chances(members, labels)).astype(int)
        return [group_counts(labels, decided, members[:, i]) for i in range(len(GROUPS))]


def even(members: Ints, labels: Ints) -> NDArray[np.float64]:
    """Nobody is treated differently."""
    return np.where(labels == 1, 0.6, 0.2)


def rare(members: Ints, labels: Ints) -> NDArray[np.float64]:
    """The same, with few positive decisions."""
    return np.where(labels == 1, 0.15, 0.03)


def at_the_limit(members: Ints, labels: Ints) -> NDArray[np.float64]:
    """Both rates lie .1 apart between every second group of each column, selection .4 and .5."""
    return np.where(labels == 1, 0.45, 0.15) + 0.1 * (members % 2).sum(axis=1)


def planted(column: int, rows: int) -> Population:
    """The first group of a column is selected less, by the limit and twice the detectable size."""
    size = rows / GROUPS[column]
    gap = MAX_DIFFERENCE + 2 * DETECTABLE * np.sqrt(2 * 0.25 / size)

    def chances(members: Ints, labels: Ints) -> NDArray[np.float64]:
        return 0.5 + gap / 2 - gap * (members[:, column] == 0)

    title = f"{rows:,} rows, a gap of {gap:.3f} planted among {GROUPS[column]} groups"
    return Population(title=title, rows=rows, chances=chances, planted=column)


POPULATIONS = (
    Population(title="1,000 rows, no gap", rows=1000, chances=even),
    Population(title="10,000 rows, no gap", rows=10_000, chances=even),
    Population(title="2,000 rows, no gap, few positives", rows=2000, chances=rare, base=0.2),
    Population(title="2,000 rows, every gap at its limit", rows=2000, chances=at_the_limit),
    Population(title="20,000 rows, every gap at its limit", rows=20_000, chances=at_the_limit),
    *(planted(column, rows) for column in range(3) for rows in (2000, 20_000)),
)


def audit(tables: list[pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    """The p-value of each question of the section: columns column, name, truth, p."""
    lines = []
    for column, counts in enumerate(tables):
        asked = [(name, "difference", MAX_DIFFERENCE) for name in DISPARITIES]
        for name, comparison, limit in [*asked, ("demographic_parity", "ratio", MIN_RATIO)]:
            found = disparity(
                counts, name, comparison=comparison, rng=rng, draws=DRAWS, min_group_size=10
            )
            lines.append((column, name, comparison, found.beyond(limit)))
    return pd.DataFrame(lines, columns=["column", "name", "comparison", "p"])


def simulate(population: Population, audits: int) -> dict[str, float]:
    """Shares of audits with some failure alone, after Holm, after BH; and of the planted one."""
    rng = np.random.default_rng([crc32(population.title.encode()), 0])
    seen = []
    for _ in range(audits):
        found = audit(population.tables(rng), rng)
        p = found["p"].to_numpy()
        held = {"alone": p, "Holm": holm(p), "Benjamini-Hochberg": benjamini_hochberg(p)}
        sought = np.ones(len(p), bool)
        if population.planted is not None:
            sought = (found["column"] == population.planted).to_numpy()
            sought = sought & (found["name"] == "demographic_parity").to_numpy()
            sought = sought & (found["comparison"] == "difference").to_numpy()
        seen.append({name: bool((one[sought] < ALLOWED).any()) for name, one in held.items()})
    return pd.DataFrame(seen).mean().to_dict()


def table(audits: int, populations: tuple[Population, ...] = POPULATIONS) -> pd.DataFrame:
    """A line for each population: what is found alone, after Holm, after BH, and what was asked."""
    lines = []
    for population in populations:
        shares = simulate(population, audits)
        asked = "at least 95%" if population.planted is not None else "at most 5%"
        lines.append({"population": population.title, **shares, "asked of Holm": asked})
    return pd.DataFrame(lines)


def missed(shares: pd.DataFrame, audits: int) -> list[str]:
    """What falls short by more than two standard errors of the simulation."""
    slack = 2 * (ALLOWED * (1 - ALLOWED) / audits) ** 0.5
    wrong = [
        line["population"]
        for _, line in shares.iterrows()
        if (
            line["Holm"] < 1 - ALLOWED - slack
            if "least" in line["asked of Holm"]
            else line["Holm"] > ALLOWED + slack
        )
    ]
    return [f"missed: {one}" for one in wrong]


def main() -> int:
    """Simulate, print, write unless --quick; 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer audits; nothing is written")
    parser.add_argument("--audits", type=int, default=500, help="audits a population")
    options = parser.parse_args()
    audits = 20 if options.quick else options.audits
    shares = table(audits)
    short = missed(shares, audits)
    shown = shares.copy()
    for name in ("alone", "Holm", "Benjamini-Hochberg"):
        shown[name] = shares[name].map("{:.1%}".format)
    text = f"{audits:,} audits of each population; the share with some failure, or with the one "
    text += f"that was planted.\n\n{markdown(shown)}\n\n"
    text += "; ".join(short) if short else "Every promise is kept."
    print(text)
    if not options.quick:
        write_between(PAGE, "audits", text)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
