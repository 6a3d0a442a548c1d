"""KernelSHAP meets what enumeration says, and is as sure of it as it says."""

import math

import numpy as np
import pytest
import torch

from auditkit.attribution.base import question_of
from auditkit.attribution.shapley import kernel, permutations
from auditkit.attribution.shapley.design import designed
from auditkit.attribution.shapley.exact import exact, weights
from auditkit.attribution.shapley.game import game_of
from auditkit.attribution.shapley.surrogate import fitted
from auditkit.runtime import Runtime


def network(k, rows=6, seed=0):
    """A game of a small network whose interactions are not small."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Linear(k, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
        for weight in model.parameters():
            weight.data *= 2
        rows = torch.randn(rows, k)
    return game_of(question_of(model, (rows,), runtime=Runtime()))


def only(rounds):
    *_, last = rounds
    return last


def everything(k):
    return (torch.arange(2**k)[:, None] >> torch.arange(k) & 1).bool()


def test_the_weights_of_all_coalitions_are_the_mean_over_all_orders():
    values = torch.tensor([0.0, 1.0, 5.0, 7.0]).double()  # none, {0}, {1}, both
    # player 0 first: 1, second: 7 - 5 = 2; player 1 first: 5, second: 6
    assert (values @ weights(everything(2))).tolist() == [1.5, 5.5]


@pytest.mark.parametrize("k", [2, 3, 4, 5, 8])
def test_a_budget_for_all_coalitions_gives_the_exact_values_without_an_error(k):
    game = network(k)
    found = only(kernel.sampled(game, [2 * 2**k], 0))
    torch.testing.assert_close(found.values, exact(game), rtol=0, atol=1e-12)
    assert float(found.errors.max()) == 0


def test_one_player_has_it_all():
    game = network(1)
    found = only(kernel.sampled(game, [8], 0))
    torch.testing.assert_close(found.values, exact(game))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("k", [11, 12])
def test_its_standard_errors_cover_the_exact_values(k, whole):
    game = network(k, rows=16)
    truth = exact(game)
    inside, bias = [], torch.zeros_like(truth)
    for seed in range(40):
        found = only(kernel.sampled(game, [240], seed, whole=whole))
        away = found.values - truth
        bias += away / found.errors / 40
        inside.append((away.abs() <= 1.96 * found.errors).double().mean())
    assert float(torch.stack(inside).mean()) >= 0.94
    assert float(bias.abs().mean()) * math.sqrt(40) < 1.2  # |N(0, 1)| has a mean of .8


def test_its_errors_fall_by_half_at_four_times_the_budget_and_more():
    game = network(12)
    few, many = (only(kernel.sampled(game, [n], 0)).errors.mean() for n in (250, 1000))
    assert float(many) < 0.5 * float(few)


def test_interactions_of_three_cost_less_than_a_straight_fit(monkeypatch):
    game = network(12, rows=16)
    truth = exact(game)

    def missed():
        found = [only(kernel.sampled(game, [1000], seed)).values - truth for seed in range(4)]
        return float(torch.stack(found).square().mean().sqrt())

    with_triples = missed()
    monkeypatch.setattr(kernel, "TRIPLES", (0.0,))
    assert with_triples < 0.7 * missed()


def test_a_function_of_degree_three_is_fitted_with_its_shapley_values():
    rng = np.random.default_rng(0)
    sets = everything(6)
    signs = sets.double() * 2 - 1
    truth, values = torch.zeros(6, dtype=torch.float64), torch.zeros(64, dtype=torch.float64)
    for players in [(0,), (3,), (0, 1, 2), (2, 4, 5)]:
        b = float(rng.normal())
        values += b * signs[:, players].prod(dim=1)  # D of a term: b/2 in v, which swings by b
        truth[list(players)] += b / len(players)
    predicted, shares = fitted(sets, values[:, None], values[-1:], sets, triples=1e6)
    torch.testing.assert_close(predicted[:, 0], values, rtol=0, atol=1e-4)
    torch.testing.assert_close(shares[:, 0], truth, rtol=0, atol=1e-4)


@pytest.mark.parametrize("k", [5, 6, 9, 24, 61])
def test_a_design_keeps_its_budget_and_draws_no_pair_twice(k):
    strata = designed(k, 300, 0)
    sets = torch.cat([one.coalitions for one in strata])
    pairs = {min(tuple(one), tuple(not i for i in one)) for one in sets.tolist()}
    assert len(pairs) == len(sets) <= 300 + 2 * len(strata)
    assert all((one.coalitions.sum(1) == one.size).all() for one in strata if 2 * one.size < k)


def test_a_larger_budget_begins_with_the_coalitions_of_a_smaller():
    few, many = designed(24, 100, 3), designed(24, 1000, 3)
    for a, b in zip(few, many, strict=True):
        if a.whole == b.whole:
            assert torch.equal(a.coalitions, b.coalitions[: len(a.coalitions)])


def test_rounds_give_what_the_whole_budget_gives_at_once():
    game = network(12)
    rounds = only(kernel.sampled(game, [100, 300, 900], 5))
    once = only(kernel.sampled(game, [900], 5))
    torch.testing.assert_close(rounds.values, once.values)
    torch.testing.assert_close(rounds.errors, once.errors)


def test_permutations_cover_the_exact_values():
    game = network(9, rows=16)
    truth = exact(game)
    inside = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = only(permutations.permuted(game, [16 * 20], rng))
        inside.append(((found.values - truth).abs() <= 1.96 * found.errors).double().mean())
    assert 0.94 <= float(torch.stack(inside).mean()) <= 0.98


def test_a_permutation_and_its_reverse_know_a_game_of_pairs_exactly():
    question = question_of(
        lambda x: x[:, 0] * x[:, 1] + x[:, 2], (torch.ones(1, 3),), runtime=Runtime()
    )
    found = only(permutations.permuted(game_of(question), [40], np.random.default_rng(0)))
    assert found.values.tolist() == [[0.5, 0.5, 1.0]]
    assert float(found.errors.max()) == 0


def test_permutations_go_on_where_a_round_ended():
    game = network(6)
    rounds = only(permutations.permuted(game, [80, 300], np.random.default_rng(1)))
    once = only(permutations.permuted(game, [300], np.random.default_rng(1)))
    torch.testing.assert_close(rounds.values, once.values)
    torch.testing.assert_close(rounds.errors, once.errors)
