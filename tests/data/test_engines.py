"""Parquet that stays where it lies, and the DuckDB that may look at it and at nothing else."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from auditkit.data import engines
from auditkit.data.engines import lies_elsewhere, parquet_rows
from auditkit.data.memberships import quartile_bands
from auditkit.errors import DataError, UsageError

duckdb = pytest.importorskip("duckdb")


def rows(n: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"label": rng.integers(0, 2, n), "age": rng.integers(18, 90, n)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rows of two countries, as Spark lays them out."""
    for seed, country in enumerate(("01", "DE")):
        part = tmp_path / "rows" / f"country={country}"
        part.mkdir(parents=True)
        rows(seed=seed).to_parquet(part / "part-0.parquet", index=False)
    (tmp_path / "rows" / "_SUCCESS").write_text("")
    rows().to_parquet(tmp_path / "rows" / "_temporary.parquet")
    return tmp_path / "rows"


def test_a_folder_is_one_table_and_its_partitions_are_columns_of_text(folder):
    found = parquet_rows(folder)
    assert found.rows == 400
    assert found.columns == {"label": "BIGINT", "age": "BIGINT", "country": "VARCHAR"}
    counted = found.relation.query("rows", "SELECT country, count(*) FROM rows GROUP BY country")
    assert sorted(counted.fetchall()) == [("01", 200), ("DE", 200)]


def test_the_checksum_of_a_folder_is_that_of_what_sha256sum_prints(folder):
    files = sorted(folder.rglob("part-*.parquet"))
    sums = [hashlib.sha256(one.read_bytes()).hexdigest() for one in files]
    lines = [f"{a}  {b.relative_to(folder).as_posix()}\n" for a, b in zip(sums, files, strict=True)]
    assert parquet_rows(folder).sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert parquet_rows(files[0]).sha256 == sums[0]


def test_what_is_counted_where_it_lies_is_large_or_a_folder(folder, monkeypatch):
    one = next(folder.rglob("part-0.parquet"))
    assert lies_elsewhere(folder)
    assert not lies_elsewhere(one)
    assert not lies_elsewhere("no/such/file.parquet")
    monkeypatch.setattr(engines, "MOST_ROWS", 199)
    assert lies_elsewhere(one)


def test_bands_are_those_of_the_same_rows_in_memory(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 5000),
            "income": np.exp(rng.normal(10, 1, 5000)),
            "few": rng.integers(0, 9, 5000),
            "word": rng.choice(["a", "b"], 5000),
        }
    )
    frame.loc[:9, "income"] = [np.nan, np.inf] * 5
    frame.to_parquet(tmp_path / "rows.parquet")
    found = parquet_rows(tmp_path / "rows.parquet")
    assert found.bands("age") == quartile_bands(frame["age"].to_numpy())
    assert found.bands("income") == quartile_bands(frame["income"].to_numpy()[10:])
    assert found.bands("few") == found.bands("word") == ()


def test_bands_of_very_many_numbers_come_from_rows_of_every_part(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "MOST_DISTINCT", 100)
    frame = pd.DataFrame({"income": np.arange(4000) / 8})  # sorted: the first rows are all poor
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=100)
    assert parquet_rows(tmp_path / "rows.parquet").bands("income") == (125.0, 250.0, 375.0)


def test_too_many_levels_are_refused_before_they_are_counted(tmp_path):
    pd.DataFrame({"id": [f"person {i}" for i in range(1000)]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"column 'id' of .* has about [\d,]+ distinct values"):
        parquet_rows(tmp_path / "a.parquet").require_few("id", "column")


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM read_parquet('{other}')",
        "SELECT * FROM read_parquet('https://example.org/rows.parquet')",
        "COPY (SELECT 1) TO '{other}.csv'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "ATTACH '{other}.db'",
        "SET enable_external_access = true",
        "SET threads = 1",
    ],
)
def test_the_connection_can_do_nothing_but_read_these_files(folder, tmp_path, question):
    other = tmp_path / "other.parquet"
    rows().to_parquet(other)
    connection = parquet_rows(folder).connection
    with pytest.raises(duckdb.Error):
        connection.execute(question.format(other=other)).fetchall()
    assert not list(tmp_path.glob("other.parquet.*"))


def test_memory_is_bounded_and_no_file_is_written_beside():
    settings = dict(
        engines._connection([])[1]
        .sql("SELECT name, value FROM duckdb_settings() WHERE name LIKE '%_%'")
        .fetchall()
    )
    assert settings["memory_limit"] == "953.6 MiB"
    assert settings["temp_directory"] == ""
    assert settings["autoload_known_extensions"] == "false"
    assert settings["autoinstall_known_extensions"] == "false"


def test_files_of_different_columns_are_refused_by_name(folder):
    rows().rename(columns={"age": "years"}).to_parquet(folder / "country=DE" / "part-1.parquet")
    with pytest.raises(DataError, match=r"part-1\.parquet.* differ in column 'age'"):
        parquet_rows(folder)


def test_names_that_differ_in_the_size_of_letters_are_refused(tmp_path):
    pd.DataFrame({"Age": [1], "age": [2]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="several columns named 'Age'"):
        parquet_rows(tmp_path / "a.parquet")


def test_bad_places_are_refused_in_one_line(tmp_path):
    with pytest.raises(DataError, match="no file or folder"):
        parquet_rows(tmp_path / "nothing")
    with pytest.raises(DataError, match="holds no file in"):
        parquet_rows(tmp_path)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match=r"broken\.parquet cannot be read as Parquet"):
        parquet_rows(tmp_path)
    rows().to_parquet(tmp_path / "broken.parquet")
    rows(0).to_parquet(tmp_path / "empty.parquet")
    assert parquet_rows(tmp_path).rows == 200
    with pytest.raises(DataError, match="has columns and no rows"):
        parquet_rows(tmp_path / "empty.parquet")
    rows().to_parquet(tmp_path / "a*.parquet")
    with pytest.raises(DataError, match="rename it"):
        parquet_rows(tmp_path)


def test_a_damaged_page_is_one_line_too(tmp_path):
    path = tmp_path / "rows.parquet"
    rows(5000).to_parquet(path, compression="none")
    content = bytearray(path.read_bytes())
    start = parquet.read_metadata(path).row_group(0).column(1).dictionary_page_offset
    content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be counted"):
        parquet_rows(path).bands("age")


def test_without_duckdb_one_line_says_how_to_get_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UsageError, match="not installed: pip install duckdb"):
        parquet_rows(folder)


def test_numbers_of_several_files_keep_their_fractions(tmp_path):
    pd.DataFrame({"score": [0, 1]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"score": [0.4, 0.7]}).to_parquet(tmp_path / "b.parquet")
    found = parquet_rows(tmp_path).relation.fetchall()
    assert sorted(value for (value,) in found) == [0, 0.4, 0.7, 1]


@pytest.mark.parametrize("place", ["age=9", "AGE=9", "country=DE/Country=FR", "country=DE/age=9"])
def test_a_partition_never_takes_the_place_of_a_column(tmp_path, place):
    (tmp_path / place).mkdir(parents=True)
    rows().to_parquet(tmp_path / place / "part-0.parquet")
    with pytest.raises(DataError, match="names a partition as a column or another"):
        parquet_rows(tmp_path)


def test_folders_above_the_named_one_are_no_partitions_of_it(tmp_path):
    place = tmp_path / "age=9" / "country=DE"
    (place / "label").mkdir(parents=True)
    rows().to_parquet(place / "label" / "part-0.parquet", index=False)
    found = parquet_rows(place)
    assert list(found.columns) == ["label", "age"]
    assert sorted(found.relation.fetchall()) == sorted(rows().itertuples(index=False, name=None))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    rows().to_parquet(tmp_path / "secret.parquet")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "a.parquet").symlink_to(tmp_path / "secret.parquet")
    with pytest.raises(DataError, match=r"a\.parquet is a link to .*secret\.parquet"):
        parquet_rows(tmp_path / "given")
    rows().to_parquet(tmp_path / "given" / "b.PARQUET")
    (tmp_path / "given" / "a.parquet").unlink()
    (tmp_path / "given" / "a.parquet").symlink_to(tmp_path / "given" / "b.PARQUET")
    assert parquet_rows(tmp_path / "given").rows == 400
    (tmp_path / "given" / "more").symlink_to(tmp_path / "given")
    with pytest.raises(DataError, match=r"more is a link to"):
        parquet_rows(tmp_path / "given")


def test_lists_of_numbers_are_no_numbers(tmp_path):
    pd.DataFrame({"marks": [[1, 2], [3]]}).to_parquet(tmp_path / "a.parquet")
    found = parquet_rows(tmp_path / "a.parquet")
    assert found.columns == {"marks": "BIGINT[]"}
    assert found.bands("marks") == ()


def test_an_empty_part_of_a_file_has_no_numbers_to_band(tmp_path, monkeypatch):
    table = pa.Table.from_pandas(rows())
    with parquet.ParquetWriter(tmp_path / "a.parquet", table.schema) as file:
        file.write_table(table[:0])
        file.write_table(table)
    monkeypatch.setattr(engines, "MOST_DISTINCT", 3)
    assert parquet_rows(tmp_path / "a.parquet").bands("age") == quartile_bands(rows()["age"])


def test_an_endless_column_name_is_refused_in_one_line(tmp_path):
    pd.DataFrame({"x" * 10_000: [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a column name of 10,000 characters") as said:
        parquet_rows(tmp_path / "a.parquet")
    assert len(str(said.value)) < 300
