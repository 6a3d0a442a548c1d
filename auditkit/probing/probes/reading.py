"""How well labels can be read out of activations, on rows the probe was not fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from auditkit.errors import DataError, UsageError
from auditkit.probing.probes.activations import numbers_of_rows, require_split
from auditkit.probing.probes.closed import read_by_closed_form
from auditkit.probing.probes.converged import read_by_regression
from auditkit.probing.probes.fitting import Reader
from auditkit.probing.probes.folds import FOLDS as FOLDS
from auditkit.probing.probes.folds import folds_of as folds_of
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.perceptron import read_by_perceptron
from auditkit.probing.probes.scoring import area, right, share_explained
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a probe read, each row by a probe that was fitted on others.

    said (n, K) are probabilities of the classes, or (n,) numbers. score is the accuracy, or the
    coefficient of determination of numbers; chance what reading nothing gets of it. auc is the
    area under the curve, of several classes their mean one against all others; undefined for
    numbers. penalties are those chosen, one for each part, a row's share on columns of variance
    1. seconds is what it took, a part of the time of all labels that were read together.
    """

    __repr__ = in_short

    labels: Labels
    reader: Reader
    said: np.ndarray
    score: Estimate
    auc: Estimate
    chance: float
    dimensions: int
    penalties: tuple[float, ...]
    seconds: float

    @property
    def bits(self) -> np.ndarray:
        """Bits that each label costs to say once the activations are known, (n,)."""
        if not self.labels.classes:
            raise DataError("bits are of classes; of numbers look at the score")
        rows = np.arange(len(self.labels))
        return np.asarray(-np.log2(np.clip(self.said[rows, self.labels.values], 1e-12, 1)))

    @property
    def frame(self) -> pd.DataFrame:
        """Score and area, a row each, with interval, chance and method."""
        measures = {"accuracy" if self.labels.classes else "r2": (self.score, self.chance)}
        if self.labels.classes:
            measures["auc"] = (self.auc, 0.5)
        return pd.DataFrame(
            [
                {
                    "labels": self.labels.name,
                    "reader": self.reader,
                    "measure": name,
                    "value": one.value,
                    "low": one.low,
                    "high": one.high,
                    "chance": chance,
                    "n": one.n,
                    "method": one.method,
                }
                for name, (one, chance) in measures.items()
            ]
        )


def read(
    activations: Tensor | ArrayLike,
    labels: Labels,
    *,
    reader: Reader = "ridge",
    folds: int | None = None,
    runtime: Runtime | None = None,
    split: np.ndarray | None = None,
) -> Reading:
    """What a probe reads out of activations (n, d), cross-validated.

    Within each fit the penalty is chosen on rows of its own, by parts as well. split (n,) are
    parts from 0 where they are not to be drawn. Raises DataError for activations or labels that
    tell nothing, and as `folds_of` does.
    """
    return read_many(
        activations, [labels], reader=reader, folds=folds, runtime=runtime, split=split
    )[0]


def read_many(
    activations: Tensor | ArrayLike,
    labels: Sequence[Labels],
    *,
    reader: Reader = "ridge",
    folds: int | None = None,
    runtime: Runtime | None = None,
    split: np.ndarray | None = None,
) -> list[Reading]:
    """`read` of several labels of the same rows at little more than the cost of one.

    Parts are drawn for the first of the labels and serve all: put the task before its controls.
    """
    clock = perf_counter()
    runtime = runtime or Runtime()
    first = labels[0]
    x = numbers_of_rows(activations, *labels)
    part = folds_of(first, runtime.rng(f"probe {first.name}"), folds) if split is None else split
    require_split(part, len(first))
    said, penalties = _said(x, labels, part, reader, runtime)
    seconds = (perf_counter() - clock) / len(labels)
    return [
        judged(
            one,
            said[place] if one.classes else said[place][:, 0],
            reader=reader,
            dimensions=x.shape[1],
            penalties=penalties[place],
            seconds=seconds,
        )
        for place, one in enumerate(labels)
    ]


def _said(
    x: Floats, labels: Sequence[Labels], part: np.ndarray, reader: Reader, runtime: Runtime
) -> tuple[list[Floats], list[tuple[float, ...]]]:
    """What was said of each of the labels, (n, K) or (n, 1), and the penalties of each part."""
    match reader:
        case "ridge":
            return read_by_closed_form(x, labels, part)
        case "logistic":
            found = [read_by_regression(x, one, part) for one in labels]
        case "mlp":
            found = [read_by_perceptron(x, one, part, runtime) for one in labels]
        case _:
            raise UsageError(f"no reader {reader!r}: there are ridge, logistic, mlp")
    return [said for said, _ in found], [penalties for _, penalties in found]


def judged(
    labels: Labels,
    said: np.ndarray,
    *,
    reader: Reader,
    dimensions: int,
    penalties: tuple[float, ...],
    seconds: float,
) -> Reading:
    """The reading of what probes said of rows they were not fitted on."""
    if labels.classes:
        score = right(labels, said)
        auc, chance = area(labels, said), labels.majority
    else:
        score = share_explained(labels, said)
        auc, chance = undefined("these are numbers", n=len(labels)), 0.0
    return Reading(
        labels=labels,
        reader=reader,
        said=said,
        score=score,
        auc=auc,
        chance=chance,
        dimensions=dimensions,
        penalties=penalties,
        seconds=seconds,
    )


def read_layers(
    activations: Mapping[str, Tensor],
    labels: Labels,
    *,
    reader: Reader = "ridge",
    folds: int | None = None,
    runtime: Runtime | None = None,
) -> dict[str, Reading]:
    """The same of every layer, on the same parts. Raises DataError as `read` does, by layer."""
    runtime = runtime or Runtime()
    split = folds_of(labels, runtime.rng(f"probe {labels.name}"), folds)
    found = {}
    for name, one in activations.items():
        try:
            found[name] = read(one, labels, reader=reader, runtime=runtime, split=split)
        except DataError as error:
            raise DataError(f"layer {name}: {error}") from error
    return found
