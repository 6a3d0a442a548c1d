import numpy as np
import pytest
import torch

from auditkit.probing.probes.labels import labels_of
from auditkit.probing.probes.perceptron import read_by_perceptron
from auditkit.probing.probes.reading import read
from auditkit.runtime import Runtime


def apart(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose class is whether two numbers have one sign: no straight line tells it."""
    x = np.random.default_rng(seed).normal(size=(n, 4)) * [1, 50, 0.01, 1] + [0, 0, 9, 0]
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def test_it_reads_what_no_straight_line_tells() -> None:
    x, y = apart(600)
    found = read(x, labels_of(y), reader="mlp")
    line = read(x, labels_of(y))
    assert found.score.low > 0.85
    assert found.auc.low > 0.9
    assert found.bits.mean() < 0.4
    assert line.score.value < 0.6


def test_it_reads_numbers() -> None:
    x, _ = apart(600)
    found = read(x, labels_of(x[:, 0] * x[:, 1] / 50 + 7), reader="mlp")
    assert found.score.low > 0.6


def test_noise_is_read_at_chance() -> None:
    for seed in range(3):
        x, y = apart(300, seed)
        found = read(x, labels_of(np.random.default_rng(seed + 9).permutation(y)), reader="mlp")
        assert found.score.low < 0.5 < found.auc.high
        assert found.bits.mean() < 1.2  # it stops before it learns by heart


def test_the_seed_decides_and_torchs_own_generator_stays_as_it_was() -> None:
    x, y = apart(200)
    part = np.arange(200) % 3
    before = torch.random.get_rng_state()
    one, again, other = (
        read_by_perceptron(x, labels_of(y), part, Runtime(seed=seed))[0] for seed in (1, 1, 2)
    )
    assert (one == again).all()
    assert np.abs(one - other).max() > 1e-4
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("numbers", [False, True])
def test_a_rows_label_is_in_nothing_that_is_said_of_its_part(numbers: bool) -> None:
    x, y = apart(200)
    part = np.arange(200) % 4
    first = labels_of(x[:, 0] * 1.5 if numbers else y)
    changed = first.values.copy()
    changed[part == 2] = changed[part == 2][::-1]
    second = labels_of(changed)
    one = read_by_perceptron(x, first, part, Runtime())[0]
    other = read_by_perceptron(x, second, part, Runtime())[0]
    assert one[part == 2] == pytest.approx(other[part == 2], abs=1e-5)
    assert np.abs(one[part == 0] - other[part == 0]).max() > 1e-4
