"""The closed form over parts of rows: every label and every penalty from the same products."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.linear import (
    PENALTIES,
    Coefficients,
    Moments,
    dual_ridges,
    moments,
    ridges,
    scale_of,
)
from auditkit.probing.probes.odds import Odds, odds

Floats = NDArray[np.float64]


def columns_of(labels: Sequence[Labels]) -> Floats:
    """All labels as columns side by side, (n, C): a class is one of 0 and 1."""
    each = [
        np.eye(len(one.levels))[one.values] if one.classes else one.values[:, None]
        for one in labels
    ]
    return np.concatenate(each, axis=1)


def places_of(labels: Sequence[Labels]) -> list[slice]:
    """Which columns of `columns_of` belong to which labels."""
    ends = np.cumsum([len(one.levels) or 1 for one in labels])
    return [slice(end - (len(one.levels) or 1), end) for one, end in zip(labels, ends, strict=True)]


@dataclass(kw_only=True, eq=False)
class Parts:
    """Rows x (n, d) and columns y (n, C) by part (n,), x moved and scaled as a whole.

    To move and scale by all rows keeps digits and changes no answer: every fit does it again by
    its own rows.
    """

    x: list[Floats]
    y: list[Floats]
    shift: Floats
    scale: Floats
    _sums: list[Moments] = field(default_factory=list)
    _found: dict[frozenset[int], list[Coefficients]] = field(default_factory=dict)

    @staticmethod
    def of(x: Floats, y: Floats, part: np.ndarray) -> "Parts":
        """Raises DataError where all columns of x are constant."""
        shift = x.mean(axis=0)
        scale = scale_of(x.var(axis=0), np.square(x).mean(axis=0))
        scale = np.where(scale > 0, scale, np.inf)
        rows = [np.flatnonzero(part == one) for one in range(int(part.max()) + 1)]
        return Parts(
            x=[(x[one] - shift) / scale for one in rows],
            y=[y[one] for one in rows],
            shift=shift,
            scale=scale,
        )

    def ridges(self, without: frozenset[int], penalties: Sequence[float]) -> list[Coefficients]:
        """The ridge of all columns for each penalty a row, on the rows outside some parts."""
        kept = [one for one in range(len(self.x)) if one not in without]
        n = sum(len(self.x[one]) for one in kept)
        each = [one * n for one in penalties]
        if n < self.x[0].shape[1]:
            x, y = (np.concatenate([of[one] for one in kept]) for of in (self.x, self.y))
            return dual_ridges(x, y, each)
        return ridges(reduce(lambda a, b: a + b, [self.sums[one] for one in kept]), each)

    @property
    def sums(self) -> list[Moments]:
        """The products of each part, made once."""
        if not self._sums:
            self._sums = [moments(x, y) for x, y in zip(self.x, self.y, strict=True)]
        return self._sums

    def path(self, without: frozenset[int], penalties: Sequence[float]) -> list[Coefficients]:
        """The ridges of all penalties that are tried, made once for the same parts."""
        if without not in self._found:
            self._found[without] = self.ridges(without, penalties)
        return self._found[without]

    def unscaled(self, found: Coefficients) -> Coefficients:
        """The same in the units of the activations."""
        weights = found.weights / self.scale[:, None]
        return Coefficients(weights=weights, constant=found.constant - self.shift @ weights)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """What validation rows chose: a penalty a row, and of classes the odds of its scores."""

    penalty: float
    odds: Odds | None


def choose(
    parts: Parts,
    labels: Sequence[Labels],
    part: np.ndarray,
    held: frozenset[int],
    penalties: Sequence[float] = PENALTIES,
) -> list[Chosen]:
    """For each of the labels the penalty that errs least, each part by a fit on the others.

    Parts that are held are in no fit and choose nothing.
    """
    inner = [one for one in range(len(parts.x)) if one not in held]
    rows = np.concatenate([np.flatnonzero(part == one) for one in inner])
    said = np.concatenate(
        [
            np.stack([one.said(parts.x[place]) for one in parts.path(held | {place}, penalties)])
            for place in inner
        ],
        axis=1,
    )  # (penalties, rows, C)
    error = np.square(said - np.concatenate([parts.y[one] for one in inner])).sum(axis=1)
    found = []
    for one, place in zip(labels, places_of(labels), strict=True):
        best = int(error[:, place].sum(axis=1).argmin())
        calibrated = odds(said[best][:, place], one.values[rows]) if one.classes else None
        found.append(Chosen(penalty=penalties[best], odds=calibrated))
    return found


def read_by_closed_form(
    x: Floats, labels: Sequence[Labels], part: np.ndarray
) -> tuple[list[Floats], list[tuple[float, ...]]]:
    """What was said of each row by a fit without its part, and each part's penalty; by labels."""
    parts = Parts.of(x, columns_of(labels), part)
    said = [np.empty((len(one), len(one.levels) or 1)) for one in labels]
    penalties: list[tuple[float, ...]] = [() for _ in labels]
    for held in range(len(parts.x)):
        without = frozenset([held])
        found = choose(parts, labels, part, without)
        used = sorted({one.penalty for one in found})
        fits = dict(zip(used, parts.ridges(without, used), strict=True))
        rows = np.flatnonzero(part == held)
        for one, place in enumerate(places_of(labels)):
            scores = fits[found[one].penalty].said(parts.x[held])[:, place]
            odds = found[one].odds
            said[one][rows] = scores if odds is None else odds.of(scores)
            penalties[one] += (found[one].penalty,)
    return said, penalties
