"""The encoder: every token sees every other, and their mean answers.

Devlin 2019, "BERT: Pre-training of Deep Bidirectional Transformers". The mean instead of BERT's
class token: it is near a bag of words from the first step on, where the class token has to learn
to gather before it learns anything else.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from auditkit.data.schema import Medium, Task
from auditkit.data.text import MASK
from auditkit.models.base import ARCHITECTURES, Answer, Head
from auditkit.models.transformer.blocks import Stack, TransformerOptions, present
from auditkit.ranges import ranged

NOT_ASKED = -100  # the target that torch's cross-entropy passes over


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(TransformerOptions):
    """Smaller and with more dropout: there are few labels."""

    depth: int = ranged(2, 1, 128)
    dropout: float = ranged(0.2, 0, 0.99)


@ARCHITECTURES.register("encoder")
class Encoder(nn.Module):
    """Tokens of a text to one answer, by the mean of their hidden states."""

    Options: ClassVar[type[EncoderOptions]] = EncoderOptions
    media: ClassVar[frozenset[Medium]] = frozenset({Medium.TEXT})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.DECISION, Task.CLASSES, Task.NUMBER})

    def __init__(
        self, vocabulary: int, longest: int, head: Head, options: EncoderOptions | None = None
    ) -> None:
        super().__init__()
        sizes = options or EncoderOptions()
        self.stack = Stack(vocabulary, longest, sizes)
        self.dropout = nn.Dropout(sizes.dropout)
        self.answer = Answer(sizes.width, head)

    @classmethod
    def build(cls, encoder: Any, head: Head, options: Any) -> Self:
        """An untrained network for the tokenizer and the longest text of `encoder`."""
        return cls(encoder.vocabulary, encoder.longest, head, options)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Answers (B,) or (B, K) from tokens (B, T) and lengths (B,)."""
        hidden = self.hidden(tokens, lengths)
        kept = present(lengths, tokens.shape[1]).unsqueeze(-1)  # (B, T, 1)
        mean = (hidden * kept).sum(dim=1) / lengths.unsqueeze(-1)  # (B, width)
        answers: Tensor = self.answer(self.dropout(mean))
        return answers

    def hidden(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Hidden states (B, T, width), without meaning where there is padding."""
        self.stack.require(tokens, lengths)
        mask = present(lengths, tokens.shape[1])[:, None, None]  # (B, 1, 1, T)
        out: Tensor = self.stack(tokens, mask=mask)
        return out

    def masked_logits(self, tokens: Tensor, lengths: Tensor, at: Tensor | None = None) -> Tensor:
        """Logits (B, T, V) of what each token was before it was masked.

        With `at` (B, T) bool, the logits (n, V) of those places alone: a sixth of the work when
        15% are asked for, as the vocabulary is by far the widest layer.
        """
        hidden = self.hidden(tokens, lengths)
        return self.stack.logits(hidden if at is None else hidden[at])


def mask_tokens(
    tokens: Tensor,
    lengths: Tensor,
    vocabulary: int,
    generator: torch.Generator | None = None,
    *,
    share: float = 0.15,
) -> tuple[Tensor, Tensor]:
    """Tokens (B, T) of which a share is hidden, and what stood there, -100 elsewhere.

    Of the places chosen, 80% become MASK, 10% a random token, 10% stay: so that the network
    cannot trust what it sees. Padding and special tokens are never chosen. Devlin 2019.
    """

    def uniform() -> Tensor:
        return torch.rand(tokens.shape, generator=generator, device=tokens.device)

    ordinary = present(lengths, tokens.shape[1]) & (tokens > MASK)
    chosen = ordinary & (uniform() < share)
    targets = tokens.masked_fill(~chosen, NOT_ASKED)
    fate = uniform()
    other = MASK + 1 + (uniform() * (vocabulary - MASK - 1)).long()
    masked = torch.where(chosen & (fate < 0.9), other, tokens)
    return masked.masked_fill(chosen & (fate < 0.8), MASK), targets
