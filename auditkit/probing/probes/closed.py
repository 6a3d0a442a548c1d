"""The closed form over parts of rows: every label and every penalty from the same products."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce

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
    _found: dict[frozenset[int], list[Coefficients]] = field(default_factory=dict)

    @staticmethod
    def of(x: Floats, y: Floats, part: np.ndarray) -> "Parts":
        """Raises DataError where all columns of x are constant."""
        shift = x.mean(axis=0, dtype=np.float64)
        rows = [np.flatnonzero(part == one) for one in range(int(part.max()) + 1)]
        moved = [x[one] - shift for one in rows]  # float64
        variance = sum(np.einsum("nd,nd->d", one, one) for one in moved) / len(x)
        scale = scale_of(variance, variance + shift**2)
        scale = np.where(scale > 0, scale, np.inf)
        for one in moved:
            one /= scale
        return Parts(x=moved, y=[y[one] for one in rows], shift=shift, scale=scale)

    def ridges(self, without: frozenset[int], penalties: Sequence[float]) -> list[Coefficients]:
        """The ridge of all columns for each penalty a row, on the rows outside some parts."""
        kept = [one for one in range(len(self.x)) if one not in without]
        n = sum(len(self.x[one]) for one in kept)
        each = [one * n for one in penalties]
        if n < self.x[0].shape[1]:
            x, y = (np.concatenate([of[one] for one in kept]) for of in (self.x, self.y))
            return dual_ridges(x, y, each)
        return ridges(
            reduce(lambda a, b: a - b, [self._sums[one] for one in without], self._all), each
        )

    @cached_property
    def _sums(self) -> list[Moments]:
        return [moments(x, y) for x, y in zip(self.x, self.y, strict=True)]

    @cached_property
    def _all(self) -> Moments:
        return reduce(lambda a, b: a + b, self._sums)

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
        [_said(parts.path(held | {one}, penalties), parts.x[one]) for one in inner]
    )  # (rows, penalties, C)
    truth = np.concatenate([parts.y[one] for one in inner])
    error = np.square(said - truth[:, None]).sum(axis=0)
    found = []
    for one, place in zip(labels, places_of(labels), strict=True):
        best = int(error[:, place].sum(axis=1).argmin())
        calibrated = odds(said[:, best, place], one.values[rows]) if one.classes else None
        found.append(Chosen(penalty=penalties[best], odds=calibrated))
    return found


def _said(several: Sequence[Coefficients], x: Floats) -> Floats:
    """What each of them says of rows x (n, d), in one product: (n, fits, C)."""
    weights = np.concatenate([one.weights for one in several], axis=1)
    constant = np.stack([one.constant for one in several])
    return np.asarray((x @ weights).reshape(len(x), *constant.shape) + constant)


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
