"""Influence through all weights: where the network is linear, that of the last layer."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call

from auditkit.attribution.training_rows.gradients import RowGradients, Rows
from auditkit.attribution.training_rows.influence import Influence
from auditkit.attribution.training_rows.last_layer import features_of, last_layer
from auditkit.attribution.training_rows.losses import Softmax
from auditkit.attribution.training_rows.network import _Bend, network_influence
from auditkit.errors import ModelError, UsageError
from tests.attribution.training_rows.test_tracin import our, rows, seeded


def mlp() -> nn.Module:
    return seeded(lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))).double()


def doubled(given: Rows) -> Rows:
    return Rows(inputs=tuple(one.double() for one in given.inputs), targets=given.targets)


def written(model, given, form):
    """The curvature of the summed loss, written down by torch's own derivatives."""
    names = [name for name, _ in model.named_parameters()]
    shapes = [one.shape for one in model.parameters()]
    sizes = [one.numel() for one in model.parameters()]
    flat = torch.cat([one.detach().flatten() for one in model.parameters()])

    def outputs(vector):
        parts = [p.view(s) for p, s in zip(vector.split(sizes), shapes, strict=True)]
        return functional_call(model, dict(zip(names, parts, strict=True)), given.inputs)

    if form == "hessian":
        return torch.autograd.functional.hessian(
            lambda v: Softmax()(outputs(v), given.targets).sum(), flat
        )
    jacobian = torch.autograd.functional.jacobian(outputs, flat)  # (n, K, P)
    bend = Softmax().bent(outputs(flat), torch.eye(3, dtype=torch.float64).expand(len(given), 3, 3))
    return torch.einsum("nkp,nkl,nlq->pq", jacobian, bend, jacobian)


@pytest.mark.parametrize("form", ["gauss-newton", "hessian"])
def test_products_are_those_of_the_curvature_written_down(form):
    model, given = mlp(), doubled(rows(20))
    vectors = torch.randn(3, 39, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = _Bend(RowGradients(model, Softmax()), given, Softmax(), form)(vectors)
    assert torch.allclose(found, vectors @ written(model, given, form), atol=1e-9)


@pytest.mark.parametrize("form", ["gauss-newton", "hessian"])
def test_of_a_linear_network_it_is_the_last_layers(form):
    model = seeded(lambda: nn.Linear(5, 3)).double()
    train, explained = doubled(rows(60)), doubled(rows(4, seed=1))
    layer = last_layer(model, train.inputs)
    own, other = (features_of(model, layer, one.inputs) for one in (train, explained))
    found = network_influence(
        model, train, explained, Softmax(), damping=1e-3, form=form, tolerance=1e-10
    )
    # The mean diagonal is estimated there and known here: the damping differs by that.
    exact = Influence.of(layer, own, train.targets, Softmax(), damping=1e-3)
    wanted = exact.on_loss(other, explained.targets)
    assert float((found - wanted).abs().max()) < 0.02 * float(wanted.abs().max())


def test_of_one_layer_it_is_that_layers_alone():
    model, train, explained = mlp(), doubled(rows(60)), doubled(rows(4, seed=1))
    layer = last_layer(model, train.inputs)
    own, other = (features_of(model, layer, one.inputs) for one in (train, explained))
    found = network_influence(
        model, train, explained, Softmax(), damping=1e-3, below="2", tolerance=1e-10
    )
    wanted = Influence.of(layer, own, train.targets, Softmax(), damping=1e-3)
    wanted = wanted.on_loss(other, explained.targets)
    both = torch.stack([found.flatten(), wanted.flatten()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.995


@pytest.mark.parametrize("name", ["fnn", "cnn", "lstm", "encoder"])
def test_it_asks_every_network_and_changes_none(name):
    model, given, loss = our(name, 12)
    before = copy.deepcopy(model.state_dict())
    found = network_influence(model, given, given.at(slice(0, 2)), loss, damping=1.0)
    assert found.shape == (2, 12)
    assert torch.isfinite(found).all()
    assert all(float(found[i, i]) > 0 for i in range(2))  # what it learned of itself helped
    assert all(torch.equal(one, before[key]) for key, one in model.state_dict().items())


def test_a_hessian_that_is_not_positive_is_found_out_and_a_form_that_is_none_refused():
    model, given = mlp(), doubled(rows(20))
    with pytest.raises(ModelError, match="not positive"):
        network_influence(model, given, given, Softmax(), damping=0.0, form="hessian")
    with pytest.raises(UsageError, match="gauss-newton"):
        network_influence(model, given, given, Softmax(), form="fisher")
