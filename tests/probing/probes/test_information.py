import math

import numpy as np
import pytest
import torch

from auditkit.errors import UsageError
from auditkit.probing.probes.information import NATS, information
from auditkit.probing.probes.labels import labels_of
from auditkit.probing.probes.reading import judged, read


def told(labels, said):
    """A reading whose probes said just this."""
    return judged(labels, said, reader="ridge", dimensions=1, penalties=(), seconds=0.0)


def test_bits_are_those_that_the_reader_saves_counted_by_hand():
    """20 rows, half of each class: 1 bit is what a label costs."""
    labels = labels_of(np.tile([0, 1], 10))
    said = np.where(np.eye(2)[labels.values] > 0, 0.75, 0.25)
    found = information(told(labels, said))
    assert found.entropy == pytest.approx(1)
    assert found.bits.value == pytest.approx(1 - math.log2(4 / 3))
    assert found.share == pytest.approx(1 - math.log2(4 / 3))


def test_a_wrong_reader_has_less_than_nothing():
    labels = labels_of(np.tile([0, 1], 10))
    said = np.where(np.eye(2)[labels.values] > 0, 0.25, 0.75)
    assert information(told(labels, said)).bits.value == pytest.approx(1 - math.log2(4))


def test_of_numbers_with_a_fixed_variance_it_is_that_of_the_linear_gaussian_family():
    """Xu et al. 2020: Var(Y) R^2 nats for normal laws of variance 1/2 around a linear answer."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 3))
    y = 2 * x[:, 0] + rng.normal(size=4000)
    reading = read(torch.tensor(x), labels_of(y))
    found = information(reading, variance=0.5)
    assert found.bits.value * NATS == pytest.approx(y.var() * reading.score.value, rel=1e-3)
    assert found.bits.low < 4 / NATS < found.bits.high  # Var(2 x) R^2 = 5 * .8


def test_of_numbers_it_is_the_capacity_of_a_gaussian_channel():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4000, 3))
    y = 3 * x[:, 0] + rng.normal(size=4000)
    found = information(read(torch.tensor(x), labels_of(y)))
    assert found.bits.low < math.log2(10) / 2 < found.bits.high
    assert math.isnan(found.entropy)


def test_of_the_unit_nothing_depends_where_the_variance_is_fitted():
    rng = np.random.default_rng(2)
    x = torch.tensor(rng.normal(size=(300, 2)))
    y = x[:, 0].numpy() + rng.normal(size=300)
    metres, feet = (information(read(x, labels_of(y * unit))).bits for unit in (1.0, 3.28))
    assert metres.value == pytest.approx(feet.value)
    assert metres.high == pytest.approx(feet.high)


def test_a_label_that_is_there_is_read_wholly_and_noise_not_at_all():
    rng = np.random.default_rng(3)
    y = rng.integers(2, size=1000)
    x = torch.tensor(rng.normal(size=(1000, 10)))
    nothing = information(read(x, labels_of(y))).bits
    assert nothing.low < 0.01
    assert nothing.high < 0.05
    x[:, 0] += 20 * torch.tensor(y)
    assert information(read(x, labels_of(y))).share > 0.97


def test_a_reader_of_frequencies_alone_has_no_information():
    labels = labels_of(np.repeat([0, 1], [12, 28]))
    said = np.tile([0.3, 0.7], (40, 1))
    assert information(told(labels, said)).bits.value == pytest.approx(0, abs=1e-12)


def test_noise_hardly_ever_seems_to_be_information():
    """Beside the classes of the other rows alone, 10 to 16 of 40 did."""
    surely = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        labels = labels_of(rng.permutation(np.arange(200) % 2))
        surely += information(read(rng.normal(size=(200, 20)), labels)).bits.low > 0
    assert surely <= 3


def test_processing_can_bring_out_what_a_linear_reader_reads():
    """Two signs say nothing of whether they agree, their product says all."""
    rng = np.random.default_rng(4)
    x = torch.tensor(rng.choice([-1.0, 1.0], size=(1000, 2)))
    agree = labels_of((x[:, 0] == x[:, 1]).int().numpy())
    assert information(read(x, agree)).bits.value < 0.02
    processed = torch.cat([x, x[:, :1] * x[:, 1:]], dim=1)
    assert information(read(processed, agree)).bits.value > 0.95


def test_the_interval_is_of_persons_where_rows_belong_to_them():
    rng = np.random.default_rng(5)
    whose = np.repeat(np.arange(40), 25)
    own = rng.permutation(np.arange(40) % 2)[whose]
    x = torch.tensor(rng.normal(size=(40, 3))[whose]) + torch.tensor(own)[:, None]
    whole = information(read(x, labels_of(own, whose=whose))).bits
    alone = information(read(x, labels_of(own))).bits
    assert whole.high - whole.low > 2 * (alone.high - alone.low)
    assert "persons" in whole.method


def test_intervals_cover_what_new_rows_show():
    """Of 40 sets of 200 rows, against the mean of all."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(200, 2))
        y = (x[:, 0] + rng.normal(size=200) > 0).astype(int)
        found.append(information(read(torch.tensor(x), labels_of(y))).bits)
    truth = np.mean([one.value for one in found])
    assert sum(one.low <= truth <= one.high for one in found) >= 36


def test_a_variance_is_of_numbers_and_above_nothing():
    numbers, classes = labels_of(np.linspace(0, 1, 20)), labels_of(np.tile([0, 1], 10))
    with pytest.raises(UsageError, match="variance is 0"):
        information(told(numbers, numbers.values), variance=0.0)
    with pytest.raises(UsageError, match="of numbers only"):
        information(told(classes, np.eye(2)[classes.values]), variance=1.0)
