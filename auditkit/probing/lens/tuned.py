"""The logit lens with a translator at each layer, which learns how that layer writes.

Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens".
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.errors import DataError
from auditkit.probing.lens.answers import Lens, answered, rows_at_once, streams_of
from auditkit.probing.lens.exits import Exits, exits_of
from auditkit.probing.lens.passages import Passages
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime, track

PENALTY = 0.01  # of the mean variance: what holds a translator back to what is
STEPS, TOKENS, RATE = 40, 256, 3e-3
LEARNED = 10_000  # tokens that translators learn from, at most
CHOSEN = 2_048  # tokens by which the best is chosen


@dataclass(frozen=True, kw_only=True, eq=False)
class Translator:
    """stream + stream @ weight + bias: (..., width) to the same. how says which one was best."""

    weight: Tensor
    bias: Tensor
    how: str

    def __call__(self, stream: Tensor) -> Tensor:
        """The stream as the last layer would have it."""
        return stream + stream @ self.weight + self.bias


@dataclass(frozen=True, kw_only=True, eq=False)
class TunedLens:
    """Both lenses on the same passages, and the translators by layer; the last layer has none."""

    __repr__ = in_short

    tuned: Lens
    plain: Lens
    translators: Mapping[str, Translator]

    @property
    def frame(self) -> pd.DataFrame:
        """The lines of both lenses."""
        return pd.concat([self.plain.frame, self.tuned.frame], ignore_index=True)


def tuned_lens(
    model: nn.Module,
    learned: Passages,
    scored: Passages,
    *,
    exits: Exits | None = None,
    runtime: Runtime | None = None,
) -> TunedLens:
    """The logit lens through an affine translator at each layer, learned on other texts.

    A translator begins at what changes nothing, is drawn towards the last layer's stream by least
    squares and then takes 40 steps down the divergence from the last layer's answer. Of these
    three the one is kept that is best on a tenth of `learned` it did not learn from, so that a
    layer which already speaks the last one's language is left alone. No document of `scored`
    should be among `learned`. Raises DataError for fewer than two documents to learn from.

    Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens".
    """
    runtime, found = runtime or Runtime(), exits or exits_of(model)
    if learned.documents < 2:
        raise DataError("a tuned lens learns from two documents or more: give more passages")
    translators = _learned(model, found, learned, runtime)
    both = {"logit": {}, "tuned": translators}
    plain, tuned = answered(model, scored, found, both, runtime)
    return TunedLens(tuned=tuned, plain=plain, translators=translators)


def _learned(
    model: nn.Module, exits: Exits, learned: Passages, runtime: Runtime
) -> dict[str, Translator]:
    rng = runtime.rng("tuned lens")
    held = rng.permutation(learned.documents) < max(1, learned.documents // 10)
    chosen = np.flatnonzero(held[learned.document])
    others = np.flatnonzero(~held[learned.document])
    with at_rest(model):
        near = _streams(model, exits, learned.at(others), LEARNED, rng, runtime)
        far = _streams(model, exits, learned.at(chosen), CHOSEN, rng, runtime)
        last = exits.layers[-1]
        return {
            name: _best(exits, (near[name], near[last]), (far[name], far[last]), rng)
            for name in track(exits.layers[:-1], "tuning lenses", len(exits.layers) - 1)
        }


@torch.no_grad()
def _streams(
    model: nn.Module,
    exits: Exits,
    passages: Passages,
    most: int,
    rng: np.random.Generator,
    runtime: Runtime,
) -> dict[str, Tensor]:
    """The streams (n, width) of some of the tokens that count, drawn from passages at random."""
    device = next(model.parameters()).device
    each = (passages.following >= 0).sum(dim=1).cpu().numpy()
    order = rng.permutation(len(passages))
    taken = passages.at(np.sort(order[: 1 + int(np.searchsorted(each[order].cumsum(), most))]))
    parts: dict[str, list[Tensor]] = {name: [] for name in exits.layers}
    for _, part in taken.batches(rows_at_once(model, exits, taken, runtime), "reading layers"):
        streams, _ = streams_of(model, exits, part, device)
        for name, one in streams.items():
            parts[name].append(one[(part.following >= 0).to(device)].float())
    found = {name: torch.cat(several) for name, several in parts.items()}
    kept = torch.from_numpy(np.sort(rng.permutation(len(found[exits.layers[-1]]))[:most]))
    return {name: one[kept.to(device)] for name, one in found.items()}


Pair = tuple[Tensor, Tensor]  # the stream at a layer and at the last one, (n, width) each


def _best(exits: Exits, near: Pair, far: Pair, rng: np.random.Generator) -> Translator:
    """Of what changes nothing, least squares and steps from there, the nearest to the end."""
    width = near[0].shape[1]
    zero = Translator(
        weight=near[0].new_zeros(width, width), bias=near[0].new_zeros(width), how="nothing"
    )
    drawn = _towards(near)
    stepped = _stepped(exits, drawn, near, rng)
    lost = [float(_lost(exits, one, far).detach()) for one in (zero, drawn, stepped)]
    return (zero, drawn, stepped)[int(np.argmin(lost))]


def _towards(near: Pair) -> Translator:
    """What is least apart from the last stream, with a penalty on all that it changes."""
    x, y = near[0].double(), (near[1] - near[0]).double()
    mean, other = x.mean(dim=0), y.mean(dim=0)
    squares = (x - mean).T @ (x - mean) / len(x)
    penalty = PENALTY * squares.diagonal().mean().clamp(min=1e-12)
    ridge = squares + penalty * torch.eye(len(squares)).to(squares)
    weight = torch.linalg.solve(ridge, (x - mean).T @ (y - other) / len(x))
    return Translator(
        weight=weight.float(), bias=(other - mean @ weight).float(), how="least squares"
    )


def _stepped(exits: Exits, begun: Translator, near: Pair, rng: np.random.Generator) -> Translator:
    weight, bias = begun.weight.clone().requires_grad_(), begun.bias.clone().requires_grad_()
    steps = torch.optim.Adam([weight, bias], lr=RATE)
    made = Translator(weight=weight, bias=bias, how="least squares, then steps")
    with torch.enable_grad():
        for step in range(STEPS):
            steps.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            rows = torch.from_numpy(rng.integers(len(near[0]), size=TOKENS)).to(near[0].device)
            lost = _lost(exits, made, (near[0][rows], near[1][rows]))
            steps.zero_grad()
            lost.backward()  # type: ignore[no-untyped-call]
            steps.step()
    return Translator(weight=weight.detach(), bias=bias.detach(), how=made.how)


def _lost(exits: Exits, translator: Translator, pair: Pair) -> Tensor:
    """The mean divergence from the last layer's answer, in nats."""
    with torch.no_grad():
        last = exits.logits(pair[1]).float().log_softmax(dim=-1)  # (n, V)
    here = exits.logits(translator(pair[0])).float().log_softmax(dim=-1)
    return (last.exp() * (last - here)).sum(dim=-1).mean()
