"""What a model answers, before and after something was taken out of one of its layers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from auditkit.errors import DataError, ModelError, UsageError, suggestion
from auditkit.probing.probes.labels import Labels

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Logits = Callable[[Any], Tensor]
UNKNOWN = -1  # the label of a row that has none


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What the rows should be answered with.

    values (n,) are places among the levels, -1 where not known, or numbers where there are no
    levels. positive is the place of the level that an answer of 0 or more stands for, where the
    model answers one number a row.
    """

    name: str
    values: NDArray[Any]
    levels: tuple[str, ...]
    positive: int

    @cached_property
    def strata(self) -> Integers:
        """The class of each row, (n,) from 0; of numbers ten bands of as many rows each."""
        if self.levels:
            return np.where(self.values >= 0, self.values, len(self.levels)).astype(np.int64)
        cuts = np.quantile(self.values, np.linspace(0.1, 0.9, 9))
        return np.searchsorted(cuts, self.values, side="right").astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """values (n, C) float64 for the truth: one number a row, or one for each level."""

    values: Floats
    truth: Truth

    @cached_property
    def decided(self) -> Integers | None:
        """The level that each row is answered with, (n,); None where the answers are numbers."""
        if not self.truth.levels:
            return None
        if self.values.shape[1] == 1:
            positive = self.truth.positive
            return np.where(self.values[:, 0] >= 0, positive, 1 - positive)
        return np.asarray(self.values.argmax(axis=1), dtype=np.int64)

    @cached_property
    def spread(self) -> Floats:
        """The standard deviation of each of the C numbers."""
        return np.asarray(self.values.std(axis=0))


def truth_of(labels: Labels, n: int, places: Integers | None, positive: str | None) -> Truth:
    """The truth of n rows, of which those at `places` have a label.

    Raises UsageError for a positive level that does not exist, DataError where rows and labels
    differ.
    """
    levels = labels.levels
    if positive is not None and positive not in levels:
        raise UsageError(f"no level {positive!r} of {labels.name}; {suggestion(positive, levels)}")
    return Truth(
        name=labels.name,
        values=labelled(labels, n, places),
        levels=levels,
        positive=len(levels) - 1 if positive is None else levels.index(positive),
    )


def labelled(labels: Labels, n: int, places: Integers | None) -> NDArray[Any]:
    """The labels of all n rows, -1 (of numbers NaN) where there is none."""
    if places is None and len(labels) != n:
        raise DataError(f"{len(labels)} labels of {labels.name} for {n} rows: give one a row")
    blank = UNKNOWN if labels.classes else np.nan
    found = np.full(n, blank, dtype=labels.values.dtype)
    found[slice(None) if places is None else places] = labels.values
    return found


def as_logits(outputs: Any, logits: Logits | None, n: int) -> Floats:
    """The model's outputs as (n, C) float64. Raises ModelError where there is not a row each."""
    said = outputs if logits is None else logits(outputs)
    if not isinstance(said, Tensor) or said.ndim == 0 or len(said) != n or said.ndim > 2:
        seen = tuple(said.shape) if isinstance(said, Tensor) else type(said).__name__
        raise ModelError(
            f"the model gave {seen} for {n} rows: give logits=, a function of its outputs that "
            "gives one number a row or one for each class"
        )
    return said.detach().double().cpu().reshape(n, -1).numpy()


def require_fit(width: int, truth: Truth) -> None:
    """Raise ModelError where answers of this width are none to the truth."""
    known = len(truth.levels)
    if (known == 0 and width == 1) or (known == 2 and width == 1) or (known > 1 and known == width):
        return
    wanted = f"{known} classes" if known else "a number"
    raise ModelError(
        f"the model gives {width} numbers a row and {truth.name} is {wanted}: give logits=, a "
        "function of its outputs that gives one for each class, or one where there are two"
    )
