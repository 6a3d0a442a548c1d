"""How texts are written: token after token, drawn (sample), likeliest (greedy) or by beam.

All of it asks the model as it is: call `model.eval()` before, or dropout speaks too.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from auditkit.data.text import END, MASK, PAD, START
from auditkit.errors import UsageError
from auditkit.models.transformer.blocks import Cache
from auditkit.models.transformer.decoder import Decoder
from auditkit.models.transformer.encoder_decoder import EncoderDecoder


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """tokens (B, T): each row up to its END, then PAD; scores (B,): their log probability.

    A row without END ran into the longest length that was allowed.
    """

    tokens: Tensor
    scores: Tensor


@torch.no_grad()
def sample(
    model: Decoder,
    prompt: Tensor,
    n: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The prompt (B, T) and n tokens that follow, (B, T + n).

    Temperature 0 takes the likeliest; top_k draws among the k likeliest. What was read is kept,
    so that a token costs one step. Where the context is full, the last half of it is read anew:
    each token is drawn from the model's exact answer to between half of the context and all.
    """
    if not (0 <= temperature < math.inf) or (top_k is not None and top_k < 1) or n < 0:
        raise UsageError(
            f"temperature {temperature}, top_k {top_k}, n {n}: the temperature must be finite "
            "and at least 0, top_k at least 1, n at least 0"
        )
    text, cache = prompt, Cache()
    unread, seen = text[:, -model.longest :], 0
    for _ in range(n):
        if seen + unread.shape[1] > model.longest:
            cache, seen = Cache(), 0
            unread = text[:, -max(model.longest // 2, 1) :]
        logits = model.following(unread, cache)  # (B, V)
        seen += unread.shape[1]
        unread = _drawn(logits, temperature, top_k, generator)  # (B, 1)
        text = torch.cat([text, unread], dim=1)
    return text


@torch.no_grad()
def greedy(model: EncoderDecoder, source: Tensor, lengths: Tensor, longest: int) -> Written:
    """The likeliest token at each step, to END or `longest` tokens, of source (B, S)."""
    memory, mask = model.read(source, lengths)
    rows, cache = len(source), Cache()
    token = source.new_full((rows, 1), START)
    done = torch.zeros(rows, dtype=torch.bool, device=source.device)
    scores = memory.new_zeros(rows, dtype=torch.float32)
    text = []
    for _ in range(_steps(model, longest)):
        best, chosen = _log_probabilities(model, token, memory, mask, cache).max(dim=-1)  # (B,)
        scores = scores + best.masked_fill(done, 0.0)
        text.append(chosen.masked_fill(done, PAD))
        done = done | (chosen == END)
        if bool(done.all()):
            break
        token = text[-1][:, None]
    return Written(tokens=torch.stack(text, dim=1), scores=scores)


@torch.no_grad()
def beam(
    model: EncoderDecoder,
    source: Tensor,
    lengths: Tensor,
    longest: int,
    width: int,
    *,
    normalisation: float = 0.6,
) -> Written:
    """The best text of the `width` that are followed at once, for each row of source (B, S).

    A text that has ended stays in the beam at its score, and must hold its place against those
    that go on. The best is that of the largest log P / ((5 + length) / 6)^normalisation, END
    counted: every token costs, and without it (at 0) long texts lose for being long. A beam may
    drop the greedy text on the way, so that one is followed too and the better kept: the result
    is never below it. scores are plain log probabilities.

    Wu 2016, "Google's Neural Machine Translation System", section 7.
    """
    if width < 1:
        raise UsageError(f"a beam of width {width}: it must be at least 1")
    plain = greedy(model, source, lengths, longest)
    if width == 1:
        return plain
    text, scores = _followed(model, source, lengths, longest, width)  # (B, width, T), (B, width)
    short = text.shape[2] - plain.tokens.shape[1]
    text = torch.nn.functional.pad(text, (0, max(-short, 0)), value=PAD)
    padded = torch.nn.functional.pad(plain.tokens, (0, max(short, 0)), value=PAD)
    text = torch.cat([padded[:, None], text], dim=1)  # (B, 1 + width, T)
    scores = torch.cat([plain.scores[:, None], scores], dim=1)
    size = (text != PAD).sum(dim=-1)
    best = (scores / ((5 + size) / 6) ** normalisation).argmax(dim=1)  # (B,)
    rows = torch.arange(len(source), device=source.device)
    chosen = text[rows, best]
    used = int((chosen != PAD).any(dim=0).sum())
    return Written(tokens=chosen[:, :used], scores=scores[rows, best])


def _followed(
    model: EncoderDecoder, source: Tensor, lengths: Tensor, longest: int, width: int
) -> tuple[Tensor, Tensor]:
    """The texts in the beam at the end, (B, width, T), and their log probabilities (B, width)."""
    rows = len(source)
    memory, mask = (one.repeat_interleave(width, dim=0) for one in model.read(source, lengths))
    first = width * torch.arange(rows, device=source.device)[:, None]  # (B, 1)
    cache, token = Cache(), source.new_full((rows * width, 1), START)
    text = source.new_zeros(rows * width, 0)
    done = torch.zeros(rows, width, dtype=torch.bool, device=source.device)
    scores = memory.new_full((rows, width), -math.inf, dtype=torch.float32)
    scores[:, 0] = 0.0  # all begin alike: one of them is enough
    for _ in range(_steps(model, longest)):
        step = _log_probabilities(model, token, memory, mask, cache)  # (B * width, V)
        size = step.shape[-1]
        rest = torch.full_like(step[0], -math.inf)
        rest[PAD] = 0.0  # all that can follow an END
        step = torch.where(done.unsqueeze(-1), rest, step.view(rows, width, size))
        scores, place = (scores.unsqueeze(-1) + step).flatten(1).topk(width)  # (B, width)
        parent = (first + place // size).flatten()
        token = (place % size).flatten()[:, None]
        text = torch.cat([text[parent], token], dim=1)
        done = done.flatten()[parent].view(rows, width)
        done = done | (token.view(rows, width) == END) | scores.isneginf()
        if bool(done.all()):
            break
        _reorder(cache, parent)
    return text.view(rows, width, -1), scores


def _reorder(cache: Cache, rows: Tensor) -> None:
    for one, kept in cache.items():
        if one.causal:  # a beam's memory is that of its row, whichever beam it follows
            cache[one] = tuple(each[rows] for each in kept)


def _log_probabilities(
    model: EncoderDecoder, token: Tensor, memory: Tensor, mask: Tensor, cache: Cache
) -> Tensor:
    """Of each token to come next, (B, V); those that no text contains are never chosen."""
    logits = model.write(token, memory, mask, cache)[:, -1]
    found = logits.float().log_softmax(dim=-1)
    found[:, [PAD, START, MASK]] = -math.inf
    return found


def _drawn(
    logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator | None
) -> Tensor:
    """A token for each row of logits (B, V): (B, 1)."""
    if temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    values, tokens = logits.float().topk(min(top_k or logits.shape[-1], logits.shape[-1]))
    chosen = (values / temperature).softmax(dim=-1).multinomial(1, generator=generator)
    return tokens.gather(1, chosen)


def _steps(model: EncoderDecoder, longest: int) -> int:
    if longest < 1:
        raise UsageError(f"texts of at most {longest} tokens: allow at least 1")
    return min(longest, model.longest)
