"""Draw tables from a known population, let the library judge them, count how often it is right."""

import sys
from collections.abc import Sequence
from multiprocessing import Pool
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from auditkit.bias.bootstrap import draw, max_t, tukey
from auditkit.bias.disparity import Comparison, disparity
from auditkit.bias.pairs import Contest, compare
from auditkit.statistics.intervals import Bounds, rate_interval, z_of
from benchmarks.populations import LIMITS, Setting

CHUNK = 50  # tables a job; each job has its own seed
CONTRAST = 4  # what others do is shown on the tables of every fourth job
DRAWS = 500  # bootstrap draws a table
Z = z_of(0.95)
SLACK = 1e-12
ALTERNATIVES = (
    "max-T alone",
    "max-T, at least 1.96",
    "Tukey alone",
    "the larger of max-T and Tukey: in use",
)
COMPARISONS: tuple[Comparison, ...] = ("difference", "ratio")


def simulate(settings: Sequence[Setting], tables: int, processes: int) -> pd.DataFrame:
    """Shares of tables judged so or so: a line for each comparison and setting."""
    jobs = [(setting, number) for setting in settings for number in range(tables // CHUNK)]
    found: dict[tuple[str, Setting], list[pd.DataFrame]] = {}
    with Pool(processes) as pool:
        for done, (setting, frames) in enumerate(pool.imap(_chunk, jobs), start=1):
            for comparison, frame in frames.items():
                found.setdefault((comparison, setting), []).append(frame)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(jobs)} jobs", end="", file=sys.stderr)
    return pd.DataFrame(
        [
            {
                "comparison": comparison,
                "population": setting.title,
                "true": setting.gap(comparison),
                "excess": setting.excess(comparison),
                **pd.concat(frames).mean(),
            }
            for (comparison, setting), frames in found.items()
        ]
    )


def _chunk(job: tuple[Setting, int]) -> tuple[Setting, dict[str, pd.DataFrame]]:
    """CHUNK tables of one setting, judged."""
    setting, number = job
    rng = np.random.default_rng([crc32(setting.title.encode()), number])
    tables = [setting.table(rng) for _ in range(CHUNK)]
    frames = {}
    for comparison in COMPARISONS:
        lines = [_judged(setting, comparison, table, rng) for table in tables]
        if number % CONTRAST == 0:
            others = [_contrast(setting, comparison, table, rng) for table in tables]
            lines = [line | other for line, other in zip(lines, others, strict=True)]
        frames[comparison] = pd.DataFrame(lines, dtype=float)
    return setting, frames


def _judged(
    setting: Setting, comparison: Comparison, counts: pd.DataFrame, rng: np.random.Generator
) -> dict[str, float]:
    """What the library says of one table, against the truth."""
    found = disparity(counts, setting.name, comparison=comparison, rng=rng, draws=DRAWS)
    estimate, limit, gap = found.estimate, LIMITS[comparison], setting.gap(comparison)
    if not estimate.defined:  # it claims nothing, so nothing it claims is wrong
        return {"all pairs": 1, "gap": 1, "failed": 0, "passed": 0}
    if comparison == "difference":
        failed, passed = estimate.low > limit, estimate.high <= limit
    else:
        failed, passed = estimate.high < limit, estimate.low >= limit
    return {
        "all pairs": _hold(setting, _contests(setting, counts), comparison, found.critical),
        "gap": estimate.low - SLACK <= gap <= estimate.high + SLACK,
        "failed": failed,
        "passed": passed,
    }


def _contrast(
    setting: Setting, comparison: Comparison, counts: pd.DataFrame, rng: np.random.Generator
) -> dict[str, float]:
    """The plain percentile interval, and other critical values that might have been used."""
    contests, limit, gap = _contests(setting, counts), LIMITS[comparison], setting.gap(comparison)
    if comparison == "ratio" and not all(one.hits.any() for one in contests):
        return {}
    drawn = draw(counts, DRAWS, rng)
    low, high = _percentile(contests, drawn, comparison)
    return {
        "percentile": low - SLACK <= gap <= high + SLACK,
        "percentile failed": low > limit if comparison == "difference" else high < limit,
        **{
            name: _hold(setting, contests, comparison, critical)
            for name, critical in _alternatives(contests, drawn, comparison).items()
        },
    }


def _contests(setting: Setting, counts: pd.DataFrame) -> list[Contest]:
    return [Contest.of(counts, rate) for rate in setting.truth]


def _alternatives(
    contests: Sequence[Contest], drawn: NDArray[np.int64], comparison: Comparison
) -> dict[str, float]:
    """The critical value in use, last, and others that might have been."""
    largest = np.max([max_t(one, drawn, comparison) for one in contests], axis=0)
    measured = float(np.quantile(largest, 0.95, method="higher"))
    floor = tukey(tuple(len(one.n) for one in contests), 0.95)
    values = (measured, max(measured, Z), floor, max(measured, floor))
    return dict(zip(ALTERNATIVES, values, strict=True))


def _hold(
    setting: Setting, contests: Sequence[Contest], comparison: Comparison, critical: float
) -> bool:
    """Whether every pair's interval contains its true value."""
    for contest in contests:
        pairs, rate = compare(contest, comparison, critical), setting.truth[contest.name]
        first, second = rate[pairs.first], rate[pairs.second]
        true = first - second if comparison == "difference" else second / first
        if not ((pairs.low <= true + SLACK) & (true <= pairs.high + SLACK)).all():
            return False
    return True


def _percentile(
    contests: Sequence[Contest], drawn: NDArray[np.int64], comparison: Comparison
) -> tuple[float, float]:
    """The plain percentile interval of the extreme gap over bootstrap draws, as contrast."""
    gaps = []
    for contest in contests:
        hits = drawn[..., contest.rate.numerator_cells].sum(axis=2)
        n = drawn[..., contest.rate.denominator_cells].sum(axis=2)
        rate = hits / np.maximum(n, 1)
        highest, lowest = rate.max(axis=1), rate.min(axis=1)
        ratio = lowest / np.where(highest > 0, highest, 1)
        gaps.append(highest - lowest if comparison == "difference" else ratio)
    worst = np.max(gaps, axis=0) if comparison == "difference" else np.min(gaps, axis=0)
    low, high = np.quantile(worst, (0.025, 0.975))
    return float(low), float(high)


def single_rates(sizes: Sequence[int], samples: int) -> pd.DataFrame:
    """Coverage of one rate's interval: exact, simulated, and plain Wilson's as contrast."""
    lines = []
    for n in sizes:
        x = np.arange(n + 1)
        low, high = rate_interval(x, n)
        mean, least = exact_coverage(n, (low, high))
        rng = np.random.default_rng([crc32(b"single rates"), n])
        p = rng.random(samples)
        drawn = rng.binomial(n, p)
        simulated = float(np.mean((low[drawn] <= p) & (p <= high[drawn])))
        plain = exact_coverage(n, _wilson(x, n))
        lines.append((n, mean, least, simulated, *plain))
    columns = ["n", "mean", "least", "simulated", "Wilson mean", "Wilson least"]
    return pd.DataFrame(lines, columns=columns)


def exact_coverage(n: int, bounds: Bounds) -> tuple[float, float]:
    """Mean coverage over a grid of 2,000 p, and the least at any p, given the limits of 0..n.

    Coverage jumps where p crosses a limit and is smooth between: its least value stands beside a
    limit, or at a grid point.
    """
    low, high = bounds
    grid = (np.arange(2000) + 0.5) / 2000
    limits = np.concatenate([low, high])
    edges = np.concatenate([limits - 1e-9, limits + 1e-9, grid])
    edges = edges[(edges > 0) & (edges < 1)]

    def coverage(p: NDArray[np.float64]) -> NDArray[np.float64]:
        first = np.searchsorted(high, p, side="left")
        last = np.searchsorted(low, p, side="right") - 1
        return np.asarray(binom.cdf(last, n, p) - binom.cdf(first - 1, n, p))

    return float(coverage(grid).mean()), float(coverage(edges).min())


def _wilson(x: NDArray[np.int64], n: int) -> Bounds:
    """Wilson 1927 as published."""
    p = x / n
    spread = Z * np.sqrt(p * (1 - p) / n + (Z / (2 * n)) ** 2)
    middle = p + Z * Z / (2 * n)
    return (middle - spread) / (1 + Z * Z / n), (middle + spread) / (1 + Z * Z / n)
