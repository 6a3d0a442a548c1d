"""Shuffling a column costs what it is worth, and the interval says how sure that is."""

import random

import numpy as np
import pytest
import torch
from sklearn.inspection import permutation_importance as peers
from sklearn.linear_model import LinearRegression

from auditkit.attribution.importance import log_loss, permutation_importance
from auditkit.attribution.players import Players
from auditkit.errors import DataError, UsageError
from auditkit.runtime import Runtime

WEIGHTS = torch.tensor([3.0, 1.0, 0.0])


def linear(x):
    return x @ WEIGHTS.to(x.dtype)


def drawn(rows, seed=0):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 3, generator=rng).double()
    return x, linear(x) + 0.5 * torch.randn(rows, generator=rng).double()


def test_a_linear_models_squared_error_grows_by_twice_weight_squared_times_variance():
    found = permutation_importance(linear, *drawn(20_000), shuffles=2)
    values = [one.value for one in found.increases]
    assert values == pytest.approx([18.0, 2.0, 0.0], rel=0.05, abs=1e-12)
    assert found.loss.value == pytest.approx(0.25, rel=0.05)
    assert next(name for name, _ in found.ranked) == "input 1, number 1"


def test_its_interval_covers_the_value_of_the_population():
    inside = []
    for seed in range(300):
        found = permutation_importance(
            linear, *drawn(80, seed), shuffles=3, runtime=Runtime(seed=seed)
        )
        inside.append(
            [one.low <= t <= one.high for one, t in zip(found.increases, (18, 2, 0), strict=True)]
        )
    shares = np.mean(inside, axis=0)
    assert shares[2] == 1  # it is 0 in every row
    assert shares[:2].min() >= 0.92
    assert shares[:2].max() <= 0.99


def test_scikit_learn_finds_the_same_within_the_interval():
    x, y = drawn(400)
    fit = LinearRegression().fit(x.numpy(), y.numpy())
    weights = torch.from_numpy(fit.coef_)
    ours = permutation_importance(lambda z: z @ weights + fit.intercept_, x, y, shuffles=20)
    theirs = peers(
        fit, x.numpy(), y.numpy(), scoring="neg_mean_squared_error", n_repeats=20, random_state=0
    )
    for one, wanted in zip(ours.increases, theirs.importances_mean, strict=True):
        assert one.low <= wanted <= one.high


def test_columns_of_a_group_are_shuffled_together():
    x = torch.randn(500, 1).repeat(1, 2)  # two copies: alone, each breaks the sum
    y = (x[:, 0] - x[:, 1]).double()
    players = Players(masks=(torch.tensor([[0, 0]]),), names=(("both",),))
    together = permutation_importance(lambda z: z[:, 0] - z[:, 1], x, y, players=players)
    assert together.increases[0].value == 0
    alone = permutation_importance(lambda z: z[:, 0] - z[:, 1], x, y)
    assert alone.increases[0].low > 1


def test_levels_and_flags_are_shuffled_as_they_are():
    rng = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 5, (200, 2), generator=rng)
    truth = (levels[:, 0] > 2).long()
    seen = permutation_importance(lambda z: (z[:, 0] > 2) * 8.0 - 4.0, levels, truth)
    assert seen.loss_name == "log loss"
    assert seen.increases[0].low > 1
    assert seen.increases[1].value == seen.increases[1].low == seen.increases[1].high == 0


def test_no_row_keeps_its_own_numbers():
    x = torch.arange(12.0)[:, None].double()
    kept = []

    def watched(z):
        kept.append(bool((z == x[: len(z)]).any()))
        return z[:, 0]

    permutation_importance(watched, x, x[:, 0], shuffles=11)
    assert kept[-11:] == [False] * 11
    assert len(set(kept)) == 2  # and unshuffled, all do


def test_the_log_loss_of_logits_is_that_of_probabilities():
    logits, truth = torch.tensor([0.0, 2.0]), torch.tensor([1, 0])
    wanted = [np.log(2), np.log(1 + np.exp(2))]
    assert log_loss(logits, truth).tolist() == pytest.approx(wanted)
    both = torch.stack([torch.zeros(2), logits], dim=1)
    assert log_loss(both, truth).tolist() == pytest.approx(wanted)
    steps = torch.stack([both, both], dim=1)
    padded = torch.stack([truth, torch.tensor([-1, 1])], dim=1)
    given = log_loss(steps, padded)
    assert given.tolist() == pytest.approx([wanted[0], (wanted[1] + np.log(1 + np.exp(-2))) / 2])


def test_a_seed_gives_the_same_twice_and_no_generator_moves():
    x, y = drawn(50)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    one, two = (permutation_importance(linear, x, y) for _ in range(2))
    assert one == two
    assert one != permutation_importance(linear, x, y, runtime=Runtime(seed=1))
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert before[2] == random.getstate()


def test_a_model_in_training_is_asked_at_rest_and_left_as_it_came():
    model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Dropout(0.9)).train()
    x, y = drawn(40)
    one, two = (permutation_importance(model, x.float(), y) for _ in range(2))
    assert one == two
    assert model.training


def test_a_batch_of_one_row_gives_the_same_as_all_at_once():
    x, y = drawn(30)
    one, all_ = (
        permutation_importance(linear, x, y, runtime=Runtime(batch_size=n)) for n in (1, 4096)
    )
    assert [a.value for a in one.increases] == pytest.approx([a.value for a in all_.increases])


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"shuffles": 0}, UsageError, "give 1 to 39"),
        ({"loss": "hinge"}, UsageError, "there are log loss"),
        ({"loss": lambda a, b: (a - b).mean()[None]}, UsageError, "one number a row"),
        ({"truth": torch.zeros(3)}, DataError, "3 truths for 40 rows"),
    ],
)
def test_bad_options_are_told_in_one_line(given, kind, words):
    x, y = drawn(40)
    with pytest.raises(kind, match=words) as told:
        permutation_importance(linear, x, given.pop("truth", y), **given)
    assert "\n" not in str(told.value)


def test_rows_with_players_of_their_own_are_refused():
    players = Players(masks=(torch.zeros(40, 3).long(),), names=(("a",),) * 40)
    with pytest.raises(UsageError, match="the same in every row"):
        permutation_importance(linear, *drawn(40), players=players)
