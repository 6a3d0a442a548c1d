import numpy as np
import pandas as pd
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin

from auditkit.bias.scores import group_thresholds as room
from auditkit.bias.scores.score_counts import ScoreCounts, score_counts
from auditkit.bias.scores.what_if import (
    CONSTRAINTS,
    decided,
    frontier,
    frontiers,
    group_thresholds,
    halves,
    what_if,
)
from auditkit.errors import DataError, UsageError

THEIRS = {
    "demographic_parity": "demographic_parity",
    "equal_opportunity": "true_positive_rate_parity",
    "equalized_odds": "equalized_odds",
}


def people(
    n: int = 1500, *, groups: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, scores and groups, the groups' scores shifted as their outcomes are."""
    rng = np.random.default_rng(seed)
    group = rng.integers(groups, size=n)
    merit = rng.normal(size=n) + np.linspace(0.6, -0.4, groups)[group]
    truth = (rng.random(n) < 1 / (1 + np.exp(-1.5 * merit))).astype(int)
    score = 1 / (1 + np.exp(-(merit + 0.7 * rng.normal(size=n))))
    return truth, np.round(score, 3), np.array(list("abcdef"))[group]


class Given(ClassifierMixin, BaseEstimator):
    """Says the score it is given."""

    def fit(self, inputs, y):
        self.fitted_ = True
        return self

    def predict(self, inputs):
        return np.asarray(inputs)[:, 0]


def theirs(truth, score, group, constraint: str) -> float:
    """The expected accuracy of fairlearn's ThresholdOptimizer."""
    optimizer = ThresholdOptimizer(
        estimator=Given().fit(None, None),
        constraints=THEIRS[constraint],
        objective="accuracy_score",
        prefit=True,
        grid_size=1000,
        predict_method="predict",
    )
    inputs = score[:, None]
    optimizer.fit(inputs, truth, sensitive_features=group)
    chance = optimizer._pmf_predict(inputs, sensitive_features=group)[:, 1]
    return float(np.mean(np.where(truth == 1, chance, 1 - chance)))


def by_hand() -> ScoreCounts:
    """Two groups of 4: a is ordered perfectly, b not at all between two scores."""
    return score_counts(
        [1, 1, 0, 0, 1, 0, 1, 0], [0.9, 0.8, 0.3, 0.1, 0.9, 0.9, 0.1, 0.1], list("aaaabbbb")
    )


def test_thresholds_by_hand() -> None:
    found = group_thresholds(by_hand(), "demographic_parity")
    assert found.accuracy == pytest.approx(6 / 8)  # all of a, and half of b whatever it gets
    assert found.gap == pytest.approx(0)
    assert found.table.loc["a", "threshold"] == 0.8


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("constraint", sorted(CONSTRAINTS))
def test_it_is_as_accurate_as_fairlearn_within_the_grid_of_that(constraint: str, seed: int) -> None:
    truth, score, group = people(400 + 300 * seed, groups=2 + seed % 3, seed=seed)
    found = group_thresholds(score_counts(truth, score, group), constraint)
    other = theirs(truth, score, group, constraint)
    assert other - 1e-9 <= found.accuracy <= other + 2e-3
    assert found.gap == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("allowed", [0.0, 0.03, 0.1, 0.5])
@pytest.mark.parametrize("constraint", ["demographic_parity", "equal_opportunity"])
def test_the_corners_in_order_are_the_linear_program(constraint: str, allowed: float) -> None:
    for seed in range(5):
        counts = score_counts(*people(300, groups=2 + seed, seed=seed))
        ordered = group_thresholds(counts, constraint, allowed=allowed)
        shares = room._of_two_rates(counts, room._corners(counts), constraint, allowed)
        right = (shares * (counts.tp - counts.fp)).sum() + counts.fp[:, 0].sum()
        assert ordered.accuracy == pytest.approx(right / counts.rows.sum())
        assert ordered.gap <= allowed + 1e-9


def test_more_gap_allowed_is_never_less_accurate() -> None:
    counts = score_counts(*people())
    for constraint in CONSTRAINTS:
        curve = frontier(counts, constraint, np.linspace(0, 1, 9).tolist())
        assert (curve["accuracy"].diff().dropna() >= -1e-9).all()
        assert (curve["gap"] <= curve["allowed"] + 1e-9).all()
    # With everything allowed each group has the threshold that is best for it.
    best = (counts.tp - counts.fp).max(axis=1).sum() + counts.fp[:, 0].sum()
    assert curve["accuracy"].iloc[-1] == pytest.approx(best / counts.rows.sum())


@pytest.mark.parametrize("constraint", ["demographic_parity", "equal_opportunity"])
def test_without_a_lottery_each_group_has_one_threshold(constraint: str) -> None:
    counts = score_counts(*people(3000))
    single = group_thresholds(counts, constraint, lottery=False)
    mixed = group_thresholds(counts, constraint)
    assert len(single.table) == 3
    assert single.gap <= 1 / 300  # within a row of the smallest group's positives
    assert mixed.accuracy - 0.01 <= single.accuracy <= mixed.accuracy + 0.001


def test_the_halves_are_the_rows() -> None:
    counts = score_counts(*people())
    one, other = halves(counts, np.random.default_rng(0))
    assert np.array_equal(one.positives + other.positives, counts.positives)
    assert one.rows.sum() == pytest.approx(750, abs=80)


def test_what_is_decided_is_what_the_rows_say() -> None:
    truth, score, group = people(900)
    counts = score_counts(truth, score, group)
    found = group_thresholds(counts, "demographic_parity", lottery=False)
    table, gained, lost = decided(counts, found, 0.5, np.random.default_rng(0))
    now = score >= found.table["threshold"].reindex(group).to_numpy()
    was = score >= 0.5
    assert gained == np.sum((now == truth) & (was != truth))
    assert lost == np.sum((now != truth) & (was == truth))
    assert table["tp"].tolist() == [np.sum(now & (truth == 1) & (group == g)) for g in "abc"]
    assert table.sum(axis=1).tolist() == counts.rows.tolist()


def test_a_lottery_is_drawn_row_by_row() -> None:
    truth, score, group = people(20_000)
    counts = score_counts(truth, score, group)
    found = group_thresholds(counts, "equalized_odds")
    assert (found.table.groupby(level=0)["share"].sum().round(9) == 1).all()
    table, gained, lost = decided(counts, found, 0.5, np.random.default_rng(0))
    right = (table["tp"] + table["tn"]).sum() / 20_000
    assert right == pytest.approx(found.accuracy, abs=0.01)
    before = np.mean((score >= 0.5) == truth)
    assert (gained - lost) / 20_000 == pytest.approx(right - before)


def test_a_planted_gap_is_closed_on_rows_it_was_not_chosen_by() -> None:
    counts = score_counts(*people(6000))
    for constraint in CONSTRAINTS:
        found = what_if(counts, constraint, threshold=0.5, rng=np.random.default_rng(1))
        assert found.before.estimate.low > 0.1
        assert found.after.estimate.high < found.before.estimate.low
        assert found.change.low <= found.change.value <= found.change.high < 0.01
        assert found.accuracy.n == found.change.n < 3200


def test_the_interval_of_the_price_holds() -> None:
    truth, score, group = people(50_000, groups=2, seed=999)  # all there are
    score, is_a = np.round(score, 1), group == "a"
    rng, hits = np.random.default_rng(3), []
    for _ in range(200):
        rows = rng.integers(50_000, size=400)
        found = what_if(
            score_counts(truth[rows], score[rows], group[rows]),
            "demographic_parity",
            threshold=0.5,
            rng=rng,
            draws=1,
        )
        cut = np.where(is_a, *found.thresholds.table["threshold"].loc[["a", "b"]])
        true = np.mean((score >= cut) == truth) - np.mean((score >= 0.5) == truth)
        hits.append(found.change.low <= true <= found.change.high)
    assert np.mean(hits) >= 0.94 - 2 * np.sqrt(0.94 * 0.06 / 200)


def test_the_drawn_frontier_begins_at_no_gap_and_ends_at_todays() -> None:
    counts = score_counts(*people())
    curves = frontiers(counts, threshold=0.5, points=5)
    assert list(curves) == ["allowed", *CONSTRAINTS]
    assert curves["allowed"].iloc[0] == 0
    now = counts.at(0.5)[["tp", "tn"]].to_numpy().sum() / counts.rows.sum()
    assert (curves.iloc[-1][list(CONSTRAINTS)] > now - 0.005).all()  # bins are a little coarser
    exact = group_thresholds(counts, "demographic_parity").accuracy
    assert curves["demographic_parity"].iloc[0] == pytest.approx(exact, abs=0.005)


def test_small_groups_are_left_out_by_name() -> None:
    truth, score, group = people(600)
    group = np.where(np.arange(600) < 3, "tiny", group)
    found = what_if(
        score_counts(truth, score, group),
        "equal_opportunity",
        threshold=0.5,
        rng=np.random.default_rng(0),
    )
    assert "tiny" in found.left_out
    assert found.left_out["tiny"] == "fewer than 10 rows of an outcome in a half"
    assert "tiny" not in found.thresholds.groups


def test_a_group_without_an_outcome_can_still_be_selected_from() -> None:
    truth, score, group = people(600, groups=2)
    truth = np.where(group == "b", 0, truth)
    counts = score_counts(truth, score, group)
    assert group_thresholds(counts, "demographic_parity").gap == pytest.approx(0)
    with pytest.raises(DataError, match="b has none of the rows that equal opportunity is about"):
        group_thresholds(counts, "equal_opportunity")


def test_what_cannot_be_asked_is_refused() -> None:
    counts = score_counts(*people(300))
    with pytest.raises(UsageError, match="did you mean 'equalized_odds'"):
        group_thresholds(counts, "equalised_odds")
    with pytest.raises(UsageError, match="lottery"):
        group_thresholds(counts, "equalized_odds", lottery=False)
    with pytest.raises(UsageError, match="0 to 1"):
        group_thresholds(counts, "equal_opportunity", allowed=-0.1)
    with pytest.raises(DataError, match="1 group with enough rows"):
        what_if(counts.only([0]), "equal_opportunity", threshold=0.5, rng=np.random.default_rng(0))
    other = score_counts(*people(200, seed=5))
    with pytest.raises(DataError, match="other groups or scores"):
        decided(other, group_thresholds(counts, "equal_opportunity"), 0.5, np.random.default_rng(0))
    assert isinstance(group_thresholds(counts, "equalized_odds").table, pd.DataFrame)


def test_single_thresholds_miss_a_rate_by_no_more_than_a_row() -> None:
    truth, score, group = people(3000)
    counts = score_counts(truth, score, group)
    found = group_thresholds(counts, "demographic_parity", allowed=0.02, lottery=False)
    assert found.gap <= 0.02 + 1 / counts.rows.min() + 1e-12
