import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from auditkit.bias.groups import group_counts, rates
from auditkit.bias.null import permutation_null, permuted_gaps
from auditkit.bias.pairs import Contest


def selected(sizes: list[int], hits: list[int]) -> pd.DataFrame:
    n, x = np.array(sizes), np.array(hits)
    return pd.DataFrame({"tp": x, "fp": 0, "fn": n - x, "tn": 0})


def null_of(counts: pd.DataFrame, observed: float, comparison="difference", draws: int = 4000):
    contest = Contest.of(counts, "selection_rate")
    rng = np.random.default_rng(0)
    return permutation_null([contest], observed, comparison=comparison, draws=draws, rng=rng)


@pytest.mark.parametrize("name", ["selection_rate", "true_positive_rate", "precision"])
def test_drawing_counts_is_shuffling_the_labels_of_the_rows_a_rate_is_about(name: str) -> None:
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 2, (2, 80))
    group = rng.choice(3, 80, p=[0.5, 0.3, 0.2])
    about = {"selection_rate": y < 2, "true_positive_rate": y == 1, "precision": p == 1}[name]
    hit = (y if name == "precision" else p)[about]
    gaps = []
    for _ in range(1500):
        shuffled = rng.permutation(group[about])
        rate = np.bincount(shuffled, hit) / np.bincount(shuffled)
        gaps.append(rate.max() - rate.min())
    contest = Contest.of(group_counts(y, p, group), name)
    drawn = permuted_gaps(contest, "difference", 1500, rng)
    assert np.mean(drawn) == pytest.approx(np.mean(gaps), abs=0.012)
    assert ks_2samp(drawn, gaps).pvalue > 0.001


def test_three_against_three_has_the_exact_p_of_one_in_ten() -> None:
    # Of the 20 ways to choose 3 of 6, two give a gap of 1.
    null = null_of(selected([3, 3], [3, 0]), 1.0, draws=20_000)
    assert null.p_value == pytest.approx(0.1, abs=0.008)
    assert null.mean == pytest.approx(0.1 * 1 + 0.9 * (1 / 3), abs=0.008)


def test_p_is_never_0() -> None:
    assert null_of(selected([500, 500], [500, 0]), 1.0, draws=99).p_value == 0.01


@pytest.mark.parametrize(
    ("groups", "rows", "expected"), [(2, 100, 0.052), (8, 100, 0.130), (20, 50, 0.240)]
)
def test_identical_groups_look_unequal_by_as_much_as_the_reference_says(
    groups: int, rows: int, expected: float
) -> None:
    share = round(0.3 * rows)
    null = null_of(selected([rows] * groups, [share] * groups), 0.0)
    assert null.mean == pytest.approx(expected, abs=0.004)
    assert null.p_value == 1


def test_upper_is_where_one_permutation_in_twenty_goes_beyond() -> None:
    counts = selected([200] * 5, [60] * 5)
    gap, ratio = null_of(counts, 0.0), null_of(counts, 1.0, "ratio")
    assert null_of(counts, gap.upper + 1e-9).p_value == pytest.approx(0.05, abs=0.02)
    assert null_of(counts, ratio.upper - 1e-9, "ratio").p_value == pytest.approx(0.05, abs=0.02)
    assert ratio.upper < ratio.mean < 1
    assert gap.upper > gap.mean > 0


def test_p_is_uniform_where_there_is_no_gap() -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(250):
        counts = selected([3000] * 4, rng.binomial(3000, 0.4, 4).tolist())
        rate = rates(counts)["selection_rate"]
        contest = [Contest.of(counts, "selection_rate")]
        gap = float(rate.max() - rate.min())
        found.append(permutation_null(contest, gap, comparison="difference", draws=99, rng=rng))
    p = np.array([one.p_value for one in found])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(p) == pytest.approx(0.52, abs=0.05)  # ties count against
