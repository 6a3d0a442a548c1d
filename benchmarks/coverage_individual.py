"""Do the intervals of individual fairness hold? By simulation.

    python -m benchmarks.coverage_individual            four minutes of CPU time
    python -m benchmarks.coverage_individual --quick    a twentieth of the tables, printed only

Rewrites docs/methods-individual.md. Ends with status 1 where a target is missed. Each setting
seeds itself.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.individual.consistency import consistency, neighbours
from auditkit.bias.individual.inequality import BENEFITS, between, inequality
from auditkit.bias.individual.proxies import proxies, telling
from auditkit.bias.individual.scaling import binned
from auditkit.statistics.estimate import Estimate
from benchmarks.coverage import markdown, write_between

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-individual.md"
PROMISED = 0.94
SLACK = 1e-12
Setting = tuple[str, int, Callable[[np.random.Generator], tuple[Estimate, float]]]


def main() -> int:
    """Simulate, print, write unless --quick; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer tables; nothing is written")
    quick = parser.parse_args().quick
    parts, missed = [], []
    for title, settings in (
        ("Consistency among neighbours", consistencies()),
        ("Generalised entropy of all rows", indices()),
        ("The part between groups", parts_between()),
        ("AUC of proxies", aucs_of_proxies()),
    ):
        lines = [
            held(name, tables // 20 if quick else tables, draw) for name, tables, draw in settings
        ]
        parts += [f"### {title}", "", markdown(pd.DataFrame(lines).drop(columns="short")), ""]
        missed += [f"- {title}, {line['population']}" for line in lines if line["short"]]
    verdict = "\n".join(["Targets missed:", "", *missed]) if missed else "Every target is met."
    text = "\n".join([*parts, verdict])
    print(text)
    if not quick:
        write_between(PAGE, "coverage", text)
    return 1 if missed else 0


def held(
    name: str, tables: int, draw: Callable[[np.random.Generator], tuple[Estimate, float]]
) -> dict[str, object]:
    """How often the interval holds the truth: the one given, or the mean of what was seen."""
    rng = np.random.default_rng(crc32(name.encode()))
    seen = [draw(rng) for _ in range(tables)]
    value, low, high = np.array([(one.value, one.low, one.high) for one, _ in seen]).T
    truth = np.array([true for _, true in seen])
    truth = np.where(np.isnan(truth), np.nanmean(value), truth)
    share = float(np.mean((low - SLACK <= truth) & (truth <= high + SLACK)))
    error = 2 * (PROMISED * (1 - PROMISED) / tables) ** 0.5
    return {
        "population": name,
        "tables": f"{tables:,}",
        "true": f"{truth.mean():.3g}",
        "interval holds": f"{share:.1%}",
        "too low": f"{np.mean(high < truth - SLACK):.1%}",
        "too high": f"{np.mean(low > truth + SLACK):.1%}",
        "short": share < PROMISED - error,
    }


def consistencies() -> list[Setting]:
    """Answers that follow from the first of four features, with noise; the truth is their mean."""

    def drawn(n: int, most: int, cut: float, noise: float) -> Setting:
        def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
            points = rng.normal(size=(n, 4))
            answers = (points[:, 0] + noise * rng.normal(size=n) > cut).astype(float)
            return consistency(answers, neighbours(points, rng, most=most)), np.nan

        asked = f"{min(n, most):,} of {n:,} rows"
        kind = "nothing to do with likeness" if noise > 9 else f"noise {noise:g}"
        return f"{asked}, cut at {cut:g}, {kind}", 300, draw

    return [
        drawn(50, 2000, 0.0, 0.5),
        drawn(200, 2000, 0.0, 0.5),
        drawn(200, 2000, 2.0, 0.5),
        drawn(200, 2000, 0.0, 100.0),
        drawn(1000, 2000, 1.0, 0.0),
        drawn(1000, 250, 0.0, 0.5),
        drawn(1000, 250, 2.3, 0.5),
    ]


def indices() -> list[Setting]:
    """Shares of the benefits 0, 1, 2 in n rows; by both indices."""

    def drawn(n: int, shares: Sequence[float], alpha: float) -> Setting:
        truth = _index(np.array([shares]), np.ones(1), alpha, within=True)

        def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
            table = _table(rng.multinomial(n, shares)[None])
            found = inequality(table, alpha=alpha)
            return (found, truth) if found.defined else (_whole(found), truth)

        name = "Theil" if alpha == 1 else f"alpha {alpha:g}"
        return f"{n:,} rows, {', '.join(f'{one:g}' for one in shares)}, {name}", 2000, draw

    shares = [
        (20, (0.3, 0.5, 0.2)),
        (30, (0.1, 0.8, 0.1)),
        (200, (0.01, 0.98, 0.01)),
        (200, (0.1, 0.85, 0.05)),
        (2000, (0.05, 0.9, 0.05)),
        (2000, (0.002, 0.998, 0.0)),
    ]
    return [drawn(n, one, alpha) for n, one in shares for alpha in (2.0, 1.0)]


def parts_between() -> list[Setting]:
    """Groups of different sizes and errors."""

    def drawn(name: str, n: Sequence[int], shares: Sequence[Sequence[float]]) -> Setting:
        sizes, p = np.array(n), np.array(shares)
        truth = _index(p, sizes / sizes.sum(), 2.0, within=False)

        def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
            x = np.array([rng.multinomial(rows, one) for rows, one in zip(sizes, p, strict=True)])
            return between(_table(x), rng, draws=1).estimate, truth

        return name, 1000, draw

    few, some, many = (0.05, 0.9, 0.05), (0.1, 0.85, 0.05), (0.2, 0.75, 0.05)
    return [
        drawn("2 × 100, alike", [100] * 2, [some] * 2),
        drawn("8 × 100, alike", [100] * 8, [some] * 8),
        drawn("50 and 5,000, alike", [50, 5000], [few] * 2),
        drawn("2 × 500, apart", [500] * 2, [some, few]),
        drawn("5 × 1,000, two apart", [1000] * 5, [some] * 2 + [few] * 3),
        drawn("10 × 60, half apart", [60] * 10, [(0.02, 0.96, 0.02)] * 5 + [many] * 5),
        drawn("50 and 5,000, the small one apart", [50, 5000], [many, few]),
        drawn("200 and 5,000, the small one apart", [200, 5000], [many, few]),
    ]


def aucs_of_proxies() -> list[Setting]:
    """A hint that is the group in some rows, else any, beside noise."""

    def people(n: int, levels: str, right: float, rng: np.random.Generator) -> pd.DataFrame:
        group = rng.choice(list(levels), n)
        kept = rng.uniform(size=n) < right
        hint = np.where(kept, group, rng.choice(list(levels), n))
        return pd.DataFrame(
            {"group": group, "hint": hint, "noise": rng.normal(size=n), "other": rng.choice(9, n)}
        )

    def one(n: int, levels: str, right: float) -> Setting:
        def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
            frame = people(n, levels, right, rng)
            return telling(binned(frame[["hint"]])[0], frame["group"], rng), (1 + right) / 2

        name = f"{n:,} rows, {len(levels)} groups, one feature that is the group in {right:.0%}"
        return name, 1000, draw

    def whole(n: int, levels: str) -> Setting:
        def draw(rng: np.random.Generator) -> tuple[Estimate, float]:
            frame = people(n, levels, 0.0, rng)
            features = binned(frame.drop(columns="group"), ["other"])
            return proxies(features, frame["group"], rng).together, 0.5

        return f"{n:,} rows, {len(levels)} groups, all features, none of which tells", 300, draw

    return [
        one(80, "ab", 0.0),
        one(80, "ab", 0.9),
        one(500, "ab", 0.0),
        one(500, "ab", 0.5),
        one(500, "abcde", 0.5),
        one(500, "abcde", 0.0),
        whole(500, "ab"),
        whole(500, "abcde"),
    ]


def _table(x: np.ndarray) -> pd.DataFrame:
    """Benefits 0, 1, 2 by group as counts: refused, right, granted."""
    index = pd.Index(range(len(x)), name="group")
    return pd.DataFrame({"tp": x[:, 1], "fp": x[:, 2], "fn": x[:, 0], "tn": 0}, index=index)


def _index(shares: np.ndarray, sizes: np.ndarray, alpha: float, *, within: bool) -> float:
    """The true index: of benefits, or of the groups' means."""
    values, weights = (BENEFITS, sizes @ shares) if within else (shares @ BENEFITS, sizes)
    relative = values / (weights @ values)
    if alpha == 1:
        logs = np.log(np.where(relative > 0, relative, 1))
        return float(weights @ (relative * logs))
    return max(float(weights @ (relative**alpha - 1) / (alpha * (alpha - 1))), 0.0)


def _whole(found: Estimate) -> Estimate:
    """An index that is undefined claims nothing: nothing it claims is wrong."""
    return Estimate(value=np.nan, low=-np.inf, high=np.inf, n=found.n, method=found.method)


if __name__ == "__main__":
    sys.exit(main())
