import math

import numpy as np
import pytest
import torch
from torch import nn

from auditkit.models.batches import Batch, Held
from auditkit.models.figures import census_of, layer_figures, operations_of
from auditkit.models.objectives import Measure

ROWS = Batch(inputs=(torch.ones(6, 3),), targets=torch.zeros(6))
OBJECTIVE = Measure(deviation=1.0)


class Flat(nn.Module):
    """Two linear layers, 3 to 4 to 1, and one answer a row."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.act, self.second = nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.act(self.first(x))).squeeze(-1)


def test_operations_of_linear_layers_by_hand():
    # A row and a weight are a multiplication and an addition: forward, and for the weight's
    # gradient; for the gradient of what came in, too, but of the rows none is asked.
    assert operations_of(Flat(), OBJECTIVE, ROWS) == (2 + 2) * 12 + (2 + 2 + 2) * 4


class Attending(nn.Module):
    """Attention of three steps of width 4 to themselves, without projections."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = x[:, None, :, None].expand(-1, 1, -1, 4).contiguous()  # (B, heads, T, d)
        return nn.functional.scaled_dot_product_attention(steps, steps, steps).mean(dim=(1, 2, 3))


def test_attention_on_a_cpu_is_counted():
    # Two products of 3 x 3 x 4 forward, a multiplication and an addition each, twice that back.
    rows = Batch(inputs=(torch.ones(6, 3, requires_grad=True),), targets=torch.zeros(6))
    assert operations_of(Attending(), OBJECTIVE, rows) == 3 * 2 * 2 * (3 * 3 * 4)


def test_counting_leaves_network_and_generators_as_they_were():
    model = Flat()
    before = [one.clone() for one in model.parameters()]
    state = torch.get_rng_state()
    operations_of(model, OBJECTIVE, ROWS)
    assert all(torch.equal(*both) for both in zip(before, model.parameters(), strict=True))
    assert all(one.grad is None for one in model.parameters())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_what_the_counter_cannot_see_is_not_a_number(kind):
    assert math.isnan(operations_of(nn.Sequential(kind(3, 2)), OBJECTIVE, ROWS))


def test_figures_of_a_step_by_hand():
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[3.0, 4.0]]))
        model[0].bias.zero_()
    model[0].weight.grad = torch.tensor([[6.0, 8.0]])
    model[0].bias.grad = torch.zeros(1)
    found = {}
    with layer_figures(model, found), torch.no_grad():
        model[0].weight -= 0.1 * model[0].weight.grad
    # Of length 5, it moves by a tenth of 10: a fifth of itself. The second has no gradient.
    assert found == {"0": (pytest.approx(10.0), pytest.approx(0.2))}


def test_weights_of_nothing_have_no_ratio_and_a_lone_layer_has_a_name():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    model.weight.grad = torch.ones(1, 1)
    found = {}
    with layer_figures(model, found):
        pass
    assert found["network"][0] == 1.0
    assert math.isnan(found["network"][1])


def test_a_unit_that_never_speaks_is_counted_as_dead():
    model = Flat()
    with torch.no_grad():
        model.first.weight.fill_(1.0)
        model.first.bias.copy_(torch.tensor([1.0, 1.0, 1.0, -100.0]))
    part = Held(inputs=(torch.rand(3000, 3),), targets=torch.zeros(3000))
    count = census_of(model.train(), part, OBJECTIVE)
    assert count.share == pytest.approx(1 / 4)
    assert not model.training
    assert np.isfinite(count.saturated_share)
