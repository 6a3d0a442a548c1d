"""Parquet of any size, counted where it lies by DuckDB: never read whole, never let out.

The connection is in memory, bounded in memory and threads, and locked: it can open the files that
were named and nothing else, and neither loads nor fetches an extension.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest, sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from auditkit.data.memberships import MOST_VALUES, QUARTILES, quartile_bands, readable_bands
from auditkit.data.reading import require_names
from auditkit.errors import DataError, UsageError, suggestion

SUFFIXES = (".parquet", ".pq")
MOST_BYTES = 1 << 30  # a file above this, or with more rows, is counted where it lies
MOST_ROWS = 5_000_000
MOST_LEVELS = 100  # distinct texts, estimated to within a few in a hundred
MOST_DISTINCT = 100_000  # numbers whose quartiles are exact
SAMPLE = 1_000_000  # numbers that quartiles rest on beyond that
MEMORY = "1GB"
MOST_THREADS = 8
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
PATTERN = "*?["  # DuckDB takes a path that holds one for many paths


@dataclass(frozen=True, kw_only=True, eq=False)
class ParquetRows:
    """Rows in one or several Parquet files, which stay there.

    relation is DuckDB's, for `auditkit.bias.engines.counting`; columns maps each name to DuckDB's
    type, those of Hive partitions (`country=DE/`) as text. rows is how many there are.
    """

    where: str
    files: tuple[Path, ...]
    rows: int
    relation: Any
    connection: Any

    @cached_property
    def columns(self) -> dict[str, str]:
        """Types by name, in the order of the files."""
        return dict(zip(self.relation.columns, map(str, self.relation.types), strict=True))

    @cached_property
    def sha256(self) -> str:
        """Of a single file its checksum; of several that of what `sha256sum` prints of them."""
        sums = [_sha256(one) for one in self.files]
        if len(sums) == 1 and not Path(self.where).is_dir():
            return sums[0]
        named = (one.relative_to(Path(self.where).absolute()).as_posix() for one in self.files)
        lines = (f"{digest}  {name}\n" for digest, name in zip(sums, named, strict=True))
        return sha256("".join(lines).encode()).hexdigest()

    def is_number(self, name: str) -> bool:
        """Whether a column holds numbers; true and false are none."""
        kind = self.columns[name]
        return kind.removeprefix("U").startswith(NUMBERS) and not kind.endswith("]")  # a list

    def require(self, name: str) -> None:
        """Raise DataError, with the names there are, unless there is a column of that name."""
        if name not in self.columns:
            raise DataError(f"no column {name!r} in {self.where}; {suggestion(name, self.columns)}")

    def require_few(self, name: str, what: str) -> None:
        """Raise DataError for more distinct values than anybody could compare."""
        about = self._distinct(name)
        if about > MOST_LEVELS:
            raise DataError(
                f"{what} {name!r} of {self.where} has about {about:,} distinct values, more than "
                "can be compared: put them into fewer groups, or name another column"
            )

    def bands(self, name: str) -> tuple[float, ...]:
        """Edges at the quartiles of a numeric column with more than ten distinct values.

        Those that the same rows would have if they were read, where they have at most 100,000
        distinct values; of more, the quartiles of a million rows spread evenly over the files.
        Empty where no band is needed.
        """
        if not self.is_number(name):
            return ()
        if self._distinct(name) > MOST_DISTINCT:
            return quartile_bands(_sample(self.files, name))
        lines = self._asked(
            f"SELECT value, count(*) FROM (SELECT {_quoted(name)}::DOUBLE AS value FROM rows) "
            "WHERE isfinite(value) GROUP BY value ORDER BY value"
        )
        if len(lines) <= MOST_VALUES:
            return ()
        values, counts = (np.array(part) for part in zip(*lines, strict=True))
        return readable_bands(_quartiles(values, np.cumsum(counts)), values)

    def _distinct(self, name: str) -> int:
        """How many distinct values there are, about: HyperLogLog, in a fixed amount of memory."""
        return int(self._asked(f"SELECT approx_count_distinct({_quoted(name)}) FROM rows")[0][0])

    def _asked(self, question: str) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            found: list[tuple[Any, ...]] = self.relation.query("rows", question).fetchall()
        except duckdb.Error as error:
            raise DataError(f"{self.where} cannot be counted: {_said(error)}") from error
        return found


def lies_elsewhere(path: str | Path) -> bool:
    """Whether a table is counted where it lies: a folder, or a Parquet file too large to read."""
    path = Path(path)
    if path.is_dir():
        return True
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        return path.stat().st_size > MOST_BYTES or _rows_in(path) > MOST_ROWS
    except DataError:
        return False  # whoever reads it says what is wrong


def parquet_rows(path: str | Path) -> ParquetRows:
    """The rows of a Parquet file, or of all that lie in a folder, without reading them.

    Files and folders whose names begin with a dot or an underscore are passed over, as Spark
    does. A column that is whole numbers in one file and fractions in another holds fractions.
    Raises DataError for no file, no rows, columns that differ between files, links that lead out
    of the folder and partitions named as a column is; UsageError where DuckDB is not installed.
    """
    where, files = str(path), _files(Path(path))
    rows = sum(map(_rows_in, files))
    _require_same_columns(files, where)
    partitioned = _partitioned(files, Path(path).absolute(), where)
    if not rows:
        raise DataError(f"{where} has columns and no rows: add rows")
    duckdb, connection = _connection(files)
    try:
        relation = connection.sql(
            # By name, or the first file's types would round the others' numbers; "01" is a name.
            f"SELECT * FROM read_parquet([{_listed(files)}], union_by_name = true, "
            f"hive_types_autocast = false, hive_partitioning = {str(partitioned).lower()})"
        )
    except duckdb.Error as error:
        raise DataError(f"{where} cannot be read as Parquet: {_said(error)}") from error
    return ParquetRows(
        where=where, files=files, rows=rows, relation=relation, connection=connection
    )


def _connection(files: Sequence[Path]) -> tuple[Any, Any]:
    """DuckDB, and a connection that can do nothing but read these files."""
    try:
        import duckdb
    except ImportError as error:
        raise UsageError(
            "a folder of Parquet, or a file this large, is counted by DuckDB, which is not "
            "installed: pip install duckdb"
        ) from error
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_unsigned_extensions": False,
            "python_enable_replacements": False,
            "allow_persistent_secrets": False,
            "memory_limit": MEMORY,
            "threads": min(os.cpu_count() or 1, MOST_THREADS),
            "temp_directory": "",  # nothing is written: what does not fit is refused
            "preserve_insertion_order": False,
        },
    )
    connection.execute("SET enable_progress_bar = false")  # only the command line prints
    connection.execute(f"SET allowed_paths = [{_listed(files)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return duckdb, connection


def _files(path: Path) -> tuple[Path, ...]:
    """The file itself, or the Parquet files in a folder, by name."""
    if not path.exists():
        raise DataError(f"no file or folder {path}: check the path")
    path = path.absolute()
    files: tuple[Path, ...] = (path,)
    if path.is_dir():
        shown = [one for one in path.rglob("*") if not _hidden(one.relative_to(path))]
        _require_inside(shown, path)
        found = (one for one in shown if one.suffix.lower() in SUFFIXES and one.is_file())
        files = tuple(sorted(found, key=Path.as_posix))
    if not files:
        raise DataError(
            f"folder {path} holds no file in {' or '.join(SUFFIXES)}: give one that does"
        )
    if strange := next((one for one in files if set(PATTERN) & set(str(one))), None):
        raise DataError(f"the path {str(strange)!r} holds one of {PATTERN}: rename it")
    return files


def _require_inside(found: Sequence[Path], folder: Path) -> None:
    """Raise DataError for a link to another folder, and for one that leads out of this.

    Rows behind the first would be left out unsaid, those behind the second were never named.
    """
    inside = folder.resolve()
    for one in found:
        if one.is_symlink() and (one.is_dir() or not one.resolve().is_relative_to(inside)):
            raise DataError(
                f"{one} is a link to {one.resolve()}: put what it leads to in its place"
            )


def _partitioned(files: Sequence[Path], path: Path, where: str) -> bool:
    """Whether folders below path name partitions (`country=DE/`).

    Raises DataError for one that is named as a column, or another partition, is: DuckDB would
    show it in that one's place. To DuckDB the folders above path name partitions too.
    """
    inner = {part for one in files for part in one.relative_to(path).parts[:-1] if "=" in part}
    if not inner:
        return False
    columns = {name.casefold() for name in parquet.read_schema(files[0]).names}
    for one in files:
        seen = set(columns)
        for part in one.parts[:-1]:
            name = part.partition("=")[0]
            if "=" in part and name.casefold() in seen:
                raise DataError(
                    f"the folder {part!r} of {where} names a partition as a column or another "
                    "partition is named: rename one of them"
                )
            seen |= {name.casefold()} if "=" in part else set()
    return True


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _rows_in(path: Path) -> int:
    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path} cannot be read as Parquet ({reason}): write it again") from error


def _require_same_columns(files: Sequence[Path], where: str) -> None:
    """Raise DataError unless all files have the same columns, each named by itself."""
    first = parquet.read_schema(files[0]).names
    require_names(first, where)
    folded = [name.casefold() for name in first]
    if twice := next((name for name in first if folded.count(name.casefold()) > 1), None):
        raise DataError(
            f"{where} has several columns named {twice!r}, but for large and small letters: give "
            "each its own name"
        )
    for one in files[1:]:
        other = parquet.read_schema(one).names
        if set(other) != set(first):
            odd = sorted(set(other) ^ set(first))[0]
            raise DataError(
                f"{one} and {files[0]} differ in column {odd!r}: give files with the same columns"
            )


def _sample(files: Sequence[Path], name: str) -> np.ndarray:
    """Finite numbers of rows spread evenly over the files: the first of each row group, (m,)."""
    groups = [(one, i) for one in files for i in range(parquet.read_metadata(one).num_row_groups)]
    step = max(len(groups) * 1000 // SAMPLE, 1)  # at least 1,000 of each that is looked at
    chosen = groups[::step]
    each, parts = math.ceil(SAMPLE / len(chosen)), []
    for path, group in chosen:
        batches = parquet.ParquetFile(path).iter_batches(each, row_groups=[group], columns=[name])
        for batch in islice(batches, 1):  # a row group may be empty
            values = batch.column(0).cast(pa.float64()).to_numpy(zero_copy_only=False)
            parts.append(values[np.isfinite(values)])
    return np.concatenate(parts)


def _quartiles(values: np.ndarray, until: np.ndarray) -> np.ndarray:
    """np.quantile of distinct values (d,), of which until (d,) have come by each."""
    place = (until[-1] - 1) * np.array(QUARTILES)
    low, high = (
        values[np.searchsorted(until, end(place), side="right")] for end in (np.floor, np.ceil)
    )
    share = place - np.floor(place)
    found: np.ndarray = np.where(
        share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share)
    )
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listed(files: Sequence[Path]) -> str:
    return ", ".join("'" + str(one).replace("'", "''") + "'" for one in files)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
