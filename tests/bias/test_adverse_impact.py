from fractions import Fraction
from math import comb

import pandas as pd
import pytest

from auditkit.bias.disparity import four_fifths


def chosen(**groups: tuple[int, int]) -> pd.DataFrame:
    """Counts of groups given as selected of all."""
    cells = {name: (0, hits, 0, rows - hits) for name, (hits, rows) in groups.items()}
    return pd.DataFrame.from_dict(cells, orient="index", columns=["tp", "fp", "fn", "tn"])


@pytest.mark.parametrize("groups", [{"a": (4, 6), "b": (5, 6)}, {"a": (48, 100), "b": (60, 100)}])
def test_exactly_four_fifths_passes(groups: dict[str, tuple[int, int]]) -> None:
    found = four_fifths(chosen(**groups))
    assert found.ratio == Fraction(4, 5)
    assert found.passed is True


def test_a_shade_less_than_four_fifths_fails() -> None:
    rows = 10**9
    found = four_fifths(chosen(a=(8 * rows // 10 - 1, rows), b=(rows, rows)))
    assert found.passed is False


def test_45_against_60_of_100_fails_with_fishers_p() -> None:
    found = four_fifths(chosen(men=(60, 100), women=(45, 100)))
    assert (found.passed, found.ratio) == (False, Fraction(3, 4))
    assert (found.lowest, found.highest, found.n) == ("women", "men", 200)
    assert found.z == pytest.approx(2.124, abs=5e-4)
    assert found.p_value == pytest.approx(0.0472, abs=5e-5)


def test_fishers_p_is_the_sum_of_tables_no_likelier() -> None:
    a, n, b, m = 2, 9, 7, 8
    weights = [comb(n, k) * comb(m, a + b - k) for k in range(max(0, a + b - m), min(n, a + b) + 1)]
    seen = comb(n, a) * comb(m, b)
    expected = sum(w for w in weights if w <= seen) / sum(weights)
    assert four_fifths(chosen(x=(a, n), y=(b, m))).p_value == pytest.approx(expected)


def test_the_pair_is_the_lowest_and_the_highest_of_many() -> None:
    found = four_fifths(chosen(a=(30, 60), b=(9, 30), c=(8, 10), d=(79, 100)))
    assert (found.lowest, found.highest, found.n) == ("b", "c", 40)
    assert found.ratio == Fraction(3, 8)


def test_nobody_selected_in_one_group_is_a_ratio_of_0() -> None:
    found = four_fifths(chosen(a=(0, 10), b=(5, 10)))
    assert (found.passed, found.ratio) == (False, Fraction(0))


def test_equal_rates_pass() -> None:
    found = four_fifths(chosen(a=(5, 10), b=(5, 10)))
    assert (found.passed, found.ratio, found.p_value) == (True, Fraction(1), 1.0)


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ({"a": (0, 10), "b": (0, 10)}, "nobody was selected"),
        ({"a": (3, 10)}, "a ratio needs two"),
        ({"a": (3, 10), "b": (0, 0)}, "no rows in b"),
    ],
)
def test_what_cannot_be_compared_is_undefined_with_its_reason(
    groups: dict[str, tuple[int, int]], reason: str
) -> None:
    found = four_fifths(chosen(**groups))
    assert found.passed is None
    assert found.ratio is None
    assert reason in found.reason
