"""What the columns of a table mean: target, features, who is sensitive, which levels there are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

import pandas as pd

from auditkit.errors import DataError, suggestion


class Kind(StrEnum):
    """How a column's values are to be read."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TEXT = "text"  # each cell a str
    IMAGE = "image"  # each cell a uint8 array (channels, height, width)
    SEQUENCE = "sequence"  # each cell a float32 array (steps, channels), steps as many as it has


class Medium(StrEnum):
    """What a model reads: columns of a table, or the one feature that is no column of a table."""

    TABLE = "table"
    TEXT = "text"
    IMAGE = "image"
    SEQUENCE = "sequence"


class Task(StrEnum):
    """What is asked of a model."""

    DECISION = "decision"  # one outcome is favoured: yes or no
    CLASSES = "classes"  # one of several
    NUMBER = "number"
    TRANSDUCTION = "transduction"  # a text turned into another
    LANGUAGE = "language"  # text, token after token
    IMAGES = "images"  # new images like those of the data


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its name, how it is read and what it says about a person.

    levels are the values a categorical column may take, empty where any is allowed.
    bands are the inner edges that cut a numeric sensitive column into groups: (25, 45) gives
    "under 25", "25 to 44", "45 and over".
    """

    name: str
    kind: Kind
    meaning: str = ""
    levels: tuple[str, ...] = ()
    bands: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The columns of a table by role.

    positive is the target value that counts as the favoured outcome (">50K"); None where the
    target is no decision: a number, one of several classes (its levels, in their order), or a
    text. A sensitive column may also be a feature: that is worth knowing.
    """

    target: Column
    positive: str | None
    features: tuple[Column, ...]
    sensitive: tuple[Column, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in the order the model takes them."""
        return tuple(column.name for column in self.features)

    @property
    def sensitive_names(self) -> tuple[str, ...]:
        """Names of the sensitive columns."""
        return tuple(column.name for column in self.sensitive)

    @property
    def medium(self) -> Medium:
        """What the features are: a table, or the kind of the one feature that is none."""
        kinds = {column.kind for column in self.features}
        return next((one for one in Medium if one.value in kinds), Medium.TABLE)

    @property
    def task(self) -> Task:
        """What the target asks for; an architecture that generates has a task of its own."""
        if self.positive is not None:
            return Task.DECISION
        match self.target.kind:
            case Kind.NUMERIC:
                return Task.NUMBER
            case Kind.TEXT:
                return (
                    Task.LANGUAGE
                    if self.feature_names == (self.target.name,)
                    else (Task.TRANSDUCTION)
                )
            case _:
                return Task.CLASSES

    @property
    def names(self) -> tuple[str, ...]:
        """Every column's name once: target, features, sensitive."""
        return tuple(dict.fromkeys((self.target.name, *self.feature_names, *self.sensitive_names)))

    def with_sensitive(self, columns: Sequence[Column]) -> Self:
        """The same schema, with other columns held to be sensitive."""
        return replace(self, sensitive=tuple(columns))

    def require(self, frame: pd.DataFrame, where: str) -> None:
        """Raise DataError for the first column that `frame` lacks; `where` names its source."""
        for name in self.names:
            require_column(frame, name, where)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """The schema that `to_dict` wrote. Raises DataError where a part is missing."""
        try:
            return cls(
                target=_column(raw["target"]),
                positive=raw["positive"],
                features=tuple(_column(one) for one in raw["features"]),
                sensitive=tuple(_column(one) for one in raw["sensitive"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the schema is not one that auditkit wrote: {error!r}") from error


def require_column(frame: pd.DataFrame, name: str, where: str) -> None:
    """Raise DataError, with the names there are, unless `frame` has the column `name`."""
    if name not in frame.columns:
        raise DataError(f"no column {name!r} in {where}; {suggestion(name, frame.columns)}")


def _column(raw: Mapping[str, Any]) -> Column:
    return Column(
        name=raw["name"],
        kind=Kind(raw["kind"]),
        meaning=raw.get("meaning", ""),
        levels=tuple(raw.get("levels", ())),
        bands=tuple(raw.get("bands", ())),
    )
