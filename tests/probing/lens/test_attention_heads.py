from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from auditkit.errors import ModelError, NotApplicable, UsageError
from auditkit.models.transformer import Decoder, Encoder, EncoderDecoder
from auditkit.models.transformer.decoder import DecoderOptions
from auditkit.models.transformer.encoder import EncoderOptions
from auditkit.models.transformer.encoder_decoder import EncoderDecoderOptions
from auditkit.probing.lens.attention_heads import LOOKS, evened, head_habits, repetition

TOKENS, STEPS = 16, 24
DRAWN = range(TOKENS)


class Planted(nn.Module):
    """Four heads: one finds what followed, one the same token, one the token before, one nothing.

    Each place holds the codes of its own token, of the token before, of its place and of the place
    before; a head is told which of them to ask for, and which to look in.
    """

    def __init__(self) -> None:
        super().__init__()
        size = 32
        codes = torch.randn(TOKENS + STEPS, size, generator=torch.Generator().manual_seed(0))
        self.codes = nn.Parameter(F.normalize(codes, dim=1))
        self.attention = nn.MultiheadAttention(4 * size, 4, bias=False, batch_first=True)
        own, before, place, last = range(4)
        looks = {0: (own, before), 1: (own, own), 2: (last, place)}
        weights = torch.zeros(3, 4, size, 4, size)  # query, key, value; head; part
        for head, (asked, seen) in looks.items():
            weights[0, head, :, asked] = weights[1, head, :, seen] = 12 * torch.eye(size)
        self.attention.in_proj_weight.data.copy_(weights.reshape(12 * size, 4 * size))

    def forward(self, tokens: Tensor) -> Tensor:
        words = self.codes[tokens]
        steps = tokens.shape[1]
        places = self.codes[TOKENS : TOKENS + steps].expand(len(tokens), -1, -1)
        x = torch.cat([words, shifted(words), places, shifted(places)], dim=2)
        mask = torch.ones(steps, steps, dtype=torch.bool).triu(1)
        return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0][..., :3]


def shifted(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0, 1, -1))


@cache
def copier() -> Decoder:
    """A decoder of one block that learned in a second to repeat what it has read."""
    torch.manual_seed(0)
    model = Decoder(TOKENS, 40, DecoderOptions(width=32, depth=1, heads=1, feedforward=2))
    steps = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(120):
        half = torch.randint(5, TOKENS, (32, 10))
        tokens = torch.cat([torch.full((32, 1), 2), half, half], dim=1)
        said = model(tokens[:, :-1])[:, 10:].transpose(1, 2)
        steps.zero_grad()
        F.cross_entropy(said, tokens[:, 11:]).backward()
        steps.step()
    return model.eval()


def fresh(depth: int = 2) -> Decoder:
    torch.manual_seed(3)
    return Decoder(TOKENS, 40, DecoderOptions(width=32, depth=depth, heads=4)).eval()


def test_planted_heads_are_told_apart():
    found = repetition(Planted(), DRAWN, length=STEPS // 2)
    one, two, three, idle = found.heads
    assert one.induction.low > 0.6 > one.duplicate.high
    assert two.duplicate.low > 0.3 > two.induction.high
    assert three.previous.low > 0.95
    assert max(three.induction.high, three.duplicate.high) < 0.05
    for look in LOOKS:
        assert getattr(idle, look).value == pytest.approx(found.chance, rel=1e-4)
    assert not found.repeated.defined
    assert "does not say which token" in found.repeated.reason
    assert not one.copying.defined
    assert [head.head for head in found.looking_back()] == [1, 2]


def test_chance_is_even_attention_over_what_may_be_seen():
    found = repetition(Planted(), DRAWN, length=3)
    assert found.chance == pytest.approx((1 / 4 + 1 / 5) / 2)  # 3 and 4 stand before
    both = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1, enable_nested_tensor=False
    )
    sees_all = nn.Sequential(nn.Embedding(TOKENS, 8), both).eval()
    assert repetition(sees_all, DRAWN, length=3).chance == pytest.approx(1 / 6)


def test_a_network_that_learned_to_copy_has_a_head_that_does_it():
    found = repetition(copier(), range(5, TOKENS), length=10, begin=2)
    assert found.repeated.high < 0.1 < 2 < found.first.low
    (head,) = found.heads
    # The token behind the one that followed carries features of it, and is where this head looks.
    assert head.further.low > 0.8
    assert found.looking_back() == (head,)
    assert head.copying.low > 1


@pytest.mark.parametrize("seed", range(3))
def test_an_untrained_network_has_none(seed):
    torch.manual_seed(seed)
    model = Decoder(TOKENS, 40, DecoderOptions(width=32, depth=2, heads=4))
    found = repetition(model, range(5, TOKENS), length=10, begin=2)
    assert len(found.heads) == 8
    for one in found.heads:
        assert one.induction.value < 3 * found.chance
        assert abs(one.copying.value) < 0.3
    assert not found.looking_back()
    assert found.repeated.value == pytest.approx(found.first.value, abs=0.3)


def test_an_evened_head_looks_at_all_it_may_alike_and_the_others_as_before():
    model = fresh()
    tokens = torch.randint(5, TOKENS, (2, 7))
    attention = model.stack.blocks[1].own
    seen = []
    with evened(attention, 2), torch.no_grad():
        attention.weights.register_forward_hook(lambda _m, _a, output: seen.append(output))
        changed = model(tokens)
    attention.weights._forward_hooks.clear()
    (weights,) = seen
    expected = torch.ones(7, 7).tril() / torch.arange(1, 8)[:, None]
    assert torch.allclose(weights[:, 2], expected.expand(2, 7, 7))
    assert not torch.allclose(weights[:, 1], expected.expand(2, 7, 7))
    assert not attention.watched
    with torch.no_grad():
        assert not torch.allclose(model(tokens), changed)


def test_a_text_that_is_written_from_another_is_asked_about_itself():
    torch.manual_seed(0)
    sizes = EncoderDecoderOptions(width=16, depth=2, heads=2, feedforward=2)
    model = EncoderDecoder((9, 8), (TOKENS, 40), sizes)
    source = (torch.tensor([[5, 6, 7]]), torch.tensor([3]))
    found = repetition(model, range(5, TOKENS), length=6, begin=2, source=source)
    assert {one.layer for one in found.heads} == {"writer.blocks.0.own", "writer.blocks.1.own"}
    assert found.repeated.defined
    assert model.training
    assert not any(one._forward_hooks for one in model.modules())


def test_the_frame_names_chance_beside_each_score():
    frame = repetition(fresh(1), range(5, TOKENS), length=6).frame
    assert len(frame) == 4 * 5
    assert frame[frame["score"] == "copying"]["chance"].eq(0).all()
    assert frame.equals(repetition(fresh(1), range(5, TOKENS), length=6).frame)


def test_habits_of_any_module_in_a_line_a_head():
    torch.manual_seed(0)
    model = Encoder.build(
        type("Sizes", (), {"vocabulary": TOKENS, "longest": 12})(),
        type("Head", (), {"size": 1, "task": None, "mean": 0.0, "deviation": 1.0})(),
        EncoderOptions(width=16, depth=2, heads=2),
    )
    tokens = torch.randint(5, TOKENS, (40, 9))
    lengths = torch.randint(2, 10, (40,))
    frame = head_habits(model, (tokens, lengths), lengths)
    assert list(frame["head"]) == [1, 2, 1, 2, 0]
    assert frame["marks"].isna().all()
    even = frame[frame["head"] == 0].iloc[0]
    assert even["first"] == pytest.approx(float((1 / lengths).mean()), rel=1e-5)
    planted = head_habits(Planted(), tokens[:, :8])
    assert planted["before"].iloc[2] > 0.99
    with pytest.raises(NotApplicable, match="no attention"):
        head_habits(nn.Linear(3, 1), torch.ones(4, 3))
    with pytest.raises(UsageError, match="heads look at tokens"):
        head_habits(model, lengths)


def test_questions_that_cannot_be_asked():
    with pytest.raises(UsageError, match="two tokens or more"):
        repetition(fresh(), [7])
    sees_nothing = nn.Sequential(nn.Embedding(TOKENS, 8), nn.Linear(8, TOKENS))
    with pytest.raises(NotApplicable, match="no attention"):
        repetition(sees_nothing, DRAWN)
    across = nn.MultiheadAttention(8, 2, batch_first=True)

    class Across(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(TOKENS, 8)
            self.across = across

        def forward(self, tokens: Tensor) -> Tensor:
            x = self.words(tokens)
            return self.across(x, x[:, :3], x[:, :3])[0]

    with pytest.raises(ModelError, match="looks at the text that is repeated"):
        repetition(Across(), DRAWN)
