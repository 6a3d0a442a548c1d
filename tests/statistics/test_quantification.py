import numpy as np
import pytest

from auditkit.errors import DataError
from auditkit.statistics.quantification import confusion, corrected_shares, told_and_seen

RATES = np.array([[0.9, 0.1, 0.0], [0.15, 0.8, 0.05], [0.0, 0.02, 0.98]])
LEVELS = ("a", "b", "c")


def answers(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a classifier with these rates says, (n,)."""
    return (rng.random(len(truth))[:, None] > RATES[truth].cumsum(axis=1)).sum(axis=1)


def test_the_errors_of_a_classifier_are_taken_back_by_hand():
    # Of 100 known images each: a is called b in 10, b called a in 20. Among 200 the classifier
    # sees 110 a: x .9 + (1 - x) .2 = .55, so x = .5.
    known = np.repeat([0, 1], 100)
    called = np.concatenate([np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [20, 80])])
    found = corrected_shares(
        np.repeat([0, 1], [110, 90]), known, called, "ab", np.random.default_rng(0)
    )
    assert found.values == pytest.approx([0.5, 0.5], abs=1e-6)
    assert found.inverted == pytest.approx([0.5, 0.5])
    assert found.seen.tolist() == [0.55, 0.45]
    # p(1-p)/n, and x^2 of each row's, over (.9 - .2)^2; half an image is added to each cell.
    wanted = (0.55 * 0.45 / 200 + 0.25 * (0.09 + 0.16) / 100) / 0.49
    assert found.covariance[0, 0] == pytest.approx(wanted, rel=0.02)


def test_a_classifier_that_never_errs_changes_nothing():
    truth = np.repeat([0, 1, 2], [50, 30, 20])
    known = np.repeat([0, 1, 2], 100)
    found = corrected_shares(truth, known, known, LEVELS, np.random.default_rng(0))
    assert found.values == pytest.approx([0.5, 0.3, 0.2])
    assert found.misfit == pytest.approx(0, abs=1e-9)


def test_intervals_hold_for_all_classes_at_once_though_the_errors_are_estimated():
    truth, held, plain = np.array([0.7, 0.25, 0.05]), 0, 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        known, made = rng.choice(3, 300), rng.choice(3, 500, p=truth)
        found = corrected_shares(
            answers(made, rng), known, answers(known, rng), LEVELS, rng, draws=500
        )
        held += all(one.low <= t <= one.high for one, t in zip(found.shares, truth, strict=True))
        plain += abs(found.seen[0] - truth[0]) < 0.01
    assert held >= 137
    assert plain < 110  # as it sees them they are off


def test_more_unknown_images_do_not_help_where_the_errors_are_hardly_known():
    def width(n: int, m: int) -> float:
        rng = np.random.default_rng(1)
        known, made = np.arange(m) % 3, np.arange(n) % 3
        found = corrected_shares(answers(made, rng), known, answers(known, rng), LEVELS, rng)
        return found.shares[0].high - found.shares[0].low

    assert width(100_000, 90) > 0.7 * width(1000, 90) > width(100_000, 9000)


def test_a_share_that_would_fall_below_nothing_stays_at_nothing():
    known = np.repeat([0, 1], 100)
    called = np.concatenate([np.repeat([0, 1], [80, 20]), np.repeat([0, 1], [10, 90])])
    found = corrected_shares(np.zeros(200, int), known, called, "ab", np.random.default_rng(0))
    assert found.inverted[1] < -0.2
    assert found.values == pytest.approx([1.0, 0.0], abs=1e-6)
    assert found.shares[1].low == 0
    assert found.misfit == pytest.approx(0.2, abs=1e-6)  # a alone would be called b in 20 %


def test_classes_that_it_cannot_tell_apart_have_no_shares():
    known = np.repeat([0, 1, 2], 100)
    called = np.where(known == 2, np.arange(300) % 2, known * 0 + np.arange(300) % 2)
    found = corrected_shares(np.arange(90) % 2, known, called, LEVELS, np.random.default_rng(0))
    assert not any(one.defined for one in found.shares)
    assert "cannot tell the classes apart" in found.reason
    few = corrected_shares([0, 1], known[:210], known[:210], LEVELS, np.random.default_rng(0))
    assert "10 known images of 'c' are too few" in few.reason
    with pytest.raises(DataError, match="no image"):
        corrected_shares([], known, known, LEVELS, np.random.default_rng(0))


def test_confusion_counts_what_is_called_what():
    assert confusion([0, 0, 1, 1], [0, 1, 1, 1], 2).tolist() == [[1, 1], [0, 2]]


def test_a_class_that_is_told_and_not_seen_is_named():
    told = np.repeat([0, 1, 2], 100)
    said = told.copy()
    said[100:150] = 2
    found = told_and_seen(told, said, told, told, LEVELS)
    assert found.name == "b"
    assert found.least.value == -0.5
    assert found.of_least == (0.5, 1.0, "c")
    assert found.least.high < -0.3
    same = told_and_seen(told, told, told, told, LEVELS)
    assert same.least.value == 0 >= same.least.low
    assert not told_and_seen([], [], told, told, LEVELS).least.defined
