"""DeepLIFT and guided backprop: their rules, and where they must refuse."""

import pytest
import torch
import torch.nn.functional as F
from captum.attr import DeepLift, GuidedBackprop
from torch import nn

from auditkit.attribution import METHODS, attribute
from auditkit.attribution.base import question_of
from auditkit.errors import NotApplicable
from auditkit.runtime import Runtime
from tests.attribution.networks import made


def seeded(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


class Called(nn.Module):
    """ReLU, sigmoid and pooling called as functions: captum's DeepLift does not see them."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 3, 3), nn.Linear(27, 2)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.first(x)), 2)
        return self.last((x.sigmoid() * 2).flatten(1))


def test_where_the_answer_saturates_deeplift_sees_the_change():
    class Saturated(nn.Module):
        def forward(self, x):
            return 1 - F.relu(1 - x[:, 0])

    assert attribute("deeplift", Saturated(), torch.tensor([[2.0]])).value.item() == 1


def test_rescaling_by_hand():
    # relu(2 x - 1) at 3 from 0: 5 over an input that changed by 6; the slope alone gives 6.
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    model[0].weight.data.fill_(2.0)
    model[0].bias.data.fill_(-1.0)
    assert attribute("deeplift", model, torch.tensor([[3.0]])).value.item() == pytest.approx(5)
    assert attribute("input_x_gradient", model, torch.tensor([[3.0]])).value.item() == 6


def test_functions_count_whether_a_module_or_a_line_of_code_calls_them():
    model, rows = seeded(lambda: (Called(), torch.rand(4, 1, 8, 8)))
    found = attribute("deeplift", model, rows, 1, baselines=torch.rand(2, 1, 8, 8))
    assert found.gap.abs().max() < 1e-5
    assert found.value.abs().max() > 1e-3


def test_captum_agrees_where_every_function_is_a_module():
    model, rows = seeded(
        lambda: (
            nn.Sequential(
                *(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2)),
                *(nn.Conv2d(4, 4, 2), nn.Sigmoid(), nn.Flatten(), nn.Linear(16, 3)),
            ),
            torch.rand(3, 1, 8, 8),
        )
    )
    base = torch.full((1, 1, 8, 8), 0.3)
    with pytest.warns(UserWarning, match="Setting forward, backward hooks"):
        theirs = DeepLift(model).attribute(rows.clone().requires_grad_(), base, target=2)
    ours = attribute("deeplift", model, rows, 2, baselines=base)
    torch.testing.assert_close(ours.value, theirs.detach().double(), rtol=0, atol=1e-5)


def test_pools_that_overlap_or_follow_an_activation_add_up():
    # captum misses the change by up to .12 where a pool directly follows an activation.
    model, rows = seeded(
        lambda: (
            nn.Sequential(
                *(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(3, 1), nn.Sigmoid()),
                *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 1)),
            ),
            torch.rand(3, 1, 8, 8),
        )
    )
    found = attribute("deeplift", model, rows, baselines=torch.rand(1, 1, 8, 8))
    assert found.gap.abs().max() < 1e-5


@pytest.mark.parametrize("name", ["gru", "lstm", "rnn", "encoder", "encoder-decoder", "decoder"])
def test_deeplift_refuses_gates_attention_and_normalisation_by_the_row(name):
    model, inputs, targets = made(name)
    with pytest.raises(NotApplicable, match=r"its numbers miss the answer's change by .*these can"):
        attribute("deeplift", model, inputs, targets)


def test_deeplift_refuses_layer_norm_with_gelu():
    model, rows = seeded(
        lambda: (
            nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 1)),
            torch.randn(4, 4),
        )
    )
    with pytest.raises(NotApplicable, match="a part of the model has no rule"):
        attribute("deeplift", model, rows)


def test_a_row_that_only_the_whole_run_sees_is_refused_as_well():
    class Late(nn.Module):
        """Multiplies its inputs where the first is above 5."""

        def forward(self, x):
            return torch.where(x[:, 0] > 5, x[:, 0] * x[:, 1], x[:, 1])

    rows = torch.cat([torch.ones(8, 2), torch.full((1, 2), 7.0)])
    assert METHODS["deeplift"].can(question_of(Late(), (rows,), runtime=Runtime())) == ""
    with pytest.raises(NotApplicable, match="deeplift cannot explain this model"):
        attribute("deeplift", Late(), rows)


@pytest.mark.parametrize("name", ["fnn", "cnn", "gan", "discriminator", "plain discriminator"])
def test_deeplift_explains_networks_of_layers(name):
    model, inputs, targets = made(name)
    found = attribute("deeplift", model, inputs, targets)
    assert bool((found.gap.abs() <= 0.01 * (found.answers - found.reference).abs() + 1e-4).all())


def test_guided_backprop_hands_back_gains_alone():
    # -relu(x): the slope -1 stops at the ReLU.
    class Minus(nn.Module):
        def forward(self, x):
            return (-torch.relu(x)).sum(dim=1) + x[:, 0]

    found = attribute("guided_backprop", Minus(), torch.tensor([[1.0, 2.0]]))
    assert found.value.tolist() == [[1.0, 0.0]]


def test_captum_guides_alike():
    model, inputs, targets = made("cnn")
    with pytest.warns(UserWarning, match="Setting backward hooks"):
        theirs = GuidedBackprop(model).attribute(inputs[0].clone().requires_grad_(), target=2)
    ours = attribute("guided_backprop", model, inputs, targets)
    torch.testing.assert_close(ours.value, theirs.detach().double(), rtol=1e-4, atol=1e-6)


def test_a_relu_that_works_in_place_is_no_other():
    model, rows = seeded(
        lambda: (nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)), torch.randn(3, 4))
    )
    for method in ("guided_backprop", "deeplift", "lrp"):
        apart = attribute(method, model, rows).value
        model[1].inplace = True
        assert torch.equal(attribute(method, model, rows).value, apart)
        model[1].inplace = False


def test_without_a_relu_there_is_nothing_to_guide():
    with pytest.raises(NotApplicable, match="no ReLU is on the way"):
        attribute("guided_backprop", nn.Linear(3, 1), torch.ones(1, 3))
