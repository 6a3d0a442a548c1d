"""The last linear layer is found by what a network does, and refused where it is not the answer."""

import pytest
import torch
from torch import nn

from auditkit.attribution.training_rows.last_layer import features_of, last_layer
from auditkit.errors import ModelError
from auditkit.models.base import fed
from tests.media import TABLES, trained

X = torch.randn(9, 5, generator=torch.Generator().manual_seed(0))


def network(*end: nn.Module, out: int = 3, bias: bool = True) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(5, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, out, bias=bias), *end
        )


class Scaled(nn.Module):
    def forward(self, x):
        return 30 + 7 * x.squeeze(-1)


class Squashed(nn.Module):
    def forward(self, x):
        return x**2


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 5)

    def forward(self, x):
        return self.layer(torch.relu(self.layer(x)))


@pytest.mark.parametrize("bias", [True, False])
def test_its_outputs_of_its_features_are_the_networks_answer(bias):
    model = network(bias=bias)
    layer = last_layer(model, (X,))
    assert layer.name == "3"
    assert (layer.biased, layer.squashed) == (bias, False)
    features = features_of(model, layer, (X,), at_once=4)
    assert features.shape == (9, 6 + bias)
    assert torch.allclose(layer.outputs(features), model.eval()(X).double(), atol=1e-6)


def test_a_number_in_its_own_unit_has_a_scale_and_a_shift():
    layer = last_layer(network(Scaled(), out=1), (X,))
    assert (layer.scale, layer.shift) == pytest.approx((7, 30), rel=1e-4)


@pytest.mark.parametrize(("end", "out"), [(nn.Sigmoid(), 1), (nn.Softmax(dim=1), 3)])
def test_probabilities_are_known_for_what_they_are(end, out):
    assert last_layer(network(end, out=out), (X,)).squashed


@pytest.mark.parametrize("name", ["fnn", "cnn", "lstm", "encoder"])
def test_of_our_own_networks_it_is_the_answering_one(name):
    model, card = trained(name)
    arrays = card.encoder.arrays(TABLES[name]().frame.head(30))
    inputs = fed(tuple(map(torch.from_numpy, arrays)), "cpu")
    layer = last_layer(model, inputs)
    assert layer.name in ("output.linear", "answer.linear")
    answers = model(*inputs).detach().double()
    found = layer.outputs(features_of(model, layer, inputs, at_once=7))
    assert torch.allclose(found.reshape(answers.shape), answers, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (network(Squashed()), "is not what its last linear layer"),
        (network(nn.Flatten(0)), "made of something else"),
        (nn.Sequential(nn.Flatten(), nn.Tanh()), r"no nn\.Linear"),
        (Twice(), "used twice"),
        (nn.Sequential(nn.Unflatten(1, (1, 5)), nn.Linear(5, 2)), "one vector a row"),
        (network(nn.Linear(3, 2), nn.Linear(2, 2), Squashed()), "its last linear layer '5'"),
    ],
)
def test_where_the_answer_is_something_else_it_says_so(model, why):
    with pytest.raises(ModelError, match=why):
        last_layer(model, (X,))


def test_the_model_leaves_as_it_came():
    model = network().train()
    model[1].eval()
    modes = [one.training for one in model.modules()]
    layer = last_layer(model, (X,))
    features_of(model, layer, (X,))
    assert [one.training for one in model.modules()] == modes
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    assert not any(one._forward_hooks for one in model.modules())
