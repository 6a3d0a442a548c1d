"""Do the intervals of rankings hold, and is a gap as rarely found by chance as it claims?

    python -m benchmarks.coverage_ranking     some minutes; rewrites docs/methods-ranking.md

Users are drawn from known populations; the truth of an exposure comes from 20,000 users.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.rankings.exposure import Exposure, exposure
from auditkit.bias.rankings.ranking_gaps import groups_of_users, service_gap
from auditkit.statistics.estimate import Estimate
from benchmarks.coverage import markdown, write_between

Floats = NDArray[np.float64]
Law = Callable[[np.random.Generator, int], Floats]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-ranking.md"
PROMISED = 0.94
MANY = 20_000  # users of the truth


def ndcg(centre: float) -> Law:
    """As NDCG is: near 1, with a tail to the left."""
    return lambda rng, n: rng.beta(12 * centre, 12 * (1 - centre), size=n)


def ranks(chance: float) -> Law:
    """As reciprocal ranks are: 1, 1/2, 1/3, and mostly the first."""
    return lambda rng, n: 1.0 / np.minimum(rng.geometric(chance, size=n), 50)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Groups of users: how many, and by which law they are served."""

    title: str
    sizes: tuple[int, ...]
    laws: tuple[Law, ...]


SETTINGS = (
    Setting(title="NDCG, 2 x 20", sizes=(20, 20), laws=(ndcg(0.85),) * 2),
    Setting(title="NDCG, 2 x 200", sizes=(200, 200), laws=(ndcg(0.85),) * 2),
    Setting(title="NDCG, 74 and 179", sizes=(74, 179), laws=(ndcg(0.82), ndcg(0.82))),
    Setting(title="NDCG, 8 x 40", sizes=(40,) * 8, laws=(ndcg(0.85),) * 8),
    Setting(title="NDCG, 10 and 1,000", sizes=(10, 1000), laws=(ndcg(0.9), ndcg(0.9))),
    Setting(title="NDCG, .80 and .85 of 100", sizes=(100, 100), laws=(ndcg(0.8), ndcg(0.85))),
    Setting(title="rank, 2 x 20", sizes=(20, 20), laws=(ranks(0.8),) * 2),
    Setting(title="rank, 2 x 100", sizes=(100, 100), laws=(ranks(0.8),) * 2),
    Setting(title="rank, 5 x 50", sizes=(50,) * 5, laws=(ranks(0.8),) * 5),
    Setting(title="rank, nearly always first, 2 x 50", sizes=(50, 50), laws=(ranks(0.97),) * 2),
)
PUSHES = (0.0, 0.5, 1.5)
USERS = (30, 100, 300)


def main() -> int:
    """Simulate, print and write; 1 where an interval holds too rarely."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=1000, help="draws of a setting")
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    gaps = pd.DataFrame([gap(one, options.tables, i) for i, one in enumerate(SETTINGS)])
    few = max(options.tables // 3, 10)
    shares = pd.DataFrame(
        [line for place, push in enumerate(PUSHES) for line in shown(push, few, place)]
    )
    text = page(gaps, shares, options.tables, few)
    print(text)
    if not options.no_write:
        write_between(PAGE, "ranking", text)
    short = [
        *missed(gaps, ("one group", "all pairs", "gap"), options.tables),
        *missed(shares, ("ratio", "least", "gini"), few),
    ]
    print("; ".join(short) or "every interval holds as often as promised")
    return 1 if short else 0


def missed(frame: pd.DataFrame, kinds: tuple[str, ...], tables: int) -> list[str]:
    """The settings in which a kind of interval holds too rarely."""
    least = PROMISED - 2 * np.sqrt(PROMISED * (1 - PROMISED) / tables)
    return [
        f"{line['setting']}: {kind} {line[kind]:.1%}"
        for _, line in frame.iterrows()
        for kind in kinds
        if line[kind] < least
    ]


def gap(setting: Setting, tables: int, seed: int) -> dict[str, object]:
    """Coverage of the means and gaps of one setting."""
    rng = np.random.default_rng([11, seed])
    means = {law: law(rng, 1_000_000).mean() for law in setting.laws}
    truth = np.array([means[law] for law in setting.laws])
    names = [f"g{i}" for i in range(len(truth))]
    users = [str(i) for i in range(sum(setting.sizes))]
    groups = groups_of_users(users, np.repeat(names, setting.sizes))
    apart = float(truth.max() - truth.min()) if np.ptp(truth) > 0.01 else 0.0
    own, pairs, widest, small = [], [], [], []
    for _ in range(tables):
        values = [law(rng, n) for law, n in zip(setting.laws, setting.sizes, strict=True)]
        per_user = pd.DataFrame({"ndcg": np.concatenate(values)}, index=users)
        found = service_gap(per_user, "ndcg", groups, rng=rng, draws=300)
        own.append(np.mean((found.groups["low"] <= truth) & (truth <= found.groups["high"])))
        at = dict(zip(names, truth, strict=True))
        true = found.pairs["first"].map(at) - found.pairs["second"].map(at)
        pairs.append(bool(((found.pairs["low"] <= true) & (true <= found.pairs["high"])).all()))
        widest.append(found.estimate.low <= apart <= found.estimate.high)
        small.append(found.null.p_value <= 0.05)
    return {
        "setting": setting.title,
        "true gap": apart,
        "one group": np.mean(own),
        "all pairs": np.mean(pairs),
        "gap": np.mean(widest),
        "p at most .05": np.mean(small),
    }


def recommended(users: int, push: float, rng: np.random.Generator) -> Exposure:
    """Users who rate 15 to 40 of 300 items in three bands; the popular are pushed up."""
    sizes = rng.integers(15, 41, size=users)
    user = np.repeat(np.arange(users), sizes)
    item = (300 * rng.beta(1, 2.5, size=len(user))).astype(int)
    band = np.digitize(item, (45, 105))
    relevance = np.clip(np.round(3.5 - 0.2 * band + rng.normal(size=len(user))), 1, 5)
    scores = relevance + rng.normal(size=len(user)) + push * (band == 0)
    return exposure(user, item, relevance, scores, band, relevant_from=4)


def shown(push: float, tables: int, seed: int) -> list[dict[str, object]]:
    """Coverage of ratios, of the least of them, and of the Gini index above chance, by users."""
    rng = np.random.default_rng([13, seed])
    whole = recommended(MANY, push, rng)
    truth = whole.groups["ratio"].to_numpy()
    at = dict(zip(whole.groups.index, truth, strict=True))
    lines: list[dict[str, object]] = []
    for users in USERS:
        several = [recommended(users, push, rng) for _ in range(tables)]
        ends = [one.groups[["low", "high"]].to_numpy().T for one in several]
        # The index depends on how many users there are: its truth is the mean of them all.
        unequal = float(np.mean([one.more_unequal.value for one in several]))
        lines.append(
            {
                "setting": f"{users} users, pushed by {push:g}",
                "true": " ".join(f"{one:.2f}" for one in truth),
                "ratio": np.mean([(low <= truth) & (truth <= high) for low, high in ends]),
                "least": np.mean([holds(one.least_ratio, at[one.least]) for one in several]),
                "gini": np.mean([holds(one.more_unequal, unequal) for one in several]),
            }
        )
    return lines


def holds(estimate: Estimate, truth: float) -> bool:
    """Whether the interval has the truth in it."""
    return estimate.low <= truth <= estimate.high


def page(gaps: pd.DataFrame, shares: pd.DataFrame, tables: int, few: int) -> str:
    """Both tables of the page."""
    percent = "{:.1%}".format
    first = gaps.assign(
        **{name: gaps[name].map(percent) for name in gaps.columns[2:]},
        **{"true gap": gaps["true gap"].map("{:.3g}".format)},
    ).rename(columns={"one group": "one group holds", "all pairs": "all pairs hold"})
    first = first.rename(columns={"gap": "largest gap holds"})
    second = shares.assign(**{name: shares[name].map(percent) for name in shares.columns[2:]})
    second = second.rename(
        columns={
            "true": "true ratios",
            "ratio": "each ratio holds",
            "least": "the least holds",
            "gini": "Gini above chance holds",
        }
    )
    return "\n\n".join(
        [
            f"### Users ({tables:,} draws of each)",
            markdown(first),
            f"### Items ({few:,} draws of each)",
            markdown(second),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
