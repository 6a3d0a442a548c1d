import json

import pytest

from auditkit.data.encoders import (
    ENCODERS,
    Coding,
    encoder_from_dict,
    encoder_to_dict,
    fit_encoder,
)
from auditkit.data.schema import Task
from auditkit.errors import DataError, UsageError
from tests import media

CASES = {
    "table": (media.rows, Task.DECISION),
    "image": (media.images, Task.CLASSES),
    "sequence": (media.sequences, Task.CLASSES),
    "text": (media.texts, Task.DECISION),
    "pair": (media.pairs, Task.TRANSDUCTION),
}


@pytest.mark.parametrize("kind", list(CASES))
def test_the_encoder_follows_the_medium_and_comes_back_from_json(kind):
    table, task = CASES[kind]
    made = fit_encoder(table(60).frame, table(60).schema, task, media.CODING)
    assert type(made) is ENCODERS[kind]
    raw = json.loads(json.dumps(encoder_to_dict(made)))
    assert raw["kind"] == kind
    assert encoder_from_dict(raw) == made


def test_every_kind_is_tried():
    assert set(CASES) == set(ENCODERS)


def test_a_continued_text_is_read_by_one_encoder():
    table = media.speeches(3)
    assert fit_encoder(table.frame, table.schema, Task.LANGUAGE, Coding()).column == "text"


def test_the_coding_reaches_both_texts_of_a_pair():
    table = media.pairs(60)
    coding = Coding(units="characters", longest=7, written_units="symbols", written_longest=8)
    made = fit_encoder(table.frame, table.schema, Task.TRANSDUCTION, coding)
    assert (made.source.column, made.source.units, made.source.longest) == ("word", "characters", 7)
    assert (made.target.column, made.target.units, made.target.longest) == ("spelled", "symbols", 8)


def test_the_coding_bounds_the_steps_of_a_sequence_and_the_bins_of_a_column():
    table = media.sequences(40)
    assert fit_encoder(table.frame, table.schema, Task.CLASSES, Coding(longest=3)).longest == 3
    table = media.rows(100)
    for one in fit_encoder(table.frame, table.schema, Task.DECISION, Coding(bins=4)).numeric:
        assert len(one.edges) <= 5


@pytest.mark.parametrize(
    "raw", [{}, [], None, {"kind": "song"}, {"kind": []}, {"kind": None}, {"kind": "text"}], ids=str
)
def test_what_is_no_encoder_is_refused(raw):
    with pytest.raises(DataError, match=r"of no kind|not one that auditkit wrote"):
        encoder_from_dict(raw)


@pytest.mark.parametrize(
    "wrong", [{"bins": 0}, {"vocabulary": 5}, {"longest": 0}, {"written_longest": 2}], ids=str
)
def test_a_coding_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError, match="in the coding is"):
        Coding(**wrong)
