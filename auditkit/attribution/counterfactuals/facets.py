"""Which columns say one thing together, and what each may become.

A facet is one thing about a person: a column, or several that tell one another (education by name
and by rank), which then move together, to combinations that were seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.values import Values

Ints = NDArray[np.int64]

MOST_LEVELS = 60  # of a category, and combinations of a facet: the commonest
GRID = 12  # values of a number that are tried at first; those between them later
RARE = 1000  # a level that fewer than one row in so many has is no plausible change
TELLS = 0.995  # share of rows in which one column gives another, for them to move together
ROWS_A_LEVEL = 20  # below it a column tells every other: it is a name
SURPRISING = 10  # how many times fewer errors it must leave than the commonest value does


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facet:
    """Columns that move together, as places among all, and what they may become.

    options (m, columns) are places among each column's values. They are all that was seen of a
    category; of a number a grid, to which values between are added when a change has been found.
    """

    columns: tuple[int, ...]
    options: Ints


def facets_of(columns: tuple[Values, ...], codes: Ints) -> Iterator[Facet]:
    """Single columns, and sets of columns linked by one that tells another."""
    group = list(range(len(columns)))
    for first, second in combinations(range(len(columns)), 2):
        if _linked(codes[:, first], codes[:, second]):
            old, new = group[second], group[first]
            group = [new if one == old else one for one in group]
    for one in dict.fromkeys(group):
        together = tuple(place for place, whose in enumerate(group) if whose == one)
        options = _alone(columns[together[0]]) if len(together) == 1 else _seen(codes, together)
        if len(options):
            yield Facet(columns=together, options=options)


def _alone(values: Values) -> Ints:
    """What one column may become: its commoner levels, or a grid over its numbers."""
    if values.numbers is None:
        common = np.flatnonzero(values.counts >= values.counts.sum() / RARE)
        return np.sort(common[np.argsort(-values.counts[common], kind="stable")][:MOST_LEVELS])[
            :, None
        ]
    if len(values.numbers) <= GRID:
        return np.arange(len(values.numbers))[:, None]
    # Half the grid by rows, half by distinct values: of capital gains nearly all rows are 0.
    shares = np.linspace(0, 1, GRID // 2)
    by_row = np.searchsorted(np.cumsum(values.counts), shares * (values.counts.sum() - 1) + 1)
    by_value = np.linspace(0, len(values.numbers) - 1, GRID - len(np.unique(by_row)) + 1)
    return np.unique(np.concatenate([by_row, by_value.round().astype(np.int64)]))[:, None]


def _seen(codes: Ints, together: tuple[int, ...]) -> Ints:
    """The commonest combinations of several columns' values."""
    known = codes[:, together]
    known = known[(known >= 0).all(axis=1)]
    found, counts = np.unique(known, axis=0, return_counts=True)
    return np.asarray(found[np.sort(np.argsort(-counts, kind="stable")[: 4 * MOST_LEVELS])])


def _linked(first: Ints, second: Ints) -> bool:
    """Whether one of two columns tells the other, in nearly all rows that have both."""
    known = (first >= 0) & (second >= 0)
    a, b = first[known], second[known]
    return bool(len(a)) and (_tells(a, b) or _tells(b, a))


def _tells(a: Ints, b: Ints) -> bool:
    n, levels, others = len(a), len(np.unique(a)), int(b.max()) + 1
    if levels < 2 or n < ROWS_A_LEVEL * levels:
        return False
    pairs, counts = np.unique(a * others + b, return_counts=True)
    most = np.zeros(int(a.max()) + 1, np.int64)
    np.maximum.at(most, pairs // others, counts)
    left, alone = n - int(most.sum()), n - int(np.bincount(b).max())
    return left <= (1 - TELLS) * n and alone >= max(SURPRISING * left, (1 - TELLS) * n)
