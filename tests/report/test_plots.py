import json
import re

import pandas as pd
import pytest

from auditkit.errors import UsageError
from auditkit.report.plots import colours, plot
from auditkit.report.templates import template
from auditkit.results import Table
from tests.report.samples import heatmap, image_scores, nasty, sample, token_scores
from tests.report.test_figures import views


@pytest.mark.parametrize(
    "view",
    [*views(sample()), *views(nasty()), token_scores(), image_scores(), heatmap(12, 29)],
    ids=lambda view: type(view).__name__,
)
def test_every_picture_is_a_plotly_figure_with_colours_of_its_own(view):
    if isinstance(view, Table):
        with pytest.raises(UsageError, match="no figure"):
            plot(view)
        return
    made = json.loads(plot(view).to_json())
    assert "var(--" not in json.dumps(made)
    assert made["layout"]["title"]["text"]


def test_colours_are_those_of_the_style_sheet_light_or_dark():
    assert colours(False)["--heat-for"] == "#d55e00"
    assert colours(True)["--heat-for"] == "#ff8f52"
    named = set(
        re.findall(r"var\((--series-\d|--heat-[\w-]+|--band|--ink[\w-]*)\)", template("style.css"))
    )
    assert named <= set(colours(False))


def test_tokens_are_bars_in_their_order():
    made = plot(token_scores()).data[0]
    assert list(made.x)[:2] == list(token_scores().frame["attribution"])[:2]
    assert made.marker.color[0] != made.marker.color[1]


def test_images_stand_beside_what_they_look_like_under_their_scores():
    made = plot(image_scores(items=2))
    assert len(made.layout.images) == 4
    assert [one.text.split("<br>")[0] for one in made.layout.annotations] == [
        "ring 1, seen as a shoe",
        "ring 2, seen as a shoe",
    ]


def test_a_title_of_the_data_s_is_shown_as_text():
    frame = pd.DataFrame({"item": ["a"], "word": ["b"], "score": [1.0]})
    view = token_scores(
        frame=frame, item="item", token="word", score="score", note="", title="<b>x"
    )
    assert plot(view).layout.title.text == "&lt;b&gt;x"
