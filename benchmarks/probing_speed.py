"""Probing 12 layers x 5 seeds x (task and control) on 10,000 x 768: auditkit beside scikit-learn.

    python -m benchmarks.probing_speed [--small] [--layers N] [--out FILE.json]

Activations are planted, on an isotropic and on a power-law spectrum (deviation 1/i along random
axes); the task is a logistic model of all directions, a control is the task's labels dealt out at
random. A seed is a fifth of the rows that is scored, with a control of its own; the penalty is
chosen from seven on the next fifth, and the probe fitted on the other four at that penalty.
auditkit does so by `read_many` (closed form; it chooses on each of the four in turn) and by
`reader="logistic"`; scikit-learn by LogisticRegression(solver="newton-cholesky", tol=1e-6) behind
its StandardScaler, warnings of convergence being errors, and by its default as it comes.

Told are seconds of the processor on one thread, which others on the machine change little. Two
ratios: with the penalty chosen on both sides, and beside scikit-learn's last fits alone, as if
somebody had told it the penalty. scikit-learn is measured on one layer, the same number of fits
each, and told times the number of layers. Each contender is a process of its own: its peak is the
most memory it held beyond what it held with the activations in hand.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.probing.probes.converged import regression
from auditkit.probing.probes.folds import folds_of
from auditkit.probing.probes.labels import Labels, labels_of
from auditkit.probing.probes.linear import PENALTIES
from auditkit.probing.probes.reading import read_many

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LAYERS, SEEDS = 12, 5
SPECTRA = ("power-law", "isotropic")
CONTENDERS = ("auditkit ridge", "auditkit logistic", "newton-cholesky", "lbfgs, as it comes")
Found = dict[str, Any]


def planted(spectrum: str, layer: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Activations (n, d) float32 and a task (n,) that a linear reader gets right about 83 %."""
    rng = np.random.default_rng([SPECTRA.index(spectrum), layer])
    inside = rng.normal(size=(n, d))
    log_odds = inside @ rng.normal(size=d) * 3 / np.sqrt(d)
    task = (rng.random(n) < expit(log_odds)).astype(int)
    if spectrum == "power-law":
        inside /= np.arange(1, d + 1)
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return (inside @ axes).astype(np.float32), task


def labels_for(task: np.ndarray, layer: int) -> tuple[list[Labels], np.ndarray]:
    """The task, a control for each seed, and the parts of the rows."""
    rng = np.random.default_rng(layer)
    dealt = [labels_of(rng.permutation(task), name=f"control {one}") for one in range(SEEDS)]
    first = labels_of(task, name="task")
    return [first, *dealt], folds_of(first, rng, SEEDS)


def closed(x: np.ndarray, labels: list[Labels], part: np.ndarray) -> Found:
    """By `read_many`: every control is read on all parts, since a column costs next to nothing."""
    read = read_many(torch.from_numpy(x), labels, split=part)
    right = [one.said.argmax(axis=1) == one.labels.values for one in read]
    return {
        "task": float(right[0].mean()),
        "control": float(np.mean([right[1 + one][part == one].mean() for one in range(SEEDS)])),
        "bits": float(read[0].bits.mean()),
    }


def converged(x: np.ndarray, labels: list[Labels], part: np.ndarray) -> Found:
    """By the fits that `reader="logistic"` makes."""
    scores: dict[str, list[float]] = {"task": [], "control": [], "bits": []}
    wide = x.astype(float)
    for seed in range(SEEDS):
        held, chooses = part == seed, part == (seed + 1) % SEEDS
        for name, one in (("task", labels[0]), ("control", labels[1 + seed])):
            found = regression(wide, one, ~held & ~chooses, chooses)
            said = softmax(found.log_odds.said(wide[held]), axis=1)
            scores[name].append(float((said.argmax(axis=1) == one.values[held]).mean()))
            if name == "task":
                own = said[np.arange(len(said)), one.values[held]]
                scores["bits"].append(float(-np.log2(own).mean()))
    return {name: float(np.mean(one)) for name, one in scores.items()}


def theirs(
    make: Callable[[float], LogisticRegression],
    x: np.ndarray,
    labels: list[Labels],
    part: np.ndarray,
) -> Found:
    scores: dict[str, list[float]] = {"task": [], "control": [], "bits": []}
    told = 0.0
    x = x.astype(float)  # in float32 newton-cholesky gives up on the power law
    for seed in range(SEEDS):
        held, chooses = part == seed, part == (seed + 1) % SEEDS
        for name, one in (("task", labels[0]), ("control", labels[1 + seed])):
            y = one.values
            rows = ~held & ~chooses
            scaler = StandardScaler().fit(x[rows])
            near, far = scaler.transform(x[rows]), scaler.transform(x[chooses])
            costs = [
                _bits(_fit(make, p * rows.sum(), near, y[rows]), far, y[chooses]) for p in PENALTIES
            ]
            penalty = PENALTIES[int(np.argmin(costs))]
            clock = time.process_time()
            scaler = StandardScaler().fit(x[~held])
            last = _fit(make, penalty * (~held).sum(), scaler.transform(x[~held]), y[~held])
            told += time.process_time() - clock
            asked = scaler.transform(x[held])
            scores[name].append(float((last.predict(asked) == y[held]).mean()))
            if name == "task":
                scores["bits"].append(_bits(last, asked, y[held]))
    return {name: float(np.mean(one)) for name, one in scores.items()} | {"last fits": told}


def _fit(
    make: Callable[[float], LogisticRegression], penalty: float, x: np.ndarray, y: np.ndarray
) -> LogisticRegression:
    # A ridge's penalty bears on rows of weight 1, logistic regression's on weights below 1/4.
    return make(4 / penalty).fit(x, y)


def _bits(fitted: LogisticRegression, x: np.ndarray, y: np.ndarray) -> float:
    said = fitted.predict_proba(x)[np.arange(len(y)), y]
    return float(-np.log2(np.maximum(said, 1e-12)).mean())


def contender(name: str, spectrum: str, layer: int, n: int, d: int) -> Found:
    """One layer, in this process: seconds, scores, memory beyond that of the activations."""
    x, task = planted(spectrum, layer, n, d)
    labels, part = labels_for(task, layer)
    if name != "newton-cholesky":
        warnings.simplefilter("ignore", ConvergenceWarning)
    before = _most_held(forget=True)
    clock = time.process_time()
    match name:
        case "auditkit ridge":
            found = closed(x, labels, part)
        case "auditkit logistic":
            found = converged(x, labels, part)
        case "newton-cholesky":
            found = theirs(_newton, x, labels, part)
        case _:
            found = theirs(lambda c: LogisticRegression(C=c), x, labels, part)
    seconds = time.process_time() - clock
    return found | {"seconds": seconds, "peak": _most_held() - before}


def _most_held(*, forget: bool = False) -> float:
    """The most memory this process held, in MB; forget: from now on. As Linux tells it."""
    if forget:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith("VmHWM")) / 1024


def _newton(c: float) -> LogisticRegression:
    return LogisticRegression(C=c, solver="newton-cholesky", tol=1e-6, max_iter=1000)


def apart(name: str, spectrum: str, layer: int, n: int, d: int) -> Found:
    """The same in a process of its own."""
    asked = json.dumps([name, spectrum, layer, n, d])
    command = [sys.executable, __file__, "--contender", asked]
    alone = os.environ | dict.fromkeys(THREADS, "1")
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=alone)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compared(spectrum: str, layers: int, n: int, d: int) -> dict[str, Found]:
    """Each contender on one spectrum; ours on all layers, the others on the first, told for all."""
    found = {}
    for name in CONTENDERS:
        mine = name == "auditkit ridge"
        each = [apart(name, spectrum, layer, n, d) for layer in range(layers if mine else 1)]
        first = dict(each[0])
        first["all layers"] = sum(one["seconds"] for one in each) * (1 if mine else layers)
        first["peak"] = max(one["peak"] for one in each)
        found[name] = first
        _tell(f"{spectrum:10} {name:20}", first)
    fast = found["auditkit ridge"]["all layers"]
    for name in CONTENDERS[1:]:
        ratio = found[name]["all layers"] / fast
        alone = found[name].get("last fits", np.nan) * layers / fast
        sys.stdout.write(f"{spectrum:10} {name:20} {ratio:6.1f} times, last fits {alone:5.1f}\n")
    return found


def _tell(start: str, found: Found) -> None:
    sys.stdout.write(
        f"{start} {found['all layers']:8.1f} s  task {found['task']:.4f}  control "
        f"{found['control']:.4f}  bits {found['bits']:.4f}  peak {found['peak']:5.0f} MB\n"
    )
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="2 layers of 2,000 x 128")
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        sys.stdout.write(json.dumps(contender(*json.loads(options.contender))) + "\n")
        return
    n, d = (2_000, 128) if options.small else (10_000, 768)
    layers = min(options.layers, 2) if options.small else options.layers
    found = {one: compared(one, layers, n, d) for one in SPECTRA}
    if options.out:
        options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
