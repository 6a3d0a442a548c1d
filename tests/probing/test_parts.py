"""States, gates and heads beside torch's own, and beside cells that are stepped by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from auditkit.errors import ModelError, UsageError
from auditkit.models.rnn import GRU, LSTM, RNN, turned
from auditkit.models.transformer.weights import attention_weights
from auditkit.probing import record
from tests import nets

KINDS = [nn.RNN, nn.LSTM, nn.GRU]
SHAPES = [{}, {"num_layers": 3}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packed", [True, False])
def test_the_states_of_each_level_end_where_torch_says_they_do(
    kind: type[nn.RNNBase], shape: dict[str, int], packed: bool
):
    model, inputs = nets.plain_reader(kind, packed=packed, **shape)
    levels, sides = shape.get("num_layers", 1), 2 if shape.get("bidirectional") else 1
    held = ("hidden", "cell") if kind is nn.LSTM else ("hidden",)
    with torch.no_grad(), record(model, [f"rnn:{p}.{i}" for p in held for i in range(levels)]) as a:
        model(*inputs)
    last = (nets.LENGTHS if packed else torch.full((4,), 6)) - 1
    for part, ends in zip(held, model.ends, strict=True):
        for level in range(levels):
            states = a[f"rnn:{part}.{level}"]
            close(states[torch.arange(4), last, :4], ends[level * sides])
            if sides == 2:
                close(states[:, 0, 4:], ends[level * sides + 1])
            if packed:
                assert bool((states[1, 2:] == 0).all())


@pytest.mark.parametrize(("kind", "cell"), [(nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)])
def test_gates_and_states_are_those_of_a_cell_that_is_stepped_by_hand(
    kind: type[nn.RNNBase], cell: type[nn.RNNCellBase]
):
    """The update is written out here once more, gate by gate."""
    model, (steps,) = nets.plain_reader(kind, packed=False)
    lstm = kind is nn.LSTM
    with torch.no_grad(), record(model, ["rnn", "rnn:gates"]) as activations:
        model(steps)
    gates, states = activations["rnn:gates"], activations["rnn"]
    assert gates.shape == (4, 6, 4 if lstm else 3, 4)
    one = cell(3, 4)
    for name, weight in one.named_parameters():
        weight.data = getattr(model.rnn, f"{name}_l0").data
    hidden = memory = torch.zeros(4, 4)
    for step in range(6):
        if lstm:
            let_in, forget, new, out = gates[:, step].unbind(1)
            by_gates = out * torch.tanh(forget * memory + let_in * new)
            hidden, memory = one(steps[:, step], (hidden, memory))
        else:
            _, update, new = gates[:, step].unbind(1)
            by_gates = (1 - update) * new + update * hidden
            hidden = one(steps[:, step], hidden)
        close(by_gates, hidden.detach())
        close(states[:, step], hidden.detach())


def test_a_gate_that_is_held_open_is_seen_open():
    """Planted: a bias of 50 opens the forget gate of the LSTM, one of -50 shuts its input gate."""
    model, inputs = nets.plain_reader()
    with torch.no_grad():
        model.rnn.bias_ih_l0[4:8] = 50
        model.rnn.bias_ih_l0[:4] = -50
        with record(model, ["rnn:gates", "rnn:cell"]) as activations:
            model(*inputs)
    let_in, forget, _, _ = activations["rnn:gates"][0].unbind(1)
    assert bool((forget == 1).all())
    assert float(let_in.max()) < 1e-15
    assert float(activations["rnn:cell"].abs().max()) < 1e-15


def test_given_first_states_are_where_the_steps_begin():
    rnn = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    model = nn.ModuleDict({"rnn": rnn})
    steps = torch.randn(6, 2, 3)
    start = (torch.randn(4, 2, 4), torch.randn(4, 2, 4))
    with torch.no_grad(), record(model, ["rnn:cell.0", "rnn:cell", "rnn:hidden.0"]) as activations:
        _, (hidden, cell) = rnn(steps, hx=start)
    close(activations["rnn:cell.0"][:, -1, :4], cell[0])
    close(activations["rnn:cell"][:, 0, 4:], cell[3])
    close(activations["rnn:hidden.0"][:, -1, :4], hidden[0])


def test_one_row_without_a_batch_is_a_batch_of_it():
    rnn = nn.LSTM(3, 4)
    model = nn.ModuleDict({"rnn": rnn})
    with torch.no_grad(), record(model, ["rnn", "rnn:cell"]) as activations:
        states, (_, cell) = rnn(torch.randn(6, 3))
    assert torch.equal(activations["rnn"], states[None])
    close(activations["rnn:cell"][0, -1], cell[0])


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_projected_states_have_cells_of_the_full_width():
    model = nn.ModuleDict({"rnn": nn.LSTM(3, 4, num_layers=2, proj_size=2, batch_first=True)})
    with torch.no_grad(), record(model, ["rnn:hidden.0", "rnn:cell.0", "rnn:cell"]) as activations:
        _, (hidden, cell) = model["rnn"](torch.randn(5, 6, 3))
    close(activations["rnn:cell.0"][:, -1], cell[0])
    close(activations["rnn:cell"][:, -1], cell[1])
    close(activations["rnn:hidden.0"][:, -1], hidden[0])


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_our_layers_show_both_directions_in_the_order_of_the_text(kind: type):
    model, inputs = nets.recurrent(kind)
    parts = {LSTM: ["cell", "gates"], GRU: ["gates"], RNN: []}[kind]
    wanted = ["hidden", *parts]
    names = [f"layers.0.{one}:{part}" for one in ("ahead", "back") for part in wanted]
    names += [f"layers.0:{part}" for part in wanted] + ["layers.0"]
    with torch.no_grad(), record(model, names) as activations:
        model(*inputs)
    assert torch.equal(activations["layers.0:hidden"], activations["layers.0"])
    for part in wanted:
        ahead, back = activations[f"layers.0:{part}"].chunk(2, dim=-1)
        close(ahead, activations[f"layers.0.ahead:{part}"])
        own = activations[f"layers.0.back:{part}"]
        close(back, turned(own.flatten(2), nets.LENGTHS).view_as(own))
    assert activations.lengths("layers.0").tolist() == nets.LENGTHS.tolist()


def test_levels_that_drop_states_while_training_are_refused():
    model, inputs = nets.plain_reader(num_layers=2, dropout=0.5)
    model.train()
    with record(model, "rnn:cell"), pytest.raises(ModelError, match="put the model in eval mode"):
        model(*inputs)
    with record(model, "rnn:cell.0") as activations:
        model(*inputs)
    assert activations["rnn:cell.0"].shape == (4, 6, 4)


def test_a_network_without_gates_and_a_level_that_does_not_exist_are_told():
    model, _ = nets.plain_reader(nn.RNN)
    with pytest.raises(UsageError, match="is a RNN and has no 'gates': it has hidden"):  # noqa: SIM117
        with record(model, "rnn:gates"):
            pass
    model, _ = nets.plain_reader(nn.GRU, num_layers=2)
    with pytest.raises(UsageError, match="has no 'cell': it has hidden, gates"):  # noqa: SIM117
        with record(model, "rnn:cell"):
            pass
    with pytest.raises(UsageError, match="has no level 2: it has 0 to 1"):  # noqa: SIM117
        with record(model, "rnn:hidden.2"):
            pass


def test_our_heads_and_weights_make_what_the_attention_gives():
    model, inputs = nets.encoder()
    name = "stack.blocks.0.own"
    with torch.no_grad(), record(model, [f"{name}:heads", f"{name}:weights", name]) as activations:
        model(*inputs)
    heads, weights = activations[f"{name}:heads"], activations[f"{name}:weights"]
    assert heads.shape == (4, 2, 6, 8)
    assert weights.shape == (4, 2, 6, 6)
    close(weights.sum(dim=-1), torch.ones(4, 2, 6))
    assert bool((weights[1, :, :, 2:] == 0).all()), "padding is not looked at"
    join = model.get_submodule(name).output
    close(join(heads.transpose(1, 2).flatten(2)).detach(), activations[name])
    with torch.no_grad(), attention_weights(model) as own:
        model(*inputs)
    close(weights, own[name])


MASKS: list[Callable[[], dict[str, Tensor]]] = [
    dict,
    lambda: {"key_padding_mask": torch.arange(5) >= torch.tensor([[5], [2], [3]])},
    lambda: {"attn_mask": torch.ones(4, 5, dtype=torch.bool).triu(2)},
    lambda: {"attn_mask": torch.randn(6, 4, 5)},
    lambda: {
        "attn_mask": torch.zeros(4, 5),
        "key_padding_mask": torch.zeros(3, 5).index_fill_(1, torch.tensor([4]), -torch.inf),
    },
]


@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    "choices",
    [
        {"batch_first": True},
        {},
        {"batch_first": True, "add_bias_kv": True, "add_zero_attn": True},
        {"batch_first": True, "kdim": 6, "vdim": 5, "bias": False},
    ],
)
def test_torchs_heads_and_weights_are_what_it_would_tell_itself(
    choices: dict[str, object], mask: Callable[[], dict[str, Tensor]]
):
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, **choices).eval()
    sizes = (4, 8), (5, choices.get("kdim", 8)), (5, choices.get("vdim", 8))
    given = [torch.randn(3, *one) for one in sizes]
    if "batch_first" not in choices:
        given = [one.transpose(0, 1) for one in given]
    model, masks = nn.ModuleDict({"a": attention}), mask()
    with torch.no_grad(), record(model, ["a", "a:heads", "a:weights"]) as activations:
        attention(*given, **masks, need_weights=False)
    with torch.no_grad():
        answer, weights = attention(*given, **masks, average_attn_weights=False)
    close(activations["a:weights"], weights)
    joined = activations["a:heads"].transpose(1, 2).flatten(2)
    again = linear(joined, attention.out_proj.weight, attention.out_proj.bias).detach()
    close(again, answer if "batch_first" in choices else answer.transpose(0, 1))


def test_a_step_that_may_see_nothing_looks_nowhere():
    model = nn.ModuleDict({"a": nn.MultiheadAttention(4, 2, batch_first=True).eval()})
    steps, nothing = torch.randn(2, 3, 4), torch.tensor([[True] * 3, [False] * 3])
    with torch.no_grad(), record(model, "a:weights") as activations:
        model["a"](steps, steps, steps, key_padding_mask=nothing)
    assert bool((activations["a:weights"][0] == 0).all())


def test_the_heads_of_an_attention_of_others_are_cut_from_what_is_joined():
    class Theirs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n_heads, self.q_lin, self.out_lin = 3, nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, steps: Tensor) -> tuple[Tensor]:
            return (self.out_lin(self.q_lin(steps)),)

    model, steps = nn.Sequential(Theirs()), torch.randn(2, 4, 6)
    with record(model, "0:heads") as activations:
        model(steps)
    wanted = model[0].q_lin(steps).detach().view(2, 4, 3, 2).transpose(1, 2)
    assert torch.equal(activations["0:heads"], wanted)


def test_vectors_of_heads_and_gates_are_over_steps_and_not_over_heads():
    model, inputs = nets.encoder()
    name = "stack.blocks.0.own:heads"
    with torch.no_grad(), record(model, name, lengths=inputs[1]) as activations:
        model(*inputs)
    with torch.no_grad(), record(model, name, lengths=inputs[1], pool="mean") as pooled:
        model(*inputs)
    found = activations.vectors(name)
    assert found.shape == (4, 16)
    close(found[1], activations[name][1, :, :2].mean(dim=1).flatten())
    assert torch.equal(pooled[name], found)
    model, inputs = nets.plain_reader()
    with torch.no_grad(), record(model, "rnn:gates") as activations:
        model(*inputs)
    close(
        activations.vectors("rnn:gates", pool="last")[2],
        activations["rnn:gates"][2, 3].flatten(),
    )
