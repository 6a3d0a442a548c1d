"""Directions of a latent space along which an attribute of the images rises.

Shen et al. 2020, "Interpreting the Latent Space of GANs for Semantic Face Editing"; Jahanian et
al. 2020, "On the 'steerability' of generative adversarial networks".
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.errors import UsageError
from auditkit.probing.latents.making import Making, spread_of
from auditkit.probing.telling import in_short
from auditkit.runtime import track
from auditkit.statistics import regression
from auditkit.statistics.estimate import Estimate

Floats = NDArray[np.float64]

FOLDS = 5
PENALTY = 1.0  # on standard normal latents: as much as one image weighs
DOSES = (-2.0, -1.0, 0.0, 1.0, 2.0)  # standard deviations along a direction
RANDOM = 19  # directions drawn at random


@dataclass(frozen=True, kw_only=True, eq=False)
class Direction:
    """What moves along one direction (z,), of length 1, fitted to one attribute.

    read is the share of the attribute's differences (R squared) that a linear function of the
    latent vector tells of images it was not fitted on; shuffled is the same once the attribute is
    dealt out among the images. effect is by how many standard deviations of the attribute it rises
    from -2 to +2 along the direction, on fresh latent vectors; random is the largest size of it
    among 19 directions drawn at random. rising is the share of the steps between doses at which the
    mean rises.
    """

    __repr__ = in_short

    attribute: str
    vector: Floats
    read: Estimate
    shuffled: float
    effect: Estimate
    random: float
    rising: float

    @property
    def controls(self) -> bool:
        """Whether the attribute surely follows its direction, and more than any random one."""
        return self.read.low > max(self.shuffled, 0) and self.effect.low > self.random


@dataclass(frozen=True, kw_only=True, eq=False)
class Directions:
    """A direction for each attribute that varies.

    entanglement says by how many of its standard deviations each attribute (column) rises from -2
    to +2 along the direction of each (row); cosines how alike the directions are. curves has a
    line for each attribute and dose: its mean change, with an interval over latent vectors.
    """

    __repr__ = in_short

    directions: tuple[Direction, ...]
    entanglement: pd.DataFrame
    cosines: pd.DataFrame
    curves: pd.DataFrame
    images: int

    @property
    def frame(self) -> pd.DataFrame:
        """A line for each attribute."""
        return pd.DataFrame(
            {
                "attribute": [one.attribute for one in self.directions],
                "read": [one.read.value for one in self.directions],
                "read low": [one.read.low for one in self.directions],
                "read high": [one.read.high for one in self.directions],
                "shuffled": [one.shuffled for one in self.directions],
                "effect": [one.effect.value for one in self.directions],
                "effect low": [one.effect.low for one in self.directions],
                "effect high": [one.effect.high for one in self.directions],
                "random": [one.random for one in self.directions],
                "rising": [one.rising for one in self.directions],
                "controls": [one.controls for one in self.directions],
            }
        )


def latent_directions(made: Making, *, images: int = 1500, moved: int = 64) -> Directions:
    """The direction of each attribute, how well it is read, and what moving along it does.

    Read on `images` made images by ridge regression, cross-validated; moved on as many fresh
    latent vectors as `moved` says. An attribute that does not vary is left out. Raises UsageError
    for fewer than two images a latent number and folds, DataError where nothing varies.
    """
    if images < max(2 * made.size, 10 * FOLDS) or moved < 2:
        raise UsageError(
            f"{images} images for {made.size} latent numbers: give {max(2 * made.size, 10 * FOLDS)}"
            " or more, and two to move"
        )
    latents = made.drawn(images, "directions")
    table = made.looked_at(latents)
    spread = spread_of(table)
    x = latents.cpu().double().numpy()
    rng = made.runtime.rng("latent directions")
    part = rng.permutation(np.arange(images) % FOLDS)
    vectors, readings = [], []
    for name in spread.index:
        values = table[name].to_numpy(float)
        shuffled = rng.permutation(values)
        readings.append((_read(x, values, part), _read(x, shuffled, part)))
        weight = _ridge(x, values)[0]
        vectors.append(weight / max(float(np.linalg.norm(weight)), 1e-12))
    moves = _moves(made, np.stack(vectors), spread, moved)
    largest = _largest_random(made, spread, moved, rng)
    return _directions(np.stack(vectors), readings, moves, largest, spread, images)


def _ridge(x: Floats, y: Floats) -> tuple[Floats, float]:
    mean, middle = x.mean(axis=0), float(y.mean())
    squares = (x - mean).T @ (x - mean) + PENALTY * np.eye(x.shape[1])
    weight = np.linalg.solve(squares, (x - mean).T @ (y - middle))
    return weight, middle - float(mean @ weight)


def _read(x: Floats, y: Floats, part: NDArray[np.int64]) -> Estimate:
    """R squared of rows that were held out."""
    said = np.empty(len(y))
    for fold in range(FOLDS):
        held = part == fold
        weight, bias = _ridge(x[~held], y[~held])
        said[held] = x[held] @ weight + bias
    return regression.r_squared(y, said)


def _moves(made: Making, vectors: Floats, spread: pd.Series, moved: int) -> Floats:
    """Changes (directions, doses, moved, attributes) in standard deviations."""
    begun = made.drawn(moved, "moved along directions")
    base = made.looked_at(begun)[spread.index].to_numpy(float)
    found = np.zeros((len(vectors), len(DOSES), moved, len(spread)))
    for i, vector in enumerate(track(vectors, "moving along directions", len(vectors))):
        step = torch.from_numpy(vector.astype(np.float32)).to(begun)
        for j, dose in enumerate(DOSES):
            if dose:
                there = made.looked_at(begun + dose * step)[spread.index].to_numpy(float)
                found[i, j] = (there - base) / spread.to_numpy()
    return found


def _largest_random(
    made: Making, spread: pd.Series, moved: int, rng: np.random.Generator
) -> Floats:
    """The largest size of the effect of a random direction on each attribute."""
    drawn = rng.standard_normal((RANDOM, made.size))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    begun = made.drawn(moved, "moved along directions")
    effects = []
    for vector in drawn:
        step = torch.from_numpy(vector.astype(np.float32)).to(begun)
        low, high = (
            made.looked_at(begun + dose * step)[spread.index].to_numpy(float)
            for dose in (DOSES[0], DOSES[-1])
        )
        effects.append((high - low).mean(axis=0) / spread.to_numpy())
    return np.asarray(np.abs(effects).max(axis=0))


def _directions(
    vectors: Floats,
    readings: list[tuple[Estimate, Estimate]],
    moves: Floats,
    largest: Floats,
    spread: pd.Series,
    images: int,
) -> Directions:
    names = list(spread.index)
    found, curves = [], []
    for i, name in enumerate(names):
        own = moves[i, :, :, i]  # (doses, moved)
        means = [mean_of(one) for one in own]
        rising = np.diff([one.value for one in means]) > 0
        found.append(
            Direction(
                attribute=name,
                vector=vectors[i],
                read=readings[i][0],
                shuffled=readings[i][1].value,
                effect=mean_of(own[-1] - own[0]),
                random=float(largest[i]),
                rising=float(rising.mean()),
            )
        )
        curves += [
            (name, dose, one.value, one.low, one.high)
            for dose, one in zip(DOSES, means, strict=True)
        ]
    ends = (moves[:, -1] - moves[:, 0]).mean(axis=1)
    return Directions(
        directions=tuple(found),
        entanglement=pd.DataFrame(ends, index=names, columns=names),
        cosines=pd.DataFrame(vectors @ vectors.T, index=names, columns=names),
        curves=pd.DataFrame(curves, columns=["attribute", "dose", "change", "low", "high"]),
        images=images,
    )
