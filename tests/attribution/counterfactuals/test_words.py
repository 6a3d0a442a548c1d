"""The fewest words that flip a decision: planted words, what is never changed, plain texts."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from auditkit.attribution.counterfactuals.asking import Effort
from auditkit.attribution.counterfactuals.vocabulary import Vocabulary, words_of
from auditkit.attribution.counterfactuals.words import NOT_OPEN, word_counterfactuals
from auditkit.errors import DataError

LIKES = {"love": 3.0, "great": 2.0, "hate": -3.0, "poor": -2.0}
THINGS = ("coat", "dress", "scarf")


def texts(n: int = 400) -> list[str]:
    rng = np.random.default_rng(0)
    verbs, kinds = ["love", "hate", "wear"], ["great", "poor", "red"]
    return [
        f"Wife and I {rng.choice(verbs)} this {rng.choice(kinds)} {rng.choice(THINGS)}, she said."
        for _ in range(n)
    ]


def says(frame: pd.DataFrame) -> np.ndarray:
    total = [sum(LIKES.get(word, 0.0) for word in words_of(one)) for one in frame["text"]]
    return 1 / (1 + np.exp(-(np.array(total) + 0.5)))


def asked(*written: str, lean: bool = True, **effort: int):
    vocabulary, known = Vocabulary.of(texts()), pd.DataFrame({"text": texts()})
    return word_counterfactuals(
        says,
        pd.DataFrame({"text": list(written)}),
        "text",
        vocabulary,
        leaning=vocabulary.leaning(texts(), says(known)) if lean else None,
        effort=Effort(**{"most": 6, "budget": 300, **effort}),
    )


@pytest.mark.parametrize("lean", [True, False])
def test_the_one_word_that_decides_is_found(lean: bool):
    (one,) = asked("Wife and I hate this red coat, she said.", lean=lean)
    assert len(one.found[0].words) == 1
    assert one.found[0].words[0].before == "hate"
    assert says(pd.DataFrame({"text": [one.found[0].text]}))[0] >= 0.5
    assert one.found[0].score >= 0.5 > one.score


def test_two_words_are_changed_where_one_is_not_enough():
    def hard(frame: pd.DataFrame) -> np.ndarray:
        return np.where(says(frame) > 0.99, 0.9, says(frame) * 0.3)

    vocabulary = Vocabulary.of(texts())
    (one,) = word_counterfactuals(
        hard, pd.DataFrame({"text": ["We hate this poor coat."]}), "text", vocabulary
    )
    assert len(one.found[0].words) == 2
    assert {word.before for word in one.found[0].words} == {"hate", "poor"}


def test_a_word_fits_where_it_was_seen_between_such_neighbours():
    vocabulary = Vocabulary.of(texts())
    words, fit = vocabulary.fitting("this", "coat")
    order = [vocabulary.words[words[one]] for one in np.argsort(-fit)]
    assert set(order[:3]) == {"great", "poor", "red"}
    # c(this, w) c(w, coat) / c(w), .1 added to each count, by counting.
    place = vocabulary.place["red"]
    joined = " ".join(texts()).replace(",", "").split()
    pairs = list(pairwise(joined))
    left, right = pairs.count(("this", "red")), pairs.count(("red", "coat"))
    exact = (left + 0.1) * (right + 0.1) / joined.count("red")
    assert fit[words == place] == pytest.approx(exact)


def test_words_that_say_who_somebody_is_stay_and_are_never_put_in():
    for one in asked(*texts(20)):
        for it in one.found:
            assert it.text.casefold().startswith("wife")
            assert "she" in it.text
            changed = {word.after.casefold() for word in it.words}
            assert not changed & {"husband", "wife", "she", "he", "woman", "man"}


def test_case_and_signs_are_kept_and_a_word_that_goes_takes_its_blank():
    (one,) = asked("HATE it.")
    assert all(word.after == "" or word.after.isupper() for word in one.found[0].words)
    (one,) = asked("I hate it.")
    gone = [it for it in one.found if it.words[0].after == ""]
    assert all("  " not in it.text for it in one.found)
    assert all(it.text == "I it." for it in gone)


def test_what_cannot_be_flipped_says_so():
    def never(frame: pd.DataFrame) -> np.ndarray:
        return np.full(len(frame), 0.1)

    vocabulary = Vocabulary.of(texts())
    frame = pd.DataFrame({"text": ["I hate it.", "123 !"]})
    first, second = word_counterfactuals(never, frame, "text", vocabulary)
    assert first.found == ()
    assert first.asked <= 300
    assert second.reason == NOT_OPEN


def test_the_same_call_gives_the_same():
    assert asked(*texts(5)) == asked(*texts(5))


def test_too_few_texts_are_refused():
    with pytest.raises(DataError, match="no word stands in 5"):
        Vocabulary.of(["one text"])


def test_a_model_that_decides_by_who_somebody_is_is_not_flipped_by_that():
    known = [f"My {who} likes this coat." for who in ("husband", "wife", "dog") for _ in range(20)]

    def by_wife(frame: pd.DataFrame) -> np.ndarray:
        return np.where(frame["text"].str.contains("wife"), 0.9, 0.1)

    frame = pd.DataFrame({"text": ["My wife likes this coat.", "My dog likes this coat."]})
    found = word_counterfactuals(by_wife, frame, "text", Vocabulary.of(known))
    assert [one.found for one in found] == [(), ()]
