"""Where inputs can be moved: numbers as they are, tokens and levels as the vectors they become."""

import pytest
import torch
from torch import nn

from auditkit.attribution import attribute
from auditkit.attribution.base import question_of
from auditkit.attribution.surface import surface_of
from auditkit.errors import NotApplicable
from auditkit.runtime import Runtime
from tests.attribution.networks import NAMES, made


def surface(model, inputs, targets=None):
    return surface_of(question_of(model, inputs, targets, runtime=Runtime()))


class Words(nn.Module):
    """A sum of vectors' parts: token 1 is worth 1 + 10, token 2 worth 2 + 20."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 2)
        self.table.weight.data = torch.tensor([[0.0, 0.0], [1.0, 10.0], [2.0, 20.0]])

    def forward(self, tokens):
        return self.table(tokens).sum(dim=(1, 2))


@pytest.mark.parametrize("name", NAMES)
def test_from_the_point_of_the_rows_the_model_answers_as_it_does(name):
    model, inputs, targets = made(name)
    found = surface(model, inputs, targets)
    rows = torch.arange(3)
    with found.open() as running, torch.no_grad():
        outputs = running.outputs(running.point(inputs), rows)
    torch.testing.assert_close(outputs, model(*inputs))
    assert not any(one._forward_hooks for one in model.modules())


def test_a_token_counts_with_the_sum_of_its_vector():
    found = attribute("input_x_gradient", Words(), torch.tensor([[1, 2], [0, 2]]))
    assert found.value.tolist() == [[11.0, 22.0], [0.0, 22.0]]


def test_levels_of_several_columns_go_to_their_own_places():
    model, inputs, _ = made("fnn")
    places = surface(model, inputs).places
    assert [(one.input, one.column) for one in places if one.layer is not None] == [
        (0, None),
        (2, 0),
        (2, 1),
    ]
    assert surface(model, inputs).moved == (True, True, True)


def test_a_column_that_equals_another_by_value_is_told_apart_by_memory():
    model, inputs, _ = made("fnn")
    same = torch.ones(3, 2, dtype=torch.int64)
    found = surface(model, (inputs[0], inputs[1], same))
    assert [one.column for one in found.places if one.input == 2] == [0, 1]


def test_a_number_read_directly_and_through_bins_has_both_places():
    model, inputs, _ = made("fnn")
    at = [one for one in surface(model, inputs).places if one.input == 0]
    assert [one.layer is None for one in at] == [True, False]


def test_lengths_have_no_place():
    model, inputs, targets = made("gru")
    assert surface(model, inputs, targets).moved == (True, False)


def test_whole_numbers_that_pass_through_no_embedding_are_refused():
    class OneHot(nn.Module):
        def forward(self, tokens):
            return nn.functional.one_hot(tokens, 4).float().sum(dim=(1, 2))

    with pytest.raises(NotApplicable, match="input 1 holds whole numbers that pass through no"):
        surface(OneHot(), (torch.tensor([[1, 2]]),))


def test_the_gradient_at_a_surface_is_that_of_autograd():
    model, inputs, targets = made("lstm")
    rows = torch.arange(3)
    with surface(model, inputs, targets).open() as running:
        _, (slope,) = running.gradients(running.point(inputs), rows)
    leaf = inputs[0].clone().requires_grad_()
    chosen = model(leaf, inputs[1])[rows, targets].sum()
    torch.testing.assert_close(slope, torch.autograd.grad(chosen, leaf)[0])
