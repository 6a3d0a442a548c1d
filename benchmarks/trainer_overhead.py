"""What the trainer costs beside a loop written by hand, and beside skorch and Lightning.

    python -m benchmarks.trainer_overhead     in an environment with benchmarks/requirements.txt

All train the same network on the same rows in the same batches or as many; the loop by hand must
come to the trainer's loss, or the command stops. Pairs alternate, so that a busy machine slows
all alike; read the ratios, not the seconds. A peer that is not installed is said to be so.
Weights are not averaged, images not moved and learning rates held: a recipe may ask for more.
"""

import argparse
import copy
import itertools
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

# Run as a file, only its own folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from auditkit.data.tables import split
from auditkit.loading import table_from_catalogue
from auditkit.models.base import ARCHITECTURES
from auditkit.models.batches import shuffled
from auditkit.models.figures import operations_of
from auditkit.models.preparation import prepare
from auditkit.models.train import hardware
from auditkit.models.trainer import Trainer
from auditkit.models.work import Work, moved
from auditkit.runtime import Runtime
from auditkit.training import plan_of
from benchmarks.trainer_peers import PEERS, Loop, in_memory, loaded

MOST_OVERHEAD, LEAST_LEAD = 1.05, 2.0  # what is asked of the steps, and of batches in memory
AGREE = 0.02  # of the losses: both round, and steps amplify what they round
PLAIN = {"averaging": 0.0, "flip": False, "shift": 0, "schedule": "constant", "warmup": 0.0}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Which network on which data; rows of the training part (0: all), epochs timed together."""

    architecture: str
    data: str
    rows: int = 0
    epochs: int = 1

    def __str__(self) -> str:
        return f"{self.architecture} on {self.data}"


ADULT = Case(architecture="fnn", data="adult")
CASES = (
    ADULT,
    Case(architecture="cnn", data="fashion-mnist", rows=6000),
    Case(architecture="gru", data="japanese-vowels", epochs=5),
)


def trainer_of(case: Case, most: int) -> Trainer:
    """The quick preset's trainer, ready to begin, on a CPU or a GPU; `most` bounds the rows."""
    runtime = Runtime()
    device = runtime.resolved_device()
    plan = plan_of(case.architecture, case.data, "quick")
    recipe = replace(plan.recipe, patience=0, **PLAIN)
    table, _ = split(table_from_catalogue(case.data, ()), seed=0)
    rows = min(one for one in (case.rows, most, len(table.frame)) if one)
    drawn = table.frame.sample(rows, random_state=0).reset_index(drop=True)
    ready = prepare(
        case.architecture,
        replace(table, frame=drawn),
        recipe=recipe,
        coding=plan.coding,
        engine=plan.engine,
        runtime=runtime,
        device=device,
        options=plan.options,
    )
    with runtime.seeded("train"):
        family = ARCHITECTURES[case.architecture]
        model = family.build(ready.encoder, ready.head, plan.options).to(device)
    model.to(memory_format=torch.channels_last)
    return Trainer(
        model,
        Work(
            fitting=ready.fitting,
            validation=ready.validation,
            phases=ready.phases,
            recipe=recipe,
            engine=plan.engine,
            runtime=runtime,
            device=device,
        ),
    )


class Timed(Trainer):
    """A trainer that knows how long its steps took, apart from what an epoch does beside them."""

    stepping = 0.0

    def _train(self, number: int) -> Any:
        started = time.perf_counter()
        found = super()._train(number)
        self.stepping += time.perf_counter() - started
        return found


def again(trainer: Trainer, epochs: int) -> Timed:
    """A trainer with the same work that begins from the same network, for so many epochs."""
    phases = tuple(replace(one, epochs=epochs) for one in trainer.work.phases)
    return Timed(copy.deepcopy(trainer.model), replace(trainer.work, phases=phases))


def seconds(task: Callable[[], Any]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def alternating(tasks: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each task in each round, after one that is not counted; the first one rotates."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    names = list(tasks)
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found = tasks[name]()
            if turn:
                taken[name].append(found)
    return taken


def middle(taken: list[float]) -> float:
    return statistics.median(taken)


def told(taken: dict[str, list[float]], epochs: int, what: str, asked: str = "") -> None:
    """One line: the medians, and the median of each round's ratio with the least and the most."""
    (first, these), (second, those) = taken.items()
    found = [a / b for a, b in zip(these, those, strict=True)]
    print(
        f"  {what}: {first} {middle(these) / epochs:.3f} s, {second} {middle(those) / epochs:.3f} "
        f"s; ratio {middle(found):.3f} ({min(found):.3f} to {max(found):.3f})"
        + (f", asked: {asked}" if asked else "")
    )


def steps(case: Case, trainer: Trainer, pairs: int) -> None:
    """The trainer's steps beside the loop's, and what an epoch takes beside its steps."""
    ours, loop = again(trainer, case.epochs * (pairs + 1)), Loop(trainer)
    work, numbers = trainer.work, itertools.count(1)
    losses: list[float] = []
    whole: list[float] = []

    def trained() -> float:
        before = ours.stepping
        whole.append(seconds(lambda: [ours._epoch() for _ in range(case.epochs)]))
        return ours.stepping - before

    def by_hand() -> float:
        took = 0.0
        for number in itertools.islice(numbers, case.epochs):
            with work.runtime.seeded(f"epoch {number}"):
                started = time.perf_counter()
                losses.append(loop.epoch(in_memory(work, number)))
                took += time.perf_counter() - started
        return took

    taken = alternating({"trainer": trained, "loop": by_hand}, pairs)
    own = [one.train_loss for one in ours.history]
    np.testing.assert_allclose(own[: case.epochs], losses[: case.epochs], rtol=AGREE)
    beside = [every - part for every, part in zip(whole[1:], taken["trainer"], strict=True)]
    print(f"{case}: {len(work.fitting):,} rows in batches of {work.recipe.batch_size}")
    told(taken, case.epochs, "steps of an epoch", f"at most {MOST_OVERHEAD}")
    print(
        f"  validation, census, copy of the best: {middle(beside) / case.epochs:.3f} s an epoch "
        f"of {len(work.validation):,} validation rows; {once(ours)}"
    )


def once(trainer: Trainer) -> str:
    """What is done once in a training, or once in ten seconds."""
    work = trainer.work
    batch = moved(next(work.fitting.batches([np.arange(work.recipe.batch_size)])), work)
    counted = seconds(lambda: operations_of(trainer.model, trainer._objective, batch))
    with tempfile.TemporaryDirectory() as folder:
        trainer.work = replace(work, folder=Path(folder))
        written = seconds(trainer._write)
    return f"operations counted once in {counted:.3f} s, progress written in {written:.3f} s"


def batches(trainer: Trainer, pairs: int) -> None:
    """Adult in memory beside torch's DataLoader: batches alone, then with a step on each."""
    work, rng = trainer.work, trainer.work.runtime.rng("benchmark")
    ours, loop = again(trainer, pairs + 1), Loop(trainer)

    def drawn() -> None:
        part, size = work.fitting, work.recipe.batch_size
        for _ in part.batches(shuffled(part, size, rng)):
            pass

    def through_loader() -> None:
        for _ in loaded(work):
            pass

    print("Adult through torch's DataLoader, and from memory as the trainer draws it")
    alone = {"loader": through_loader, "memory": drawn}
    trained = {"loader": lambda: loop.epoch(loaded(work)), "memory": lambda: ours._train(1)}
    for what, tasks in (("batches of an epoch, no steps", alone), ("steps of an epoch", trained)):
        timed = {name: partial(seconds, task) for name, task in tasks.items()}
        told(alternating(timed, pairs), 1, what, f"at least {LEAST_LEAD:g}")


def peers(trainer: Trainer, pairs: int, epochs: int) -> None:
    """A whole training of the same tensors, ours with validation and census, theirs without."""
    tasks: dict[str, Callable[[], float]] = {}
    for name, training in PEERS.items():
        if find_spec(name) is None:
            print(f"{name}: not installed")
            continue
        tasks[name] = partial(training, trainer, epochs)
    tasks["trainer"] = lambda: seconds(again(trainer, epochs).fit)
    taken = alternating(tasks, pairs)
    print(f"Adult, a whole training of {epochs} epochs; only the trainer's has validation")
    print(f"  trainer: {middle(taken['trainer']):.3f} s")
    for name in tasks:
        if name != "trainer":
            told({name: taken[name], "trainer": taken["trainer"]}, 1, "training")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=7, help="rounds that count")
    parser.add_argument("--epochs", type=int, default=2, help="of a training beside the peers'")
    parser.add_argument("--rows", type=int, default=0, help="at most so many, for a trial")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    runtime = Runtime()
    print(
        f"{hardware(runtime.resolved_device())}; Python {platform.python_version()}; "
        f"{', '.join(versions())}; medians of {options.pairs} alternating rounds"
    )
    trainers = {case: trainer_of(case, options.rows) for case in CASES}
    for case, trainer in trainers.items():
        steps(case, trainer, options.pairs)
    batches(trainers[ADULT], options.pairs)
    peers(trainers[ADULT], options.pairs, options.epochs)


def versions() -> list[str]:
    found = []
    for name in ("torch", *PEERS):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return found


if __name__ == "__main__":
    main()
