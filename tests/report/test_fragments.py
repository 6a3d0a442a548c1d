import re
from base64 import b64encode
from hashlib import sha256

import pandas as pd
import pytest

from auditkit.report.fragments import SCOPE, document, drawing, fragment, style
from auditkit.results import Bars, Heatmap
from tests.report.samples import NASTY, heatmap, image_scores, nasty, token_scores
from tests.report.test_html import Outline

FRAME = pd.DataFrame({"part": ["a", "b", "c"], "value": [0.5, -2.0, 0.0]})
BARS = Bars(title="t", frame=FRAME, x="part", y=("value",), diverging=True)


def test_the_longest_bar_has_half_the_width_and_each_lies_on_its_side():
    made = [(one.start, one.length, one.side) for one in drawing(BARS).bars]
    assert made == [(100.0, 25.0, "for"), (0.0, 100.0, "against"), (100.0, 0.0, "for")]


def test_bars_of_nothing_and_of_the_undefined_have_no_length():
    frame = FRAME.assign(value=[0.0, float("nan"), 0.0])
    made = drawing(Bars(title="t", frame=frame, x="part", y=("value",))).bars
    assert [one.length for one in made] == [0.0, 0.0, 0.0]
    assert [one.text for one in made] == ["0", "–", "0"]


def test_cells_are_squares_with_the_class_of_their_strength():
    frame = pd.DataFrame({"x": [1, 2, 1], "y": ["a", "a", "b"], "v": [1.0, -0.4, 0.0]})
    made = drawing(Heatmap(title="t", frame=frame, x="x", y="y", value="v", diverging=True))
    assert [(one.x, one.y, one.level) for one in made.squares] == [
        (0, 0, "p5"),
        (1, 0, "n2"),
        (0, 1, "z"),
        (1, 1, "u"),
    ]
    assert made.across == "Across: x 1 to 2. Down: y a to b."
    assert made.squares[1].said == "a, 2: −0.400"


@pytest.mark.parametrize("view", [BARS, token_scores(), image_scores(), heatmap(12, 29)])
def test_a_fragment_needs_no_script_and_styles_nothing_outside_it(view):
    html = fragment("Row 3", [("explained", "log-odds"), ("note", "")], [view])
    outline = Outline(html)
    assert outline.tags[0] == ("div", {"class": SCOPE})
    assert "script" not in outline.text
    assert not [attrs for _, attrs in outline.tags if "style" in attrs]
    assert "note" not in html.split("</style>")[1]
    own = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    assert own.startswith(f".{SCOPE} {{")
    assert own.count("{") == own.count("}")
    assert len(html) < 60_000


def test_hostile_names_make_no_element_of_a_fragment():
    views = [view for one in nasty().results for part in one.sections for view in part.views]
    outline = Outline(fragment(NASTY, [(NASTY, NASTY)], views))
    assert not {"script", "a"} & set(outline.text)
    pictures = [attrs["src"] for tag, attrs in outline.tags if tag == "img"]
    assert all(one.startswith("data:image/png;base64,") for one in pictures)


def test_a_document_allows_its_own_style_and_nothing_else():
    html = document("t", [], [BARS])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    assert "default-src &#39;none&#39;" in policy
    assert policy.count("sha256-") == 1
    own = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    assert own == style()
    assert b64encode(sha256(own.encode()).digest()).decode() in policy.replace("&#43;", "+")
    assert html.startswith("<!doctype html>")
