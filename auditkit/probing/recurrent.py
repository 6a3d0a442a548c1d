"""What a recurrent layer held at every step: hidden states, cell states and gates.

torch gives the hidden states of the last level alone; the others are taken again. Where a state is
replaced, the steps after it are taken again with what was put in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from auditkit.errors import ModelError, UsageError
from auditkit.models.layers import numbers_of, put_back, rows_first
from auditkit.models.rnn import Layer, turned
from auditkit.models.transformer.blocks import present
from auditkit.probing.strands import Strand, stepped, strands_of

# What each kind holds beside its hidden states.
HOLDS = {"LSTM": ("cell", "gates"), "GRU": ("gates",)}
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One call of a recurrent layer: levels of strands, and what was read (n, T, in).

    lengths (n,) are the steps of each row. hiddens and cells are the states that are known by
    level: of hidden ones at least the last, which the layer gave.
    """

    levels: Sequence[Sequence[Strand]]
    read: Tensor
    lengths: Tensor
    hiddens: Mapping[int, Tensor]
    cells: Mapping[int, Tensor]
    dropout: float

    def hidden(self, level: int) -> Tensor:
        """(n, T, directions H), directions side by side; zeros behind a row's end."""
        if level in self.hiddens:
            return self._within(self.hiddens[level])
        return self._through(self._below(level), level)

    def gates(self, level: int) -> Tensor:
        """(n, T, gates, directions H)."""
        below = self._below(level)
        return self._each(
            self.hidden(level), level, lambda s, x: s.gates(self._turned(below, s), x)
        )

    def cell(self, level: int) -> Tensor:
        """(n, T, directions H)."""
        if level in self.cells:
            return self._within(self.cells[level])
        below = self._below(level)
        return self._each(
            self.hidden(level), level, lambda s, x: s.cells(s.gates(self._turned(below, s), x))
        )

    def changed(self, level: int, change: Change, *, cells: bool) -> "Run":
        """The same call with the states of a level changed, and all that follows from them.

        A change is asked at every step, of the states so far and of zeros for those to come: what
        it gives for that step goes on. Each direction sees the other beside it.
        """
        below, sides = self._below(level), len(self.levels[level])
        seen = list((self.cell if cells else self.hidden)(level).chunk(sides, dim=-1))
        hiddens = []
        for side, strand in enumerate(self.levels[level]):

            def ask(states: Tensor, side: int = side, strand: Strand = strand) -> Tensor:
                beside = [*seen[:side], self._turned(states, strand), *seen[side + 1 :]]
                asked = change(torch.cat(beside, dim=-1))
                return self._turned(asked.chunk(sides, dim=-1)[side], strand)

            states, kept = stepped(strand, self._turned(below, strand), ask, cells=cells)
            seen[side] = self._turned(kept, strand)
            hiddens.append(self._turned(states, strand))
        known = {level: self._within(torch.cat(hiddens, dim=-1))}
        for above in range(level + 1, len(self.levels)):
            known[above] = self._through(known[above - 1], above)
        put_in = {level: torch.cat(seen, dim=-1)} if cells else {}
        return replace(self, hiddens=known, cells=put_in)

    def ends(self, states: Tensor, level: int) -> Tensor:
        """States where each direction has read everything, (directions, n, H)."""
        parts = states.chunk(len(self.levels[level]), dim=-1)
        last = (self.lengths - 1).view(-1, 1, 1).expand(-1, 1, parts[0].shape[-1])
        found = [
            self._turned(part, one).gather(1, last).squeeze(1)
            for one, part in zip(self.levels[level], parts, strict=True)
        ]
        return torch.stack(found)

    def _each(self, held: Tensor, level: int, found: Callable[[Strand, Tensor], Tensor]) -> Tensor:
        """What each direction makes of its part of what is held."""
        parts = held.chunk(len(self.levels[level]), dim=-1)
        both = [
            self._turned(found(one, self._turned(part, one)), one)
            for one, part in zip(self.levels[level], parts, strict=True)
        ]
        return self._within(torch.cat(both, dim=-1))

    def _below(self, level: int) -> Tensor:
        if level and self.dropout:
            raise ModelError(
                "a recurrent layer that is training drops states between its levels, which cannot "
                "be seen again: put the model in eval mode"
            )
        return self.read if level == 0 else self.hidden(level - 1)

    def _through(self, below: Tensor, level: int) -> Tensor:
        return self._each(
            below.repeat(1, 1, len(self.levels[level])), level, lambda s, x: s.states(x)
        )

    def _turned(self, steps: Tensor, strand: Strand) -> Tensor:
        if not strand.back:
            return steps
        return turned(steps.flatten(2), self.lengths).view_as(steps)

    def _within(self, steps: Tensor) -> Tensor:
        if bool((self.lengths == steps.shape[1]).all()):
            return steps
        within = present(self.lengths, steps.shape[1])
        return torch.where(within.view(*within.shape, *(1,) * (steps.ndim - 2)), steps, 0)


def level_of(module: nn.Module, name: str, part: str, asked: int | None) -> int:
    """Which level of a recurrent layer is meant, the last if none is said.

    Raises UsageError for a module that has no such part, and for a level that it does not have.
    """
    cell = module.ahead if isinstance(module, Layer) else module
    if not isinstance(cell, nn.RNNBase):
        raise UsageError(
            f"layer {name!r} is a {type(module).__name__} and has no {part!r}: nn.RNN, nn.LSTM and "
            "nn.GRU do"
        )
    kind = cell.mode.partition("_")[0]
    if part != "hidden" and part not in HOLDS.get(kind, ()):
        has = ", ".join(("hidden", *HOLDS.get(kind, ())))
        raise UsageError(f"layer {name!r} is a {kind} and has no {part!r}: it has {has}")
    if asked is not None and asked >= cell.num_layers:
        raise UsageError(f"layer {name!r} has no level {asked}: it has 0 to {cell.num_layers - 1}")
    return cell.num_layers - 1 if asked is None else asked


def run_of(module: nn.Module, given: Sequence[Any], named: Any, output: Any, name: str) -> Run:
    """One call of a recurrent layer, from what it was given and what it gave."""
    if isinstance(module, Layer):
        steps, lengths = given[0], given[1]
        sides = [strands_of(module.ahead, None, steps)[0][0]]
        if module.back is not None:
            sides.append(strands_of(module.back, None, steps, back=True)[0][0])
        levels, dropout = [sides], 0.0
    else:
        assert isinstance(module, nn.RNNBase)
        first = given[0] if given else named["input"]
        if isinstance(first, PackedSequence):
            steps, lengths = pad_packed_sequence(first, batch_first=True)
        else:
            steps = rows_first(module, first)
            lengths = torch.full((len(steps),), steps.shape[1])
        levels = strands_of(module, given[1] if len(given) > 1 else named.get("hx"), steps)
        dropout = module.dropout if module.training else 0.0
    weight = levels[0][0].ih
    states = numbers_of(module, output, name)
    return Run(
        levels=levels,
        read=steps.to(weight.dtype),
        lengths=lengths.to(weight.device),
        hiddens={len(levels) - 1: states.to(weight.dtype)},
        cells={},
        dropout=dropout,
    )


def given_of(module: nn.Module, output: Any, run: Run, name: str) -> Any:
    """What a recurrent layer gives after a run in which states were changed."""
    states = run.hidden(len(run.levels) - 1)
    if isinstance(module, Layer):
        return states.to(output.dtype)
    steps, last = put_back(module, output, states, name)
    if isinstance(module, nn.LSTM):
        ends = (_ends(run, run.hidden, last[0]), _ends(run, run.cell, last[1]))
        return steps, ends
    return steps, _ends(run, run.hidden, last)


def _ends(run: Run, states: Callable[[int], Tensor], before: Tensor) -> Tensor:
    """The last states of all levels, those below what was changed as they were."""
    sides, begun = len(run.levels[0]), min(run.hiddens)
    new = [run.ends(states(level), level) for level in range(begun, len(run.levels))]
    old = before if before.ndim == 3 else before.unsqueeze(1)
    found = torch.cat([old[: begun * sides], *new]).to(before.dtype)
    return found if before.ndim == 3 else found.squeeze(1)
