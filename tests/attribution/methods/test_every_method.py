"""What each method of the table promises, on each architecture; a new one is tested at once."""

import contextlib
import random

import numpy as np
import pytest
import torch
from torch import nn

from auditkit.attribution import METHODS, attribute
from auditkit.attribution.base import Family, asked, question_of
from auditkit.attribution.question import at_rest
from auditkit.errors import DataError, NotApplicable, UsageError
from auditkit.models.base import ARCHITECTURES
from auditkit.runtime import Runtime
from tests.attribution.networks import NAMES, made, quarters

EVERY = list(METHODS)
OF_BASELINE = [name for name in EVERY if METHODS[name].baseline and METHODS[name].complete]
OF_A_MODEL = [name for name in EVERY if METHODS[name].family is not Family.CONTROL]
# Fewer draws, so that all of it takes seconds; what is promised holds for any number.
QUICK = {
    "expected_gradients": {"samples": 8},
    "smoothgrad": {"samples": 4},
    "integrated_gradients": {"steps": 4},
}


@pytest.fixture(scope="module")
def home():
    """A network that a method can explain: its name."""
    found = {}

    def of(method):
        if method not in found:
            names = ("fnn", "cnn", "encoder", *NAMES)
            found[method] = next(one for one in names if not METHODS[method].can(_asked(one)))
        return found[method]

    return of


def explained(method, name, *, rows=None, mode=nn.Module.eval, **given):
    """A method's answer on one of the networks, of some of its rows."""
    model, inputs, targets = made(name)
    kept = slice(None) if rows is None else slice(rows)
    inputs = tuple(one[kept] for one in inputs)
    if isinstance(targets, torch.Tensor):
        targets = targets[kept]
    options = QUICK.get(method, {})
    players = quarters(inputs)
    return attribute(method, mode(model), inputs, targets, players=players, **given, **options)


def test_there_is_a_network_of_each_architecture():
    assert set(ARCHITECTURES) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_method_gives_finite_numbers_of_the_inputs_shapes_or_says_why_not(name):
    model, inputs, targets = made(name)
    with at_rest(model):
        question = question_of(model, inputs, targets, players=quarters(inputs), runtime=Runtime())
        served = [one for one in EVERY if not METHODS[one].can(question)]
        assert {"saliency", "integrated_gradients", "feature_ablation"} <= set(served)
        for method in served:
            found = asked(method, question, **QUICK.get(method, {}))
            shapes = [tuple(one.shape) for one in found.values]
            assert shapes == [tuple(one.shape) for one in inputs], method
            assert all(one.dtype == torch.float64 for one in found.values), method
            assert (found.errors is not None) >= METHODS[method].samples or (
                METHODS[method].family is Family.CONTROL
            ), method
            if not METHODS[method].signed:
                assert all(bool((one >= 0).all()) for one in found.values), method


@pytest.mark.parametrize("method", EVERY)
def test_the_model_leaves_as_it_came_and_no_generator_is_touched(method, home):
    model, inputs, targets = made(home(method))
    model.train()
    next(one for one in model.modules() if isinstance(one, nn.Dropout)).eval()  # a mode of its own
    next(model.parameters()).requires_grad_(False)
    torch.manual_seed(3)
    before = _state(model)
    attribute(method, model, inputs, targets, players=quarters(inputs), **QUICK.get(method, {}))
    assert _state(model) == before


@pytest.mark.parametrize("method", EVERY)
def test_a_model_that_cannot_be_explained_leaves_as_it_came_as_well(method):
    model, inputs, targets = made("lstm of tokens")
    before = _state(model)
    with contextlib.suppress(NotApplicable):
        attribute(method, model, inputs, targets, **QUICK.get(method, {}))
    assert _state(model) == before


@pytest.mark.parametrize("method", EVERY)
def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(method, home):
    first, again, other = (
        explained(method, home(method), runtime=Runtime(seed=one)) for one in (1, 1, 2)
    )
    assert _equal(first, again)
    if _equal(first, other):  # nothing was drawn: no error is claimed
        assert first.errors is None or all(not one.any() for one in first.errors)


@pytest.mark.parametrize("method", EVERY)
def test_dropout_left_on_makes_no_difference(method, home):
    still = explained(method, home(method))
    assert _equal(still, explained(method, home(method), mode=nn.Module.train))


@pytest.mark.parametrize("method", OF_A_MODEL)
def test_a_batch_of_one_is_the_same_row_in_a_batch(method, home):
    whole, alone = explained(method, home(method)), explained(method, home(method), rows=1)
    # A method that samples until all rows are sure enough may stop earlier or later.
    sure = [4 * float(one.max()) for one in whole.errors or ()]
    for i, (one, other) in enumerate(zip(alone.values, whole.values, strict=True)):
        near = max(1e-5, sure[i] if sure else 0)
        torch.testing.assert_close(one[0], other[0], rtol=1e-3, atol=near)


@pytest.mark.parametrize("method", EVERY)
def test_internal_batches_change_nothing(method, home):
    whole = explained(method, home(method))
    small = explained(method, home(method), runtime=Runtime(batch_size=2))
    for one, other in zip(small.values, whole.values, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_constant_and_all_zero_images_are_explained(method, value):
    model, inputs, targets = made("cnn")
    flat = tuple(torch.full_like(one, value) for one in inputs)
    with contextlib.suppress(NotApplicable):
        found = attribute(
            method, model, flat, targets, players=quarters(inputs), **QUICK.get(method, {})
        )
        assert bool(torch.isfinite(found.value).all())
        if method in OF_BASELINE and value == 0.0:
            assert found.value.abs().max() == 0  # nothing lies between a row and itself


@pytest.mark.parametrize("method", EVERY)
def test_rows_with_nan_and_targets_that_do_not_exist_are_refused(method):
    model, inputs, _ = made("cnn")
    broken = inputs[0].clone()
    broken[1, 0, 0, 0] = torch.nan
    with pytest.raises(DataError, match="row 2 of input 1 holds NaN"):
        attribute(method, model, broken, 0)
    with pytest.raises(UsageError, match="no answer 3: the model gives 3 a row, 0 to 2"):
        attribute(method, model, inputs, 3)
    with pytest.raises(UsageError, match="say with targets which is explained"):
        attribute(method, model, inputs)


@pytest.mark.parametrize("method", EVERY)
def test_an_answer_without_a_gradient_is_refused_in_one_line_or_needs_none(method):
    class Counted(nn.Module):
        def forward(self, x):
            return torch.relu(x).detach().round().sum(dim=1)

    if METHODS[method].family in (Family.PERTURBATION, Family.CONTROL):
        with contextlib.suppress(NotApplicable):
            attribute(method, Counted(), torch.ones(2, 3))
        return
    with pytest.raises(NotApplicable, match="cannot explain this model: ") as caught:
        attribute(method, Counted(), torch.ones(2, 3))
    assert "\n" not in str(caught.value)
    assert "feature_ablation" in str(caught.value)


@pytest.mark.parametrize("method", OF_BASELINE)
def test_of_a_linear_model_each_number_gives_weight_times_distance(method):
    model = nn.Linear(4, 1).double()
    rows, base = torch.randn(3, 4).double(), torch.randn(1, 4).double()
    found = attribute(method, model, rows, baselines=base)
    wanted = model.weight[0].detach() * (rows - base)
    torch.testing.assert_close(found.value, wanted, rtol=0, atol=1e-9)
    assert found.gap.abs().max() < 1e-9


@pytest.mark.parametrize("method", OF_BASELINE)
def test_numbers_add_up_to_the_answers_change(method):
    class Curved(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 6).double(), nn.Linear(6, 2).double()

        def forward(self, x):
            return self.last(torch.tanh(self.first(x)))

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, rows = Curved(), torch.randn(5, 4).double()
    found = attribute(method, model, rows, 1, baselines=torch.ones(1, 4).double())
    error = 0.0
    if found.errors is not None:
        error = 5 * float(found.errors[0].sum(dim=1).max())
    change = found.answers - found.reference
    assert bool((found.gap.abs() <= 1e-6 * change.abs() + error).all())


def _asked(name):
    model, inputs, targets = made(name)
    return question_of(model, inputs, targets, runtime=Runtime())


def _equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.values, other.values, strict=True))


def _state(model):
    """All that must be as it was: modes, hooks, weights' wishes, generators."""
    return (
        [one.training for one in model.modules()],
        [len(one._forward_hooks) + len(one._backward_hooks) for one in model.modules()],
        [len(one._forward_pre_hooks) for one in model.modules()],
        [sorted(vars(one)) for one in model.modules()],
        [(one.requires_grad, one.grad is None) for one in model.parameters()],
        [one.sum().item() for one in model.state_dict().values()],
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.backends.mha.get_fastpath_enabled(),
        torch.is_grad_enabled(),
    )
