"""Which trained generators an audit passes and which it catches, on digits of 16 x 16 pixels.

    python -m benchmarks.generators [--epochs 120] [--mixed 60]

One that works, the same with a checkerboard laid over, the plain design of 2016, one that repeats
its training images, and two that learned from two digits: 80 and 20 % as their data are, 90 and
10 % beside data of 80 and 20 %. Prints a table, and the seconds taken.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from auditkit.checks.base import CHECKS
from auditkit.data import catalogue
from auditkit.data.catalogue.base import cells
from auditkit.data.encoders import Coding
from auditkit.data.tables import Table, split
from auditkit.errors import NotApplicable
from auditkit.models import files
from auditkit.models.base import ARCHITECTURES
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.presets import PAINTER, STEADY
from auditkit.models.recipe import Engine
from auditkit.models.train import Plan, train
from auditkit.results import Finding, Status
from auditkit.runtime import Runtime
from auditkit.subject import Subject
from tests.media import SOURCE
from tests.subjects import PlantedGenerator

CHECKED = ("generation", "generated-classes", "generated-spectrum")
SIDE = 16
SIZES = {"gan": {"width": 16, "latent": 32}, "dcgan": {"width": 16, "latent": 32}, "cnn": {}}
RUNTIME = Runtime(device="cpu")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One generator: what it is, what of it failed, the figures that say so."""

    name: str
    failed: Sequence[str]
    figures: dict[str, float]


def scaled() -> Table:
    """The digits at 16 x 16 pixels."""
    table = catalogue.load("digits")

    def larger(image: np.ndarray) -> np.ndarray:
        big = Image.fromarray(image[0]).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return np.asarray(big)[None]

    frame = table.frame.assign(image=cells([larger(one) for one in table.frame["image"]]))
    return replace(table, frame=frame)


def trained(name: str, table: Table, epochs: int, seed: int = 0) -> CheckpointModel:
    """An architecture that learned from a table's images."""
    recipe = replace(PAINTER if name != "cnn" else STEADY, epochs=epochs)
    plan = Plan(
        architecture=name,
        options=ARCHITECTURES[name].Options(**SIZES[name]),
        recipe=replace(recipe, averaging=0.99 if name == "gan" else 0.0),  # the plain one has none
        coding=Coding(),
        engine=Engine(),
    )
    model, card = train(plan, table, source=SOURCE, runtime=replace(RUNTIME, seed=seed))
    checkpoint = files.Checkpoint(model=model, card=card, sha256="0" * 64)
    return CheckpointModel(checkpoint=checkpoint, runtime=RUNTIME, name=name)


def mixed(table: Table, *, first: float, n: int, seed: int = 0) -> Table:
    """n images of 0 and 1, of which a share is 0, drawn again where there are too few."""
    rng = np.random.default_rng(seed)
    label = table.frame["label"].to_numpy()
    counts = {"0": round(first * n), "1": n - round(first * n)}
    rows = [rng.choice(np.flatnonzero(label == one), count) for one, count in counts.items()]
    target = replace(table.schema.target, levels=("0", "1"))
    frame = table.frame.iloc[rng.permutation(np.concatenate(rows))].reset_index(drop=True)
    return replace(table, frame=frame, schema=replace(table.schema, target=target))


def of_two(table: Table) -> Table:
    """The rows of 0 and 1, each once."""
    kept = table.frame["label"].isin(["0", "1"])
    target = replace(table.schema.target, levels=("0", "1"))
    schema = replace(table.schema, target=target)
    return replace(table, frame=table.frame[kept].reset_index(drop=True), schema=schema)


def audited(name: str, predictor: Any, test: Table, learned: Table, judge: Any) -> Line:
    """The findings of the checks of made images."""
    subject = Subject(
        predictor=predictor, table=test, train=learned, card=None, runtime=RUNTIME, judge=judge
    )
    found: list[Finding] = []
    for check in CHECKED:
        try:
            found += [one for one in CHECKS[check]().run(subject) if isinstance(one, Finding)]
        except NotApplicable as error:
            print(f"{name}: {check} has no say: {error}")
    failed = [one.metric for one in found if one.status is Status.FAILED]
    print(f"{name}: fails by {', '.join(failed) or 'nothing'}", flush=True)
    return Line(name=name, failed=failed, figures={one.metric: one.value for one in found})


def checkered(pixels: np.ndarray, grey: int = 12) -> np.ndarray:
    """Images with a faint checkerboard."""
    board = np.indices(pixels.shape[2:]).sum(axis=0) % 2 * 2 - 1
    return np.clip(pixels.astype(int) + grey * board, 0, 255).astype(np.uint8)


def measured(epochs: int, mixed_epochs: int) -> list[Line]:
    """All generators, trained and audited."""
    learned, test = split(scaled(), seed=0)
    judge = trained("cnn", learned, 10)
    working = trained("gan", learned, epochs)
    rng = np.random.default_rng(0)
    images = np.stack(list(learned.frame["image"]))
    copies = images[rng.integers(len(images), size=2000)]
    lines = [
        audited("a GAN that works", working, test, learned, judge),
        audited("a plain DCGAN", trained("dcgan", learned, epochs), test, learned, judge),
        audited("training images again", PlantedGenerator(copies), test, learned, judge),
        audited(
            "the GAN, a checkerboard laid over",
            PlantedGenerator(checkered(working.outputs(test.frame).pixels)),
            test,
            learned,
            judge,
        ),
    ]
    two, other = (mixed(one, first=0.8, n=n) for one, n in ((learned, 1000), (test, 400)))
    eyes = trained("cnn", of_two(learned), 40)
    for name, share in (("80/20 from 80/20", 0.8), ("90/10 beside 80/20", 0.9)):
        made = trained("gan", mixed(learned, first=share, n=1000), mixed_epochs)
        lines.append(audited(name, made, other, two, eyes))
    return lines


def main() -> None:
    """Train, audit, print."""
    options = argparse.ArgumentParser()
    options.add_argument("--epochs", type=int, default=120)
    options.add_argument("--mixed", type=int, default=60)
    given = options.parse_args()
    begun = perf_counter()
    lines = measured(given.epochs, given.mixed)
    frame = pd.DataFrame([{"generator": one.name, **one.figures} for one in lines])
    print(frame.set_index("generator").T.round(3).to_string())
    print(f"{perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
