import numpy as np
import pytest
from scipy.stats import mannwhitneyu, spearmanr
from sklearn.metrics import roc_auc_score

from auditkit.errors import DataError, UsageError
from auditkit.probing.probes.labels import Labels, labels_of
from auditkit.probing.units.across import layer_selectivity
from auditkit.probing.units.selective import ranked, unit_selectivity
from auditkit.runtime import Runtime


def noise(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def groups(seed: int, n: int, k: int = 2) -> Labels:
    return labels_of(np.random.default_rng(seed).integers(k, size=n), name="group")


def test_the_auc_and_its_p_are_those_of_scikit_learn_and_scipy():
    labels = groups(0, 400)
    x = np.round(noise(1, 400, 5) + 0.2 * labels.values[:, None], 1)  # with ties
    frame = unit_selectivity(x, labels).frame
    for unit in range(5):
        assert frame["auc"][unit] == pytest.approx(roc_auc_score(labels.values, x[:, unit]))
        sides = (x[labels.values == one, unit] for one in (1, 0))
        theirs = mannwhitneyu(*sides, use_continuity=False).pvalue
        assert frame["p"][unit] == pytest.approx(theirs, rel=1e-6)


def test_of_numbers_it_is_spearmans_correlation():
    values = noise(0, 60, 1)[:, 0]
    x = noise(1, 60, 3) + values[:, None]
    found = unit_selectivity(x, labels_of(values, name="income"))
    theirs = spearmanr(x[:, 2], values)
    assert found.frame["correlation"][2] == pytest.approx(theirs.statistic)
    assert found.frame["p"][2] == pytest.approx(theirs.pvalue)
    assert (found.quantity, found.nothing) == ("correlation", 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_unit_is_found_and_holds_on_other_rows(seed: int):
    labels = groups(seed, 800)
    x = noise(seed + 50, 800, 100)
    x[:, 17] -= 2 * labels.values
    found = unit_selectivity(x, labels, runtime=Runtime(seed=seed))
    assert (found.strongest.unit, found.strong()) == (17, 1)
    assert found.strongest.told_apart.low > 0.85
    assert found.strongest.held_out.high < 0.15  # it answers less to the second group
    assert found.selective <= 4


def test_without_any_the_best_of_many_does_not_come_back():
    seen, held, at_level = [], [], []
    for seed in range(20):
        found = unit_selectivity(noise(seed, 200, 200), groups(seed + 99, 200), runtime=Runtime())
        assert found.selective <= 2
        assert found.strong() == 0
        seen.append(abs(found.strongest.seen - 0.5))
        held.append(found.strongest.told_apart)
        at_level.append(found.at_level)
    assert np.mean(seen) > 0.13
    assert np.mean([one.value for one in held]) == pytest.approx(0.5, abs=0.04)
    assert sum(one.low <= 0.5 <= one.high for one in held) >= 18
    assert np.mean(at_level) == pytest.approx(found.by_chance, rel=0.2)


def test_several_classes_are_each_asked_and_chance_is_of_units():
    labels = groups(0, 600, k=4)
    x = noise(1, 600, 100)
    x[:, 3] += 3 * (labels.values == 2)
    found = unit_selectivity(x, labels)
    assert len(found.frame) == 400
    assert (found.strongest.unit, found.strongest.level) == (3, "2")
    assert found.by_chance == 5
    assert found.at_level <= 15


def test_rows_of_one_person_are_not_taken_for_many():
    people = np.repeat(np.arange(40), 25)
    labels = labels_of(people % 2, name="group", whose=people)
    alone = labels_of(people % 2, name="group")
    wrong, right = [], []
    for seed in range(5):
        x = noise(seed, 40, 100)[people] + noise(seed + 9, 1000, 100)
        wrong.append(unit_selectivity(x, alone).at_level)
        found = unit_selectivity(x, labels)
        right.append(found.at_level)
        assert found.strongest.held_out.low < 0.5 < found.strongest.held_out.high
    assert np.mean(wrong) > 50
    assert np.mean(right) < 12


def test_the_class_selectivity_index_is_morcos():
    """Means 6 and 2 give (6 - 2) / (6 + 2); a unit below 0 has none."""
    labels = labels_of(np.repeat([0, 1], 10), name="group")
    x = np.stack([np.repeat([6.0, 2.0], 10), np.repeat([1.0, 0.0], 10)], axis=1)
    x = np.concatenate([x, -x[:, :1]], axis=1)
    index = unit_selectivity(x, labels).frame["index"]
    assert list(index[:2]) == [0.5, 1.0]
    assert np.isnan(index[2])


def test_of_several_classes_the_index_stands_at_the_largest():
    labels = labels_of(np.repeat([0, 1, 2], 10), name="group")
    x = np.repeat([1.0, 7.0, 5.0], 10)[:, None]  # (7 - 3) / (7 + 3)
    index = unit_selectivity(x, labels).frame["index"]
    assert list(index.dropna()) == [0.4]
    assert index.notna().tolist() == [False, True, False]


def test_a_unit_that_never_changes_knows_nothing():
    x = np.concatenate([np.ones((200, 1)), noise(0, 200, 2)], axis=1)
    frame = unit_selectivity(x, groups(1, 200)).frame
    assert (frame["auc"][0], frame["p"][0]) == (0.5, 1)


def test_layers_are_asked_together_and_ranked_once():
    labels = groups(0, 500)
    first, second = noise(1, 500, 30), noise(2, 500, 30)
    second[:, 8] += 2 * labels.values
    found = layer_selectivity({"first": ranked(first), "second": ranked(second)}, labels)
    plain = layer_selectivity({"first": first, "second": second}, labels)
    assert found.frame.equals(plain.frame)
    assert (found.units, found.strong, found.by_chance) == (60, 1, 3)
    layer, best = found.strongest
    assert (layer, best.unit) == ("second", 8)
    assert layer_selectivity({"first": first}, labels, strongest=False).strongest is None


def test_labels_of_other_rows_are_refused():
    with pytest.raises(DataError, match="30 labels for 40 rows"):
        unit_selectivity(noise(0, 40, 2), groups(0, 30))
    with pytest.raises(DataError, match="no layers"):
        layer_selectivity({}, groups(0, 30))


def test_a_mapping_of_layers_is_answered_with_one_of_them():
    with pytest.raises(UsageError, match=r"give one layer's, as in activations\['hidden\.1'\]"):
        unit_selectivity({"hidden.1": noise(0, 40, 3)}, groups(0, 40))
