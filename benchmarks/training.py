"""What the presets reach and how long they take: trained, judged, and written to training.md.

    python -m benchmarks.training                              every quick preset
    python -m benchmarks.training --only gru-japanese-vowels fnn-adult
    python -m benchmarks.training --preset full                where there is a GPU

Each training is a process of its own, through the function behind `auditkit train`, one after
the other. training.json holds the figures; after every pair of network and data both files are
written anew, so that a run that is killed loses the pair it was at and no other. Rows that are
not run again stay as they were. Presets that may take a minute have three seeds, longer ones one.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.data.schema import Task
from auditkit.models.presets import NAMES, PRESETS, QUICK, preset_of
from auditkit.versions import versions
from benchmarks.training_page import page

HERE = Path(__file__).resolve().parent
SHORT, SEEDS = 60.0, 3  # seconds that a preset may take to be run with so many seeds
GENERATORS = ("gan", "dcgan")
Kept = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training; epochs 0 are the preset's own."""

    architecture: str
    data: str
    preset: str
    seed: int = 0
    epochs: int = 0

    @property
    def reference(self) -> str:
        """What the audit calls it."""
        return f"{self.architecture}-{self.data}"

    @property
    def folder(self) -> str:
        """Where its checkpoint is left."""
        return f"{self.reference}-{self.preset}-{self.seed}"


def trained(job: Job, folder: Path, judge: Path | None) -> Kept:
    """Scores, seconds and hardware of a training, which is left in the folder."""
    from auditkit.runtime import Runtime
    from auditkit.training import TrainingData, plan_of, train_checkpoint

    started = time.perf_counter()
    plan = plan_of(
        job.architecture, job.data, job.preset, {"epochs": job.epochs} if job.epochs else {}
    )
    done = train_checkpoint(
        plan, TrainingData(name=job.data), folder, runtime=Runtime(seed=job.seed), judge=judge
    )
    training = done.card.training
    first = next(iter(done.scores.values()), None)
    return {
        "seed": job.seed,
        "scores": {name: one.value for name, one in done.scores.items()},
        "trivial": first.null if done.card.task is Task.LANGUAGE else None,
        "seconds": training.seconds,
        "whole_seconds": time.perf_counter() - started,
        "epochs": len(training.history),
        "best_epoch": training.best_epoch,
        "parameters": training.parameters,
        "test_rows": done.test_rows,
        "hardware": training.hardware,
    }


def simpler(data: str, metric: str) -> dict[str, float]:
    """What the report's simpler models reach on the same test rows; empty where it has none."""
    from auditkit.data.tables import classes, labels, split, targets
    from auditkit.loading import table_from_catalogue
    from auditkit.models.baselines import fitted
    from auditkit.statistics import classification, multiclass, regression

    table = table_from_catalogue(data, ())
    truths = {Task.DECISION: labels, Task.CLASSES: classes, Task.NUMBER: targets}
    truth = truths.get(table.schema.task)
    scores: dict[str, Callable[[Any, Any], Any]] = {
        "accuracy": lambda asked, one: multiclass.accuracy(one.predictions == asked),
        "AUC": lambda asked, one: classification.auc(asked, one.answers),
        "R²": lambda asked, one: regression.r_squared(asked, one.answers),
    }
    if truth is None or metric not in scores:
        return {}
    known, test = split(table, seed=0)
    train = (known.frame, truth(known.frame, table.schema))
    asked = truth(test.frame, table.schema)
    found = fitted(train, test.frame, table.schema, seed=0)
    return {one.name: float(scores[metric](asked, one).value) for one in found}


def apart(task: Callable[..., Kept], *values: Any) -> Kept | None:
    """What the task gives in a process of its own; None, with the reason printed, if it fails."""
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(task, *values).result()
    except Exception as error:  # the others are trained all the same, also where one was killed
        print(f"  failed: {type(error).__name__}: {error}", flush=True)
    return None


def judge_of(job: Job, scratch: Path) -> Path | None:
    """The classifier that judges a generator: the quick one, trained now if it is not there.

    None where it could not be trained.
    """
    judge = Job(architecture="cnn", data=job.data, preset=QUICK, epochs=job.epochs)
    for known in (scratch / judge.folder, Path("checkpoints") / judge.reference):
        if (known / "card.json").is_file():
            return known
    print(f"  its judge first: {judge.folder}", flush=True)
    done = apart(trained, judge, scratch / judge.folder, None)
    return None if done is None else scratch / judge.folder


def row_of(job: Job, seeds: int, scratch: Path) -> Kept | None:
    """The row of a pair: a training for each seed; None where none of them ended."""
    runs = []
    for seed in range(seeds):
        one = Job(**{**vars(job), "seed": seed})
        print(f"{one.folder} ...", flush=True)
        judge = judge_of(one, scratch) if job.architecture in GENERATORS else None
        if job.architecture in GENERATORS and judge is None:
            continue  # trained for long, it could not be judged
        found = apart(trained, one, scratch / one.folder, judge)
        if found is not None:
            runs.append(found)
            scores = ", ".join(f"{name} {value:.4f}" for name, value in found["scores"].items())
            print(f"  {found['seconds']:.1f} s: {scores or 'not judged'}", flush=True)
    if not runs:
        return None
    return {
        "reference": job.reference,
        "preset": job.preset,
        "hardware": runs[0]["hardware"],
        "date": date.today().isoformat(),
        "versions": versions(),
        "runs": runs,
    }


def merged(kept: Kept, row: Kept) -> Kept:
    """The figures with this row in the place of that of the same pair, preset and hardware."""
    key = ("reference", "preset", "hardware")
    others = [one for one in kept["rows"] if any(one[part] != row[part] for part in key)]
    return {**kept, "rows": [*others, row]}


def read(path: Path) -> Kept:
    """The figures so far."""
    if not path.is_file():
        return {"rows": [], "simpler": {}}
    return json.loads(path.read_text(encoding="utf-8"))


def write(folder: Path, kept: Kept) -> None:
    """Both files, each all at once or not at all."""
    text = json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    for name, content in {"training.json": text, "training.md": page(kept)}.items():
        fresh = folder / f"{name}.new"
        fresh.write_text(content, encoding="utf-8")
        fresh.replace(folder / name)


def jobs_of(options: argparse.Namespace) -> list[Job]:
    """What was asked for, in the order of the presets."""
    return [
        Job(architecture=architecture, data=data, preset=options.preset, epochs=options.epochs)
        for (architecture, data), presets in PRESETS.items()
        if options.preset in presets
        and (not options.only or f"{architecture}-{data}" in options.only)
    ]


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    known = [f"{architecture}-{data}" for architecture, data in PRESETS]
    parser.add_argument("--only", nargs="+", metavar="ARCH-DATA", choices=known, default=[])
    parser.add_argument("--preset", choices=NAMES, default=QUICK)
    parser.add_argument("--seeds", type=int, default=0, help="of each pair, 0: by its length")
    parser.add_argument("--cpu", action="store_true", help="full presets without a GPU as well")
    parser.add_argument("--keep", type=Path, help="folder for the checkpoints")
    parser.add_argument("--into", type=Path, help="folder of training.json and training.md")
    parser.add_argument(
        "--epochs", type=int, default=0, help="a trial: nothing is written but with --into"
    )
    return parser.parse_args()


def main() -> int:
    """Train what was asked for; 1 where a pair gave no row."""
    options, failed = options_of(), 0
    into = options.into or (None if options.epochs else HERE)
    if options.preset != QUICK and not options.cpu and not gpu():
        print("full presets are not run: there is no GPU here (--cpu runs them all the same)")
        return 0
    with ExitStack() as stack:
        scratch = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for job in jobs_of(options):
            preset = preset_of(job.architecture, job.data, job.preset)
            short = (preset.seconds or SHORT) <= SHORT
            row = row_of(job, options.seeds or (SEEDS if short else 1), scratch)
            if row is None:
                failed = 1
                continue
            # Read again: what another run has written meanwhile stays.
            kept = merged(read((into or scratch) / "training.json"), row)
            name = f"{job.data}: {preset.metric}"
            if name not in kept["simpler"]:
                kept["simpler"][name] = apart(simpler, job.data, preset.metric) or {}
            write(into or scratch, kept)
    return failed


def gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    sys.exit(main())
