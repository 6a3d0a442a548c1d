"""The straight way from a baseline to a row, and the gradient added up along it.

What a stretch of the way should add up to is known: the answer at its end less that at its start.
Where a stretch misses it, it is cut in two. So a smooth answer costs few gradients, and one that
jumps somewhere (an LSTM may change its mind within a ten-thousandth of the way) is followed there
and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

NARROWEST = 1e-6  # of the way: below it, points of 32 bits are no longer different
ROUNDING = 1e-6  # of the answer: a smaller gap is the model's own rounding


class Moving(Protocol):
    """A model whose moved tensors are put into it: an open `Surface`, or a layer of it."""

    def answer(self, point: Sequence[Tensor], rows: Tensor) -> Tensor:
        """The explained number (m,) from a point of m rows."""
        ...

    def gradients(self, point: Sequence[Tensor], rows: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """That number and its gradient at each tensor of the point."""
        ...


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How a way is walked.

    steps are the points of each stretch (Gauss-Legendre: exact where the gradient along it is a
    polynomial of a degree below 2 steps). tolerance is the gap that is allowed, as a share of the
    answer's change; where contributions cancel, of a thirtieth of their sizes. most bounds the
    gradients of a way: at `steps`, nothing is ever cut.
    """

    steps: int = 16
    tolerance: float = 0.05
    most: int = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Walked:
    """The mean gradient of m ways times the way, float64 at each tensor of the point.

    gap is by how much they miss the answer's change (m,), spent the gradients of each way, short
    is True where they ended before the tolerance was met.
    """

    values: tuple[Tensor, ...]
    gap: Tensor
    spent: Tensor
    short: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stretches:
    """Parts of ways: of which way, from where to where, and the answers at both ends."""

    way: Tensor
    low: Tensor
    high: Tensor
    first: Tensor
    last: Tensor

    def at(self, kept: Tensor) -> "_Stretches":
        return _Stretches(
            way=self.way[kept],
            low=self.low[kept],
            high=self.high[kept],
            first=self.first[kept],
            last=self.last[kept],
        )


def walked(
    model: Moving,
    start: Sequence[Tensor],
    end: Sequence[Tensor],
    rows: Tensor,
    *,
    walk: Walk,
    at_once: int,
) -> Walked:
    """The gradient along m ways from `start` to `end`, tensors with m rows, of explained rows."""
    return _Walker(model, start, end, rows, walk, at_once).found()


class _Walker:
    """The stretches of all ways, round after round: each round halves those that miss."""

    def __init__(
        self,
        model: Moving,
        start: Sequence[Tensor],
        end: Sequence[Tensor],
        rows: Tensor,
        walk: Walk,
        at_once: int,
    ) -> None:
        self.model, self.start, self.rows = model, start, rows
        self.walk, self.at_once = walk, at_once
        self.ways = tuple(b - a for a, b in zip(start, end, strict=True))
        nodes, weights = np.polynomial.legendre.leggauss(walk.steps)
        self.nodes = torch.as_tensor((nodes + 1) / 2, device=rows.device)
        self.weights = torch.as_tensor(weights / 2, device=rows.device)

    def found(self) -> Walked:
        every = torch.arange(len(self.rows), device=self.rows.device)
        zero = torch.zeros(len(every), dtype=torch.float64, device=every.device)
        first, last = self._answers(every, zero), self._answers(every, zero + 1)
        now = _Stretches(way=every, low=zero, high=zero + 1, first=first, last=last)
        total = tuple(torch.zeros_like(one, dtype=torch.float64) for one in self.ways)
        spent, gap, short = torch.zeros_like(every), zero.clone(), torch.zeros_like(every).bool()
        allowed: Tensor | None = None
        while len(now.way):
            given, miss, sizes = self._along(now)
            spent.index_add_(0, now.way, torch.full_like(now.way, self.walk.steps))
            if allowed is None:
                change = torch.maximum((last - first).abs(), sizes / 30)
                allowed = self.walk.tolerance * change + ROUNDING * (first.abs() + last.abs())
            wide = now.high - now.low
            # Gaps add up like errors that know nothing of each other; a half, since around a jump
            # those of 1/2, 1/4, ... of the way often have the same sign.
            share = torch.where(wide < 1, wide.sqrt() / 2, 1.0)
            missed = miss.abs() > allowed[now.way] * share
            more = torch.bincount(now.way[missed], minlength=len(every)) * 2 * self.walk.steps
            cut = missed & (spent + more <= self.walk.most)[now.way] & (wide > NARROWEST)
            short[now.way[missed & ~cut]] = True
            gap.index_add_(0, now.way[~cut], miss[~cut])
            for sum_, one in zip(total, given, strict=True):
                sum_.index_add_(0, now.way[~cut], one[~cut])
            now = self._halved(now.at(cut)) if bool(cut.any()) else now.at(cut)
        short |= gap.abs() > torch.as_tensor(allowed)
        return Walked(values=total, gap=gap, spent=spent, short=short)

    def _along(self, now: _Stretches) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """Each stretch's numbers, by how much they miss its change, and their sizes' sum."""
        wide = now.high - now.low
        stretch = torch.arange(len(now.way), device=wide.device).repeat_interleave(len(self.nodes))
        place = (now.low[:, None] + wide[:, None] * self.nodes).flatten()
        weight = (wide[:, None] * self.weights).flatten()
        mean = tuple(
            torch.zeros(len(now.way), *one.shape[1:], dtype=torch.float64, device=one.device)
            for one in self.ways
        )
        for part in torch.split(torch.arange(len(place), device=wide.device), self.at_once):
            way = now.way[stretch[part]]
            point = self._point(way, place[part])
            _, slopes = self.model.gradients(point, self.rows[way])
            for sum_, slope in zip(mean, slopes, strict=True):
                sum_.index_add_(0, stretch[part], slope.double() * _beside(weight[part], slope))
        for sum_, way_ in zip(mean, self.ways, strict=True):
            sum_.mul_(way_[now.way])
        reached = sum(one.flatten(1).sum(dim=1) for one in mean)
        sizes = sum(one.flatten(1).abs().sum(dim=1) for one in mean)
        return mean, reached - (now.last - now.first), torch.as_tensor(sizes)

    def _halved(self, now: _Stretches) -> _Stretches:
        middle = (now.low + now.high) / 2
        between = self._answers(now.way, middle)
        return _Stretches(
            way=torch.cat([now.way, now.way]),
            low=torch.cat([now.low, middle]),
            high=torch.cat([middle, now.high]),
            first=torch.cat([now.first, between]),
            last=torch.cat([between, now.last]),
        )

    @torch.no_grad()
    def _answers(self, ways: Tensor, places: Tensor) -> Tensor:
        parts = [
            self.model.answer(self._point(way, place), self.rows[way]).double()
            for way, place in zip(
                torch.split(ways, self.at_once), torch.split(places, self.at_once), strict=True
            )
        ]
        return torch.cat(parts) if parts else places.double()

    def _point(self, way: Tensor, place: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            a[way] + b[way] * _beside(place, b).to(b.dtype)
            for a, b in zip(self.start, self.ways, strict=True)
        )


def _beside(numbers: Tensor, tensor: Tensor) -> Tensor:
    """(m,) shaped so that it multiplies a tensor of m rows."""
    return numbers.view(-1, *[1] * (tensor.ndim - 1))
