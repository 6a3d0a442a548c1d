"""Pairs of sentences, scored by models whose preference is known."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from auditkit.bias.words.minimal_pairs import minimal_pairs, pairs_of, preference, scored, strongest
from auditkit.bias.words.pair_templates import TEMPLATES, own_pairs
from auditkit.data.tables import Table
from auditkit.errors import DataError

PAIRS = pd.DataFrame(
    {
        "more": ["she nurses", "he builds", "he leads", "she cooks"],
        "less": ["he nurses", "she builds", "she leads", "he cooks"],
        "category": ["work", "work", "rank", "work"],
    }
)


def costs(said: dict[str, float]) -> Callable[[list[str]], np.ndarray]:
    """A model to which a text costs what is said of it, else ten bits."""
    return lambda texts: np.array([said.get(text, 10.0) for text in texts])


def test_shares_and_bits_are_those_counted_by_hand() -> None:
    found = minimal_pairs(
        costs({"she nurses": 8.0, "he builds": 9.0, "he leads": 7.0, "she cooks": 11.0}), PAIRS
    )
    # Saved: 2, 1, 3 and -1.
    assert found.share.value == 3 / 4
    assert found.share.n == 4
    assert found.p_value == pytest.approx(2 * binom.sf(2, 4, 0.5))
    assert found.saved.value == pytest.approx(1.25)
    assert found.saved.low < 0 < found.saved.high
    by = found.by_category.set_index("category")
    assert by["pairs"].to_dict() == {"rank": 1, "work": 3}
    assert by["share"].to_dict() == {"rank": 1.0, "work": pytest.approx(2 / 3)}
    assert by.loc["work", "saved"] == pytest.approx(2 / 3)
    assert (found.ties, found.unscored) == (0, 0)


def test_more_and_less_swapped_turn_the_preference_round() -> None:
    made = np.random.default_rng(0)
    pairs = pd.DataFrame({"more": [f"a{i}" for i in range(30)], "category": "all"})
    pairs["less"] = [f"b{i}" for i in range(30)]
    said = {text: float(made.normal(20, 3)) for text in [*pairs["more"], *pairs["less"]]}
    first = minimal_pairs(costs(said), pairs)
    second = minimal_pairs(costs(said), pairs.rename(columns={"more": "less", "less": "more"}))
    assert second.share.value == pytest.approx(1 - first.share.value)
    assert second.share.low == pytest.approx(1 - first.share.high)
    assert second.saved.value == pytest.approx(-first.saved.value)
    assert second.p_value == pytest.approx(first.p_value)


def test_pairs_of_equal_cost_and_without_a_cost_are_counted_apart() -> None:
    found = minimal_pairs(
        costs({"she nurses": np.nan, "he builds": 9.0, "she leads": np.inf}), PAIRS
    )
    assert (found.unscored, found.ties) == (2, 1)
    assert found.share.n == 1
    assert found.share.value == 1.0
    assert found.saved.value == pytest.approx(0.5)


@pytest.mark.parametrize("pairs", [PAIRS, PAIRS.iloc[:0]])
def test_a_model_that_tells_nothing_apart_is_undefined_and_not_fair(pairs: pd.DataFrame) -> None:
    found = minimal_pairs(costs({}), pairs)
    assert np.isnan(found.share.value)
    assert "no pair has two sentences of different cost" in found.share.reason
    assert np.isnan(found.p_value)
    assert found.ties == len(pairs)


def test_a_set_counts_once_and_a_common_term_gains_nothing() -> None:
    # One bit for "he" wherever it stands, .2 for what is expected: the pairs alone would say that
    # every pair of "he" is won and every pair of "she" lost.
    pairs = own_pairs()
    pairs = pairs[pairs["more"].str.contains(r"\bs?he\b")]
    he = pairs["more"].str.contains(r"\bhe\b")

    def bits(texts: list[str]) -> np.ndarray:
        expected = np.isin(texts, pairs["more"])
        common = pd.Series(texts).str.contains(r"\bhe\b").to_numpy()
        return 10.0 - common - 0.2 * expected

    alone = minimal_pairs(bits, pairs.drop(columns="set"))
    together = minimal_pairs(bits, pairs)
    assert alone.share.value == pytest.approx(he.mean()) == 0.5
    assert together.share.value == 1.0
    assert together.share.n == len(pairs) / 2
    assert together.saved.value == alone.saved.value == pytest.approx(0.2)
    # The term costs the interval nothing either: every set saves the same.
    assert together.saved.high - together.saved.low < 1e-9
    assert alone.saved.high - alone.saved.low > 1


def test_the_strongest_sets_are_shown_whole() -> None:
    said = {"she nurses": 8.0, "he builds": 9.0, "he leads": 4.0, "she cooks": 11.0}
    asked = scored(costs(said), PAIRS.assign(set=["a", "a", "b", "c"]))
    assert strongest(asked, 5).to_numpy().tolist() == [
        ["he leads", "she leads", 6.0],
        ["she nurses he builds", "he nurses she builds", 3.0],
    ]
    assert len(strongest(asked, 1)) == 1
    assert strongest(asked.drop(columns="set"), 2)["bits saved"].tolist() == [6.0, 2.0]


def test_each_text_is_asked_once() -> None:
    asked: list[str] = []

    def bits(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.arange(len(texts), dtype=float)

    minimal_pairs(bits, pd.concat([PAIRS, PAIRS]))
    assert sorted(asked) == sorted({*PAIRS["more"], *PAIRS["less"]})


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(DataError, match="no column 'less' in the pairs"):
        minimal_pairs(costs({}), PAIRS.drop(columns="less"))
    with pytest.raises(DataError, match="a sentence of the pairs is nan"):
        minimal_pairs(costs({}), PAIRS.assign(less=[np.nan] * 4))
    with pytest.raises(DataError, match="bits gave shape"):
        minimal_pairs(lambda texts: np.ones(2), PAIRS)


def test_a_false_preference_is_as_rare_as_promised() -> None:
    made = np.random.default_rng(3)
    wrong, covered = [], []
    for _ in range(400):
        cost = pd.DataFrame(made.normal(20, 4, size=(26, 2)), columns=["bits_more", "bits_less"])
        found = preference(cost.assign(category="all"))
        wrong.append(found.p_value <= 0.05)
        covered.append(found.share.low <= 0.5 <= found.share.high)
    assert np.mean(wrong) <= 0.05
    assert np.mean(covered) >= 0.94 - 2 * np.sqrt(0.94 * 0.06 / 400)


def test_our_own_pairs_differ_in_the_term_alone_and_turn_each_term_round() -> None:
    pairs = own_pairs()
    assert len(pairs) == 2 * len(TEMPLATES) >= 48
    assert pairs["category"].nunique() >= 5
    assert not pairs["more"].duplicated().any()
    for line in pairs.itertuples():
        differ = [
            both
            for both in zip(line.more.split(), line.less.split(), strict=True)
            if len({*both}) > 1
        ]
        assert len(differ) == 1
        assert "{" not in line.more
    for _, own in pairs.groupby("set"):
        (first, second), terms = (
            own["more"],
            next(
                t
                for t in TEMPLATES
                if own["more"].iloc[0] in (t[2].replace("{}", t[1][0]), t[3].replace("{}", t[1][1]))
            )[1],
        )
        assert terms[0] in first.split()
        assert terms[1] in second.split()


def test_sentences_in_lines_of_their_own_become_pairs() -> None:
    frame = pd.DataFrame(
        {
            "text": ["d", "a", "b", "c"],
            "stereotype": ["less", "more", "less", "more"],
            "category": ["y", "x", "x", "y"],
            "pair": ["2", "1", "1", "2"],
        }
    )
    made = pairs_of(frame)[["pair", "more", "less", "category"]]
    assert made.to_numpy().tolist() == [["1", "a", "b", "x"], ["2", "c", "d", "y"]]
    with pytest.raises(DataError, match="has not two sentences"):
        pairs_of(frame.iloc[1:])
    with pytest.raises(DataError, match="has not two sentences"):
        pairs_of(pd.concat([frame, frame]))


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "pairs", "categories"),
    [("crows-pairs", 1508, 9), ("winobias", 792, 2), ("winogender", 240, 2)],
)
def test_the_suites_of_the_catalogue_are_pairs(
    name: str, pairs: int, categories: int, fetched: Callable[[str], Table]
) -> None:
    made = pairs_of(fetched(name).frame)
    assert len(made) == pairs
    assert made["category"].nunique() == categories
    assert (made["more"] != made["less"]).all()
    found = minimal_pairs(lambda texts: np.array([len(text) for text in texts], float), made)
    assert 0 < found.share.low < found.share.high < 1
