import json

import numpy as np
import pandas as pd
import pytest

from auditkit.data.sequences import SequenceEncoder
from auditkit.errors import DataError


def frame_of(*cells: object) -> pd.DataFrame:
    return pd.DataFrame({"signal": pd.Series(cells, dtype=object)})


def steps(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


# The first channel holds 0, 2, 4, 6 over all steps: mean 3, deviation the root of 5.
TRAINING = frame_of(steps((0, 7), (2, 7), (4, 7)), steps((6, 7)))


def test_each_channel_has_the_mean_and_deviation_of_all_steps():
    encoder = SequenceEncoder.fit(TRAINING, "signal")
    assert (encoder.channels, encoder.longest) == (2, 3)
    assert encoder.mean == (3.0, 7.0)
    assert encoder.deviation == pytest.approx((5**0.5, 1.0)), "an even channel is divided by 1"


def test_values_are_standardised_and_nothing_follows_the_end():
    values, lengths = SequenceEncoder.fit(TRAINING, "signal").arrays(TRAINING)
    assert lengths.tolist() == [3, 1]
    root = 5**0.5
    assert values.dtype == np.float32
    assert values[:, :, 0] == pytest.approx(
        np.array([[-3 / root, -1 / root, 1 / root], [3 / root, 0, 0]])
    )
    assert not values[:, :, 1].any()


def test_rows_are_as_long_as_the_longest_of_them():
    encoder = SequenceEncoder.fit(TRAINING, "signal")
    assert encoder.arrays(TRAINING.iloc[1:])[0].shape == (1, 1, 2)
    assert encoder.arrays(TRAINING.iloc[:0])[0].shape == (0, 1, 2)


def test_what_is_beyond_the_longest_is_cut_off():
    encoder = SequenceEncoder.fit(TRAINING, "signal", longest=2)
    values, lengths = encoder.arrays(TRAINING)
    assert values.shape == (2, 2, 2)
    assert lengths.tolist() == [2, 1]
    whole = SequenceEncoder.fit(TRAINING, "signal").arrays(TRAINING)[0]
    assert np.array_equal(values, whole[:, :2])


def test_a_bound_that_nothing_reaches_is_the_longest_there_is():
    assert SequenceEncoder.fit(TRAINING, "signal", longest=100).longest == 3


def test_it_comes_back_from_json_as_it_was():
    encoder = SequenceEncoder.fit(TRAINING, "signal")
    assert SequenceEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder


@pytest.mark.parametrize(
    "part",
    [
        {"channels": 1},
        {"channels": 0, "mean": [], "deviation": []},
        {"longest": 0},
        {"longest": 2.5},
        {"longest": "3"},
        {"mean": None},
        {"mean": [0.0, float("inf")]},
        {"deviation": [1.0, 0.0]},
        {"column": {}},
        {"more": 1},
    ],
    ids=str,
)
def test_what_cannot_be_an_encoder_is_refused(part):
    raw = SequenceEncoder.fit(TRAINING, "signal").to_dict()
    with pytest.raises(DataError, match="not one that auditkit wrote"):
        SequenceEncoder.from_dict({**raw, **part})


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, "should hold sequences.*row 2 has NoneType"),
        ([1.0, 2.0], "should hold sequences.*row 2 has list"),
        (np.zeros(3, dtype=np.float32), "should hold sequences.*row 2 has ndarray"),
        (np.zeros((3, 2), dtype=int), "should hold sequences.*row 2 has ndarray"),
        (np.zeros((0, 2)), "row 2 of the data has no steps: drop the row"),
        (np.zeros((3, 1)), "row 2 of the data has 1 channels where 2 are expected"),
        (np.array([[1.0, np.nan]]), "row 2 of the data holds NaN or infinity"),
        (np.array([[np.inf, 1.0]]), "row 2 of the data holds NaN or infinity"),
    ],
    ids=str,
)
def test_a_cell_that_is_no_sequence_is_named_by_its_row(cell, said):
    frame = frame_of(TRAINING["signal"][0], cell)
    with pytest.raises(DataError, match=said):
        SequenceEncoder.fit(TRAINING, "signal").arrays(frame)
    with pytest.raises(DataError, match=said.replace("the data", "the training data")):
        SequenceEncoder.fit(frame, "signal")


def test_no_rows_teach_nothing():
    with pytest.raises(DataError, match="the training data has no rows"):
        SequenceEncoder.fit(TRAINING.iloc[:0], "signal")


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(DataError, match="no column 'sound'"):
        SequenceEncoder.fit(TRAINING, "sound")
