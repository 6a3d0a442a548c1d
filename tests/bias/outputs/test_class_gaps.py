"""The largest gap of any class: value, intervals for all at once, and what chance alone gives."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from auditkit.bias.bootstrap import tukey
from auditkit.bias.disparity import disparity
from auditkit.bias.groups import group_counts
from auditkit.bias.outputs.class_gaps import class_clusters, class_gap, macro_gap
from auditkit.bias.outputs.class_rates import CLASS_RATES, ClassCounts, class_counts, class_rates
from auditkit.errors import UsageError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def table_of(recalls: list[list[float]], rows: int) -> ClassCounts:
    """Groups down, classes across, `rows` rows of each class; what is missed goes one further."""
    recall = np.array(recalls)
    groups, size = recall.shape
    table = np.zeros((groups, size, size), dtype=np.int64)
    for k in range(size):
        hits = np.round(recall[:, k] * rows).astype(int)
        table[:, k, k] = hits
        table[:, k, (k + 1) % size] += rows - hits
    names = pd.Index([f"g{i}" for i in range(groups)])
    return ClassCounts(index=names, levels=tuple("xyzw"[:size]), table=table)


def drawn(recalls: np.ndarray, rows: np.ndarray, generator: np.random.Generator) -> ClassCounts:
    """The same, drawn: rows (groups, classes)."""
    hits = generator.binomial(rows, recalls)
    groups, size = recalls.shape
    table = np.zeros((groups, size, size), dtype=np.int64)
    for k in range(size):
        table[:, k, k] = hits[:, k]
        table[:, k, (k + 1) % size] += rows[:, k] - hits[:, k]
    names = pd.Index([f"g{i}" for i in range(groups)])
    return ClassCounts(index=names, levels=tuple("xyzw"[:size]), table=table)


def test_the_widest_gap_names_its_class_and_its_pair():
    counts = table_of([[0.9, 0.8, 0.7], [0.9, 0.5, 0.75], [0.85, 0.7, 0.7]], rows=400)
    gap = class_gap(counts, "recall", rng=rng())
    assert gap.estimate.value == pytest.approx(0.3)
    assert (gap.name, gap.lowest, gap.highest) == ("y", "g1", "g0")
    assert gap.estimate.low < 0.3 < gap.estimate.high
    widest = gap.widest.set_index("class")
    assert widest["value"].tolist() == pytest.approx([0.05, 0.3, 0.05])
    assert widest.loc["y", "its rate"] == 0.5
    assert len(gap.pairs) == 9


@pytest.mark.parametrize("rate", sorted(CLASS_RATES))
def test_the_value_is_the_largest_range_of_the_rates(rate: str):
    generator = rng(3)
    y, group = generator.integers(0, 5, 4000), generator.choice(list("abcd"), 4000)
    said = np.where(generator.uniform(size=4000) < 0.7, y, generator.integers(0, 5, 4000))
    counts = class_counts(y, said, group)
    found = class_rates(counts, rate)
    gap = class_gap(counts, rate, rng=generator, draws=200)
    assert gap.estimate.value == pytest.approx(float((found.max() - found.min()).max()))
    assert 0 <= gap.estimate.low <= gap.estimate.value <= gap.estimate.high
    assert gap.estimate.n == 4000  # each row counts once


def test_of_one_class_compared_it_is_the_gap_of_disparity():
    """Class y has rows in one group alone, so that x is left: the same value, about the same z."""
    y = np.array([1] * 900 + [0] * 50)
    said = np.array([1] * 700 + [0] * 200 + [0] * 50)
    group = np.array(["a"] * 500 + ["b"] * 400 + ["a"] * 50)
    mine = class_gap(class_counts(y, said, group), "recall", rng=rng(), min_group_size=10)
    theirs = disparity(group_counts(y, said, group), "true_positive_rate", rng=rng())
    assert mine.estimate.value == pytest.approx(theirs.estimate.value)
    assert mine.estimate.low == pytest.approx(theirs.estimate.low, abs=0.01)
    assert mine.left_out == {"0": "fewer than 10 rows in b"}
    assert mine.null.mean == pytest.approx(theirs.null.mean, abs=0.005)


def test_cells_of_few_rows_are_left_out_by_name_and_counted():
    counts = table_of([[0.9, 0.8], [0.9, 0.5], [0.1, 0.7]], rows=100)
    counts.table[2, 0] = [0, 3]
    gap = class_gap(counts, "recall", rng=rng(), min_group_size=10)
    assert gap.left_out == {"x": "fewer than 10 rows in g2"}
    assert gap.omitted == 1
    assert gap.name == "y"


def test_classes_that_nobody_has_leave_no_gap_and_a_reason():
    counts = ClassCounts(
        index=pd.Index(["a", "b"]), levels=("x", "y"), table=np.zeros((2, 2, 2), dtype=np.int64)
    )
    counts.table[0, 0, 0] = 5
    gap = class_gap(counts, "recall", rng=rng())
    assert not gap.estimate.defined
    assert "x: no rows in b; y: no rows of this class" in gap.estimate.reason
    assert math.isnan(gap.beyond(0.1))
    assert gap.rows_needed(0.1, 5) is None


def test_one_group_is_no_gap():
    gap = class_gap(class_counts(["x", "y"] * 20, ["x"] * 40, ["a"] * 40), "recall", rng=rng())
    assert not gap.estimate.defined
    assert "no class has two groups" in gap.estimate.reason


@pytest.mark.parametrize("rate", sorted(CLASS_RATES))
def test_without_a_gap_all_pairs_of_all_classes_hold_in_95_of_100_tables(rate: str):
    generator, held, small = rng(7), [], []
    for _ in range(120):
        y, group = generator.integers(0, 4, 1500), generator.choice(list("abc"), 1500)
        right = generator.uniform(size=1500) < 0.7
        said = np.where(right, y, generator.integers(0, 4, 1500))
        gap = class_gap(class_counts(y, said, group), rate, rng=generator, draws=200)
        held.append(gap.estimate.low == 0)
        small.append(gap.null.p_value)
    assert np.mean(held) >= 0.94 - 2 * math.sqrt(0.95 * 0.05 / 120)
    # p is uniform under the null.
    assert np.mean(np.array(small) <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 120)
    assert np.mean(small) == pytest.approx(0.5, abs=0.1)


def test_a_planted_gap_in_one_class_is_found():
    generator = rng(8)
    recalls, rows = np.full((3, 4), 0.8), np.full((3, 4), 400)
    recalls[1, 2] = 0.6
    found = [class_gap(drawn(recalls, rows, generator), "recall", rng=generator) for _ in range(20)]
    assert all(gap.estimate.low > 0 for gap in found)
    assert {(gap.name, gap.lowest) for gap in found} == {("z", "g1")}
    assert max(gap.null.p_value for gap in found) < 0.01


def test_more_classes_take_wider_intervals():
    few = class_gap(table_of([[0.9, 0.8], [0.9, 0.8]], 200), "recall", rng=rng())
    many = class_gap(table_of([[0.9, 0.8, 0.8, 0.8]] * 2, 200), "recall", rng=rng())
    assert few.critical > norm.ppf(0.975)
    assert many.critical > few.critical


def test_the_null_of_shares_keeps_who_is_called_what():
    """With two classes both gaps are one gap: counting them twice would make the null larger."""
    y = np.tile([0, 1], 100)
    group = np.repeat(["a", "b"], 100)
    twin = class_gap(class_counts(y, y, group), "share_said", rng=rng(), draws=4000)
    alone = disparity(group_counts(y, y, group), "selection_rate", rng=rng(), draws=4000)
    assert twin.null.mean == pytest.approx(alone.null.mean, rel=0.05)


def test_the_surest_gap_may_be_of_another_class_than_the_widest():
    counts = table_of([[0.9, 0.8], [0.9, 0.6]], rows=1000)
    counts.table[0, 0], counts.table[1, 0] = [10, 2], [7, 5]
    gap = class_gap(counts, "recall", rng=rng())
    assert (gap.name, gap.estimate.value) == ("x", pytest.approx(0.25))
    assert gap.surest() == ("y", "g0", "g1", gap.estimate.low)
    assert gap.estimate.low > 0.1


def test_rows_needed_settle_the_limit():
    gap = class_gap(table_of([[0.9, 0.8], [0.9, 0.6]], 50), "recall", rng=rng())
    assert gap.estimate.low < 0.1 < gap.estimate.high
    rows = gap.rows_needed(0.1, 200)
    assert rows is not None
    enough = table_of([[0.9, 0.8], [0.9, 0.6]], math.ceil(rows / 4 * 1.1))
    assert class_gap(enough, "recall", rng=rng()).estimate.low > 0.1
    assert gap.rows_needed(gap.estimate.value, 200) is None


@pytest.mark.parametrize("limit", [0.0, 0.05, 0.1, 0.15])
def test_the_chance_beyond_a_limit_agrees_with_the_interval(limit: float):
    gap = class_gap(table_of([[0.9, 0.8], [0.9, 0.6]], 150), "recall", rng=rng())
    assert (gap.beyond(limit) <= 0.05) == (gap.estimate.low > limit)
    assert gap.beyond(0.3) == 1.0


def test_the_macro_gap_is_that_of_the_mean_recalls():
    counts = table_of([[0.9, 0.8, 0.7], [0.6, 0.5, 0.4]], rows=300)
    gap = macro_gap(counts, rng=rng())
    assert gap.estimate.value == pytest.approx(0.3)
    assert (gap.lowest, gap.highest) == ("g1", "g0")
    assert gap.estimate.low > 0.2
    assert gap.null.p_value < 0.01
    assert 0 < gap.null.mean < 0.05
    assert gap.beyond(0.1) < 0.01


def test_a_class_that_a_group_lacks_is_left_out_of_the_macro_gap_by_name():
    counts = table_of([[0.9, 0.8, 0.2], [0.6, 0.5, 0.2], [0.7, 0.7, 0.9]], rows=100)
    counts.table[2, 2] = 0
    gap = macro_gap(counts, rng=rng(), min_group_size=10)
    assert gap.measured.left_out == {"class z": "no rows in g2"}
    assert gap.estimate.value == pytest.approx(0.3)


def test_a_small_group_takes_no_class_from_the_macro_gap():
    counts = table_of([[0.9, 0.8], [0.6, 0.5], [0.7, 0.7]], rows=100)
    counts.table[2] = [[3, 0], [0, 0]]
    gap = macro_gap(counts, rng=rng(), min_group_size=10)
    assert gap.measured.left_out == {"g2": "fewer than 10 rows"}
    assert gap.estimate.value == pytest.approx(0.3)


def test_fewer_than_two_shared_classes_leave_no_macro_gap():
    counts = table_of([[0.9, 0.8], [0.6, 0.5]], rows=100)
    counts.table[1, 1] = 0
    gap = macro_gap(counts, rng=rng())
    assert not gap.estimate.defined
    assert gap.estimate.reason.startswith("a mean recall of several classes is undefined")


def test_macro_recall_of_one_is_no_certainty():
    gap = macro_gap(table_of([[1.0, 1.0], [1.0, 1.0]], rows=20), rng=rng())
    assert gap.estimate.value == 0
    assert gap.estimate.high > 0.05


def test_without_a_macro_gap_the_interval_holds_0_in_95_of_100_tables():
    generator, held = rng(9), []
    rows = np.array([[30, 60, 200], [100, 20, 80], [300, 300, 300]])
    for _ in range(250):
        counts = drawn(np.tile([0.9, 0.6, 0.75], (3, 1)), rows, generator)
        held.append(macro_gap(counts, rng=generator, draws=200).estimate.low == 0)
    assert np.mean(held) >= 0.94 - 2 * math.sqrt(0.95 * 0.05 / 250)


def persons(generator: np.random.Generator, people: int = 60, rows: int = 8):
    """Rows of which a person's are mostly all right or all wrong; each person is of one group."""
    person = np.repeat(np.arange(people), rows)
    y = generator.integers(0, 3, len(person))
    right = generator.uniform(size=len(y)) < generator.beta(0.5, 0.3, people)[person]
    said = np.where(right, y, (y + generator.integers(1, 3, len(y))) % 3)
    return y, said, np.array(["a", "b"])[person % 2], person


def test_rows_of_one_person_are_not_taken_for_as_many():
    held: dict[str, list[bool]] = {"person": [], "row": [], "macro": [], "macro by row": []}
    found = []
    for seed in range(60):
        y, said, group, person = persons(rng(seed))
        counts = class_counts(y, said, group, levels=(0, 1, 2))
        together = class_clusters(y, said, group, person, levels=(0, 1, 2))
        for name, clusters in (("person", together), ("row", None)):
            gap = class_gap(counts, "recall", rng=rng(seed), clusters=clusters, draws=200)
            held[name].append(gap.estimate.low == 0)
        found.append(class_gap(counts, "recall", rng=rng(seed), clusters=together).null.p_value)
        for name, clusters in (("macro", together), ("macro by row", None)):
            gap = macro_gap(counts, rng=rng(seed), clusters=clusters, draws=200)
            held[name].append(gap.estimate.low == 0)
    least = 0.95 - 2 * math.sqrt(0.95 * 0.05 / 60)
    assert np.mean(held["person"]) >= least
    assert np.mean(held["macro"]) >= least
    assert np.mean(held["row"]) < 0.8
    assert np.mean(held["macro by row"]) < 0.8
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 60)


def test_rows_that_stand_alone_are_no_clusters():
    y, said, group, _ = persons(rng(0))
    assert class_clusters(y, said, group, np.arange(len(y)), levels=(0, 1, 2)) is None


def test_lines_of_clusters_are_those_of_the_counts():
    y, said, group, person = persons(rng(0))
    clusters = class_clusters(y, said, group, person, levels=(0, 1, 2))
    counts = class_counts(y, said, group, levels=(0, 1, 2))
    every = pd.concat(list(counts.one_vs_rest().values())).to_numpy()
    np.testing.assert_array_equal((clusters.times @ clusters.cells).reshape(-1, 4), every)
    assert clusters.total == 60


def test_what_cannot_be_asked_is_refused():
    counts = table_of([[0.9, 0.8], [0.9, 0.6]], 50)
    with pytest.raises(UsageError, match="recall"):
        class_gap(counts, "recalls", rng=rng())
    with pytest.raises(UsageError, match="draws is 0"):
        class_gap(counts, "recall", rng=rng(), draws=0)
    with pytest.raises(UsageError, match="confidence is 1"):
        class_gap(counts, "recall", rng=rng(), confidence=1.0)
    with pytest.raises(UsageError, match="draws is 0"):
        macro_gap(counts, rng=rng(), draws=0)


def test_groups_that_share_no_class_have_no_macro_gap():
    apart = class_counts(["x"] * 20 + ["y"] * 20, ["x"] * 40, ["a"] * 20 + ["b"] * 20)
    gap = macro_gap(apart, rng=rng(), draws=20)
    assert math.isnan(gap.estimate.value)
    assert math.isnan(gap.null.p_value)


def test_shares_are_drawn_of_all_rows_of_a_group():
    counts = drawn(np.full((3, 3), 0.6), np.full((3, 3), 100), rng(3))
    gap = class_gap(counts, "share_said", rng=rng(), draws=500)
    # Each class by itself is the selection rate of 300 rows a group, far from 0 and 1.
    assert gap.critical == pytest.approx(tukey((3, 3, 3), 0.95), rel=0.1)
