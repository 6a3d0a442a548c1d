import json
import math

import pandas as pd
import plotly.graph_objects as go
import pytest

from auditkit.report.axes import label
from auditkit.report.figures import figure
from auditkit.report.tables import grid
from auditkit.results import Bars, ImageScores, Intervals, Lines, Table, TokenScores, Unit
from tests.report.samples import NASTY_NAMES, explained, nasty, sample

GROUPS = pd.DataFrame(
    {
        "group": ["a", "b", "c"],
        "rate": [0.25, 0.5, math.nan],
        "low": [0.2, 0.3, math.nan],
        "high": [0.35, 0.8, math.nan],
    }
)
DOTS = Intervals(
    title="t",
    frame=GROUPS,
    label="group",
    value="rate",
    low="low",
    high="high",
    limit=0.4,
    reference=0.3,
    reference_label="all rows",
)


def views(report):
    return [view for one in report.results for part in one.sections for view in part.views]


@pytest.mark.parametrize(
    "view",
    [*views(sample()), *views(nasty()), *views(explained())],
    ids=lambda v: type(v).__name__,
)
def test_every_figure_is_valid_for_plotly_and_for_json(view):
    made = figure(view)
    if isinstance(view, Table | TokenScores | ImageScores):
        assert made is None
        return
    json.dumps(made, allow_nan=False)
    for axis in ("xaxis", "yaxis"):
        made["layout"][axis].pop("ticktextnarrow", None)
    assert len(go.Figure(made).data) == len(made["data"]) >= 1


def test_dots_stand_at_their_values_and_bars_reach_the_ends_of_the_interval():
    trace = figure(DOTS)["data"][0]
    assert trace["x"] == [0.25, 0.5, None]
    assert trace["error_x"]["array"] == pytest.approx([0.1, 0.3, None])
    assert trace["error_x"]["arrayminus"] == pytest.approx([0.05, 0.2, None])


def test_an_undefined_value_is_named_where_its_dot_would_be():
    notes = [one for one in figure(DOTS)["layout"]["annotations"] if one["text"] == "undefined"]
    assert [one["y"] for one in notes] == [2]


def test_limit_and_reference_are_lines_with_their_names():
    layout = figure(DOTS)["layout"]
    assert [one["x0"] for one in layout["shapes"]] == [0.3, 0.4]
    assert [one["text"].replace("\u00a0", " ") for one in layout["annotations"][:2]] == [
        "all rows",
        "limit 40.0 %",
    ]


def test_equal_names_are_not_merged():
    frame = pd.DataFrame({"g": ["same", "same"], "n": [1, 2]})
    made = figure(Bars(title="t", frame=frame, x="g", y=("n",), unit=Unit.COUNT))
    assert made["data"][0]["x"] == [0, 1]
    assert made["layout"]["xaxis"]["ticktext"] == ["same", "same"]


def test_bars_that_diverge_are_coloured_by_their_sign():
    frame = pd.DataFrame({"g": ["a", "b", "c"], "n": [1.5, -2.0, math.nan]})
    made = figure(Bars(title="t", frame=frame, x="g", y=("n",), diverging=True))["data"][0]
    assert made["marker"]["color"] == ["var(--heat-for)", "var(--heat-against)", "var(--heat-for)"]


def test_a_diagonal_runs_from_corner_to_corner():
    frame = pd.DataFrame({"p": [0.2, 0.8], "o": [0.3, 0.7]})
    made = figure(Lines(title="t", frame=frame, x="p", y=("o",), unit=Unit.SHARE, diagonal=True))
    assert made["data"][0]["x"] == made["data"][0]["y"] == [0.0, 1.0]
    assert made["data"][1]["y"] == [0.3, 0.7]


@pytest.mark.parametrize("name", NASTY_NAMES)
def test_no_tag_of_a_name_reaches_plotly(name):
    frame = pd.DataFrame({"g": [name], name + "y": [0.5], "low": [0.4], "high": [0.6]})
    made = [
        Bars(title=name, frame=frame, x="g", y=(name + "y",)),
        Lines(title=name, frame=frame, x="g", y=(name + "y",), mark=0.0, mark_label=name),
        Intervals(
            title=name,
            frame=frame,
            label="g",
            value=name + "y",
            low="low",
            high="high",
            reference=0.5,
            reference_label=name,
        ),
    ]
    for view in made:
        text = json.dumps(figure(view), ensure_ascii=False).replace("<br>", "")
        assert "<" not in text
        assert "template" not in text


def test_a_long_name_keeps_its_beginning_and_its_end_in_two_lines():
    shown = label("Female, Amer-Indian-Eskimo, 45 to 64, never married, no children", width=20)
    first, second = shown.split("<br>")
    assert first == "Female, Amer-Indian…"
    assert second == "married, no children"


def test_each_view_is_also_a_table_of_all_its_numbers():
    made = grid(DOTS)
    assert made.columns == ("group", "rate", "low", "high")
    assert made.numeric == (False, True, True, True)
    assert [one.text.replace("\u00a0", " ") for one in made.rows[0]] == [
        "a",
        "25.0 %",
        "20.0 %",
        "35.0 %",
    ]
    assert made.rows[0][1].raw == "0.25"
    assert made.rows[2][1].undefined


def test_only_the_named_columns_of_a_table_are_percentages():
    frame = pd.DataFrame({"what": ["x"], "share": [0.5], "loss": [0.5], "rows": [1234]})
    cells = grid(Table(title="t", frame=frame, shares=("share",))).rows[0]
    assert [one.text for one in cells] == ["x", "50.0\u00a0%", "0.500", "1,234"]
    assert [one.raw for one in cells] == ["", "0.5", "0.5", "1234"]


def test_only_the_named_columns_of_a_table_are_verdicts_and_a_strange_word_is_a_word():
    frame = pd.DataFrame({"m": ["weak", "b", "c"], "trust": ["trusted", "not tested", "so so"]})
    rows = grid(Table(title="t", frame=frame, verdicts=("trust",))).rows
    assert [one.verdict for one, _ in rows] == ["", "", ""]
    assert [(one.text, one.verdict) for _, one in rows] == [
        ("trusted", "passed"),
        ("not tested", "skipped"),
        ("so so", ""),
    ]


def test_low_and_high_around_a_line_are_drawn_as_a_band():
    frame = pd.DataFrame({"x": [1, 2], "seen": [0.3, 0.5], "low": [0.2, 0.4], "high": [0.4, 0.7]})
    low, high, line = figure(Lines(title="t", frame=frame, x="x", y=("seen", "low", "high")))[
        "data"
    ]
    assert (low["y"], high["y"], line["y"]) == ([0.2, 0.4], [0.4, 0.7], [0.3, 0.5])
    assert high["fill"] == "tonexty"
    two = Lines(title="t", frame=frame, x="x", y=("low", "high"))
    assert [one["name"] for one in figure(two)["data"]] == ["low", "high"]


def test_the_reason_of_an_undefined_value_stands_in_its_row():
    frame = GROUPS.assign(reason=["", "", "no <b>positives</b>"])
    view = Intervals(title="t", frame=frame, label="group", value="rate", low="low", high="high")
    (note,) = figure(view)["layout"]["annotations"]
    assert note["text"] == "undefined: no &lt;b&gt;positives&lt;/b&gt;"
    assert grid(view).columns[-1] == "reason"


def test_a_column_of_empty_texts_is_left_out_of_the_table():
    frame = GROUPS.assign(reason="")
    view = Intervals(title="t", frame=frame, label="group", value="rate", low="low", high="high")
    assert grid(view).columns == ("group", "rate", "low", "high")
