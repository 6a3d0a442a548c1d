import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from auditkit.errors import DataError
from auditkit.statistics.memorisation import mann_whitney, memorisation, most_alike, nearest


def drawn(n: int, rng: np.random.Generator) -> np.ndarray:
    """Four piles in the plane."""
    corner = rng.integers(2, size=(n, 2)) * 20.0
    return corner + rng.normal(size=(n, 2))


def test_a_score_by_hand():
    # 3 and 4 against 1 and 2: all four pairs above, so (4 - 2) / sqrt(2 * 2 * 5 / 12).
    assert mann_whitney([3, 4], [1, 2]) == pytest.approx(2 / np.sqrt(5 / 3))
    assert mann_whitney([1, 2], [3, 4]) == pytest.approx(-2 / np.sqrt(5 / 3))
    assert mann_whitney([1, 1], [1, 1]) == 0


def test_scipy_agrees_on_ties_too():
    rng = np.random.default_rng(0)
    a, b = rng.integers(6, size=40), rng.integers(7, size=50)
    wanted = mannwhitneyu(a, b, use_continuity=False, method="asymptotic").pvalue
    assert 2 * norm.sf(abs(mann_whitney(a, b))) == pytest.approx(wanted)


def test_the_nearest_row_is_found_and_a_copy_is_at_no_distance(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    b = 1e3 + rng.normal(size=(30, 5))
    a = np.concatenate([b[[4, 9]], rng.normal(size=(10, 5)) + 1e3])
    monkeypatch.setattr("auditkit.statistics.memorisation.BLOCK", 5)
    distance, place = nearest(a, b)
    every = np.sqrt(((a[:, None] - b) ** 2).sum(-1))
    assert place.tolist() == every.argmin(1).tolist()
    assert distance.tolist() == pytest.approx(every.min(1).tolist())
    assert distance[:2].tolist() == [0, 0]


def test_copies_score_far_below_nothing_and_fresh_data_about_nothing():
    rng = np.random.default_rng(0)
    train, test = drawn(500, rng), drawn(400, rng)
    fresh = memorisation(train, test, drawn(400, rng), rng, cells=4)
    assert abs(fresh.z) < 3
    assert abs(fresh.statistic) < 2
    assert fresh.copies == 0
    copied = memorisation(train, test, train[rng.integers(500, size=400)], rng, cells=4)
    assert copied.statistic < -8
    assert copied.z < -15
    assert copied.copies == 1
    near = train[rng.integers(500, size=400)] + 1e-3 * rng.normal(size=(400, 2))
    assert memorisation(train, test, near, rng, cells=4).z < -15


def test_data_unlike_the_real_ones_score_far_above():
    rng = np.random.default_rng(1)
    blurred = drawn(400, rng) + 3 * rng.normal(size=(400, 2))
    assert memorisation(drawn(500, rng), drawn(400, rng), blurred, rng, cells=4).z > 10


def test_copies_of_one_pile_show_though_the_others_lie_too_far():
    rng = np.random.default_rng(2)
    train, test = drawn(2000, rng), drawn(800, rng)
    made = drawn(800, rng)
    first = (made < 10).all(axis=1)
    made[~first] += 0.15 * rng.normal(size=((~first).sum(), 2))
    pile = train[(train < 10).all(axis=1)]
    made[first] = pile[rng.integers(len(pile), size=first.sum())]
    assert memorisation(train, test, made, rng, cells=8).z < -3


def test_fresh_data_score_like_a_standard_normal_number():
    scores = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores.append(memorisation(drawn(200, rng), drawn(200, rng), drawn(150, rng), rng).z)
    assert abs(np.mean(scores)) < 0.5
    assert 0.7 < np.std(scores) < 1.3


def test_few_images_are_judged_in_few_cells():
    rng = np.random.default_rng(3)
    train, test, made = drawn(300, rng), drawn(60, rng), drawn(60, rng)
    found = memorisation(train, test, made, rng, cells=30)
    assert found.cells == 1
    assert found.left_out == 0
    assert found.statistic == pytest.approx(found.z)
    assert found.z == pytest.approx(mann_whitney(nearest(made, train)[0], nearest(test, train)[0]))


def test_a_pile_the_generator_never_visits_is_left_out_and_said():
    rng = np.random.default_rng(4)
    train, test, made = drawn(400, rng), drawn(400, rng), drawn(400, rng)
    made = made[(made >= 10).any(axis=1)]
    found = memorisation(train, test, made, rng, cells=4)
    assert found.left_out == pytest.approx(0.25, abs=0.06)


def test_too_few_images_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="19 images are too few"):
        memorisation(drawn(50, rng), drawn(19, rng), drawn(50, rng), rng)
    far = np.concatenate([np.full(50, 0.0), np.full(50, 50.0)])
    with pytest.raises(DataError, match="no region of the data holds 20 test and 20 made images"):
        memorisation(far, np.zeros(90), np.full(90, 50.0), rng, cells=2)


def test_the_made_images_most_like_a_training_image_come_first_and_name_it_once():
    train = np.array([0.0, 10.0, 20.0])
    made = np.array([10.5, 0.1, 0.0, 19.0])
    # Fresh ones lie .2, .5, .6 and 2 from a training image.
    found = most_alike(train, [0.2, 9.5, 20.6, 22.0], made)
    assert [(one.made, one.trained) for one in found] == [(2, 0), (0, 1), (3, 2)]
    assert [one.distance for one in found] == [0, 0.5, 1]
    assert [one.share for one in found] == [0, 0.5, 0.75]
    assert len(most_alike(train, [0.2], made, most=1)) == 1
