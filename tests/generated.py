"""Generators planted among quadrants: whose classes lean, and whose images have a grid."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from auditkit.models.predictor import Images
from auditkit.subject import Subject
from tests.learned import learner
from tests.subjects import PlantedGenerator, QuadrantJudge, generator, quadrants


class WeakJudge(QuadrantJudge):
    """Takes one in five of the second class for the first."""

    name = "a weak eye"

    def look(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features, seen = super().look(pixels)
        wrong = (seen.argmax(axis=1) == 1) & (pixels.sum(axis=(1, 2, 3)) % 5 == 0)
        seen[wrong] = [1, 0, 0, 0]
        return features, seen


class Halves:
    """Sees the mean of each column, and whether the left or the right half is brighter."""

    name = "the brighter half"
    levels = ("left", "right")

    def look(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = pixels.mean(axis=(1, 2)) / 255
        left, right = (one.mean(axis=1) for one in np.array_split(columns, 2, axis=1))
        return columns, np.eye(2)[(right > left).astype(int)]


class ToldGenerator(PlantedGenerator):
    """Makes images of the classes it is told."""

    def __init__(self, pixels: np.ndarray, told: np.ndarray) -> None:
        super().__init__(pixels)
        self.told = told

    def outputs(self, frame: object) -> Images:
        return Images(pixels=self.pixels, classes=self.told)


def drawn(shares: Sequence[float], n: int, seed: int) -> np.ndarray:
    """Quadrants of classes with these shares, exactly, in a drawn order."""
    counts = np.round(np.asarray(shares) * n).astype(int)
    parts = [quadrants(c, seed=seed + i, classes=[i]) for i, c in enumerate(counts) if c]
    return np.random.default_rng(seed).permutation(np.concatenate(parts))


def leaning(
    trained: Sequence[float], made: Sequence[float], *, seed: int = 7, n: int = 2000
) -> Subject:
    """A generator of classes with these shares that learned from others; its judge errs."""
    plain = generator(drawn(made, n, seed), judge=WeakJudge())
    seen = QuadrantJudge().look

    def labelled(frame_of: np.ndarray) -> dict[str, list[object]]:
        return {"image": list(frame_of), "label": seen(frame_of)[1].argmax(axis=1).astype(str)}

    assert plain.train is not None
    test, train = (
        plain.table.frame.iloc[:0].reindex(range(n)).assign(**labelled(images))
        for images in (drawn([0.25] * 4, n, seed + 10), drawn(trained, n, seed + 20))
    )
    return replace(
        plain,
        table=replace(plain.table, frame=test),
        train=replace(plain.train, frame=train),
    )


def told(*, confused: float) -> Subject:
    """A generator that is told a class evenly, and makes the next one in a share of the images."""
    made = leaning([0.25] * 4, [0.25] * 4)
    rng = np.random.default_rng(0)
    classes = np.arange(1000) % 4
    shown = np.where(rng.random(1000) < confused, (classes + 1) % 4, classes)
    pixels = np.concatenate([quadrants(1, seed=int(i), classes=[c]) for i, c in enumerate(shown)])
    return replace(made, predictor=ToldGenerator(pixels, classes))


@cache
def judged_generator() -> Subject:
    """A small GAN that was trained for a moment, with a judge."""
    return replace(learner("gan"), judge=Halves())


def checkered(pixels: np.ndarray, grey: int) -> np.ndarray:
    """Images with a checkerboard of single pixels laid over them, in grey levels."""
    board = np.indices(pixels.shape[2:]).sum(axis=0) % 2 * 2 - 1
    return np.clip(pixels.astype(int) + grey * board, 0, 255).astype(np.uint8)
