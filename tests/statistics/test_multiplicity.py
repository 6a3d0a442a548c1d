"""Adjusted p-values: worked out by hand, beside scipy, and what they promise."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from auditkit.errors import UsageError
from auditkit.statistics.multiplicity import benjamini_hochberg, holm


def test_holm_by_hand():
    # Sorted .01 x 4 = .04, .02 x 3 = .06, .03 x 2 = .06, .04 x 1 = .04 but never below .06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_benjamini_hochberg_by_hand():
    # Sorted .01 x 4/1 = .04, .02 x 4/2 = .04, .03 x 4/3 = .04, .9 x 4/4 = .9.
    assert benjamini_hochberg([0.9, 0.01, 0.03, 0.02]) == pytest.approx([0.9, 0.04, 0.04, 0.04])


def test_benjamini_hochberg_agrees_with_scipy():
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 40):
        p = rng.uniform(size=size) ** 3
        assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p))


def test_holm_rejects_what_stepping_down_rejects():
    rng = np.random.default_rng(1)
    for _ in range(200):
        p = np.round(rng.uniform(size=rng.integers(1, 9)) ** 4, 3)
        rejected = np.zeros(len(p), bool)
        for left, place in zip(range(len(p), 0, -1), np.argsort(p), strict=True):
            if p[place] * left > 0.05:
                break
            rejected[place] = True
        assert (holm(p) <= 0.05).tolist() == rejected.tolist()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_what_was_not_asked_changes_nothing(adjust):
    some, whole = adjust([0.01, 0.2]), adjust([np.nan, 0.01, np.nan, 0.2])
    assert whole[[1, 3]] == pytest.approx(some)
    assert np.isnan(whole[[0, 2]]).all()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_none_and_one_are_left_as_they_are_and_nothing_exceeds_one(adjust):
    assert adjust([]).shape == (0,)
    assert adjust([0.03]) == pytest.approx([0.03])
    assert adjust([0.9, 0.8]).max() <= 1


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_what_is_no_probability_is_refused(adjust):
    with pytest.raises(UsageError, match=r"is -0\.1;"):
        adjust([0.5, -0.1])


def test_among_questions_without_an_effect_holm_is_rarely_wrong():
    rng = np.random.default_rng(2)
    wrong = [(holm(rng.uniform(size=20)) <= 0.05).any() for _ in range(4000)]
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.012)
