import numpy as np
import pandas as pd
import pytest

from auditkit.data.planted import planted
from auditkit.models import baselines
from auditkit.statistics.classification import auc
from tests.answers import animals, courses, pictures, prices, reviews


def table(seed: int = 0, n: int = 600):
    made = planted(n, gap=0.0, rng=np.random.default_rng(seed), flipped=0.0)
    return made.frame, made.frame["label"].to_numpy(), made.schema


def test_a_majority_guess_is_right_as_often_as_the_commoner_label():
    labels = np.array([0, 0, 0, 1])
    assert list(baselines.majority(None, labels).predictions) == [0, 0, 0, 0]
    assert list(baselines.majority(np.array([1, 1, 0]), labels).predictions) == [1, 1, 1, 1]


def test_of_several_classes_the_commonest_in_training_is_guessed():
    guess = baselines.majority(np.array([2, 2, 0]), np.array([0, 1]), classes=3)
    assert guess.predictions.tolist() == [2, 2]
    assert guess.answers[0] == pytest.approx([1 / 3, 0, 2 / 3])


def test_of_numbers_the_mean_is_guessed():
    assert baselines.mean_guess(np.array([1.0, 3.0]), np.zeros(2)).answers.tolist() == [2, 2]
    assert "audited" in baselines.mean_guess(None, np.array([1.0])).how


def test_simple_models_learn_what_was_planted():
    frame, labels, schema = table()
    fresh, wanted, _ = table(seed=1)
    for one in baselines.fitted((frame, labels), fresh, schema, seed=0):
        assert np.mean(one.predictions == wanted) > 0.9, one.name


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cross_fitting_does_not_peek(seed):
    """On labels without any pattern, rows scored by a model that saw them would do well."""
    frame, labels, schema = table()
    shuffled = np.random.default_rng(seed).permutation(labels)
    for one in baselines.cross_fitted(frame, shuffled, schema, seed=0):
        assert abs(auc(shuffled, one.answers).value - 0.5) < 0.1, one.name


def test_one_row_of_a_label_is_too_few_to_cross_fit():
    frame, labels, schema = table()
    lonely = np.zeros_like(labels)
    lonely[0] = 1
    assert baselines.cross_fitted(frame, lonely, schema, seed=0) == ()


@pytest.mark.parametrize("known", [True, False], ids=["fitted", "cross-fitted"])
@pytest.mark.parametrize(
    ("made", "names"),
    [
        (animals, ("logistic regression", "gradient boosting")),
        (prices, ("ridge regression", "gradient boosting")),
        (reviews, ("logistic regression on words and pairs of words",)),
        (pictures, ("logistic regression on pixels",)),
        (courses, ("logistic regression on each channel's mean, deviation and ends",)),
    ],
)
def test_each_medium_has_its_simple_models_and_they_learn(made, names, known):
    subject = made(known=True)
    schema, frame = subject.table.schema, subject.frame
    train = (subject.train.frame, subject.train_expected)
    found = (
        baselines.fitted(train, frame, schema, seed=0)
        if known
        else baselines.cross_fitted(frame, subject.expected, schema, seed=0)
    )
    assert tuple(one.name for one in found) == names
    for one in found:
        if made is prices:
            assert np.corrcoef(one.answers, subject.expected)[0, 1] > 0.95
        else:
            assert np.mean(one.predictions == subject.expected) > 0.85
        assert ("crosswise" in one.how) is not known


def test_of_single_words_the_letters_are_counted():
    subject = reviews()
    liked = subject.expected == 1
    frame = subject.frame.assign(text=np.where(liked, "Maria", "Marco"))
    train = (frame.iloc[:200], subject.expected[:200])
    (one,) = baselines.fitted(train, frame, subject.table.schema, seed=0)
    assert one.name == "logistic regression on runs of letters"
    assert (one.predictions == subject.expected).all()


def test_a_class_never_trained_with_gets_no_probability():
    subject = animals()
    kept = subject.frame["animal"] != "bird"
    train = (subject.frame[kept], subject.expected[kept])
    for one in baselines.fitted(train, subject.frame, subject.table.schema, seed=0):
        assert one.answers.shape == (len(subject.frame), 3)
        assert (one.answers[:, 2] == 0).all()


def test_of_many_images_some_are_drawn_and_the_report_is_told(monkeypatch):
    monkeypatch.setattr(baselines, "MOST_ROWS", {baselines.Medium.IMAGE: 100})
    subject = pictures()
    train = (subject.train.frame, subject.train_expected)
    (one,) = baselines.fitted(train, subject.frame, subject.table.schema, seed=0)
    assert one.how == "100 of 240 training rows, drawn at random"


def test_large_images_are_averaged_down_and_keep_their_places():
    image = np.zeros((1, 64, 64), dtype=np.uint8)
    image[0, :3, :3] = 255  # 64 pixels a side become 21 of 3 x 3
    found = baselines._pixels([image])
    assert found.shape == (1, 21 * 21)
    assert found[0, 0] == 1.0
    assert found.sum() == 1.0


def test_the_course_of_a_sequence_is_four_numbers_a_channel():
    found = baselines._course([np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]])])
    assert found[0] == pytest.approx([3, 2, np.sqrt(8 / 3), np.sqrt(8), 1, 0, 5, 6])


def test_the_nearest_text_is_the_one_that_is_spelled_alike():
    known, written = ("writing", "reading", "cat"), ("W", "R", "C")
    assert baselines.nearest_texts(known, written, ["written", "cats", "read"]) == ("W", "C", "R")


def test_simple_models_say_the_same_each_time():
    subject = reviews()
    train = (subject.train.frame, subject.train_expected)
    one, other = (
        baselines.fitted(train, subject.frame, subject.table.schema, seed=0)[0] for _ in range(2)
    )
    pd.testing.assert_series_equal(pd.Series(one.answers), pd.Series(other.answers))
