import torch
from torch import nn

from auditkit.probing.units import dead_units


def network(dead: int) -> nn.Sequential:
    torch.manual_seed(0)
    first = nn.Linear(4, 10)
    with torch.no_grad():
        first.bias[:dead] = -1e6
        first.bias[dead:] = 10.0
    return nn.Sequential(first, nn.ReLU(), nn.Linear(10, 1))


def rows() -> torch.Tensor:
    return torch.randn(50, 4, generator=torch.Generator().manual_seed(1))


def test_planted_dead_units_are_counted():
    for dead in (0, 3, 10):
        count = dead_units(network(dead), [(rows(),)])
        assert (count.dead, count.total) == (dead, 10)
        assert count.share == dead / 10


def test_a_unit_that_answers_one_row_of_one_batch_lives():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    with torch.no_grad():
        model[0].weight.fill_(1.0)
    asleep, awake = torch.full((5, 1), -1.0), torch.tensor([[-1.0], [2.0]])
    assert dead_units(model, [(asleep,)]).dead == 1
    assert dead_units(model, [(asleep,), (awake,)]).dead == 0


def test_the_network_is_left_as_it_came():
    model = network(3).train()
    dead_units(model, [(rows(),)])
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_a_network_without_relu_has_no_share():
    count = dead_units(nn.Linear(4, 1), [(rows(),)])
    assert count.total == 0
    assert count.share != count.share
