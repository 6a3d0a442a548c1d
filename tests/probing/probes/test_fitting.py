import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from auditkit.errors import DataError, UsageError
from auditkit.probing.probes.fitting import Linear, fit, fit_many
from auditkit.probing.probes.labels import Labels, labels_of


def planted(n: int, seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Classes read from the first columns, one each; the columns differ in size."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    y = np.argmax(2 * x[:, :classes] + rng.gumbel(size=(n, classes)), axis=1)
    return x * np.logspace(-2, 2, 8) + 5, y


@pytest.mark.parametrize("reader", ["ridge", "logistic"])
def test_it_finds_the_planted_directions_in_the_activations_own_units(reader: Linear) -> None:
    x, y = planted(4000)
    found = fit(x, labels_of(y), reader=reader)
    planted_ones = np.zeros((3, 8))
    planted_ones[np.arange(3), np.arange(3)] = 2 / np.logspace(-2, 2, 8)[:3]
    one, other = (each - each.mean(axis=0) for each in (found.directions, planted_ones))
    scale = np.logspace(-2, 2, 8)
    assert np.corrcoef((one * scale).ravel(), (other * scale).ravel())[0, 1] > 0.98
    far, truth = planted(4000, 1)
    said = found.said(torch.from_numpy(far).float())
    assert (said.argmax(axis=1) == truth).mean() > 0.65
    assert said.sum(axis=1) == pytest.approx(1)


def test_a_given_penalty_is_kept_and_equals_scikit_learns() -> None:
    x, y = planted(500, classes=2)
    found = fit(x, labels_of(y), reader="logistic", penalty=0.01)
    scaler = StandardScaler().fit(x)
    peer = LogisticRegression(C=1 / 5, tol=1e-9, solver="newton-cholesky")
    peer.fit(scaler.transform(x), y)
    assert found.penalty == 0.01
    assert found.said(x) == pytest.approx(peer.predict_proba(scaler.transform(x)), abs=1e-5)


def test_numbers_have_one_direction() -> None:
    x, _ = planted(500)
    found = fit(x, labels_of(3 * x[:, 0] - x[:, 5] / 100))
    assert found.directions.shape == (1, 8)
    assert found.directions[0, [0, 5]] == pytest.approx([3, -0.01], rel=0.01)
    assert found.said(x) == pytest.approx(3 * x[:, 0] - x[:, 5] / 100, abs=0.01)


def test_several_labels_at_once_are_each_alone() -> None:
    x, y = planted(300)
    labels = [labels_of(y), labels_of(x[:, 0]), labels_of(y == 1, name="one")]
    alone = fit(x, labels[0])
    together = fit_many(x, labels)
    assert together[0].directions == pytest.approx(alone.directions)
    assert [one.directions.shape for one in together] == [(3, 8), (1, 8), (2, 8)]


@pytest.mark.parametrize("reader", ["ridge", "logistic"])
def test_a_class_without_rows_stays_possible(reader: Linear) -> None:
    x, y = planted(60)
    labels = Labels(name="y", values=np.minimum(y, 1), levels=("a", "b", "c"))
    said = fit(x, labels, reader=reader).said(x)
    assert (said > 0).all()
    assert said[:, 2].max() < 0.2


def test_fewer_rows_than_columns() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 300))
    y = (x[:, :40].sum(axis=1) > 0).astype(int)
    found = fit(x, labels_of(y))
    far = rng.normal(size=(2000, 300))
    right = found.said(far).argmax(axis=1) == (far[:, :40].sum(axis=1) > 0)
    assert right.mean() > 0.58


def test_numbers_are_not_for_a_logistic_reader() -> None:
    x, _ = planted(50)
    with pytest.raises(UsageError, match="labels are numbers: give reader='ridge' or 'mlp'"):
        fit(x, labels_of(x[:, 0]), reader="logistic")


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.ones((40, 3)), "all 3 columns of the activations are constant"),
        (np.full((40, 3), np.nan), r"row 1 of the activations holds NaN or infinity \(40 of 40"),
        (np.ones((39, 3)), "39 rows of activations for 40 labels of y"),
        (np.ones((40, 3, 2)), r"shape \(40, 3, 2\): give one vector a row"),
    ],
)
def test_activations_that_tell_nothing_are_refused(x: np.ndarray, says: str) -> None:
    with pytest.raises(DataError, match=says):
        fit(x, labels_of(np.arange(40) % 2, name="y"))


def test_labels_that_tell_nothing_are_refused() -> None:
    x = np.random.default_rng(0).normal(size=(3, 2))
    one = Labels(name="y", values=np.zeros(3, dtype=np.int64), levels=("a", "b"))
    with pytest.raises(DataError, match="every row of y is 'a'"):
        fit(x, one)
    many = Labels(name="y", values=np.arange(3), levels=("a", "b", "c", "d"))
    with pytest.raises(DataError, match="3 rows for 4 classes of y"):
        fit(x, many)
