"""What a model answers where some of a row's players are in and the others are out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from auditkit.attribution.memory import rows_forward
from auditkit.attribution.players import HELD
from auditkit.attribution.question import Question

MOST_ROWS = 2048  # rows of one game: their answers of 2,048 coalitions take 32 MB


@dataclass(frozen=True, kw_only=True, eq=False)
class Game:
    """Rows of a question that have the same number k of players.

    A player that is in has the row's numbers, one that is out those of the baseline; where that
    has several rows, the answer is their mean, so that what is out is drawn independently of
    what is in. masks say of each input whose number it is, a player of the game or HELD. rows
    (B,) are the places of the game's rows among the explained ones.
    """

    question: Question
    masks: tuple[Tensor, ...]
    players: int
    rows: Tensor

    @property
    def size(self) -> int:
        """How many rows are explained."""
        return self.question.rows

    @property
    def starts(self) -> int:
        """How many rows of a baseline an answer is the mean of."""
        return len(self.question.baseline.rows[0]) if self.question.baseline.several else 1

    def values(self, coalitions: Tensor) -> Tensor:
        """The answer of each row for each coalition (S, k) of truth values: (B, S) float64."""
        device = self.question.device
        # The last column, that of HELD, is always in.
        kept = torch.ones(len(coalitions), self.players + 1, dtype=torch.bool, device=device)
        kept[:, :-1] = coalitions.to(device)
        found = torch.zeros(self.size, len(kept), dtype=torch.float64, device=device)
        rows, sets, starts = self._block
        with torch.no_grad():
            for s in range(0, len(kept), sets):
                for r in range(0, self.size, rows):
                    for m in range(0, self.starts, starts):
                        given = self._answers(kept[s : s + sets], r, m)
                        found[r : r + rows, s : s + sets] += given
        return found / self.starts

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """The answers with all players out and with all in, each (B,) float64."""
        both = torch.stack([torch.zeros(self.players), torch.ones(self.players)]).bool()
        out, whole = self.values(both).unbind(dim=1)
        return out, whole

    @cached_property
    def _block(self) -> tuple[int, int, int]:
        """Rows, coalitions and baseline rows of one pass: their product fits the memory."""
        runtime = self.question.runtime

        def forward(n: int) -> Tensor:
            rows = torch.arange(n, device=self.question.device) % self.size
            inputs = tuple(one[rows] for one in self.question.inputs)
            return self.question.selected(self.question.model(*inputs), rows)  # not a cost

        most = rows_forward(forward, runtime.memory, runtime.batch_size)
        starts = min(self.starts, most)
        rows = min(self.size, most // starts)
        return rows, most // (starts * rows), starts

    def _answers(self, kept: Tensor, row: int, start: int) -> Tensor:
        """The sum of the answers over a block of baseline rows, (r, s)."""
        rows, _, starts = self._block
        here = torch.arange(row, min(row + rows, self.size), device=self.question.device)
        baseline = self.question.baseline
        many = min(starts, self.starts - start)
        mixed = []
        for own, base, mask in zip(self.question.inputs, baseline.rows, self.masks, strict=True):
            where = mask if len(mask) == 1 else mask[here]
            inside = kept[:, where].transpose(0, 1)[:, :, None]  # (r or 1, s, 1, ...)
            if baseline.paired:
                begun = base[here][:, None, None]
            else:
                begun = base[start : start + many][None, None]
            joined = _mixed(inside, own[here][:, None, None], begun.to(own.device, own.dtype))
            sizes = (len(here), len(kept), many)  # in full: an input may hold no numbers at all
            mixed.append(
                joined.expand(*sizes, *own.shape[1:]).reshape(math.prod(sizes), *own.shape[1:])
            )
        answers = self.question.answer(
            tuple(mixed), here.repeat_interleave(len(kept) * many)
        ).double()
        return answers.view(len(here), len(kept), many).sum(dim=2)


def _mixed(inside: Tensor, own: Tensor, begun: Tensor) -> Tensor:
    """own where inside, begun elsewhere; all broadcast."""
    if not own.is_floating_point() or len(inside) > 1 or len(begun) > 1:
        return torch.where(inside, own, begun)
    # The same numbers (times 1 or 0, plus 0) in a third of the time.
    kept = inside.to(own.dtype)
    return torch.addcmul(begun * (1 - kept), own, kept)


def game_of(question: Question) -> Game:
    """The game of all rows with all their players; a row with fewer has some that do nothing."""
    return Game(
        question=question,
        masks=tuple(one.to(question.device) for one in question.players.masks),
        players=question.players.most,
        rows=torch.arange(question.rows, device=question.device),
    )


def games(question: Question) -> Iterator[tuple[Game, Tensor]]:
    """Games of rows with the same number of players that differ from the baseline.

    Beside each are its players (B, k) among those of the row. A player whose numbers are the
    baseline's changes nothing and takes no part: its share is 0, exactly.
    """
    moving = _moving(question)
    counts = moving.sum(dim=1)
    for count in sorted(set(counts.tolist())):
        rows = torch.nonzero(counts == count).flatten()
        if not count:
            continue
        for part in torch.split(rows, MOST_ROWS):
            # Sorted by "stands still", which keeps the order of those that move.
            owners = torch.argsort((~moving[part]).int(), dim=1, stable=True)[:, :count]
            everyone = count == question.players.most and len(part) == question.rows
            here = question if everyone else question.at(part)
            yield (
                Game(
                    question=here,
                    masks=_renumbered(here, owners, everyone),
                    players=count,
                    rows=part,
                ),
                owners,
            )


def placed(question: Question, parts: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Numbers of games at their rows and players, (B, most) float64; 0 elsewhere.

    parts are triples of rows (b,), owners (b, k) and numbers (b, k).
    """
    whole = torch.zeros(
        question.rows, question.players.most, dtype=torch.float64, device=question.device
    )
    for rows, owners, numbers in parts:
        whole[rows[:, None], owners] = numbers
    return whole


def _moving(question: Question) -> Tensor:
    """Whether any number of a player differs from any row of the baseline, (B, most)."""
    found = torch.zeros(
        question.rows, question.players.most + 1, dtype=torch.bool, device=question.device
    )
    baseline = question.baseline
    for own, base, mask in zip(question.inputs, baseline.rows, question.players.masks, strict=True):
        begun = base.to(own.device, own.dtype)
        differs = torch.zeros_like(own, dtype=torch.bool)
        for one in [begun] if baseline.paired else torch.split(begun, 1):
            differs |= own != one
        places = mask.to(own.device).expand_as(own).reshape(len(own), -1)
        # HELD is -1: one to the right, so that it has a column of its own.
        counted = torch.zeros_like(found, dtype=torch.int32)
        found |= counted.scatter_add_(1, places + 1, differs.reshape(len(own), -1).int()) > 0
    return found[:, 1:]


def _renumbered(question: Question, owners: Tensor, everyone: bool) -> tuple[Tensor, ...]:
    """The masks with the game's own numbers for its players, HELD for all others."""
    masks = tuple(one.to(question.device) for one in question.players.masks)
    if everyone:
        return masks
    b, count = owners.shape
    number = torch.full((b, question.players.most + 1), HELD, device=question.device)
    number.scatter_(1, owners, torch.arange(count, device=question.device).expand(b, count))
    return tuple(
        number.gather(1, one.expand(b, *one.shape[1:]).reshape(b, -1) % number.shape[1]).view(
            b, *one.shape[1:]
        )
        for one in masks
    )
