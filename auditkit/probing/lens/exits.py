"""Where a network that writes could stop, and how its answer is made from what is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from auditkit.errors import UsageError
from auditkit.models.layers import named_layer, named_layers
from auditkit.models.transformer.blocks import Stack
from auditkit.models.transformer.decoder import Decoder
from auditkit.models.transformer.encoder_decoder import EncoderDecoder

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Exits:
    """Layers in the order of a pass, each of which gives the stream (B, T, width) as it is there.

    The answer is unembedding(norm(stream)) of the last of them, (B, T, V).
    """

    layers: tuple[str, ...]
    norm: Step
    unembedding: Step

    def logits(self, stream: Tensor) -> Tensor:
        """What would be answered from a stream (..., width): (..., V)."""
        return self.unembedding(self.norm(stream))


def exits_of(
    model: nn.Module,
    *,
    layers: str | Sequence[str] | None = None,
    norm: str | None = None,
    unembedding: str | None = None,
) -> Exits:
    """The exits of our decoder and encoder-decoder; of another network by the names of its parts.

    Of ours they begin with what goes into the first block. Raises UsageError for a network that
    is not ours without layers and unembedding, and for names that it has not.
    """
    if layers is None and norm is None and unembedding is None:
        found = _ours(model)
        if found is not None:
            return found
    if layers is None or unembedding is None:
        raise UsageError(
            f"{type(model).__name__} is no decoder of auditkit's: name its layers, the norm before "
            "its answer if there is one, and its unembedding, as in layers=['blocks.*'], "
            "norm='norm', unembedding='head'"
        )
    return Exits(
        layers=tuple(named_layers(model, layers)),
        norm=named_layer(model, norm) if norm else lambda stream: stream,
        unembedding=named_layer(model, unembedding),
    )


def _ours(model: nn.Module) -> Exits | None:
    if isinstance(model, Decoder):
        name, stack = "stack", model.stack
    elif isinstance(model, EncoderDecoder):
        name, stack = "writer", model.writer
    else:
        return None
    return Exits(layers=_stream(name, stack), norm=stack.norm, unembedding=stack.logits)


def _stream(name: str, stack: Stack) -> tuple[str, ...]:
    blocks = (f"{name}.blocks.{i}" for i in range(len(stack.blocks)))
    return (f"{name}.dropout", *blocks)  # behind it lies what goes into the first block
