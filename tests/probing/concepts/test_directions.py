"""The direction of a concept, and whether there is one."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from auditkit.errors import DataError, UsageError
from auditkit.probing.concepts.directions import PENALTY, along, centred, concept_vector, directions
from auditkit.probing.concepts.examples import concept_of

READERS = ("means", "ridge", "logistic")


def rows(n: int = 400, *, seed: int = 0, step: float = 1.5) -> tuple[torch.Tensor, np.ndarray]:
    """Four numbers, of which the second moves with the concept."""
    rng = np.random.default_rng(seed)
    has = rng.random(n) < 0.4
    x = rng.normal(size=(n, 4))
    x[:, 1] += step * has
    return torch.from_numpy(x), has


def test_the_difference_of_the_means_by_hand():
    x = torch.tensor([[0.0, 1.0], [2.0, 5.0]]).repeat(10, 1)
    found = concept_vector(x, concept_of(np.arange(20) % 2, name="odd"))
    assert found.direction.tolist() == pytest.approx([2.0, 4.0])
    assert found.auc.value == 1.0
    assert found.accuracy.value == pytest.approx(1.0)


@pytest.mark.parametrize("reader", READERS)
def test_a_planted_direction_is_found_and_points_to_those_that_have_it(reader: str):
    x, has = rows()
    found = concept_vector(x, concept_of(has, name="x"), reader=reader)  # type: ignore[arg-type]
    unit = found.direction / found.direction.norm()
    assert float(unit[1]) > 0.97
    assert float(found.direction.norm()) == pytest.approx(1.5, abs=0.25)
    assert found.auc.low > 0.75
    turned = concept_vector(x, concept_of(~has, name="x"), reader=reader)  # type: ignore[arg-type]
    assert torch.allclose(turned.direction, -found.direction, atol=1e-4)


@pytest.mark.parametrize("reader", READERS)
def test_a_concept_that_cannot_be_read_has_no_direction(reader: str):
    refused = 0
    for seed in range(10):
        x, has = rows(200, seed=seed, step=0.0)
        try:
            concept_vector(x, concept_of(has, name="x"), reader=reader)  # type: ignore[arg-type]
        except DataError as error:
            refused += "cannot be read" in str(error)
    assert refused >= 9


def test_the_filter_is_that_of_ridge_regression_and_turns_to_the_discriminants():
    x, has = rows()
    marks = centred(has[None].astype(np.int8), np.zeros(len(x), np.int64))
    own = directions(x.numpy(), np.zeros(len(x), np.int64), marks, "ridge")[:, 0]
    scale = x.numpy().std(axis=0)
    theirs = Ridge(alpha=PENALTY * len(x)).fit(x.numpy() / scale, has).coef_ / scale
    assert own == pytest.approx(theirs, rel=1e-6)
    lda = LinearDiscriminantAnalysis().fit(x.numpy(), has).coef_[0]
    assert own @ lda / np.linalg.norm(own) / np.linalg.norm(lda) > 0.9999


def test_a_filter_subtracts_what_is_not_the_concept_and_a_pattern_does_not():
    """Haufe 2014: the first number is the concept and a distraction, the second the distraction."""
    rng = np.random.default_rng(0)
    has, distraction = rng.random(2000) < 0.5, rng.normal(size=2000)
    x = torch.from_numpy(np.stack([has + distraction, distraction], axis=1))
    concept = concept_of(has, name="x")
    pattern = concept_vector(x, concept).direction
    filtered = concept_vector(x, concept, reader="ridge")
    assert abs(float(pattern[1])) < 0.1
    unit = filtered.direction / filtered.direction.norm()
    assert float(unit[1]) == pytest.approx(-(0.5**0.5), abs=0.02)
    assert filtered.cosine < 0.8


def test_given_the_target_a_direction_holds_nothing_of_it():
    rng = np.random.default_rng(0)
    target = rng.integers(2, size=3000)
    has = np.where(rng.random(3000) < 0.6, target, rng.integers(2, size=3000))
    x = torch.from_numpy(np.stack([target + rng.normal(size=3000), has + rng.normal(size=3000)], 1))
    concept = concept_of(has, name="x")
    alone = concept_vector(x, concept).direction
    given = concept_vector(x, concept, given=target).direction
    assert float(alone[0]) == pytest.approx(0.6, abs=0.1)
    assert abs(float(given[0])) < 0.08
    assert float(given[1]) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("reader", READERS)
def test_a_slope_along_many_random_concepts_needs_no_directions(reader: str):
    x, has = rows(60)
    rng = np.random.default_rng(1)
    strata = rng.integers(2, size=60)
    marks = centred(np.stack([rng.permutation(has) for _ in range(3)]).astype(np.int8), strata)
    slope = rng.normal(size=4)
    found = along(x.numpy(), strata, slope, marks, reader)  # type: ignore[arg-type]
    there = slope @ directions(x.numpy(), strata, marks, reader)  # type: ignore[arg-type]
    assert found == pytest.approx(there, rel=1e-9)


def test_what_is_no_activations_is_said_in_one_sentence():
    x, has = rows(40)
    concept = concept_of(has, name="x")
    with pytest.raises(DataError, match="give \\(n, d\\)"):
        concept_vector(x[:, None], concept)
    with pytest.raises(DataError, match="39 rows of activations and 40"):
        concept_vector(x[1:], concept)
    with pytest.raises(DataError, match="the same in every row"):
        concept_vector(torch.ones(40, 4), concept)
    with pytest.raises(DataError, match="NaN"):
        concept_vector(x * torch.nan, concept)
    with pytest.raises(UsageError, match="no reader 'lasso'"):
        concept_vector(x, concept, reader="lasso")  # type: ignore[arg-type]
