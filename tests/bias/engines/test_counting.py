import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

from auditkit.bias.engines import tally
from auditkit.bias.engines.counting import cells_of, group_counts_of, score_counts_of
from auditkit.bias.engines.moments import moments_of
from auditkit.bias.groups import CELLS, group_counts, label
from auditkit.bias.scores.score_counts import ScoreCounts, score_counts
from auditkit.data.memberships import memberships
from auditkit.data.schema import Column, Kind, Schema
from auditkit.errors import DataError, UsageError
from tests.engines import LOCAL, awkward, spark, table_in

pytestmark = pytest.mark.filterwarnings("ignore:Dask support is moving:FutureWarning")

ROWS = awkward()
GROUPS: list[Any] = ["gender", "race", "member", "district", "rooms", ["gender", "rooms", "race"]]
CLUSTER = "local-cluster[2,1,512]"  # two processes of their own; "local[2]" has two threads
BANDS = {"age": (25.0, 45.0)}


@pytest.fixture(scope="module", params=LOCAL)
def table(request: pytest.FixtureRequest) -> Any:
    """The awkward rows in one engine after another."""
    return table_in(request.param, ROWS)


@pytest.mark.parametrize("sensitive", GROUPS, ids=str)
def test_every_engine_counts_as_arrays_are_counted(table: Any, sensitive: Any) -> None:
    frame = ROWS.to_pandas()
    counted = group_counts_of(table, label="label", prediction="guess", sensitive=sensitive)
    expected = group_counts(frame["label"], frame["guess"], frame[sensitive])
    np.testing.assert_array_equal(counted, expected)
    # Where a whole number is missing, pandas makes floats of all; they are written alike.
    assert [label(group) for group in counted.index] == [label(group) for group in expected.index]
    assert counted.index.names == expected.index.names
    assert counted.to_numpy().sum() == len(frame)


def test_every_engine_cuts_numbers_into_the_same_bands(table: Any) -> None:
    counted = group_counts_of(
        table, label="label", prediction="guess", sensitive=["age", "gender"], bands=BANDS
    )
    assert_frame_equal(counted, _banded(["age", "gender"]))
    alone = group_counts_of(table, label="label", prediction="guess", sensitive="age", bands=BANDS)
    assert list(alone.index) == ["under 25", "25 to 44", "45 and over", "(missing)"]
    assert alone.loc["(missing)"].sum() == 3  # NaN and both infinities


def test_labels_may_be_numbers_booleans_or_words(table: Any) -> None:
    expected = group_counts_of(table, label="label", prediction="guess", sensitive="race")
    for named in ("truth", "one"):
        counted = group_counts_of(table, label=named, prediction="guess", sensitive="race")
        assert_frame_equal(counted, expected)
    for prediction in ("guess in words", "guess"):
        counted = group_counts_of(
            table, label="word", prediction=prediction, sensitive="race", positive="hired"
        )
        assert_frame_equal(counted, expected)


@pytest.mark.parametrize("threshold", [0.5, 0.25, 0.1, 1.0, 0.0])
def test_scores_become_decisions_at_the_threshold(table: Any, threshold: float) -> None:
    frame = ROWS.to_pandas()
    counted = group_counts_of(
        table, label="label", score="score", threshold=threshold, sensitive="gender"
    )
    chosen = (frame["score"] >= threshold).astype(int)
    assert_frame_equal(counted, group_counts(frame["label"], chosen, frame["gender"]))


def test_every_engine_counts_the_same_scores(table: Any) -> None:
    frame = ROWS.to_pandas()
    each = score_counts_of(table, label="label", score="score", sensitive="gender", bins=None)
    _same(each, score_counts(frame["label"], frame["score"], frame["gender"]))
    binned = score_counts_of(table, label="label", score="score", sensitive="gender", bins=64)
    least = np.floor(frame["score"] * 64) / 64
    _same(binned, score_counts(frame["label"], least, frame["gender"]))
    for threshold in (0.25, 0.5, 1.0):  # an edge of the bins is exact
        assert_frame_equal(binned.at(threshold), each.at(threshold))


def test_every_engine_adds_numbers_up_to_the_same_last_digit(table: Any) -> None:
    sums = moments_of(table, value="income", sensitive="gender")
    assert_frame_equal(sums, moments_of(ROWS, value="income", sensitive="gender"), check_exact=True)
    frame = ROWS.to_pandas()
    for group, line in sums.iterrows():
        mine = frame["gender"].isna() if group == "(missing)" else frame["gender"] == group
        values = frame["income"][mine].to_numpy()
        known = values[np.isfinite(values)]
        assert (line["n"], line["missing"]) == (len(known), len(values) - len(known))
        assert line["sum"] == pytest.approx(math.fsum(known), rel=1e-15, abs=0)
        assert line["squares"] == pytest.approx(math.fsum(known * known), rel=1e-15, abs=0)


@pytest.mark.parametrize("master", ["local[2]", pytest.param(CLUSTER, marks=pytest.mark.slow)])
def test_two_workers_of_spark_count_as_every_other_engine(master: str) -> None:
    with spark(master) as session:
        table = session.createDataFrame(ROWS).repartition(2).cache()
        for sensitive in GROUPS:
            test_every_engine_counts_as_arrays_are_counted(table, sensitive)
        test_every_engine_cuts_numbers_into_the_same_bands(table)
        test_labels_may_be_numbers_booleans_or_words(table)
        test_scores_become_decisions_at_the_threshold(table, 0.5)
        test_every_engine_counts_the_same_scores(table)
        test_every_engine_adds_numbers_up_to_the_same_last_digit(table)


def _banded(columns: list[str]) -> pd.DataFrame:
    frame = ROWS.to_pandas()
    schema = Schema(
        target=Column(name="label", kind=Kind.CATEGORICAL),
        positive="1",
        features=(),
        sensitive=(
            Column(name="age", kind=Kind.NUMERIC, bands=BANDS["age"]),
            Column(name="gender", kind=Kind.CATEGORICAL),
        ),
    )
    return group_counts(frame["label"], frame["guess"], memberships(frame, schema)[columns])


def _same(one: ScoreCounts, other: ScoreCounts) -> None:
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.positives, other.positives)
    np.testing.assert_array_equal(one.negatives, other.negatives)
    assert one.groups == other.groups


def refused(**given: Any) -> str:
    asked = {"label": "label", "prediction": "guess", "sensitive": "gender", **given}
    with pytest.raises((DataError, UsageError)) as error:
        group_counts_of(ROWS, **asked)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_hundred_rows_are_counted_by_hand():
    rows = pa.table(
        {"y": [1, 1, 0, 0] * 25, "p": [1, 0, 1, 0] * 25, "g": ["a", "a", "b", "b"] * 25}
    )
    counted = group_counts_of(rows, label="y", prediction="p", sensitive="g")
    assert counted.loc["a"].tolist() == [25, 0, 25, 0]
    assert counted.loc["b"].tolist() == [0, 25, 0, 25]
    assert list(counted.columns) == list(CELLS)


def test_bad_input_is_one_sentence():
    assert "no column 'gendr'" in refused(sensitive="gendr")
    assert "did you mean 'gender'" in refused(sensitive="gendr")
    assert "no sensitive column given" in refused(sensitive=[])
    assert "name either" in refused(prediction=None)
    assert "name either" in refused(score="score")
    assert "threshold is nan" in refused(prediction=None, score="score", threshold=math.nan)
    assert "not 0 and 1" in refused(label="word")
    assert "is never 'hird'" in refused(label="word", positive="hird")
    assert "which the label never is" in refused(label="word", prediction="race", positive="hired")
    assert "missing in" in refused(label="member")
    assert "no number between 0 and 1 in 558 of 600" in refused(prediction=None, score="district")
    assert "holds String, no numbers" in refused(prediction=None, score="race")
    assert "bands for 'age', no sensitive column" in refused(bands=BANDS)
    assert "finite edges that rise" in refused(sensitive="age", bands={"age": (45, 25)})
    assert "holds String, no numbers" in refused(sensitive="race", bands={"race": (1,)})


def test_what_is_no_table_or_has_no_rows_is_refused():
    with pytest.raises(DataError, match="cannot count the rows of a dict"):
        group_counts_of({"y": [1]}, label="y", prediction="y", sensitive="y")
    with pytest.raises(DataError, match="no rows to count"):
        group_counts_of(ROWS.slice(0, 0), label="label", prediction="guess", sensitive="race")
    nested = pa.table({"y": [1], "p": [0], "g": [["a", "b"]]})
    with pytest.raises(DataError, match=r"column 'g' holds List.*give numbers, text or booleans"):
        group_counts_of(nested, label="y", prediction="p", sensitive="g")
    pairs = pa.table({"y": [1], "p": [0], "g": pa.array([[(1, 2)]], pa.map_(pa.int8(), pa.int8()))})
    with pytest.raises(DataError, match=r"holds '\[\(1, 2\)\]': give numbers, text or booleans"):
        group_counts_of(table_in("duckdb", pairs), label="y", prediction="p", sensitive="g")


def test_more_combinations_than_may_come_back_are_refused(monkeypatch):
    monkeypatch.setattr(tally, "MOST_CELLS", 100)
    with pytest.raises(DataError, match="more than 100 combinations"):
        group_counts_of(ROWS, label="label", prediction="guess", sensitive="income")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -0.1, 1.5])
def test_a_score_that_is_none_is_never_a_decision(value):
    rows = pa.table({"y": [1, 0], "s": pa.array([0.7, value], from_pandas=False), "g": ["a", "a"]})
    for engine in LOCAL:
        with pytest.raises(DataError, match="no number between 0 and 1 in 1 of 2 rows"):
            group_counts_of(table_in(engine, rows), label="y", score="s", sensitive="g")
        with pytest.raises(DataError, match="no number between 0 and 1 in 1 of 2 rows"):
            score_counts_of(table_in(engine, rows), label="y", score="s", sensitive="g")


def test_a_score_in_single_precision_is_compared_as_it_is():
    below = np.float32(0.7)  # 0.69999999, which single precision calls equal to 0.7
    rows = pa.table({"y": [1], "s": pa.array([below], pa.float32()), "g": ["a"]})
    for engine in LOCAL:
        counted = group_counts_of(
            table_in(engine, rows), label="y", score="s", threshold=0.7, sensitive="g"
        )
        assert counted.loc["a", "fn"] == 1


def test_an_edge_at_the_threshold_makes_binned_scores_exact_there():
    frame = ROWS.to_pandas()
    for threshold in (0.37, 0.5, 0.999):
        asked = {"label": "label", "score": "score", "sensitive": "race"}
        cells = cells_of(ROWS, **asked, threshold=threshold, bins=8).cut_at(threshold)
        counts = cells.score_counts(np.array(cells.labels), ["race"])
        chosen = frame["score"] >= threshold
        assert_frame_equal(
            counts.at(threshold), group_counts(frame["label"], chosen, frame["race"])
        )
        assert len(counts.scores) <= 10


def test_sums_do_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 1e12, 500), rng.normal(0, 1e-6, 500), [1e12, -1e12]])
    sums = set()
    for _ in range(5):
        rows = pa.table({"x": rng.permutation(values), "g": ["a"] * len(values)})
        sums.add(tuple(moments_of(rows, value="x", sensitive="g").iloc[0]))
    assert len(sums) == 1
    assert next(iter(sums))[2] == math.fsum(values)


def test_moments_without_a_number_are_refused():
    rows = pa.table({"x": pa.array([math.nan, None]), "g": ["a", "b"], "w": ["a", "b"]})
    with pytest.raises(DataError, match="no finite number"):
        moments_of(rows, value="x", sensitive="g")
    with pytest.raises(DataError, match="holds String, no numbers"):
        moments_of(rows, value="w", sensitive="g")
    with pytest.raises(DataError, match="too large to square"):
        moments_of(pa.table({"x": [1e200], "g": ["a"]}), value="x", sensitive="g")


def test_an_enormous_number_has_a_short_name():
    rows = pa.table({"y": [1, 0], "p": [1, 0], "g": [1e300, 3.0]})
    for engine in LOCAL:
        counts = group_counts_of(table_in(engine, rows), label="y", prediction="p", sensitive="g")
        assert list(map(repr, counts.index.tolist())) == ["3.0", "1e+300"]
