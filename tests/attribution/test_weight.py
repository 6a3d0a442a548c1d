import math

import numpy as np
import pytest

from auditkit.attribution.weight import (
    by_name,
    mean_map,
    mean_picture,
    over_time,
    parts_of_time,
    share,
    weights,
)


def test_weights_by_hand():
    frame = weights([[1.0, -2.0], [-3.0, 0.0]], ["a", "b"])
    assert frame["player"].tolist() == ["a", "b"]
    assert frame["weight"].tolist() == [2.0, 1.0]
    assert frame["direction"].tolist() == [-1.0, -1.0]
    assert frame["share"].tolist() == pytest.approx([2 / 3, 1 / 3])


def test_shares_of_several_players_add_up():
    rng = np.random.default_rng(0)
    phi = rng.normal(size=(50, 4))
    alone = [share(phi, [i]).value for i in range(4)]
    assert sum(alone) == pytest.approx(1)
    assert share(phi, [0, 2]).value == pytest.approx(alone[0] + alone[2])


def test_nothing_that_weighs_is_undefined_and_one_row_has_no_interval():
    none = share(np.zeros((5, 3)), [1])
    assert math.isnan(none.value)
    assert none.reason == "no contribution differs from 0"
    one = share([[1.0, 3.0]], [0])
    assert one.value == 0.25
    assert math.isnan(one.low)


def test_the_interval_of_a_share_covers():
    rng = np.random.default_rng(1)
    scale = np.array([0.2, 1.0, 2.0])
    truth = scale[0] / scale.sum()
    draws = rng.normal(size=(1000, 40, 3)) * scale
    found = [share(phi, [0]) for phi in draws]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered >= 0.93  # .95 expected, standard error .007


def test_the_share_of_a_rare_heavy_contribution_covers():
    rng = np.random.default_rng(2)
    kept = rng.random((1000, 100)) < 0.1
    part = np.where(kept, rng.exponential(5, size=kept.shape), 0.0)
    rest = np.abs(rng.normal(size=kept.shape))
    truth = 0.5 / (0.5 + math.sqrt(2 / math.pi))
    found = [share(np.stack(two, axis=1), [0]) for two in zip(part, rest, strict=True)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered >= 0.85  # ten heavy rows in a hundred: what is lost is said in docs


def test_words_are_averaged_within_a_text_and_then_over_texts():
    names = [("Good", "bad", "good"), ("good", "fine"), ("bad",)]
    values = [[2.0, -1.0, 4.0], [1.0, 9.0, 0.0], [-3.0, 0.0, 0.0]]
    frame = by_name(names, values, least=2)
    assert frame[["name", "rows", "value"]].values.tolist() == [["good", 2, 2.0], ["bad", 2, -2.0]]
    reach = 12.706204736 * np.std([3.0, 1.0], ddof=1) / math.sqrt(2)  # t of one degree of freedom
    assert frame["high"][0] == pytest.approx(2.0 + reach)


def test_a_mean_picture_is_in_bytes():
    assert mean_picture([[[[0.0, 1.0]]], [[[0.5, 1.0]]]]).tolist() == [[64, 255]]


def test_a_map_and_a_course_of_time_by_hand():
    assert mean_map([[[[1.0, -2.0]]], [[[-3.0, 0.0]]]]).tolist() == [[2.0, 1.0]]
    values = np.array([[[1.0], [-1.0], [3.0], [5.0]], [[2.0], [6.0], [99.0], [99.0]]])
    assert over_time(values, [4, 2], parts=2).tolist() == [[4 / 3, 14 / 3]]
    assert np.isnan(over_time(values[1:], [1], parts=2)[0, 1])


def test_parts_of_time_of_rows_of_unlike_lengths_by_hand():
    values = np.array([[[1.0], [-1.0], [3.0], [5.0]], [[3.0], [6.0], [9.0], [99.0]]])
    assert parts_of_time(values, [4, 3], parts=2).tolist() == [[0.0, 8.0], [6.0, 12.0]]
    assert parts_of_time(values[:, :, [0, 0]], [4, 1], parts=2).tolist() == [[0, 16], [3, 3]]
