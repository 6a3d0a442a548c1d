"""Combinations of attributes, and the kinds of rows that have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.groups import label
from auditkit.bias.membership import membership
from auditkit.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Direction = Literal["mals", "group_to_attributes", "attributes_to_group"]

MOST_SETS = 20_000


def attribute_sets(
    attributes: pd.DataFrame, *, most: int = 3, min_rows: int = 1, weights: Ints | None = None
) -> list[tuple[str, ...]]:
    """Combinations of one to `most` of the columns (n, V) of 0 and 1 that min_rows rows have.

    weights (n,) says how many rows each line stands for. Raises UsageError where there are more
    than 20,000.
    """
    table = attributes.to_numpy(bool)
    each = np.ones(len(table), dtype=np.int64) if weights is None else weights
    alone = [k for k in range(table.shape[1]) if each @ table[:, k] >= min_rows]
    found: list[tuple[int, ...]] = [(k,) for k in alone]
    level = list(found)
    for _ in range(1, most):
        # A set of enough rows has subsets of enough rows: only those that grew so far can grow.
        level = [
            (*one, other)
            for one in level
            for other in alone
            if other > one[-1] and each @ table[:, [*one, other]].all(axis=1) >= min_rows
        ]
        found += level
        if len(found) > MOST_SETS:
            raise UsageError(
                f"more than {MOST_SETS:,} combinations of attributes; ask for fewer at once "
                "(most) or for more rows of each (min_rows)"
            )
    return [tuple(str(attributes.columns[k]) for k in one) for one in found]


def indicators(memberships: pd.DataFrame) -> pd.DataFrame:
    """Sensitive columns as attributes: one column of 0 and 1 for each group, "sex: Female"."""
    parts = {}
    for name in memberships:
        codes, index = membership(memberships[name], {})
        for place, group in enumerate(index):
            parts[f"{name}: {label(group)}"] = codes == place
    return pd.DataFrame(parts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kinds:
    """Rows that agree in everything, counted once: C kinds of rows, M sets, G groups.

    place (n,) is each line's kind. has, says and blind (C, M) say whether a kind has a set, is
    predicted to, and how probably it would be by predictions as often wrong; is_, told and guessed
    (C, G) the same of its group.
    """

    weights: Ints
    place: Ints
    has: Floats
    says: Floats
    blind: Floats
    is_: Floats
    told: Floats
    guessed: Floats

    def changes(self, direction: Direction, weights: NDArray[Any], kept: Floats) -> Floats:
        """D of each set and group for weights (..., C): (..., M, G)."""
        true, said, given = self._counts(direction, weights, self.says, self.told)
        return _change(direction, true, said, given) * kept

    def blind_changes(self, direction: Direction, kept: Floats) -> Floats:
        """The same of the blind predictions, (M, G)."""
        true, said, given = self._counts(direction, self.weights, self.blind, self.guessed)
        return _change(direction, true, said, given) * kept

    def counts(self, direction: Direction) -> tuple[Floats, Floats, Floats]:
        """Co-occurrences (M, G) that are true and predicted, and what shares of them are of."""
        return self._counts(direction, self.weights, self.says, self.told)

    def _counts(
        self, direction: Direction, weights: NDArray[Any], says: Floats, told: Floats
    ) -> tuple[Floats, Floats, Floats]:
        said = self.has if direction == "attributes_to_group" else says
        group = self.is_ if direction == "group_to_attributes" else told
        true, said = _together(weights, self.has, self.is_), _together(weights, said, group)
        if direction == "group_to_attributes":
            return true, said, (weights @ self.is_)[..., None, :]
        return true, said, true.sum(axis=-1, keepdims=True)


def _change(direction: Direction, true: Floats, said: Floats, given: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        of = said.sum(axis=-1, keepdims=True) if direction == "mals" else given
        return np.nan_to_num(said / of - true / given)


def _together(weights: NDArray[Any], sets: Floats, groups: Floats) -> Floats:
    """Weighted co-occurrences: (..., C), (C, M), (C, G) -> (..., M, G)."""
    pairs = (sets[:, :, None] * groups[:, None, :]).reshape(len(sets), -1)
    found = weights @ pairs
    return np.asarray(found.reshape(*weights.shape[:-1], sets.shape[1], groups.shape[1]))


def kinds_of(
    attributes: pd.DataFrame,
    said: pd.DataFrame,
    group: tuple[Ints, Ints],
    groups: int,
    sets: Sequence[tuple[str, ...]],
    each: Ints,
) -> Kinds:
    """Kinds of rows, and which sets and groups each has; each (n,) says how many a line is."""
    rows = np.column_stack([attributes.to_numpy(np.int16), said.to_numpy(np.int16), *group])
    kinds, place = np.unique(rows, axis=0, return_inverse=True)
    weights = np.bincount(place.ravel(), weights=each).astype(np.int64)
    size = attributes.shape[1]
    true, given = kinds[:, :size], kinds[:, size : 2 * size]
    eye = np.eye(groups)
    is_, predicted = eye[kinds[:, -2]], eye[kinds[:, -1]]
    confusion = is_.T @ (weights[:, None] * predicted)  # (G, G^)
    confusion /= np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    # P(attribute said | whether it is there), by attribute, at each kind's own truth.
    there = [
        (weights @ ((true == bit) * given)) / np.maximum(weights @ (true == bit), 1)
        for bit in (0, 1)
    ]
    chance = np.where(true == 1, there[1], there[0])
    places = [attributes.columns.get_indexer(pd.Index(one)) for one in sets]

    def every(table: NDArray[Any]) -> Floats:
        return np.column_stack([table[:, at].prod(axis=1) for at in places]).astype(float)

    return Kinds(
        weights=weights,
        place=place.ravel(),
        has=every(true),
        says=every(given),
        blind=every(chance),
        is_=is_,
        told=predicted,
        guessed=is_ @ confusion,
    )
