"""The decoder: every token sees those before it, and says which one comes next.

Radford 2018, "Improving Language Understanding by Generative Pre-Training"; Radford 2019,
"Language Models are Unsupervised Multitask Learners".
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from auditkit.data.schema import Medium, Task
from auditkit.models.base import ARCHITECTURES, Head
from auditkit.models.transformer.blocks import Cache, Stack, TransformerOptions
from auditkit.ranges import ranged


@dataclass(frozen=True, kw_only=True)
class DecoderOptions(TransformerOptions):
    """No dropout: in a few minutes no part of a long text is seen twice."""

    width: int = ranged(192, 2, 16_384)
    dropout: float = ranged(0.0, 0, 0.99)


@ARCHITECTURES.register("decoder")
class Decoder(nn.Module):
    """A causal language model."""

    Options: ClassVar[type[DecoderOptions]] = DecoderOptions
    media: ClassVar[frozenset[Medium]] = frozenset({Medium.TEXT})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.LANGUAGE})

    def __init__(self, vocabulary: int, longest: int, options: DecoderOptions | None = None):
        super().__init__()
        self.longest = longest
        self.stack = Stack(vocabulary, longest, options or DecoderOptions(), causal=True)

    @classmethod
    def build(cls, encoder: Any, head: Head, options: Any) -> Self:
        """An untrained network for the tokenizer and the longest text of `encoder`."""
        return cls(encoder.vocabulary, encoder.longest, options)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of tokens (B, T).

        Padding at the end needs no mask: nothing before it sees it.
        """
        self.stack.require(tokens)
        return self.stack.logits(self.stack(tokens))

    def following(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Logits (B, V) of the token after the last of tokens (B, T), which follow the cached."""
        self.stack.require(tokens)
        return self.stack.logits(self.stack(tokens, cache=cache)[:, -1])
