"""The layers of a module by name, what one gives as one tensor, and putting other numbers back."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from auditkit.errors import ModelError, UsageError
from auditkit.models.layers import (
    lengths_of,
    named_layers,
    numbers_of,
    put_back,
    stages,
)
from tests import nets

STEPS = torch.arange(24.0).view(2, 4, 3)
ANY = nn.Identity()


@dataclass(frozen=True)
class Answered:
    tokens: Tensor
    logits: Tensor


class Pair(NamedTuple):
    steps: Tensor
    state: Tensor


def test_a_star_stands_for_one_part_of_a_name_and_layers_come_in_the_order_of_the_model():
    model, _ = nets.cnn()
    assert list(named_layers(model, ["stage2.*", "stem"])) == ["stem", "stage2.0"]
    assert list(named_layers(model, "stage?")) == ["stage1", "stage2", "stage3"]


def test_a_layer_that_does_not_exist_is_told_with_those_that_do():
    model, _ = nets.cnn()
    with pytest.raises(UsageError, match=r"no layer 'stage4'.*did you mean 'stage"):
        named_layers(model, ["stem", "stage4"])


def test_a_layer_in_two_places_has_both_names_and_is_one_of_a_pattern():
    shared = nn.ReLU()
    model = nn.Sequential(nn.Linear(2, 2), shared, nn.Linear(2, 2), shared)
    assert named_layers(model, "3") == {"3": shared}
    assert list(named_layers(model, "*")) == ["0", "1", "2"]


@pytest.mark.parametrize(
    "output",
    [
        STEPS,
        (STEPS, "more"),
        [STEPS, None],
        Pair(STEPS, torch.zeros(1)),
        {"ids": torch.tensor([1]), "found": STEPS},
        OrderedDict(last_hidden_state=STEPS, pooler_output=torch.zeros(2, 3)),
        Answered(tokens=torch.tensor([1]), logits=STEPS),
        ((STEPS, 1), 2),
    ],
    ids=["tensor", "tuple", "list", "named", "mapping", "several", "dataclass", "nested tuple"],
)
def test_the_numbers_of_any_collection_are_found_and_put_back_where_they_were(output: object):
    torch.testing.assert_close(numbers_of(ANY, output, "x"), STEPS, rtol=0, atol=0)
    moved = put_back(ANY, output, STEPS + 1)
    assert type(moved) is type(output)
    assert torch.equal(numbers_of(ANY, moved, "x"), STEPS + 1)
    assert torch.equal(numbers_of(ANY, output, "x"), STEPS), "what was given is left alone"


def test_packed_steps_are_rows_first_with_their_lengths_and_packed_again():
    lengths = torch.tensor([2, 4])
    packed = pack_padded_sequence(STEPS, lengths, batch_first=True, enforce_sorted=False)
    found = numbers_of(ANY, (packed, 1), "x")
    assert torch.equal(found[0, :2], STEPS[0, :2])
    assert bool((found[0, 2:] == 0).all())
    assert torch.equal(lengths_of((packed, 1)), lengths)
    again, _ = put_back(ANY, (packed, 1), found)
    assert isinstance(again, PackedSequence)
    assert torch.equal(again.data, packed.data)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_made_dense_and_nested_again(layout: torch.layout):
    nested = torch.nested.as_nested_tensor([STEPS[0, :2], STEPS[1]], layout=layout)
    found = numbers_of(ANY, nested, "x")
    assert found.shape == (2, 4, 3)
    assert torch.equal(lengths_of(nested), torch.tensor([2, 4]))
    moved = put_back(ANY, nested, found + 1)
    assert moved.is_nested
    assert torch.equal(moved.unbind()[0], STEPS[0, :2] + 1)


def test_steps_that_come_first_are_turned_and_one_row_without_a_batch_is_a_batch_of_it():
    rnn = nn.GRU(3, 3)
    assert numbers_of(rnn, (STEPS, 0), "x").shape == (4, 2, 3)
    block = nn.TransformerEncoderLayer(4, 2, 8)
    assert numbers_of(block, torch.zeros(5, 2, 4), "x").shape == (2, 5, 4)
    alone = nn.GRU(3, 3, batch_first=True)
    assert numbers_of(alone, (STEPS[0], 0), "x").shape == (1, 4, 3)
    assert put_back(alone, (STEPS[0], 0), STEPS[:1] + 1)[0].shape == (4, 3)


def test_what_is_no_tensor_of_numbers_is_refused_in_one_sentence():
    with pytest.raises(ModelError, match="layer 'x' gives str and no numbers"):
        numbers_of(ANY, "text", "x")
    with pytest.raises(ModelError, match=r"gives torch\.int64 and no numbers"):
        numbers_of(ANY, torch.tensor([1]), "x")
    with pytest.raises(ModelError, match=r"gives 'a', 'b' by name"):
        numbers_of(ANY, {"a": STEPS, "b": STEPS}, "x")
    with pytest.raises(ModelError, match="no tensor by name"):
        numbers_of(ANY, {"a": 1}, "x")
    with pytest.raises(ModelError, match="gives tuple"):
        numbers_of(ANY, (), "x")


def test_a_sweep_names_the_stages_and_neither_dropout_nor_the_answer():
    assert stages(nets.cnn()[0]) == ("stem", "stage1", "stage2", "stage3")
    assert stages(nets.plain()[0]) == ("1",)
    assert stages(nets.plain_encoder()[0]) == ("encoder.layers.0", "encoder.layers.1")
