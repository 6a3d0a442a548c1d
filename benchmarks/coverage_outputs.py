"""Do the intervals of classes, labels and numbers by group hold, and are their p-values right?

    python -m benchmarks.coverage_outputs            minutes; rewrites docs/methods-outputs.md
    python -m benchmarks.coverage_outputs --quick    a few settings in seconds, printed only

Ends with status 1 where a target is missed. Each setting seeds its own tables.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.outputs.class_gaps import class_gap, macro_gap
from auditkit.bias.outputs.class_rates import class_counts
from auditkit.bias.outputs.distributions import distribution_gap
from auditkit.bias.outputs.multilabel import label_counts, label_gap
from auditkit.bias.outputs.number_errors import NumberErrors, error_estimates, number_errors
from auditkit.bias.outputs.number_gaps import error_gap
from benchmarks.coverage import PROMISED, markdown, write_between

Floats = NDArray[np.float64]
Line = dict[str, float]
Judge = Callable[[np.random.Generator], Line]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods-outputs.md"
DRAWS, LIMIT, RARE, SLACK = 200, 0.1, 0.05, 1e-12


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law of errors: a draw of n, their mean size, root mean square and mean."""

    draw: Callable[[np.random.Generator, int], Floats]
    absolute: float
    root: float
    mean: float = 0.0

    def truth(self, measure: str) -> float:
        """What a measure is of this law."""
        known = {"mean_absolute_error": self.absolute, "root_mean_squared_error": self.root}
        return known.get(measure, self.mean)


def _student(degrees: int) -> Callable[[np.random.Generator, int], Floats]:
    return lambda rng, n: rng.standard_t(degrees, n)


# Mean size of Student's with 5 degrees by 20 million draws, all else by hand.
LAWS = {
    "normal": Law(
        draw=lambda rng, n: rng.normal(size=n), absolute=float(np.sqrt(2 / np.pi)), root=1.0
    ),
    "Student's, 5 degrees": Law(draw=_student(5), absolute=0.94902, root=float(np.sqrt(5 / 3))),
    "Laplace": Law(draw=lambda rng, n: rng.laplace(size=n), absolute=1.0, root=float(np.sqrt(2))),
    "exponential squares": Law(
        draw=lambda rng, n: np.sqrt(rng.exponential(size=n)),
        absolute=float(np.sqrt(np.pi) / 2),
        root=1.0,
        mean=float(np.sqrt(np.pi) / 2),
    ),
    "skewed (lognormal)": Law(
        draw=lambda rng, n: np.exp(rng.normal(size=n)),
        absolute=float(np.exp(0.5)),
        root=float(np.e),
        mean=float(np.exp(0.5)),
    ),
    "Student's, 3 degrees": Law(
        draw=_student(3),
        absolute=float(2 * np.sqrt(3) / np.pi),
        root=float(np.sqrt(3)),
    ),
}
ROOTS = "Numbers: root mean squared error"
UNPROMISED = (ROOTS, "Student's, 3 degrees")  # whose fourth powers have no mean
SIZES = (
    ((10, 10), 1.0),
    ((20, 20), 1.0),
    ((15, 200), 1.0),
    ((30, 200), 1.0),
    ((30, 100, 300, 1500), 1.0),
    ((20,) * 8, 1.0),
    ((100, 200), 1.5),
)


def main() -> int:
    """Simulate, print, write unless --quick; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer tables; nothing is written")
    parser.add_argument("--tables", type=int, default=300, help="tables a setting")
    options = parser.parse_args()
    tables = 60 if options.quick else options.tables
    shown, missed = [], []
    for title, text, settings in parts(quick=options.quick):
        lines = [simulated(name, judge, tables) for name, judge in settings]
        asked = [one for one in lines if not _unpromised(title, one)]
        missed += [f"{title}: {one}" for line in asked for one in faults(line, tables)]
        shown += [f"### {title}", "", text, "", markdown(pd.DataFrame(map(written, lines))), ""]
    verdict = ["Every target is met."]
    if missed:
        verdict = ["Targets missed:", "", *(f"- {one}" for one in missed)]
    page = "\n".join([f"{tables:,} tables of each setting, {DRAWS} draws.", "", *shown, *verdict])
    print(page)
    if not options.quick:
        write_between(PAGE, "outputs", page)
    return 1 if missed else 0


def parts(*, quick: bool) -> list[tuple[str, str, list[tuple[str, Judge]]]]:
    """Every table of the page: its title, its text, its settings."""
    some = slice(0, 1) if quick else slice(None)
    return [
        ("Classes: recall, every class and pair", CLASS_TEXT, class_settings("recall")[some]),
        ("Classes: precision", "The same tables.", class_settings("precision")[some]),
        ("Classes: how often each is said", "The same tables.", class_settings("share_said")[some]),
        ("Classes: mean recall", "The same tables.", class_settings("macro")[some]),
        ("Labels", LABEL_TEXT, label_settings()[some]),
        ("Numbers: mean absolute error", NUMBER_TEXT, number_settings("mean_absolute_error")[some]),
        (
            ROOTS,
            "The same errors. Of Student's with 3 degrees nothing is promised: the squares have no "
            "variance.",
            number_settings("root_mean_squared_error")[some],
        ),
        (
            "Numbers: mean signed error",
            "The same errors.",
            number_settings("signed_error")[some],
        ),
        ("Numbers of persons", PERSON_TEXT, person_settings()[some]),
        ("Distances of distributions", DISTANCE_TEXT, distance_settings()[some]),
    ]


CLASS_TEXT = (
    "Three or six classes, the rarest a quarter as common as the commonest. *all hold*: the "
    "intervals of every pair and class hold at once; *p under .05* should be so in 5 % of the "
    "tables without a gap; a gap is *found* where the lower end is above 0."
)
LABEL_TEXT = (
    "Four labels, independent or all the same within a row; the rate is the true positive rate."
)
NUMBER_TEXT = (
    "*own*: the interval of one of the first two groups, by itself; an empty cell: none is given. "
    "A gap is made by scaling the errors of the last group."
)
PERSON_TEXT = (
    "Ten rows a person, whose errors share nine tenths of their variance; *by row* is what the "
    "same intervals would hold if rows were taken to stand for themselves."
)
DISTANCE_TEXT = (
    "What is said is normal; the last group's is shifted by one deviation where there is a gap. "
    "Distances are conservative by construction where there is one."
)


def simulated(name: str, judge: Judge, tables: int) -> dict[str, object]:
    """Shares over many tables of a setting."""
    rng = np.random.default_rng(crc32(name.encode()))
    lines = pd.DataFrame([judge(rng) for _ in range(tables)], dtype=float)
    return {"setting": name, **lines.mean()}


def faults(line: dict[str, object], tables: int) -> list[str]:
    """What falls short of the targets: 94 % held, p under .05 in at most 5 %."""
    found = []
    error = 2 * (PROMISED * (1 - PROMISED) / tables) ** 0.5
    for kind in ("all hold", "interval holds", "own 0", "own 1"):
        if kind in line and float(str(line[kind])) < PROMISED - error:
            found.append(f"{line['setting']}: {kind} in {float(str(line[kind])):.1%}")
    rare = line.get("p under .05")
    wide = 3 * (RARE * (1 - RARE) / tables) ** 0.5  # of some seventy a few lie beyond two
    if rare is not None and not np.isnan(float(str(rare))) and float(str(rare)) > RARE + wide:
        found.append(f"{line['setting']}: p under .05 in {float(str(rare)):.1%}")
    return found


def _unpromised(title: str, line: dict[str, object]) -> bool:
    measure, law = UNPROMISED
    return title == measure and str(line["setting"]).startswith(law)


def written(line: dict[str, object]) -> dict[str, str]:
    """Shares as percentages."""
    return {
        name: value if isinstance(value, str) else _percent(float(str(value)))
        for name, value in line.items()
    }


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"


def class_settings(rate: str) -> list[tuple[str, Judge]]:
    """Groups of so many rows; recalls by class, one class less recognised in the last group."""
    settings = []
    for sizes, classes, gap in (
        ((100, 100), 3, 0.0),
        ((300, 300, 300), 3, 0.0),
        ((60, 200, 2000), 6, 0.0),
        ((150,) * 8, 3, 0.0),
        ((300, 300, 300), 3, 0.2),
        ((60, 200, 2000), 6, 0.2),
    ):
        rows = _sizes(sizes)
        name = f"{rows} rows, {classes} classes" + (f", a gap of {gap:g}" if gap else "")
        settings.append((name, _class_judge(rate, sizes, classes, gap)))
    return settings


def _class_judge(rate: str, sizes: tuple[int, ...], classes: int, gap: float) -> Judge:
    weights = np.linspace(4, 1, classes) / np.linspace(4, 1, classes).sum()
    recall = np.tile(np.linspace(0.9, 0.6, classes), (len(sizes), 1))
    recall[-1, 0] -= gap
    # A miss is any other class alike: joint[g, i, j] is the share of rows that are i, called j.
    stray = (1 - recall)[:, :, None] / (classes - 1) * (1 - np.eye(classes))
    joint = weights[None, :, None] * (stray + recall[:, :, None] * np.eye(classes))
    said = joint.sum(axis=1)
    hit = np.diagonal(joint, axis1=1, axis2=2)
    truth = {"recall": recall, "precision": hit / said, "share_said": said}.get(rate, recall)

    def judge(rng: np.random.Generator) -> Line:
        cells = [
            rng.choice(classes**2, size=n, p=one.ravel())
            for n, one in zip(sizes, joint, strict=True)
        ]
        cell, group = np.concatenate(cells), np.repeat(np.arange(len(sizes)), sizes)
        y, answer = np.divmod(cell, classes)
        counts = class_counts(y, answer, group, levels=range(classes))
        if rate == "macro":
            found = macro_gap(counts, rng=rng, draws=DRAWS, min_group_size=10)
            return _line(found.pairs, found, recall.mean(axis=1), found.measured.labels)
        several = class_gap(counts, rate, rng=rng, draws=DRAWS, min_group_size=10)
        held = True
        for place in range(classes):
            pairs = several.pairs[several.pairs["class"] == str(place)]
            held &= _held(pairs, truth[:, place])
        ranges = [float(np.ptp(truth[:, k])) for k in range(classes)]
        return _judged(held, several.estimate, max(ranges), several.null.p_value)

    return judge


def label_settings() -> list[tuple[str, Judge]]:
    """Four labels, their dependence within a row, and a gap in one."""
    settings = []
    for alike in (False, True):
        for gap in (0.0, 0.2):
            name = f"200 300 rows, {'all alike' if alike else 'independent'}"
            name += f", a gap of {gap:g}" if gap else ""
            settings.append((name, _label_judge((200, 300), alike, gap)))
    return settings


def _label_judge(sizes: tuple[int, ...], alike: bool, gap: float) -> Judge:
    group = np.repeat(np.arange(len(sizes)), sizes)
    seen = np.full((len(sizes), 4), 0.8)
    seen[-1] -= gap * (np.ones(4) if alike else np.eye(4)[0])

    def judge(rng: np.random.Generator) -> Line:
        columns = 1 if alike else 4
        luck, there = rng.random((len(group), columns)), rng.random((len(group), columns)) < 0.4
        said = np.where(there, luck < seen[group, :columns], luck < 0.1)
        truth, answer = (np.tile(one, (1, 4 // columns)).astype(int) for one in (there, said))
        counts = label_counts(truth, answer, group)
        found = label_gap(counts, "true_positive_rate", rng=rng, draws=DRAWS, min_group_size=10)
        held = all(_held(found.pairs[found.pairs["class"] == str(k)], seen[:, k]) for k in range(4))
        return _judged(held, found.estimate, gap, found.null.p_value)

    return judge


def number_settings(measure: str) -> list[tuple[str, Judge]]:
    """Laws of errors, sizes of groups, and a last group whose errors are larger."""
    settings = []
    for law in LAWS:
        for sizes, factor in SIZES:
            rows = _sizes(sizes)
            name = f"{law}; {rows} rows" + (f"; the last × {factor:g}" if factor != 1 else "")
            settings.append((name, _number_judge(measure, law, sizes, factor)))
    return settings


def _number_judge(measure: str, law: str, sizes: tuple[int, ...], factor: float) -> Judge:
    scale = np.ones(len(sizes))
    scale[-1] = factor
    truth = scale * LAWS[law].truth(measure)

    def judge(rng: np.random.Generator) -> Line:
        drawn = [one * LAWS[law].draw(rng, n) for one, n in zip(scale, sizes, strict=True)]
        errors = _told(np.concatenate(drawn), np.repeat(np.arange(len(sizes)), sizes))
        found = error_gap(errors, measure, rng=rng, draws=DRAWS)
        own = error_estimates(errors, measure)
        line = _line(found.pairs, found, truth, found.measured.labels)
        held = (own["low"] <= truth + SLACK) & (truth <= own["high"] + SLACK)
        held = held.astype(float).where(own["low"].notna())
        if np.isnan(found.estimate.low):
            line |= dict.fromkeys(("all hold", "interval holds", "found"), float("nan"))
        return line | {f"own {g}": float(one) for g, one in enumerate(held[:2])}

    return judge


def person_settings() -> list[tuple[str, Judge]]:
    """Rows of persons, each of one group."""
    return [
        (f"{_sizes(sizes)} persons", _person_judge(sizes))
        for sizes in ((20, 20), (20, 100), (40, 40, 40))
    ]


def _person_judge(sizes: tuple[int, ...]) -> Judge:
    people = np.repeat(np.arange(len(sizes)), sizes)
    person = np.repeat(np.arange(len(people)), 10)

    def judge(rng: np.random.Generator) -> Line:
        wrong = rng.normal(size=len(people))[person] + rng.normal(size=len(person)) / 3
        found = error_gap(
            _told(wrong, people[person], clusters=person), "signed_error", rng=rng, draws=DRAWS
        )
        alone = error_gap(_told(wrong, people[person]), "signed_error", rng=rng, draws=DRAWS)
        line = _line(found.pairs, found, np.zeros(len(sizes)), found.measured.labels)
        return line | {"by row": float(alone.estimate.low <= 0)}

    return judge


def distance_settings() -> list[tuple[str, Judge]]:
    """Both distances, with and without a gap, rows alone and of persons."""
    settings = []
    for distance, far in (("wasserstein", 1.0), ("kolmogorov_smirnov", 0.3829249225)):
        for sizes, shift in (
            ((30, 30), 0),
            ((20, 500), 0),
            ((50, 50, 200, 1000), 0),
            ((60, 200), 1),
        ):
            rows = _sizes(sizes)
            name = f"{distance.replace('_', '-')}; {rows} rows" + ("; shifted" if shift else "")
            settings.append((name, _distance_judge(distance, sizes, shift, far * shift)))
    return settings


def _distance_judge(distance: str, sizes: tuple[int, ...], shift: int, far: float) -> Judge:
    group = np.repeat(np.arange(len(sizes)), sizes)
    moved = shift * (group == len(sizes) - 1)

    def judge(rng: np.random.Generator) -> Line:
        errors = _told(rng.normal(size=len(group)) + moved, group)
        found = distribution_gap(errors, distance=distance, rng=rng, draws=DRAWS)
        held = True if not shift else found.estimate.low <= far <= found.estimate.high
        low = found.pairs["low"].max()
        return _judged(held if shift else low <= 0, found.estimate, far, found.null.p_value)

    return judge


def _sizes(sizes: tuple[int, ...]) -> str:
    same = len(set(sizes)) == 1
    return f"{len(sizes)} × {sizes[0]}" if same else " ".join(map(str, sizes))


def _told(wrong: Floats, group: Floats, clusters: Floats | None = None) -> NumberErrors:
    return number_errors(np.zeros(len(wrong)), wrong, group, clusters=clusters)


def _line(pairs: pd.DataFrame, found: object, truth: Floats, labels: Sequence[str]) -> Line:
    estimate, null = found.estimate, found.null  # type: ignore[attr-defined]
    named = {name: truth[place] for place, name in enumerate(labels)}
    first, second = (pairs[one].map(named).to_numpy(float) for one in ("first", "second"))
    true = first - second
    held = (pairs["low"] - SLACK <= true) & (true <= pairs["high"] + SLACK)
    return _judged(bool(held.all()), estimate, float(np.ptp(truth)), null.p_value)


def _held(pairs: pd.DataFrame, truth: Floats) -> bool:
    first, second = (pairs[one].astype(int).to_numpy() for one in ("first", "second"))
    true = truth[first] - truth[second]
    return bool(((pairs["low"] - SLACK <= true) & (true <= pairs["high"] + SLACK)).all())


def _judged(held: bool, estimate: object, gap: float, p_value: float) -> Line:
    low, high = estimate.low, estimate.high  # type: ignore[attr-defined]
    return {
        "all hold": float(held),
        "interval holds": float(low - SLACK <= gap <= high + SLACK),
        "p under .05": float(p_value <= RARE) if gap < SLACK else float("nan"),
        "found": float(low > 0) if gap > SLACK else float("nan"),
    }


if __name__ == "__main__":
    sys.exit(main())
