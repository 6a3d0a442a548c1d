import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auditkit.probing.probes import scoring
from auditkit.probing.probes.labels import Labels, labels_of
from auditkit.probing.probes.scoring import area, right, share_explained
from auditkit.statistics import classification, multiclass, regression


def several(n: int, classes: int, seed: int, signal: float = 1.0) -> tuple[Labels, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    said = np.exp(signal * np.eye(classes)[y] + rng.normal(size=(n, classes)))
    said /= said.sum(axis=1, keepdims=True)
    return Labels(name="y", values=y, levels=tuple("abcdefgh"[:classes])), said


def test_of_several_classes_the_value_is_the_mean_of_one_against_all_others() -> None:
    labels, said = several(300, 4, 0)
    peer = roc_auc_score(labels.values, said, multi_class="ovr", average="macro")
    assert area(labels, said).value == pytest.approx(peer)


def test_owners_of_one_row_each_change_hardly_anything() -> None:
    labels, said = several(700, 2, 0)
    alone = Labels(name="y", values=labels.values, levels=labels.levels, whose=np.arange(700))
    for score in (right, area):
        one, other = score(labels, said), score(alone, said)
        assert other.value == pytest.approx(one.value)
        assert other.low == pytest.approx(one.low, abs=0.002)
        assert other.high == pytest.approx(one.high, abs=0.002)


def test_rows_that_are_copies_tell_no_more_than_one_of_them() -> None:
    labels, said = several(150, 3, 0)
    copies = np.repeat(np.arange(150), 8)
    many = Labels(
        name="y", values=labels.values[copies], levels=labels.levels, whose=copies.astype(np.int64)
    )
    one, other = area(labels, said), area(many, said[copies])
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.03)
    one, other = right(labels, said), right(many, said[copies])
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.03)


def test_numbers_of_persons_have_the_interval_of_persons() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=100)
    said = truth + rng.normal(size=100)
    copies = np.repeat(np.arange(100), 9)
    one = share_explained(labels_of(truth), said)
    many = labels_of(truth[copies], whose=copies)
    other = share_explained(many, said[copies])
    assert other.value == pytest.approx(one.value)
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.03)


def test_intervals_are_of_half_the_variance_again_since_fits_share_rows() -> None:
    labels, said = several(2000, 2, 3)
    alone, found = classification.auc(labels.values, said[:, 1]), area(labels, said)
    assert (found.high - found.low) / (alone.high - alone.low) == pytest.approx(1.5**0.5, abs=0.01)
    hit = said.argmax(axis=1) == labels.values
    one, other = multiclass.accuracy(hit), right(labels, said)
    assert (other.high - other.low) / (one.high - one.low) == pytest.approx(1.5**0.5, abs=0.01)
    numbers = labels_of(said[:, 0])
    plain = regression.r_squared(numbers.values, said[:, 0] ** 2)
    wide = share_explained(numbers, said[:, 0] ** 2)
    assert (wide.high - wide.low) / (plain.high - plain.low) == pytest.approx(1.5**0.5, abs=0.01)


def test_perfect_scores_of_persons_have_an_interval_that_few_rows_earn() -> None:
    labels, said = several(60, 3, 0, signal=50)
    found = area(labels, said)
    assert found.value == 1
    assert 0.7 < found.low < 0.9
    assert found.high == 1


@pytest.mark.parametrize("owners", [1, 5])
def test_intervals_of_several_classes_cover(owners: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Rows of an owner share half of their noise. These scores are of no fits: nothing is shared.
    monkeypatch.setattr(scoring, "SHARED", 1.0)
    held_area = held_right = 0
    wide = several(60_000, 3, 999)
    truth = area(*wide).value, right(*wide).value
    for seed in range(200):
        rng = np.random.default_rng(seed)
        whose = np.arange(300) // owners
        y = rng.integers(3, size=300 // owners)[whose] if owners > 1 else rng.integers(3, size=300)
        noise = rng.normal(size=(300 // owners, 3))[whose]
        if owners > 1:
            noise = (noise + rng.normal(size=(300, 3))) / np.sqrt(2)
        said = np.exp(np.eye(3)[y] + noise)
        said /= said.sum(axis=1, keepdims=True)
        labels = Labels(name="y", values=y, levels=("a", "b", "c"), whose=whose)
        one, other = area(labels, said), right(labels, said)
        held_area += one.low <= truth[0] <= one.high
        held_right += other.low <= truth[1] <= other.high
    assert 182 <= held_area <= 199
    assert 182 <= held_right <= 199
