"""What is answered after each layer, beside what is answered in the end.

nostalgebraist 2020, "interpreting GPT: the logit lens".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.memory import MEGABYTE
from auditkit.attribution.question import at_rest
from auditkit.errors import ModelError
from auditkit.probing.lens.exits import Exits, exits_of
from auditkit.probing.lens.passages import Passages
from auditkit.probing.recording import record
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.ratios import ratio_estimate

COPIES = 8  # of a passage's probabilities: of the end, of a layer, their logarithms, ranks
QUANTITIES = ("bits", "divergence", "agreement", "settled", "rank")
Translate = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerAnswer:
    """What would be answered after one layer. Intervals are over documents.

    - bits: what the token that follows costs, per token; 0 or more, less is better.
    - divergence: bits per token lost by coding for the last layer's answer with this one's, the
      Kullback-Leibler divergence; 0 at the last layer.
    - agreement: the share of tokens whose first choice is the last layer's, 0 to 1.
    - settled: the share for which it is so here and at every later layer: it never falls.
    - rank: the place of the last layer's first choice here, a geometric mean; 1 is the first.
    """

    __repr__ = in_short

    layer: str
    bits: Estimate
    divergence: Estimate
    agreement: Estimate
    settled: Estimate
    rank: Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Lens:
    """Answers after each layer, in the order of a pass.

    guess is the share of tokens for which the last layer chooses its commonest token: the
    agreement of one who always says that. spread is the entropy in bits of the tokens that
    follow: what they cost one who knows nothing but how common each is among them.
    """

    __repr__ = in_short

    kind: str
    layers: tuple[LayerAnswer, ...]
    tokens: int
    documents: int
    guess: float
    spread: float

    @property
    def frame(self) -> pd.DataFrame:
        """A line for each layer and quantity."""
        return pd.DataFrame(
            [
                (self.kind, place, one.layer, name, found.value, found.low, found.high, found.n)
                for place, one in enumerate(self.layers)
                for name in QUANTITIES
                for found in [getattr(one, name)]
            ],
            columns=["lens", "place", "layer", "quantity", "value", "low", "high", "documents"],
        )

    def formed(self, share: float = 0.5) -> int:
        """The place of the first layer at which the answers to this share of tokens are settled."""
        return next(i for i, one in enumerate(self.layers) if one.settled.value >= share)


def logit_lens(
    model: nn.Module,
    passages: Passages,
    *,
    exits: Exits | None = None,
    runtime: Runtime | None = None,
) -> Lens:
    """What a network would write next if it stopped after each layer.

    Each layer's stream goes through the last norm and the unembedding. The last layer's answer is
    the network's own, within rounding. exits are those of `exits_of(model)` where they are left
    out. Raises ModelError where the last exit is not the model's answer.

    nostalgebraist 2020, "interpreting GPT: the logit lens".
    """
    (found,) = answered(model, passages, exits or exits_of(model), {"logit": {}}, runtime)
    return found


def answered(
    model: nn.Module,
    passages: Passages,
    exits: Exits,
    kinds: Mapping[str, Mapping[str, Translate]],
    runtime: Runtime | None = None,
) -> list[Lens]:
    """A lens of each kind; layers with a translator are translated before they are read."""
    runtime = runtime or Runtime()
    device = next(model.parameters()).device
    sums = np.zeros((len(kinds), len(exits.layers), len(QUANTITIES), passages.documents))
    tokens = np.zeros(passages.documents)
    said, written = [], []
    size = rows_at_once(model, exits, passages, runtime)
    with at_rest(model), torch.no_grad():
        for owners, part in passages.batches(size, "lens"):
            streams, output = streams_of(model, exits, part, device)
            _require_same(exits.logits(streams[exits.layers[-1]]), output)
            counts = (part.following >= 0).to(device)
            whose = np.repeat(owners, counts.sum(dim=1).cpu().numpy())
            tokens += np.bincount(whose, minlength=len(tokens))
            follows = part.following.to(device)[counts]
            last = output[counts].float().log_softmax(dim=-1)
            for total, translators in zip(sums, kinds.values(), strict=True):
                lines = [
                    _compared(exits, translators.get(name), streams[name][counts], last, follows)
                    for name in exits.layers
                ]
                _add(total, torch.stack(lines).cpu().numpy(), whose)
            said.append(last.argmax(dim=-1).cpu().numpy())
            written.append(follows.cpu().numpy())
    common = _frequencies(written)
    return [
        Lens(
            kind=kind,
            layers=_estimates(exits.layers, total, tokens),
            tokens=int(tokens.sum()),
            documents=passages.documents,
            guess=float(_frequencies(said).max()),
            spread=float(-(common * np.log2(common)).sum()),
        )
        for kind, total in zip(kinds, sums, strict=True)
    ]


def streams_of(
    model: nn.Module, exits: Exits, passages: Passages, device: torch.device
) -> tuple[dict[str, Tensor], Tensor]:
    """The stream at each exit (m, T, width), and the model's answer (m, T, V), on the device."""
    with record(model, exits.layers) as seen:
        output = model(*(one.to(device) for one in passages.inputs))
    if not isinstance(output, Tensor) or output.shape[:2] != passages.following.shape:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ModelError(
            f"the model gives {shape} for {tuple(passages.following.shape)} tokens: a lens needs "
            "a score for each token of its vocabulary at each place"
        )
    streams = {name: seen[name].to(device) for name in exits.layers}
    wrong = [name for name, one in streams.items() if not bool(torch.isfinite(one).all())]
    if wrong:
        raise ModelError(f"layer {wrong[0]!r} gives NaN or infinity: nothing can be read from it")
    return streams, output


@torch.no_grad()
def rows_at_once(model: nn.Module, exits: Exits, passages: Passages, runtime: Runtime) -> int:
    """Passages a pass, within the runtime's memory."""
    with at_rest(model):
        device = next(model.parameters()).device
        _, output = streams_of(model, exits, passages.at(np.arange(1)), device)
    row = COPIES * output.numel() * output.element_size()
    return max(1, min(runtime.batch_size, runtime.memory * MEGABYTE // row))


def _require_same(read: Tensor, output: Tensor) -> None:
    if read.shape != output.shape or not torch.allclose(read, output, rtol=1e-3, atol=1e-3):
        raise ModelError(
            "the last layer through norm and unembedding is not the model's own answer: name the "
            "last layer of the stream, and the parts that lie between it and the answer"
        )


def _compared(
    exits: Exits, translate: Translate | None, stream: Tensor, last: Tensor, follows: Tensor
) -> Tensor:
    """Bits, divergence, agreement, agreement again and log2 of the rank of each token, (5, n).

    last (n, V) are the logarithms of the final probabilities; the fourth line is made into
    settled once all layers are known.
    """
    read = exits.logits(translate(stream) if translate else stream)
    here = read.float().log_softmax(dim=-1)  # (n, V)
    choice = last.argmax(dim=-1, keepdim=True)
    rank = 1 + (here > here.gather(1, choice)).sum(dim=-1)
    same = (here.argmax(dim=-1) == choice[:, 0]).double()
    bits = -here.gather(1, follows[:, None])[:, 0].double() / math.log(2)
    apart = (last.exp() * (last - here)).sum(dim=-1).double() / math.log(2)
    return torch.stack([bits, apart.clamp(min=0), same, same, rank.double().log2()])


def _add(sums: np.ndarray, lines: np.ndarray, whose: np.ndarray) -> None:
    """Add (layers, quantities, tokens) to the sums of each document."""
    place = QUANTITIES.index("settled")
    lines[:, place] = np.minimum.accumulate(lines[::-1, place])[::-1]
    for layer, each in enumerate(lines):
        for quantity, values in enumerate(each):
            sums[layer, quantity] += np.bincount(whose, values, minlength=sums.shape[2])


def _estimates(
    names: Sequence[str], sums: np.ndarray, tokens: np.ndarray
) -> tuple[LayerAnswer, ...]:
    there = tokens > 0
    found = []
    for name, layer in zip(names, sums, strict=True):
        made = {
            quantity: ratio_estimate(line[there], tokens[there], least=0)
            for quantity, line in zip(QUANTITIES, layer, strict=True)
        }
        for share in ("agreement", "settled"):
            made[share] = replace(made[share], high=float(np.minimum(made[share].high, 1.0)))
        rank = made["rank"]  # of a logarithm
        made["rank"] = replace(rank, value=2**rank.value, low=2**rank.low, high=2**rank.high)
        found.append(LayerAnswer(layer=name, **made))
    return tuple(found)


def _frequencies(parts: Sequence[np.ndarray]) -> np.ndarray:
    counts = np.unique(np.concatenate(parts), return_counts=True)[1]
    return np.asarray(counts / counts.sum())
