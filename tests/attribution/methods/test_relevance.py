"""LRP: the rules by hand, relevance that is kept, and models without a rule."""

import pytest
import torch
from captum.attr import LRP
from torch import nn

from auditkit.attribution import attribute
from auditkit.errors import NotApplicable
from tests.attribution.networks import made


def seeded(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


def without_bias(model):
    for one in model.modules():
        if getattr(one, "bias", None) is not None:
            nn.init.zeros_(one.bias)
        if isinstance(one, nn.BatchNorm2d):
            nn.init.zeros_(one.running_mean)
    return model


def arrived(found):
    return sum(one.flatten(1).sum(dim=1) for one in found.values)


def test_of_one_linear_layer_relevance_is_weight_times_input():
    model, rows = nn.Linear(3, 1, bias=False), torch.randn(2, 3)
    found = attribute("lrp", model, rows)
    torch.testing.assert_close(
        found.value, (model.weight[0] * rows).detach().double(), rtol=1e-4, atol=1e-6
    )


def test_two_layers_by_hand():
    # hidden 3 = 1 + 2 and 1 = 2 - 1; answer 3 * 2 + 1 * 4 = 10: relevances 6 and 4.
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    model[0].weight.data = torch.tensor([[1.0, 1.0], [2.0, -0.5]])
    model[2].weight.data = torch.tensor([[2.0, 4.0]])
    found = attribute("lrp", model, torch.tensor([[1.0, 2.0]]))
    # 6 is shared 1 : 2, 4 is shared 2 : -1
    torch.testing.assert_close(
        found.value, torch.tensor([[2.0 + 8.0, 4.0 - 4.0]]).double(), rtol=0, atol=1e-4
    )


def test_a_pixel_counts_from_the_darkest_it_could_be_where_white_speaks_for():
    # z^B of a 1 x 1 convolution: x w - 0 for w > 0, x w - 1 w for w < 0.
    model = nn.Sequential(nn.Conv2d(2, 1, 1, bias=False), nn.Flatten(), nn.Linear(4, 1, bias=False))
    model[0].weight.data = torch.tensor([[[[2.0]], [[-1.0]]]])
    model[2].weight.data.fill_(1.0)
    pixels = torch.full((1, 2, 2, 2), 0.5)
    found = attribute("lrp", model, pixels)
    # each place: 2 * .5 = 1 and (.5 - 1) * -1 = .5 of its answer 2 * .5 - .5 = .5
    torch.testing.assert_close(
        found.value[0, 0], torch.full((2, 2), 1 / 3).double(), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        found.value[0, 1], torch.full((2, 2), 1 / 6).double(), rtol=1e-4, atol=0
    )


def test_gamma_favours_what_speaks_for():
    model = nn.Sequential(nn.Conv1d(1, 1, 2, bias=False), nn.Flatten())
    model[0].weight.data = torch.tensor([[[3.0, -1.0]]])
    row = torch.tensor([[[1.0, 1.0]]])
    # 3 (1 + gamma) and -1, of the answer 2
    plain = attribute("lrp", model, row, gamma=0.0).value.flatten()
    torch.testing.assert_close(plain, torch.tensor([3.0, -1.0]).double(), rtol=1e-4, atol=0)
    found = attribute("lrp", model, row, gamma=1.0).value.flatten()
    torch.testing.assert_close(found, torch.tensor([2 * 6 / 5, -2 / 5]).double(), rtol=1e-4, atol=0)


def test_captum_divides_alike_by_epsilon():
    model, rows = seeded(
        lambda: (
            nn.Sequential(
                *(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3))
            ),
            torch.randn(4, 5),
        )
    )
    theirs = LRP(model).attribute(rows.clone().requires_grad_(), target=1)
    for one in model.modules():  # what captum leaves behind
        vars(one).pop("rule", None)
    ours = attribute("lrp", model, rows, 1)
    torch.testing.assert_close(ours.value, theirs.detach().double(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["cnn", "discriminator", "plain discriminator"])
def test_without_biases_all_relevance_arrives(name):
    model, inputs, targets = made(name)
    found = attribute("lrp", without_bias(model), inputs, targets)
    torch.testing.assert_close(arrived(found), found.answers, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["fnn", "cnn", "discriminator", "plain discriminator"])
def test_what_arrives_and_what_biases_took_is_the_answer(name):
    model, inputs, targets = made(name)
    found = attribute("lrp", model, inputs, targets)
    took = float(found.note.split()[2])
    assert float(arrived(found).sum()) + took == pytest.approx(
        float(found.answers.sum()), rel=0.02, abs=1e-3
    )


def test_a_normalisation_is_folded_into_its_convolution():
    model, rows = seeded(
        lambda: (
            nn.Sequential(
                nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1)
            ),
            torch.randn(3, 2, 5),
        )
    )
    norm = model[1].eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    folded = nn.Sequential(nn.Conv1d(2, 3, 2), *model[2:])
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded[0].weight.data = (model[0].weight * scale[:, None, None]).detach()
    folded[0].bias.data = ((model[0].bias - norm.running_mean) * scale + norm.bias).detach()
    ours, wanted = (attribute("lrp", one, rows) for one in (model, folded))
    torch.testing.assert_close(ours.value, wanted.value, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "function"), [("lstm", "lstm"), ("encoder", "layer_norm"), ("gru", "gru")]
)
def test_a_function_without_a_rule_is_named(name, function):
    model, inputs, targets = made(name)
    with pytest.raises(NotApplicable, match=f"there is no rule for .*{function}.*these can"):
        attribute("lrp", model, inputs, targets)
    assert not any(hasattr(one, "rule") for one in model.modules())
