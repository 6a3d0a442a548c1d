"""A column that only takes noise out of another is found, and an ordinary one is not."""

import numpy as np
import pandas as pd
import pytest
import torch

from auditkit.attribution.importance import permutation_importance
from auditkit.attribution.suppressors import association, suppressors
from auditkit.errors import DataError, UsageError
from auditkit.statistics.estimate import Estimate


def haufe(rows=2000, seed=0, noise=1.0):
    """x1 = y + d and x2 = d: the best model is x1 - x2, and x2 knows nothing of y."""
    rng = np.random.default_rng(seed)
    y, d = rng.normal(size=(2, rows))
    return pd.DataFrame({"x1": y + noise * d, "x2": d, "x3": rng.normal(size=rows)}), y


def weights(frame, y, coefficients):
    found = permutation_importance(
        lambda x: x @ torch.tensor(coefficients).double(),
        torch.tensor(frame.to_numpy()),
        torch.from_numpy(y),
        shuffles=2,
    )
    return dict(zip(frame.columns, found.increases, strict=True))


def sure(value):
    return Estimate(value=value, low=0.9 * value, high=1.1 * value, n=100, method="given")


def test_the_column_of_haufe_2014_is_named_with_its_partner():
    frame, y = haufe()
    (found,) = suppressors(frame, y, weights(frame, y, [1.0, -1.0, 0.0]))
    assert (found.column, found.partner) == ("x2", "x1")
    assert found.alone.high < 0.15
    assert found.shared.low > 0.2
    assert found.given.low > 0.2
    assert "although alone it says next to nothing of the target" in found.sentence
    assert "subtract what x1 holds besides the target" in found.sentence


def test_a_model_that_does_not_use_it_has_none():
    frame, y = haufe()
    assert suppressors(frame, y, weights(frame, y, [0.5, 0.0, 0.0])) == ()


def test_a_weak_column_is_none_that_says_nothing():
    frame, y = haufe()
    frame["x2"] += 0.5 * y
    assert suppressors(frame, y, weights(frame, y, [1.0, -1.0, 0.0])) == ()


def test_what_few_rows_leave_open_is_not_claimed():
    frame, y = haufe(rows=100)
    assert suppressors(frame, y, {"x1": sure(1.0), "x2": sure(1.0)}) == ()


def test_a_column_of_two_that_work_together_has_no_partner_to_be_subtracted_from():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 3000))
    frame = pd.DataFrame({"a": a, "b": b})
    found = suppressors(frame, a ^ b, {"a": sure(1.0), "b": sure(1.0)})
    assert [one.column for one in found] == ["a", "b"]
    assert {one.partner for one in found} == {""}
    assert "no sign that it matters by itself" in found[0].sentence


def test_categories_and_classes_are_served():
    rng = np.random.default_rng(1)
    n = 6000
    y = rng.integers(0, 2, n)
    d = rng.integers(0, 3, n)
    frame = pd.DataFrame(
        {"score": (y + d).astype(float), "site": pd.Categorical([f"site {one}" for one in d])}
    )
    (found,) = suppressors(frame, y, {"score": sure(1.0), "site": sure(0.5)})
    assert (found.column, found.partner) == ("site", "score")


def test_an_association_is_1_of_a_copy_and_its_interval_covers_0_of_noise():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 4, 1000)
    assert association(levels, levels).value == pytest.approx(1, abs=0.01)
    noise = [association(*rng.normal(size=(2, 300))) for _ in range(150)]
    assert 0.95 <= np.mean([one.low == 0 for one in noise]) <= 1
    assert np.mean([one.value for one in noise]) < 0.1  # .26 with what chance gives


def test_its_interval_covers_the_true_value():
    table = np.array([[0.3, 0.2], [0.1, 0.4]])
    expected = table.sum(1, keepdims=True) * table.sum(0)
    f = ((table - expected) ** 2 / expected).sum()
    truth = np.sqrt(2 * f / (1 + f))
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        cells = rng.choice(4, size=200, p=table.ravel())
        found = association(cells // 2, cells % 2)
        inside += found.low <= truth <= found.high
    assert 0.93 <= inside / 200 <= 0.98


def test_a_bent_association_is_seen_where_a_correlation_is_nought():
    x = np.random.default_rng(0).normal(size=2000)
    assert association(x, x**2).low > 0.3


def test_a_constant_column_has_no_association_and_says_why():
    found = association(np.zeros(100), np.arange(100))
    assert not found.defined
    assert found.reason == "a column has one value alone"
    assert "too few" in association([1, 2], [1, 2]).reason


def test_bad_input_is_told_in_one_line():
    frame, y = haufe(60)
    with pytest.raises(UsageError, match="no column 'x9'; there are x1, x2, x3"):
        suppressors(frame, y, {"x9": sure(1.0)})
    with pytest.raises(DataError, match="3 targets for 60 rows"):
        suppressors(frame, y[:3], {})
