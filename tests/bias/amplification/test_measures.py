import numpy as np
import pandas as pd
import pytest

from auditkit.bias.amplification.influence import gauge
from auditkit.bias.amplification.joints import Joint, joint
from auditkit.bias.amplification.measures import (
    amplification,
    attribute_to_task,
    beside_training,
    mals,
    task_to_attribute,
)
from auditkit.bias.amplification.seeds import over_seeds
from auditkit.bias.groups import group_counts
from auditkit.errors import DataError, UsageError

PAINTING = np.array([[30, 10], [10, 30]])  # tasks by attributes


def painted(p: float) -> np.ndarray:
    return np.array([[30 * p, 10], [10 + 30 * (1 - p), 30]])


def people(n: int, seed: int, *, unfair: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group a has the outcome in 40 %, b in 20 %; the model gives it to a more often."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b"], n)
    truth = (rng.random(n) < np.where(group == "a", 0.4, 0.2)).astype(int)
    share = np.where(truth == 1, 0.8, 0.1) + unfair * np.where(group == "a", 1, -1)
    return truth, (rng.random(n) < share).astype(int), group


@pytest.mark.parametrize(
    ("p", "undirected", "directed"),
    [(0.0, -0.535714, -0.375), (2 / 3, -0.116667, -0.125), (1.0, 0.0, 0.0)],
)
def test_the_painting_table_gives_its_published_values(
    p: float, undirected: float, directed: float
) -> None:
    assert mals(PAINTING, painted(p)) == pytest.approx(undirected, abs=1e-6)
    assert attribute_to_task(PAINTING, painted(p)) == pytest.approx(directed, abs=1e-12)


def test_noise_without_bias_scores_below_0_on_both_and_nothing_beyond_noise() -> None:
    # One answer in ten is wrong, whoever it is about.
    counts = np.array([[[27, 9], [3, 1]], [[1, 3], [9, 27]]])
    table = Joint(counts=counts, tasks=("cook", "drive"), groups=("woman", "man"))
    for measure in ("mals", "attribute_to_task"):
        found = amplification(table, measure)
        assert found.value.value == pytest.approx(-0.05)
        assert found.noise == pytest.approx(-0.05)
        assert found.excess.value == pytest.approx(0.0)
        assert found.accuracy.value == 0.9


def test_the_task_that_the_data_treat_most_differently_is_named() -> None:
    truth = ["x"] * 6 + ["y"] * 3 + ["z"] + ["x"] * 5 + ["z"] * 5
    table = joint(truth, truth, ["a"] * 10 + ["b"] * 10, tasks=["x", "y", "z"])
    # x: .6 and .5, y: .3 and 0, z: .1 and .5
    assert amplification(table).widest == "z"


def test_task_to_attribute_is_the_other_direction() -> None:
    # Of each task's 40 rows, 35 and not 30 are said to be the attribute it is linked to.
    guessed = np.array([[35, 5], [5, 35]])
    assert task_to_attribute(PAINTING, guessed) == pytest.approx(5 / 40)
    assert task_to_attribute(PAINTING, PAINTING) == 0


def test_a_model_that_is_always_right_amplifies_nothing() -> None:
    truth, _, group = people(300, 0)
    found = amplification(joint(truth, truth, group))
    assert found.value.value == found.excess.value == found.noise == 0
    assert found.value.low < 0 < found.value.high


def test_more_than_two_outcomes_and_groups_follow_the_formula() -> None:
    rng = np.random.default_rng(3)
    y, p, g = rng.integers(0, 3, 400), rng.integers(0, 3, 400), rng.integers(0, 4, 400)
    total = []
    for a in range(4):
        for t in range(3):
            linked = np.mean((y == t) & (g == a)) > np.mean(y == t) * np.mean(g == a)
            change = np.mean(p[g == a] == t) - np.mean(y[g == a] == t)
            total.append(change if linked else -change)
    shares = []
    for t in range(3):
        for a in range(4):
            b = np.mean(g[y == t] == a)
            shares.append((np.mean(g[p == t] == a) - b) if b > 1 / 4 else 0.0)
    table = joint(y, p, g)
    assert amplification(table).value.value == pytest.approx(np.mean(total))
    assert amplification(table, "mals").value.value == pytest.approx(np.sum(shares) / 3)
    assert attribute_to_task(table.truth, table.prediction) == pytest.approx(np.mean(total))


def test_counts_by_group_and_rows_give_the_same_table() -> None:
    truth, said, group = people(500, 1)
    counted = Joint.of_counts(group_counts(truth, said, group))
    assert np.array_equal(counted.counts, joint(truth, said, group).counts)


def test_the_influence_is_the_derivative() -> None:
    rng = np.random.default_rng(5)
    counts = rng.integers(1, 40, (3, 3, 4)).astype(float)
    p, truth, step = counts / counts.sum(), counts.sum(axis=1), 1e-6
    for measure in ("mals", "attribute_to_task"):
        found = gauge(counts, truth, measure)
        for of in ("value", "noise"):
            numeric = np.zeros(counts.shape)
            for cell in np.ndindex(counts.shape):
                more, less = p * (1 - step), p * (1 + step)
                more[cell] += step
                less[cell] -= step
                ends = (getattr(gauge(one, truth, measure), of) for one in (more, less))
                numeric[cell] = (next(ends) - next(ends)) / (2 * step)
            influence = getattr(found, f"of_{of}")
            assert influence - (p * influence).sum() == pytest.approx(numeric, abs=1e-8)


def test_what_was_planted_is_found_and_blind_noise_is_not() -> None:
    unfair = amplification(joint(*people(4000, 2, unfair=0.05)))
    assert unfair.excess.low > 0.03  # 5 points up for a and down for b, less what is clipped
    assert unfair.excess.value == pytest.approx(0.05, abs=0.02)
    fair = amplification(joint(*people(4000, 2)))
    assert fair.excess.low < 0 < fair.excess.high
    assert fair.value.high < 0  # noise narrows the link


@pytest.mark.parametrize("measure", ["mals", "attribute_to_task"])
@pytest.mark.parametrize("base", [(0.4, 0.2), (0.3, 0.3)])
def test_intervals_cover_a_clear_link_and_none(measure, base) -> None:
    shares = np.array([[[0.9, 0.9], [0.1, 0.1]], [[0.3, 0.3], [0.7, 0.7]]])
    population = shares * np.array([1 - np.array(base), base])[:, None, :] / 2
    rng, hits = np.random.default_rng(11), []
    for _ in range(300):
        counts = rng.multinomial(150, population.ravel()).reshape(2, 2, 2)
        table = Joint(counts=counts, tasks=("0", "1"), groups=("a", "b"))
        found = amplification(table, measure)
        true = gauge(population, table.truth, measure)
        excess = true.value - true.noise
        hits.append(
            (
                found.value.low <= true.value <= found.value.high,
                found.excess.low <= excess <= found.excess.high,
            )
        )
    assert (np.mean(hits, axis=0) >= 0.94 - 2 * np.sqrt(0.94 * 0.06 / 300)).all()


def test_a_doubtful_link_says_so() -> None:
    assert amplification(joint(*people(4000, 2))).link_p < 1e-6
    rng = np.random.default_rng(0)
    truth, group = rng.integers(0, 2, 400), rng.choice(["a", "b"], 400)
    assert amplification(joint(truth, truth, group)).link_p > 0.05


def test_seeds_and_rows_are_told_apart() -> None:
    truth, _, group = people(400, 7)
    said = [people(400, 7, unfair=u)[1] for u in (0.0, 0.02, 0.04, 0.06)]
    found = over_seeds(truth, said, group)
    assert list(found.each["excess"]) == sorted(found.each["excess"])
    values = found.each["value"]
    half = 3.182446 * values.std(ddof=1) / 2  # t with 3 degrees of freedom
    assert found.value_over_seeds.low == pytest.approx(values.mean() - half, abs=1e-6)
    assert found.value_over_rows.low < found.value_over_rows.value < found.value_over_rows.high
    assert "4 trainings" in found.value_over_seeds.method


def test_one_training_is_as_without_seeds() -> None:
    truth, said, group = people(400, 7)
    found, alone = over_seeds(truth, [said], group), amplification(joint(truth, said, group))
    assert not found.value_over_seeds.defined
    assert "one training" in found.value_over_seeds.reason
    for one, other in (
        (found.value_over_rows, alone.value),
        (found.excess_over_rows, alone.excess),
    ):
        assert (one.low, one.high) == pytest.approx((other.low, other.high))


def test_the_same_training_three_times_is_as_wide_over_rows_as_once() -> None:
    truth, said, group = people(400, 7)
    once, thrice = (over_seeds(truth, [said] * k, group).excess_over_rows for k in (1, 3))
    assert (once.low, once.high) == pytest.approx((thrice.low, thrice.high))


def test_training_labels_can_be_the_measure() -> None:
    truth, said, group = people(600, 3)
    table = joint(truth, said, group)
    assert beside_training(table, table) == pytest.approx(amplification(table).value.value)
    other = joint(truth, truth, np.where(group == "a", "c", group))
    assert np.isnan(beside_training(table, other))


def test_small_groups_are_left_out_by_name() -> None:
    truth, said, group = people(200, 4)
    group = np.where(np.arange(200) == 0, "tiny", group)
    table = joint(truth, said, group).at_least(10)
    assert table.groups == ("a", "b")
    assert table.left_out == {"tiny": "fewer than 10 rows"}


def test_what_is_undefined_says_why() -> None:
    truth, said, group = people(100, 5)
    alone = amplification(joint(truth, said, np.full(100, "a")))
    assert not alone.value.defined
    assert "1 group" in alone.value.reason
    never = amplification(joint(truth, np.zeros(100, int), group), "mals")
    assert "1 is never predicted" in never.value.reason
    assert amplification(joint(truth, np.zeros(100, int), group)).value.defined
    every = amplification(joint(np.ones(100, int), said, group))
    assert "every row is 1" in every.value.reason
    one = amplification(joint(np.zeros(50, int), np.zeros(50, int), group[:50]))
    assert "1 task" in one.excess.reason


def test_a_class_nobody_has_is_no_link() -> None:
    truth, said, group = people(200, 5)
    found = amplification(joint(truth, said, group, tasks=[0, 1, 2]))
    assert found.value.defined
    assert np.isfinite([found.value.low, found.excess.high]).all()


def test_wrong_input_is_refused() -> None:
    truth, said, group = people(50, 5)
    with pytest.raises(UsageError, match="no measure 'mal'"):
        amplification(joint(truth, said, group), "mal")
    with pytest.raises(DataError, match="different lengths"):
        joint(truth, said[:-1], group)
    with pytest.raises(DataError, match="7"):
        joint(truth, np.full(50, 7), group, tasks=[0, 1])
    with pytest.raises(DataError, match="missing"):
        joint(truth, pd.Series(said).astype(float).where(group == "a"), group)
    with pytest.raises(DataError, match="tasks by attributes"):
        mals([[1, 2]], [[1, 2, 3]])
    with pytest.raises(DataError, match="no predictions"):
        over_seeds(truth, [], group)
