from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auditkit.data.schema import Column, Kind, Schema
from auditkit.data.tables import Table, labels, read_table, rows_sha256, split, targets
from auditkit.errors import DataError, UsageError

X = Column(name="x", kind=Kind.NUMERIC)


def schema(positive: str | None = "yes", levels: tuple[str, ...] = ("no", "yes")) -> Schema:
    kind = Kind.NUMERIC if positive is None else Kind.CATEGORICAL
    target = Column(name="y", kind=kind, levels=levels)
    return Schema(target=target, positive=positive, features=(X,), sensitive=())


def table(y: list[object], *, positive: str | None = "yes", test: range | None = None) -> Table:
    frame = pd.DataFrame({"x": np.arange(len(y)), "y": y})
    return Table(frame=frame, schema=schema(positive), name="t", sha256="", test_rows=test)


def test_labels_are_one_for_the_positive_value() -> None:
    found = labels(pd.DataFrame({"y": ["yes", "no", " yes"]}), schema())
    assert found.tolist() == [1, 0, 1]
    assert found.dtype == np.int8


def test_labels_of_numbers_and_truth_values() -> None:
    numeric = schema("1", ("0", "1"))
    assert labels(pd.DataFrame({"y": [1.0, 0.0]}), numeric).tolist() == [1, 0]
    assert labels(pd.DataFrame({"y": [True, False]}), schema("true", ())).tolist() == [1, 0]


def test_a_level_never_seen_in_training_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="level 'maybe', never seen in training; it was no, yes"):
        labels(pd.DataFrame({"y": ["yes", "maybe"]}), schema())


def test_a_missing_target_and_a_numeric_one_have_no_labels() -> None:
    with pytest.raises(DataError, match="missing in 1 of 2 rows"):
        labels(pd.DataFrame({"y": ["yes", None]}), schema())
    with pytest.raises(DataError, match="no decision"):
        labels(pd.DataFrame({"y": [1.5, 2.5]}), schema(None, ()))
    with pytest.raises(DataError, match=r"no column 'y' in rows\.csv"):
        labels(pd.DataFrame({"z": [1]}), schema(), "rows.csv")


def test_numeric_targets_are_numbers_or_refused() -> None:
    assert targets(pd.DataFrame({"y": [1, 2]}), schema(None, ())).tolist() == [1.0, 2.0]
    with pytest.raises(DataError, match="is text"):
        targets(pd.DataFrame({"y": ["a", "b"]}), schema(None, ()))
    with pytest.raises(DataError, match="missing in 1 of 2"):
        targets(pd.DataFrame({"y": [1.0, np.nan]}), schema(None, ()))


def test_a_split_parts_the_rows_keeps_the_shares_and_repeats_itself() -> None:
    whole = table(["yes"] * 40 + ["no"] * 160)
    train, test = split(whole, seed=3)
    assert len(test.frame) == 50
    assert (test.frame["y"] == "yes").sum() == 10
    assert sorted([*train.frame["x"], *test.frame["x"]]) == list(range(200))
    assert test.frame["x"].is_monotonic_increasing
    assert test.frame["x"].tolist() != list(range(150, 200))
    again = split(whole, seed=3)[1].frame
    assert again.equals(test.frame)
    assert not split(whole, seed=4)[1].frame.equals(test.frame)


def test_a_published_split_is_used_as_it_is() -> None:
    train, test = split(table(["yes", "no", "yes", "no"], test=range(1, 3)), seed=0)
    assert test.frame["x"].tolist() == [1, 2]
    assert train.frame["x"].tolist() == [0, 3]
    assert train.test_rows is None
    assert (train.name, test.name) == ("t (training)", "t (test)")


def test_a_numeric_target_is_split_at_random() -> None:
    train, test = split(table(list(np.linspace(0, 1, 40)), positive=None), seed=0)
    assert (len(train.frame), len(test.frame)) == (30, 10)


def test_a_split_that_leaves_a_part_empty_is_refused() -> None:
    with pytest.raises(UsageError, match="leaves one part empty"):
        split(table(["yes", "no"]), seed=0, test_fraction=0.1)


def test_the_checksum_of_rows_sees_order_values_and_names_but_not_type_or_index() -> None:
    base = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    same = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", np.nan]}, index=[5, 6])
    assert rows_sha256(base) == rows_sha256(same)
    others = [
        base.iloc[::-1],
        base.rename(columns={"a": "c"}),
        base[["b", "a"]],
        base.assign(a=[1, 3]),
        base.assign(b=["x", "x"]),
        base.assign(b=[None, "x"]),
    ]
    found = {rows_sha256(frame) for frame in [base, *others]}
    assert len(found) == len(others) + 1


def test_text_that_would_run_together_hashes_apart() -> None:
    one = pd.DataFrame({"a": ["ab", "c"]})
    other = pd.DataFrame({"a": ["a", "bc"]})
    assert rows_sha256(one) != rows_sha256(other)


def test_csv_and_parquet_of_the_same_rows_hash_alike(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": [0.1, None, 3.0]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    first, second = read_table(tmp_path / "t.csv")[0], read_table(tmp_path / "t.parquet")[0]
    assert rows_sha256(first) == rows_sha256(second) == rows_sha256(frame)
