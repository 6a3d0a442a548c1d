"""Shapley values as a caller asks for them: their laws, their budgets, what they leave behind."""

import random

import numpy as np
import pytest
import torch
from captum.attr import ShapleyValues

from auditkit.attribution.base import attribute
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import HELD, Players
from auditkit.errors import UsageError
from auditkit.runtime import Runtime

SAMPLED = ("kernel_shap", "shapley_sampling")
ALL = ("shapley", *SAMPLED)


def known(x):
    return x[:, 0] * x[:, 1] + 2 * x[:, 2] + x[:, 0] * x[:, 1] * x[:, 3]


def network(k=16, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Linear(k, 24), torch.nn.Tanh(), torch.nn.Linear(24, 3))
        for weight in model.parameters():
            weight.data *= 2
        return model, torch.randn(5, k)


def agrees(found, wanted, sigmas=4.5):
    away = (found.value - torch.as_tensor(wanted, dtype=torch.float64)).abs()
    assert bool((away <= sigmas * found.errors[0] + 1e-9).all()), (found.value, wanted)


@pytest.mark.parametrize("method", ALL)
def test_the_game_of_the_textbook(method):
    found = attribute(method, known, torch.ones(1, 4))
    agrees(found, [[5 / 6, 5 / 6, 2, 1 / 3]])
    if method != "shapley_sampling":
        torch.testing.assert_close(found.value, torch.tensor([[5 / 6, 5 / 6, 2, 1 / 3]]).double())


@pytest.mark.parametrize("method", ALL)
def test_four_that_are_only_worth_something_together_get_a_quarter_each(method):
    agrees(attribute(method, lambda x: x.prod(dim=1), torch.ones(1, 4)), [[0.25] * 4])


@pytest.mark.parametrize("method", ALL)
def test_a_linear_model_gives_weight_times_distance_without_an_error(method):
    rows, base = torch.randn(6, 20).double(), torch.randn(1, 20).double()
    weights = torch.linspace(-3, 3, 20).double()
    found = attribute(method, lambda x: x @ weights + 7, rows, baselines=base)
    torch.testing.assert_close(found.value, weights * (rows - base), rtol=0, atol=1e-9)
    assert float(found.errors[0].max()) < 1e-8


@pytest.mark.parametrize("method", ALL)
def test_they_add_up_to_answer_minus_reference(method):
    model, rows = network()
    found = attribute(method, model, rows, 1, **({"exact": 0} if method == "shapley" else {}))
    assert float(found.gap.abs().max()) < 1e-6  # the reference is another pass in float32


@pytest.mark.parametrize("method", SAMPLED)
def test_a_sampled_value_agrees_with_the_exact_one_within_its_standard_errors(method):
    model, rows = network(12)
    truth = attribute("shapley", model, rows, 0).value
    found = attribute(method, model, rows, 0, evaluations=600)
    agrees(found, truth)
    assert 0 < float(found.errors[0].max()) < 0.3


def test_both_samplers_agree_where_nothing_can_be_enumerated():
    model, rows = network(30)
    one, two = (attribute(name, model, rows, 0) for name in SAMPLED)
    away = (one.value - two.value).abs() / (one.errors[0] ** 2 + two.errors[0] ** 2).sqrt()
    assert float(away.max()) < 4.5
    assert float(one.errors[0].mean()) < float(two.errors[0].mean())


def test_captum_says_the_same_in_single_precision():
    model, rows = network(6)
    truth = ShapleyValues(model).attribute(rows, target=0, perturbations_per_eval=8)
    found = attribute("shapley", model, rows, 0)
    torch.testing.assert_close(found.value, truth.double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", ALL)
def test_players_that_do_the_same_get_the_same_and_one_that_does_nothing_gets_nothing(method):
    def model(x):
        return torch.tanh(x[:, 0] + x[:, 1]) * x[:, 2]

    found = attribute(method, model, torch.tensor([[1.0, 1.0, 2.0, 5.0]]))
    value, error = found.value[0], found.errors[0][0]
    assert abs(value[0] - value[1]) <= 4.5 * (error[0] + error[1]) + 1e-12
    assert abs(value[3]) <= 4.5 * error[3] + 1e-12


def test_the_values_of_a_sum_are_the_sum_of_the_values():
    model, rows = network(7)
    one, two = (attribute("shapley", model, rows, k).value for k in (0, 1))
    both = attribute("shapley", lambda x: 3 * model(x)[:, 0] - model(x)[:, 1], rows).value
    torch.testing.assert_close(both, 3 * one - two, rtol=0, atol=1e-5)


def test_several_baselines_give_the_mean_of_the_values_from_each():
    model, rows = network(6)
    start = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    each = [attribute("shapley", model, rows, 0, baselines=one[None]).value for one in start]
    found = attribute("shapley", model, rows, 0, baselines=start)
    torch.testing.assert_close(found.value, torch.stack(each).mean(dim=0), rtol=0, atol=1e-5)


def test_groups_are_players_and_what_is_held_gets_nothing():
    players = Players(masks=(torch.tensor([[0, 0, 1, HELD]]),), names=(("pair", "third"),))
    found = attribute("shapley", known, torch.ones(1, 4), players=players)
    # v({}) = 0, v(pair) = 1 + 1 (the fourth stays in), v(third) = 2, both 4
    assert found.value.tolist() == [[1.0, 1.0, 2.0, 0.0]]
    assert found.of(players).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("row", [[3.0], [3.0, 0.0]])  # alone, or alone in not being the baseline's
def test_one_player_gets_all_of_it(method, row):
    found = attribute(method, lambda x: x[:, 0] ** 2, torch.tensor([row]))
    assert found.value.tolist() == [[9.0, 0.0][: len(row)]]
    assert found.errors[0].tolist() == [[0.0] * len(row)]


@pytest.mark.parametrize("method", ALL)
def test_a_row_that_is_its_baseline_gets_noughts(method):
    found = attribute(method, known, torch.zeros(2, 4))
    assert found.value.tolist() == [[0.0] * 4] * 2
    assert found.note == ""


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("players", [7, 20])
def test_a_constant_model_gives_noughts_without_an_error(method, players):
    found = attribute(method, lambda x: torch.full((len(x),), 0.1), torch.ones(1, players))
    assert float(found.value.abs().max()) == 0
    assert float(found.errors[0].max()) == 0


@pytest.mark.parametrize("method", ALL)
def test_whole_numbers_and_rows_with_fewer_players_are_served(method):
    words = torch.tensor([[5, 6, 7, 2], [8, 9, 0, 0]])
    masks = (torch.tensor([[0, 1, 2, 3], [0, 1, HELD, HELD]]),)
    players = Players(masks=masks, names=(tuple("abcd"), ("e", "f")))
    found = attribute(method, lambda x: x.double().sum(dim=1), words, players=players)
    torch.testing.assert_close(found.value, words.double(), rtol=0, atol=1e-9)


def test_a_paired_baseline_is_each_rows_own():
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    own = Baseline(name="own", rows=(rows - torch.tensor([[1.0, 0.0], [0.0, 2.0]]),), paired=True)
    found = attribute("shapley", lambda x: x.sum(dim=1), rows, baselines=own)
    assert found.value.tolist() == [[1.0, 0.0], [0.0, 2.0]]


def test_few_players_are_enumerated_and_many_sampled():
    model, rows = network(15)
    few = attribute("shapley", model, rows[:1, :], 0)
    assert float(few.errors[0].max()) > 0  # 2^15 are more than 2^14
    assert float(attribute("shapley", *network(14), 0).errors[0].max()) == 0
    start = torch.randn(3, 13)
    many = attribute("shapley", *network(13), 0, baselines=start)
    assert float(many.errors[0].max()) > 0  # 3 x 2^13 as well


def test_a_tolerance_ends_the_sampling_and_what_was_not_reached_is_said():
    model, rows = network(24)
    loose = attribute("kernel_shap", model, rows, 0, tolerance=0.05)
    tight = attribute("kernel_shap", model, rows, 0, tolerance=0.01)
    assert loose.forward < tight.forward
    assert float(loose.errors[0].max()) <= 0.05
    assert float(tight.errors[0].max()) <= 0.01
    assert loose.note == tight.note == ""
    missed = attribute("kernel_shap", model, rows, 0, tolerance=1e-9, evaluations=300)
    assert "not the 1e-09 asked for" in missed.note
    assert "after 290 coalitions a row" in missed.note


@pytest.mark.parametrize("method", SAMPLED)
def test_a_time_budget_ends_the_sampling_and_says_so(method):
    model, rows = network(24)
    found = attribute(method, model, rows, 0, seconds=1e-6)
    assert "stopped at the time budget" in found.note
    assert found.forward < 5000


@pytest.mark.parametrize("method", SAMPLED)
def test_a_seed_gives_the_same_twice_and_another_gives_others(method):
    model, rows = network(20)
    one, two, other = (
        attribute(method, model, rows, 0, runtime=Runtime(seed=seed)).value for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("method", ALL)
def test_no_generator_moves_and_the_model_leaves_as_it_came(method):
    model, rows = network(16)
    model = torch.nn.Sequential(model, torch.nn.Dropout(0.5)).train()
    model[0].eval()
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    attribute(method, model, rows, 0)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert before[2] == random.getstate()
    assert [model.training, model[0].training, model[1].training] == [True, False, True]
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    assert not any(one._forward_hooks for one in model.modules())


def test_one_row_gets_what_it_gets_among_others():
    model, rows = network(10)
    alone = attribute("shapley", model, rows[2:3], 0).value
    torch.testing.assert_close(alone[0], attribute("shapley", model, rows, 0).value[2])


@pytest.mark.parametrize("method", SAMPLED)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"evaluations": 10}, "at least"),
        ({"tolerance": -1.0}, "0 or more"),
        ({"seconds": 0}, "more than 0"),
        ({"evaluation": 10}, "did you mean 'evaluations'"),
    ],
)
def test_bad_options_are_told_in_one_line(method, options, words):
    with pytest.raises(UsageError, match=words) as told:
        attribute(method, *network(24), 0, **options)
    assert "\n" not in str(told.value)
