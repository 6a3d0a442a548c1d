import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from auditkit.probing.probes.linear import moments, ridges
from auditkit.probing.probes.odds import odds


def loss(said: np.ndarray, classes: np.ndarray) -> float:
    return float(-np.log(said[np.arange(len(classes)), classes]).mean())


def test_of_two_classes_they_are_platts() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(size=400) / 4
    classes = (rng.random(400) < expit(8 * score - 1)).astype(int)
    found = odds(np.stack([-score, score], axis=1), classes).of(np.stack([-score, score], axis=1))
    positives = classes.sum()
    target = np.where(classes == 1, (401 + 0) / 402, 1 / 402)
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(
        np.tile(score, 2)[:, None],
        np.repeat([1, 0], 400),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    assert 0 < positives < 400
    assert found[:, 1] == pytest.approx(peer.predict_proba(score[:, None])[:, 1], abs=1e-4)


def test_scores_that_separate_the_classes_give_no_certainty() -> None:
    classes = np.arange(40) % 2
    scores = np.eye(2)[classes]
    said = odds(scores, classes).of(scores)
    assert said.max() == pytest.approx(41 / 42, abs=1e-3)


def test_a_class_without_rows_stays_possible() -> None:
    rng = np.random.default_rng(0)
    scores = np.c_[rng.normal(size=(50, 2)), np.zeros(50)]
    said = odds(scores, np.arange(50) % 2).of(scores)
    assert said[:, 2].mean() == pytest.approx(1 / 53, rel=0.1)


def test_scores_that_say_nothing_give_the_frequencies() -> None:
    classes = np.repeat([0, 1, 2], [60, 30, 10])
    said = odds(np.random.default_rng(0).normal(size=(100, 3)) / 100, classes).of(np.zeros((1, 3)))
    assert said[0] == pytest.approx([0.6, 0.3, 0.1], abs=0.06)


@pytest.mark.parametrize(("classes", "more"), [(2, 0.01), (5, 0.04)])
def test_a_closed_form_costs_little_more_than_converged_logistic_regression(
    classes: int, more: float
) -> None:
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(6000, 40))
    log_odds = x @ rng.normal(size=(40, classes)) * 2 / np.sqrt(40)
    y = np.argmax(log_odds + rng.gumbel(size=log_odds.shape), axis=1)
    near, chooses, far = slice(0, 2000), slice(2000, 3000), slice(3000, 6000)
    (ridge,) = ridges(moments(x[near], np.eye(classes)[y[near]]), [20.0])
    said = odds(ridge.said(x[chooses]), y[chooses]).of(ridge.said(x[far]))
    peer = LogisticRegression(solver="newton-cholesky").fit(x[near], y[near])
    best = loss(peer.predict_proba(x[far]), y[far])
    raw = loss(softmax(ridge.said(x[far]), axis=1), y[far])
    assert loss(said, y[far]) < (1 + more) * best < 0.9 * raw


def test_scores_that_mislead_say_nothing() -> None:
    classes = np.repeat([0, 1], [60, 20])
    scores = 1 - np.eye(2)[classes]
    said = odds(scores, classes).of(scores)
    assert said[:, 1] == pytest.approx(0.25, abs=0.01)
