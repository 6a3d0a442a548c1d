import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from auditkit.bias.counting import group_counts_of, score_counts_of
from auditkit.bias.groups import group_counts, label
from auditkit.bias.moments import moments_of
from auditkit.bias.score_counts import ScoreCounts, score_counts
from auditkit.data.memberships import memberships
from auditkit.data.schema import Column, Kind, Schema
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
        table = session.createDataFrame(ROWS).repartition(2)
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
