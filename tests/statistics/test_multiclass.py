import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.metrics import log_loss as sklearn_log_loss

from auditkit.errors import DataError
from auditkit.statistics import multiclass
from auditkit.statistics.intervals import rate_interval

# Right class down, said class across: 8 of 10 cats, 3 of 5 dogs, 5 of 5 birds are right.
TABLE = np.array([[8, 2, 0], [1, 3, 1], [0, 0, 5]])
LEVELS = ("cat", "dog", "bird")


def test_counts_are_right_class_down_and_said_class_across() -> None:
    counts = multiclass.confusion([0, 0, 1, 2, 2], [0, 1, 1, 2, 0], 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]


def test_accuracy_is_a_rate_with_the_interval_of_a_rate() -> None:
    found = multiclass.accuracy([True] * 16 + [False] * 4)
    assert found.value == 16 / 20
    assert (found.low, found.high) == pytest.approx(tuple(map(float, rate_interval(16, 20))))


def test_each_class_has_its_recall_its_precision_and_its_f1() -> None:
    found = multiclass.by_class(TABLE, LEVELS).set_index("class")
    assert found["recall"].to_list() == pytest.approx([0.8, 0.6, 1.0])
    assert found["precision"].to_list() == pytest.approx([8 / 9, 3 / 5, 5 / 6])
    assert found["F1"].to_list() == pytest.approx([16 / 19, 6 / 10, 10 / 11])
    assert found.loc["dog", "recall low"] == pytest.approx(float(rate_interval(3, 5)[0]))


def test_macro_figures_are_plain_means_worked_by_hand() -> None:
    assert multiclass.macro_recall(TABLE).value == pytest.approx((0.8 + 0.6 + 1) / 3)
    assert multiclass.macro_f1(TABLE).value == pytest.approx((16 / 19 + 6 / 10 + 10 / 11) / 3)


def test_scikit_learn_agrees() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(5, size=400)
    said = np.where(rng.uniform(size=400) < 0.7, y, rng.integers(5, size=400))
    given = rng.dirichlet(np.ones(5), size=400)
    counts = multiclass.confusion(y, said, 5)
    recall = multiclass.macro_recall(counts).value
    assert recall == pytest.approx(balanced_accuracy_score(y, said))
    assert multiclass.macro_f1(counts).value == pytest.approx(f1_score(y, said, average="macro"))
    assert multiclass.log_loss(y, given).value == pytest.approx(sklearn_log_loss(y, given))


def test_with_two_classes_of_one_rate_each_the_mean_recall_is_theirs() -> None:
    many = np.array([[9000, 1000], [1000, 9000]])
    found = multiclass.macro_recall(many)
    assert found.value == pytest.approx(0.9)
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(0.09 / 20_000), rel=0.02)


def test_a_class_without_rows_leaves_the_means_undefined_by_name() -> None:
    empty = np.array([[5, 0, 0], [0, 0, 0], [1, 0, 4]])
    for found in (
        multiclass.macro_recall(empty, LEVELS),
        multiclass.macro_f1(empty, LEVELS),
        multiclass.least_recall(empty, LEVELS)[0],
    ):
        assert not found.defined
        assert found.reason == "no rows of class dog"
    assert np.isnan(multiclass.by_class(empty, LEVELS)["recall"].to_numpy()[1])


def test_no_rows_are_undefined() -> None:
    nothing = np.zeros((3, 3), int)
    assert multiclass.accuracy([]).reason == "there are no rows"
    assert multiclass.macro_f1(nothing).reason == "there are no rows"
    assert math.isnan(multiclass.base_log_loss([], 3))


def test_a_class_that_is_never_said_has_an_f1_of_0_and_no_precision() -> None:
    found = multiclass.by_class(np.array([[5, 0], [3, 0]]), ("a", "b"))
    assert found["F1"].to_list() == pytest.approx([10 / 13, 0])
    assert math.isnan(found["precision"][1])


def test_the_least_recall_is_named_and_its_interval_is_wider_than_its_own() -> None:
    found, place = multiclass.least_recall(TABLE)
    assert (place, found.value, found.n) == (1, 0.6, 5)
    assert found.low < float(rate_interval(3, 5)[0])


def law(classes: int, right: float, weights: np.ndarray) -> np.ndarray:
    wrong = (1 - right) / (classes - 1) * (1 - np.eye(classes))
    table = weights[:, None] * (wrong + right * np.eye(classes))
    return table / table.sum()


@pytest.mark.parametrize("right", [0.6, 0.95])
@pytest.mark.parametrize("skew", [0.0, 1.0])
def test_macro_intervals_cover_what_they_promise(right: float, skew: float) -> None:
    chances = law(5, right, 1 / np.arange(1, 6) ** skew)
    recall = np.mean(np.diag(chances) / chances.sum(axis=1))
    f1 = np.mean(2 * np.diag(chances) / (chances.sum(axis=0) + chances.sum(axis=1)))
    rng = np.random.default_rng(0)
    inside = np.zeros(3)
    for table in rng.multinomial(300, chances.ravel(), size=800).reshape(-1, 5, 5):
        found = (
            (multiclass.macro_recall(table), recall),
            (multiclass.macro_f1(table), f1),
            (multiclass.least_recall(table)[0], right),
        )
        inside += [one.low <= true <= one.high for one, true in found]
    assert (inside / 800 >= 0.93).all()
    assert (inside[:2] / 800 <= 0.99).all()


def test_a_perfect_classifier_is_not_known_to_be_perfect() -> None:
    for found in (multiclass.macro_recall(9 * np.eye(4)), multiclass.macro_f1(9 * np.eye(4))):
        assert found.value == 1
        assert 0.6 < found.low < 0.95
        assert found.high == pytest.approx(1)


def test_a_classifier_that_is_always_wrong_has_limits_too() -> None:
    for found in (
        multiclass.macro_recall([[0, 9], [9, 0]]),
        multiclass.macro_f1([[0, 9], [9, 0]]),
    ):
        assert found.value == 0 == found.low
        assert 0.05 < found.high < 0.7


def test_log_loss_by_hand_beside_that_of_the_base_rates() -> None:
    given = [[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [1, 0, 0]]
    found = multiclass.log_loss([0, 1, 2, 0], given)
    assert found.value == pytest.approx((2 * math.log(2) - math.log(0.8)) / 4)
    assert multiclass.base_log_loss([0, 0, 1, 2], 3) == pytest.approx(1.5 * math.log(2))


def test_confidence_is_the_probability_of_the_class_that_is_said() -> None:
    assert multiclass.confidence_of([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]]).tolist() == [0.5, 0.9]


def test_the_commonest_mistakes_come_first_and_right_answers_never() -> None:
    found = multiclass.confusions(TABLE, LEVELS)
    assert found["right class"].to_list() == ["cat", "dog", "dog"]
    assert found["called"].to_list() == ["dog", "cat", "bird"]
    assert found["rows"].to_list() == [2, 1, 1]
    assert found["share"].to_list() == pytest.approx([0.2, 0.2, 0.2])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: multiclass.confusion([0, 3], [0, 0], 3), "classes are 0 to 2"),
        (lambda: multiclass.confusion([0, 0.5], [0, 0], 3), "row 2"),
        (lambda: multiclass.confusion([0], [0, 1], 3), "one for each row"),
        (lambda: multiclass.log_loss([0], [[0.5, 0.4]]), r"sum to 0\.9"),
        (lambda: multiclass.log_loss([0], [[1.5, -0.5]]), "row 1"),
        (lambda: multiclass.confidence_of([0.5, 0.5]), "shape"),
    ],
)
def test_what_is_no_class_and_no_probability_is_refused(call, match: str) -> None:
    with pytest.raises(DataError, match=match):
        call()
