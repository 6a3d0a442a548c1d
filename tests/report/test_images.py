import math
from dataclasses import replace
from gzip import compress

import numpy as np
import pandas as pd
import pytest

from auditkit.report.images import AGAINST, FOR, by_ninths, ninths, overlaid, pixels, tiles, where
from auditkit.report.json import dumps
from auditkit.report.tables import grid
from auditkit.results import CheckResult, ImageScores, Section, Status, Topic
from tests.report.samples import empty, image_scores


def scores(*rows) -> np.ndarray:
    return np.array(rows, dtype=float)


def coloured(image, values):
    places, palette = overlaid(image, values)
    return palette[places]


def view(frame: pd.DataFrame, **fields) -> ImageScores:
    names = {"item": "item", "row": "row", "column": "column", "score": "score"}
    return ImageScores(title="t", frame=frame, **names, **fields)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((6, 6)), "No pixel carries any weight."),
        (np.full((6, 6), math.nan), "The scores are undefined."),
        (scores([4, 0, 0], [0, 0, 0], [0, 0, -1]),
         "80 % of the weight lies in the upper left, 20 % in the lower right."),
        (scores([0, 0, 0, 0, 5], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]),
         "100 % of the weight lies in the upper right."),
        (scores([0, 0, 0], [0, -7, 0], [0, 0, 0]), "100 % of the weight lies in the centre."),
        (np.ones((9, 9)), "The weight is spread over the image: no ninth of it holds 20 %."),
    ],
)  # fmt: skip
def test_where_the_weight_lies_is_said_in_words(values, said):
    assert where(values).replace("\u00a0", " ") == said


def test_the_shares_of_the_ninths_add_up_to_all_whatever_the_size():
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (2, 5), (28, 28), (31, 17)):
        assert ninths(rng.normal(size=shape)).sum() == pytest.approx(1.0)


def test_orange_speaks_for_blue_against_and_none_leaves_the_grey():
    image = np.zeros((1, 3, 3), dtype=np.uint8)
    (made,) = coloured(image, scores([1.0, -1.0, 0.0]))
    assert [tuple(one) for one in made] == [FOR, AGAINST, (150, 150, 150)]


def test_scores_that_are_all_zero_or_undefined_colour_nothing():
    image = np.full((4, 4, 3), 255, dtype=np.uint8)
    for values in (np.zeros((4, 4)), np.full((4, 4), math.nan)):
        assert (coloured(image, values) == 245).all()


def test_one_pixel_of_a_thousand_does_not_dim_the_others():
    values = np.full((40, 40), 0.5)
    values[0, 0] = 1000
    made = coloured(np.zeros((40, 40, 3), dtype=np.uint8), values)
    assert tuple(made[20, 20]) == FOR


def test_a_pixel_stands_at_its_row_and_column_whatever_the_order_of_the_frame():
    frame = pd.DataFrame(
        {"item": "a", "row": [1, 0, 5, -1, None], "column": [2, 0, 9999, 0, 0],
         "grey": [300, 7, 1, 1, 1], "score": [0.5, -1.0, 9, 9, 9]}
    )  # fmt: skip
    (made,) = pixels(view(frame))
    assert made.scores.shape == (2, 3)
    assert made.image[1, 2].tolist() == [255, 255, 255]
    assert made.image[0, 0].tolist() == [7, 7, 7]
    assert made.scores[0, 0] == -1.0
    assert math.isnan(made.scores[0, 1])


def test_three_channels_are_red_green_and_blue():
    frame = pd.DataFrame(
        {"item": ["a"], "row": [0], "column": [0], "red": [1], "green": [2], "blue": [3]}
    ).assign(score=0.0)
    (made,) = pixels(view(frame, channels=("red", "green", "blue")))
    assert made.image.tolist() == [[[1, 2, 3]]]


def test_each_item_is_two_pictures_and_a_sentence():
    made = tiles(image_scores(note="item"))
    assert [one.item for one in made] == [one.note for one in made]
    assert len({one.overlay for one in made}) == len(made)
    assert len({one.picture for one in made}) == 1
    assert (made[0].width, made[0].height) == (28, 28)
    assert "upper left" in made[0].where
    assert made[-1].where == "No pixel carries any weight."


def test_the_table_says_where_the_weight_lies_and_not_each_pixel():
    made = grid(image_scores())
    assert made.columns[:3] == ("item", "upper left", "top")
    assert len(made.rows) == 4
    assert made.rows[0][1].text.endswith("%")
    assert made.rows[3][1].undefined
    assert by_ninths(image_scores()).iloc[0, 1:].sum() == pytest.approx(1.0)


def test_an_item_of_28_by_28_costs_at_most_three_kilobytes_of_the_page():
    def size(items: int) -> int:
        shown = image_scores(items=items)
        result = CheckResult(
            rule="AK1", name="a", title="A", topic=Topic.EXPLANATION, status=Status.MEASURED,
            sections=(Section(title="s", views=(shown,)),),
        )  # fmt: skip
        text = dumps(replace(empty(), results=(result,)))
        drawn = sum(len(one.picture) + len(one.overlay) for one in tiles(shown))
        return len(compress(text.encode(), mtime=0)) * 5 // 4 + drawn

    assert (size(6) - size(1)) / 5 <= 3000
