"""Entries that test models rather than train them: word lists, vectors, pairs of sentences."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from auditkit.data.catalogue import CATALOGUE, crows_pairs, weat, winobias, winogender, word2vec
from auditkit.data.tables import Table, split
from auditkit.errors import DataError

Fetched = Callable[[str], Table]
SUITES = ("crows-pairs", "winobias", "winogender")


def test_word_lists_are_a_row_a_word() -> None:
    frame = weat.clean(json.dumps({"flowers": ["rose"], "insects": ["ant", "bee"]}).encode())
    assert frame.to_numpy().tolist() == [
        ["rose", "flowers"],
        ["ant", "insects"],
        ["bee", "insects"],
    ]


def test_word2vec_is_read_with_and_without_ends_of_lines() -> None:
    numbers = np.arange(6, dtype="<f4").reshape(2, 3)
    for end in (b"", b"\n"):
        found = b"2 3\n" + b"".join(
            word + b" " + row.tobytes() + end
            for word, row in zip((b"one", "zwölf".encode()), numbers, strict=True)
        )
        words, matrix = word2vec.of_binary(found)
        assert words == ["one", "zwölf"]
        assert (matrix == numbers).all()


@pytest.mark.parametrize(
    "found",
    [b"", b"2 3 4\n", b"2 3\none \0\0", b"x y\n", b"9999999999999 300\n", b"1 2\n\xff abcdefgh"],
)
def test_bytes_that_are_no_vectors_are_refused(found: bytes) -> None:
    with pytest.raises(DataError, match="binary format"):
        word2vec.of_binary(found)


def test_vectors_are_joined_and_scaled_to_length_one() -> None:
    first = b"1 2\none " + np.array([3, 4], dtype="<f4").tobytes()
    frame = word2vec.clean({word2vec.COMMON: first, word2vec.TESTED: b"2 2\none 1 0\ntwo 0 2\n"})
    assert frame["word"].tolist() == ["one", "two"]
    assert frame["vector"][0].tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
    assert frame["vector"][1].tolist() == [[0.0, 1.0]]


def test_crows_pairs_are_two_rows_a_pair() -> None:
    found = (
        b",sent_more,sent_less,stereo_antistereo,bias_type,annotations\n"
        b"0,\"a, b\",c,stereo,age,\"[['age'], ['age']]\"\n"
        b"1,d,e,antistereo,gender,[]\n"
    )
    assert crows_pairs.clean(found).to_numpy().tolist() == [
        ["a, b", "more", "age", "0", "stereo"],
        ["c", "less", "age", "0", "stereo"],
        ["d", "more", "gender", "1", "antistereo"],
        ["e", "less", "gender", "1", "antistereo"],
    ]


def winobias_files(line: str) -> dict[str, bytes]:
    sides = {"pro": "[The cook] slept because [she] was tired.", "anti": line}
    return {
        f"{side}_stereotyped_type{number}.txt.dev": f"1 {text}\n".encode()
        for side, text in sides.items()
        for number in "12"
    }


def test_winobias_has_no_brackets_and_knows_the_pronoun() -> None:
    frame = winobias.clean(winobias_files("[The cook] slept because [He] was tired."))
    assert frame["text"].tolist()[:2] == [
        "The cook slept because she was tired.",
        "The cook slept because He was tired.",
    ]
    assert frame["pronoun"].tolist() == ["female", "male"] * 2
    assert frame["pair"].tolist() == ["1.1", "1.1", "2.1", "2.1"]
    with pytest.raises(DataError, match="no pronoun in brackets"):
        winobias.clean(winobias_files("The cook slept."))


def test_winogender_expects_the_gender_of_most_people_in_an_occupation() -> None:
    lines = [
        f"{job}.guest.{meant}.{sex}.txt\tThe {job} {meant} {sex}."
        for job in ("nurse", "miner")
        for meant in (0, 1)
        for sex in ("male", "female", "neutral")
    ]
    frame = winogender.clean(
        {
            "all_sentences.tsv": "\n".join(["sentid\tsentence", *lines]).encode(),
            "occupations-stats.tsv": b"occupation\tbls_pct_female\nnurse\t90\nminer\t5\n",
        }
    )
    assert len(frame) == 8
    assert "neutral" not in set(frame["pronoun"])
    expected = frame[frame["stereotype"] == "more"].groupby("occupation")["pronoun"].unique()
    assert expected.map(list).to_dict() == {"nurse": ["female"], "miner": ["male"]}
    assert frame["stereotype"].tolist() == ["more", "less"] * 4
    assert set(frame["category"]) == {"occupation", "other person"}


@pytest.mark.network
@pytest.mark.parametrize("name", SUITES)
def test_both_sentences_of_a_pair_stand_on_one_side(name: str, fetched: Fetched) -> None:
    table = fetched(name)
    assert list(table.frame.columns) == [column.name for column in CATALOGUE[name].columns]
    train, test = split(table, seed=0)
    assert not set(train.frame["pair"]) & set(test.frame["pair"])
    assert not table.frame["text"].str.contains(r"[\[\]]").any() or name == "crows-pairs"


@pytest.mark.network
def test_the_published_files_are_the_known_ones(fetched: Fetched) -> None:
    assert len(fetched("weat").frame) == 429
    assert set(fetched("weat").frame["list"]) == set(CATALOGUE["weat"].schema.target.levels)
    assert weat.is_at_hand()
    words, matrix = word2vec.vectors()
    assert matrix.shape == (26_574, 300)
    assert len(set(words)) == len(words)
    assert np.linalg.norm(matrix, axis=1) == pytest.approx(1, abs=1e-5)
    crows = fetched("crows-pairs").frame
    assert crows["category"].value_counts()["race-color"] == 2 * 516
    assert (crows["direction"] == "antistereo").sum() == 2 * 218
