import itertools
import math
from typing import TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from auditkit.data.text import END, MASK, PAD, START
from auditkit.errors import ModelError, UsageError
from auditkit.models.decoding import beam, greedy, sample
from auditkit.models.transformer import Decoder, EncoderDecoder
from auditkit.models.transformer.decoder import DecoderOptions
from auditkit.models.transformer.encoder_decoder import EncoderDecoderOptions

T = TypeVar("T", bound=nn.Module)

VOCABULARY, LONGEST = 11, 8
CLOSE = {"rtol": 0, "atol": 1e-5}


def loud(model: T) -> T:
    """Weights so large that an untrained network has opinions."""
    with torch.no_grad():
        for one in model.parameters():
            one.normal_(std=0.4)
    return model


def language(longest: int = LONGEST) -> Decoder:
    torch.manual_seed(0)
    made = Decoder(VOCABULARY, longest, DecoderOptions(width=16, depth=2, heads=2)).eval()
    return loud(made)


def writer(*, seed: int = 0, vocabulary: int = VOCABULARY) -> EncoderDecoder:
    torch.manual_seed(seed)
    sizes = EncoderDecoderOptions(width=16, depth=2, heads=2, dropout=0.0)
    return loud(EncoderDecoder((VOCABULARY, LONGEST), (vocabulary, LONGEST), sizes).eval())


def sources(rows: int = 6) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(rows)
    tokens = torch.randint(MASK + 1, VOCABULARY, (rows, 5), generator=drawn)
    lengths = torch.randint(1, 6, (rows,), generator=drawn)
    return tokens.masked_fill(torch.arange(5) >= lengths[:, None], PAD), lengths


def log_probability(model: EncoderDecoder, source: Tensor, lengths: Tensor, text: Tensor) -> float:
    """Of one text up to its END, by a full pass without a cache."""
    kept = text[text != PAD]
    given = torch.cat([torch.tensor([START]), kept[:-1]])
    with torch.no_grad():
        steps = model(source[None], lengths[None], given[None])[0].log_softmax(dim=-1)
    return float(steps[torch.arange(len(kept)), kept].sum())


def test_cached_logits_equal_those_of_the_full_pass():
    model, tokens = language(), torch.randint(5, VOCABULARY, (3, LONGEST))
    full, cache = model(tokens), {}
    assert torch.allclose(model.following(tokens[:, :3], cache), full[:, 2], **CLOSE)
    for place in range(3, LONGEST):
        step = model.following(tokens[:, place : place + 1], cache)
        assert torch.allclose(step, full[:, place], **CLOSE)


def test_cached_logits_of_the_writer_equal_those_of_the_full_pass():
    model, (source, lengths) = writer(), sources()
    text = torch.randint(5, VOCABULARY, (6, LONGEST))
    full, cache = model(source, lengths, text), {}
    memory = model.read(source, lengths)
    for place in range(LONGEST):
        step = model.write(text[:, place : place + 1], *memory, cache)
        assert torch.allclose(step[:, 0], full[:, place], **CLOSE)


def test_sampling_at_temperature_0_takes_the_likeliest_also_beyond_the_context():
    model, prompt = language(), torch.tensor([[5, 6, 7], [8, 9, 10]])
    text = sample(model, prompt, 14, temperature=0)
    assert text.shape == (2, 17)
    # When 8 tokens have been read, the last 4 and the new one are left of them: 5 to 8 are seen.
    for place in range(3, 17):
        start = (place - 4) // 5 * 5 if place > LONGEST else 0
        window = text[:, start:place]
        assert torch.equal(model(window)[:, -1].argmax(dim=-1), text[:, place]), place


class Counter:
    """Says the number after the last one, and remembers what it had read when it was asked."""

    longest = 8

    def __init__(self) -> None:
        self.read: list[list[int]] = []

    def following(self, tokens: Tensor, cache: dict[str, list[int]]) -> Tensor:
        cache["seen"] = cache.get("seen", []) + tokens[0].tolist()
        self.read.append(cache["seen"])
        return F.one_hot(tokens[:, -1] + 1, 40).float()


def test_a_full_context_gives_way_to_its_last_half():
    model = Counter()
    text = sample(model, torch.tensor([[0, 1, 2]]), 14, temperature=0)
    assert text[0].tolist() == list(range(17))
    assert [len(one) for one in model.read] == [3, 4, 5, 6, 7, 8, 4, 5, 6, 7, 8, 4, 5, 6]
    for place, window in enumerate(model.read, start=2):
        assert window == list(range(place + 1 - len(window), place + 1))


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_the_smallest_contexts_can_be_sampled_beyond(longest):
    assert sample(language(longest), torch.tensor([[5, 6, 7, 8]]), 6).shape == (1, 10)


def test_sampled_frequencies_are_the_models_probabilities():
    model = language()
    prompt = torch.tensor([[5, 6]]).repeat(20_000, 1)
    logits = model(prompt[:1])[0, -1].detach()
    for temperature in (1.0, 3.0):
        drawn = torch.Generator().manual_seed(0)
        text = sample(model, prompt, 1, temperature=temperature, generator=drawn)[:, -1]
        seen = torch.bincount(text, minlength=VOCABULARY) / len(text)
        assert torch.allclose(seen, (logits / temperature).softmax(dim=-1), atol=0.015)
    among = sample(model, prompt, 1, top_k=3, temperature=9.0)[:, -1].unique()
    assert set(among.tolist()) == set(logits.topk(3).indices.tolist())


def test_samples_are_repeated_by_the_same_generator():
    model, prompt = language(), torch.tensor([[5, 6]])
    first, second, other = (
        sample(model, prompt, 12, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    "wrong", [{"temperature": -1.0}, {"temperature": math.nan}, {"top_k": 0}, {"n": -1}]
)
def test_impossible_ways_to_draw_are_refused(wrong):
    with pytest.raises(UsageError, match="temperature"):
        sample(language(), torch.tensor([[5]]), **{"n": 1, **wrong})


def test_an_empty_prompt_is_refused():
    with pytest.raises(ModelError, match="an empty text"):
        sample(language(), torch.zeros(1, 0, dtype=torch.int64), 1)


def test_greedy_takes_the_likeliest_of_a_full_pass_and_pads_after_the_end():
    model, (source, lengths) = writer(), sources(rows=40)
    written = greedy(model, source, lengths, LONGEST)
    ended = 0
    for row, text in enumerate(written.tokens):
        size = int((text != PAD).sum())
        assert (text[size:] == PAD).all()
        assert (text[: size - 1] != END).all()
        ended += int(text[size - 1] == END)
        given = torch.cat([torch.tensor([START]), text[: size - 1]])
        logits = model(source[row : row + 1], lengths[row : row + 1], given[None])[0]
        logits[:, [PAD, START, MASK]] = -math.inf
        assert torch.equal(logits.argmax(dim=-1), text[:size])
        wanted = log_probability(model, source[row], lengths[row], text)
        assert float(written.scores[row]) == pytest.approx(wanted, abs=1e-4)
    assert 0 < ended < 40, "both kinds of row should be seen"


@pytest.mark.parametrize("normalisation", [0.0, 0.6])
def test_a_beam_of_one_is_greedy(normalisation):
    model, given = writer(), sources()
    one, plain = beam(model, *given, 6, 1, normalisation=normalisation), greedy(model, *given, 6)
    assert torch.equal(one.tokens, plain.tokens)
    assert torch.equal(one.scores, plain.scores)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("width", [2, 3, 5])
def test_a_beam_is_never_below_greedy_and_knows_its_own_score(seed, width):
    model, (source, lengths) = writer(seed=seed), sources(rows=30)
    found = beam(model, source, lengths, 6, width, normalisation=0)
    plain = greedy(model, source, lengths, 6)
    assert (found.scores >= plain.scores).all()
    for row, text in enumerate(found.tokens):
        wanted = log_probability(model, source[row], lengths[row], text)
        assert float(found.scores[row]) == pytest.approx(wanted, abs=1e-4)
        assert (text[int((text != PAD).sum()) :] == PAD).all()


@pytest.mark.parametrize("normalisation", [0.0, 1.0])
def test_a_beam_as_wide_as_all_texts_finds_the_best_of_all(normalisation):
    model, (source, lengths) = writer(vocabulary=7), sources(rows=3)
    found = beam(model, source, lengths, 3, 200, normalisation=normalisation)
    words = (1, 5, 6)  # all but END, and those never written
    texts = [(*one, END) for size in range(3) for one in itertools.product(words, repeat=size)]
    texts += list(itertools.product(words, repeat=3))
    for row in range(3):
        best = max(
            log_probability(model, source[row], lengths[row], torch.tensor(one))
            / ((5 + len(one)) / 6) ** normalisation
            for one in texts
        )
        size = int((found.tokens[row] != PAD).sum())
        seen = float(found.scores[row]) / ((5 + size) / 6) ** normalisation
        assert seen == pytest.approx(best, abs=1e-4)


class Chain:
    """Writes by a table: which token follows which, and how often. The source says nothing."""

    longest = 9

    def __init__(self, follows: dict[int, dict[int, float]]) -> None:
        self.table = torch.full((13, 13), -30.0)
        for one, shares in follows.items():
            for other, share in shares.items():
                self.table[one, other] = math.log(share)

    def read(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(source), 1, 1), lengths

    def write(self, target_in: Tensor, *_others: object) -> Tensor:
        return self.table[target_in]


def test_the_greedy_text_is_kept_where_the_beam_has_dropped_it():
    # .40 * .34 = .136 falls behind .35 * .5 twice, yet neither of those has a good end.
    spread = {END: 0.3} | dict.fromkeys(range(5, 12), 0.1)
    chain = Chain(
        {
            START: {5: 0.40, 6: 0.35, 7: 0.25},
            5: {8: 0.34, 7: 0.33, 11: 0.33},
            6: {9: 0.5, 10: 0.5},
            8: {END: 1.0},
            9: spread,
            10: spread,
        }
    )
    found = beam(chain, *sources(rows=2), 3, 2, normalisation=0)
    assert found.tokens.tolist() == [[5, 8, END]] * 2
    assert found.scores.exp().tolist() == pytest.approx([0.136] * 2, abs=1e-5)


def test_normalisation_is_what_lets_a_longer_text_win():
    chain = Chain(
        {
            START: {5: 0.3, 6: 0.7},
            5: {END: 1.0},
            6: {7: 0.25 / 0.7, 8: 0.15 / 0.7, 9: 0.15 / 0.7, 10: 0.15 / 0.7},
            7: {8: 1.0},
            8: {END: 1.0},
        }
    )
    # ln .3 / (7 / 6) = -1.03 and ln .25 / (9 / 6) = -0.92
    short, long = (beam(chain, *sources(rows=1), 6, 3, normalisation=one) for one in (0, 1))
    assert short.tokens.tolist() == [[5, END]]
    assert long.tokens.tolist() == [[6, 7, 8, END]]
    assert float(long.scores) == pytest.approx(math.log(0.25), abs=1e-5)


def test_rows_are_written_as_if_alone():
    model, (source, lengths) = writer(), sources()
    together = beam(model, source, lengths, 6, 3)
    for row in range(6):
        alone = beam(model, source[row : row + 1], lengths[row : row + 1], 6, 3).tokens[0]
        text = together.tokens[row]
        assert torch.equal(alone[alone != PAD], text[text != PAD])


def test_no_text_or_no_beam_is_refused():
    with pytest.raises(UsageError, match="at most 0 tokens: allow at least 1"):
        greedy(writer(), *sources(), 0)
    with pytest.raises(UsageError, match="a beam of width 0"):
        beam(writer(), *sources(), 4, 0)


def test_a_reversal_that_was_learned_is_written():
    torch.manual_seed(0)
    sizes = EncoderDecoderOptions(width=32, depth=1, heads=2, dropout=0.0)
    model = EncoderDecoder((VOCABULARY, 5), (VOCABULARY, 7), sizes)
    drawn = torch.Generator().manual_seed(0)

    def batch(rows: int) -> tuple[Tensor, Tensor, Tensor]:
        source = torch.randint(5, VOCABULARY, (rows, 5), generator=drawn)
        lengths = torch.randint(1, 6, (rows,), generator=drawn)
        target = torch.zeros(rows, 7, dtype=torch.int64)
        target[:, 0] = START
        for row, size in enumerate(lengths.tolist()):
            source[row, size:] = PAD
            target[row, 1 : size + 1] = source[row, :size].flip(0)
            target[row, size + 1] = END
        return source, lengths, target

    steps = torch.optim.AdamW(model.parameters(), lr=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(steps, 0.01, total_steps=200)
    for _ in range(200):
        source, lengths, target = batch(64)
        logits = model(source, lengths, target[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)
        steps.zero_grad()
        loss.backward()
        steps.step()
        rate.step()
    source, lengths, target = batch(100)
    model.eval()
    for written in (greedy(model, source, lengths, 6), beam(model, source, lengths, 6, 4)):
        text = F.pad(written.tokens, (0, 6 - written.tokens.shape[1]))
        assert (text == target[:, 1:]).all(dim=1).float().mean() >= 0.98
