"""How long six rates of ten groups take over 1,000,000 rows: auditkit beside its peers.

    python -m benchmarks.group_metrics [--rows N]   in an environment with requirements.txt

All start from the same columns, the group as text, and must find the same numbers. Rounds are
interleaved, so that a busy machine slows all alike; read the ratios, not the milliseconds. A
peer that cannot be imported is skipped with its reason.
"""

import argparse
import logging
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.bias.disparity import disparity
from auditkit.bias.groups import group_counts, rate_estimates, rates

GROUPS, REPLICATES = 10, 1000
ROUNDS, SLOW = 7, 2  # a task of more than five seconds is run twice
FEW = 2  # bootstrap replicates of fairlearn, from which the rest are estimated
NAMES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "false_negative_rate",
    "precision",
    "accuracy",
)
Table = pd.DataFrame
Task = Callable[[Table], Table | None]


def data(rows: int) -> Table:
    """Rows as a user has them: text for the group, 0 and 1 for the decisions."""
    rng = np.random.default_rng(0)
    group = rng.choice([f"group {letter}" for letter in "ABCDEFGHIJ"[:GROUPS]], rows)
    frame = pd.DataFrame({"group": pd.Series(group, dtype=object)})
    frame["y"], frame["p"] = rng.integers(0, 2, (2, rows))
    return frame


def auditkit_points(frame: Table) -> Table:
    return rates(group_counts(frame["y"], frame["p"], frame["group"]))[list(NAMES)]


def auditkit_intervals(frame: Table) -> None:
    """Every rate's interval, and every gap with simultaneous interval and permutation null."""
    counts = group_counts(frame["y"], frame["p"], frame["group"])
    rng = np.random.default_rng(0)
    for name in NAMES:
        rate_estimates(counts, name)
        disparity(counts, name, rng=rng, draws=REPLICATES)


def fairlearn_frame(frame: Table, replicates: int = 0) -> Table:
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score, precision_score

    functions = (
        metrics.selection_rate,
        metrics.true_positive_rate,
        metrics.false_positive_rate,
        metrics.false_negative_rate,
        precision_score,
        accuracy_score,
    )
    options = {"n_boot": replicates, "ci_quantiles": [0.025, 0.975]} if replicates else {}
    found = metrics.MetricFrame(
        metrics=dict(zip(NAMES, functions, strict=True)),
        y_true=frame["y"],
        y_pred=frame["p"],
        sensitive_features=frame["group"],
        **options,
    )
    return found.by_group.astype(float)


def aif360_metrics(frame: Table) -> Table:
    from aif360.datasets import BinaryLabelDataset
    from aif360.metrics import ClassificationMetric

    codes, groups = pd.factorize(frame["group"], sort=True)  # it takes numbers only
    columns = {"favorable_label": 1, "unfavorable_label": 0, "label_names": ["y"]}
    columns |= {"protected_attribute_names": ["group"]}
    truth = BinaryLabelDataset(df=frame[["y"]].assign(group=codes), **columns)
    guess = truth.copy()
    guess.labels = frame[["p"]].to_numpy(float)
    lines = []
    for code in range(len(groups)):
        others = [{"group": other} for other in range(len(groups)) if other != code]
        one = ClassificationMetric(truth, guess, [{"group": code}], others)
        own = {"privileged": False}
        lines.append(
            (
                one.selection_rate(**own),
                one.true_positive_rate(**own),
                one.false_positive_rate(**own),
                one.false_negative_rate(**own),
                one.precision(**own),
                one.accuracy(**own),
            )
        )
    return pd.DataFrame(lines, index=groups, columns=list(NAMES))


def aequitas_crosstabs(frame: Table) -> Table:
    from aequitas.group import Group

    columns = {"y": "label_value", "p": "score"}
    found, _ = Group().get_crosstabs(frame.rename(columns=columns), attr_cols=["group"])
    found = found.set_index("attribute_value")
    found["accuracy"] = (found["tp"] + found["tn"]) / found["group_size"]
    found["selection_rate"] = (found["tp"] + found["fp"]) / found["group_size"]
    return found[["selection_rate", "tpr", "fpr", "fnr", "precision", "accuracy"]].set_axis(
        list(NAMES), axis=1
    )


PEERS: dict[str, Task] = {
    "fairlearn": fairlearn_frame,
    "aif360": aif360_metrics,
    "aequitas": aequitas_crosstabs,
}


def seconds(task: Task, frame: Table) -> float:
    start = time.perf_counter()
    task(frame)
    return time.perf_counter() - start


def usable(frame: Table) -> dict[str, Task]:
    """The peers that run here and agree with us on every number."""
    ours, peers = auditkit_points(frame), {}
    for name, task in PEERS.items():
        try:
            theirs = task(frame)
        except Exception as error:  # whatever an old package stumbles over
            print(f"{name} is skipped: {type(error).__name__}: {error}")
            continue
        np.testing.assert_allclose(theirs.loc[ours.index], ours, rtol=1e-9)
        peers[name] = task
    return peers


def main() -> None:
    logging.disable(logging.CRITICAL)  # AIF360 tells at import which extras it lacks
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    size = parser.parse_args().rows
    frame = data(size)
    peers = usable(frame)
    tasks: dict[str, Task] = {"auditkit": auditkit_points, **peers}
    tasks["auditkit, intervals"] = auditkit_intervals
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(ROUNDS):
        for name, task in tasks.items():
            if number < SLOW or taken[name][0] < 5:
                taken[name].append(seconds(task, frame))
    median = {name: statistics.median(times) for name, times in taken.items()}
    print(
        f"{size:,} rows, {GROUPS} groups as text, {len(NAMES)} rates; median of {ROUNDS} rounds, "
        f"of {SLOW} where one takes more than 5 s"
    )
    print(f"Python {platform.python_version()}, {platform.machine()}; {', '.join(versions())}")
    for name in peers:
        ratio = median[name] / median["auditkit"]
        print(
            f"{name}: {1e3 * median[name]:,.1f} ms, {ratio:,.1f} times auditkit's point estimates"
        )
    print(
        f"auditkit: {1e3 * median['auditkit']:.2f} ms; with intervals and nulls of "
        f"{REPLICATES:,} draws {1e3 * median['auditkit, intervals']:.1f} ms"
    )
    if "fairlearn" in peers:
        start = time.perf_counter()
        fairlearn_frame(frame, replicates=FEW)
        each = (time.perf_counter() - start - median["fairlearn"]) / FEW
        whole = median["fairlearn"] + REPLICATES * each
        print(
            f"fairlearn with {REPLICATES:,} replicates: {whole:,.0f} s (estimated from {FEW}), "
            f"{whole / median['auditkit, intervals']:,.0f} times auditkit's intervals"
        )


def versions() -> list[str]:
    found = []
    for name in ("numpy", "pandas", *PEERS):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return found


if __name__ == "__main__":
    main()
