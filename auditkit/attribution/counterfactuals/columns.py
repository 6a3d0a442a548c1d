"""What was seen of each column, and the changes that are plausible: values that occur, by facet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.costs import Measure
from auditkit.attribution.counterfactuals.facets import Facet, facets_of
from auditkit.attribution.counterfactuals.values import Values, known_numbers, values_of
from auditkit.data.schema import Column, require_column
from auditkit.data.values import is_number
from auditkit.errors import DataError, UsageError, suggestion

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Own:
    """Rows as they are: codes (r, d), and numbers (r, d), NaN where a column has none."""

    codes: Ints
    numbers: Floats

    def at(self, rows: Ints) -> "Own":
        """These rows alone."""
        return Own(codes=self.codes[rows], numbers=self.numbers[rows])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """The columns of the rows that were seen, which of them may change, and to what.

    columns have a place each; held says which never change, directions the way in which a number
    may. slot (m,) is the facet of each move, target (m, d) what it puts where, -1 for nothing;
    common (m,) is the share of the rows seen that have what it puts there.
    codes (n, d) are the rows seen, a draw of them where they are many.
    """

    columns: tuple[Values, ...]
    facets: tuple[Facet, ...]
    held: Mask
    directions: Mapping[int, Direction]
    slot: Ints
    target: Ints
    common: Floats
    codes: Ints

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in the order of their places."""
        return tuple(one.name for one in self.columns)

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        features: Sequence[Column],
        *,
        immutable: Collection[str] = (),
        directions: Mapping[str, Direction] | None = None,
        measure: Measure = "deviations",
        most: int = 20_000,
    ) -> Self:
        """What the rows of `frame` show of the features.

        immutable columns never change; directions says of numbers whether they may only rise or
        only fall. At most `most` rows, evenly spaced, say what goes with what. Raises
        UsageError for a name that is no feature, DataError without rows or for an absent column.
        """
        names = [one.name for one in features]
        _require(names, immutable, directions or {})
        if not len(frame):
            raise DataError("no row to learn from what values a column takes; give some")
        columns = tuple(values_of(frame, one, measure) for one in features)
        part = frame.iloc[spaced(len(frame), most)]
        codes = np.stack([one.codes(part[one.name]) for one in columns], axis=1)
        facets = tuple(facets_of(columns, codes))
        slot, target = _moves(facets, len(columns))
        return cls(
            columns=columns,
            facets=facets,
            held=np.array([name in immutable for name in names]),
            directions={names.index(one): way for one, way in (directions or {}).items()},
            slot=slot,
            target=target,
            common=_common(codes, target),
            codes=codes,
        )

    def rows(self, frame: pd.DataFrame) -> Own:
        """Rows to be changed, read as these columns. Raises DataError where one is absent."""
        for name in self.names:
            require_column(frame, name, "the rows to explain")
        codes = [one.codes(frame[one.name]) for one in self.columns]
        values = [
            known_numbers(frame[one.name]) if one.numeric else np.full(len(frame), np.nan)
            for one in self.columns
        ]
        return Own(codes=np.stack(codes, axis=1), numbers=np.stack(values, axis=1))

    def prices(self, own: Own) -> Floats:
        """What each move costs each row, (r, m): infinite where it is not allowed or no change."""
        found = np.full((len(own.codes), len(self.slot)), np.inf)
        for place, facet in enumerate(self.facets):
            moves = np.flatnonzero(self.slot == place)
            found[:, moves] = self.priced(own, facet.columns, facet.options)
        return found

    def floors(self, own: Own, price: Floats) -> Floats:
        """What values between a row's own, which is one, and that of each move cost at least, (m,).

        price (m,) is that of the moves; of anything but single numbers the floor is the price.
        """
        found = price.copy()
        for place, facet in enumerate(self.facets):
            numbers = self.columns[facet.columns[0]].numbers
            if len(facet.columns) > 1 or numbers is None:
                continue
            moves = np.flatnonzero(self.slot == place)
            values, here = numbers[facet.options[:, 0]], own.numbers[0, facet.columns[0]]
            cost = price[moves]
            before, after = np.append(0.0, cost[:-1]), np.append(cost[1:], 0.0)
            beside = np.append(-np.inf, values[:-1]), np.append(values[1:], np.inf)
            up = np.where(beside[0] > here, before, 0.0)
            down = np.where(beside[1] < here, after, 0.0)
            found[moves] = np.where(values > here, up, down)
        return found

    def priced(self, own: Own, columns: Sequence[int], options: Ints) -> Floats:
        """The cost of options (m, columns) to r rows, (r, m): that of the column that moves most.

        Columns of one facet say one thing, which is paid for once.
        """
        total = np.zeros((len(own.codes), len(options)))
        for column, targets in zip(columns, options.T, strict=True):
            values = self.columns[column]
            price = values.price(own.codes[:, column], own.numbers[:, column], targets)
            if self.held[column]:
                price = np.where(price > 0, np.inf, price)
            if column in self.directions and values.numbers is not None:
                rise = values.numbers[targets] - own.numbers[:, [column]]
                wrong = rise < 0 if self.directions[column] == "up" else rise > 0
                price = np.where(wrong | np.isnan(rise), np.inf, price)
            total = np.maximum(total, price)
        return np.where(total > 0, total, np.inf)


def spaced(n: int, most: int) -> Ints:
    """Places of at most `most` of n rows, evenly spaced."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


def put(frame: pd.DataFrame, seen: Seen, rows: Ints, target: Ints) -> pd.DataFrame:
    """Rows of `frame`, (q,), with the values that target (q, d) names in their place.

    -1 keeps what stands there. Types are kept, but for whole numbers that get a fraction.
    """
    taken = frame.take(rows)
    changed: dict[str, Any] = {}
    for place, values in enumerate(seen.columns):
        codes = target[:, place]
        there = codes >= 0
        if there.any():
            changed[values.name] = _with(taken[values.name], there, values.found[codes[there]])
    return taken.assign(**changed)


def _with(column: pd.Series, there: Mask, new: NDArray[Any]) -> pd.Series:
    """A column with other values at some places."""
    cells = column.to_numpy()
    kind = np.result_type(cells, new) if is_number(column) else cells.dtype
    cells = cells.astype(kind, copy=True)
    cells[there] = new
    own = column.dtype if not is_number(column) or kind == column.dtype else kind
    return pd.Series(cells, index=column.index, dtype=own)


def _require(
    names: Sequence[str], immutable: Collection[str], directions: Mapping[str, str]
) -> None:
    for name in (*immutable, *directions):
        if name not in names:
            raise UsageError(f"{name!r} is no feature of the model; {suggestion(name, names)}")
    for name, way in directions.items():
        if way not in ("up", "down"):
            raise UsageError(f"the direction of {name!r} is {way!r}; it is 'up' or 'down'")


def _common(codes: Ints, target: Ints) -> Floats:
    """The share of rows that have all that a move puts in place."""
    found = np.ones(len(target))
    for move, there in enumerate(target >= 0):
        found[move] = (codes[:, there] == target[move, there]).all(axis=1).mean()
    return found


def _moves(facets: Sequence[Facet], columns: int) -> tuple[Ints, Ints]:
    slot = np.concatenate(
        [np.empty(0, np.int64), *(np.full(len(one.options), i) for i, one in enumerate(facets))]
    ).astype(np.int64)
    target = np.full((len(slot), columns), -1, np.int64)
    for place, facet in enumerate(facets):
        target[np.ix_(slot == place, facet.columns)] = facet.options
    return slot, target
