import math

import numpy as np
import pytest
import torch

from auditkit.errors import DataError
from auditkit.probing.probes.code import blocks, codes, online_code
from auditkit.probing.probes.labels import labels_of
from auditkit.runtime import Runtime


def drawn(n: int, d: int, seed: int = 0) -> tuple[torch.Tensor, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=(n, d)), dtype=torch.float32), rng


@pytest.mark.parametrize("width", [8, 300])
def test_random_labels_are_not_compressed(width: int):
    x, rng = drawn(1000, width)
    found = online_code(x, labels_of(rng.integers(2, size=1000)))
    assert found.uniform == 1000
    assert 0.93 < found.compression < 1.01  # Voita & Titov: about .96
    assert found.gain < 0.02


def test_labels_that_can_be_separated_are_compressed_many_fold():
    x, rng = drawn(2000, 64)
    y = rng.integers(4, size=2000)
    x[:, :4] += 8 * torch.eye(4)[y]
    found = online_code(x, labels_of(y))
    assert found.uniform == 4000
    assert found.compression > 10
    assert found.least <= found.compression <= found.most


def test_a_layer_that_says_it_readily_has_a_shorter_code():
    """One number that tells all, against the same direction hidden among 400 noisy numbers."""
    x, rng = drawn(1000, 400)
    y = rng.integers(2, size=1000)
    x[:, 0] += 4 * torch.tensor(y)
    turned = x @ torch.linalg.qr(torch.randn(400, 400, generator=torch.manual_seed(1))).Q
    labels = labels_of(y)
    hidden = online_code(turned, labels)
    assert hidden.compression > 2
    assert online_code(x[:, :2], labels).compression > 1.8 * hidden.compression


def test_frequent_labels_are_cheap_and_the_gain_knows_it():
    x, rng = drawn(2000, 8)
    found = online_code(x, labels_of((rng.random(2000) < 0.1).astype(int)))
    entropy = -0.1 * math.log2(0.1) - 0.9 * math.log2(0.9)
    assert found.compression == pytest.approx(1 / entropy, rel=0.1)
    assert abs(found.gain) < 0.05


def test_without_activations_that_tell_the_code_is_counted_by_hand():
    """Twelve rows are too few for a probe: labels are sent by counts, plus one of each class."""
    labels = labels_of(np.tile([0, 1], 10))
    found = online_code(torch.ones(20, 1), labels, shares=(0.25, 1.0), orders=1)
    order, ends = blocks(labels, (0.25, 1.0), Runtime().rng("online code labels"))
    assert ends == [5, 20]
    ones = int(labels.values[order][:5].sum())
    later = np.array([10 - (5 - ones), 10 - ones])
    share = np.array([6 - ones, 1 + ones]) / 7
    assert found.bits[0] == pytest.approx(5 - (later * np.log2(share)).sum())
    assert found.bits == found.frequencies


def test_rows_of_a_person_are_in_one_block():
    whose = np.repeat(np.arange(50), 20)
    labels = labels_of(np.tile([0, 1], 500), whose=whose)
    order, ends = blocks(labels, (0.001, 0.1, 0.5, 1.0), np.random.default_rng(0))
    assert sorted(order) == list(range(1000))
    assert ends == [20, 100, 500, 1000]
    owners = whose[order]
    for end in ends[:-1]:
        assert not set(owners[:end]) & set(owners[end:])


def test_what_marks_persons_does_not_shorten_the_code_of_new_persons():
    rng = np.random.default_rng(0)
    whose = np.repeat(np.arange(40), 25)
    marks = torch.tensor(rng.normal(size=(40, 60))[whose] + 0.1 * rng.normal(size=(1000, 60)))
    y = rng.permutation(np.arange(40) % 2)[whose]
    assert online_code(marks, labels_of(y)).compression > 3
    assert online_code(marks, labels_of(y, whose=whose)).compression < 1.15


def test_several_labels_have_the_code_each_would_have_alone():
    x, rng = drawn(600, 12)
    y = (x[:, 0] > 0).int().numpy()
    task, control = labels_of(y), labels_of(rng.integers(3, size=600))
    alone = online_code(x, task)
    both = codes(x, [task, control])
    assert both[0].bits == pytest.approx(alone.bits)
    assert len(both[0].bits) == 3
    assert len(both[1].bits) == 1
    assert both[1].uniform == pytest.approx(600 * math.log2(3))


def test_orders_differ_and_a_seed_settles_them():
    x, rng = drawn(400, 6)
    labels = labels_of((x[:, 0].numpy() + rng.normal(size=400) > 0).astype(int))
    first, same = online_code(x, labels), online_code(x, labels)
    other = online_code(x, labels, runtime=Runtime(seed=1))
    assert first.bits == same.bits
    assert len(set(first.bits)) == 3
    assert first.bits != other.bits


def test_numbers_have_no_uniform_code():
    found = online_code(torch.randn(50, 3), labels_of(np.linspace(0, 1, 50)))
    assert math.isnan(found.compression)
    assert found.reason == "these are numbers"


def test_rows_must_be_as_many_as_labels():
    with pytest.raises(DataError, match="20"):
        online_code(torch.randn(19, 3), labels_of(np.tile([0, 1], 10)))
