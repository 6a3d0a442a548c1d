import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.transformer import Decoder, EncoderDecoder
from auditkit.models.transformer.decoder import DecoderOptions
from auditkit.models.transformer.encoder_decoder import EncoderDecoderOptions
from auditkit.probing.lens.answers import logit_lens, streams_of
from auditkit.probing.lens.exits import exits_of
from auditkit.probing.lens.grids import lens_grid
from auditkit.probing.lens.passages import Passages, cut, passages_of
from auditkit.probing.lens.tuned import tuned_lens
from auditkit.runtime import Runtime

WIDTH, VOCABULARY = 16, 24
CPU = torch.device("cpu")


class Stream(nn.Module):
    """A stream of blocks over tokens, with a norm and a head under names of its own."""

    def __init__(self, *blocks: nn.Module, seed: int = 0) -> None:
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)
        self.first = nn.Embedding(VOCABULARY, WIDTH)
        self.first.weight.data.normal_(generator=drawn)
        self.blocks = nn.ModuleList(blocks)
        self.scale = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight.data.normal_(generator=drawn)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.first(tokens)
        for one in self.blocks:
            x = one(x)
        return self.head(self.scale(x))


class Changed(nn.Module):
    """x times a matrix."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.matrix


class Forgotten(nn.Module):
    """What is here depends on the place alone, and the answer comes from nowhere else later."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.kept = x
        return torch.randn(1, x.shape[1], WIDTH, generator=torch.Generator().manual_seed(1)) + 0 * x


class Remembered(nn.Module):
    """Gives back what another block hid."""

    def __init__(self, other: Forgotten) -> None:
        super().__init__()
        self.held = [other]  # not a part of this one

    def forward(self, _x: Tensor) -> Tensor:
        return self.held[0].kept


def rotation(seed: int = 0) -> Tensor:
    drawn = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(seed))
    return torch.linalg.qr(drawn)[0]


def texts(rows: int = 40, steps: int = 12, seed: int = 0, per: int = 2) -> Passages:
    drawn = torch.Generator().manual_seed(seed)
    tokens = torch.randint(5, VOCABULARY, (rows, steps), generator=drawn)
    return passages_of(tokens, documents=np.arange(rows) // per)


def decoder() -> Decoder:
    torch.manual_seed(0)
    sizes = DecoderOptions(width=WIDTH, depth=3, heads=2, feedforward=2, dropout=0.3)
    return Decoder(VOCABULARY, 20, sizes)


def pairs() -> tuple[EncoderDecoder, Passages]:
    torch.manual_seed(0)
    sizes = EncoderDecoderOptions(width=WIDTH, depth=2, heads=2, feedforward=2)
    model = EncoderDecoder((19, 12), (VOCABULARY, 12), sizes)
    source = torch.randint(5, 19, (8, 6))
    written = torch.randint(5, VOCABULARY, (8, 7))
    lengths = torch.tensor([6, 5, 4, 3, 2, 6, 6, 1])
    return model, passages_of((source, lengths, written[:, :-1]), written[:, 1:])


def open_stream(model: Stream):
    return exits_of(model, layers=["first", "blocks.*"], norm="scale", unembedding="head")


@torch.no_grad()
def test_the_last_layers_lens_is_the_output_to_the_last_bit():
    model = decoder().eval()
    for one, passages in ((model, texts()), pairs()):
        exits = exits_of(one.eval())
        streams, output = streams_of(one, exits, passages, CPU)
        assert torch.equal(exits.logits(streams[exits.layers[-1]]), output)
        assert torch.equal(output, one(*passages.inputs))


def test_bits_agreement_and_rank_are_what_they_are_called():
    model, passages = decoder(), texts(rows=6, per=1)
    found = logit_lens(model, passages)
    assert [one.layer for one in found.layers] == [
        "stack.dropout",
        *(f"stack.blocks.{i}" for i in range(3)),
    ]
    model.eval()
    tokens = passages.inputs[0]
    with torch.no_grad():
        x = model.stack.embedding(tokens) * WIDTH**0.5
        for block in model.stack.blocks[:2]:
            x = block(x)
        here = model.stack.logits(model.stack.norm(x))[:, :-1].double()
        last = model(tokens)[:, :-1].double()
    nats = F.cross_entropy(here.transpose(1, 2), tokens[:, 1:])
    second = found.layers[2]
    assert second.bits.value == pytest.approx(float(nats) / np.log(2), rel=1e-5)
    same = here.argmax(-1) == last.argmax(-1)
    assert second.agreement.value == pytest.approx(float(same.double().mean()))
    apart = F.kl_div(here.log_softmax(-1), last.softmax(-1), reduction="sum") / same.numel()
    assert second.divergence.value == pytest.approx(float(apart) / np.log(2), rel=1e-4)
    places = here.argsort(-1, descending=True).argsort(-1) + 1
    rank = places.gather(2, last.argmax(-1, keepdim=True)).double()
    assert second.rank.value == pytest.approx(float(rank.log().mean().exp()))


def test_an_answer_that_one_block_forms_is_settled_from_there():
    model = Stream(Changed(rotation()), nn.Identity(), nn.Identity())
    found = logit_lens(model, texts(), exits=open_stream(model))
    settled = [one.settled.value for one in found.layers]
    assert settled[0] < 0.2
    assert settled[1:] == [1, 1, 1]
    assert found.formed() == 1
    assert [one.divergence.value for one in found.layers[1:]] == [0, 0, 0]
    assert [one.rank.value for one in found.layers[1:]] == [1, 1, 1]


def test_settled_counts_what_no_later_layer_takes_back():
    model = Stream(Changed(rotation()), Changed(rotation().T))
    found = logit_lens(model, texts(), exits=open_stream(model))
    first, second, last = found.layers
    assert first.agreement.value == last.agreement.value == 1
    assert second.agreement.value < 0.2
    assert first.settled.value == second.settled.value == second.agreement.value
    assert found.formed() == 2


@pytest.mark.parametrize("seed", range(3))
def test_a_tuned_lens_reads_a_layer_that_speaks_in_turned_words(seed):
    model = Stream(Changed(rotation(seed)), seed=seed)
    exits = open_stream(model)
    found = tuned_lens(model, texts(seed=1), texts(seed=2), exits=exits, runtime=Runtime(seed=seed))
    plain, tuned = found.plain.layers[0], found.tuned.layers[0]
    assert plain.agreement.value < 0.25
    assert tuned.agreement.value > 0.97
    assert tuned.divergence.value < plain.divergence.value / 20
    assert tuned.divergence.high < plain.divergence.low


@pytest.mark.parametrize("seed", range(3))
def test_a_tuned_lens_reads_nothing_from_a_layer_that_holds_nothing(seed):
    hidden = Forgotten()
    model = Stream(hidden, Remembered(hidden), seed=seed)
    exits = exits_of(model, layers="blocks.*", norm="scale", unembedding="head")
    found = tuned_lens(model, texts(seed=1), texts(seed=2), exits=exits, runtime=Runtime(seed=seed))
    tuned = found.tuned.layers[0]
    assert tuned.agreement.value < found.tuned.guess + 0.06
    assert tuned.bits.value > 4.2  # log2 of 19 tokens is 4.25
    assert found.tuned.layers[1].agreement.value == 1


def test_a_layer_that_says_the_answer_already_is_left_alone():
    model = Stream(Changed(rotation()), nn.Identity())
    found = tuned_lens(model, texts(seed=1), texts(seed=2), exits=open_stream(model))
    assert found.translators["blocks.0"].how == "nothing"
    assert found.translators["first"].how != "nothing"
    assert "blocks.1" not in found.translators
    assert found.tuned.layers[1].divergence.value == 0


def test_the_same_twice_and_nothing_left_behind():
    model = decoder()
    model.train()
    model.stack.blocks[1].eval()
    before = [one.clone() for one in model.parameters()]
    modes = [one.training for one in model.modules()]
    first = tuned_lens(model, texts(seed=1), texts(seed=2))
    torch.manual_seed(99)
    second = tuned_lens(model, texts(seed=1), texts(seed=2), runtime=Runtime(memory=1))
    assert first.frame["value"].to_numpy() == pytest.approx(second.frame["value"], rel=1e-4)
    assert first.frame.equals(tuned_lens(model, texts(seed=1), texts(seed=2)).frame)
    assert [one.training for one in model.modules()] == modes
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    assert all(map(torch.equal, before, model.parameters()))
    assert not any(one._forward_hooks for one in model.modules())


def test_a_document_counts_once_however_many_passages_it_has():
    model, passages = decoder(), texts(rows=10, per=1)
    twice = passages_of(
        torch.cat([passages.inputs[0]] * 3), documents=np.tile(passages.document, 3)
    )
    one, other = logit_lens(model, passages), logit_lens(model, twice)
    for a, b in zip(one.layers, other.layers, strict=True):
        assert (b.bits.value, b.bits.low, b.bits.high, b.bits.n) == pytest.approx(
            (a.bits.value, a.bits.low, a.bits.high, 10)
        )
    assert other.tokens == 3 * one.tokens
    assert other.documents == 10


def test_what_follows_no_token_does_not_count():
    model = decoder()
    tokens = texts(rows=6).inputs[0]
    lengths = torch.tensor([12, 4, 2, 9, 12, 5])
    found = logit_lens(model, passages_of(tokens, lengths=lengths))
    assert found.tokens == int((lengths - 1).sum())
    other = tokens.masked_fill(torch.arange(12) >= lengths[:, None], 7)
    again = logit_lens(model, passages_of(other, lengths=lengths))
    assert again.layers[1].bits.value == pytest.approx(found.layers[1].bits.value, rel=1e-6)


def test_chance_stands_beside_it():
    tokens = torch.tensor([[5, 6, 5, 6, 5]] * 4)
    found = logit_lens(decoder(), passages_of(tokens))
    assert found.spread == 1  # of 5 and 6, each half the time
    assert 0.25 <= found.guess <= 1


def test_texts_are_cut_evenly_and_counted_once():
    long, short = np.arange(5, 18), np.array([7, 8, 9])
    found = cut([long, np.array([3]), short], size=4, most=2)
    assert found.inputs[0].tolist() == [[5, 6, 7, 8], [13, 14, 15, 16], [7, 8, 9, 0]]
    assert found.following.tolist() == [[6, 7, 8, 9], [14, 15, 16, 17], [8, 9, -1, -1]]
    assert found.document.tolist() == [0, 0, 1]
    with pytest.raises(DataError, match="no text has two tokens"):
        cut([np.array([3])], size=4, most=2)


def test_a_grid_ends_in_the_networks_own_answer():
    model, passages = decoder(), texts(rows=3, steps=5)
    found = lens_grid(model, passages, row=1, spell=lambda token: f"<{token}>")
    model.eval()
    with torch.no_grad():
        said = model(passages.inputs[0][1:2])[0, :-1].softmax(-1)
    last = found.frame[found.frame["place"] == 3]
    assert list(last["token"]) == [f"<{one}>" for one in said.argmax(-1).tolist()]
    assert list(last["probability"]) == pytest.approx(said.amax(-1).tolist(), rel=1e-5)
    assert last["final"].all()
    assert list(last["follows"]) == [f"<{one}>" for one in passages.following[1, :-1].tolist()]
    assert found.table.shape == (4, 4)


def test_another_network_must_say_where_its_parts_are():
    model = Stream(Changed(rotation()))
    with pytest.raises(UsageError, match="Stream is no decoder of auditkit's: name its layers"):
        logit_lens(model, texts())
    with pytest.raises(UsageError, match="did you mean 'head'"):
        exits_of(model, layers="blocks.*", unembedding="haed")
    wrong = exits_of(model, layers=["first"], norm="scale", unembedding="head")
    with pytest.raises(ModelError, match="is not the model's own answer"):
        logit_lens(model, texts(), exits=wrong)
    without = exits_of(model, layers="blocks.*", unembedding="head")
    with pytest.raises(ModelError, match="is not the model's own answer"):
        logit_lens(model, texts(), exits=without)


def test_passages_that_do_not_fit_are_refused():
    tokens = texts(rows=4).inputs[0]
    with pytest.raises(DataError, match="nothing can be asked"):
        passages_of(tokens[:, :1])
    with pytest.raises(DataError, match=r"what follows has shape \(4, 3, 1\)"):
        passages_of(tokens, tokens[:, :3, None])
    with pytest.raises(DataError, match="3 documents for 4 passages"):
        passages_of(tokens, documents=[1, 2, 3])
    with pytest.raises(DataError, match="say what follows each token"):
        passages_of((tokens, tokens))
    with pytest.raises(ModelError, match="a score for each token"):
        logit_lens(decoder(), passages_of(tokens, tokens[:, :3]))
    one = passages_of(tokens, documents=[0, 0, 0, 0])
    with pytest.raises(DataError, match="two documents or more"):
        tuned_lens(decoder(), one, one)


def test_a_layer_that_gives_nan_is_named():
    model = Stream(Changed(rotation() * torch.nan), Changed(rotation()))
    with pytest.raises(ModelError, match=r"layer 'blocks.0' gives NaN"):
        logit_lens(model, texts(), exits=open_stream(model))
