"""A concept is a set of rows that have it and a set that have not: examples, or a column's."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import DataError, UsageError, suggestion
from auditkit.probing.probes.labels import FEWEST
from auditkit.probing.telling import in_short

HAS, HAS_NOT, UNUSED = 1, 0, -1
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Concept:
    """Which of n rows have it.

    marks (n,) are 1 for a row that has it, 0 for one that has not and -1 for one that is not
    used. whose (n,) int64 says which rows belong to one person or document, None where each
    stands alone. Raises DataError for fewer than 10 rows of either kind.
    """

    __repr__ = in_short

    name: str
    marks: NDArray[np.int8]
    whose: Ints | None = None

    def __post_init__(self) -> None:
        for mark, word in ((HAS, "have"), (HAS_NOT, "do not have")):
            count = int((self.marks == mark).sum())
            if count < FEWEST:
                raise DataError(
                    f"{count} of {len(self.marks)} rows {word} the concept {self.name!r}: it needs "
                    f"{FEWEST} examples and {FEWEST} others"
                )

    def __len__(self) -> int:
        return len(self.marks)

    @property
    def used(self) -> Ints:
        """Places of the rows that count."""
        return np.flatnonzero(self.marks != UNUSED)

    @property
    def examples(self) -> int:
        """How many rows have it."""
        return int((self.marks == HAS).sum())

    @property
    def others(self) -> int:
        """How many have it not."""
        return int((self.marks == HAS_NOT).sum())


def concept_of(
    values: ArrayLike,
    *,
    name: str,
    level: object = None,
    whose: ArrayLike | None = None,
) -> Concept:
    """A concept from a column: the rows at a level against all others.

    Without a level, values are truth values or 0 and 1; of numbers, the upper third has it and
    the lower third has not, and the middle is not used. Missing values are not used. Raises
    UsageError for a level that no row has, DataError for too few rows.
    """
    column = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    known = column.notna().to_numpy()
    if level is not None:
        said = column.astype(str).to_numpy()
        if str(level) not in set(said[known]):
            seen = sorted(set(said[known]))
            raise UsageError(f"no row of {name} is {level!r}; {suggestion(str(level), seen)}")
        marks = np.where(known, said == str(level), UNUSED)
    elif pd.api.types.is_bool_dtype(column) or set(column[known].unique()) <= {0, 1}:
        marks = np.where(known, column.where(known, 0).to_numpy().astype(bool), UNUSED)
    elif pd.api.types.is_numeric_dtype(column):
        marks = _thirds(column.to_numpy(float))
    else:
        raise UsageError(
            f"say which level of {name} is the concept: level={column[known].iloc[0]!r}"
        )
    owners = None if whose is None else pd.factorize(np.asarray(whose))[0].astype(np.int64)
    return Concept(name=name, marks=marks.astype(np.int8), whose=owners)


def concepts_of(
    column: pd.Series, *, whose: ArrayLike | None = None, most: int = 8
) -> tuple[Concept, ...]:
    """The concepts of a column: each level with enough rows, of two levels the second alone.

    Of numbers it is one, large against small. At most `most`, the commonest first.
    """
    name = str(column.name)
    if pd.api.types.is_float_dtype(column):
        return (concept_of(column, name=f"high {name}", whose=whose),)
    counts = column.dropna().astype(str).value_counts()
    levels = [one for one in counts.index if FEWEST <= counts[one] <= counts.sum() - FEWEST]
    if len(counts) == 2:
        levels = sorted(levels)[-1:]
    return tuple(
        concept_of(column, name=f"{name} = {one}", level=one, whose=whose) for one in levels[:most]
    )


def strata_of(values: ArrayLike) -> Ints:
    """Classes of a target, (n,), within which concepts are compared; of numbers, fifths."""
    column = pd.Series(np.asarray(values))
    if pd.api.types.is_float_dtype(column):
        column = column.rank(method="first") * 5 // (len(column) + 1)
    return pd.factorize(column)[0].astype(np.int64)


def _thirds(values: NDArray[np.float64]) -> NDArray[np.int64]:
    low, high = np.nanquantile(values, [1 / 3, 2 / 3])
    marks = np.full(len(values), UNUSED)
    marks[values <= low] = HAS_NOT
    marks[values > high] = HAS
    return marks


def random_marks(
    concept: Concept, strata: Ints, draws: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Marks of the used rows as chance would give them, (draws, m): as many of each kind.

    strata (m,) are kept: within each as many have it as before. Where all rows of an owner have
    the same mark, marks are exchanged between owners, without heed of strata; where not, within
    each owner.
    """
    used = concept.used
    marks = concept.marks[used]
    if concept.whose is None:
        return _shuffled(marks, strata, draws, rng)
    whose = np.unique(concept.whose[used], return_inverse=True)[1]
    low = np.full(whose.max() + 1, 2, dtype=np.int8)
    high = np.full(whose.max() + 1, -1, dtype=np.int8)
    np.minimum.at(low, whose, marks)
    np.maximum.at(high, whose, marks)
    if (low == high).all():
        return _shuffled(low, np.zeros(len(low), np.int64), draws, rng)[:, whose]
    both = np.unique(np.stack([whose, strata]), axis=1, return_inverse=True)[1]
    return _shuffled(marks, both, draws, rng)


def _shuffled(
    marks: NDArray[np.int8], strata: Ints, draws: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Marks exchanged within each stratum."""
    found = np.empty((draws, len(marks)), dtype=np.int8)
    for stratum in np.unique(strata):
        here = np.flatnonzero(strata == stratum)
        found[:, here] = rng.permuted(np.tile(marks[here], (draws, 1)), axis=1)
    return found
