import math
import re

import pandas as pd
import pytest

from auditkit.report.charts import LEFT, LENGTH, RIGHT, TOP, WIDTH, chart, ladder
from auditkit.report.fragments import drawing, fragment
from auditkit.results import Bars, Heatmap, Intervals, Lines, Table, Unit, View
from tests.report.test_html import Outline

LAYERS = ["first", "second", "third"]
FRAME = pd.DataFrame(
    {"layer": LAYERS, "probe": [0.5, 0.7, 0.9], "low": [0.4, 0.6, 0.8], "high": [0.6, 0.8, 1.0]}
)
LINES = Lines(title="t", frame=FRAME, x="layer", y=("probe",), unit=Unit.SHARE)


def test_the_highest_value_is_the_highest_point_and_the_middle_one_lies_between():
    (line,) = chart(LINES).strokes
    (x0, y0), (x1, y1), (x2, y2) = line.points
    assert LEFT < x0 < x1 < x2 < WIDTH - RIGHT
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert TOP < y2 < y1 < y0 < chart(LINES).floor
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.1)


def test_ticks_are_round_numbers_at_their_own_places():
    made = chart(LINES)
    assert [one.text.replace("\u00a0", " ") for one in made.y] == [
        "50 %",
        "60 %",
        "70 %",
        "80 %",
        "90 %",
    ]
    assert made.y[2].at == made.strokes[0].points[1][1]  # .7
    assert [one.text for one in made.x] == LAYERS


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0, 1000], "0 200 400 600 800 1000"),
        ([3, 3], "2.6 2.8 3 3.2 3.4"),
        ([-2e-5, 0], "−2e−05 0"),
    ],
)
def test_numbers_of_any_size_have_few_ticks(values, ticks):
    frame = pd.DataFrame({"x": [0, 1], "y": [float(one) for one in values]})
    written = [one.text for one in chart(Lines(title="t", frame=frame, x="x", y=("y",))).y]
    assert set(ticks.split()) <= set(written)
    assert 2 < len(written) <= 7


def test_counts_have_no_tick_between_two_of_them():
    frame = pd.DataFrame({"x": [0, 1], "y": [1, 2]})
    view = Lines(title="t", frame=frame, x="x", y=("y",), unit=Unit.COUNT)
    assert [one.text for one in chart(view).y] == ["1", "2"]
    assert [one.text for one in chart(view).x] == ["0", "1"]


def test_an_undefined_value_breaks_its_line():
    frame = FRAME.assign(probe=[0.5, math.nan, 0.9])
    (line,) = chart(Lines(title="t", frame=frame, x="layer", y=("probe",))).strokes
    assert len(line.points) == 2
    assert re.fullmatch(r"M[\d. ]+M[\d. ]+", line.path)


def test_low_and_high_are_a_band_and_no_lines():
    made = chart(Lines(title="t", frame=FRAME, x="layer", y=("probe", "low", "high")))
    assert [one.name for one in made.strokes] == ["probe"]
    corners = [tuple(map(float, one.split(","))) for one in made.band.split()]
    assert len(corners) == 6
    assert corners[0][0] == corners[-1][0]  # down one side and back along the other


def test_names_that_are_too_long_stand_aslant_and_lose_their_middle():
    names = [f"encoder.layer.{i}.attention.output" for i in range(12)]
    view = Lines(title="t", frame=pd.DataFrame({"x": names, "y": range(12)}), x="x", y=("y",))
    made = chart(view)
    assert made.slanted
    assert made.x[0].text == "encoder.…on.output"
    assert not chart(LINES).slanted


def test_a_diagonal_and_a_mark_lie_where_their_numbers_do():
    frame = pd.DataFrame({"said": [0.0, 1.0], "true": [0.1, 0.9]})
    view = Lines(
        title="t", frame=frame, x="said", y=("true",), unit=Unit.SHARE, diagonal=True,
        mark=0.5, mark_label="half",
    )  # fmt: skip
    made = chart(view)
    assert made.mark.text == "half"
    assert made.mark.at == pytest.approx((made.x[0].at + made.x[-1].at) / 2, abs=0.1)
    (x0, y0), (x1, y1) = (map(float, one.split()) for one in made.diagonal[1:].split("L"))
    for across, up in zip(made.x, made.y, strict=True):  # the same numbers, 0 to 100 %
        share = (across.at - x0) / (x1 - x0)
        assert up.at == pytest.approx(y0 + share * (y1 - y0), abs=0.2)


def test_intervals_lie_on_one_scale_with_limit_and_reference():
    view = Intervals(
        title="t", frame=FRAME, label="layer", value="probe", low="low", high="high",
        limit=0.8, reference=0.5, reference_label="chance",
    )  # fmt: skip
    made = ladder(view)
    first, _, third = made.rows
    assert first.value == made.reference
    assert third.low == made.limit
    assert 0 < first.low < first.value < first.high < third.high < LENGTH
    assert made.said == "Dotted line: chance. Line: limit 80.0\u00a0%."
    assert third.text == "90.0\u00a0% (80.0 to 100.0)"


def test_an_undefined_value_has_its_row_and_no_place():
    frame = FRAME.assign(probe=[0.5, math.nan, 0.9], low=[math.nan, math.nan, 0.8])
    view = Intervals(title="t", frame=frame, label="layer", value="probe", low="low", high="high")
    first, second, _ = ladder(view).rows
    assert (first.low, first.high) == (None, None)
    assert first.value is not None
    assert (second.value, second.text) == (None, "–")


def test_bars_of_several_series_have_each_its_colour_and_begin_at_the_left():
    made = drawing(Bars(title="t", frame=FRAME, x="layer", y=("probe", "high")))
    assert [(one.name, one.side) for one in made.bars[:2]] == [
        ("first: probe", "s1"),
        ("first: high", "s2"),
    ]
    assert made.zero == 0
    assert made.bars[-1].length == 200.0
    assert made.bars[0].length == 100.0


def test_where_a_bar_is_below_zero_all_begin_in_the_middle():
    frame = FRAME.assign(probe=[-0.5, 0.0, 1.0])
    made = drawing(Bars(title="t", frame=frame, x="layer", y=("probe",)))
    assert made.zero == 100.0
    assert [(one.start, one.length) for one in made.bars] == [(50, 50), (100, 0), (100, 100)]


@pytest.mark.parametrize(
    "view",
    [
        LINES,
        Table(title="t", frame=FRAME),
        Heatmap(title="t", frame=FRAME.assign(x=1), x="x", y="layer", value="probe"),
    ],
    ids=["lines", "table", "heatmap"],
)
def test_what_a_picture_does_not_write_stands_in_a_table(view: View):
    outline = Outline(fragment("t", [], [view]).split("</style>")[1])
    assert outline.text["th"][-3:] == LAYERS
    assert "0.700" in outline.text["td"] or "70.0\u00a0%" in outline.text["td"]
