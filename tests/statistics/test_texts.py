import lzma
import math
import time

import numpy as np
import pytest

from auditkit.errors import DataError
from auditkit.statistics import texts
from auditkit.statistics.texts import Edits


def recursive(a: str, b: str) -> int:
    """Edit distance straight from its definition, a row at a time."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        new = [i]
        for j, other in enumerate(b, 1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (one != other)))
        row = new
    return row[-1]


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("flaw", "lawn", 2),
        ("same", "same", 0),
        ("ab", "ba", 2),
    ],
)
def test_edits_are_counted_as_the_textbooks_do(a: str, b: str, edits: int) -> None:
    assert texts.edit_distances([a], [b]).tolist() == [edits]


def test_many_pairs_at_once_agree_with_the_definition() -> None:
    rng = np.random.default_rng(0)
    made = ["".join(rng.choice(list("abc"), size=rng.integers(0, 12))) for _ in range(600)]
    found = texts.edit_distances(made[:300], made[300:])
    assert found.tolist() == [recursive(a, b) for a, b in zip(made[:300], made[300:], strict=True)]


def test_a_dictionary_of_pairs_takes_no_time() -> None:
    rng = np.random.default_rng(1)
    made = [tuple(rng.integers(40, size=rng.integers(3, 14)).tolist()) for _ in range(13_000)]
    started = time.perf_counter()
    texts.edit_distances(made, made[::-1])
    assert time.perf_counter() - started < 3


def test_the_nearest_reference_counts_and_lends_its_length() -> None:
    found = texts.nearest_edits(["cat", "dog"], [["cart", "bat", "cats"], ["dig"]])
    assert found.edits.tolist() == [1, 1]
    assert found.symbols.tolist() == [4, 3]  # of three that are one edit away, the longest


def test_an_answer_without_a_reference_is_refused() -> None:
    with pytest.raises(DataError, match="row 2 has no reference"):
        texts.nearest_edits(["a", "b"], [["a"], []])
    with pytest.raises(DataError, match="beside"):
        texts.nearest_edits(["a"], [])
    with pytest.raises(DataError, match="pairs"):
        texts.edit_distances(["a"], [])


def test_an_error_rate_counts_symbols_and_its_interval_counts_texts() -> None:
    found = texts.error_rate(Edits(edits=np.array([0, 1, 2]), symbols=np.array([4, 4, 2])))
    assert found.value == pytest.approx(0.3)
    assert found.n == 3


def test_texts_without_an_error_are_not_known_to_be_without() -> None:
    found = texts.error_rate(Edits(edits=np.zeros(20, int), symbols=np.full(20, 5)))
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.1611, abs=5e-5)  # Wilson, none of 20


def test_symbols_are_words_where_most_texts_have_blanks() -> None:
    assert texts.words_or_characters(["K AE1 T", "D AO1 G", "A"]) == "words"
    assert texts.words_or_characters(["cat", "dog", "a b"]) == "characters"
    assert texts.symbols(" K AE1  T", "words") == ("K", "AE1", "T")
    assert texts.symbols("né", "characters") == ("n", "é")


def test_bits_a_character_by_hand() -> None:
    found = texts.bits_per_character([10, 20, 60], [10, 10, 20])
    assert found.value == pytest.approx(90 / 40)
    saved = texts.bits_saved([10, 20, 60], [20, 30, 80], [10, 10, 20])
    assert saved.value == pytest.approx((130 - 90) / 40)
    assert saved.low == pytest.approx(saved.high)  # a bit a character in each text


def test_a_model_of_order_0_costs_what_its_shares_say() -> None:
    counts = texts.frequencies(["aab", "a"])
    assert dict(counts) == {"a": 3, "b": 1}
    # With half a character more for a, b and the unknown: 3.5, 1.5 and .5 of 5.5.
    bits = texts.frequency_bits(["ab", "", "z"], counts)
    assert bits[0] == pytest.approx(-math.log2(3.5 / 5.5) - math.log2(1.5 / 5.5))
    assert bits[1] == 0
    assert bits[2] == pytest.approx(-math.log2(0.5 / 5.5) + math.log2(0x110000))


def test_of_many_letters_it_costs_their_entropy() -> None:
    text = "aabc" * 5000
    assert texts.frequency_bits([text], texts.frequencies([text]))[0] / 20_000 == pytest.approx(
        1.5, abs=0.002
    )


def test_the_compressor_s_bits_sum_to_what_xz_needs() -> None:
    made = ["the cat sat on the mat. " * 40, "a dog.", "the cat sat on the mat. "]
    whole = lzma.compress("\n".join(made).encode(), preset=9 | lzma.PRESET_EXTREME)
    bits = texts.compressed_bits(made)
    assert bits.sum() == pytest.approx(8 * len(whole))
    assert bits[0] > bits[2] > 0
    assert len(texts.compressed_bits([])) == 0
