import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from auditkit.errors import DataError
from auditkit.probing.probes.linear import dual_ridges, moments, ridges

PENALTIES = (0.3, 20.0, 3000.0)


def rows(n: int, d: int, columns: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns of very different size, not centred."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * np.logspace(-2, 1, d) + rng.normal(size=d)
    return x, x @ rng.normal(size=(d, columns)) + rng.normal(size=(n, columns))


def test_a_ridge_by_hand() -> None:
    # x is -1, 1 (deviation 1), y -1, 3: y = 1 + 4 x / (2 + 2) at penalty 2.
    (found,) = ridges(moments(np.array([[-1.0], [1.0]]), np.array([[-1.0], [3.0]])), [2.0])
    assert found.weights == pytest.approx(np.array([[1.0]]))
    assert found.constant == pytest.approx(np.array([1.0]))


@pytest.mark.parametrize("d", [10, 80])
def test_all_penalties_and_columns_equal_scikit_learns_ridge(d: int) -> None:
    x, y = rows(60, d)
    scaler = StandardScaler().fit(x)
    for solved in (ridges(moments(x, y), PENALTIES), dual_ridges(x, y, PENALTIES)):
        for penalty, found in zip(PENALTIES, solved, strict=True):
            peer = Ridge(alpha=penalty).fit(scaler.transform(x), y)
            assert found.weights * scaler.scale_[:, None] == pytest.approx(peer.coef_.T, abs=1e-8)
            assert found.said(x) == pytest.approx(peer.predict(scaler.transform(x)), abs=1e-8)


def test_classes_as_columns_equal_scikit_learns_ridge_classifier() -> None:
    x, _ = rows(200, 12)
    classes = np.argmax(x[:, -3:] + np.random.default_rng(1).normal(size=(200, 3)), axis=1)
    peer = RidgeClassifier(alpha=5).fit(StandardScaler().fit_transform(x), classes)
    (found,) = ridges(moments(x, np.eye(3)[classes]), [5.0])
    # Its targets are -1 and 1, ours 0 and 1: half the weights.
    assert found.weights * x.std(axis=0)[:, None] == pytest.approx(peer.coef_.T / 2, abs=1e-8)
    said = peer.predict(StandardScaler().fit_transform(x))
    assert (found.said(x).argmax(axis=1) == said).all()


def test_sums_of_parts_add_up_and_what_is_left_is_a_difference() -> None:
    x, y = rows(90, 7)
    whole, part = moments(x, y), moments(x[:30], y[:30])
    (rest,), (own,) = ridges(whole - part, [2.0]), ridges(moments(x[30:], y[30:]), [2.0])
    assert rest.weights == pytest.approx(own.weights)
    (again,), (all_,) = ridges((whole - part) + part, [2.0]), ridges(whole, [2.0])
    assert again.constant == pytest.approx(all_.constant)


def test_a_constant_column_is_left_out() -> None:
    x, y = rows(50, 4)
    x[:, 2] = 0.1
    for (found,) in (ridges(moments(x, y), [1.0]), dual_ridges(x, y, [1.0])):
        assert found.weights[2] == pytest.approx(0)
        (short,) = ridges(moments(np.delete(x, 2, axis=1), y), [1.0])
        assert found.said(x) == pytest.approx(short.said(np.delete(x, 2, axis=1)))


def test_constant_activations_have_nothing_to_read() -> None:
    with pytest.raises(DataError, match="all 4 columns of the activations are constant"):
        ridges(moments(np.full((9, 4), 0.1), np.ones((9, 1))), [1.0])


def test_without_a_penalty_a_dual_ridge_passes_through_every_row() -> None:
    x, y = rows(20, 40)
    (found,) = dual_ridges(x, y, [0.0])
    assert found.said(x) == pytest.approx(y, abs=1e-6)
