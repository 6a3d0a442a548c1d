"""Control tasks: labels that a probe can get right only by memory, and how much of a score that is.

Hewitt & Liang 2019, "Designing and Interpreting Probes with Control Tasks": every type (a word)
is given a label at random, so that nothing but the type tells it. A probe that does well there has
room enough to learn labels by heart, and its score on the real task says little of the layer.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom
from torch import Tensor

from auditkit.errors import DataError
from auditkit.probing.probes.labels import Labels

Kind = Literal["given", "persons", "cells", "rows"]
Ints = NDArray[np.int64]

TRIES = 20  # draws for each that is wanted
CELL = 8  # rows of a cell at most: of five parts, some of them are fitted on and some are asked
MADE = {
    "given": "the types given",
    "persons": "persons",
    "cells": "groups of rows whose inputs are alike",
    "rows": "single rows",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Types:
    """Which rows a control task must give the same label.

    codes (n,) count from 0. kind says where they are from.
    """

    codes: Ints
    kind: Kind

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def many(self) -> int:
        """How many types there are."""
        return int(self.codes.max()) + 1

    def seen(self, parts: np.ndarray) -> float:
        """The share of rows whose type is among the rows that their probe is fitted on."""
        table = np.zeros((self.many, int(parts.max()) + 1), dtype=bool)
        table[self.codes, parts] = True
        elsewhere = table.sum(axis=1)[self.codes] - 1  # parts other than the row's own
        return float((elsewhere > 0).mean())

    def note(self, parts: np.ndarray) -> str:
        """What the control can show on these parts, in one sentence."""
        share = self.seen(parts)
        what = f"labels drawn at random for each of {self.many:,} {MADE[self.kind]}"
        if share == 0:
            return (
                f"Control: {what}, none of which a probe sees again: it cannot learn them by "
                "heart, and the control is chance."
            )
        return f"Control: {what}; the probe has met the type of {100 * share:.0f} % of rows before."


def capacity(types: int, dimensions: int) -> float:
    """The chance that two classes drawn at random for each type can be learnt by heart.

    By a linear reader with a constant, of points in general position in so many dimensions: 1 up
    to dimensions + 1 types, 1/2 at twice as many. The closer to 1, the less a score says.

    Cover 1965, "Geometrical and Statistical Properties of Systems of Linear Inequalities".
    """
    return float(binom.cdf(dimensions, types - 1, 0.5))


def types_of(
    labels: Labels,
    *,
    types: ArrayLike | None = None,
    inputs: Tensor | None = None,
    rng: np.random.Generator,
) -> Types:
    """The types of the rows: those given, else persons, else cells of the input, else the rows.

    types is one value a row (token ids, words); inputs is (n, d_in). Persons with fewer than two
    rows on average are hardly more than rows: cells are taken where there are inputs. Cells are
    never made of activations: what a layer puts together would then be what the control asks it
    for. Raises DataError where a number of rows is not that of the labels.
    """
    if types is not None:
        given = np.asarray(types)
        if len(given) != len(labels):
            raise DataError(f"{len(given)} types for {len(labels)} labels: give one a row")
        return Types(codes=np.unique(given, return_inverse=True)[1].astype(np.int64), kind="given")
    if labels.whose is not None:
        codes = np.unique(labels.whose, return_inverse=True)[1].astype(np.int64)
        if inputs is None or len(labels) >= 2 * (int(codes.max()) + 1):
            return Types(codes=codes, kind="persons")
    if inputs is None:
        return Types(codes=np.arange(len(labels), dtype=np.int64), kind="rows")
    if len(inputs) != len(labels):
        raise DataError(f"{len(inputs)} inputs for {len(labels)} labels: give one a row")
    return Types(codes=cells(inputs, rng), kind="cells")


def cells(inputs: Tensor, rng: np.random.Generator, *, most: int = CELL) -> Ints:
    """The cell of each row: rows that lie near each other in inputs (n, d_in), (n,) from 0.

    Rows are halved at the median of a random direction of the standardised columns until at most
    `most` are together. Equal rows stay together, however many there are.

    Dasgupta & Freund 2008, "Random projection trees and low dimensional manifolds".
    """
    x = inputs.detach().double().flatten(1)
    spread = x.std(dim=0)
    x = (x - x.mean(dim=0)) / torch.where(spread > 0, spread, 1)
    found = np.zeros(len(x), dtype=np.int64)
    waiting, next_one = [np.arange(len(x))], 0
    while waiting:
        rows = waiting.pop()
        near, far = _halves(x, rows, rng) if len(rows) > most else (rows, rows[:0])
        if len(far):
            waiting += [near, far]
            continue
        found[rows] = next_one
        next_one += 1
    return found


def _halves(x: Tensor, rows: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Rows below and above the median of a direction; nothing above where all are equal."""
    part = x[torch.from_numpy(rows)]
    along = (part @ torch.from_numpy(rng.normal(size=x.shape[1]))).numpy().round(9)
    above = along > np.median(along)
    if not above.any():  # more than half lie at the median, the highest
        above = along == along.max()
    return (rows[~above], rows[above]) if not above.all() else (rows, rows[:0])


def control_labels(labels: Labels, types: Types, rng: np.random.Generator) -> Labels:
    """Labels drawn at random for each type, about as frequent as the real ones.

    Types in a random order take the sorted real labels one after another, each one at random of
    its stretch: so classes, and numbers too, keep their frequencies as far as types of several
    rows can.
    """
    counts = np.bincount(types.codes, minlength=types.many)
    order = rng.permutation(types.many)
    ends = np.cumsum(counts[order])
    values = np.empty(types.many, dtype=labels.values.dtype)
    values[order] = np.sort(labels.values)[rng.integers(ends - counts[order], ends)]
    return Labels(
        name=f"control of {labels.name}",
        values=values[types.codes],
        levels=labels.levels,
        whose=labels.whose,
    )


def control_draws(
    labels: Labels, types: Types, draws: int, rng: np.random.Generator
) -> list[Labels]:
    """Several such draws, each of two classes or more.

    Raises DataError where there are too few types to give more than one class.
    """
    found: list[Labels] = []
    for _ in range(TRIES * draws):
        one = control_labels(labels, types, rng)
        if one.values.min() < one.values.max():
            found.append(one)
        if len(found) == draws:
            return found
    raise DataError(
        f"no control task of {labels.name}: of {types.many} types all get the same label, draw "
        "after draw; give finer types"
    )
