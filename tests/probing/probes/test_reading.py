import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from auditkit.errors import DataError, UsageError
from auditkit.probing.probes.fitting import Reader
from auditkit.probing.probes.labels import Labels, labels_of
from auditkit.probing.probes.reading import read, read_layers, read_many
from auditkit.runtime import Runtime


def planted(
    n: int = 600, d: int = 20, seed: int = 0, signal: float = 1.5
) -> tuple[torch.Tensor, np.ndarray]:
    """A class that is read along one direction, among noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    y = (signal * x[:, :2].sum(axis=1) + rng.logistic(size=n) > 0).astype(int)
    return torch.from_numpy(x).float(), y


def test_a_planted_class_is_found_and_noise_is_read_at_chance() -> None:
    beyond = 0
    for seed in range(20):
        x, y = planted(seed=seed)
        noise = np.random.default_rng(seed).permutation(y)
        task, control = read_many(x, [labels_of(y), labels_of(noise)])
        assert task.auc.low > 0.75
        assert task.score.low > task.chance
        assert task.bits.mean() < 0.85
        assert control.bits.mean() < 1.02  # to read nothing costs little
        beyond += control.auc.low > 0.5
    assert beyond <= 2


@pytest.mark.parametrize("reader", ["ridge", "logistic"])
def test_it_reads_no_worse_than_scikit_learn(reader: Reader) -> None:
    x, y = planted(3000, 60)
    peer = make_pipeline(StandardScaler(), LogisticRegression(C=0.05))
    said = cross_val_predict(peer, x.numpy(), y, cv=5, method="predict_proba")
    found = read(x, labels_of(y), reader=reader)
    theirs = -np.log2(said[np.arange(3000), y]).mean()
    assert found.score.value > (said.argmax(axis=1) == y).mean() - 0.008
    assert found.bits.mean() < theirs + 0.02


def test_numbers_are_read_with_their_share_explained() -> None:
    x, _ = planted(500)
    rng = np.random.default_rng(1)
    target = x[:, 0].numpy() + rng.normal(size=500)
    found = read(x, labels_of(target, name="age"))
    assert found.score.low < 0.5 < found.score.high
    assert found.chance == 0
    assert not found.auc.defined
    with pytest.raises(DataError, match="bits are of classes"):
        _ = found.bits


@pytest.mark.parametrize("reader", ["ridge", "logistic"])
@pytest.mark.parametrize("width", [20, 150])
def test_a_rows_label_is_in_nothing_that_is_said_of_its_part(reader: Reader, width: int) -> None:
    x, y = planted(120, width)
    part = np.arange(120) % 4
    changed = y.copy()
    changed[part == 2] = 1 - changed[part == 2]
    one = read(x, labels_of(y), reader=reader, split=part)
    other = read(x, labels_of(changed), reader=reader, split=part)
    assert one.said[part == 2] == pytest.approx(other.said[part == 2], abs=1e-6)
    assert np.abs(one.said[part == 0] - other.said[part == 0]).max() > 1e-3


@pytest.mark.parametrize("reader", ["ridge", "logistic"])
def test_held_activations_are_in_no_fit_either(reader: Reader) -> None:
    x, y = planted(120)
    part = np.arange(120) % 4
    moved = x.clone()
    moved[118] = 40.0  # in part 2; row 2 is in it as well
    one = read(x, labels_of(y), reader=reader, split=part)
    other = read(moved, labels_of(y), reader=reader, split=part)
    assert one.said[2] == pytest.approx(other.said[2], abs=1e-6)
    assert np.abs(one.said[0] - other.said[0]).max() > 1e-4


def test_a_persons_own_rows_do_not_teach_their_label() -> None:
    # Each person has a label at random and activations of their own: what is learnt is the person.
    rng = np.random.default_rng(0)
    whose = np.repeat(np.arange(40), 15)
    own, y = rng.normal(size=(40, 30)), np.arange(40) % 2
    x = own[whose] + rng.normal(size=(600, 30)) / 10
    parted = read(x, labels_of(y[whose], whose=whose))
    mixed = read(x, labels_of(y[whose]))
    assert mixed.score.value > 0.9
    assert parted.score.low < 0.5 < parted.score.high
    assert parted.score.method == "Wilson, by persons, fits sharing rows"


def test_several_labels_at_once_are_each_alone() -> None:
    x, y = planted()
    part = np.arange(600) % 5
    labels = [labels_of(y), labels_of(x[:, 3].numpy()), labels_of(np.arange(600) % 7)]
    for one, label in zip(read_many(x, labels, split=part), labels, strict=True):
        alone = read(x, label, split=part)
        assert one.said == pytest.approx(alone.said, abs=1e-9)
        assert one.penalties == alone.penalties


def test_layers_are_read_on_the_same_parts_and_said_by_name() -> None:
    x, y = planted()
    found = read_layers({"first": x[:, 10:], "second": x}, labels_of(y))
    assert found["first"].auc.value < 0.6 < found["second"].auc.value
    assert found["second"].dimensions == 20
    assert found["second"].said == pytest.approx(read(x, labels_of(y)).said)
    with pytest.raises(DataError, match="layer second: all 20 columns of the activations"):
        read_layers({"first": x, "second": x * 0}, labels_of(y))


def test_the_seed_draws_the_parts() -> None:
    x, y = planted()
    one, again, other = (read(x, labels_of(y), runtime=Runtime(seed=s)).said for s in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()


def test_a_frame_has_a_row_a_measure() -> None:
    x, y = planted()
    frame = read(x, labels_of(y, name="sex")).frame
    assert frame["measure"].tolist() == ["accuracy", "auc"]
    assert frame["labels"].tolist() == ["sex", "sex"]
    assert (frame["low"] < frame["value"]).all()


def test_units_and_offsets_of_the_activations_change_nothing() -> None:
    x, y = planted()
    part = np.arange(600) % 5
    moved = x.double() * torch.logspace(-3, 3, 20) + 100
    one, other = (read(each, labels_of(y), split=part) for each in (x, moved))
    assert one.said == pytest.approx(other.said, abs=1e-6)


def test_splits_and_readers_that_do_not_exist_are_refused() -> None:
    x, y = planted()
    labels = labels_of(y)
    with pytest.raises(UsageError, match="no reader 'tree': there are ridge, logistic, mlp"):
        read(x, labels, reader="tree")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="split has 3 values for 600 rows"):
        read(x, labels, split=np.arange(3))
    with pytest.raises(DataError, match=r"split holds parts \[0, 2, 4\]"):
        read(x, labels, split=np.arange(600) % 3 * 2)
    short = Labels(name="y", values=np.array([0] * 598 + [1] * 2), levels=("a", "b"))
    with pytest.raises(DataError, match="class 'b' of y has 2 rows: a probe needs 3"):
        read(x, short, folds=7)
