import math
from dataclasses import replace

import pandas as pd
import pytest

from auditkit.report.tables import grid
from auditkit.report.tokens import key, level, lines, strongest, visible
from auditkit.results import TokenScores
from tests.report.samples import token_scores


def view(rows, **fields) -> TokenScores:
    frame = pd.DataFrame(rows, columns=["text", "word", "score"])
    return TokenScores(title="t", frame=frame, item="text", token="word", score="score", **fields)


@pytest.mark.parametrize(
    ("score", "scale", "expected"),
    [
        (1.0, 1.0, "p5"),
        (-1.0, 1.0, "n5"),
        (0.4, 1.0, "p2"),
        (-0.2, 1.0, "n1"),
        (0.09, 1.0, "z"),
        (0.0, 1.0, "z"),
        (0.0, 0.0, "z"),
        (3.0, 1.0, "p5"),
        (None, 1.0, "u"),
    ],
)
def test_a_score_becomes_its_sign_and_its_fifth_of_the_scale(score, scale, expected):
    assert level(score, scale) == expected


def test_consecutive_rows_of_one_item_are_one_line_and_an_item_may_come_again():
    rows = [("a", "x", 1.0), ("a", "y", -1.0), ("b", "z", 0.5), ("a", "w", 0.1)]
    made = lines(view(rows))
    assert [(one.item, [token.text for token in one.tokens]) for one in made] == [
        ("a", ["x", "y"]),
        ("b", ["z"]),
        ("a", ["w"]),
    ]


def test_each_item_has_its_own_scale_unless_all_share_one():
    rows = [("a", "x", 1.0), ("b", "y", 0.2)]
    own, shared = lines(view(rows)), lines(view(rows, shared=True))
    assert [one.tokens[0].level for one in own] == ["p5", "p5"]
    assert [one.tokens[0].level for one in shared] == ["p5", "p1"]
    assert "of its own" in key(view(rows)).said
    assert "one scale" in key(view(rows, shared=True)).said


def test_scores_that_are_all_zero_are_drawn_as_such():
    (line,) = lines(view([("a", "x", 0.0), ("a", "y", -0.0)]))
    assert [one.level for one in line.tokens] == ["z", "z"]
    assert line.strongest == "No token carries any weight."


def test_undefined_scores_are_said_to_be_and_take_no_part_in_the_scale():
    (line,) = lines(view([("a", "x", math.nan), ("a", "y", math.inf), ("a", "z", 0.25)]))
    assert [(one.level, one.said) for one in line.tokens] == [
        ("u", "undefined"),
        ("u", "undefined"),
        ("p5", "+0.250"),
    ]
    assert line.strongest == "Most weight: “z” +0.250. 2 scores are undefined."
    assert strongest(["x"], [None]) == "The scores are undefined."


def test_the_three_strongest_tokens_are_named_by_size_and_not_by_sign():
    said = strongest(["a", "b", "c", "d"], [0.1, -0.9, 0.5, -0.2])
    assert said == "Most weight: “b” −0.900, “c” +0.500, “d” −0.200."


def test_the_key_has_one_direction_where_no_score_is_below_zero():
    assert (key(view([("a", "x", 0.5)])).low, key(view([("a", "x", 0.5)])).high) == ("none", "most")
    assert key(view([("a", "x", -0.5)])).diverging


def test_a_token_that_nobody_could_see_is_written_as_a_sign():
    assert [visible(one) for one in ("", " ", "\n", "x", " and")] == ["∅", "␣", "⏎", "x", " and"]


def test_the_note_of_an_item_stands_beside_its_name():
    assert [one.note for one in lines(token_scores())] == [
        f"predicted with 8{i} %" for i in (0, 1, 2)
    ]


def test_the_table_holds_every_token_or_the_strongest_ten_of_each_of_many():
    few = token_scores()
    assert len(grid(few).rows) == len(few.frame)
    assert grid(few).note == ""
    rows = [(item, f"w{i}", (-1) ** i * i / 100) for item in "ab" for i in range(100)]
    many = grid(view(rows))
    assert [row[1].text for row in many.rows[:3]] == ["w99", "w98", "w97"]
    assert len(many.rows) == 20
    assert many.note.startswith("The strongest tokens of each.")


def test_names_that_are_numbers_or_missing_are_kept():
    frame = pd.DataFrame({"text": [7, 7], "word": [None, 3], "score": [0.1, 0.2]})
    (line,) = lines(replace(view([("a", "x", 0.5)]), frame=frame))
    assert (line.item, [one.text for one in line.tokens]) == ("7", ["(missing)", "3"])
