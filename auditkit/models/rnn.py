"""Recurrent networks for sequences and texts: rnn, lstm and gru.

A text's tokens become vectors, a sequence's values are read as they are. Each layer reads the
steps one after another, or in both directions, and what it gave is pooled over the steps that
there are. Padding is never read.

Elman 1990, "Finding Structure in Time"; Hochreiter & Schmidhuber 1997, "Long Short-Term Memory";
Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder"; Schuster & Paliwal
1997, "Bidirectional Recurrent Neural Networks".
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from auditkit.data.schema import Medium, Task
from auditkit.errors import ModelError
from auditkit.models.base import ARCHITECTURES, Answer, Head
from auditkit.ranges import ranged, require_ranges

Cell = type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]
PADDING = 0  # the id of a token that is none


@dataclass(frozen=True, kw_only=True)
class RecurrentOptions:
    """Sizes of the network.

    width is that of one direction, embedding that of a token's vector. pooling makes one vector
    of all steps: where each direction ends (last), or each feature's mean or maximum. A review's
    verdict may stand anywhere in it, which is why the maximum is the default.
    """

    width: int = ranged(96, 1, 16_384)
    depth: int = ranged(1, 1, 64)
    bidirectional: bool = True
    dropout: float = ranged(0.3, 0, 0.99)
    embedding: int = ranged(96, 1, 16_384)
    pooling: Literal["last", "mean", "max"] = "max"

    def __post_init__(self) -> None:
        require_ranges(self, "the network's sizes")


class Layer(nn.Module):
    """One layer: a cell that reads ahead and, where wanted, one that reads back."""

    def __init__(self, cell: Cell, size: int, width: int, *, both: bool) -> None:
        super().__init__()
        self.ahead = _cell(cell, size, width)
        self.back = _cell(cell, size, width) if both else None

    def forward(self, steps: Tensor, lengths: Tensor, *, padded: bool) -> Tensor:
        """(B, T, size) -> (B, T, width), or (B, T, 2 width) in both directions."""
        read = _read_padded if padded else _read_packed
        ahead = read(self.ahead, steps, lengths)
        if self.back is None:
            return ahead
        back = read(self.back, turned(steps, lengths), lengths)
        return torch.cat([ahead, turned(back, lengths)], dim=-1)


class Recurrent(nn.Module):
    """Stacked recurrent layers with an answer a row; `cell` is what a subclass is named for.

    vocabulary is the number of tokens of a text, or None for sequences of `channels` values.
    Set `padded` to read all T steps of each row and not the packed ones: the same answers within
    rounding, slower where lengths differ, and the form that `torch.export` takes.
    """

    Options: ClassVar[type[RecurrentOptions]] = RecurrentOptions
    media: ClassVar[frozenset[Medium]] = frozenset({Medium.SEQUENCE, Medium.TEXT})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.DECISION, Task.CLASSES, Task.NUMBER})
    cell: ClassVar[Cell]

    def __init__(
        self,
        head: Head,
        options: RecurrentOptions | None = None,
        *,
        vocabulary: int | None = None,
        channels: int = 0,
    ) -> None:
        super().__init__()
        sizes = options or RecurrentOptions()
        self.padded = False
        self.pooling = sizes.pooling
        self.bidirectional = sizes.bidirectional
        self.channels = channels
        self.embedding: nn.Embedding | None = None
        size = channels
        if vocabulary is not None:
            size = sizes.embedding
            self.embedding = nn.Embedding(vocabulary, size, padding_idx=PADDING)
        layers = []
        for _ in range(sizes.depth):
            layers.append(Layer(self.cell, size, sizes.width, both=sizes.bidirectional))
            size = sizes.width * (2 if sizes.bidirectional else 1)
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(sizes.dropout)
        self.output = Answer(size, head)

    @classmethod
    def build(cls, encoder: Any, head: Head, options: Any) -> Self:
        """An untrained network for the texts or sequences that `encoder` was fitted on."""
        if hasattr(encoder, "vocabulary"):
            return cls(head, options, vocabulary=encoder.vocabulary)
        return cls(head, options, channels=encoder.channels)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Answers (B,) or (B, K) from tokens (B, T) or values (B, T, channels), lengths (B,).

        Raises ModelError for inputs of another shape and for a row without any step.
        """
        self._require(inputs, lengths)
        steps = inputs if self.embedding is None else self.embedding(inputs)  # (B, T, d)
        for layer in self.layers:
            # A plain Dropout before each layer: on vectors of tokens, then between the layers.
            steps = layer(self.dropout(steps), lengths, padded=self.padded)
        return self.output(self.dropout(self._pooled(steps, lengths)))  # type: ignore[no-any-return]

    def _pooled(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, d) -> (B, d), of the steps within each row's length."""
        if self.pooling == "last":
            return self._ends(steps, lengths)
        within = torch.arange(steps.shape[1], device=steps.device) < lengths[:, None]  # (B, T)
        if self.pooling == "max":
            return steps.masked_fill(~within[..., None], -torch.inf).amax(dim=1)
        return (steps * within[..., None]).sum(dim=1) / lengths[:, None]

    def _ends(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Where each direction has read everything: ahead at the last step, back at the first."""
        last = (lengths - 1)[:, None, None].expand(-1, 1, steps.shape[2])
        ends = steps.gather(1, last).squeeze(1)  # (B, d)
        if not self.bidirectional:
            return ends
        half = steps.shape[2] // 2
        return torch.cat([ends[:, :half], steps[:, 0, half:]], dim=-1)

    def _require(self, inputs: Tensor, lengths: Tensor) -> None:
        if torch.compiler.is_compiling():  # an exported program cannot look at its numbers
            return
        wanted = "(rows, steps)" if self.embedding else f"(rows, steps, {self.channels})"
        fits = inputs.ndim == 2 if self.embedding else inputs.shape[2:] == (self.channels,)
        if not fits or lengths.shape != inputs.shape[:1]:
            raise ModelError(
                f"inputs of shape {tuple(inputs.shape)} with lengths {tuple(lengths.shape)}: this "
                f"network takes {wanted} and (rows,)"
            )
        wrong = (lengths < 1) | (lengths > inputs.shape[1])
        if bool(wrong.any()):
            row = int(wrong.int().argmax())
            raise ModelError(
                f"row {row + 1} of the batch has length {int(lengths[row])}: a length is between "
                f"1 and the {inputs.shape[1]} steps given"
            )


@ARCHITECTURES.register("rnn")
class RNN(Recurrent):
    """Elman's network: the new state is a tanh of the input and the old state."""

    cell: ClassVar[Cell] = nn.RNN


@ARCHITECTURES.register("lstm")
class LSTM(Recurrent):
    """A state that gates let in, keep and let out."""

    cell: ClassVar[Cell] = nn.LSTM


@ARCHITECTURES.register("gru")
class GRU(Recurrent):
    """A state with two gates: how much of it is looked at, and how much is replaced."""

    cell: ClassVar[Cell] = nn.GRU


def turned(steps: Tensor, lengths: Tensor) -> Tensor:
    """Each row backwards within its length, the padding after it in its place: (B, T, d)."""
    place = torch.arange(steps.shape[1], device=steps.device)  # (T,)
    mirrored = lengths[:, None] - 1 - place  # (B, T), negative beyond the length
    index = torch.where(mirrored >= 0, mirrored, place)
    return steps.gather(1, index[..., None].expand_as(steps))


def _read_packed(cell: nn.RNNBase, steps: Tensor, lengths: Tensor) -> Tensor:
    # Lengths are wanted on the CPU, wherever the steps are.
    packed = pack_padded_sequence(steps, lengths.cpu(), batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(cell(packed)[0], batch_first=True, total_length=steps.shape[1])
    return states


def _read_padded(cell: nn.RNNBase, steps: Tensor, _lengths: Tensor) -> Tensor:
    # What is read after a row's end comes too late to change the states before it.
    return cell(steps)[0]  # type: ignore[no-any-return]


def _cell(cell: Cell, size: int, width: int) -> nn.RNNBase:
    """One layer and one direction, begun so that it remembers.

    Recurrent weights are orthogonal, each gate for itself (Saxe et al. 2014), and the LSTM's
    forget gate begins open (Jozefowicz et al. 2015).
    """
    made = cell(size, width, batch_first=True)
    with torch.no_grad():
        for gate in made.get_parameter("weight_hh_l0").view(-1, width, width):
            nn.init.orthogonal_(gate)
        if isinstance(made, nn.LSTM):
            made.get_parameter("bias_ih_l0")[width : 2 * width] = 1.0  # in, forget, cell, out
    return made
