"""Does the interval of a bias amplification hold? By simulation.

    python -m benchmarks.coverage_amplification            about 4 minutes; rewrites its page
    python -m benchmarks.coverage_amplification --quick    three populations in seconds, printed

Ends with status 1 where a target is missed. Each population seeds its own tables.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.amplification.influence import gauge, standard_error
from auditkit.bias.amplification.joints import Joint, joint
from auditkit.bias.amplification.measures import MEASURES, amplification
from auditkit.bias.amplification.multi_attribute import multi_attribute
from benchmarks.coverage import markdown, write_between

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-amplification.md"
PROMISED, Z, SLACK = 0.94, 1.96, 1e-12
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Population:
    """Shares of truth, prediction and group (T, T, A), and how many rows are drawn."""

    name: str
    shares: Floats
    rows: tuple[int, ...]


def yes_no(
    name: str,
    base: tuple[float, ...],
    hit: tuple[float, ...],
    alarm: tuple[float, ...],
    rows: tuple[int, ...],
    sizes: tuple[float, ...] = (),
) -> Population:
    """Two outcomes; each group's share of positives, true and false positive rate, and size."""
    b, h, f = np.array(base), np.array(hit), np.array(alarm)
    size = np.array(sizes or (1.0,) * len(b))
    table = np.array([[(1 - b) * (1 - f), (1 - b) * f], [b * (1 - h), b * h]])
    return Population(name=name, shares=table * size / size.sum(), rows=rows)


THREE = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]])
POPULATIONS = (
    yes_no("clear link, widened", (0.4, 0.2), (0.9, 0.4), (0.3, 0.05), (30, 60, 300)),
    yes_no("clear link, noise alone", (0.3, 0.1), (0.6, 0.6), (0.05, 0.05), (100, 400, 2000)),
    yes_no("no link, noise alone", (0.3, 0.3), (0.6, 0.6), (0.1, 0.1), (100, 400, 2000)),
    yes_no("rare outcome", (0.02, 0.05), (0.3, 0.6), (0.01, 0.01), (200, 1000)),
    yes_no("nearly always right", (0.3, 0.1), (0.98,) * 2, (0.01,) * 2, (100, 400)),
    yes_no("8 groups, weak links", (0.3,) * 4 + (0.35,) * 4, (0.7,) * 8, (0.1,) * 8, (160, 800)),
    yes_no(
        "5 groups of unequal size",
        (0.2, 0.3, 0.25, 0.1, 0.4),
        (0.7,) * 5,
        (0.1,) * 5,
        (1000, 4300),
        (50, 50, 200, 1000, 3000),
    ),
    Population(
        name="3 outcomes, 3 groups, no link",
        shares=np.einsum("t,tu,a->tua", [0.5, 0.3, 0.2], THREE, [0.5, 0.3, 0.2]),
        rows=(60, 150, 600),
    ),
    Population(
        name="4 outcomes, 6 groups, no link",
        shares=np.einsum("t,tu,a->tua", [0.4, 0.3, 0.2, 0.1], np.eye(4) * 0.6 + 0.1, [1 / 6] * 6),
        rows=(240, 1000),
    ),
)
QUICK = POPULATIONS[:3]


def covered(population: Population, rows: int, tables: int) -> list[dict[str, object]]:
    """Shares of tables whose intervals hold, a line for each measure; the last two are plain."""
    rng = np.random.default_rng([crc32(population.name.encode()), rows])
    names = tuple(map(str, range(max(population.shares.shape))))
    found: dict[str, list[tuple[bool, ...]]] = {one: [] for one in MEASURES}
    for _ in range(tables):
        counts = rng.multinomial(rows, population.shares.ravel()).reshape(population.shares.shape)
        table = Joint(counts=counts, tasks=names[: len(counts)], groups=names[: counts.shape[2]])
        if (counts.sum(axis=(0, 1)) < 10).any():  # such a group is left out of an audit
            continue
        for measure in MEASURES:
            said = amplification(table, measure)
            if said.value.defined:
                true = gauge(population.shares, table.truth, measure)
                found[measure].append(
                    tuple(
                        low - SLACK <= value <= high + SLACK
                        for value, ends in zip(
                            (true.value, true.value - true.noise) * 2,
                            (
                                (said.value.low, said.value.high),
                                (said.excess.low, said.excess.high),
                                *_plain(counts, table.truth, measure),
                            ),
                            strict=True,
                        )
                        for low, high in [ends]
                    )
                )
    return [
        {
            "population": population.name,
            "rows": f"{rows:,}",
            "measure": {"mals": "MALS", "attribute_to_task": "A→T"}[measure],
            **dict(zip(COLUMNS, np.mean(hits, axis=0), strict=True)),
            "tables": len(hits),
        }
        for measure, hits in found.items()
    ]


PEOPLED = ("value", "beyond noise", "beyond noise, by row")
COLUMNS = ("value", "beyond noise", "value, plain", "beyond noise, plain")


def _plain(
    counts: NDArray[np.int64], truth: NDArray[np.int64], measure: str
) -> list[tuple[float, float]]:
    """The same without pseudo-rows and without the allowance for the direction."""
    seen = gauge(counts.astype(float), truth, measure)  # type: ignore[arg-type]
    weights = counts.astype(float)
    ends = []
    for value, of in (
        (seen.value, seen.of_value),
        (seen.value - seen.noise, seen.of_value - seen.of_noise),
    ):
        half = Z * standard_error(np.nan_to_num(of), weights)
        ends.append((value - half, value + half))
    return ends


def combinations_covered(rows: int, harm: float, tables: int) -> dict[str, object]:
    """Multi-attribute: two columns of two and three groups; one combination may be harmed."""
    hits, excess = [], []
    for number in range(tables):
        rng = np.random.default_rng([rows, round(100 * harm), number])
        a, b = rng.integers(0, 2, rows), rng.choice(3, rows, p=[0.6, 0.3, 0.1])
        truth = (rng.random(rows) < 0.3 + 0.1 * a).astype(int)
        hit = np.where(truth == 1, 0.8, 0.1) - harm * truth * (a == 1) * (b == 1)
        said = (rng.random(rows) < hit).astype(int)
        people = pd.DataFrame(
            {
                f"{name}{g}": column == g
                for name, column, n in (("a", a, 2), ("b", b, 3))
                for g in range(n)
            }
        )
        found = multi_attribute(
            people,
            truth,
            predicted_group=said,
            direction="attributes_to_group",
            rng=rng,
            draws=200,
        )
        true = np.mean([_shift(str(one), harm) for one in found.changes.index.get_level_values(0)])
        hits.append(found.mean.low - SLACK <= true <= found.mean.high + SLACK)
        excess.append(found.mean.value - true)
    return {
        "rows": f"{rows:,}",
        "harm": f"{harm:g}",
        "interval holds": float(np.mean(hits)),
        "true": f"{100 * float(true):.1f}",
        "value is off by": f"{100 * float(np.mean(excess)):.1f}",
        "floor": f"{100 * found.floor:.1f}",
        "tables": tables,
    }


def people_covered(population: Population, people: int, tables: int) -> list[dict[str, object]]:
    """Rows of people: each of a person's one to ten is the person's own, or a new draw, by halves.

    Shares are those of the population. *by row* takes rows to stand for themselves.
    """
    rng = np.random.default_rng([crc32(population.name.encode()), people, 7])
    tasks, groups = population.shares.shape[1:]
    size = population.shares.sum(axis=(0, 1))
    cells = population.shares.reshape(-1, groups) / size
    found: dict[str, list[tuple[bool, ...]]] = {one: [] for one in MEASURES}
    for _ in range(tables):
        group = rng.choice(groups, people, p=size)
        person = np.repeat(np.arange(people), rng.integers(1, 11, people))
        fresh, own = _cells(cells, group[person], rng), _cells(cells, group, rng)
        cell = np.where(rng.random(len(person)) < 0.5, own[person], fresh)
        told = joint(
            cell // tasks, cell % tasks, group[person], tasks=range(tasks), clusters=person
        )
        for measure in MEASURES:
            true = gauge(population.shares, told.truth, measure)
            beyond = true.value - true.noise
            said = amplification(told, measure)
            alone = amplification(replace(told, together=None), measure)
            found[measure].append(
                tuple(
                    one.low - SLACK <= value <= one.high + SLACK
                    for value, one in (
                        (true.value, said.value),
                        (beyond, said.excess),
                        (beyond, alone.excess),
                    )
                )
            )
    return [
        {
            "population": population.name,
            "people": f"{people:,}",
            "measure": {"mals": "MALS", "attribute_to_task": "A→T"}[measure],
            **dict(zip(PEOPLED, np.mean(hits, axis=0), strict=True)),
            "tables": len(hits),
        }
        for measure, hits in found.items()
    ]


def _cells(shares: Floats, group: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A cell of truth and prediction for each, by the shares (T T, A) of its group."""
    upto = np.cumsum(shares, axis=0)[:, group]
    return np.asarray((rng.random(len(group)) * upto[-1] > upto).sum(axis=0))


def _shift(name: str, harm: float) -> float:
    """|P(said | set) - P(true | set)| in the population of `combinations_covered`."""
    share = {"a": np.array([0.5, 0.5]), "b": np.array([0.6, 0.3, 0.1])}
    kept = {one: np.ones(len(values)) for one, values in share.items()}
    for part in name.split(" and "):
        kept[part[0]] = np.eye(len(share[part[0]]))[int(part[1])]
    weight = np.outer(share["a"] * kept["a"], share["b"] * kept["b"])
    base = np.array([0.3, 0.4])[:, None]
    moved = 0.1 - 0.3 * base - harm * base * np.outer([0, 1], [0, 1, 0])
    return abs(float((weight * moved).sum() / weight.sum()))


def main() -> int:
    """Simulate, print, write unless --quick; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer; nothing is written")
    parser.add_argument("--tables", type=int, default=2000)
    options = parser.parse_args()
    tables = 200 if options.quick else options.tables
    lines = [
        line
        for one in (QUICK if options.quick else POPULATIONS)
        for rows in (one.rows[:2] if options.quick else one.rows)
        for line in covered(one, rows, tables)
    ]
    fewer = 30 if options.quick else 300
    several = [
        combinations_covered(rows, harm, fewer) for harm in (0.0, 0.4) for rows in (100, 300, 1000)
    ]
    peopled = [
        line
        for one in (POPULATIONS[0], POPULATIONS[2], POPULATIONS[7])
        for people in ((60,) if options.quick else (60, 200))
        for line in people_covered(one, people, fewer)
    ]
    missed = [
        f"- {' '.join(str(one) for one in list(line.values())[:3])}: {name} held in {share:.1%}"
        for line in (*lines, *several, *peopled)
        for name in (*COLUMNS[:2], "interval holds")
        if isinstance(share := line.get(name), float)
        if share < PROMISED - 2 * (PROMISED * (1 - PROMISED) / int(str(line["tables"]))) ** 0.5
    ]
    verdict = "Every target is met." if not missed else "\n".join(["Targets missed:", "", *missed])
    tables_said = [
        _written(lines, COLUMNS),
        _written(several, ("interval holds",)),
        "Rows of people, up to ten each, half of them alike:",
        _written(peopled, PEOPLED),
    ]
    text = "\n\n".join([*tables_said, verdict])
    print(text)
    if not options.quick:
        write_between(PAGE, "amplification", text)
    return 1 if missed else 0


def _written(lines: list[dict[str, object]], shares: tuple[str, ...]) -> str:
    frame = pd.DataFrame(lines)
    for name in shares:
        frame[name] = frame[name].map("{:.1%}".format)
    return markdown(frame)


if __name__ == "__main__":
    sys.exit(main())
