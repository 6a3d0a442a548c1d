"""Generalised entropy: AIF360's own example, laws, and an independent formula."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.bias.groups import group_counts
from auditkit.bias.individual.inequality import between, generalised_entropy, inequality
from auditkit.errors import DataError, UsageError
from auditkit.statistics.intervals import rate_interval

TRUTH = np.array([1, 0, 0, 1, 0, 0, 1, 0, 1, 1])
SAID = np.array([1, 0, 0, 0, 1, 1, 1, 0, 1, 0])  # 3 and 9 to 0, 4 and 5 to 1


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def counts(*cells: tuple[int, int, int, int]) -> pd.DataFrame:
    """A line of tp, fp, fn, tn for each group a, b, ..."""
    index = pd.Index(list("abcdefghij"[: len(cells)]), name="group")
    return pd.DataFrame(list(cells), index=index, columns=["tp", "fp", "fn", "tn"])


def speicher(benefits: np.ndarray, alpha: float) -> float:
    """The paper's formula, written out for each alpha by itself."""
    b, mean = np.asarray(benefits, float), np.mean(benefits)
    if alpha == 1:
        return float(np.mean([x / mean * math.log(x / mean) if x else 0.0 for x in b]))
    if alpha == 0:
        return float(-np.mean([math.log(x / mean) for x in b]))
    return float(np.mean((b / mean) ** alpha - 1) / (alpha * (alpha - 1)))


def test_the_example_of_aif360():
    table = group_counts(TRUTH, SAID, pd.Series(["all"] * 10))
    assert inequality(table).value == pytest.approx(0.2)
    assert inequality(table, alpha=1).value == pytest.approx(0.277259, abs=1e-6)
    assert generalised_entropy(SAID - TRUTH + 1) == pytest.approx(0.2)


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=40).filter(any),
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0]),
)
def test_it_equals_the_papers_formula(benefits, alpha):
    if alpha <= 0 and 0 in benefits:
        assert math.isnan(generalised_entropy(benefits, alpha))
    else:
        assert generalised_entropy(benefits, alpha) == pytest.approx(
            speicher(np.array(benefits), alpha), abs=1e-12
        )


def test_equal_benefits_are_not_unequal():
    for alpha in (0, 1, 2):
        assert inequality(counts((50, 0, 0, 50)), alpha=alpha).value == 0
        assert generalised_entropy(np.full(7, 3.0), alpha) == pytest.approx(0)


def test_without_an_error_seen_the_interval_still_allows_for_some():
    found = inequality(counts((50, 0, 0, 50)))
    assert found.low == 0
    # All errors that Wilson allows in 100 rows, none seen, taken as refusals: u / (2 (1 - u)).
    wilson = 1.959964**2 / (100 + 1.959964**2)
    assert found.high == pytest.approx(wilson / (2 * (1 - wilson)), rel=1e-3)


def test_half_the_squared_coefficient_of_variation_is_the_index_of_two():
    b = SAID - TRUTH + 1
    assert generalised_entropy(b) == pytest.approx(np.var(b) / np.mean(b) ** 2 / 2)


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_between_and_within_add_up(seed):
    generator = np.random.default_rng(seed)
    table = counts(*(tuple(generator.integers(1, 30, size=4).tolist()) for _ in range(4)))
    for alpha in (1.0, 2.0):
        found = between(table, rng(), alpha=alpha, draws=50)
        n = table.sum(axis=1).to_numpy()
        benefit = (n - table["fn"] + table["fp"]).to_numpy() / n
        relative, share = benefit / (n @ benefit / n.sum()), n / n.sum()
        own = [inequality(table.iloc[[i]], alpha=alpha).value for i in range(4)]
        assert found.within == pytest.approx(share * relative**alpha @ own)
        assert found.estimate.value + found.within == pytest.approx(found.total)
        assert 0 <= found.share <= 1


def test_groups_that_are_served_alike_have_no_part_between_them_and_chance_has_some():
    found = between(counts((40, 10, 10, 40), (80, 20, 20, 80)), rng())
    assert found.estimate.value == pytest.approx(0, abs=1e-15)
    assert found.estimate.low == 0
    assert found.null.mean > 0
    assert found.null.p_value == 1
    assert found.groups["benefit"].tolist() == [1, 1]


def test_a_planted_gap_lies_between_groups_beyond_chance():
    found = between(counts((300, 10, 10, 300), (200, 10, 200, 210)), rng())
    assert found.estimate.low > found.null.upper
    assert found.null.p_value < 0.01
    line = found.groups.iloc[1]
    assert line["benefit"] == pytest.approx(1 - 190 / 620)
    assert line["low"] < line["benefit"] < line["high"] < 1


def test_the_null_is_what_permuted_labels_give():
    table = counts((10, 5, 2, 13), (20, 2, 8, 10))
    benefit, generator, drawn = (
        np.repeat([1, 2, 0, 1, 1, 2, 0, 1], table.to_numpy().ravel()),
        rng(),
        [],
    )
    for _ in range(2000):
        mixed = generator.permutation(benefit)
        mean = np.repeat([mixed[:30].mean(), mixed[30:].mean()], [30, 40])
        drawn.append(np.var(mean) / np.mean(mean) ** 2 / 2)
    found = between(table, rng(), draws=2000).null
    assert found.mean == pytest.approx(np.mean(drawn), rel=0.1)


def test_what_is_undefined_says_why():
    assert "no rows" in inequality(counts((0, 0, 0, 0))).reason
    assert "nobody benefits" in inequality(counts((0, 0, 9, 0))).reason
    assert "infinite" in inequality(counts((5, 0, 1, 4)), alpha=0).reason
    assert "a comparison needs two" in between(counts((5, 1, 1, 4)), rng()).estimate.reason
    empty = between(counts((5, 1, 1, 4), (0, 0, 0, 0)), rng())
    assert "1 group with rows" in empty.estimate.reason
    assert math.isnan(empty.null.mean)
    alike = between(counts((5, 0, 0, 4), (5, 0, 0, 4)), rng())
    assert "nothing to lie between groups" in alike.estimate.reason
    with pytest.raises(UsageError, match="alpha is nan"):
        inequality(counts((5, 1, 1, 4)), alpha=math.nan)
    with pytest.raises(DataError, match="below 0"):
        generalised_entropy([1, -1])
    assert math.isnan(generalised_entropy([]))


@pytest.mark.parametrize("shares", [(0.1, 0.8, 0.1), (0.01, 0.98, 0.01)])
@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_the_interval_holds_the_true_index(shares, alpha):
    generator, held = np.random.default_rng(3), []
    p = np.array(shares)
    truth = speicher(np.repeat([0, 1, 2], np.round(1000 * p).astype(int)), alpha)
    for _ in range(200):
        refused, right, granted = generator.multinomial(200, p)
        found = inequality(counts((right, granted, refused, 0)), alpha=alpha)
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.91


@pytest.mark.parametrize("other", [(0.1, 0.85, 0.05), (0.3, 0.65, 0.05)])
def test_the_interval_holds_the_true_part_between(other):
    generator, held = np.random.default_rng(4), []
    p = np.array([(0.1, 0.85, 0.05), other])
    mean = p @ [0, 1, 2]
    truth = np.var(mean) / mean.mean() ** 2 / 2
    for _ in range(100):
        x = [generator.multinomial(200, one) for one in p]
        table = counts(*((right, up, down, 0) for down, right, up in x))
        found = between(table, rng(), draws=1).estimate
        held.append(found.low - 1e-15 <= truth <= found.high)
    assert np.mean(held) >= 0.90


def test_of_few_errors_of_one_kind_the_limits_are_those_of_the_guarded_rate():
    # With r refused of n, the rest right, the index is r / (2 (n - r)).
    for refused in (1, 4):
        low, high = rate_interval(refused, 2000)
        found = inequality(counts((2000 - refused, 0, refused, 0)))
        assert found.low == pytest.approx(low / (2 * (1 - low)), rel=1e-6)
        assert found.high >= high / (2 * (1 - high)) - 1e-12


def test_with_alpha_of_nought_no_row_can_rule_out_one_that_makes_the_index_infinite() -> None:
    found = inequality(counts((5, 3, 0, 12)), alpha=0)
    assert found.high == math.inf
    # Benefit 2 in 3 of 20 rows: the least index is that of the fewest, ln(1 + p) - p ln 2.
    fewest = float(rate_interval(3, 20)[0])
    assert found.low == pytest.approx(math.log1p(fewest) - fewest * math.log(2))
    assert inequality(counts((1, 0, 0, 0)), alpha=0).high == math.inf
