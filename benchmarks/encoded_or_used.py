"""How often the right thing is said of planted networks: is an attribute encoded, and is it used?

    python -m benchmarks.encoded_or_used [--seeds 20] [--rows 1000]

Three answers, three correlations of attribute and target, `--seeds` draws of rows and weights
each: weights by hand, networks that learned, and steps that are pooled by mean or maximum.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import get_args

import torch

from auditkit.probing.usage.measured import encoded_or_used
from auditkit.probing.usage.results import Usage
from tests.carrying import ANSWERS, LAYERS, Kind, People, people, planted, spoken, trained

Asked = Callable[[Kind, int, People], Usage]


def by_hand(kind: Kind, seed: int, rows: People) -> Usage:
    """Two hidden layers whose weights were planted."""
    return _asked(planted(kind, seed), rows)


def learned(kind: Kind, seed: int, rows: People) -> Usage:
    """Two hidden layers that learned from other rows of the same kind."""
    return _asked(trained(kind, people(rows.correlation, 1000 + seed, n=1000), seed), rows)


def stepwise(pool: str) -> Asked:
    """Steps that are read one by one, then pooled."""

    def asked(kind: Kind, seed: int, rows: People) -> Usage:
        steps, lengths = rows.steps()
        network = spoken(kind, seed, pool)
        return encoded_or_used(
            network, (steps, lengths), rows.attribute, rows.target, layers="read", lengths=lengths
        )

    return asked


def _asked(network: torch.nn.Module, rows: People) -> Usage:
    return encoded_or_used(network, rows.columns, rows.attribute, rows.target, layers=LAYERS)


NETWORKS: dict[str, Asked] = {
    "planted": by_hand,
    "learned": learned,
    "steps, mean": stepwise("mean"),
    "steps, maximum": stepwise("max"),
}


def main() -> None:
    """Print a line for each network, answer and correlation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--only", choices=list(NETWORKS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| network | carries and | correlation | right | else | changed given, plainly, random |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, asked in NETWORKS.items():
        if given.only in (None, name):
            clock = perf_counter()
            for kind in get_args(Kind):
                for correlation in (0.0, 0.3, 0.6):
                    print(_line(name, asked, kind, correlation, given.seeds, given.rows))
            print(f"<!-- {name}: {perf_counter() - clock:.0f} s -->")


def _line(name: str, asked: Asked, kind: Kind, correlation: float, seeds: int, n: int) -> str:
    usages = [asked(kind, seed, people(correlation, seed, n)) for seed in range(seeds)]
    said = Counter(one.verdict for one in usages)
    right = said.pop(ANSWERS[kind], 0)
    last = [one.layers[-1] for one in usages]
    changed = [
        100 * sum(values) / len(values)
        for values in (
            [one.given.changed.value for one in last],
            [one.plain.changed.value for one in last],
            [one.random.value for one in last],
        )
    ]
    others = ", ".join(f"{many} {verdict}" for verdict, many in said.items())
    told = ", ".join(f"{one:.1f}" for one in changed)
    return f"| {name} | {kind} | {correlation} | {right} of {seeds} | {others} | {told} % |"


if __name__ == "__main__":
    main()
