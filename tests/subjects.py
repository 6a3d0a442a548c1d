"""Planted subjects for the tests: tables whose answer is known, audited by their own columns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from auditkit.data.planted import planted
from auditkit.data.schema import Column, Kind, Schema, Task
from auditkit.data.tables import Table
from auditkit.models.card import (
    Card,
    CurvePoint,
    DataSource,
    Epoch,
    Head,
    LearningCurve,
    Training,
)
from auditkit.models.predictions import PredictionsModel
from auditkit.models.predictor import Ability, Images, Judge
from auditkit.runtime import Runtime
from auditkit.subject import Subject


def subject(
    frame: pd.DataFrame,
    *,
    sensitive: Sequence[str] = ("group",),
    features: Sequence[str] = (),
    train: pd.DataFrame | None = None,
    card: Card | None = None,
    prediction: str | None = "prediction",
    score: str | None = None,
    target: str = "label",
) -> Subject:
    """A subject whose answers are columns of the frame; the target is 0/1."""
    schema = Schema(
        target=Column(name=target, kind=Kind.CATEGORICAL, levels=("0", "1")),
        positive="1",
        features=tuple(
            Column(
                name=name,
                kind=Kind.NUMERIC
                if pd.api.types.is_numeric_dtype(frame[name])
                else Kind.CATEGORICAL,
            )
            for name in features
        ),
        sensitive=tuple(Column(name=name, kind=Kind.CATEGORICAL) for name in sensitive),
    )
    table = Table(frame=frame, schema=schema, name="planted", sha256="0" * 64)
    return Subject(
        predictor=PredictionsModel(
            name="planted", where="planted", schema=schema, prediction=prediction, score=score
        ),
        table=table,
        train=None if train is None else replace(table, frame=train),
        card=card,
        runtime=Runtime(device="cpu"),
    )


def gap_of(size: float, *, n: int = 4000, groups: int = 2, seed: int = 0) -> pd.DataFrame:
    """Rows whose selection rates differ by `size` between groups; labels do not."""
    return planted(n, gap=size, rng=np.random.default_rng(seed), groups=groups).frame


def counted(**cells: tuple[int, int, int, int]) -> pd.DataFrame:
    """Rows with exactly these tp, fp, fn, tn by group."""
    parts = []
    for group, (tp, fp, fn, tn) in cells.items():
        label = [1] * tp + [0] * fp + [1] * fn + [0] * tn
        decided = [1] * (tp + fp) + [0] * (fn + tn)
        parts.append(pd.DataFrame({"group": group, "label": label, "prediction": decided}))
    return pd.concat(parts, ignore_index=True)


def card_with(
    *, dead: float = 0.0, seconds: float = 3.0, curve: LearningCurve | None = None
) -> Card:
    """A card whose training is made up; only what the checks of training read is filled in."""
    from auditkit.data.encoding import TableEncoder

    epoch = Epoch(
        epoch=1,
        train_loss=0.5,
        validation_loss=0.5,
        metrics={"accuracy": 0.8},
        gradient_norm=1.0,
        learning_rate=1e-3,
        layers={"hidden.0": (0.1, 1e-3)},
        dead_units=dead,
        saturated_units=0.0,
        rows_per_second=100 / seconds,
        seconds=seconds,
    )
    training = Training(
        recipe={"epochs": 1},
        seed=0,
        device="cpu",
        hardware="2 threads",
        train_rows=100,
        validation_rows=20,
        parameters=10,
        best_epoch=1,
        seconds=seconds,
        operations=1e9,
        history=(epoch,),
    )
    schema = Schema(
        target=Column(name="label", kind=Kind.CATEGORICAL),
        positive="1",
        features=(),
        sensitive=(),
    )
    return Card(
        architecture="fnn",
        options={},
        head=Head(task=Task.DECISION),
        schema=schema,
        encoder=TableEncoder(numeric=(), categorical=()),
        data=DataSource(
            name="planted", sha256="0" * 64, catalogue=False, test_fraction=0.25, split_seed=0
        ),
        training=training,
        versions={},
        curve=curve,
    )


class PlantedGenerator:
    """Gives the images it was made with, whatever the rows."""

    abilities: frozenset[Ability] = frozenset()
    facts: Mapping[str, Any] = MappingProxyType({"name": "planted"})
    task = Task.IMAGES

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def outputs(self, frame: pd.DataFrame) -> Images:
        return Images(pixels=self.pixels)


class QuadrantJudge:
    """Sees how bright small squares of an 8 x 8 image are; the brightest quadrant is its class."""

    name = "the brightest quadrant"
    levels = ("0", "1", "2", "3")

    def look(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(pixels)
        features = pixels.reshape(n, 4, 2, 4, 2).mean(axis=(2, 4)) / 255  # of 2 x 2 pixels each
        bright = features.reshape(n, 2, 2, 2, 2).mean(axis=(2, 4)).reshape(n, 4)
        return features.reshape(n, 16), np.eye(4)[bright.argmax(axis=1)]


def quadrants(n: int, *, seed: int, classes: Sequence[int] = range(4)) -> np.ndarray:
    """Noise (n, 1, 8, 8) uint8 with one quadrant, drawn from `classes`, brighter than the rest."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 128, size=(n, 2, 4, 2, 4))
    place = rng.choice(np.asarray(classes), size=n)
    pixels[np.arange(n), place // 2, :, place % 2] += rng.integers(64, 128, size=(n, 1, 1))
    return pixels.reshape(n, 1, 8, 8).astype(np.uint8)


def generator(made: np.ndarray, *, n: int = 1000, judge: Judge | None = None) -> Subject:
    """A generator of these images, audited on n quadrants and trained on n others."""
    schema = Schema(
        target=Column(name="label", kind=Kind.CATEGORICAL, levels=QuadrantJudge.levels),
        positive=None,
        features=(Column(name="image", kind=Kind.IMAGE),),
        sensitive=(),
    )
    test, train = (pd.DataFrame({"image": list(quadrants(n, seed=seed))}) for seed in (0, 1))
    table = Table(frame=test.assign(label="0"), schema=schema, name="planted", sha256="0" * 64)
    return Subject(
        predictor=PlantedGenerator(made),
        table=table,
        train=replace(table, frame=train),
        card=None,
        runtime=Runtime(device="cpu"),
        judge=judge or QuadrantJudge(),
    )


def hungry(exponent: float) -> LearningCurve:
    """Accuracies whose error falls with the rows as this power, to a floor of .05."""
    points = []
    for rows in (100, 200, 400, 800, 1600):
        score = 0.95 - 3 * rows**-exponent
        points.append(
            CurvePoint(rows=rows, score=score, low=score - 2e-3, high=score + 2e-3, seconds=1.0)
        )
    return LearningCurve(metric="accuracy", higher=True, ideal=1.0, points=tuple(points))
