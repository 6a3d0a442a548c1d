import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.data.text import (
    END,
    MASK,
    PAD,
    SPECIAL,
    START,
    UNKNOWN,
    PairEncoder,
    TextEncoder,
    padded,
)
from auditkit.errors import DataError

TRAINING = pd.DataFrame({"text": ["a good coat", "a bad hat", "A  GOOD hat\nfor a good coat"]})
UNITS = ("pieces", "bytes", "characters", "symbols")
# A surrogate alone is no character: no file in UTF-8 can hold one.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@cache
def fitted(units: str, *, vocabulary: int = 300, longest: int = 50) -> TextEncoder:
    return TextEncoder.fit(TRAINING, "text", units=units, vocabulary=vocabulary, longest=longest)


def spelled(units: str, text: str) -> str:
    encoder = fitted(units)
    return encoder.text(encoder.tokens([text])[0])


@pytest.mark.parametrize("units", UNITS)
def test_the_first_tokens_are_the_special_ones_whatever_the_units(units):
    places = fitted(units)._made.get_vocab()
    assert [places[one] for one in SPECIAL] == [PAD, UNKNOWN, START, END, MASK] == list(range(5))
    assert sorted(places.values()) == list(range(fitted(units).vocabulary))


def test_pieces_are_of_lower_cased_words():
    assert spelled("pieces", "A GOOD Hat") == "a good hat"
    tokens = fitted("pieces").tokens(["good", "GOOD"])
    assert len(tokens[0]) == 1, "it stands in two rows: the bytes are paired to the whole word"
    assert np.array_equal(*tokens)


def test_characters_are_one_token_each_blanks_and_line_ends_too():
    assert spelled("characters", "A hat\nfor a  coat") == "A hat\nfor a  coat"
    assert len(fitted("characters").tokens(["a\nhat "])[0]) == 6


def test_symbols_are_what_stands_between_blanks():
    assert spelled("symbols", " hat \n a   coat") == "hat a coat"
    assert len(fitted("symbols").tokens(["hat a coat"])[0]) == 3


def test_what_was_never_seen_is_unknown_and_is_not_spelled():
    assert fitted("characters").tokens(["az"])[0][1] == UNKNOWN
    assert spelled("characters", "azt") == "at"
    assert fitted("symbols").tokens(["a shoe"])[0].tolist()[1:] == [UNKNOWN]
    assert spelled("symbols", "a shoe hat") == "a hat"
    assert UNKNOWN in fitted("pieces").tokens(["quiz"])[0]
    # Bytes know everything.
    assert UNKNOWN not in fitted("bytes").tokens(["quiz \N{SNOWMAN}"])[0]


@pytest.mark.parametrize(
    "text", ["\N{GRINNING FACE}\n\ta  b ", "\r\n", "na\u00efve \u4e2d\u6587 \x00\x7f", "[END]"]
)
def test_bytes_spell_these_texts_exactly(text):
    assert spelled("bytes", text) == text


@settings(max_examples=200, deadline=None)
@given(ANY_TEXT)
def test_bytes_spell_any_text_exactly(text):
    assert spelled("bytes", text) == text


@settings(max_examples=50, deadline=None)
@given(ANY_TEXT, st.sampled_from(UNITS))
def test_no_text_holds_a_special_token_but_the_unknown_one(text, units):
    tokens = fitted(units).tokens([text, f"a {text} [PAD] [END]"])
    for one in tokens:
        assert one.dtype == np.int32
        assert set(one[one < len(SPECIAL)]) <= {UNKNOWN}


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("name", SPECIAL)
def test_a_text_that_names_a_special_token_does_not_become_one(units, name):
    """Else a text could end where it likes, or hide words from the count as padding."""
    tokens = fitted(units).tokens([f"a {name} hat"])[0]
    assert not set(tokens) & {PAD, START, END, MASK}
    assert len(tokens) >= 3


@pytest.mark.parametrize("units", UNITS)
def test_training_texts_that_name_special_tokens_make_an_encoder_that_can_be_read_again(units):
    frame = pd.DataFrame({"text": ["[PAD] a [END]", "[PAD][END] a [MASK] hat"]})
    made = TextEncoder.fit(frame, "text", units=units, vocabulary=300, longest=50)
    assert TextEncoder.from_dict(made.to_dict()) == made
    assert "hat" in made.text(made.tokens(["[PAD] a [MASK] hat"])[0])


@pytest.mark.parametrize("units", UNITS)
def test_the_vocabulary_is_bounded(units):
    texts = [" ".join(f"{chr(97 + i)}{chr(97 + j)}" for j in range(26)) for i in range(26)]
    frame = pd.DataFrame({"text": texts * 2})
    most = 60 if units != "bytes" else 256 + len(SPECIAL)
    made = TextEncoder.fit(frame, "text", units=units, vocabulary=60, longest=50)
    assert len(SPECIAL) < made.vocabulary <= most


def test_rows_are_cut_at_the_longest_and_padded_after_their_end():
    encoder = fitted("characters", longest=5)
    tokens, lengths = encoder.arrays(pd.DataFrame({"text": ["a hat", "a good", "a"]}))
    assert tokens.dtype == lengths.dtype == np.int64
    assert tokens.shape == (3, 5)
    assert lengths.tolist() == [5, 5, 1]
    assert encoder.text(tokens[1]) == "a goo"
    assert tokens[2].tolist()[1:] == [PAD] * 4
    assert len(encoder.rows(TRAINING)[2]) == len(TRAINING["text"][2]), "rows are uncut"


def test_rows_are_as_wide_as_the_longest_of_them():
    assert fitted("characters").arrays(TRAINING.iloc[1:2])[0].shape == (1, 9)


def test_padding_leaves_what_is_there():
    tokens, lengths = padded([np.array([7, 8]), np.array([9])])
    assert tokens.tolist() == [[7, 8], [9, PAD]]
    assert lengths.tolist() == [2, 1]
    assert padded([])[0].shape == (0, 1)


@pytest.mark.parametrize(
    ("cell", "seen"), [("", "empty"), (" \n", "empty"), (None, "empty"), (7, "7")]
)
def test_an_empty_text_is_refused_with_its_row(cell, seen):
    frame = pd.DataFrame({"text": pd.Series(["a", "hat", cell], dtype=object)})
    with pytest.raises(DataError, match=f"row 3 of people is {seen}: drop the row or fill"):
        fitted("bytes").arrays(frame, "people")
    with pytest.raises(DataError, match=f"row 3 of the training data is {seen}"):
        TextEncoder.fit(frame, "text", units="bytes", vocabulary=300, longest=9)


def test_no_rows_teach_nothing_and_a_column_that_is_not_there_is_named():
    with pytest.raises(DataError, match="the training data has no rows"):
        TextEncoder.fit(TRAINING.iloc[:0], "text", units="bytes", vocabulary=300, longest=9)
    with pytest.raises(DataError, match="no column 'text' in the data; there is words"):
        fitted("bytes").arrays(TRAINING.rename(columns={"text": "words"}))


@pytest.mark.parametrize("units", UNITS)
def test_it_comes_back_from_json_and_reads_as_before(units):
    encoder = fitted(units)
    again = TextEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    text = "a good [PAD] hat for \N{SNOWMAN}"
    assert np.array_equal(again.tokens([text])[0], encoder.tokens([text])[0])


def tokenizer_of(encoder: TextEncoder, **parts: object) -> dict[str, object]:
    return {**encoder.to_dict()["tokenizer"], **parts}


ONE_TOO_FAR = {"[PAD]": 0, "[UNK]": 1, "[START]": 2, "[END]": 3, "[MASK]": 4, "a": 5, "b": 10**9}
OTHER_ORDER = {"[UNK]": 0, "[PAD]": 1, "[START]": 2, "[END]": 3, "[MASK]": 4, "a": 5}


@pytest.mark.parametrize(
    "part",
    [
        {"longest": 0},
        {"longest": 2.5},
        {"longest": True},
        {"longest": 2**24},
        {"units": "words"},
        {"units": ["bytes"]},
        {"column": ["text"]},
        {"tokenizer": "x"},
        {"tokenizer": {}},
        {"tokenizer": None},
        {"tokenizer": tokenizer_of(fitted("symbols"), version="9")},
        {"tokenizer": tokenizer_of(fitted("symbols"), model={"type": "Mine"})},
        {
            "tokenizer": tokenizer_of(
                fitted("symbols"),
                truncation={
                    "direction": "Right",
                    "max_length": 1,
                    "strategy": "LongestFirst",
                    "stride": 0,
                },
            )
        },
        *(
            {
                "tokenizer": tokenizer_of(
                    fitted("symbols"),
                    added_tokens=[],
                    model={"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"},
                )
            }
            for vocab in ({}, {"a": 0}, ONE_TOO_FAR, OTHER_ORDER)
        ),
        {"more": 1},
    ],
)
def test_what_cannot_be_an_encoder_is_refused(part):
    raw = fitted("symbols").to_dict()
    with pytest.raises(DataError, match=r"not one that auditkit wrote|tokenizer cannot be read"):
        TextEncoder.from_dict({**raw, **part})


@pytest.mark.parametrize("raw", [{}, [], None, {"source": []}], ids=str)
def test_a_lack_is_refused(raw):
    for kind in (TextEncoder, PairEncoder):
        with pytest.raises(DataError, match="not one that auditkit wrote"):
            kind.from_dict(raw)


def test_a_text_to_be_written_is_framed_and_keeps_its_end_when_it_is_cut():
    frame = pd.DataFrame({"word": ["ab", "b"], "spelled": ["A B C D", "B"]})
    source = TextEncoder.fit(frame, "word", units="characters", vocabulary=20, longest=9)
    target = TextEncoder.fit(frame, "spelled", units="symbols", vocabulary=20, longest=5)
    pair = PairEncoder(source=source, target=target)
    written = pair.written(frame)
    assert written.shape == (2, 5)
    assert written[0, 0] == written[1, 0] == START
    assert written[0, -1] == written[1, 2] == END
    assert written[1, 3:].tolist() == [PAD, PAD]
    assert [target.text(one) for one in written] == ["A B C", "B"]
    tokens, lengths = pair.arrays(frame)
    assert [source.text(one) for one in tokens] == ["ab", "b"]
    assert lengths.tolist() == [2, 1]
    assert PairEncoder.from_dict(json.loads(json.dumps(pair.to_dict()))) == pair
    with pytest.raises(DataError, match="row 2 of it is empty"):
        pair.written(frame.assign(spelled=["A", ""]), "it")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("normalizer", {"type": "Replace", "pattern": {"String": "."}, "content": "x" * 9}),
        ("pre_tokenizer", {"type": "Whitespace"}),
        ("decoder", None),
        ("post_processor", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}),
    ],
)
def test_a_tokenizer_that_does_more_than_ours_is_refused(part, value):
    frame = pd.DataFrame({"t": ["a good coat", "a bad hat"] * 3})
    made = TextEncoder.fit(frame, "t", units="pieces", vocabulary=60, longest=9)
    raw = made.to_dict()
    assert TextEncoder.from_dict(raw) == made
    raw["tokenizer"] = {**raw["tokenizer"], part: value}
    with pytest.raises(DataError):
        TextEncoder.from_dict(raw)


@pytest.mark.parametrize("units", UNITS)
@settings(max_examples=40, deadline=None)
@given(text=ANY_TEXT)
def test_words_share_all_tokens_of_any_text_out_in_their_order(units, text):
    found = fitted(units).words([text])[0]
    places = [i for one in found for i in range(one.start, one.end)]
    assert places == list(range(len(fitted(units).tokens([text])[0])))
    assert all(one.text for one in found)


@pytest.mark.parametrize(
    ("units", "text", "said"),
    [
        ("pieces", "A Shoehorn, unlike", ["A", "Shoehorn", ",", "unlike"]),
        ("pieces", "caf\N{SNOWMAN} x", ["caf\N{SNOWMAN}", "x"]),
        ("bytes", "A hat, a coat", ["A", "hat", ",", "a", "coat"]),
        ("bytes", "a\n\nb", ["a", "\\n", "\\n", "b"]),
        ("characters", "a hat, a coat", ["a", "hat", ",", "a", "coat"]),
        ("characters", "hat", ["h", "a", "t"]),
        ("symbols", "a hat, coat", ["a", "hat,", "coat"]),
    ],
)
def test_words_are_said_as_they_stand_in_the_text(units, text, said):
    assert [one.text for one in fitted(units).words([text])[0]] == said
