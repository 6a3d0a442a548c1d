"""One direction of one level of a recurrent layer, step by step.

Gates follow from what was read and from the states before, by one product for all steps; cell
states from the gates, step by step. In order, gates are input, forget, cell, output of an LSTM;
reset, update, new of a GRU.

Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, "Learning Phrase
Representations using RNN Encoder-Decoder".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


@dataclass(frozen=True, kw_only=True, eq=False)
class Strand:
    """One direction of one level: its weights, and the states (n, H) that it begins with.

    Every strand reads ahead: what it reads and gives is turned if it reads `back`.
    """

    kind: str
    ih: Tensor
    hh: Tensor
    biases: tuple[Tensor | None, Tensor | None]
    projection: Tensor | None
    hidden: Tensor
    cell: Tensor | None
    back: bool

    def states(self, steps: Tensor) -> Tensor:
        """(n, T, in) -> (n, T, H), by torch's own kernel."""
        more = [one for one in (*self.biases, self.projection) if one is not None]
        start = self.hidden[None].contiguous()
        how = ([self.ih, self.hh, *more], self.biases[0] is not None, 1, 0.0, False, False, True)
        # cuDNN wants the weights of a layer in one piece, which those of a strand are not.
        with torch.backends.cudnn.flags(enabled=False):
            if self.cell is not None:
                found: Tensor = torch.lstm(steps, (start, self.cell[None].contiguous()), *how)[0]
                return found
            by = {"GRU": torch.gru, "RNN_RELU": torch.rnn_relu, "RNN_TANH": torch.rnn_tanh}
            found = by[self.kind](steps, start, *how)[0]
            return found

    def gates(self, steps: Tensor, states: Tensor) -> Tensor:
        """(n, T, gates, H) from what was read and the states after each step."""
        before = torch.cat([self.hidden[:, None], states[:, :-1]], dim=1)
        return self.opened(linear(steps, self.ih, self.biases[0]), before)

    def opened(self, read: Tensor, before: Tensor) -> Tensor:
        """The gates from the product of what was read (..., gates H) and the states before."""
        kept = linear(before, self.hh, self.biases[1])
        if self.kind == "GRU":
            reset, update, new = read.chunk(3, dim=-1)
            reset_too, update_too, new_too = kept.chunk(3, dim=-1)
            reset = torch.sigmoid(reset + reset_too)
            gates = [reset, torch.sigmoid(update + update_too), torch.tanh(new + reset * new_too)]
        else:
            let_in, forget, cell, out = (read + kept).chunk(4, dim=-1)
            gates = [let_in.sigmoid(), forget.sigmoid(), cell.tanh(), out.sigmoid()]
        return torch.stack(gates, dim=-2)

    def cells(self, gates: Tensor) -> Tensor:
        """(n, T, H) from the gates of an LSTM."""
        assert self.cell is not None
        let_in, forget, new, _ = gates.unbind(2)
        added, cell, found = let_in * new, self.cell, []
        for step in range(gates.shape[1]):
            cell = torch.addcmul(added[:, step], forget[:, step], cell)
            found.append(cell)
        return torch.stack(found, dim=1)

    def step(
        self, read: Tensor, hidden: Tensor, cell: Tensor | None, put: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """One step on, where `put` says what the cell state is instead."""
        if self.kind == "LSTM":
            assert cell is not None
            let_in, forget, new, out = self.opened(read, hidden).unbind(-2)
            cell = put(forget * cell + let_in * new)
            hidden = out * cell.tanh()
            return hidden if self.projection is None else linear(hidden, self.projection), cell
        if self.kind == "GRU":
            _, update, new = self.opened(read, hidden).unbind(-2)
            return new + update * (hidden - new), None
        both = read + linear(hidden, self.hh, self.biases[1])
        return (both.relu() if self.kind == "RNN_RELU" else both.tanh()), None


def stepped(
    strand: Strand, steps: Tensor, ask: Callable[[Tensor], Tensor], *, cells: bool
) -> tuple[Tensor, Tensor]:
    """Hidden states (n, T, H) and those that were changed, one step after another."""
    read = linear(steps, strand.ih, strand.biases[0])
    n, most, _ = steps.shape
    hidden, cell = strand.hidden, strand.cell
    given: list[Tensor] = []
    kept: list[Tensor] = []

    def put(state: Tensor) -> Tensor:
        to_come = state.new_zeros(n, most - len(kept) - 1, state.shape[-1])
        so_far = torch.cat([torch.stack([*kept, state], dim=1), to_come], dim=1)
        kept.append(ask(so_far)[:, len(kept)])
        return kept[-1]

    for step in range(most):
        hidden, cell = strand.step(read[:, step], hidden, cell, put if cells else _as_it_is)
        if not cells:
            hidden = put(hidden)
        given.append(hidden)
    return torch.stack(given, dim=1), torch.stack(kept, dim=1)


def _as_it_is(state: Tensor) -> Tensor:
    return state


def strands_of(
    module: nn.RNNBase, start: Any, steps: Tensor, *, back: bool = False
) -> list[list[Strand]]:
    """Levels of strands; without a start, all states begin at zero. back says it reads so."""
    hidden, cell = start if isinstance(module, nn.LSTM) and start is not None else (start, None)
    sides = 2 if module.bidirectional else 1
    sizes = module.proj_size or module.hidden_size, module.hidden_size

    def strand(level: int, side: int) -> Strand:
        end, place = f"l{level}" + ("_reverse" if side else ""), level * sides + side
        return Strand(
            kind=module.mode,
            ih=getattr(module, f"weight_ih_{end}"),
            hh=getattr(module, f"weight_hh_{end}"),
            biases=(
                getattr(module, f"bias_ih_{end}", None),
                getattr(module, f"bias_hh_{end}", None),
            ),
            projection=getattr(module, f"weight_hr_{end}", None),
            hidden=_begun(hidden, place, steps, sizes[0]),
            cell=_begun(cell, place, steps, sizes[1]) if module.mode == "LSTM" else None,
            back=back or bool(side),
        )

    return [[strand(level, side) for side in range(sides)] for level in range(module.num_layers)]


def _begun(start: Tensor | None, place: int, steps: Tensor, size: int) -> Tensor:
    if start is None:
        return steps.new_zeros(len(steps), size)
    begun = start[place] if start.ndim == 3 else start[place][None]
    return begun.to(steps.dtype)
