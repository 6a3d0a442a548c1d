"""What goes on in place of what a layer gave: a whole one restores, its own changes nothing."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from auditkit.errors import ModelError, UsageError
from auditkit.probing import record, replace
from tests import nets

pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
# Layers of which everything behind them is a function.
WHOLE = [
    (nets.cnn, "stage2"),
    (nets.cnn, "stage2:input"),
    (nets.recurrent, "layers.0"),
    (nets.recurrent, "layers.1:hidden"),
    (nets.encoder, "stack.blocks.0"),
    (nets.encoder, "stack.blocks.1:input"),
    (nets.generator, "generator.norms.1"),
    (nets.plain_reader, "rnn"),
    (nets.plain_reader, "rnn:hidden"),
    (nets.plain_encoder, "encoder.layers.0"),
    (nets.plain, "1"),
]
PARTS = [
    *WHOLE,
    (nets.recurrent, "layers.0:cell"),
    (nets.recurrent, "layers.1.back"),
    (nets.encoder, "stack.blocks.0.own:heads"),
    (nets.plain_reader, "rnn:cell"),
    (nets.plain_encoder, "encoder.layers.1.self_attn:heads"),
    (nets.plain_encoder, "encoder.layers.1.self_attn:weights"),
    (nets.plain_encoder, "encoder.layers.1.self_attn:input"),
]


def corrupt(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Other rows of the same kind and the same lengths."""
    first = inputs[0]
    other = first.flip(1) if not first.is_floating_point() else torch.rand_like(first) * 2
    return other, *inputs[1:]


@pytest.mark.parametrize(("made", "layer"), WHOLE)
def test_a_whole_layer_of_a_clean_run_restores_its_answer(made: Callable, layer: str):
    model, clean = made()
    broken = corrupt(clean)
    with torch.no_grad():
        answer, wrong = model(*clean), model(*broken)
        with record(model, layer) as activations:
            model(*clean)
        with replace(model, layer, lambda _: activations[layer]):
            restored = model(*broken)
        assert not torch.allclose(wrong, answer, atol=1e-3)
        torch.testing.assert_close(restored, answer, atol=1e-6, rtol=1e-5)
        assert torch.equal(model(*broken), wrong)


@pytest.mark.parametrize(("made", "layer"), PARTS)
def test_a_run_into_itself_changes_nothing_bit_for_bit(made: Callable, layer: str):
    model, inputs = made()
    if made is nets.plain_encoder:  # as where it is recorded: torch's own layers one by one
        torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            answer = model(*inputs)
            with record(model, layer) as activations:
                model(*inputs)
            with replace(model, layer, lambda _: activations[layer]):
                again = model(*inputs)
            assert torch.equal(again, answer)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(("made", "layer"), PARTS)
def test_gradients_flow_through_what_is_put_in(made: Callable, layer: str):
    """By a factor of 1 on the way: its slope is that of the answer, as differences find it."""
    model, inputs = (one.double() if isinstance(one, nn.Module) else one for one in made())
    inputs = tuple(one.double() if one.is_floating_point() else one for one in inputs)
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    with replace(model, layer, lambda numbers: numbers * weight):
        answer = model(*inputs).square().sum()
    (slope,) = torch.autograd.grad(answer, weight)
    found = []
    for step in (1e-5, -1e-5):
        with torch.no_grad(), replace(model, layer, lambda one, by=1 + step: one * by):
            found.append(model(*inputs).square().sum())
    torch.testing.assert_close(slope, (found[0] - found[1]) / 2e-5, rtol=1e-4, atol=1e-7)
    assert abs(float(slope)) > 1e-6


@pytest.mark.parametrize(("made", "layer"), PARTS)
def test_a_change_of_one_row_leaves_the_others_as_they_were(made: Callable, layer: str):
    model, inputs = made()

    def change(numbers: Tensor) -> Tensor:
        return torch.cat([numbers[:1], 2 * numbers[1:2].flip(-1), numbers[2:]])

    with torch.no_grad():
        answer = model(*inputs)
        with replace(model, layer, change):
            moved = model(*inputs)
    torch.testing.assert_close(moved[[0, 2, 3]], answer[[0, 2, 3]], atol=1e-6, rtol=1e-6)
    assert not torch.allclose(moved[1], answer[1], atol=1e-4)


def test_a_changed_state_is_what_the_next_step_begins_with():
    """By hand: nn.RNN with weights 1 and relu adds up its inputs; 100 is put in at the second."""
    model = nn.Sequential(nn.RNN(1, 1, batch_first=True, nonlinearity="relu", bias=False))
    for one in model.parameters():
        nn.init.ones_(one)

    def change(states: Tensor) -> Tensor:
        states[:, 1] = 100
        return states

    steps = torch.tensor([[[1.0], [2.0], [3.0], [4.0]]])
    with torch.no_grad(), replace(model, "0:hidden", change):
        states, last = model(steps)
    assert states.flatten().tolist() == [1, 100, 103, 107]
    assert last.item() == 107
    with torch.no_grad(), replace(model, "0", change):
        states, _ = model(steps)
    assert states.flatten().tolist() == [1, 100, 6, 10], "the output alone does not come back"


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("part", ["hidden.0", "hidden.1", "cell.0"])
def test_steps_that_are_taken_again_are_those_of_torch(kind: type[nn.RNNBase], part: str):
    """A factor of 1 that wants a gradient: every step is taken again, and comes to the same."""
    if part == "cell.0" and kind is not nn.LSTM:
        return
    model, inputs = nets.plain_reader(kind, num_layers=2, bidirectional=True)
    answer, ends = model(*inputs), model.ends
    one = torch.ones((), requires_grad=True)
    with replace(model, f"rnn:{part}", lambda states: states * one):
        again = model(*inputs)
    torch.testing.assert_close(again, answer, atol=1e-6, rtol=1e-5)
    for state, before in zip(model.ends, ends, strict=True):
        torch.testing.assert_close(state, before, atol=1e-6, rtol=1e-5)


def test_a_cell_state_that_is_emptied_forgets_what_came_before():
    """A change at one step of an LSTM's cell makes of the rest a run that begins there."""
    model, (steps,) = nets.plain_reader(packed=False)

    def forget(cells: Tensor) -> Tensor:
        cells[:, 2] = 0
        return cells

    with torch.no_grad(), record(model, "rnn:cell") as moved, replace(model, "rnn:cell", forget):
        model(steps)
        ends = model.ends
    with torch.no_grad():
        begun = torch.zeros(1, 4, 4)
        states, (hidden, cell) = model.rnn(steps[:, 3:], (begun, begun))
    torch.testing.assert_close(ends[1], cell)
    torch.testing.assert_close(ends[0], hidden)
    assert moved["rnn:cell"].shape == (4, 6, 4), "a recording that was opened before sees its own"
    assert states.shape == (4, 3, 4)


def test_both_directions_and_the_levels_above_follow_a_changed_level():
    model, (steps, lengths) = nets.plain_reader(nn.GRU, num_layers=3, bidirectional=True)
    with torch.no_grad(), replace(model, "rnn:hidden.1", torch.zeros_like):
        model(steps, lengths)
        (ends,) = model.ends
        with record(model, ["rnn:hidden.2"]) as activations:
            model(steps, lengths)
    top = nn.GRU(8, 4, batch_first=True, bidirectional=True)
    for name, one in top.named_parameters():
        one.data = getattr(model.rnn, name.replace("l0", "l2")).data
    with torch.no_grad():
        states, last = top(torch.zeros(1, 6, 8))
    torch.testing.assert_close(activations["rnn:hidden.2"][0], states[0])
    assert bool((ends[2:4] == 0).all()), "the changed level ends where it was put"
    torch.testing.assert_close(ends[4:, 0], last[:, 0])


def test_a_head_that_is_taken_out_is_a_head_whose_part_of_the_next_layer_is_zero():
    """Independently: the columns of the layer that joins the heads are set to zero."""
    for made, layer, join in (
        (nets.encoder, "stack.blocks.1.own", "output"),
        (nets.plain_encoder, "encoder.layers.1.self_attn", "out_proj"),
    ):
        model, inputs = made()
        model.eval()

        def without_first(heads: Tensor) -> Tensor:
            return heads * torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)

        with torch.no_grad():
            with replace(model, f"{layer}:heads", without_first):
                found = model(*inputs)
            weight = model.get_submodule(layer).get_submodule(join).weight
            weight[:, : weight.shape[1] // 2] = 0
            torch.testing.assert_close(found, model(*inputs), atol=1e-6, rtol=1e-5)


def test_weights_that_look_at_the_first_token_alone_gather_it():
    for made, layer in (
        (nets.encoder, "stack.blocks.0.own"),
        (nets.plain_encoder, "encoder.layers.0.self_attn"),
    ):
        model, inputs = made()

        def first(weights: Tensor) -> Tensor:
            found = torch.zeros_like(weights)
            found[..., 0] = 1
            return found

        change = replace(model, f"{layer}:weights", first)
        with torch.no_grad(), change, record(model, layer) as activations:
            model(*inputs)
        gathered = activations[layer]
        torch.testing.assert_close(gathered, gathered[:, :1].expand_as(gathered))


def test_a_recording_within_a_replacement_sees_what_was_put_in():
    model, inputs = nets.plain()
    with torch.no_grad(), replace(model, "0", torch.ones_like), record(model, ["0", "1"]) as seen:
        model(*inputs)
    assert bool((seen["0"] == 1).all())
    assert bool((seen["1"] == 1).all())
    with torch.no_grad(), record(model, "0") as before, replace(model, "0", torch.ones_like):
        model(*inputs)
    assert bool((before["0"] != 1).any())


def test_replacements_nest_and_one_call_of_several_is_replaced():
    shared = nn.ReLU()
    model = nn.Sequential(shared, nn.Linear(3, 3), shared)
    rows = torch.randn(5, 3)
    with torch.no_grad():
        with replace(model, "0#1", torch.zeros_like):
            first = model(rows)
        with replace(model, "0#2", torch.zeros_like):
            second = model(rows)
        torch.testing.assert_close(first, model[1].bias.relu().expand(5, 3))
        assert bool((second == 0).all())
        with replace(model, "0#1", torch.zeros_like), replace(model, "0#2", torch.ones_like):
            assert bool((model(rows) == 1).all())
    with (
        replace(model, "0", torch.zeros_like),
        pytest.raises(ModelError, match="called 2 times in a pass"),
    ):
        model(rows)


def test_what_is_put_in_takes_the_precision_of_the_layer():
    model, inputs = nets.plain()
    with record(model, "1", dtype=torch.float16) as activations:
        answer = model(*inputs)
    with replace(model, "1", lambda _: activations["1"]):
        again = model(*inputs)
    assert again.dtype == torch.float32
    torch.testing.assert_close(again, answer, atol=1e-2, rtol=1e-2)


def test_keyword_inputs_are_replaced_too():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, rows: Tensor) -> Tensor:
            return self.inner(input=rows)

    model = Named()
    with replace(model, "inner:input", torch.zeros_like):
        answer = model(torch.ones(3, 2))
    torch.testing.assert_close(answer, model.inner.bias.expand(3, 2))


def test_a_layer_that_no_pass_calls_is_told_rather_than_left():
    """torch's attention never calls its last layer: a change of it would go unnoticed."""
    model, inputs = nets.plain_encoder()
    layer = "encoder.layers.0.self_attn.out_proj"
    with replace(model, layer, torch.zeros_like):
        pass  # no pass was made: nothing is amiss
    with pytest.raises(ModelError, match="nothing was replaced"):  # noqa: SIM117
        with replace(model, layer, torch.zeros_like):
            model(*inputs)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda one: one[:, :2], r"gave shape \(6, 2\) for \(6, 5\)"),
        (lambda _: None, "gave NoneType: give a tensor"),
    ],
)
def test_a_change_that_gives_something_else_is_refused_and_leaves_nothing(
    change: Callable, told: str
):
    model, inputs = nets.plain()
    with replace(model, "1", change), pytest.raises(ModelError, match=told):
        model(*inputs)
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in model.modules())


def test_what_cannot_be_replaced_is_told():
    model, _ = nets.plain_reader()
    with pytest.raises(UsageError, match="replace hidden or cell"):  # noqa: SIM117
        with replace(model, "rnn:gates", torch.zeros_like):
            pass
    with pytest.raises(UsageError, match="means 3 layers, '0' the first"):  # noqa: SIM117
        with replace(nets.plain()[0], "*", torch.zeros_like):
            pass
