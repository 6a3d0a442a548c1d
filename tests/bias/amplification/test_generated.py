import numpy as np
import pytest

from auditkit.bias.amplification import generated_amplification, over_trainings
from auditkit.errors import DataError
from auditkit.statistics.quantification import CorrectedShares, corrected_shares

RIGHT = np.array([0.95, 0.9])  # of the two classes


def shares(first: float, seed: int, n: int = 1000) -> CorrectedShares:
    """Of n images, of which a share is of the first class, seen by a classifier that errs."""
    rng = np.random.default_rng(seed)

    def said(truth: np.ndarray) -> np.ndarray:
        return np.where(rng.random(len(truth)) < RIGHT[truth], truth, 1 - truth)

    known = np.arange(1000) % 2
    made = (rng.random(n) >= first).astype(int)
    return corrected_shares(said(made), known, said(known), ("cat", "dog"), rng, draws=500)


def exact(*counts: int) -> CorrectedShares:
    """Shares of classes that a classifier sees without an error."""
    codes = np.repeat(np.arange(len(counts)), counts)
    known = np.repeat(np.arange(len(counts)), 200)
    return corrected_shares(
        codes, known, known, [f"k{i}" for i in range(len(counts))], np.random.default_rng(0)
    )


def test_what_the_common_classes_gain_by_hand():
    found = generated_amplification(exact(90, 10), [80, 20])
    assert found.lean.value == pytest.approx(0.1)
    assert found.commoner == ("k0",)
    assert found.favoured == pytest.approx((0.8, 0.9))
    assert found.largest.value == pytest.approx(0.1)
    # .5, .3, .2 become .6, .3, .1: k0 alone is commoner than a third.
    three = generated_amplification(exact(60, 30, 10), [50, 30, 20])
    assert three.lean.value == pytest.approx(0.1)
    assert three.changed == pytest.approx((0.5, 0.6)) or three.changed == pytest.approx((0.2, 0.1))
    assert generated_amplification(exact(70, 30), [80, 20]).lean.value == pytest.approx(-0.1)


@pytest.mark.parametrize("seed", range(5))
def test_a_mix_that_is_kept_and_one_that_is_shifted_are_told_apart(seed: int):
    kept = generated_amplification(shares(0.8, seed), [8000, 2000])
    assert kept.lean.low < 0 < kept.lean.high + 0.02
    shifted = generated_amplification(shares(0.9, seed), [8000, 2000])
    assert shifted.lean.low > 0.05
    assert shifted.largest.low > kept.null


def test_the_interval_holds_what_is_true():
    held = sum(
        found.low <= 0.1 <= found.high
        for found in (
            generated_amplification(shares(0.9, seed, 300), [80, 20]).lean for seed in range(200)
        )
    )
    assert 184 <= held <= 199


def test_the_chance_part_of_the_largest_change_is_what_unchanged_shares_give():
    found = [generated_amplification(shares(0.8, seed, 300), [80, 20]) for seed in range(60)]
    wanted = np.mean([one.largest.value for one in found])
    assert np.mean([one.null for one in found]) == pytest.approx(wanted, rel=0.25)


def test_even_classes_have_no_lean():
    found = generated_amplification(exact(60, 40), [50, 50])
    assert not found.lean.defined
    assert "even among the training images" in found.lean.reason
    assert found.largest.value == pytest.approx(0.1)


def test_seeds_that_agree_prove_it_and_seeds_that_do_not_leave_it_open():
    same = over_trainings([exact(90, 10), exact(89, 11), exact(91, 9)], [80, 20])
    assert same.lean.value == pytest.approx(0.1)
    # .09, .1, .11: 4.303 * .01 / sqrt(3)
    assert same.lean.high - same.lean.value == pytest.approx(4.303 * 0.01 / 3**0.5, rel=1e-3)
    assert same.classes["change"].tolist() == pytest.approx([0.1, -0.1])
    # Of two classes at once: 6.205 in place of 4.303.
    high = (same.classes["high"] - same.classes["change"]).tolist()
    assert high == pytest.approx([6.205 * 0.01 / 3**0.5] * 2, rel=1e-3)
    apart = over_trainings([exact(95, 5), exact(72, 28), exact(83, 17)], [80, 20])
    assert apart.lean.low < 0 < apart.lean.high
    assert apart.each["lean"].tolist() == pytest.approx([0.15, -0.08, 0.03])
    assert not over_trainings([exact(60, 40), exact(50, 50)], [5, 5]).lean.defined


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DataError, match="1 training gives no interval"):
        over_trainings([exact(90, 10)], [80, 20])
    with pytest.raises(DataError, match="counts of training images"):
        generated_amplification(exact(90, 10), [80, 10, 10])
    blind = corrected_shares([0, 1], [0, 1], [0, 1], "ab", np.random.default_rng(0))
    found = generated_amplification(blind, [80, 20])
    assert "too few" in found.lean.reason == found.largest.reason
    with pytest.raises(DataError, match="too few"):
        over_trainings([blind, blind], [80, 20])
