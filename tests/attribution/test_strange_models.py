"""Modules of users that misbehave: left as they came, explained or refused in one sentence."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from auditkit.attribution.base import attribute, question_of
from auditkit.attribution.judging.examination import examine
from auditkit.attribution.judging.randomisation import redrawn
from auditkit.attribution.question import at_rest
from auditkit.errors import ModelError, NotApplicable
from auditkit.runtime import Runtime

ROWS = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
RUNTIME = Runtime(device="cpu")


class Net(nn.Module):
    """A small network, and a function of rows and network that misuses it."""

    def __init__(self, misuse=lambda net, rows: net.plain(rows), answers=1):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(2)
            self.first, self.last = nn.Linear(4, 5), nn.Linear(5, answers)
        self.misuse = misuse

    def plain(self, rows):
        return self.last(torch.tanh(self.first(rows)))

    def forward(self, rows):
        return self.misuse(self, rows)


class Counting(nn.Module):
    def __init__(self, replaced):
        super().__init__()
        self.net, self.replaced = Net(), replaced
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, rows):
        if self.replaced:
            self.seen = self.seen + len(rows)
        else:
            self.seen += len(rows)
        return self.net(rows)


class NoWayBack(torch.autograd.Function):
    error: Exception = ValueError("no way back")

    @staticmethod
    def forward(_context, rows):
        return rows.clone()

    @staticmethod
    def backward(_context, _slope):
        raise NoWayBack.error


def questioned(model, targets=None):
    return question_of(model, (ROWS,), targets, runtime=RUNTIME)


def world():
    return (
        torch.get_rng_state().tolist(),
        str(np.random.get_state()),  # noqa: NPY002 - the global one is what must not move
        random.getstate(),
        torch.is_grad_enabled(),
        torch.backends.mha.get_fastpath_enabled(),
    )


def state_of(model):
    parts = {
        name: (one.training, len(one._forward_hooks), len(one._forward_pre_hooks))
        for name, one in model.named_modules()
    }
    weights = {
        name: (one.requires_grad, one.tolist(), None if one.grad is None else one.grad.tolist())
        for name, one in model.named_parameters()
    }
    return parts, weights, {name: one.tolist() for name, one in model.named_buffers()}


@pytest.mark.parametrize("replaced", [False, True])
def test_a_counter_stands_where_it_stood(replaced):
    model = Counting(replaced)
    buffer = model.seen
    attribute("saliency", model, ROWS, runtime=RUNTIME)
    assert model.seen is buffer
    assert float(model.seen) == 0


def test_weights_gradients_modes_hooks_and_generators_are_left_also_where_a_method_fails():
    model = Net(lambda net, rows: net.plain(NoWayBack.apply(rows))).train()
    model.last.eval()
    model.plain(ROWS).sum().backward()
    model.first.weight.requires_grad_(False)
    model.first.register_forward_hook(lambda _module, _given, output: output * 2)
    before, outside = state_of(model), world()
    with pytest.raises(NotApplicable, match="no way back"):
        attribute("saliency", model, ROWS, runtime=RUNTIME)
    attribute("shapley", model, ROWS, runtime=RUNTIME)
    with at_rest(model):
        examine(questioned(model), methods=["feature_ablation", "saliency"])
    assert (state_of(model), world()) == (before, outside)


@pytest.mark.parametrize("error", [ValueError("no way back"), RuntimeError()])
def test_an_error_of_the_models_own_costs_the_method_and_not_the_examination(error, monkeypatch):
    monkeypatch.setattr(NoWayBack, "error", error)
    model = Net(lambda net, rows: net.plain(NoWayBack.apply(rows)))
    with at_rest(model):
        found = examine(questioned(model), methods=["feature_ablation", "saliency"])
    assert "feature_ablation" in found.attributions
    assert type(error).__name__ in found.refused["saliency"]
    assert "\n" not in found.refused["saliency"]


@pytest.mark.parametrize("method", ["saliency", "integrated_gradients", "shapley"])
@pytest.mark.parametrize(
    "misuse",
    [lambda net, rows: net.plain(rows.mul_(2)), lambda net, rows: net.plain(rows.clamp_(min=0))],
    ids=["doubled", "cut"],
)
def test_a_model_that_writes_in_its_inputs_is_explained_as_one_that_copies_them(method, misuse):
    rows = ROWS.clone()
    tidy = Net(lambda net, rows: misuse(net, rows.clone()))
    found = attribute(method, Net(misuse), rows, runtime=RUNTIME)
    assert torch.equal(rows, ROWS)
    wanted = attribute(method, tidy, ROWS, runtime=RUNTIME)
    assert torch.allclose(found.value, wanted.value, atol=1e-7)


@pytest.mark.parametrize(("answers", "target"), [(1, None), (3, 2)])
@pytest.mark.parametrize("count", [1, 6])
def test_a_model_that_squeezes_is_explained_as_one_that_does_not(answers, target, count):
    rows = ROWS[:count]
    squeezing = Net(lambda net, rows: net.plain(rows).squeeze(), answers)
    found = attribute("shapley", squeezing, rows, target, runtime=RUNTIME)
    wanted = attribute("shapley", Net(answers=answers), rows, target, runtime=RUNTIME)
    assert torch.allclose(found.value, wanted.value)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda net, rows: net.plain(dropout(rows, 0.5, training=True)),
        lambda net, rows: net.plain(rows - rows.mean(dim=0)),
    ],
    ids=["dropout left on", "statistics of the batch"],
)
def test_answers_that_depend_on_the_pass_or_the_batch_are_refused(misuse):
    before = world()
    with pytest.raises(ModelError, match="dropout left on, noise, statistics of the batch"):
        attribute("shapley", Net(misuse), ROWS, runtime=RUNTIME)
    assert world() == before


def test_one_row_that_is_answered_by_chance_is_refused_too():
    noisy = Net(lambda net, rows: net.plain(rows + torch.randn_like(rows)))
    with pytest.raises(ModelError, match="from pass to pass"):
        attribute("shapley", noisy, ROWS[:1], runtime=RUNTIME)


def test_a_function_of_numpys_is_asked_what_needs_no_gradient():
    def linear(rows: Tensor) -> Tensor:
        return torch.from_numpy(rows.numpy() @ np.array([1, 2, 3, 0], dtype=np.float32))

    found = attribute("shapley", linear, ROWS, runtime=RUNTIME)
    assert torch.allclose(found.value, (ROWS * torch.tensor([1.0, 2, 3, 0])).double(), atol=1e-5)


def test_a_model_that_takes_no_rows_of_such_a_shape_says_so():
    with pytest.raises(ModelError, match=r"does not take inputs of shape \(6, 3\)"):
        attribute("shapley", Net(), ROWS[:, :3], runtime=RUNTIME)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated")
def test_a_script_is_explained_and_judged():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        plain = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))
    for model in (
        torch.jit.trace(plain, ROWS),
        torch.jit.freeze(torch.jit.trace(plain.eval(), ROWS)),
    ):
        with at_rest(model):
            found = examine(questioned(model), methods=["shapley", "saliency"])
        assert set(found.attributions) >= {"shapley", "saliency"}


def test_networks_of_an_examination_touch_no_generator():
    before, made = world(), []

    def untrained():
        made.append(nn.Linear(4, 1))
        return made[-1]

    examine(questioned(Net()), methods=["saliency"], untrained=untrained)
    assert len(made) == 2
    assert world() == before


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
def test_a_normalised_layer_is_drawn_anew_as_well():
    model = nn.utils.weight_norm(nn.Linear(4, 3, bias=False))
    with torch.no_grad():
        own = model(ROWS)  # which forms the weight anew, without a gradient
        other = redrawn(model, (ROWS,))
        assert not torch.allclose(other(ROWS), own)


def test_a_module_that_cannot_be_copied_is_judged_by_the_other_tests():
    model = Net()
    model.__deepcopy__ = lambda _memo: copy.deepcopy(model.open_file)
    with at_rest(model):
        found = examine(questioned(model), methods=["shapley"])
    tests = {one.test for one in found.of("shapley")}
    assert "order" in tests
    assert "randomisation" not in tests
