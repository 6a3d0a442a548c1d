from collections.abc import Iterator

import pytest
import torch
from torch import nn

from auditkit.probing.units.census import UnitCount, layer_census, unit_census


class Echo(nn.Module):
    """Hands its input to one activation, so that a test can plant what each unit is asked."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(inputs)


def census(activation: nn.Module, *batches: torch.Tensor) -> UnitCount:
    return unit_census(Echo(activation), [(one,) for one in batches])


def units(*columns: list[float]) -> torch.Tensor:
    """(rows, units) from the values of each unit."""
    return torch.tensor(columns).T


def network(dead: int) -> nn.Sequential:
    torch.manual_seed(0)
    first = nn.Linear(4, 10)
    with torch.no_grad():
        first.bias[:dead] = -1e6
        first.bias[dead:] = 10.0
    return nn.Sequential(first, nn.ReLU(), nn.Linear(10, 1))


def rows() -> torch.Tensor:
    return torch.randn(50, 4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("dead", [0, 3, 10])
def test_planted_dead_units_are_counted(dead):
    count = unit_census(network(dead), [(rows(),)])
    assert count == UnitCount(dead=dead, saturated=0, total=10)
    assert count.share == dead / 10


def test_a_unit_that_answers_one_row_of_one_batch_lives():
    asleep, awake = torch.full((5, 1), -1.0), torch.tensor([[-1.0], [2.0]])
    assert census(nn.ReLU(), asleep).dead == 1
    assert census(nn.ReLU(), asleep, awake).dead == 0
    assert census(nn.ReLU(), awake, asleep).dead == 0


def test_an_in_place_relu_is_counted_as_any_other():
    assert census(nn.ReLU(inplace=True), units([-1.0, -2.0], [-1.0, 2.0])).dead == 1


def test_a_gelu_is_dead_where_its_input_stays_below_minus_3():
    inputs = units([-3.01, -9.0], [-3.01, -2.9], [-1.0, -1.0], [-8.0, 1.0])
    assert census(nn.GELU(), inputs) == UnitCount(dead=1, saturated=0, total=4)


def test_a_squashing_unit_is_saturated_within_a_hundredth_of_its_range():
    """logit(.99) is 4.595, atanh(.98) is 2.298."""
    sigmoid = units([4.60, -4.60], [4.59, -4.60], [0.0, 0.0])
    assert census(nn.Sigmoid(), sigmoid) == UnitCount(dead=0, saturated=1, total=3)
    tanh = units([2.30, -2.30], [2.29, -2.30], [0.0, 0.0])
    assert census(nn.Tanh(), tanh) == UnitCount(dead=0, saturated=1, total=3)


def test_saturated_is_19_rows_of_20_over_all_batches():
    inputs = torch.full((20, 3), 9.0)
    inputs[0, 1] = 0.0
    inputs[:2, 2] = 0.0
    count = census(nn.Tanh(), inputs[:7], inputs[7:])
    assert count == UnitCount(dead=0, saturated=2, total=3)
    assert count.saturated_share == pytest.approx(2 / 3)


def test_each_step_of_a_sequence_is_a_row():
    steps = torch.full((2, 3, 4), -1.0)  # (B, T, units)
    steps[1, 2, 0] = 1.0
    assert census(nn.ReLU(), steps) == UnitCount(dead=3, saturated=0, total=4)


def test_a_channel_of_maps_is_dead_only_where_every_place_is():
    maps = torch.full((2, 4, 3, 5), -1.0)  # (B, channels, H, W)
    maps[1, 2, 0, 4] = 1.0
    assert census(nn.ReLU(), maps) == UnitCount(dead=3, saturated=0, total=4)
    assert census(nn.Sigmoid(), maps * 0).saturated == 0


def test_batches_and_sequences_of_different_length_are_one_census():
    steps = torch.full((2, 3, 2), -1.0)
    assert census(nn.ReLU(), steps, steps[:1, :2]) == UnitCount(dead=2, saturated=0, total=2)


def test_a_module_used_twice_is_two_layers():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.relu(-self.relu(inputs[:, :2]).sum(dim=1, keepdim=True))

    inputs = units([1.0, 2.0], [-1.0, -2.0], [0.0, 0.0])
    assert unit_census(Twice(), [(inputs,), (inputs,)]) == UnitCount(2, 0, 3)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_came(training):
    model = network(3).train(training)
    unit_census(model, [(rows(),)])
    assert model.training is training
    assert not any(module._forward_hooks for module in model.modules())


def test_a_network_that_is_training_is_counted_at_rest():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.9), nn.ReLU()).train()
    before = [one.clone() for one in model.buffers()]
    drawn = torch.get_rng_state()
    assert unit_census(model, [(torch.eye(4),)]).dead == 0
    assert all(map(torch.equal, model.buffers(), before))
    assert torch.equal(torch.get_rng_state(), drawn)


def test_no_hook_is_left_where_the_network_breaks():
    model = network(3)
    with pytest.raises(RuntimeError, match="shape"):
        unit_census(model, [(torch.zeros(1, 5),)])
    assert not any(module._forward_hooks for module in model.modules())


def test_a_network_without_activations_has_no_share():
    count = unit_census(nn.Linear(4, 1), [(rows(),)])
    assert count.total == 0
    assert count.share != count.share
    assert count.saturated_share != count.saturated_share


def test_each_activation_is_counted_by_its_name():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Tanh())
    with torch.no_grad():
        model[0].bias[:2] = -1e6
        model[2].weight.zero_()
        model[2].bias.copy_(torch.tensor([9.0, 0.0]))
    found = layer_census(model, [(rows(),), (rows(),)])
    assert found == {"1": UnitCount(2, 0, 3), "3": UnitCount(0, 1, 2)}
    assert unit_census(model, [(rows(),)]) == UnitCount(2, 1, 5)


def test_without_activations_no_pass_is_made():
    def refuse() -> Iterator[tuple[torch.Tensor, ...]]:
        raise AssertionError
        yield ()

    assert layer_census(nn.Linear(4, 1), refuse()) == {}
