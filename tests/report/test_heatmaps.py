import json
import math

import pandas as pd
import pytest

from auditkit.report.figures import figure
from auditkit.report.heatmaps import cells, key
from auditkit.report.page import picture
from auditkit.report.tables import grid
from auditkit.results import Heatmap, Unit
from tests.report.samples import NASTY_NAMES, heatmap

LONG = pd.DataFrame(
    {
        "layer": ["one", "one", "two"],
        "head": ["b", "a", "b"],
        "weight": [0.5, -0.25, 0.125],
    }
)
SMALL = Heatmap(title="t", frame=LONG, x="head", y="layer", value="weight", unit=Unit.SHARE)


def test_rows_and_columns_stand_in_the_order_in_which_they_come():
    made = cells(SMALL)
    assert (made.columns, made.rows) == (("b", "a"), ("one", "two"))
    assert made.values == ((0.5, -0.25), (0.125, None))


def test_each_cell_is_a_bar_on_its_row_and_the_undefined_have_no_colour():
    known, undefined = figure(SMALL)["data"]
    assert (known["x"], known["base"], known["y"]) == ([0, 1, 0], [-0.5, -0.5, 0.5], [1, 1, 1])
    assert known["marker"]["color"] == [0.5, -0.25, 0.125]
    assert (undefined["x"], undefined["base"]) == ([1], [0.5])
    assert undefined["hovertext"] == ["layer: two<br>head: a<br>undefined"]
    assert known["hovertext"][0].replace("\u00a0", " ") == "layer: one<br>head: b<br>weight: 50.0 %"


def test_a_diverging_scale_ends_as_far_below_zero_as_above():
    made = figure(heatmap(diverging=True))["data"][0]["marker"]
    assert made["cmin"] == -made["cmax"] == -1.0
    assert len(made["colorscale"]) == 3
    rising = figure(SMALL)["data"][0]["marker"]
    assert (rising["cmin"], rising["cmax"], len(rising["colorscale"])) == (-0.25, 0.5, 2)


def test_cells_that_are_all_zero_have_the_colour_of_none():
    frame = LONG.assign(weight=0.0)
    for diverging in (True, False):
        view = Heatmap(
            title="t", frame=frame, x="head", y="layer", value="weight", diverging=diverging
        )
        made = figure(view)["data"][0]["marker"]
        assert (made["cmin"], made["cmax"]) == (-1.0 if diverging else 0.0, 1.0)


def test_few_cells_hold_their_numbers_and_many_have_a_key_with_the_ends_of_the_scale():
    assert figure(SMALL)["data"][0]["text"][0] == "50.0\u00a0%"
    assert key(SMALL) is None
    many = heatmap(12, 29)
    assert "text" not in figure(many)["data"][0]
    assert (key(many).low, key(many).high) == ("−1", "1")
    assert picture(many, "x").wide
    assert not picture(SMALL, "x").wide


def test_the_table_has_rows_by_columns_or_the_strongest_cells_of_too_many():
    made = grid(SMALL)
    assert made.columns == ("layer", "b", "a")
    assert [[one.text.replace("\u00a0", " ") for one in row] for row in made.rows] == [
        ["one", "50.0 %", "−25.0 %"],
        ["two", "12.5 %", "–"],
    ]
    many = heatmap(40, 40)
    assert grid(many).columns == ("method", "other", "rank correlation")
    assert len(grid(many).rows) == 40
    assert grid(many).rows[0][2].text == "1"
    assert grid(many).note.startswith("The 40 strongest of 1600 cells.")


def test_names_along_an_axis_are_thinned_where_there_is_no_room():
    layout = figure(heatmap(40, 100))["layout"]
    assert layout["xaxis"]["tickvals"] == list(range(0, 100, 4))
    assert len(layout["xaxis"]["ticktext"]) == 25
    assert layout["xaxis"]["range"] == [-0.5, 99.5]
    assert layout["yaxis"]["range"] == [39.5, -0.5]


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_no_tag_of_a_name_reaches_plotly(name):
    frame = pd.DataFrame({name: [name], name + "y": [name], name + "z": [math.nan]})
    view = Heatmap(title=name, frame=frame, x=name, y=name + "y", value=name + "z")
    text = json.dumps(figure(view), ensure_ascii=False).replace("<br>", "")
    assert "<" not in text
    assert "template" not in text


def test_an_empty_frame_is_drawn_as_an_empty_picture():
    made = Heatmap(title="t", frame=LONG.head(0), x="head", y="layer", value="weight")
    assert figure(made)["data"][0]["x"] == []
    assert grid(made).rows == ()
