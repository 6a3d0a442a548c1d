import math
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from auditkit.data.schema import Medium, Task
from auditkit.data.text import END, MASK, PAD, START
from auditkit.errors import ModelError, UsageError
from auditkit.models.base import ARCHITECTURES, Head
from auditkit.models.transformer import (
    Decoder,
    Encoder,
    EncoderDecoder,
    attention_weights,
    mask_tokens,
)
from auditkit.models.transformer.blocks import Attention, Rotary, TransformerOptions

VOCABULARY, LONGEST = 23, 12
FORMS = ("encoder", "decoder", "encoder-decoder")
CLOSE = {"rtol": 0, "atol": 1e-5}


def network(form: str, *, head: Head | None = None, **sizes: float) -> nn.Module:
    torch.manual_seed(0)
    made = ARCHITECTURES[form]
    one = SimpleNamespace(vocabulary=VOCABULARY, longest=LONGEST)
    both = SimpleNamespace(source=one, target=SimpleNamespace(vocabulary=19, longest=10))
    options = made.Options(**{"width": 16, "depth": 2, "heads": 2, **sizes})
    encoder = both if form == "encoder-decoder" else one
    return made.build(encoder, head or Head(task=Task.DECISION), options).eval()


def texts(rows: int = 4, steps: int = 9, high: int = VOCABULARY) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(rows)
    tokens = torch.randint(MASK + 1, high, (rows, steps), generator=drawn)
    lengths = torch.randint(1, steps + 1, (rows,), generator=drawn)
    return tokens.masked_fill(torch.arange(steps) >= lengths[:, None], PAD), lengths


def inputs(form: str, rows: int = 4) -> tuple[Tensor, ...]:
    tokens, lengths = texts(rows)
    if form == "decoder":
        return (texts(rows)[0],)
    if form == "encoder":
        return tokens, lengths
    written = texts(rows, 7, 19)[0]
    written[:, 0] = START
    return tokens, lengths, written


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_what_it_reads_and_gives_every_weight_a_gradient(form):
    model = network(form)
    assert model.media == {Medium.TEXT}
    out = model(*inputs(form))
    shape = {"encoder": (4,), "decoder": (4, 9, VOCABULARY), "encoder-decoder": (4, 7, 19)}
    assert out.shape == shape[form]
    out.square().sum().backward()
    silent = [
        name for name, one in model.named_parameters() if one.grad is None or not one.grad.any()
    ]
    assert not silent


def test_the_encoder_answers_classes_and_numbers_too():
    assert network("encoder", head=Head(task=Task.CLASSES, size=3))(*inputs("encoder")).shape == (
        4,
        3,
    )
    number = network("encoder", head=Head(task=Task.NUMBER, mean=40.0, deviation=2.0))
    assert (number(*inputs("encoder")) - 40).abs().max() < 20


@pytest.mark.parametrize("form", ["encoder", "encoder-decoder"])
def test_padding_changes_no_answer(form):
    model = network(form)
    tokens, lengths, *written = inputs(form)
    longer = F.pad(tokens, (0, 3), value=PAD)
    other = longer.masked_fill(torch.arange(12) >= lengths[:, None], 7)
    for one in (longer, other):
        assert torch.allclose(
            model(one, lengths, *written), model(tokens, lengths, *written), **CLOSE
        )


@pytest.mark.parametrize("form", ["decoder", "encoder-decoder"])
def test_a_later_token_changes_no_earlier_logit(form):
    model = network(form)
    *before, written = inputs(form)
    changed = written.clone()
    changed[:, 4] = 6 + (written[:, 4] == 6).long()
    old, new = model(*before, written), model(*before, changed)
    assert torch.allclose(old[:, :4], new[:, :4], **CLOSE)
    assert ((old[:, 4:] - new[:, 4:]).abs().amax(dim=(0, 2)) > 1e-4).all()


def test_an_earlier_answer_of_the_encoder_does_change_with_a_later_token():
    model = network("encoder")
    tokens, lengths = texts()[0].clamp(min=5), torch.full((4,), 9)
    changed = tokens.clone()
    changed[:, 8] = 6 + (tokens[:, 8] == 6).long()
    seen = model.hidden(tokens, lengths)[:, 0] - model.hidden(changed, lengths)[:, 0]
    assert seen.abs().max() > 1e-4


@pytest.mark.parametrize("form", FORMS)
def test_rows_know_nothing_of_one_another(form):
    model, given = network(form), inputs(form)
    order = torch.tensor([2, 0, 3, 1])
    assert torch.allclose(model(*(one[order] for one in given)), model(*given)[order], **CLOSE)
    assert torch.allclose(model(*(one[:1] for one in given)), model(*given)[:1], **CLOSE)


def test_rotated_products_depend_on_the_distance_alone():
    torch.manual_seed(0)
    turn = Rotary(8, 40)
    query, key = torch.randn(2, 1, 1, 1, 1, 8)

    def product(t: int, s: int) -> float:
        return float((turn(query, t) * turn(key, s)).sum())

    assert product(9, 4) == pytest.approx(product(35, 30), abs=1e-5)
    assert product(9, 4) != pytest.approx(product(9, 5), abs=1e-2)
    assert torch.equal(turn(query, 0), query)


def test_attention_is_the_formula_of_the_paper():
    torch.manual_seed(0)
    options = TransformerOptions(width=4, heads=1)
    layer = Attention(options)
    x, memory = torch.randn(1, 2, 4), torch.randn(1, 3, 4)
    query = x[0] @ layer.query.weight.T
    key, value = (memory[0] @ layer.project.weight.T).split(4, dim=-1)
    rows = []
    for one in query:
        weights = [math.exp((one @ other).item() / 2) for other in key]
        rows.append(sum(w * v for w, v in zip(weights, value, strict=True)) / sum(weights))
    wanted = torch.stack(rows) @ layer.output.weight.T
    assert torch.allclose(layer(x, memory)[0], wanted, **CLOSE)


@pytest.mark.parametrize("form", FORMS)
def test_attention_weights_are_shares_of_what_may_be_seen(form):
    model, given = network(form), inputs(form)
    fast = model(*given)
    with attention_weights(model) as weights:
        slow = model(*given)
    assert torch.allclose(fast, slow, **CLOSE)
    kinds = {"encoder": 2, "decoder": 2, "encoder-decoder": 6}
    assert len(weights) == kinds[form]
    for name, one in weights.items():
        assert one.shape[:2] == (4, 2)
        assert torch.allclose(one.sum(dim=-1), torch.ones(one.shape[:-1]), **CLOSE)
        if form == "decoder" or (name.startswith("writer") and name.endswith("own")):
            assert not one.triu(1).any()
        else:
            unseen = torch.arange(one.shape[-1]) >= given[1][:, None]  # (B, S)
            assert not one[unseen[:, None, None].expand_as(one)].any()


def test_asking_for_weights_leaves_nothing_behind():
    model, given = network("decoder"), inputs("decoder")

    def state() -> list[tuple[str, bool, int]]:
        return [
            (name, getattr(one, "watched", False), len(one._forward_hooks))
            for name, one in model.named_modules()
        ]

    before = state()
    with attention_weights(model) as weights:
        model(*given)
        assert state() != before
        kept = dict(weights)
        with pytest.raises(ModelError):
            model(given[0] + 100)
    assert state() == before
    model(*given)
    assert all(weights[name] is one for name, one in kept.items())


def test_a_hook_on_the_weights_changes_what_is_gathered():
    model, given = network("decoder"), inputs("decoder")
    with attention_weights(model):
        plain = model(*given)
        layer = model.get_submodule("stack.blocks.0.own.weights")
        handle = layer.register_forward_hook(lambda _m, _i, weights: weights * 0)
        assert (model(*given) - plain).abs().max() > 1e-3
        handle.remove()


def test_a_network_without_attention_has_no_weights_to_show():
    with (
        pytest.raises(ModelError, match="no attention in Linear"),
        attention_weights(nn.Linear(1, 1)),
    ):
        pass


@pytest.mark.parametrize("form", FORMS)
def test_it_can_be_exported_for_any_batch(form):
    model = network(form)
    batch = torch.export.Dim("batch", min=1, max=64)
    given = inputs(form)
    made = torch.export.export(model, given, dynamic_shapes=tuple({0: batch} for _ in given))
    other = inputs(form, rows=7)
    assert torch.allclose(made.module()(*other), model(*other), **CLOSE)


@pytest.mark.parametrize("form", FORMS)
def test_saved_weights_give_the_same_answers(form):
    model, given = network(form), inputs(form)
    saved = safetensors.torch.save(model.state_dict())  # refuses tensors that share memory
    torch.manual_seed(9)
    other = network(form)
    for one in other.parameters():
        nn.init.zeros_(one)
    other.load_state_dict(safetensors.torch.load(saved))
    assert torch.equal(other(*given), model(*given))


@pytest.mark.parametrize("form", FORMS)
def test_it_runs_and_learns_in_half_precision(form):
    model, given = network(form), inputs(form)
    whole = model(*given)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(*given)
    assert torch.allclose(half.float(), whole, rtol=0.1, atol=0.15)
    half.float().sum().backward()
    assert all(one.grad is not None for one in model.parameters())


@pytest.mark.parametrize("form", ["encoder", "encoder-decoder"])
def test_an_empty_text_is_refused(form):
    tokens, lengths, *written = inputs(form)
    lengths = lengths.clone()
    lengths[1] = 0
    with pytest.raises(ModelError, match=r"an empty text: give at least one token"):
        network(form)(tokens, lengths, *written)


@pytest.mark.parametrize("form", FORMS)
def test_tokens_it_cannot_read_are_refused(form):
    model, given = network(form), inputs(form)
    for place, one in enumerate(given):
        if one.dim() == 1:
            continue
        for wrong in (VOCABULARY, -1):
            strange = one.clone()
            strange[0, 0] = wrong
            with pytest.raises(ModelError, match=f"no token {wrong} in a vocabulary of"):
                model(*given[:place], strange, *given[place + 1 :])
        long = one.repeat(1, 2)
        with pytest.raises(ModelError, match=rf"a text of {long.shape[1]} tokens .* reads 1[02]:"):
            model(*given[:place], long, *given[place + 1 :])
        with pytest.raises(ModelError, match="an empty text"):
            model(*given[:place], one[:, :0], *given[place + 1 :])


def test_a_length_beyond_the_row_is_refused():
    with pytest.raises(ModelError, match="a length of 10 for a row of 9 tokens"):
        network("encoder")(texts()[0], torch.tensor([1, 10, 2, 3]))


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(UsageError, match="take a multiple of 6"):
        TransformerOptions(width=16, heads=3)


def test_masking_hides_a_share_of_the_ordinary_tokens():
    tokens, lengths = texts(rows=4000, steps=20, high=40)
    tokens[:, 0] = START
    masked, targets = mask_tokens(tokens, lengths, 40, torch.Generator().manual_seed(0))
    asked = targets != -100
    ordinary = tokens > MASK
    assert not asked[~ordinary].any()
    assert torch.equal(targets[asked], tokens[asked])
    assert torch.equal(masked[~asked], tokens[~asked])
    assert float(asked.sum() / ordinary.sum()) == pytest.approx(0.15, abs=0.01)
    now, was = masked[asked], tokens[asked]
    assert float((now == MASK).float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float((now == was).float().mean()) == pytest.approx(0.1 + 0.1 / 35, abs=0.02)
    random = now[(now != MASK) & (now != was)]
    assert len(random) / len(now) == pytest.approx(0.1, abs=0.02)
    assert random.min() == MASK + 1
    assert random.max() == 39


def test_masking_is_repeated_by_the_same_generator():
    first, second = (
        mask_tokens(*texts(), VOCABULARY, torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_logits_of_some_places_are_those_of_all_places():
    model = network("encoder")
    tokens, lengths = texts()
    at = mask_tokens(tokens, lengths, VOCABULARY, share=0.5)[1] != -100
    every = model.masked_logits(tokens, lengths)
    assert every.shape == (4, 9, VOCABULARY)
    assert torch.allclose(model.masked_logits(tokens, lengths, at), every[at], **CLOSE)


def test_pretraining_finds_a_word_that_its_neighbour_gives_away():
    model = network("encoder", dropout=0.0).train()
    drawn = torch.Generator().manual_seed(0)
    first = torch.randint(5, 14, (512, 1), generator=drawn)
    tokens = torch.cat([first, first + 9], dim=1)  # the second word follows from the first
    lengths = torch.full((512,), 2)
    steps = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
        masked, targets = mask_tokens(tokens, lengths, VOCABULARY, drawn)
        at = targets != -100
        loss = F.cross_entropy(model.masked_logits(masked, lengths, at), targets[at])
        steps.zero_grad()
        loss.backward()
        steps.step()
    hidden = tokens.clone()
    hidden[:, 1] = MASK
    found = model.eval().masked_logits(hidden, lengths)[:, 1].argmax(dim=-1)
    assert (found == tokens[:, 1]).all()


@pytest.mark.parametrize("kind", [Encoder, Decoder, EncoderDecoder])
def test_the_output_layer_is_the_embedding_and_the_first_loss_is_near_chance(kind):
    form = {Encoder: "encoder", Decoder: "decoder", EncoderDecoder: "encoder-decoder"}[kind]
    model = network(form, width=64)
    assert isinstance(model, kind)
    given = inputs(form)
    logits = model.masked_logits(*given) if form == "encoder" else model(*given)
    targets = torch.randint(5, logits.shape[-1], logits.shape[:2])
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert float(loss.detach()) < math.log(logits.shape[-1]) + 0.7
    assert END == 3
