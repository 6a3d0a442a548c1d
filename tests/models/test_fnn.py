import typing

import numpy as np
import pytest
import torch
from torch import nn

from auditkit.data.schema import Task
from auditkit.models.base import Head
from auditkit.models.fnn import ACTIVATIONS, FNN, FNNOptions, Periodic, PiecewiseLinear

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


def rows(n: int = 6) -> tuple[torch.Tensor, ...]:
    """Numbers of two columns, none missing, and levels of two others."""
    generator = torch.Generator().manual_seed(5)
    levels = torch.randint(0, 3, (n, 2), generator=generator)
    return torch.randn(n, 2, generator=generator), torch.zeros(n, 2, dtype=torch.bool), levels


def network(head: Head, *, seed: int = 0, **options: object) -> FNN:
    torch.manual_seed(seed)
    return FNN(EDGES, (5, 3), FNNOptions(**{"width": 16, "dropout": 0.0, **options}), head)


def test_a_decision_of_the_same_seed_is_the_network_it_always_was():
    """Layers drawn one after another as they stood when .871 was measured on Adult."""
    model = network(Head(task=Task.DECISION)).eval()
    torch.manual_seed(0)
    numeric = PiecewiseLinear(EDGES, 16)
    tables = [nn.Embedding(count, 16, padding_idx=0) for count in (5, 3)]
    plain = nn.Sequential(
        nn.Linear(68, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)
    )
    numbers, missing, levels = rows()
    columns = [numeric(numbers).flatten(1), numbers, missing.float()]
    columns += [table(levels[:, i]) for i, table in enumerate(tables)]
    assert torch.equal(model(*rows()), plain(torch.cat(columns, dim=1)).squeeze(-1))


def test_classes_give_one_logit_each():
    assert network(Head(task=Task.CLASSES, size=4))(*rows()).shape == (6, 4)


def test_a_number_is_in_the_targets_own_unit():
    model = network(Head(task=Task.NUMBER, mean=152.0, deviation=77.0))
    with torch.no_grad():
        model.output.linear.weight.zero_()
        model.output.linear.bias.fill_(2.0)
    assert model(*rows()).tolist() == [306.0] * 6
    assert {"output.mean", "output.deviation"} <= model.state_dict().keys()


def test_every_activation_of_the_options_is_known():
    named = typing.get_args(typing.get_type_hints(FNNOptions)["activation"])
    assert set(named) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_hidden_layers_have_the_activation_asked_for(name):
    model = network(Head(task=Task.DECISION), activation=name)
    found = [type(one) for one in model.modules() if isinstance(one, tuple(ACTIVATIONS.values()))]
    assert found == [ACTIVATIONS[name]] * 2


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_it_learns_what_was_planted_and_its_weights_give_the_same_answers_again(name):
    head = Head(task=Task.CLASSES, size=3)
    model, inputs = network(head, activation=name), rows(64)
    wanted = inputs[2][:, 0]  # the first column's level
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(*inputs), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    again = network(head, seed=1, activation=name).eval()
    assert not torch.equal(again(*inputs), model.eval()(*inputs))
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(*inputs), model(*inputs))


@pytest.mark.parametrize("numeric", ["piecewise", "periodic"])
def test_it_exports_for_any_number_of_rows(numeric):
    model = network(Head(task=Task.DECISION), numeric=numeric).eval()
    batch = {0: torch.export.Dim("rows", min=1, max=1024)}
    program = torch.export.export(model, rows(4), dynamic_shapes=(batch, batch, batch))
    assert torch.allclose(program.module()(*rows(9)), model(*rows(9)), atol=1e-6)
