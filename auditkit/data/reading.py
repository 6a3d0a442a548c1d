"""Reads a table from CSV or Parquet without mangling it, or says in one line what is wrong.

Parsing, typing and missing values are explicit here, for the defaults of readers differ.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from glob import escape
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from auditkit.data.values import EXACT, MISSING
from auditkit.errors import DataError

READERS = ".csv, .parquet or .pq"
# "007" and "02139" are names made of digits: read as numbers they would lose their zeros.
LEADING_ZERO = r"^[+-]?0[0-9]"
# More digits than a float holds: an identifier too.
LONG_NUMBER = r"^[+-]?[0-9]{17,}$"
INDEX_COLUMN = "__index_level_"
LONGEST_NAME = 200  # of a column, in characters
TEXT = (pa.string(), pa.large_string(), pa.string_view())
BYTES = (pa.binary(), pa.large_binary(), pa.binary_view())
MOST_CELLS = 1_000_000_000  # of a Parquet file that is read; ten to twenty gigabytes
MOST_TEXT = 1 << 31  # bytes of text in a Parquet file, unpacked


def read_table(path: str | Path) -> tuple[pd.DataFrame, str]:
    """The rows of a .csv or .parquet file, and the sha256 of its bytes.

    Empty cells and ?, NA, N/A, NaN, null, None are missing. CSV is UTF-8, separated by commas,
    its first line the column names; a column of which every known cell is a number becomes
    numeric, unless that would lose something (leading zeros, more digits than a float holds).
    Parquet keeps its types. True and false become text. Nothing in a file is executed.
    Raises DataError, in one line, for anything that cannot be read as such.
    """
    path = Path(path)
    content = _bytes_of(path)
    digest = sha256(content).hexdigest()
    match path.suffix.lower():
        case ".csv":
            return frame_of_csv(content, str(path)), digest
        case ".parquet" | ".pq":
            return frame_of_parquet(content, str(path)), digest
        case other:
            raise DataError(f"{path} ends in {other or 'nothing'!r}; give a file in {READERS}")


def frame_of_csv(content: bytes, where: str) -> pd.DataFrame:
    """The rows of CSV bytes, typed as `read_table` does."""
    return _frame(_parse_csv(content, where))


def frame_of_parquet(content: bytes, where: str) -> pd.DataFrame:
    """The rows of Parquet bytes, typed as `read_table` does."""
    return _frame(_parse_parquet(content, where))


def _bytes_of(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        near = sorted(one.name for one in path.parent.glob(f"{escape(path.stem)}.*"))[:3]
        found = f"; there is {', '.join(near)}" if near else ""
        raise DataError(f"no file {path}{found}: check the path") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder; give a file in {READERS}") from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {str(path)[:200]!r}: {said}; check the path") from error
    if not content.strip():
        raise DataError(f"{path} is empty: give a file with a line of column names and rows")
    return content


# --- CSV ---


def _parse_csv(content: bytes, where: str) -> Any:
    text = _decoded(content, where)
    header = _header(text, where)
    encoded = text.encode() + b"\n"
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(encoded),
            # One block: a row longer than a block could not be read.
            read_options=arrow_csv.ReadOptions(block_size=len(encoded) + 1),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(_fault(text, len(header), where, str(error))) from error
    if not table.num_rows:
        raise DataError(f"{where} has a line of column names and no rows: add rows")
    names = [name.strip() for name in table.column_names]
    return pa.Table.from_arrays([_typed(column) for column in table.columns], names=names)


def _decoded(content: bytes, where: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{where} is not UTF-8: byte 0x{content[error.start]:02x} in line {line}; save it as "
            "UTF-8, for instance with `iconv -f latin1 -t utf-8`"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{where} holds a NUL byte in line {line}: save it as plain UTF-8 text")
    return text


def _header(text: str, where: str) -> list[str]:
    """The names in the first line, as written. Raises DataError unless each column has its own."""
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        names = next((row for row in rows if row), [])
    except csv.Error as error:
        raise DataError(f"{where} cannot be read as CSV: {error}; check its quotes") from error
    require_names([name.strip() for name in names], where)
    if len(names) == 1 and (mark := next((one for one in ";\t|" if one in names[0]), "")):
        raise DataError(f"{where} separates its columns with {mark!r}: save it with commas")
    if text.count('"') % 2:
        _require_closed_quotes(text, where)
    return names


def _require_closed_quotes(text: str, where: str) -> None:
    start, reader = 1, csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for _ in reader:
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{where}, line {start}: a quote is opened and not closed ({error}): close it, or "
            "double a quote that belongs to the text"
        ) from error


def _fault(text: str, width: int, where: str, otherwise: str) -> str:
    """Names the first line that has too many or too few cells."""
    start, reader = 1, csv.reader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            if row and len(row) != width:
                cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                return (
                    f"{where}, line {start}: {cells} where the header has {width}; add or remove "
                    "commas, or put quotes around text that holds one"
                )
            start = reader.line_num + 1
    except csv.Error as error:
        return f"{where}, line {start}: {error}; check its quotes"
    return f"{where} cannot be read as CSV: {' '.join(otherwise.split())[:200]}"


def _typed(column: Any) -> Any:
    """Text as numbers where every known cell is one and nothing is lost, else as it stands."""
    text = _known(pc.utf8_trim_whitespace(column))
    decimal = _cast(text, pa.float64())
    if decimal is None or _any_match(text, LEADING_ZERO):
        return text
    if pc.any(pc.is_nan(decimal)).as_py():  # a way to write NaN that is no sign of missing
        return text
    whole = _cast(text, pa.int64())
    if whole is not None:
        return whole
    large = pc.max(pc.abs(decimal)).as_py() >= EXACT
    return text if large and _any_match(text, LONG_NUMBER) else decimal


def _cast(text: Any, kind: Any) -> Any:
    """Text as numbers, or None where a cell is none."""
    try:
        text.slice(0, 1000).cast(kind)  # a column of words shows itself early, and failing is slow
        return text.cast(kind)
    except pa.ArrowInvalid:
        return None


def _known(text: Any) -> Any:
    missing = pc.is_in(text, value_set=pa.array(MISSING))
    return pc.if_else(missing, pa.scalar(None, pa.string()), text)


def _any_match(text: Any, pattern: str) -> bool:
    return pc.any(pc.match_substring_regex(text, pattern)).as_py() is True


# --- Parquet ---


def _parse_parquet(content: bytes, where: str) -> Any:
    try:
        schema = parquet.read_schema(pa.BufferReader(content))
        _require_flat(schema, where)
        # A text that stands in every row is packed once: unpacked it could be of any size.
        texts = [one.name for one in schema if one.type in (*TEXT, *BYTES)]
        file = parquet.ParquetFile(pa.BufferReader(content), read_dictionary=texts)
        _require_few_cells(file.metadata, where)
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{where} cannot be read as Parquet ({reason}): write it again") from error
    kept = [name for name in table.column_names if not name.startswith(INDEX_COLUMN)]
    require_names(kept, where)
    if not table.num_rows:
        raise DataError(f"{where} has columns and no rows: add rows")
    _require_short(table, where)
    columns = [_plain(table.column(name)) for name in kept]
    return pa.Table.from_arrays(columns, names=kept)


def _require_flat(schema: pa.Schema, where: str) -> None:
    """Raise DataError for lists, structures and bytes, before any is unpacked."""
    for one in schema:
        if one.name.startswith(INDEX_COLUMN):
            continue
        kind = one.type.value_type if pa.types.is_dictionary(one.type) else one.type
        if pa.types.is_nested(kind) or kind in BYTES:
            raise DataError(
                f"column {one.name[:LONGEST_NAME]!r} of {where} holds {kind}: keep only numbers "
                "and text"
            )


def _require_few_cells(file: Any, where: str) -> None:
    """Raise DataError for more cells than a machine can hold, however small they are packed."""
    if file.num_rows * file.num_columns > MOST_CELLS:
        raise DataError(
            f"{where} has {file.num_rows:,} rows of {file.num_columns:,} columns, more than "
            f"{MOST_CELLS:,} cells: keep only the columns that you name"
        )


def _require_short(table: Any, where: str) -> None:
    """Raise DataError for more text than can be unpacked."""
    size = 0
    for column in (one for one in table.columns if pa.types.is_dictionary(one.type)):
        for part in column.chunks if column.type.value_type in TEXT else ():
            lengths = pc.binary_length(part.dictionary).take(part.indices)
            size += pc.sum(lengths.cast(pa.int64())).as_py() or 0
    if size > MOST_TEXT:
        raise DataError(
            f"{where} holds {size / 1e9:.1f} GB of text, unpacked, more than {MOST_TEXT / 1e9:.1f} "
            "can be read: keep only the columns that you name"
        )


def _plain(column: Any) -> Any:
    """A column as numbers or text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    return _known(pc.utf8_trim_whitespace(column.cast(pa.string())))


# --- both ---


def require_names(names: Sequence[str], where: str) -> None:
    """Raise DataError for a column without a name, with an endless one, or with another's."""
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(
                f"column {number} of {where} has no name: name it, or remove it if it only "
                "counts the rows (pandas: to_csv(index=False))"
            )
    if long := next((name for name in names if len(name) > LONGEST_NAME), None):
        raise DataError(
            f"{where} has a column name of {len(long):,} characters, {long[:40]!r}: shorten it "
            f"to {LONGEST_NAME} at most"
        )
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise DataError(f"{where} has {times} columns named {name!r}: give each its own name")


def _frame(table: Any) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame
