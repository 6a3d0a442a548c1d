from types import SimpleNamespace

import pytest
import torch
from torch import nn

from auditkit.data.schema import Task
from auditkit.errors import ModelError, UsageError
from auditkit.models.base import ARCHITECTURES, Head
from auditkit.models.rnn import GRU, LSTM, RNN, Recurrent, RecurrentOptions, turned

CLASSES = Head(task=Task.CLASSES, size=3)
DECISION = Head(task=Task.DECISION)
FAMILIES = [RNN, LSTM, GRU]
TEXT = SimpleNamespace(vocabulary=20, longest=9)
SEQUENCE = SimpleNamespace(channels=4, longest=9)
LENGTHS = torch.tensor([5, 1, 7, 3])


def network(
    family: type[Recurrent] = LSTM,
    encoder: SimpleNamespace = TEXT,
    head: Head = CLASSES,
    *,
    seed: int = 0,
    **options: object,
) -> Recurrent:
    torch.manual_seed(seed)
    sizes = RecurrentOptions(**{"width": 6, "depth": 2, "embedding": 5, **options})
    return family.build(encoder, head, sizes).eval()


def rows(encoder: SimpleNamespace = TEXT, lengths: torch.Tensor = LENGTHS, *, steps: int = 7):
    """Tokens or values with nothing after each row's end, and the lengths."""
    generator = torch.Generator().manual_seed(1)
    within = torch.arange(steps) < lengths[:, None]
    if encoder is TEXT:
        return torch.randint(1, 20, within.shape, generator=generator) * within, lengths
    return torch.randn(*within.shape, 4, generator=generator) * within[..., None], lengths


@pytest.mark.parametrize(("name", "family"), [("rnn", RNN), ("lstm", LSTM), ("gru", GRU)])
def test_each_cell_is_registered_under_its_name(name, family):
    assert ARCHITECTURES[name] is family
    assert isinstance(network(family).layers[0].ahead, family.cell)


@pytest.mark.parametrize("encoder", [TEXT, SEQUENCE])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_gives_one_answer_a_row(family, encoder):
    assert network(family, encoder)(*rows(encoder)).shape == (4, 3)
    assert network(family, encoder, DECISION)(*rows(encoder)).shape == (4,)


@pytest.mark.parametrize("encoder", [TEXT, SEQUENCE])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_padded_form_gives_the_answers_of_the_packed_one(
    family, bidirectional, pooling, encoder
):
    model = network(family, encoder, bidirectional=bidirectional, pooling=pooling)
    packed = model(*rows(encoder))
    model.padded = True
    assert torch.allclose(model(*rows(encoder)), packed, atol=1e-6)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("family", FAMILIES)
def test_padding_never_changes_an_answer(family, pooling, padded):
    """Each row alone, cut at its end, against the same row in a wide batch of long ones."""
    model = network(family, pooling=pooling)
    model.padded = padded
    tokens, lengths = rows(steps=12)
    tokens[:, 7:] = 9  # even where there is something beyond the end
    together = model(tokens, lengths)
    for row, length in enumerate(lengths):
        alone = model(tokens[row : row + 1, :length], lengths[row : row + 1])
        assert torch.allclose(alone[0], together[row], atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_both_directions_are_those_of_torchs_own_network(family):
    """torch's bidirectional stack, given the same weights, reads one whole row the same way."""
    model = network(family, SEQUENCE, dropout=0.0)
    theirs = family.cell(4, 6, num_layers=2, bidirectional=True, batch_first=True)
    weights = {}
    for depth, layer in enumerate(model.layers):
        for suffix, cell in (("", layer.ahead), ("_reverse", layer.back)):
            for name, value in cell.state_dict().items():
                weights[name.replace("_l0", f"_l{depth}") + suffix] = value
    theirs.load_state_dict(weights)
    values, lengths = rows(SEQUENCE, torch.tensor([7, 7]))
    wanted = model.output(theirs(values)[0].amax(dim=1))
    assert torch.allclose(model(values, lengths), wanted, atol=1e-6)


def test_a_row_is_turned_within_its_length():
    steps = torch.tensor([[1.0, 2.0, 3.0, 0.0], [4.0, 5.0, 0.0, 0.0]])[..., None]
    wanted = [[3.0, 2.0, 1.0, 0.0], [5.0, 4.0, 0.0, 0.0]]
    assert turned(steps, torch.tensor([3, 2])).squeeze(-1).tolist() == wanted


def test_pooling_is_over_the_steps_that_there_are():
    steps = torch.tensor([[[-1.0, -4.0], [-3.0, -2.0], [9.0, 9.0]]])  # the last one is padding
    pooled = {
        name: network(pooling=name, bidirectional=both)._pooled(steps, torch.tensor([2])).tolist()
        for name, both in (("max", True), ("mean", True), ("last", False))
    }
    assert pooled == {"max": [[-1.0, -2.0]], "mean": [[-2.0, -3.0]], "last": [[-3.0, -2.0]]}
    ends = network(pooling="last", bidirectional=True)._pooled(steps, torch.tensor([2]))
    assert ends.tolist() == [[-3.0, -4.0]], "the direction that reads back ends at the first step"


def test_the_padding_token_is_a_zero_vector():
    assert torch.equal(network().embedding(torch.tensor([0])), torch.zeros(1, 5))


def test_the_lstm_begins_with_its_forget_gate_open():
    cell = network(LSTM, width=6).layers[0].ahead
    assert cell.bias_ih_l0[6:12].tolist() == [1.0] * 6
    for gate in cell.weight_hh_l0.split(6):
        assert torch.allclose(gate @ gate.T, torch.eye(6), atol=1e-5)


def test_a_number_is_in_the_targets_own_unit():
    model = network(head=Head(task=Task.NUMBER, mean=100.0, deviation=8.0))
    with torch.no_grad():
        model.output.linear.weight.zero_()
        model.output.linear.bias.fill_(-1.0)
    assert model(*rows()).tolist() == [92.0] * 4


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("length", [0, -1, 8])
def test_a_length_that_cannot_be_is_refused_by_row(length, padded):
    model = network()
    model.padded = padded
    tokens, _ = rows()
    with pytest.raises(ModelError, match=f"row 2 of the batch has length {length}.*1 and the 7"):
        model(tokens, torch.tensor([5, length, 7, 3]))


@pytest.mark.parametrize(
    ("encoder", "inputs", "said"),
    [
        (SEQUENCE, torch.zeros(4, 7, 3), r"\(4, 7, 3\).*\(rows, steps, 4\)"),
        (TEXT, torch.zeros(4, 7, 3), r"\(4, 7, 3\).*\(rows, steps\)"),
        (TEXT, torch.ones(3, 7, dtype=torch.int64), r"\(3, 7\) with lengths \(4,\)"),
    ],
)
def test_inputs_of_another_shape_are_refused_in_one_line(encoder, inputs, said):
    with pytest.raises(ModelError, match=said) as caught:
        network(encoder=encoder)(inputs, LENGTHS)
    assert "\n" not in str(caught.value)


def test_a_depth_of_nothing_is_refused():
    with pytest.raises(UsageError, match="depth"):
        RecurrentOptions(depth=0)


def planted(n: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens of 5 to 12 steps; the answer is whether token 7 stands anywhere in a row."""
    generator = torch.Generator().manual_seed(2)
    lengths = torch.randint(5, 13, (n,), generator=generator)
    tokens = torch.randint(8, 20, (n, 12), generator=generator)
    answers = torch.arange(n) % 2
    places = (torch.rand(n, generator=generator) * lengths).long()
    tokens[torch.arange(n), places] = torch.where(answers == 1, 7, 8)
    return tokens * (torch.arange(12) < lengths[:, None]), lengths, answers.float()


@pytest.mark.parametrize("family", FAMILIES)
def test_it_learns_what_was_planted_and_its_weights_give_the_same_answers_again(family):
    model = network(family, head=DECISION, width=16, depth=1, embedding=16, dropout=0.0).train()
    tokens, lengths, answers = planted()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = nn.functional.binary_cross_entropy_with_logits(model(tokens, lengths), answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    again = network(family, head=DECISION, seed=1, width=16, depth=1, embedding=16)
    assert not torch.equal(again(tokens, lengths), model.eval()(tokens, lengths))
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(tokens, lengths), model(tokens, lengths))


# torch says this of each of its recurrent modules; all weights are in the program.
@pytest.mark.filterwarnings("ignore:The tensor attributes? .*_flat_weights:UserWarning")
@pytest.mark.parametrize("encoder", [TEXT, SEQUENCE])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_padded_form_exports_for_any_number_of_rows(family, encoder):
    model = network(family, encoder, depth=1)
    wanted = model(*rows(encoder))
    model.padded = True
    batch = torch.export.Dim("rows", min=1, max=1024)
    program = torch.export.export(
        model,
        rows(encoder, torch.tensor([2, 7])),
        dynamic_shapes={"inputs": {0: batch}, "lengths": {0: batch}},
    )
    assert program.state_dict.keys() == model.state_dict().keys()
    assert torch.allclose(program.module()(*rows(encoder)), wanted, atol=1e-6)
