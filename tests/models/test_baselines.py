import numpy as np
import pytest

from auditkit.data.planted import planted
from auditkit.models import baselines
from auditkit.statistics.classification import auc


def table(seed: int = 0, n: int = 600):
    made = planted(n, gap=0.0, rng=np.random.default_rng(seed), flipped=0.0)
    return made.frame, made.frame["label"].to_numpy(), made.schema


def test_a_majority_guess_is_right_as_often_as_the_commoner_label():
    labels = np.array([0, 0, 0, 1])
    assert list(baselines.majority(None, labels).predictions) == [0, 0, 0, 0]
    assert list(baselines.majority(np.array([1, 1, 0]), labels).predictions) == [1, 1, 1, 1]


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
        assert abs(auc(shuffled, one.scores).value - 0.5) < 0.1, one.name


def test_one_row_of_a_label_is_too_few_to_cross_fit():
    frame, labels, schema = table()
    lonely = np.zeros_like(labels)
    lonely[0] = 1
    assert baselines.cross_fitted(frame, lonely, schema, seed=0) == ()
