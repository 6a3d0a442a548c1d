"""The encoder-decoder: one stack reads a text, another writes a text and looks at the first.

Vaswani 2017, "Attention Is All You Need"; Raffel 2020, "Exploring the Limits of Transfer Learning
with a Unified Text-to-Text Transformer".
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from auditkit.data.schema import Medium, Task
from auditkit.models.base import ARCHITECTURES, Head
from auditkit.models.transformer.blocks import Cache, Stack, TransformerOptions, present
from auditkit.ranges import ranged


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderOptions(TransformerOptions):
    """depth counts the blocks of either stack."""

    depth: int = ranged(3, 1, 128)


@ARCHITECTURES.register("encoder-decoder")
class EncoderDecoder(nn.Module):
    """A text to another; source and target are (vocabulary, longest) each."""

    Options: ClassVar[type[EncoderDecoderOptions]] = EncoderDecoderOptions
    media: ClassVar[frozenset[Medium]] = frozenset({Medium.TEXT})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.TRANSDUCTION})

    def __init__(
        self,
        source: tuple[int, int],
        target: tuple[int, int],
        options: EncoderDecoderOptions | None = None,
    ) -> None:
        super().__init__()
        sizes = options or EncoderDecoderOptions()
        self.longest = target[1]
        self.reader = Stack(*source, sizes, placed=True)
        self.writer = Stack(*target, sizes, causal=True, cross=True, placed=True)

    @classmethod
    def build(cls, encoder: Any, head: Head, options: Any) -> Self:
        """An untrained network for the two tokenizers of `encoder`."""
        source, target = encoder.source, encoder.target
        return cls(
            (source.vocabulary, source.longest), (target.vocabulary, target.longest), options
        )

    def forward(self, source: Tensor, lengths: Tensor, target_in: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of target_in (B, T), which begins with START.

        source is (B, S), lengths (B,).
        """
        return self.write(target_in, *self.read(source, lengths))

    def read(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The memory (B, S, width) of source (B, S), and where it has tokens, (B, 1, 1, S)."""
        self.reader.require(source, lengths)
        mask = present(lengths, source.shape[1])[:, None, None]
        return self.reader(source, mask=mask), mask

    def write(
        self, target_in: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None
    ) -> Tensor:
        """Logits (B, T, V) of what follows each token, given what was read."""
        self.writer.require(target_in)
        hidden = self.writer(target_in, memory, memory_mask=memory_mask, cache=cache)
        return self.writer.logits(hidden)
