"""WEAT and SEAT: by hand, by law, and beside the published sizes."""

from collections.abc import Callable
from math import comb

import numpy as np
import pytest
from scipy.stats import t

from auditkit.bias.words.associations import TEMPLATES, attribute_p, seat, split_null, weat
from auditkit.bias.words.effect_size import effect_size, magnitude
from auditkit.bias.words.word_lists import TESTS
from auditkit.data.catalogue import weat as published
from auditkit.data.catalogue import word2vec
from auditkit.data.tables import Table
from auditkit.errors import DataError, UsageError

X, Y, A, B = ("x0", "x1"), ("y0", "y1"), ("a",), ("b",)
# On the unit circle: cosines with a = (1, 0) and b = (0, 1) are the coordinates.
PLANE = {
    "a": (1.0, 0.0),
    "b": (0.0, 1.0),
    "x0": (1.0, 0.0),  # s = 1
    "x1": (0.8, 0.6),  # s = .2
    "y0": (0.0, 2.0),  # s = -1, whatever its length
    "y1": (0.6, 0.8),  # s = -.2
}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def clouds(
    seed: int, *, n: int = 8, apart: float = 0.5, size: int = 20
) -> tuple[dict[str, np.ndarray], tuple[list[str], ...]]:
    """Vectors of four lists of n words: X lies towards A and Y towards B by `apart`."""
    made = np.random.default_rng(seed)
    lists = tuple([f"{key}{i}" for i in range(n)] for key in "xyab")
    ahead = np.eye(size)[0]
    vectors = {}
    for words, side in zip(lists, (1, -1, 1, -1), strict=True):
        for word in words:
            vectors[word] = made.normal(size=size) / np.sqrt(size) + side * apart * ahead
    return vectors, lists


def test_the_effect_of_four_words_is_the_one_worked_out_by_hand() -> None:
    found = weat(PLANE, X, Y, A, B, rng=rng())
    # s is 1, .2, -1, -.2: means .6 and -.6, squared deviations from 0 add up to 2.08, over 3.
    assert found.effect.value == pytest.approx(1.2 / np.sqrt(2.08 / 3))
    assert found.words["association"].tolist() == pytest.approx([1, 0.2, -1, -0.2])
    # Of the six ways to choose two, none but the lists themselves reaches a sum of 1.2.
    assert found.exact
    assert found.permutations == 6
    assert found.p_value == pytest.approx(1 / 6)
    both = weat(PLANE, X, Y, A, B, rng=rng(), alternative="two-sided")
    assert both.p_value == pytest.approx(2 / 6)


def test_the_lists_swapped_the_sign_turns() -> None:
    vectors, lists = clouds(1)
    d = weat(vectors, *lists, rng=rng()).effect
    x, y, a, b = lists
    for turned in ((y, x, a, b), (x, y, b, a)):
        other = weat(vectors, *turned, rng=rng()).effect
        assert other.value == pytest.approx(-d.value)
        assert (other.low, other.high) == pytest.approx((-d.high, -d.low))
    both = weat(vectors, y, x, b, a, rng=rng()).effect
    assert both.value == pytest.approx(d.value)


def test_rotations_and_lengths_change_nothing() -> None:
    vectors, lists = clouds(2)
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(20, 20)))
    turned = {word: 3 * one @ turn for word, one in vectors.items()}
    first, second = (weat(one, *lists, rng=rng()) for one in (vectors, turned))
    assert second.effect.value == pytest.approx(first.effect.value)
    assert second.effect.low == pytest.approx(first.effect.low)
    assert second.p_value == first.p_value


def test_words_and_a_matrix_are_the_same_as_a_mapping() -> None:
    vectors, lists = clouds(3)
    words = list(vectors)
    matrix = np.array([vectors[word] for word in words])
    found = [weat(one, *lists, rng=rng()) for one in (vectors, (words, matrix))]
    assert found[0].effect == found[1].effect
    assert found[0].null == found[1].null


def test_sampled_and_exact_p_agree() -> None:
    scores = np.random.default_rng(4).normal(size=16) + np.repeat([0.4, 0.0], 8)
    for alternative in ("greater", "two-sided"):
        exact, all_of_them = split_null(scores, 8, rng=rng(), alternative=alternative)
        drawn, none_of_them = split_null(
            scores, 8, rng=rng(), alternative=alternative, permutations=20_000, most_exact=0
        )
        assert all_of_them
        assert not none_of_them
        assert exact.draws == comb(16, 8)
        error = np.sqrt(exact.p_value * (1 - exact.p_value) / 20_000)
        assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * error)
        assert drawn.mean == pytest.approx(exact.mean, abs=0.02)
        assert drawn.upper == pytest.approx(exact.upper, abs=0.03)


def test_a_sampled_p_is_never_zero() -> None:
    scores = np.repeat([1.0, -1.0], 30) + np.random.default_rng(0).normal(scale=0.01, size=60)
    null, exact = split_null(scores, 30, rng=rng(), permutations=999)
    assert not exact
    assert null.p_value == pytest.approx(1 / 1000)


def test_no_association_is_found_in_few_of_many_random_embeddings() -> None:
    small = []
    for seed in range(200):
        vectors, lists = clouds(seed, n=5, apart=0.0)
        small.append(weat(vectors, *lists, rng=rng()).p_value <= 0.05)
    assert np.mean(small) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_a_planted_association_is_found() -> None:
    vectors, lists = clouds(0, apart=0.7)
    found = weat(vectors, *lists, rng=rng())
    assert found.effect.value > 1.5
    assert found.effect.low > 1
    assert found.p_value == pytest.approx(1 / comb(16, 8))


def test_the_interval_covers_what_other_words_give_on_average() -> None:
    # Targets differ in a direction that has nothing to do with the attributes: other attributes
    # would turn the sign, and an interval over the targets alone would not know.
    made = np.random.default_rng(8)
    size, aside = 30, np.eye(30)[1]

    def cosines() -> tuple[np.ndarray, np.ndarray]:
        several = made.normal(size=(4, 8, size)) / np.sqrt(size)
        several[0] += 0.5 * aside
        several[1] -= 0.5 * aside
        several /= np.linalg.norm(several, axis=2, keepdims=True)
        targets = several[:2].reshape(16, size)
        return targets @ several[2].T, targets @ several[3].T

    covered = []
    for _ in range(300):
        found = effect_size(*cosines(), 8)
        covered.append(found.low <= 0 <= found.high)
    assert np.mean(covered) >= 0.94 - 2 * np.sqrt(0.94 * 0.06 / 300)


def test_magnitude_begins_at_zero_where_the_sign_is_open() -> None:
    vectors, lists = clouds(0, apart=0.7)
    x, y, a, b = lists
    plus = weat(vectors, x, y, a, b, rng=rng()).effect
    minus = weat(vectors, y, x, a, b, rng=rng()).effect
    for one in (plus, minus):
        size = magnitude(one)
        assert (size.value, size.low, size.high) == pytest.approx((plus.value, plus.low, plus.high))
    vectors, lists = clouds(0, apart=0.0)
    open_ = weat(vectors, *lists, rng=rng()).effect
    assert open_.low < 0 < open_.high
    assert magnitude(open_).low == 0
    assert magnitude(open_).high == pytest.approx(max(open_.high, -open_.low))


def test_missing_words_are_named_and_the_rest_is_measured() -> None:
    vectors = {**PLANE, "flat": (0.0, 0.0), "far": (np.inf, 0.0)}
    found = weat(vectors, (*X, "flat", "x9"), Y, (*A, "far"), B, rng=rng())
    assert found.missing == {"X": ("flat", "x9"), "A": ("far",)}
    assert found.sizes == {"X": 2, "Y": 2, "A": 1, "B": 1}
    assert found.effect.value == pytest.approx(weat(PLANE, X, Y, A, B, rng=rng()).effect.value)


@pytest.mark.parametrize(
    ("lists", "reason"),
    [
        ((("x0",), Y, A, B), "1 of the targets in list X have a vector; 2 are needed"),
        ((X, ("no", "none"), A, B), "0 of the targets in list Y"),
        ((X, Y, A, ("none",)), "0 of the attributes in list B have a vector; 1 are needed"),
        ((("a", "x0"), ("y0", "y1"), ("b",), ("b",)), "all targets associate alike"),
    ],
)
def test_what_cannot_be_measured_says_why(lists: tuple[tuple[str, ...], ...], reason: str) -> None:
    found = weat(PLANE, *lists, rng=rng())
    assert np.isnan(found.effect.value)
    assert np.isnan(found.p_value)
    assert reason in found.effect.reason


def test_too_few_words_by_choice_are_too_few() -> None:
    found = weat(PLANE, X, Y, A, B, rng=rng(), min_words=2)
    assert "1 of the attributes in list A have a vector; 2 are needed" in found.effect.reason


def test_so_few_words_give_a_value_without_an_interval() -> None:
    effect = weat(PLANE, X, Y, A, B, rng=rng()).effect
    assert effect.defined
    assert np.isnan(effect.low)
    assert np.isnan(effect.high)
    assert "no interval" in effect.reason
    assert np.isnan(magnitude(effect).low)


def test_what_is_asked_wrongly_is_refused() -> None:
    with pytest.raises(DataError, match="'x0' stands in both lists of targets"):
        weat(PLANE, X, ("x0", "y0"), A, B, rng=rng())
    with pytest.raises(UsageError, match="permutations is 0"):
        weat(PLANE, X, Y, A, B, rng=rng(), permutations=0)
    with pytest.raises(UsageError, match="'greater' or 'two-sided'"):
        weat(PLANE, X, Y, A, B, rng=rng(), alternative="less")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="2 words beside vectors of shape"):
        weat((["a", "b"], np.eye(3)), X, Y, A, B, rng=rng())
    with pytest.raises(DataError, match="differ in length"):
        weat({**PLANE, "a": (1.0,)}, X, Y, A, B, rng=rng())


def bag(texts: list[str]) -> np.ndarray:
    """A sentence is the sum of its words' vectors: those of PLANE, all others at random."""
    rows = []
    for text in texts:
        words = text.replace(".", "").split()
        known = [
            np.array([*PLANE[word], 0.0, 0.0]) / np.linalg.norm(PLANE[word])
            for word in words
            if word in PLANE
        ]
        rows.append(np.sum(known, axis=0))
    return np.array(rows)


def test_words_in_sentences_associate_as_the_words_where_the_rest_says_nothing() -> None:
    found = seat(bag, X, Y, A, B, rng=rng(), templates=("It is {}.", "{} was there."))
    alone = weat(PLANE, X, Y, A, B, rng=rng())
    assert found.effect.value == pytest.approx(alone.effect.value)
    assert found.null.mean == pytest.approx(alone.null.mean)
    # Sentences of one word are no independent draws: the words are permuted.
    assert found.permutations == 6


def test_cosines_are_averaged_over_sentences() -> None:
    def embed(texts: list[str]) -> np.ndarray:
        turned = [text.startswith("not ") for text in texts]
        rows = bag([text.removeprefix("not ") for text in texts])
        return np.where(np.array(turned)[:, None], rows[:, [1, 0, 2, 3]], rows)

    # Half of the sentences turn a and b round, targets and attributes alike. A cosine of a turned
    # with an unturned sentence is that with the other attribute: every association is 0.
    found = seat(embed, X, Y, A, B, rng=rng(), templates=("{}", "not {}"))
    assert found.words["association"].tolist() == pytest.approx([0, 0, 0, 0])
    assert "alike" in found.effect.reason


def test_sentences_are_asked_for_once_and_hold_the_word() -> None:
    asked: list[str] = []

    def embed(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.random.default_rng(0).normal(size=(len(texts), 3))

    seat(embed, X, Y, A, B, rng=rng())
    assert len(asked) == len(set(asked)) == 6 * len(TEMPLATES)
    assert "We spoke of x0 today." in asked


def test_templates_and_embeddings_of_another_kind_are_refused() -> None:
    with pytest.raises(UsageError, match=r"has no \{\}"):
        seat(bag, X, Y, A, B, rng=rng(), templates=("nothing",))
    with pytest.raises(UsageError, match="give a template"):
        seat(bag, X, Y, A, B, rng=rng(), templates=())
    with pytest.raises(DataError, match="embed gave shape"):
        seat(lambda texts: np.ones(3), X, Y, A, B, rng=rng())


def test_our_own_lists_are_four_without_a_word_on_both_sides() -> None:
    for name, test in TESTS.items():
        assert not set(test.x) & set(test.y), name
        assert not set(test.a) & set(test.b), name
        for words in (test.x, test.y, test.a, test.b):
            assert len(words) == len(set(words)) >= 7, name
            assert all(word == word.lower() and word.isalpha() for word in words)


# Caliskan et al. 2017, word2vec: their supplementary table; with GloVe 1, 6 and 7 are 1.50, 1.81
# and 1.06. WEAT 3 has 12 of its 64 names here.
PUBLISHED = {
    "WEAT 1": 1.54,
    "WEAT 2": 1.63,
    "WEAT 4": 1.31,
    "WEAT 5": 0.72,
    "WEAT 6": 1.89,
    "WEAT 7": 0.97,
    "WEAT 8": 1.24,
    "WEAT 9": 1.30,
}


@pytest.mark.network
def test_word2vec_has_the_published_effect_sizes(fetched: Callable[[str], Table]) -> None:
    fetched("weat")
    fetched("word2vec")
    vectors, lists = word2vec.vectors(), published.lists()
    for name, size in PUBLISHED.items():
        found = weat(vectors, *(lists[one] for one in published.TESTS[name]), rng=rng())
        assert found.effect.value == pytest.approx(size, abs=0.005), name
        assert found.effect.low <= size <= found.effect.high, name
        assert found.p_value < 0.05, name


def test_the_interval_is_the_jackknifes_over_the_words_of_all_lists() -> None:
    rng = np.random.default_rng(6)
    cosines = rng.uniform(-0.5, 0.9, (9, 7))  # targets (4 of X, 5 of Y) by attributes (3 of A)

    def d(x: list[int], y: list[int], a: list[int], b: list[int]) -> float:
        both = [cosines[w, a].mean() - cosines[w, b].mean() for w in [*x, *y]]
        apart = np.mean(both[: len(x)]) - np.mean(both[len(x) :])
        return float(apart / np.std(both, ddof=1))

    lists = [list(range(4)), list(range(4, 9)), list(range(3)), list(range(3, 7))]
    parts = []
    for place, words in enumerate(lists):
        each = [
            d(*[[w for w in one if (k, w) != (place, out)] for k, one in enumerate(lists)])
            for out in words
        ]
        parts.append(((len(words) - 1) * np.var(each), len(words) - 1))
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(variance**2 / count for variance, count in parts)
    most = np.sqrt(9 * 8 / (4 * 5))
    r = d(*lists) / most
    half = t.ppf(0.975, freedom) * np.sqrt(total) / most / (1 - r * r)
    found = effect_size(cosines[:, :3], cosines[:, 3:], 4)
    ends = most * np.tanh(np.arctanh(r) + np.array([-half, half]))
    assert (found.value, found.low, found.high) == pytest.approx((d(*lists), *ends))


def test_the_p_of_attributes_is_worked_out_by_hand():
    # The first target lies nearer to the attributes by 4, 3, 2, 1: of 6 splits, one sums to 7.
    to_a, to_b = np.array([[4.0, 3], [0, 0]]), np.array([[2.0, 1], [0, 0]])
    assert attribute_p(to_a, to_b, 1, rng=rng()) == pytest.approx(1 / 6)
    assert attribute_p(to_a, to_b, 1, rng=rng(), alternative="two-sided") == pytest.approx(2 / 6)
    assert np.isnan(attribute_p(to_a[:, :1], to_b, 1, rng=rng()))
    assert np.isnan(attribute_p(np.ones((2, 2)), np.ones((2, 2)), 1, rng=rng()))


def test_lists_that_differ_aside_have_a_small_p_by_targets_alone_and_not_by_both():
    generator, alone, both = np.random.default_rng(5), [], []
    lists = tuple([f"{key}{i}" for i in range(8)] for key in "xyab")
    centres = (np.eye(50)[0], -np.eye(50)[0], np.zeros(50), np.zeros(50))
    for _ in range(200):
        vectors = {
            word: 0.5 * centre + generator.normal(size=50) / np.sqrt(50)
            for words, centre in zip(lists, centres, strict=True)
            for word in words
        }
        found = weat(vectors, *lists, rng=generator, permutations=200)
        alone.append(found.p_value <= 0.05)
        both.append(found.p_both <= 0.05)
    assert np.mean(alone) > 0.12
    assert np.mean(both) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
