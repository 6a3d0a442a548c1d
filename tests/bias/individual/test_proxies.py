"""What gives a column away: planted proxies, their absence, scikit-learn, and the real Adult."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from auditkit.bias.individual.proxies import aucs, proxies, telling
from auditkit.bias.individual.scaling import Feature, binned, bins_of
from auditkit.data.catalogue import load
from auditkit.data.tables import memberships
from auditkit.errors import DataError, FetchError
from auditkit.statistics.classification import auc
from auditkit.statistics.intervals import rate_interval


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def people(n: int = 600, *, levels: str = "ab", seed: int = 0) -> pd.DataFrame:
    """`hint` is the group in four rows of five; `noise` and `level` are not."""
    generator = rng(seed)
    group = generator.choice(list(levels), n)
    hint = np.where(generator.uniform(size=n) < 0.8, group, generator.choice(list(levels), n))
    noise, level = generator.normal(size=n), generator.choice(list("xyz"), n)
    return pd.DataFrame({"group": group, "hint": hint, "noise": noise, "level": level})


def found(frame: pd.DataFrame):
    return proxies(binned(frame.drop(columns="group")), frame["group"], rng(1))


def test_the_planted_proxy_is_found_and_named_first():
    seen = found(people())
    assert seen.alone["feature"].tolist()[0] == "hint"
    assert seen.together.low > 0.8
    assert seen.alone.set_index("feature").loc["hint", "low"] > 0.8
    assert seen.right.low > seen.majority
    others = seen.alone.set_index("feature").loc[["noise", "level"]]
    assert ((others["low"] < 0.5) & (others["high"] > 0.5)).all()


def test_without_a_proxy_groups_are_told_as_by_a_coin():
    seen = found(people().drop(columns="hint"))
    assert seen.together.low < 0.5 < seen.together.high


def test_a_copy_of_the_column_tells_it_wholly_and_the_interval_does_not_claim_certainty():
    frame = people().assign(copy=lambda rows: rows["group"])
    seen = found(frame)
    assert seen.together.value == 1
    assert seen.right.value == 1
    assert seen.together.low < 1
    assert seen.alone["feature"].iloc[0] == "copy"


def test_of_several_groups_the_mean_is_told_and_the_worst_is_named():
    frame = people(900, levels="abc")
    frame["hint"] = np.where(frame["group"] == "a", "a", "other")
    seen = found(frame)
    assert seen.best == "a"
    assert seen.worst in {"b", "c"}
    # Group a is told with AUC 1; of b and c a row of a is told apart, half of the others not.
    assert seen.together.value == pytest.approx((1 + 0.75 + 0.75) / 3, abs=0.03)


def test_an_auc_is_that_of_scikit_learn_and_its_variance_delongs():
    codes = rng().integers(2, size=200)
    scores = (rng(1).normal(size=200) + codes).round(1)
    values, influence = aucs(np.stack([-scores, scores], axis=1), codes, np.array([0, 1]))
    assert values == pytest.approx([roc_auc_score(codes, scores)] * 2)
    delong = auc(codes, (rankdata(scores) - 1) / 200)
    spread = np.log(delong.high / (1 - delong.high)) - np.log(delong.low / (1 - delong.low))
    error = spread / 2 / 1.96 * delong.value * (1 - delong.value)
    assert np.sqrt(np.sum(influence[:, 1] ** 2)) == pytest.approx(error, rel=0.05)
    # Two groups are told equally well, and the mean of both is no surer than either.
    assert np.sum(influence.mean(axis=1) ** 2) == pytest.approx(np.sum(influence[:, 1] ** 2))


def test_the_mean_auc_of_several_groups_has_the_spread_that_repeating_shows():
    seen, errors = [], []
    for seed in range(200):
        codes = rng(seed).integers(3, size=150)
        scores = np.eye(3)[codes] + rng(seed + 1000).normal(size=(150, 3))
        values, influence = aucs(scores, codes, np.arange(3))
        seen.append(values.mean())
        errors.append(np.sqrt(np.sum(influence.mean(axis=1) ** 2)))
    assert np.mean(errors) == pytest.approx(np.std(seen), rel=0.15)


def test_one_feature_alone_is_told_as_among_others():
    frame = people()
    features = binned(frame[["hint", "noise"]])
    alone = proxies(features, frame["group"], rng(4)).alone.set_index("feature")
    assert telling(features[0], frame["group"], rng(4)).value == alone.loc["hint", "value"]


def test_small_groups_are_told_from_and_not_told_apart():
    frame = people()
    frame.loc[:4, "group"] = "tiny"
    seen = found(frame)
    assert seen.left_out == {"tiny": "fewer than 20 rows"}
    assert seen.together.defined


def test_a_missing_membership_is_a_group():
    frame = people()
    frame.loc[:99, "group"] = None
    frame.loc[:99, "hint"] = "none"
    assert found(frame).best == "(missing)"


@pytest.mark.parametrize("levels", ["a", ["a"] * 595 + ["b"] * 5])
def test_one_group_is_told_from_nobody(levels):
    frame = people().assign(group=levels)
    seen = found(frame)
    assert np.isnan(seen.together.value)
    assert "takes two" in seen.together.reason
    assert seen.alone.empty
    assert np.isnan(telling(binned(frame[["hint"]])[0], frame["group"], rng()).value)


def test_without_features_nothing_is_told_and_lengths_must_agree():
    frame = people()
    assert "no features" in proxies((), frame["group"], rng()).together.reason
    with pytest.raises(DataError, match="hint has 600 rows, the groups have 10"):
        proxies(binned(frame[["hint"]]), frame["group"][:10], rng())


@pytest.mark.parametrize(("feature", "truth"), [("hint", 0.9), ("level", 0.5)])
def test_the_interval_holds_the_auc_on_new_rows(feature: str, truth: float):
    # hint is right with .9: of a pair, .81 stand in order, .18 are tied, .01 the other way.
    held = []
    for seed in range(200):
        frame = people(250, seed=seed + 10)
        one = telling(binned(frame[[feature]])[0], frame["group"], rng(seed))
        held.append(one.low <= truth <= one.high)
    assert np.mean(held) >= 0.91


def test_no_row_is_told_by_what_was_learned_from_it():
    # A feature that names each row would tell all, were it learned by heart.
    n = 300
    frame = people(n)
    names = Feature(name="row", codes=np.arange(n), size=n)
    one = telling(names, frame["group"], rng())
    assert one.low < 0.55


def test_on_adult_relationship_gives_gender_away():
    try:
        table = load("adult")
    except FetchError as error:
        pytest.skip(str(error))
    frame = table.frame.iloc[:3000]
    sensitive = table.schema.sensitive_names
    names = [one for one in table.schema.feature_names if one not in sensitive]
    groups = memberships(frame, table.schema)["gender"]
    seen = proxies(binned(frame[names]), groups, rng())
    assert seen.alone["feature"].iloc[0] == "relationship"
    assert seen.alone["low"].iloc[0] > 0.8
    assert seen.together.low > 0.88
    assert telling(bins_of("age", frame["age"].to_numpy(float)), groups, rng()).high < 0.65


def test_groups_that_are_told_for_certain_are_believed_by_the_smallest_one():
    sizes = [40, 400, 60]
    column = pd.DataFrame({"x": np.repeat([0.0, 1.0, 2.0], sizes)})
    groups = pd.Series(np.repeat(["a", "b", "c"], sizes))
    found = proxies(binned(column), groups, np.random.default_rng(0))
    assert found.together.value == 1
    assert found.together.low == pytest.approx(float(rate_interval(20, 20)[0]))
