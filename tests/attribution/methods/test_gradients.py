"""Saliency, integrated and expected gradients and SmoothGrad, by hand and beside captum."""

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from auditkit.attribution import Baseline, attribute
from auditkit.attribution.paths import Walk, walked
from auditkit.runtime import Runtime
from tests.attribution.networks import made


class Products(nn.Module):
    def forward(self, x):
        return x[:, 0] * x[:, 1] + 2 * x[:, 2] + x[:, 0] * x[:, 1] * x[:, 3]


class Saturated(nn.Module):
    def forward(self, x):
        return 1 - torch.relu(1 - x[:, 0])


class Jumping(nn.Module):
    """Rises by 5 within a ten-thousandth of the way from 0 to 1, and by 1 besides."""

    def forward(self, x):
        return 5 * torch.sigmoid(1e5 * (x[:, 0] - 0.3141)) + x[:, 1]


def test_products_share_what_they_make_together():
    found = attribute("integrated_gradients", Products(), torch.ones(1, 4).double())
    wanted = torch.tensor([[5 / 6, 5 / 6, 2, 1 / 3]]).double()
    torch.testing.assert_close(found.value, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_of_a_linear_model_any_number_of_steps_is_exact(steps):
    model, rows = nn.Linear(3, 1), torch.randn(2, 3)
    found = attribute("integrated_gradients", model, rows, steps=steps)
    torch.testing.assert_close(found.value, (model.weight[0] * rows).detach().double())


def test_where_the_answer_saturates_the_gradient_is_0_and_its_integral_1():
    row = torch.tensor([[2.0]])
    assert attribute("saliency", Saturated(), row).value.item() == 0
    assert attribute("input_x_gradient", Saturated(), row).value.item() == 0
    assert attribute("integrated_gradients", Saturated(), row).value.item() == pytest.approx(
        1, abs=0.05
    )


def test_a_way_is_cut_where_the_answer_jumps_and_nowhere_else():
    rows = torch.tensor([[1.0, 1.0], [0.2, 1.0], [0.5, 2.0]]).double()
    found = attribute("integrated_gradients", Jumping(), rows)
    wanted = torch.tensor([[5.0, 1], [0, 1], [5, 2]]).double()
    torch.testing.assert_close(found.value, wanted, rtol=0, atol=0.3)
    assert "16 to" in found.note
    once = attribute("integrated_gradients", Jumping(), rows, most=16)
    assert once.gap.abs()[0] > 4
    assert "on 2 of 3 ways the numbers still miss" in once.note
    assert found.backward < 16 * 70


def test_a_tighter_tolerance_gives_a_smaller_gap():
    model, inputs, targets = made("cnn")
    gaps = [
        attribute("integrated_gradients", model, inputs, targets, tolerance=one).gap.abs().max()
        for one in (0.5, 0.001)
    ]
    assert gaps[1] < 0.1 * gaps[0]


def test_captum_with_many_steps_agrees():
    model, inputs, targets = made("cnn")
    theirs = IntegratedGradients(model).attribute(
        inputs[0], target=2, n_steps=400, internal_batch_size=120
    )
    ours = attribute("integrated_gradients", model, inputs, targets, tolerance=0.001)
    torch.testing.assert_close(
        ours.value, theirs.double(), rtol=0, atol=0.02 * float(theirs.abs().max())
    )


def test_several_baselines_are_averaged():
    rows, bases = torch.randn(2, 4), torch.randn(3, 4)
    whole = attribute("integrated_gradients", Products(), rows, baselines=bases)
    each = [
        attribute("integrated_gradients", Products(), rows, baselines=bases[i : i + 1]).value
        for i in range(3)
    ]
    torch.testing.assert_close(whole.value, torch.stack(each).mean(dim=0))
    assert whole.gap.abs().max() < 1e-5


def test_the_way_of_a_text_keeps_its_length_and_what_padding_holds_is_nothing():
    model, inputs, _ = made("lstm of tokens")
    found = attribute("integrated_gradients", model, inputs)
    assert bool((found.gap.abs() < 0.06 * (found.answers - found.reference).abs()).all())
    assert found.value[1, 2:].abs().max() == 0


def test_expected_gradients_come_within_their_errors_of_the_integral():
    rows, bases = torch.randn(4, 4).double(), torch.randn(5, 4).double()
    exact = attribute("integrated_gradients", Products(), rows, baselines=bases).value
    z = []
    for seed in range(60):
        found = attribute(
            "expected_gradients",
            Products(),
            rows,
            baselines=bases,
            samples=64,
            runtime=Runtime(seed=seed),
        )
        error = found.errors[0][:, :2]
        z.append(((found.value - exact)[:, :2] / error).flatten())
    spread = torch.cat(z).std()
    assert 0.8 < spread < 1.25  # neither too proud nor too modest


def test_an_error_of_expected_gradients_sees_where_a_slope_jumps():
    """Two draws in the stratum of the jump miss it every other time: 75 % were covered so."""

    class Bent(nn.Module):
        def forward(self, x):
            return torch.relu(x - 0.3).sum(dim=1)

    rows = torch.linspace(0.5, 2, 40)[:, None].double()
    exact = rows - 0.3
    covered = []
    for seed in range(10):
        found = attribute("expected_gradients", Bent(), rows, runtime=Runtime(seed=seed))
        covered.append((found.value - exact).abs() <= 1.96 * found.errors[0])
    assert torch.cat(covered).double().mean() >= 0.93


def test_expected_gradients_of_one_baseline_of_a_linear_model_are_certain():
    model, rows = nn.Linear(3, 1), torch.randn(2, 3)
    found = attribute("expected_gradients", model, rows, baselines=torch.ones(1, 3))
    torch.testing.assert_close(found.value, (model.weight[0] * (rows - 1)).detach().double())
    assert found.errors[0].max() < 1e-7


def test_a_paired_baseline_is_the_rows_own():
    model, rows = nn.Linear(2, 1), torch.randn(3, 2)
    own = Baseline(name="half", rows=(rows / 2,), paired=True)
    for method in ("integrated_gradients", "expected_gradients", "deeplift"):
        found = attribute(method, model, rows, baselines=own)
        torch.testing.assert_close(found.value, (model.weight[0] * rows / 2).detach().double())


def test_smoothgrad_of_a_linear_model_is_the_weights_size_without_error():
    model, rows = nn.Linear(3, 1), torch.randn(2, 3)
    found = attribute("smoothgrad", model, rows)
    torch.testing.assert_close(found.value, model.weight.abs().expand(2, 3).detach().double())
    assert found.errors[0].max() < 1e-6


def test_smoothgrad_of_a_square_is_the_slope_and_its_error_falls_with_the_samples():
    class Square(nn.Module):
        def forward(self, x):
            return (x**2).sum(dim=1)

    rows = torch.tensor([[1.0, 3.0]])
    few, many = (attribute("smoothgrad", Square(), rows, samples=n) for n in (16, 1024))
    assert bool(((many.value - torch.tensor([[2.0, 6.0]])).abs() < 4 * many.errors[0]).all())
    # the noise is .15 of the range 2, the slope twice it: .6 / sqrt(n)
    assert many.errors[0].mean() == pytest.approx(0.6 / 32, rel=0.1)
    assert few.errors[0].mean() > 4 * many.errors[0].mean()


def test_a_walk_says_how_far_it_came():
    class Line:
        def answer(self, point, rows):
            return point[0].sum(dim=1)

        def gradients(self, point, rows):
            return self.answer(point, rows), (torch.ones_like(point[0]),)

    start, end = torch.zeros(2, 3), torch.ones(2, 3)
    found = walked(Line(), (start,), (end,), torch.arange(2), walk=Walk(steps=3), at_once=1)
    assert found.spent.tolist() == [3, 3]
    assert not found.short.any()
    assert found.gap.abs().max() < 1e-6
    assert found.values[0].sum() == pytest.approx(6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_recurrent_networks_are_explained_on_a_gpu_without_cudnn(name):
    model, inputs, targets = made(name)
    here = attribute("integrated_gradients", model, inputs, targets)
    there = attribute(
        "integrated_gradients", model.cuda(), tuple(one.cuda() for one in inputs), targets.cuda()
    )
    torch.testing.assert_close(here.value, there.value, rtol=0.01, atol=1e-4)
    assert torch.backends.cudnn.enabled
