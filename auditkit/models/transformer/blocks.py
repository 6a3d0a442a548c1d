"""One attention, one block, and the stack of blocks that every transformer here is made of.

Chosen for little data, few steps and a CPU:
- layers are normalised before, not after (Xiong 2020, "On Layer Normalization in the Transformer
  Architecture"): no warm-up is needed to be stable. LayerNorm without bias, because RMSNorm has
  no fused kernel on a CPU and takes nearly twice its time;
- positions are rotations of queries and keys (Su 2021, "RoFormer"): nothing has to be learned
  before "the token before this one" means the same everywhere in a text;
- some features of each token come from the one before it (Peng 2023, "RWKV"): pairs are seen from
  the first step on, where attention has to learn to look back first (2.66 to 2.51 bits a
  character after 250 small steps on 0.7 MB of prose);
- a gated unit in the feedforward layer (Shazeer 2020, "GLU Variants Improve Transformer"), two
  thirds as wide, so that it costs what the plain one does;
- no dropout on attention weights: the fast kernel of a CPU has none.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from auditkit.errors import ModelError, UsageError
from auditkit.ranges import ranged, require_ranges

# What an attention has seen, so that a new token costs one step: keys and values (B, heads, S, d)
# and, for self-attention, the last input (B, 1, width).
Cache = dict["Attention", tuple[Tensor, ...]]


# Spread of a feature of the stream before the first block. At 1 each token is its own answer at
# first, as embedding and output layer are one (2.60 bits on that prose, where 0.4 gives 2.51).
STRENGTH = 0.4


@dataclass(frozen=True, kw_only=True)
class TransformerOptions:
    """Sizes: depth counts blocks, feedforward is a multiple of width."""

    width: int = ranged(128, 2, 16_384)
    depth: int = ranged(4, 1, 128)
    heads: int = ranged(4, 1, 128)
    feedforward: int = ranged(4, 1, 16)
    dropout: float = ranged(0.1, 0, 0.99)

    def __post_init__(self) -> None:
        require_ranges(self, "the network's sizes")
        if self.width % (2 * self.heads):
            raise UsageError(
                f"width {self.width} in the network's sizes cannot be cut into {self.heads} heads "
                f"of even size: take a multiple of {2 * self.heads}"
            )


class Rotary(nn.Module):
    """Turns pairs of features by angles that grow with the position.

    The product of a query at position t and a key at position s then depends on t - s alone.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, size: int, longest: int) -> None:
        super().__init__()
        frequency = 10_000.0 ** (-torch.arange(0, size, 2) / size)
        angle = torch.outer(torch.arange(longest), frequency)[:, None, None]  # (T, 1, 1, d/2)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """x turned, the first of its positions being `start`: (B, T, n, heads, d) to the same."""
        end = start + x.shape[1]
        cos, sin = self.cos[start:end].type_as(x), self.sin[start:end].type_as(x)
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class Attention(nn.Module):
    """Each position gathers from others, by several heads at once (Vaswani 2017).

    Self-attention where `rotary` is given, else attention to a memory: what another stack made of
    its text. `watched` takes the slow way, on which the weights pass through `weights`.
    """

    def __init__(
        self, options: TransformerOptions, *, rotary: Rotary | None = None, causal: bool = False
    ) -> None:
        super().__init__()
        width = options.width
        self.heads, self.rotary, self.causal = options.heads, rotary, causal
        if rotary is not None:
            self.before = nn.Parameter(torch.linspace(0, 1, width))  # the share of the token before
            self.project = nn.Linear(width, 3 * width, bias=False)
        else:
            self.query = nn.Linear(width, width, bias=False)
            self.project = nn.Linear(width, 2 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.weights = nn.Identity()
        self.watched = False

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """What x (B, T, width) gathered, of the same shape; mask (B, 1, 1, S) is True at tokens.

        With a cache, x is what follows the cached positions: all of them at first, then one.
        """
        if memory is None:
            query, key, value = self._own(x, cache)
        else:
            query, key, value = self._across(x, memory, cache)
        if self.watched:
            gathered = self._gather(query, key, value, mask)
        else:
            gathered = F.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, is_causal=self.causal and x.shape[1] > 1
            )  # (B, heads, T, d)
        joined: Tensor = self.output(gathered.transpose(1, 2).flatten(2))
        return joined

    def _own(self, x: Tensor, cache: Cache | None) -> tuple[Tensor, Tensor, Tensor]:
        assert self.rotary is not None, "only self-attention is called without a memory"
        known = cache.get(self) if cache is not None else None
        past = F.pad(x, (0, 0, 1, -1)) if known is None else known[2]  # each token's predecessor
        mixed = x + self.before * (past - x)  # (B, T, width)
        parts = self.project(mixed).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, heads, d)
        turned = self.rotary(parts[:, :, :2], 0 if known is None else known[0].shape[2])
        query, key = turned.transpose(1, 3).unbind(2)  # (B, heads, T, d) each
        value = parts[:, :, 2].transpose(1, 2)
        if known is not None:
            key = torch.cat([known[0], key], dim=2)  # (B, heads, S, d)
            value = torch.cat([known[1], value], dim=2)
        if cache is not None:
            cache[self] = (key, value, x[:, -1:])
        return query, key, value

    def _across(
        self, x: Tensor, memory: Tensor, cache: Cache | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        if cache is not None and self in cache:
            key, value = cache[self]
            return query, key, value
        parts = self.project(memory).unflatten(-1, (2, self.heads, -1))  # (B, S, 2, heads, d)
        key, value = parts.transpose(1, 3).unbind(2)  # (B, heads, S, d)
        if cache is not None:
            cache[self] = (key, value)
        return query, key, value

    def _gather(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """The same sum in plain sight."""
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])  # (B, heads, T, S)
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        if self.causal:
            steps, seen = scores.shape[-2:]
            past = torch.ones(steps, seen, dtype=torch.bool, device=scores.device)
            scores = scores.masked_fill(~past.tril(seen - steps), -math.inf)
        gathered: Tensor = self.weights(scores.softmax(dim=-1)) @ value
        return gathered


class Feedforward(nn.Module):
    """A gated unit: one half of a layer says how much of the other half comes through."""

    def __init__(self, options: TransformerOptions) -> None:
        super().__init__()
        hidden = -(-2 * options.feedforward * options.width // 24) * 8  # two thirds, in eights
        self.gated = nn.Linear(options.width, 2 * hidden, bias=False)
        self.gate = nn.SiLU()
        self.output = nn.Linear(hidden, options.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        gate, value = self.gated(x).chunk(2, dim=-1)  # (B, T, hidden)
        out: Tensor = self.output(self.gate(gate) * value)
        return out


class Block(nn.Module):
    """Attention to itself, to a memory if `cross`, then a feedforward layer: each is added."""

    def __init__(
        self, options: TransformerOptions, rotary: Rotary, *, causal: bool, cross: bool
    ) -> None:
        super().__init__()
        self.norm_own = nn.LayerNorm(options.width, bias=False)
        self.own = Attention(options, rotary=rotary, causal=causal)
        if cross:
            self.norm_across = nn.LayerNorm(options.width, bias=False)
            self.across = Attention(options)
        self.norm_feedforward = nn.LayerNorm(options.width, bias=False)
        self.feedforward = Feedforward(options)
        self.dropout = nn.Dropout(options.dropout)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """(B, T, width) to the same; masks and cache as Attention takes them."""
        x = x + self.dropout(self.own(self.norm_own(x), mask=mask, cache=cache))
        if memory is not None:
            asked = self.norm_across(x)
            x = x + self.dropout(self.across(asked, memory, mask=memory_mask, cache=cache))
        out: Tensor = x + self.dropout(self.feedforward(self.norm_feedforward(x)))
        return out


class Stack(nn.Module):
    """Token embeddings, blocks and a last norm; the embeddings serve as the output layer too.

    With `placed`, each position has a learned vector besides: one text is found in another by
    place as much as by content (a copy of five letters: 100% right after 200 steps, else 75%).

    Press & Wolf 2017, "Using the Output Embedding to Improve Language Models".
    """

    def __init__(
        self,
        vocabulary: int,
        longest: int,
        options: TransformerOptions,
        *,
        causal: bool = False,
        cross: bool = False,
        placed: bool = False,
    ) -> None:
        super().__init__()
        self.vocabulary, self.longest, self.width = vocabulary, longest, options.width
        self.embedding = nn.Embedding(vocabulary, options.width)
        self.positions = nn.Embedding(longest, options.width) if placed else None
        self.dropout = nn.Dropout(options.dropout)
        rotary = Rotary(options.width // options.heads, longest)
        self.blocks = nn.ModuleList(
            Block(options, rotary, causal=causal, cross=cross) for _ in range(options.depth)
        )
        self.norm = nn.LayerNorm(options.width, bias=False)
        self._start(options.depth * (3 if cross else 2))

    def forward(
        self,
        tokens: Tensor,
        memory: Tensor | None = None,
        *,
        cache: Cache | None = None,
        **masks: Any,
    ) -> Tensor:
        """Hidden states (B, T, width) of tokens (B, T); the rest is as Block takes it."""
        x = self.embedding(tokens)
        if self.positions is not None:
            # The first attention that was cached is the first block's to itself.
            seen = next(iter(cache.values()))[0].shape[2] if cache else 0
            x = x + self.positions.weight[seen : seen + tokens.shape[1]]
        x = self.dropout(x * math.sqrt(self.width))  # (B, T, width)
        for block in self.blocks:
            x = block(x, memory, cache=cache, **masks)
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., V)."""
        return F.linear(hidden, self.embedding.weight)

    def require(self, tokens: Tensor, lengths: Tensor | None = None) -> None:
        """Raise ModelError for tokens that this stack cannot read; silent while traced."""
        if torch.compiler.is_compiling():
            return
        steps = tokens.shape[1]
        if steps > self.longest:
            raise ModelError(
                f"a text of {steps} tokens for a network that reads {self.longest}: cut it"
            )
        if steps == 0 or (lengths is not None and bool((lengths < 1).any())):
            raise ModelError("an empty text: give at least one token")
        if lengths is not None and bool((lengths > steps).any()):
            raise ModelError(f"a length of {int(lengths.max())} for a row of {steps} tokens")
        wrong = (tokens < 0) | (tokens >= self.vocabulary)
        if bool(wrong.any()):
            raise ModelError(
                f"no token {int(tokens[wrong][0])} in a vocabulary of {self.vocabulary}: encode "
                "the text with the network's own encoder"
            )

    def _start(self, sums: int) -> None:
        """Every layer keeps the variance 1; what is added to the stream `sums` times, less."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                # Radford 2019: else the stream's variance grows with the depth.
                scale = math.sqrt(sums) if name.endswith("output") else 1.0
                nn.init.normal_(module.weight, std=1 / (scale * math.sqrt(module.in_features)))
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=STRENGTH / math.sqrt(self.width))


def present(lengths: Tensor, steps: int) -> Tensor:
    """True where a row of `steps` has a token, not padding: (B,) to (B, steps)."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]
