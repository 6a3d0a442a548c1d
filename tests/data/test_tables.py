from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.data.schema import Column, Kind, Schema
from auditkit.data.tables import Table, hold_out, labels, read_table, rows_sha256, split, targets
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
    alone = table(["yes", "no"])
    alone = replace(alone, frame=alone.frame.assign(who="Ann"), apart="who")
    with pytest.raises(UsageError, match="t has 2 rows of one who: a test fraction"):
        split(alone, seed=0)


def test_the_fraction_is_the_tables_own_unless_another_is_given() -> None:
    whole = replace(table(["yes", "no"] * 50), test_fraction=0.1)
    assert len(split(whole, seed=0)[1].frame) == 10
    assert len(split(whole, seed=0, test_fraction=0.5)[1].frame) == 50
    assert split(whole, seed=0)[0].test_fraction == 0.1


def test_several_classes_keep_their_shares() -> None:
    letters = Column(name="y", kind=Kind.CATEGORICAL, levels=("a", "b", "c"))
    several = Schema(target=letters, positive=None, features=(X,), sensitive=())
    frame = pd.DataFrame({"x": np.arange(100), "y": ["a"] * 60 + ["b"] * 32 + ["c"] * 8})
    kept, held = hold_out(frame, several, 0.25, np.random.default_rng(0))
    assert frame["y"].iloc[held].value_counts().to_dict() == {"a": 15, "b": 8, "c": 2}
    assert sorted([*kept, *held]) == list(range(100))


def people(sizes: list[int]) -> Table:
    """As many rows a person as told, the people's rows mixed, some rows of an unknown person."""
    who = np.repeat(np.arange(len(sizes)), sizes)
    who = np.random.default_rng(len(who)).permutation(who)
    names = [None if one == 0 else f"person {one}" for one in who]
    whole = table(["yes", "no"] * len(who), positive="yes")
    frame = whole.frame.iloc[: len(who)].assign(who=names)
    return replace(whole, frame=frame, apart="who")


@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=30),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_whoever_stands_in_training_never_stands_in_the_test(
    sizes: list[int], fraction: float, seed: int
) -> None:
    whole = people(sizes)
    train, test = split(whole, seed=seed, test_fraction=fraction)
    assert not set(train.frame["who"].fillna("?")) & set(test.frame["who"].fillna("?"))
    assert sorted([*train.frame["x"], *test.frame["x"]]) == list(range(sum(sizes)))
    assert train.frame["x"].is_monotonic_increasing
    assert abs(len(test.frame) - fraction * sum(sizes)) <= max(sizes)
    again = split(whole, seed=seed, test_fraction=fraction)[1]
    assert again.frame.equals(test.frame)


def test_a_part_keeps_people_apart_when_it_is_split_again() -> None:
    train, _ = split(people([5] * 12), seed=1)
    kept, held = hold_out(train.frame, train.schema, 0.3, np.random.default_rng(1), train.apart)
    assert not set(train.frame["who"].iloc[kept]) & set(train.frame["who"].iloc[held])
    assert len(kept) + len(held) == len(train.frame)


def test_every_person_is_held_out_under_some_seed() -> None:
    whole = people([1, 2, 3, 4])
    seen = [set(split(whole, seed=seed)[1].frame["who"].fillna("?")) for seed in range(60)]
    assert set().union(*seen) == {"?", "person 1", "person 2", "person 3"}


def test_a_column_to_keep_apart_must_be_there() -> None:
    with pytest.raises(DataError, match="no column 'speaker' in t"):
        split(replace(people([1, 2]), apart="speaker"), seed=0)


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


def test_the_checksum_of_arrays_sees_bytes_shape_and_order() -> None:
    def frame(*cells: np.ndarray) -> pd.DataFrame:
        column = np.empty(len(cells), dtype=object)
        for row, cell in enumerate(cells):
            column[row] = cell
        return pd.DataFrame({"cell": column})

    one, other = np.zeros((1, 2, 3), np.uint8), np.ones((1, 2, 3), np.uint8)
    assert rows_sha256(frame(one, other)) == rows_sha256(frame(one.copy(), other.copy()))
    different = [
        frame(one, other),
        frame(other, one),
        frame(one, one),
        frame(one, other.reshape(1, 3, 2)),
        frame(one, other.astype(np.int8)),
    ]
    assert len({rows_sha256(each) for each in different}) == len(different)
