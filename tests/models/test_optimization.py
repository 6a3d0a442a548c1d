import copy
import math

import pytest
import torch
from torch import nn

from auditkit.models.objectives import Player
from auditkit.models.optimization import Average, optimizer_of, pace, pace_at
from auditkit.models.recipe import Recipe


def player(module: nn.Module, **given: object) -> Player:
    return Player(name="network", module=module, cost=lambda batch: None, **given)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Embedding(5, 3), nn.Linear(3, 4), nn.LayerNorm(4), nn.Unflatten(-1, (1, 2, 2)),
        nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2),
    )  # fmt: skip


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_matrices_and_kernels_decay_and_the_rest_does_not(optimizer):
    model = network()
    recipe = Recipe(optimizer=optimizer, weight_decay=0.3, learning_rate=0.01)
    made = optimizer_of(player(model), recipe)
    decayed, others = made.param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    expected = {id(model[0].weight), id(model[1].weight), id(model[4].weight)}
    assert {id(one) for one in decayed["params"]} == expected
    both = [*decayed["params"], *others["params"]]
    assert sorted(map(id, both)) == sorted(map(id, model.parameters())), "each once"
    assert {group["lr"] for group in made.param_groups} == {0.01}


def test_adam_keeps_the_players_own_memory():
    made = optimizer_of(player(nn.Linear(2, 2), betas=(0.0, 0.99)), Recipe())
    assert {group["betas"] for group in made.param_groups} == {(0.0, 0.99)}


def test_what_does_not_learn_and_what_is_not_there_has_no_group():
    model = nn.Linear(3, 3)
    model.bias.requires_grad_(False)
    made = optimizer_of(player(model), Recipe())
    assert [len(one["params"]) for one in made.param_groups] == [1]


def test_decay_alone_shrinks_a_matrix_by_rate_times_decay():
    model = nn.Linear(2, 2)
    before = copy.deepcopy(model)
    made = optimizer_of(player(model), Recipe(weight_decay=0.5, learning_rate=0.1))
    for one in model.parameters():
        one.grad = torch.zeros_like(one)
    made.step()
    assert torch.allclose(model.weight, before.weight * 0.95)
    assert torch.equal(model.bias, before.bias)


COSINE = Recipe(schedule="cosine", warmup=0.2, learning_rate=0.5)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, 0.01),  # never nothing
        (0.1, 0.5),
        (0.2, 1.0),
        (0.4, 0.5 * (1 + math.cos(math.pi / 4))),
        (0.6, 0.5),
        (1.0, 0.0),
        (1.5, 0.0),
    ],
)
def test_the_pace_rises_and_then_follows_the_cosine(share, expected):
    assert pace_at(COSINE, share) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.01), (0.1, 0.5), (0.2, 1.0), (0.9, 1.0)])
def test_a_constant_pace_holds_after_the_warm_up(share, expected):
    assert pace_at(Recipe(warmup=0.2), share) == pytest.approx(expected)


def test_without_a_warm_up_it_starts_at_once():
    assert pace_at(Recipe(), 0.0) == 1.0
    assert pace_at(Recipe(schedule="cosine"), 0.0) == 1.0


def test_a_warm_up_of_everything_rises_to_the_end():
    recipe = Recipe(schedule="cosine", warmup=1.0)
    assert pace_at(recipe, 0.5) == 0.5
    assert 0 <= pace_at(recipe, 1.0) <= 1


def test_each_player_has_the_pace_times_its_own_rate():
    players = [player(nn.Linear(2, 2)), player(nn.Linear(2, 2), rate=4.0)]
    optimizers = [optimizer_of(one, COSINE) for one in players]
    assert pace(optimizers, players, COSINE, 0.6) == pytest.approx(0.25)
    for optimizer, expected in zip(optimizers, (0.25, 1.0), strict=True):
        assert all(one["lr"] == pytest.approx(expected) for one in optimizer.param_groups)


def walked(decay: float, steps: int) -> tuple[Average, list[torch.Tensor]]:
    """An average of a network that goes through known weights, and these from the first on."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    average = Average(model, decay)
    path = [model.weight.detach().clone()]
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        with torch.no_grad():
            model.weight.copy_(torch.randn(1, 3, generator=generator))
        average.update()
        path.append(model.weight.detach().clone())
    return average, path


@pytest.mark.parametrize("decay", [0.15, 0.9])
def test_the_average_is_the_weighted_sum_it_claims_to_be(decay):
    """Each step's share is what it took in times all that was kept of it afterwards."""
    steps = 12
    average, path = walked(decay, steps)
    kept = [min(decay, (1 + n) / (10 + n)) for n in range(1, steps + 1)]
    shares = [math.prod(kept)]
    shares += [(1 - kept[n]) * math.prod(kept[n + 1 :]) for n in range(steps)]
    assert sum(shares) == pytest.approx(1)
    closed = sum(share * one for share, one in zip(shares, path, strict=True))
    assert torch.allclose(average.model.weight, closed, atol=1e-6)


def test_the_start_does_not_linger():
    average, path = walked(0.999, 1)
    expected = path[0] * 2 / 11 + path[1] * 9 / 11
    assert torch.allclose(average.model.weight, expected)


def test_without_a_decay_it_is_the_network_itself():
    average, path = walked(0.0, 3)
    assert torch.equal(average.model.weight, path[-1])
    assert average.state() == {}


def test_running_means_are_copied():
    model = nn.BatchNorm1d(2)
    average = Average(model, 0.9)
    model(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    average.update()
    assert torch.equal(average.model.running_mean, model.running_mean)
    assert int(average.model.num_batches_tracked) == 1


def test_an_average_that_was_kept_goes_on_as_if_nothing_had_been():
    whole, path = walked(0.9, 6)
    half, _ = walked(0.9, 3)
    state = {name: one.clone() for name, one in half.state().items()}
    source = nn.Linear(3, 1)
    again = Average(source, 0.9)
    again.restore(state)
    for weights in path[4:]:
        with torch.no_grad():
            source.weight.copy_(weights)
        again.update()
    assert torch.allclose(again.model.weight, whole.model.weight)
