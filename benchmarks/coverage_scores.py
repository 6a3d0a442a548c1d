"""Do the intervals of scores by group hold, and are their tests as rare as they say?

    python -m benchmarks.coverage_scores            minutes; rewrites docs/methods-scores.md
    python -m benchmarks.coverage_scores --quick    a few settings in seconds, printed only

Ends with status 1 where a target is missed. Each setting seeds its own tables.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.contrast import Contrast
from auditkit.bias.scores.abroca import abroca
from auditkit.bias.scores.group_calibration import group_calibration
from auditkit.bias.scores.score_auc import auc_gap
from auditkit.bias.scores.score_counts import ScoreCounts, score_counts
from auditkit.bias.scores.thresholds import threshold_sweep
from benchmarks.coverage import PROMISED, markdown, write_between

Floats = NDArray[np.float64]
Line = dict[str, float]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-scores.md"
DRAWS = 200  # bootstrap and permutation draws a table
SLACK = 1e-12
GRID = (np.arange(20_000) + 0.5) / 20_000
RARE = 0.05


@dataclass(frozen=True, kw_only=True)
class Normal:
    """Groups whose negatives score N(0, 1), the positives N(shift, spread)."""

    sizes: tuple[int, ...]
    shifts: tuple[float, ...]
    spreads: tuple[float, ...] = ()
    base: float = 0.3

    @property
    def spread(self) -> Floats:
        """Of the positives of each group."""
        return np.array(self.spreads or (1.0,) * len(self.sizes))

    @property
    def title(self) -> str:
        """Rows of each group, the shifts, and what else is unusual."""
        other = f"; spreads {_said(self.spreads)}" if self.spreads else ""
        return (
            f"{_said(self.sizes)} rows, {self.base:g} positive; shifts {_said(self.shifts)}{other}"
        )

    def counts(self, rng: np.random.Generator) -> ScoreCounts:
        """One table."""
        group = np.repeat(np.arange(len(self.sizes)), self.sizes)
        y = rng.random(len(group)) < self.base
        score = rng.normal(size=len(group))
        score = np.where(y, np.array(self.shifts)[group] + self.spread[group] * score, score)
        return score_counts(y, score, group)

    def true_aucs(self) -> Floats:
        """Of each group."""
        return np.asarray(norm.cdf(np.array(self.shifts) / np.sqrt(1 + self.spread**2)))

    @cache  # noqa: B019 - there are a handful of settings
    def true_areas(self) -> Floats:
        """Between the curve of each group and of the rest; all have the same negatives."""
        cut = norm.isf(GRID)
        rates = [
            norm.sf((cut - shift) / spread)
            for shift, spread in zip(self.shifts, self.spread, strict=True)
        ]
        weight, areas = np.array(self.sizes, float), []
        for place, own in enumerate(rates):
            rest = np.delete(weight, place)
            others = np.average(np.delete(rates, place, axis=0), axis=0, weights=rest)
            areas.append(float(np.abs(own - others).mean()))
        return np.array(areas)

    def true_rates(self, threshold: float) -> Floats:
        """True positive rates at a threshold."""
        return np.asarray(norm.sf((threshold - np.array(self.shifts)) / self.spread))


@dataclass(frozen=True, kw_only=True)
class Promised:
    """Chances from a beta law, scores off by so much in each group."""

    sizes: tuple[int, ...]
    beta: tuple[float, float]
    off: tuple[float, ...]

    @property
    def title(self) -> str:
        """Rows of each group, the law of the chances, the faults."""
        law = f"beta({self.beta[0]:g}, {self.beta[1]:g})"
        return f"{_said(self.sizes)} rows; chances {law}; off by {_said(self.off)}"

    def counts(self, rng: np.random.Generator) -> ScoreCounts:
        """One table."""
        group = np.repeat(np.arange(len(self.sizes)), self.sizes)
        chance = rng.beta(*self.beta, len(group))
        y = rng.random(len(group)) < chance
        return score_counts(y, np.clip(chance + np.array(self.off)[group], 0, 1), group)

    @cache  # noqa: B019 - there are a handful of settings
    def true_excess(self) -> Floats:
        """Mean score minus chance by group; scores are held within 0 and 1."""
        chance = np.random.default_rng(0).beta(*self.beta, 1_000_000)
        return np.array([float((np.clip(chance + one, 0, 1) - chance).mean()) for one in self.off])


@dataclass(frozen=True, kw_only=True)
class People(Normal):
    """The same laws, but sizes count people with up to `rows` rows each, whose rows are alike.

    A person's scores share a part `alike` of their variance, and outcomes are alike as well.
    """

    rows: int = 10
    alike: float = 0.5

    @property
    def title(self) -> str:
        """People of each group, and the rest."""
        ordered = super().title.replace(" rows", " people", 1)
        return f"{ordered}; up to {self.rows} rows each, {self.alike:g} shared"

    def counts(self, rng: np.random.Generator) -> ScoreCounts:
        """One table."""
        group, person = _people(self.sizes, self.rows, rng)
        inclined = rng.beta(4 * self.base, 4 * (1 - self.base), person[-1] + 1)[person]
        y = rng.random(len(group)) < inclined
        score = _shared(person, self.alike, rng) + np.array(self.shifts)[group] * y
        return score_counts(y, score, group, clusters=person)


@dataclass(frozen=True, kw_only=True)
class PromisedPeople(Promised):
    """The same of people: what comes true of one of a person's rows tends to of the others."""

    rows: int = 10
    alike: float = 0.5

    @property
    def title(self) -> str:
        """People of each group, and the rest."""
        promised = super().title.replace(" rows", " people", 1)
        return f"{promised}; up to {self.rows} rows each, {self.alike:g} shared"

    def counts(self, rng: np.random.Generator) -> ScoreCounts:
        """One table."""
        group, person = _people(self.sizes, self.rows, rng)
        chance = rng.beta(*self.beta, len(group))
        y = norm.cdf(_shared(person, self.alike, rng)) < chance
        scores = np.clip(chance + np.array(self.off)[group], 0, 1)
        return score_counts(y, scores, group, clusters=person)


def _people(
    sizes: Sequence[int], rows: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each row's group and person: a person has 1 to `rows` rows."""
    person = np.repeat(np.arange(sum(sizes)), rng.integers(1, rows + 1, sum(sizes)))
    return np.repeat(np.arange(len(sizes)), sizes)[person], person


def _shared(person: NDArray[np.int64], alike: float, rng: np.random.Generator) -> Floats:
    """Standard normal, a part `alike` of the variance the person's."""
    own = rng.normal(size=person[-1] + 1)[person]
    return np.asarray(np.sqrt(alike) * own + np.sqrt(1 - alike) * rng.normal(size=len(person)))


ORDERED = (
    Normal(sizes=(40, 40), shifts=(1, 1), base=0.5),
    Normal(sizes=(100, 100), shifts=(2.5, 2.5)),
    Normal(sizes=(60, 2000), shifts=(1, 1)),
    Normal(sizes=(150,) * 8, shifts=(1,) * 8),
    Normal(sizes=(60, 60, 300, 1500), shifts=(0.5, 1.5, 1, 1)),
    Normal(sizes=(1000, 1000), shifts=(0.5, 1.2)),
    Normal(sizes=(300,) * 5, shifts=(3, 3, 2, 2, 1.5), base=0.1),
)
CURVES = (
    Normal(sizes=(100, 100), shifts=(1, 1)),
    Normal(sizes=(60, 1000), shifts=(1, 1)),
    Normal(sizes=(60, 1000), shifts=(0.6, 1)),
    Normal(sizes=(500, 500), shifts=(0.8, 1.1)),
    Normal(sizes=(1000, 1000), shifts=(1, 1), spreads=(0.6, 1.6)),
    Normal(sizes=(80, 80), shifts=(2.5, 2)),
    Normal(sizes=(300,) * 4, shifts=(1, 1, 1, 0.5)),
)
PROMISES = (
    Promised(sizes=(20, 20), beta=(1, 1), off=(0, 0)),
    Promised(sizes=(20, 20), beta=(1, 30), off=(0, 0)),
    Promised(sizes=(50, 1000), beta=(1, 9), off=(0, 0.1)),
    Promised(sizes=(100,) * 8, beta=(2, 4), off=(0,) * 8),
    Promised(sizes=(50, 50, 200, 1000, 5000), beta=(1, 19), off=(0, 0.05, 0, 0.05, 0)),
    Promised(sizes=(500,) * 5, beta=(0.2, 0.8), off=(0, 0.1, 0, 0, 0.1)),
)
ORDERED_PEOPLE = (
    People(sizes=(20, 20), shifts=(1, 1)),
    People(sizes=(15, 100), shifts=(1, 1), rows=20),
    People(sizes=(40,) * 4, shifts=(1,) * 4, alike=0.8),
    People(sizes=(60, 100), shifts=(0.5, 1.2)),
)
CURVES_PEOPLE = (
    People(sizes=(20, 40), shifts=(1, 1)),
    People(sizes=(40,) * 3, shifts=(1,) * 3, alike=0.8),
    People(sizes=(60, 100), shifts=(0.5, 1.2)),
)
PROMISES_PEOPLE = (
    PromisedPeople(sizes=(20, 20), beta=(1, 1), off=(0, 0)),
    PromisedPeople(sizes=(15, 100), beta=(1, 9), off=(0, 0), rows=20),
    PromisedPeople(sizes=(40,) * 4, beta=(2, 4), off=(0,) * 4, alike=0.8),
    PromisedPeople(sizes=(60, 100), beta=(2, 4), off=(0, 0.1)),
)
SWEPT = (ORDERED[0], ORDERED[3], ORDERED[4], ORDERED[6])


def aucs(setting: Normal, rng: np.random.Generator) -> Line:
    """One table's AUC intervals against the truth."""
    counts = setting.counts(rng)
    found = auc_gap(counts, rng=rng, draws=DRAWS, min_group_size=1)
    line = _held(found, setting.true_aucs())
    if counts.parts is not None:
        alone = auc_gap(replace(counts, parts=None), rng=rng, draws=DRAWS, min_group_size=1)
        line |= {"by row": _held(alone, setting.true_aucs())["all pairs hold"]}
    return line


def promises(setting: Promised, rng: np.random.Generator) -> Line:
    """One table's calibration in the large against the truth."""
    counts = setting.counts(rng)
    found = group_calibration(counts, rng=rng, draws=DRAWS, error_draws=1, bins=2)
    line = _held(found.gap, setting.true_excess())
    if counts.parts is not None:
        alone = replace(counts, parts=None)
        by_row = group_calibration(alone, rng=rng, draws=DRAWS, error_draws=1, bins=2).gap
        line |= {"by row": _held(by_row, setting.true_excess())["all pairs hold"]}
    return line


def areas(setting: Normal, rng: np.random.Generator) -> Line:
    """One table's areas between curves against the truth."""
    found = abroca(setting.counts(rng), rng=rng, draws=DRAWS, min_group_size=1)
    truth = setting.true_areas()[: len(found.groups)]
    low, high = (found.groups[one].to_numpy() for one in ("low", "high"))
    return {
        "true": float(truth.max()),
        "seen on average": found.estimate.value,
        "all intervals hold": bool(np.all((low <= truth) & (truth <= high))),
        "p at most .05": found.null.p_value <= RARE,
    }


def bands(setting: Normal, rng: np.random.Generator) -> Line:
    """One table's band of the true positive rate's gap, at four thresholds."""
    counts, held = setting.counts(rng), []
    for threshold in (-0.5, 0.5, 1.0, 2.0):
        sweep = threshold_sweep(
            counts, rng=rng, points=2, include=threshold, draws=1, min_group_size=1
        )["true_positive_rate"]
        gap = sweep.at(threshold).estimate
        truth = np.ptp(setting.true_rates(threshold))
        held.append(gap.low - SLACK <= truth <= gap.high + SLACK)
    return {"band holds": float(np.mean(held))}


def _held(found: Contrast, truth: Floats) -> Line:
    """What a contrast claims, against the truth of each group."""
    low, high = (found.groups[one].to_numpy() for one in ("low", "high"))
    place = {name: i for i, name in enumerate(found.groups.index)}
    pairs = found.pairs
    apart = np.array(
        [
            truth[place[a]] - truth[place[b]]
            for a, b in zip(pairs["first"], pairs["second"], strict=True)
        ]
    )
    gap = float(np.ptp(truth))
    return {
        "true": gap,
        "own interval holds": float(np.mean((low <= truth) & (truth <= high))),
        "all pairs hold": bool(
            np.all((pairs["low"] - SLACK <= apart) & (apart <= pairs["high"] + SLACK))
        ),
        "gap's interval holds": found.estimate.low - SLACK <= gap <= found.estimate.high + SLACK,
        "p at most .05": found.null.p_value <= RARE,
    }


@dataclass(frozen=True, kw_only=True)
class Part:
    """A table of the page: what is simulated, how often, and how it is said."""

    title: str
    text: str
    settings: Sequence[Normal | Promised]
    measure: Callable[..., Line]
    tables: int


PARTS = (
    Part(
        title="AUC by group",
        text="Normal scores; shifts are how far positives lie above negatives.",
        settings=ORDERED,
        measure=aucs,
        tables=600,
    ),
    Part(
        title="Area between ROC curves",
        text="Of two groups one comparison, of more all at once; the true area is the largest.",
        settings=CURVES,
        measure=areas,
        tables=300,
    ),
    Part(
        title="Calibration in the large by group",
        text="True chances from a beta law; scores are these, and off by so much in each group.",
        settings=PROMISES,
        measure=promises,
        tables=600,
    ),
    Part(
        title="AUC by group, rows of one person",
        text="A person's scores and outcomes are alike; *by row* is what would hold if rows were "
        "taken to stand for themselves.",
        settings=ORDERED_PEOPLE,
        measure=aucs,
        tables=600,
    ),
    Part(
        title="Area between ROC curves, rows of one person",
        text="The same people.",
        settings=CURVES_PEOPLE,
        measure=areas,
        tables=300,
    ),
    Part(
        title="Calibration in the large by group, rows of one person",
        text="What comes true is alike within a person.",
        settings=PROMISES_PEOPLE,
        measure=promises,
        tables=600,
    ),
    Part(
        title="Band of a threshold sweep",
        text="Mean over the thresholds -.5, .5, 1 and 2 of the gap of true positive rates.",
        settings=SWEPT,
        measure=bands,
        tables=1000,
    ),
)


def simulate(part: Part, settings: Sequence[Normal | Promised], tables: int) -> pd.DataFrame:
    """A line for each setting: means over its tables."""
    lines = []
    for setting in settings:
        rng = np.random.default_rng(crc32(f"{part.title} {setting.title}".encode()))
        frame = pd.DataFrame([part.measure(setting, rng) for _ in range(tables)], dtype=float)
        lines.append({"setting": setting.title, **frame.mean()})
        print(f"{part.title}: {setting.title}", file=sys.stderr)
    return pd.DataFrame(lines)


def missed_targets(part: Part, shares: pd.DataFrame, tables: int) -> list[str]:
    """What falls short: coverage, less two standard errors; tests that fire without a gap."""
    below = 2 * (PROMISED * (1 - PROMISED) / tables) ** 0.5
    above = 2 * (RARE * (1 - RARE) / tables) ** 0.5
    missed = []
    for _, line in shares.iterrows():
        for kind in [one for one in shares.columns if "hold" in one]:
            if line[kind] < PROMISED - below:
                missed.append(f"{part.title}, {line['setting']}: {kind} in {line[kind]:.1%}")
        fires = line.get("p at most .05", 0.0)
        if line.get("true", 1.0) == 0 and fires > RARE + above:
            missed.append(f"{part.title}, {line['setting']}: p at most .05 in {fires:.1%}")
    return missed


def _table(shares: pd.DataFrame) -> str:
    shown = shares[["setting"]].copy()
    for one in shares.columns[1:]:
        numbers = one in ("true", "seen on average")
        shown[one] = shares[one].map("{:.3f}".format if numbers else "{:.1%}".format)
    return markdown(shown)


def _said(values: Sequence[float]) -> str:
    if len(set(values)) == 1 and len(values) > 1:
        return f"{len(values)} × {values[0]:g}"
    return " ".join(f"{one:g}" for one in values)


def main() -> int:
    """Simulate, print, write unless --quick; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few tables; nothing is written")
    options = parser.parse_args()
    text, missed = [], []
    for part in PARTS:
        settings, tables = (
            (part.settings[:2], 60) if options.quick else (part.settings, part.tables)
        )
        shares = simulate(part, settings, tables)
        missed += missed_targets(part, shares, tables)
        text += [f"### {part.title}", "", f"{tables:,} tables a setting. {part.text}", ""]
        text += [_table(shares), ""]
    verdict = ["Targets missed:", "", *(f"- {one}" for one in missed)]
    text += verdict if missed else ["Every target is met."]
    print("\n".join(text))
    if not options.quick:
        write_between(PAGE, "scores", "\n".join(text))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
