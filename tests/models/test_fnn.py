import numpy as np
import pytest
import torch

from auditkit.models.fnn import FNN, FNNOptions, Periodic, PiecewiseLinear

EDGES = (np.array([0.0, 1.0, 3.0]), np.array([-1.0, 1.0]))


def come(layer: PiecewiseLinear, numbers: torch.Tensor) -> torch.Tensor:
    return ((numbers.unsqueeze(-1) - layer.lower) / layer.width).clamp(0, 1)


def test_a_number_is_how_far_it_has_come_through_each_bin():
    layer = PiecewiseLinear(EDGES, size=2)
    seen = come(layer, torch.tensor([[2.0, 0.0], [-5.0, 9.0], [0.5, -1.0]]))
    # The second column has one bin; its second place stays 0.
    wanted = [[[1.0, 0.5], [0.5, 0.0]], [[0.0, 0.0], [1.0, 0.0]], [[0.5, 0.0], [0.0, 0.0]]]
    assert torch.allclose(seen, torch.tensor(wanted))


def test_the_code_is_continuous_across_an_edge():
    torch.manual_seed(0)
    layer = PiecewiseLinear(EDGES, size=4)
    near = torch.tensor([[1.0 - 1e-5, 0.0], [1.0 + 1e-5, 0.0]])
    below, above = layer(near)
    assert torch.allclose(below, above, atol=1e-3)


def test_a_level_never_seen_is_a_zero_vector():
    model = FNN(EDGES, levels=(5, 3))
    assert torch.equal(model.categorical[0](torch.tensor([0])), torch.zeros(1, 16))


@pytest.mark.parametrize("numeric", ["piecewise", "periodic"])
@pytest.mark.parametrize(("edges", "levels"), [(EDGES, (5, 3)), ((), (4,)), (EDGES, ())])
def test_it_gives_one_logit_a_row_and_every_weight_a_gradient(numeric, edges, levels):
    torch.manual_seed(0)
    model = FNN(edges, levels, FNNOptions(width=8, depth=1, embedding=4, numeric=numeric))
    n = 6
    inputs = (
        torch.randn(n, len(edges)),
        torch.zeros(n, len(edges), dtype=torch.bool),
        torch.ones(n, len(levels), dtype=torch.int64),
    )
    logits = model(*inputs)
    assert logits.shape == (n,)
    logits.sum().backward()
    assert all(one.grad is not None for one in model.parameters() if one.numel())


def test_periodic_codes_repeat():
    torch.manual_seed(0)
    layer = Periodic(1, size=3, frequencies=1)
    with torch.no_grad():
        layer.frequency.fill_(0.5)
    same = layer(torch.tensor([[0.3], [2.3]]))
    assert torch.allclose(same[0], same[1], atol=1e-5)
