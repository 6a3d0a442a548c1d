"""Attention as it is: the weights that a model formed, its answers unchanged, nothing left."""

import math

import pytest
import torch
from torch import Tensor, nn

from auditkit.attribution.attention import attends, parted, watching
from auditkit.attribution.base import METHODS, Family, attribute
from auditkit.attribution.methods.attention import rollout
from auditkit.attribution.question import at_rest
from auditkit.data.schema import Task
from auditkit.errors import NotApplicable
from auditkit.models.base import Head
from auditkit.models.explainable.written import Continued, Rewritten
from auditkit.models.transformer import Decoder, Encoder, EncoderDecoder
from auditkit.models.transformer.decoder import DecoderOptions
from auditkit.models.transformer.encoder import EncoderOptions
from auditkit.models.transformer.encoder_decoder import EncoderDecoderOptions
from auditkit.runtime import Runtime

NAMES = ("attention", "attention_rollout", "attention_gradient")
SMALL = {"width": 16, "depth": 2, "heads": 2}
TOKENS = torch.tensor([[7, 8, 9, 6, 5], [5, 6, 7, 0, 0]])
LENGTHS = torch.tensor([5, 3])


class Stranger(nn.Module):
    """torch's own encoder, as somebody else would use it; `read` makes one vector of all."""

    def __init__(self, *, rows_first: bool = True, norm_first: bool = False, read: str = "first"):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(
            16, 4, 32, dropout=0.5, batch_first=rows_first, norm_first=norm_first
        )
        self.stack = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.answer = nn.Linear(16, 2)
        self.rows_first, self.read = rows_first, read

    def forward(self, tokens: Tensor) -> Tensor:
        gone = tokens == 0
        x = self.embedding(tokens)
        x = x if self.rows_first else x.transpose(0, 1)
        x = self.stack(x, src_key_padding_mask=gone)
        x = x if self.rows_first else x.transpose(0, 1)
        if self.read == "first":
            return self.answer(x[:, 0])
        kept = (~gone)[..., None]
        return self.answer((x * kept).sum(dim=1) / kept.sum(dim=1))


def made(kind: type[nn.Module], **options: object) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(**options)  # type: ignore[arg-type]


def ours() -> nn.Module:
    return made(
        Encoder,
        vocabulary=20,
        longest=8,
        head=Head(task=Task.DECISION),
        options=EncoderOptions(**SMALL),
    )


def state(model: nn.Module) -> list[object]:
    """All that must be as it was."""
    found: list[object] = [torch.backends.mha.get_fastpath_enabled()]
    for one in model.modules():
        found += [one.training, len(one._forward_hooks), len(one._forward_pre_hooks)]
        found.append(getattr(one, "watched", None))
    return found + [(one.requires_grad, one.grad) for one in model.parameters()]


def test_rollout_of_uniform_attention_is_what_abnar_and_zuidema_say():
    uniform = torch.full((1, 4, 4), 0.25, dtype=torch.float64)
    for layers in (1, 2, 5):
        own = 2.0**-layers
        expected = own * torch.eye(4) + (1 - own) * uniform[0]
        assert rollout([uniform] * layers)[0] == pytest.approx(expected.double())


def test_a_model_whose_attention_is_even_is_rolled_out_so():
    model = ours().eval()
    for name, weight in model.named_parameters():
        if "project" in name:  # queries and keys alike everywhere: no place is preferred
            weight.data[: 2 * 16] = 0
    found = attribute("attention_rollout", model, (TOKENS[:1], LENGTHS[:1])).value[0]
    # A quarter stays where it is read, and three quarters have come from everywhere alike.
    read = (found - 0.75 / 5) / 0.25
    assert float(read.min()) >= 0
    assert float(read.sum()) == pytest.approx(1)
    assert attribute("attention", model, (TOKENS[:1], LENGTHS[:1])).value[0] == pytest.approx(
        torch.full((5,), 0.2, dtype=torch.float64)
    )


class Averaged(nn.Module):
    """One attention of one head, read at its first place: its value is worked out by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 2)
        self.attention = nn.MultiheadAttention(2, 1, bias=False, batch_first=True)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.tensor([[0.0, 0], [0, 1], [1, 2], [2, -4]]))
            one = torch.eye(2)
            keys = torch.tensor([[math.sqrt(2), 0.0], [0.0, 0.0]])  # only the first number counts
            self.attention.in_proj_weight.copy_(torch.cat([one, keys, one]))
            self.attention.out_proj.weight.copy_(one)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        out, _ = self.attention(x, x, x, need_weights=False)
        return out[:, 0, 1]


def test_weights_and_weights_times_gradient_of_one_head_are_those_worked_out_by_hand():
    model = Averaged()
    tokens = torch.tensor([[2, 3, 1]])  # the first asks with 1; keys are 1, 2, 0
    size = torch.tensor([1.0, 2.0, 0.0]).exp()
    weights = (size / size.sum()).double()
    assert attribute("attention", model, tokens).value[0] == pytest.approx(weights, abs=1e-6)
    rolled = attribute("attention_rollout", model, tokens).value[0]
    expected = weights / 2 + torch.tensor([0.5, 0, 0])
    assert rolled == pytest.approx(expected, abs=1e-6)
    # The values fetched are 2, -4 and 1: what speaks against the answer is left out.
    graded = attribute("attention_gradient", model, tokens).value[0]
    assert graded == pytest.approx(weights * torch.tensor([2.0, 0.0, 1.0]), abs=1e-6)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("rows_first", [False, True])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_strangers_answers_are_the_same_while_it_is_watched(rows_first, norm_first):
    model = made(Stranger, rows_first=rows_first, norm_first=norm_first).eval()
    plain = model(TOKENS).detach()
    for graded in (False, True):
        with torch.set_grad_enabled(graded), watching(model) as looks:
            assert model(TOKENS).detach() == pytest.approx(plain, abs=1e-5)
        assert [one.weights.shape for one in looks] == [(2, 4, 5, 5)] * 2
        for one in looks:
            weights = one.weights.detach()
            assert weights.sum(dim=-1) == pytest.approx(torch.ones(2, 4, 5), abs=1e-5)
            assert float(weights[1, :, :, 3:].abs().max()) == 0  # padding
            assert one.gathered.shape == (2, 5, 16)
            assert one.own


def test_rows_first_or_not_the_attributions_are_the_same():
    one, other = made(Stranger).eval(), made(Stranger, rows_first=False).eval()
    other.load_state_dict(one.state_dict())
    for name in NAMES:
        found = attribute(name, one, TOKENS, 1).value
        assert found == pytest.approx(attribute(name, other, TOKENS, 1).value, abs=1e-6)
        assert float(found.abs().max()) > 0


def test_the_fast_path_with_nested_tensors_is_watched_too():
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    model = made(Stranger).eval()
    fast = nn.TransformerEncoder(layer, 2)  # which makes nested tensors of padded rows
    fast.load_state_dict(model.stack.state_dict())
    model.stack = fast.eval()
    with torch.no_grad(), watching(model) as looks:
        model(TOKENS)
    assert len(looks) == 2
    assert not any(one.weights.is_nested for one in looks)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"add_bias_kv": True},
        {"add_zero_attn": True, "add_bias_kv": True},
        {"kdim": 6, "vdim": 10},
    ],
)
@pytest.mark.parametrize("rows_first", [False, True])
def test_every_multihead_attention_answers_the_same_and_hands_out_what_it_was_asked(
    rows_first, options
):
    attention = made(nn.MultiheadAttention, embed_dim=8, num_heads=2, batch_first=rows_first)
    attention = nn.MultiheadAttention(8, 2, batch_first=rows_first, **options).eval()
    shape = (lambda *n: n) if rows_first else (lambda b, t, d: (t, b, d))
    query = torch.randn(shape(3, 4, 8))
    key = torch.randn(shape(3, 5, options.get("kdim", 8)))
    value = torch.randn(shape(3, 5, options.get("vdim", 8)))
    for asked in ({}, {"need_weights": False}, {"average_attn_weights": False}):
        out, weights = attention(query, key, value, **asked)
        with watching(attention) as looks:
            again, handed = attention(query, key, value, None, **asked)
        assert again.detach() == pytest.approx(out.detach(), abs=1e-6)
        assert (handed is None) is (weights is None)
        if weights is not None:
            assert handed.detach() == pytest.approx(weights.detach(), abs=1e-6)
        assert not looks[0].own


def test_the_gradient_at_the_weights_is_that_of_finite_differences():
    model = ours().eval()
    with at_rest(model), watching(model) as looks, torch.enable_grad():
        answer = model(TOKENS, LENGTHS)
        slopes = torch.autograd.grad(answer.sum(), [one.weights for one in looks])
    first = model.stack.blocks[0].own
    for row, head, asks, seen in [(0, 0, 1, 3), (1, 1, 2, 0), (0, 1, 4, 4)]:
        moved = []
        for step in (0.01, -0.01):

            def change(_module, _inputs, weights, step=step, at=(row, head, asks, seen)):
                weights = weights.clone()
                weights[at] += step
                return weights

            handle = first.weights.register_forward_hook(change)
            first.watched = True
            moved.append(float(model(TOKENS, LENGTHS)[row].detach()))
            handle.remove()
        first.watched = False
        expected = (moved[0] - moved[1]) / 0.02
        assert float(slopes[0][row, head, asks, seen]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["ours", "torch"])
def test_nothing_is_left_behind_even_where_the_model_breaks(name, kind):
    model = ours() if kind == "ours" else made(Stranger)
    inputs = (TOKENS, LENGTHS) if kind == "ours" else TOKENS
    model.train()
    assert torch.backends.mha.get_fastpath_enabled()  # nor by any test before
    before = state(model)
    draws = torch.get_rng_state()
    attribute(name, model, inputs, None if kind == "ours" else 0)
    assert state(model) == before
    assert torch.equal(torch.get_rng_state(), draws)

    class Broken(Exception):
        pass

    with pytest.raises(Broken), watching(model):
        raise Broken
    assert state(model) == before


@pytest.mark.parametrize("name", NAMES)
def test_padding_gets_nothing_and_rows_do_not_depend_on_each_other(name):
    model = ours()
    both = attribute(name, model, (TOKENS, LENGTHS)).value
    assert float(both[1, 3:].abs().max()) == 0
    alone = attribute(name, model, (TOKENS[1:, :3], LENGTHS[1:])).value
    assert both[1, :3] == pytest.approx(alone[0], abs=1e-6)
    tiny = Runtime(device="cpu", batch_size=1)
    assert attribute(name, model, (TOKENS, LENGTHS), runtime=tiny).value == pytest.approx(both)


def test_shares_of_attention_add_up_to_one_and_those_by_gradient_need_not():
    model = ours()
    for name in NAMES[:2]:
        found = attribute(name, model, (TOKENS, LENGTHS)).value
        assert found.sum(dim=1) == pytest.approx(torch.ones(2).double(), abs=1e-6)
    assert all(not METHODS[name].signed for name in NAMES)
    assert all(METHODS[name].family is Family.ATTENTION for name in NAMES)


def test_the_places_that_are_read_are_found_and_not_assumed():
    first, mean = made(Stranger).eval(), made(Stranger, read="mean").eval()
    mean.load_state_dict(first.state_dict())
    with torch.no_grad(), watching(first) as looks:
        first(TOKENS)
    weights = looks[-1].weights.double().mean(dim=1)
    found = attribute("attention", first, TOKENS, 0).value
    assert found == pytest.approx(weights[:, 0], abs=1e-6)
    found = attribute("attention", mean, TOKENS, 0).value
    assert float((found - weights[:, 0]).abs().max()) > 1e-3


def test_a_language_model_is_read_at_its_last_token():
    model = made(Decoder, vocabulary=20, longest=8, options=DecoderOptions(**SMALL))
    asked = Continued(model).eval()
    with torch.no_grad(), watching(asked) as looks:
        asked(TOKENS, LENGTHS)
    weights = looks[-1].weights.double().mean(dim=1)
    found = attribute("attention", asked, (TOKENS, LENGTHS), 9).value
    assert found[0] == pytest.approx(weights[0, 4], abs=1e-6)
    assert found[1] == pytest.approx(weights[1, 2], abs=1e-6)
    for name in NAMES:
        found = attribute(name, asked, (TOKENS, LENGTHS), 9).value
        assert float(found[1, 3:].abs().max()) == 0


def written() -> tuple[nn.Module, tuple[Tensor, ...]]:
    model = made(
        EncoderDecoder, source=(20, 8), target=(20, 8), options=EncoderDecoderOptions(**SMALL)
    )
    so_far = torch.tensor([[2, 7, 8], [2, 9, 0]])
    return Rewritten(model).eval(), (TOKENS, LENGTHS, so_far, torch.tensor([2, 1]))


def test_a_text_that_is_written_looks_at_what_was_read_and_at_itself():
    model, inputs = written()
    with torch.no_grad(), watching(model) as looks:
        model(*inputs)
    reading, writing = parted(looks)
    assert [one.own for one in reading] == [True, True]
    assert [one.own for one in writing] == [True, False] * 2
    found = attribute("attention_rollout", model, inputs, 9).values
    source, _, so_far, _ = found
    assert source.sum(dim=1) + so_far.sum(dim=1) == pytest.approx(torch.ones(2).double(), abs=1e-6)
    assert float(source[1, 3:].abs().max()) == 0
    assert float(so_far[1, 2:].abs().max()) == 0
    last = looks[-1].weights.double().mean(dim=1)
    source = attribute("attention", model, inputs, 9).values[0]
    assert source == pytest.approx(torch.stack([last[0, 2], last[1, 1]]), abs=1e-6)
    graded = attribute("attention_gradient", model, inputs, 9).values
    assert float(graded[0].abs().max()) > 0


def test_a_sequence_of_numbers_shares_a_places_part_out_among_its_numbers():
    class Signals(Stranger):
        def forward(self, values: Tensor) -> Tensor:
            return self.answer(self.stack(self.widen(values))[:, 0])

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Signals()
        model.widen = nn.Linear(3, 16)
        found = attribute("attention", model, torch.randn(2, 5, 3), 0).value
    assert found.shape == (2, 5, 3)
    assert torch.equal(found[..., 0], found[..., 2])
    assert found.sum(dim=(1, 2)) == pytest.approx(torch.ones(2).double(), abs=1e-6)


def test_a_class_token_before_the_text_is_nobodys():
    class Classified(Stranger):
        def forward(self, tokens: Tensor) -> Tensor:
            start = tokens.new_full((len(tokens), 1), 19)
            return super().forward(torch.cat([start, tokens], dim=1))

    model = made(Classified).eval()
    with torch.no_grad(), watching(model) as looks:
        model(TOKENS)
    found = attribute("attention", model, TOKENS, 0).value
    assert found == pytest.approx(looks[-1].weights.double().mean(dim=1)[:, 0, 1:], abs=1e-6)


def test_what_has_no_attention_is_told_so():
    class Halved(Stranger):
        def forward(self, tokens: Tensor) -> Tensor:
            return super().forward(tokens[:, ::2])

    linear = nn.Linear(4, 2)
    assert not attends(linear)
    assert not attends(lambda x: x)
    with pytest.raises(NotApplicable, match="no attention that shows its weights"):
        attribute("attention", linear, torch.zeros(1, 4), 0)
    with pytest.raises(NotApplicable, match="reads 3 places, and no input has as many"):
        attribute("attention_rollout", made(Halved), TOKENS, 0)
    with pytest.raises(NotApplicable), watching(linear):
        pass
