import json

import numpy as np
import pandas as pd
import pytest

from auditkit.data.images import ImageEncoder
from auditkit.errors import DataError

# Two images of 1 x 2 pixels and two channels: the first channel 0, 51, 102, 255; the second 204.
FIRST = np.array([[[0, 51]], [[204, 204]]], dtype=np.uint8)
SECOND = np.array([[[102, 255]], [[204, 204]]], dtype=np.uint8)
TRAINING = pd.DataFrame({"image": [FIRST, SECOND]})


def test_each_channel_has_its_mean_and_deviation_as_shares_of_white():
    encoder = ImageEncoder.fit(TRAINING, "image")
    assert (encoder.channels, encoder.height, encoder.width) == (2, 1, 2)
    assert encoder.mean == pytest.approx((0.4, 0.8))
    # 0, .2, .4 and 1 around .4: squares .16, .04, 0, .36 have the mean .14.
    assert encoder.deviation[0] == pytest.approx(0.14**0.5)


def test_an_even_channel_is_divided_by_one_not_by_nothing():
    assert ImageEncoder.fit(TRAINING, "image").deviation[1] == 1.0


def test_pixels_stay_the_bytes_they_were():
    (pixels,) = ImageEncoder.fit(TRAINING, "image").arrays(TRAINING)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.stack([FIRST, SECOND]))


def test_no_rows_make_no_images_of_the_right_size():
    encoder = ImageEncoder.fit(TRAINING, "image")
    assert encoder.arrays(TRAINING.iloc[:0])[0].shape == (0, 2, 1, 2)
    with pytest.raises(DataError, match="the training data has no rows"):
        ImageEncoder.fit(TRAINING.iloc[:0], "image")


def test_it_comes_back_from_json_as_it_was():
    encoder = ImageEncoder.fit(TRAINING, "image")
    assert ImageEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder


@pytest.mark.parametrize(
    "part",
    [
        {"channels": 3},
        {"channels": True, "mean": [0.5], "deviation": [1.0]},
        {"height": 0},
        {"width": 1.5},
        {"width": 2**16},
        {"mean": [0.5]},
        {"mean": "no"},
        {"mean": None},
        {"mean": [0.1, float("nan")]},
        {"deviation": [0.5, 0.0]},
        {"deviation": [0.5, -1.0]},
        {"deviation": [0.5, float("inf")]},
        {"column": ["image"]},
        {"more": 1},
    ],
    ids=str,
)
def test_what_cannot_be_an_encoder_is_refused(part):
    raw = ImageEncoder.fit(TRAINING, "image").to_dict()
    with pytest.raises(DataError, match="not one that auditkit wrote"):
        ImageEncoder.from_dict({**raw, **part})


@pytest.mark.parametrize("raw", [{}, [], None, {"mean": [], "deviation": []}], ids=str)
def test_a_lack_is_refused(raw):
    with pytest.raises(DataError, match="not one that auditkit wrote"):
        ImageEncoder.from_dict(raw)


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        (None, "nothing"),
        ("a.png", "str"),
        (FIRST[0], r"uint8 of shape \(1, 2\)"),
        (FIRST.astype(float), r"float64 of shape \(2, 1, 2\)"),
    ],
)
def test_a_cell_that_is_no_image_is_named_by_its_row(cell, seen):
    frame = pd.DataFrame({"image": pd.Series([FIRST, cell], dtype=object)})
    with pytest.raises(DataError, match=f"'image' in people should hold images.*row 2 has {seen}"):
        ImageEncoder.fit(TRAINING, "image").arrays(frame, "people")
    with pytest.raises(DataError, match=f"row 2 has {seen}"):
        ImageEncoder.fit(frame, "image")


def test_an_image_of_another_size_says_both_sizes():
    other = np.zeros((1, 3, 2), dtype=np.uint8)
    frame = pd.DataFrame({"image": pd.Series([FIRST, other], dtype=object)})
    said = "row 2 of the data is 2 x 3 with 1 channel, and the model takes 2 x 1 with 2 channels"
    with pytest.raises(DataError, match=said):
        ImageEncoder.fit(TRAINING, "image").arrays(frame)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(DataError, match="no column 'picture'"):
        ImageEncoder.fit(TRAINING, "picture")
