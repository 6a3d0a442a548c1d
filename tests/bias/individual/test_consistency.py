"""Like rows and their answers: numbers worked out by hand, laws, and an independent count."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from auditkit.bias.individual.consistency import (
    Neighbours,
    consistency,
    consistency_null,
    neighbours,
    places,
)
from auditkit.errors import DataError


def line() -> Neighbours:
    """Three rows, a gap, three rows: the two nearest of each are the others of its three."""
    points = np.array([0.0, 1, 3, 7, 8, 10])[:, None]
    return neighbours(points, np.random.default_rng(0), k=2)


def naive(points: np.ndarray, answers: np.ndarray, k: int) -> float:
    apart = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1)[:, :k]
    return float(1 - np.abs(answers - answers[near].mean(axis=1)).mean())


def test_consistency_by_hand():
    # Of 1 1 0 the first two have one neighbour of either kind, the third two of the other kind.
    found = consistency([1, 1, 0, 0, 0, 0], line())
    assert found.value == pytest.approx(1 - (0.5 + 0.5 + 1) / 6)
    assert found.n == 6


@pytest.mark.parametrize("seed", range(5))
def test_it_equals_a_naive_count_and_its_interval_the_naive_jackknife(seed: int):
    rng = np.random.default_rng(seed)
    points, k, n = rng.normal(size=(50, 3)), 4, 50
    answers = rng.uniform(size=n)
    found = consistency(answers, neighbours(points, rng, k=k))
    assert found.value == pytest.approx(naive(points, answers, k))
    left = [naive(np.delete(points, i, 0), np.delete(answers, i), k) for i in range(n)]
    error = np.sqrt((n - 1) * np.var(left))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_it_is_aif360s_formula_but_for_the_row_itself():
    rng = np.random.default_rng(1)
    points, answers = rng.normal(size=(80, 2)), rng.integers(2, size=80).astype(float)
    # AIF360 asks for k neighbours of a row in its own table: itself and k - 1 others.
    places = NearestNeighbors(n_neighbors=6).fit(points).kneighbors(return_distance=False)[:, :5]
    theirs = 1 - np.mean([abs(answers[i] - answers[places[i]].mean()) for i in range(80)])
    assert consistency(answers, neighbours(points, rng, k=5)).value == pytest.approx(theirs)


def test_constant_answers_are_wholly_consistent_and_the_interval_does_not_claim_certainty():
    found = consistency(np.ones(200), neighbours(np.arange(200.0)[:, None], rng(), k=5))
    assert found.value == found.high == 1
    assert 0.97 < found.low < 1


def test_answers_at_random_are_as_consistent_as_chance():
    points = rng().normal(size=(600, 2))
    near = neighbours(points, rng())
    answers = rng(1).integers(2, size=600)
    null = consistency_null(answers, near, rng(2))
    found = consistency(answers, near)
    assert found.low < null.mean < found.high
    assert null.p_value > 0.05
    smooth = (points[:, 0] > 0).astype(float)
    assert consistency(smooth, near).low > consistency_null(smooth, near, rng(3)).upper


def test_a_row_is_not_its_own_neighbour_even_among_many_that_are_alike():
    near = neighbours(np.zeros((30, 2)), rng(), k=5)
    assert not (near.nearest == near.rows[:, None]).any()
    assert near.nearest.shape == (30, 6)


def test_among_rows_equally_near_chance_decides_and_not_the_order_of_the_file():
    # Two answers, sorted, at one place: neighbours are of both kinds for either.
    answers = np.r_[np.zeros(200), np.ones(200)]
    near = neighbours(np.zeros((400, 1)), rng())
    seen = [answers[near.nearest[answers[near.rows] == one]].mean() for one in (0, 1)]
    assert seen == pytest.approx([0.5, 0.5], abs=0.2)


def test_classes_count_the_share_of_neighbours_with_another_answer():
    near, binary = line(), rng().integers(2, size=6)
    onehot = np.eye(2)[binary]
    assert consistency(onehot, near).value == pytest.approx(consistency(binary, near).value)


def test_a_group_is_asked_about_among_all_rows():
    points = rng().normal(size=(300, 1))
    near, answers = neighbours(points, rng()), (points[:, 0] > 0).astype(float)
    edge = np.abs(points[:, 0]) < 0.1
    inner, outer = (consistency(answers, near, among=one) for one in (~edge, edge))
    assert outer.value < inner.value
    whole = consistency(answers, near)
    parts = (inner.value * inner.n + outer.value * outer.n) / 300
    assert whole.value == pytest.approx(parts)
    nobody = consistency(answers, near, among=np.zeros(300, bool))
    assert np.isnan(nobody.value)
    assert nobody.reason == "there are no rows"


def test_some_rows_are_drawn_where_there_are_many():
    near = neighbours(rng().normal(size=(500, 2)), rng(), most=100)
    assert near.rows.shape == (100,)
    assert len(set(near.rows.tolist())) == 100
    assert (near.n, near.k) == (500, 5)


@pytest.mark.parametrize("setting", [(200, 2000, 0.0), (200, 2000, 2.0), (1000, 250, 0.0)])
def test_the_interval_holds_the_expected_consistency(setting):
    n, most, cut = setting
    generator, found = np.random.default_rng(5), []
    for _ in range(150):
        points = generator.normal(size=(n, 3))
        answers = (points[:, 0] + 0.5 * generator.normal(size=n) > cut).astype(float)
        found.append(consistency(answers, neighbours(points, generator, most=most)))
    truth = np.mean([one.value for one in found])
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.90


def test_places_are_ranks_within_zero_and_one():
    assert places([10, 30, 20, 20]).tolist() == [0.125, 0.875, 0.5, 0.5]


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DataError, match="5 neighbours of a row need 7"):
        neighbours(np.zeros((6, 2)), rng())
    with pytest.raises(DataError, match="NaN or infinity"):
        neighbours(np.full((9, 2), np.nan), rng())
    near = line()
    with pytest.raises(DataError, match="an answer is 3"):
        consistency([3] * 6, near)
    with pytest.raises(DataError, match="an answer is nothing"):
        consistency([np.nan] * 6, near)
    with pytest.raises(DataError, match="there are 6 rows"):
        consistency([1] * 5, near)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)
