import csv
import io
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from auditkit.data import reading
from auditkit.data.reading import frame_of_csv, read_table
from auditkit.errors import DataError


def written(tmp_path: Path, content: bytes, name: str = "people.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def complaint(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_numbers_and_text_are_told_apart_and_the_checksum_is_of_the_bytes(tmp_path: Path) -> None:
    content = b"age,job,pay\n39,clerk,1.5\n50,cook,2\n"
    frame, checksum = read_table(written(tmp_path, content))
    assert frame["age"].tolist() == [39, 50]
    assert frame["age"].dtype == np.int64
    assert frame["job"].tolist() == ["clerk", "cook"]
    assert frame["pay"].tolist() == [1.5, 2.0]
    assert checksum == sha256(content).hexdigest()


@pytest.mark.parametrize("cell", ["", "?", " ? ", "NA", "N/A", "NaN", "nan", "null", '""'])
def test_each_sign_of_a_missing_value_is_missing_in_numbers_and_in_text(cell: str) -> None:
    frame = frame_of_csv(f"age,job\n1,a\n{cell},{cell}\n3,c\n".encode(), "x.csv")
    assert frame["age"].isna().tolist() == [False, True, False]
    assert frame["age"].dropna().tolist() == [1.0, 3.0]
    assert frame["job"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    "cells",
    [
        ["007", "12"],
        ["0x10", "2"],
        ["1_000", "2"],
        ["99999999999999999999", "1"],
        ["99999999999999999999", "1.5"],
        ["NAN", "1"],
        ["1", "two"],
        ["true", "false"],
        ["2024-01-01", "2024-01-02"],
        ["-", "1"],
    ],
)
def test_what_would_lose_something_as_a_number_stays_text(cells: list[str]) -> None:
    frame = frame_of_csv("\n".join(["code,n", *(f"{cell},1" for cell in cells)]).encode(), "x.csv")
    assert frame["code"].tolist() == cells


@pytest.mark.parametrize(
    ("cell", "value"),
    [("+3", 3.0), (" 4 ", 4.0), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-0", 0.0), ("0", 0.0)],
)
def test_ways_to_write_a_number(cell: str, value: float) -> None:
    frame = frame_of_csv(f"x,n\n{cell},1\n2.5,1\n".encode(), "x.csv")
    assert frame["x"].tolist() == [value, 2.5]


def test_infinite_cells_are_read_as_such_and_left_to_the_encoder() -> None:
    frame = frame_of_csv(b"x,n\ninf,1\n-Infinity,1\n2,1\n", "x.csv")
    assert frame["x"].tolist() == [np.inf, -np.inf, 2.0]


def test_quotes_commas_line_breaks_and_byte_order_marks_are_understood() -> None:
    content = '\ufeffname,n\r\n"a, ""b""\nc",1\r\nd,2\r\n'.encode()
    frame = frame_of_csv(content, "x.csv")
    assert list(frame.columns) == ["name", "n"]
    assert frame["name"].tolist() == ['a, "b"\nc', "d"]


def test_a_cell_longer_than_any_buffer_is_read_whole() -> None:
    frame = frame_of_csv(b"x,n\n" + b"y" * 3_000_000 + b",1\n", "x.csv")
    assert len(frame["x"][0]) == 3_000_000


def test_a_missing_file_is_named_with_its_neighbours(tmp_path: Path) -> None:
    written(tmp_path, b"a,b\n1,2\n", "people.parquet")
    message = complaint(tmp_path / "people.csv")
    assert "people.csv" in message
    assert "people.parquet" in message


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    assert "folder" in complaint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"  \n \n"])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    assert "is empty" in complaint(written(tmp_path, content))


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a,b\n\n\n"])
def test_column_names_without_rows(tmp_path: Path, content: bytes) -> None:
    assert "no rows" in complaint(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n3\n4,5\n", "line 3: 1 cell"),
        (b"a,b\n1,2\n\n3,4,5\n", "line 4: 3 cells"),
        (b'a,b\n"x\ny",2\n3\n', "line 4: 1 cell"),
    ],
)
def test_a_ragged_row_is_named_by_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    assert told in complaint(written(tmp_path, content))


def test_an_open_quote_is_named_by_its_line_and_swallows_no_rows(tmp_path: Path) -> None:
    assert "line 3" in complaint(written(tmp_path, b'a,b\n1,2\n3,"4\n5,6\n'))


def test_an_inch_sign_inside_text_is_no_open_quote() -> None:
    assert frame_of_csv(b'pipe,n\n5" pipe,1\n', "x.csv")["pipe"].tolist() == ['5" pipe']


def test_other_encodings_are_named_with_byte_and_line(tmp_path: Path) -> None:
    message = complaint(written(tmp_path, "name,n\nok,1\nJosé,2\n".encode("latin1")))
    assert "0xe9 in line 3" in message
    assert "iconv" in message


def test_utf_16_is_not_utf_8(tmp_path: Path) -> None:
    assert "not UTF-8" in complaint(written(tmp_path, "a,b\n1,2\n".encode("utf-16")))


def test_a_nul_byte_is_refused(tmp_path: Path) -> None:
    assert "NUL byte in line 2" in complaint(written(tmp_path, b"a,b\n1,\x002\n"))


def test_repeated_and_nameless_columns_are_refused(tmp_path: Path) -> None:
    assert "2 columns named 'a'" in complaint(written(tmp_path, b"a,b, a\n1,2,3\n"))
    assert "column 1" in complaint(written(tmp_path, b",a\n0,1\n"))


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_separators_are_recognised(tmp_path: Path, mark: str) -> None:
    message = complaint(written(tmp_path, f"a{mark}b\n1{mark}2\n".encode()))
    assert "commas" in message
    assert repr(mark) in message


@pytest.mark.parametrize("name", ["people.xlsx", "people", "people.pkl", "people.csv.gz"])
def test_other_kinds_of_file_are_refused_unopened(tmp_path: Path, name: str) -> None:
    assert ".csv" in complaint(written(tmp_path, b"\x80\x04anything", name))


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "age": [1, 2, 3],
            "code": ["1", "?", " x "],
            "kind": pd.Categorical(["a", "b", "a"]),
            "flag": [True, False, True],
        },
        index=[7, 8, 9],
    )
    frame.to_parquet(tmp_path / "people.parquet")
    read, checksum = read_table(tmp_path / "people.parquet")
    assert list(read.columns) == ["age", "code", "kind", "flag"]
    assert read["age"].tolist() == [1, 2, 3]
    assert read["code"].isna().tolist() == [False, True, False]
    assert read["code"].dropna().tolist() == ["1", "x"]
    assert read["kind"].tolist() == ["a", "b", "a"]
    assert read["flag"].tolist() == ["true", "false", "true"]
    assert checksum == sha256((tmp_path / "people.parquet").read_bytes()).hexdigest()


def test_broken_parquet_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pd.DataFrame({"a": range(100)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read as Parquet" in complaint(path)
    path.write_bytes(b"not parquet at all")
    assert "cannot be read as Parquet" in complaint(path)


def test_parquet_with_lists_repeated_names_or_no_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"a": [[1], [2]]}), path)
    assert "column 'a'" in complaint(path)
    parquet.write_table(pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]), path)
    assert "2 columns named 'a'" in complaint(path)
    parquet.write_table(pa.table({"a": pa.array([], pa.int64())}), path)
    assert "no rows" in complaint(path)


def assert_read_or_refused(content: bytes) -> None:
    refused, rows = "", 0
    try:
        rows = len(frame_of_csv(content, "x.csv"))
    except DataError as error:
        refused = str(error)
    assert (rows > 0) != (refused != "")
    assert len(refused.splitlines()) <= 1


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_one_line(content: bytes) -> None:
    assert_read_or_refused(content)


HOSTILE = st.text(alphabet='ab1,"\r\n;? \u2028é', max_size=60)


@given(HOSTILE)
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    assert_read_or_refused(text.encode())


CELL = st.text(alphabet='ab,"\n é', min_size=1, max_size=8).filter(lambda cell: cell.strip() != "")


@given(st.lists(st.tuples(CELL, CELL, st.integers(-(10**12), 10**12)), min_size=1, max_size=8))
def test_whatever_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str, int]]) -> None:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(["x", "y", "n"])
    writer.writerows(rows)
    frame = frame_of_csv(target.getvalue().encode(), "x.csv")
    assert frame["x"].tolist() == [row[0].strip() for row in rows]
    assert frame["y"].tolist() == [row[1].strip() for row in rows]
    assert frame["n"].tolist() == [row[2] for row in rows]


def test_a_small_parquet_file_that_unpacks_to_any_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.parquet"
    columns = {
        "large": pa.array(["x" * 1000] * 5000, pa.large_string()),
        "category": pa.array(["y" * 1000] * 5000).dictionary_encode(),
        "number": [1] * 5000,
    }
    parquet.write_table(pa.table(columns), path)
    assert path.stat().st_size < 20_000
    assert read_table(path)[0]["large"].str.len().eq(1000).all()
    monkeypatch.setattr(reading, "MOST_TEXT", 9_999_999)
    assert "holds 0.0 GB of text, unpacked" in complaint(path)
    monkeypatch.setattr(reading, "MOST_TEXT", 10_000_000)
    assert len(read_table(path)[0]) == 5000
    monkeypatch.setattr(reading, "MOST_CELLS", 14_999)
    assert "5,000 rows of 3 columns, more than 14,999 cells" in complaint(path)


def test_nested_columns_and_bytes_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ParquetFile", None)
    path = tmp_path / "x.parquet"
    for odd in (pa.array([[1]]), pa.array([{"a": 1}]), pa.array([b"x"]), pa.array([["x"]])):
        parquet.write_table(pa.table({"odd": odd}), path)
        assert "column 'odd'" in complaint(path)
