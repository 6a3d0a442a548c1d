"""What the heads of any attention look at, and which of them find what was there before.

Olsson et al. 2022, "In-context Learning and Induction Heads"; Clark et al. 2019, "What Does BERT
Look at?".
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from auditkit.attribution.attention import Look, watching
from auditkit.attribution.heads import seen_by, together
from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.question import at_rest, tensors
from auditkit.errors import ModelError, UsageError
from auditkit.models.transformer.blocks import Attention
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate

AT_ONCE = 32  # rows whose weights are held
LOOKS = ("previous", "duplicate", "induction", "further")


def head_habits(
    model: nn.Module,
    inputs: Tensor | Sequence[Tensor],
    lengths: Tensor | Sequence[Tensor] | None = None,
    marks: Tensor | None = None,
) -> pd.DataFrame:
    """A line for each head: the mean share of its attention on the first token, the one before...

    inputs are as the model takes them, rows first; lengths (B,) are how many tokens each text has,
    a pair of them where a text is written from another, all where they are left out; marks (B, S)
    bool says which tokens are punctuation. Columns are as `auditkit.attribution.heads.habits`
    says; head 0 looks at all alike. Raises NotApplicable for a model whose attention is not seen.
    """
    given = tensors(inputs)
    texts = [one for one in given if one.ndim > 1]
    if not texts:
        raise UsageError("no input has tokens on its second axis: heads look at tokens")
    rows = len(texts[0])
    whole = [torch.full((rows,), one.shape[1]) for one in (texts[0], texts[-1])]
    sizes = whole if lengths is None else [lengths] if isinstance(lengths, Tensor) else [*lengths]
    shown = torch.zeros(rows, 1, dtype=torch.bool) if marks is None else marks
    device, parts = given[0].device, []
    with at_rest(model), watching(model) as looks, torch.no_grad():
        for part in torch.split(torch.arange(rows), AT_ONCE):
            looks.clear()
            model(*(one[part.to(one.device)] for one in given))
            here = [one[part].to(device) for one in sizes]
            parts.append(seen_by(looks, here, shown[part].to(device)))
    return together(parts)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadScores:
    """One head on random tokens that come twice. Shares lie between 0 and 1.

    previous, duplicate and induction are its attention to the token before, to the same token the
    first time, and to the one that followed it then; further is to the one behind that, where a
    head finds what followed too if tokens carry features of the one before them, as they do in
    auditkit's transformers. Evenly spread attention gives `chance` of each. copying is how many
    bits a token costs more, where it comes again, once the head looks at all alike; near 0 it does
    nothing for copying, undefined where the model does not say what follows or is not auditkit's.
    """

    layer: str
    head: int
    previous: Estimate
    duplicate: Estimate
    induction: Estimate
    further: Estimate
    copying: Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Repetition:
    """All heads that look at their own text, in the order of a pass; head counts from 1.

    chance is what attention that is spread evenly over what it may see gives any one place.
    repeated is what the tokens cost the second time, first the first
    time, bits per token; undefined where the model does not say what follows.
    """

    __repr__ = in_short

    heads: tuple[HeadScores, ...]
    chance: float
    first: Estimate
    repeated: Estimate

    def looking_back(self, times: float = 3.0) -> tuple[HeadScores, ...]:
        """Heads that surely look at what was there before `times` as often as by chance."""
        least = times * self.chance
        return tuple(
            one
            for one in self.heads
            if max(one.duplicate.low, one.induction.low, one.further.low) > least
        )

    @property
    def frame(self) -> pd.DataFrame:
        """A line for each head and score."""
        names = (*LOOKS, "copying")
        by_chance = {**dict.fromkeys(LOOKS, self.chance), "copying": 0.0}
        return pd.DataFrame(
            [
                (one.layer, one.head, name, found.value, found.low, found.high, by_chance[name])
                for one in self.heads
                for name in names
                for found in [getattr(one, name)]
            ],
            columns=["layer", "head", "score", "value", "low", "high", "chance"],
        )


def repetition(
    model: nn.Module,
    vocabulary: Sequence[int],
    *,
    length: int = 24,
    texts: int = 32,
    begin: int | None = None,
    source: Sequence[Tensor] = (),
    copying: bool = True,
    runtime: Runtime | None = None,
) -> Repetition:
    """Scores of each head on random tokens, `length` of them and then the same again.

    vocabulary are the tokens to draw from, without special ones; begin stands before them. source
    are inputs of one row that a network which writes from a text reads first. A model must take
    tokens (B, T) as its last input; where it gives (B, T, V) with a place for each token, these are
    taken for scores of what follows. copying=False leaves out what takes a pass a head. Intervals
    are over texts. Raises UsageError for fewer than two tokens, ModelError where no head looks at
    the text itself.

    Olsson et al. 2022, "In-context Learning and Induction Heads", whose prefix matching score is
    `induction`.
    """
    if len(vocabulary) < 2 or length < 2 or texts < 2:
        raise UsageError("give two tokens or more to draw from, a length and texts of two or more")
    runtime = runtime or Runtime()
    device = next(model.parameters()).device
    drawn = runtime.rng("repeated tokens").choice(np.asarray(vocabulary), size=(texts, length))
    again = [drawn, drawn] if begin is None else [np.full((texts, 1), begin), drawn, drawn]
    tokens = torch.from_numpy(np.concatenate(again, axis=1).astype(np.int64)).to(device)
    inputs = [one.to(device).expand(texts, *one.shape[1:]) for one in source]
    with at_rest(model), torch.no_grad():
        with watching(model) as looks:
            answer = model(*inputs, tokens)
            own = [one for one in looks if one.own and one.weights.shape[2] == tokens.shape[1]]
        if not own:
            raise ModelError("no attention of the model looks at the text that is repeated")
        costs = _costs(answer, tokens, length)
        worse = _worse(model, inputs, tokens, length, own, costs) if copying else {}
    return Repetition(
        heads=tuple(_scores(own, length, worse)),
        chance=_chance(own[0], length),
        first=_mean(costs, 0),
        repeated=_mean(costs, 1),
    )


def _shares(weights: Tensor, length: int) -> Tensor:
    """Attention (B, heads, 4) of the second half to the four places, means over tokens."""
    steps = weights.shape[2]
    asks = torch.arange(steps - length, steps - 1, device=weights.device)  # the last has no next
    places = (asks - 1, asks - length, asks - length + 1, asks - length + 2)
    return torch.stack([weights[:, :, asks, to].mean(dim=2) for to in places], dim=2).double()


def _scores(
    own: Sequence[Look], length: int, worse: dict[tuple[str, int], np.ndarray]
) -> Iterator[HeadScores]:
    for look in own:
        shares = _shares(look.weights, length).cpu().numpy()  # (B, heads, 4)
        for head in range(shares.shape[1]):
            worse_here = worse.get((look.name, head), np.empty(0))
            yield HeadScores(
                layer=look.name,
                head=head + 1,
                **{name: mean_of(one) for name, one in zip(LOOKS, shares[:, head].T, strict=True)},
                copying=mean_of(worse_here, "not asked, or the head cannot be evened out"),
            )


def _chance(look: Look, length: int) -> float:
    """Even attention: over all tokens, or over those up to the one that asks."""
    steps = look.weights.shape[2]
    asks = np.arange(steps - length, steps - 1)
    behind = not bool(look.weights.triu(1).any())
    return float(np.mean(1 / (asks + 1))) if behind else 1 / steps


def _costs(answer: Tensor, tokens: Tensor, length: int) -> Tensor | None:
    """Bits (B, 2) that a token costs the first time and the second; None without such an answer."""
    if not isinstance(answer, Tensor) or answer.ndim != 3 or answer.shape[:2] != tokens.shape:
        return None
    if answer.shape[2] <= int(tokens.max()):
        return None
    nats = cross_entropy(
        answer[:, :-1].float().transpose(1, 2), tokens[:, 1:], reduction="none"
    )  # (B, T - 1), of each token but the first
    # The first of the second time cannot be known: nothing says that a repetition begins.
    halves = (nats[:, -2 * length + 1 : -length], nats[:, -length + 1 :])
    return torch.stack([one.double().mean(dim=1) for one in halves], dim=1) / math.log(2)


def _worse(
    model: nn.Module,
    inputs: Sequence[Tensor],
    tokens: Tensor,
    length: int,
    own: Sequence[Look],
    costs: Tensor | None,
) -> dict[tuple[str, int], np.ndarray]:
    """Bits (B,) that a repeated token costs more where a head is evened out, by layer and head."""
    known = {name: one for name, one in model.named_modules() if isinstance(one, Attention)}
    if costs is None:
        return {}
    found = {}
    for look in own:
        for head in range(look.weights.shape[1] if look.name in known else 0):
            with evened(known[look.name], head):
                changed = _costs(model(*inputs, tokens), tokens, length)
            assert changed is not None, "the shapes are those from before"
            found[look.name, head] = (changed - costs)[:, 1].cpu().numpy()
    return found


@contextmanager
def evened(attention: Attention, head: int) -> Iterator[None]:
    """While open, one head, from 0, looks alike at all that it looked at before."""

    def even(_module: nn.Module, _given: object, weights: Tensor) -> Tensor:
        changed = weights.clone()
        seen = (weights[:, head] > 0).to(weights)
        changed[:, head] = seen / seen.sum(dim=-1, keepdim=True).clamp(min=1)
        return changed

    handle = attention.weights.register_forward_hook(even)
    before, attention.watched = attention.watched, True
    try:
        yield
    finally:
        handle.remove()
        attention.watched = before


def _mean(costs: Tensor | None, place: int) -> Estimate:
    values = np.empty(0) if costs is None else costs[:, place].cpu().numpy()
    return mean_of(values, "the model does not say which token follows")
