"""Are slices found on noise refused, planted ones found, and do their intervals hold?

    python -m benchmarks.coverage_subgroups           minutes; rewrites docs/methods-subgroups.md
    python -m benchmarks.coverage_subgroups --quick   few tables, printed only

Ends with status 1 where a target is missed. Each population seeds its own tables.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.subgroups.search import Subgroups, find_subgroups
from benchmarks.coverage import markdown, write_between

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-subgroups.md"
PROMISED, WRONG, SEEN = 0.94, 0.05, 0.9
LEVELS = (2, 2, 3, 5, 8, 12)  # of columns of levels; four of numbers stand beside them
FIFTH = 0.2
SLACK = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Population:
    """Rows with ten columns and a loss; in a slice of two conditions it is `worse` on average.

    share is the slice's share of the rows, base the mean loss elsewhere. number says that losses
    are no errors of 0 or 1 but lognormal. each is how many rows a person has, whose rows are
    alike in all columns but two, and in their losses. seen is how often a planted slice must be
    found and confirmed.
    """

    rows: int
    worse: float = 0.0
    share: float = 0.05
    base: float = 0.1
    number: bool = False
    each: int = 1
    seen: float = SEEN

    @property
    def title(self) -> str:
        """The population in a few words."""
        kind = "numbers" if self.number else f"{100 * self.base:g} % wrong"
        people = f", {self.each} a person" if self.each > 1 else ""
        more = f"{self.worse:g}" if self.number else f"{100 * self.worse:g} points"
        planted = f"{100 * self.share:g} % of them {more} worse" if self.worse else "noise"
        return f"{self.rows:,} rows{people}, {kind}: {planted}"

    def table(self, rng: np.random.Generator) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """The columns of a sample, and who is in the planted slice."""
        people = self.rows // self.each
        within = np.repeat(np.arange(people), self.each)
        frame = pd.DataFrame({"kind": rng.random(people) < self.share / FIFTH}).astype(str)
        for place, levels in enumerate(LEVELS):
            odds = rng.dirichlet(np.full(levels, 3.0))
            frame[f"level {place}"] = rng.choice(levels, people, p=odds).astype(str)
        age = rng.random(people)
        frame["age"], frame["years"] = age, age + rng.random(people)
        frame = frame.iloc[within].reset_index(drop=True)
        frame["hours"], frame["gain"] = rng.random(self.rows), rng.exponential(size=self.rows)
        planted = (frame["kind"] == "True") & (frame["age"] < FIFTH)
        return frame, planted.to_numpy()

    def loss(self, mean: Floats, rng: np.random.Generator) -> Floats:
        """Losses with these means. Persons differ: a tenth of the variance is theirs."""
        people = len(mean) // self.each
        if not self.number:
            p = mean if self.each == 1 else self._persons(mean, rng)
            return (rng.random(len(mean)) < p).astype(float)
        noise = np.exp(rng.normal(size=len(mean)))
        own = np.repeat(rng.normal(scale=0.7, size=people), self.each) if self.each > 1 else 0.0
        return np.asarray(mean + noise + own)

    def _persons(self, mean: Floats, rng: np.random.Generator) -> Floats:
        first = mean[:: self.each]
        return np.repeat(rng.beta(9 * first, 9 * (1 - first)), self.each)


POPULATIONS = (
    Population(rows=2000),
    Population(rows=8000),
    Population(rows=4000, base=0.02),
    Population(rows=4000, base=0.4),
    Population(rows=4000, number=True),
    Population(rows=4000, each=20),
    Population(rows=4000, each=20, number=True),
    Population(rows=8000, worse=0.2),
    Population(rows=4000, worse=0.2, share=0.1),
    Population(rows=8000, worse=1.0, number=True),
    Population(rows=8000, worse=0.4, each=20),
    # What is said to be detectable, and less.
    Population(rows=4000, worse=0.2, seen=0.8),
    Population(rows=2000, worse=0.2, seen=0.0),
)
QUICK = (Population(rows=2000), Population(rows=8000, worse=0.2))


def simulate(population: Population, tables: int) -> dict[str, float]:
    """Shares of tables, and of slices, judged so or so."""
    rng = np.random.default_rng(crc32(population.title.encode()))
    lines, tested = [], []
    for _ in range(tables):
        frame, planted = population.table(rng)
        mean = population.base + population.worse * planted
        loss = population.loss(mean, rng)
        people = np.arange(len(frame)) // population.each if population.each > 1 else None
        found = find_subgroups(frame, loss, rng=rng, groups=people)
        slices = _against(found, mean, loss)
        sizes = [np.mean(one & planted) / max(np.mean(one | planted), 1e-9) for one in found.rows]
        hit = slices["confirmed"] & (np.array(sizes) >= 0.5)
        lines.append(
            {
                "carried": len(slices),
                "any": bool(slices["confirmed"].any()),
                "false": bool((slices["confirmed"] & (slices["true"] <= SLACK)).any()),
                "found": bool(hit.any()),
                "all hold": bool(slices["holds"].all()),
                "share": _at(found, population.share),
            }
        )
        tested.append(slices)
    every = pd.concat(tested)
    sure = every[every["confirmed"]]
    return {
        **pd.DataFrame(lines).mean(),
        "slices": len(sure),
        "confirmed hold": sure["holds"].mean() if len(sure) else np.nan,
        "searched": every["searched"].mean(),
        "kept": every["difference"].mean(),
        "true": every["true"].mean(),
    }


def _at(found: Subgroups, share: float) -> float:
    table = found.detectable
    return float(table.loc[np.isclose(table["share"], share), "difference"].mean())


def _against(found: Subgroups, mean: Floats, loss: Floats) -> pd.DataFrame:
    """The slices with the true difference among the confirming rows, and that of the others."""
    inside, others = found.rows & found.confirming, ~found.rows & found.confirming
    slices = found.slices.copy()
    slices["true"] = _means(inside, mean) - _means(others, mean)
    searched = ~found.confirming
    slices["searched"] = _means(found.rows & searched, loss) - _means(~found.rows & searched, loss)
    slices["holds"] = (slices["low"] <= slices["true"] + SLACK) & (
        slices["true"] <= slices["high"] + SLACK
    )
    return slices


def _means(rows: NDArray[np.bool_], values: Floats) -> Floats:
    return np.asarray(rows @ values / np.maximum(rows.sum(axis=1), 1))


def missed_targets(found: dict[Population, dict[str, float]], tables: int) -> list[str]:
    """What falls short of the targets, one sentence each."""
    missed = []
    for one, share in found.items():
        slack = 2 * (PROMISED * (1 - PROMISED) / tables) ** 0.5
        if share["all hold"] < PROMISED - slack:
            missed.append(f"{one.title}: all intervals hold in {share['all hold']:.1%}")
        few = 2 * (PROMISED * (1 - PROMISED) / max(share["slices"], 1)) ** 0.5
        if one.worse and share["confirmed hold"] < PROMISED - few:
            missed.append(f"{one.title}: confirmed intervals hold in {share['confirmed hold']:.1%}")
        if share["false"] > WRONG + 2 * (WRONG * (1 - WRONG) / tables) ** 0.5:
            missed.append(f"{one.title}: a false slice is confirmed in {share['false']:.1%}")
        if one.worse and share["found"] < one.seen:
            missed.append(f"{one.title}: the planted slice is found in {share['found']:.1%}")
    return missed


def page(found: dict[Population, dict[str, float]], missed: list[str]) -> str:
    """The tables of the documentation."""
    noise = [one for one in found if not one.worse]
    lines = [
        {
            "population": one.title,
            "carried over": f"{found[one]['carried']:.1f}",
            "difference where found": _number(one, found[one]["searched"]),
            "where confirmed": _number(one, found[one]["kept"]),
            "some slice confirmed": f"{found[one]['any']:.1%}",
            "all intervals hold": f"{found[one]['all hold']:.1%}",
        }
        for one in noise
    ]
    planted = [
        {
            "population": one.title,
            "found and confirmed": f"{found[one]['found']:.1%}",
            "detectable": _number(one, found[one]["share"]),
            "false slice confirmed": f"{found[one]['false']:.1%}",
            "difference where found": _number(one, found[one]["searched"]),
            "where confirmed": _number(one, found[one]["kept"]),
            "true": _number(one, found[one]["true"]),
            "intervals of the confirmed hold": f"{found[one]['confirmed hold']:.1%}",
            "all intervals hold": f"{found[one]['all hold']:.1%}",
        }
        for one in found
        if one.worse
    ]
    parts = [markdown(pd.DataFrame(part)) for part in (lines, planted) if part]
    end = "Missed: " + "; ".join(missed) + "." if missed else "Every target is met."
    return "\n\n".join([*parts, end])


def _number(population: Population, value: float) -> str:
    return f"{value:.2f}" if population.number else f"{100 * value:.1f} points"


def main() -> int:
    """Simulate, print, write unless --quick; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer tables; nothing is written")
    parser.add_argument("--tables", type=int, default=300, help="tables a population")
    options = parser.parse_args()
    populations, tables = (QUICK, 40) if options.quick else (POPULATIONS, options.tables)
    found = {}
    for one in populations:
        found[one] = simulate(one, tables)
        print(one.title, {name: round(value, 4) for name, value in found[one].items()}, flush=True)
    missed = missed_targets(found, tables)
    text = page(found, missed)
    print(text)
    if not options.quick:
        write_between(PAGE, "slices", text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
