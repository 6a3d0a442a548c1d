"""Description length: how many bits labels cost to somebody who knows the activations.

Rows come in blocks. The labels of the first are sent at log2 K bits each; those of each later one
by a probe that was fitted on all blocks before it, which the receiver can fit as well. A probe that
must see many rows before it reads anything pays for it, and so does one that learns by heart:
unlike accuracy, the length tells how readily a layer gives a label away.

Voita & Titov 2020, "Information-Theoretic Probing with Minimum Description Length".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from auditkit.errors import DataError
from auditkit.probing.probes.activations import numbers_of_rows
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.linear import (
    PENALTIES,
    Coefficients,
    Moments,
    dual_ridges,
    moments,
    ridges,
)
from auditkit.probing.probes.odds import odds
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Ends of the blocks in parts of all rows, as in the paper.
SHARES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)
ORDERS = 3
FEWEST = 20  # rows below which a probe knows frequencies alone
HELD = 5  # one row in so many says which penalty holds, and what a score is worth
SCARCE = 250  # rows below which each of them takes its turn at that: fifty would not do
LEAST = 1e-12  # a probability, so that a surprise costs 40 bits at most


@dataclass(frozen=True, kw_only=True, eq=False)
class Code:
    """Bits that n labels cost, for each of several random orders of the rows.

    uniform is n log2 K, what they cost to somebody who knows nothing; frequencies (orders) what
    they cost to somebody who counts the labels so far and sees no activations.
    """

    __repr__ = in_short

    n: int
    uniform: float
    bits: tuple[float, ...]
    frequencies: tuple[float, ...]
    reason: str = ""

    @property
    def length(self) -> float:
        """The mean over the orders, in bits."""
        return float(np.mean(self.bits)) if self.bits else nan

    @property
    def compression(self) -> float:
        """How many times shorter than the uniform code; 1 is no gain."""
        return self.uniform / self.length

    @property
    def least(self) -> float:
        """The compression of the worst order."""
        return self.uniform / max(self.bits) if self.bits else nan

    @property
    def most(self) -> float:
        """The compression of the best order."""
        return self.uniform / min(self.bits) if self.bits else nan

    @property
    def gain(self) -> float:
        """The share of the bits that the activations save beyond counting labels; 0 is none."""
        return 1 - self.length / float(np.mean(self.frequencies)) if self.bits else nan


def online_code(
    activations: Tensor | ArrayLike,
    labels: Labels,
    *,
    orders: int = ORDERS,
    shares: Sequence[float] = SHARES,
    runtime: Runtime | None = None,
) -> Code:
    """The description length of labels given activations (n, d), by a linear probe.

    Rows of one person are in one block. Numbers have no uniform code: their length is undefined.
    """
    return codes(activations, [labels], orders=orders, shares=shares, runtime=runtime)[0]


def codes(
    activations: Tensor | ArrayLike,
    several: Sequence[Labels],
    *,
    orders: int = ORDERS,
    shares: Sequence[float] = SHARES,
    runtime: Runtime | None = None,
) -> list[Code]:
    """The same of several labels of the same rows, on the same blocks: one fit serves them all.

    The first of them is sent in every order, the others (its controls) in one.
    """
    first = several[0]
    n, x = len(first), numbers_of_rows(activations, first).astype(np.float64)
    if not first.classes:
        nothing = Code(n=n, uniform=nan, bits=(), frequencies=(), reason="these are numbers")
        return [nothing] * len(several)
    x = x - x.mean(axis=0)  # sums of squares far from the mean lose digits
    rng = (runtime or Runtime()).rng(f"online code {first.name}")
    owners = np.arange(n) if first.whose is None else first.whose
    sent = []
    for again in range(orders):
        order, ends = blocks(first, shares, rng)
        sent.append(_sent(x[order], several[: 1 if again else None], order, ends, owners[order]))
    return [
        Code(
            n=n,
            uniform=n * log2(len(one.levels)),
            bits=tuple(bits[place] for bits, _ in sent[: 1 if place else None]),
            frequencies=tuple(counted[place] for _, counted in sent[: 1 if place else None]),
        )
        for place, one in enumerate(several)
    ]


def blocks(
    labels: Labels, shares: Sequence[float], rng: np.random.Generator
) -> tuple[Ints, list[int]]:
    """The rows in a random order, and where each block ends; a person's rows are never parted."""
    n = len(labels)
    whose = np.arange(n) if labels.whose is None else labels.whose
    place = rng.permutation(int(whose.max()) + 1)[whose]
    order = np.argsort(place, kind="stable")
    wanted = {max(1, round(share * n)) for share in shares} | {n}
    return order, sorted({_whole(place[order], end) for end in wanted})


def _whole(owners: Ints, end: int) -> int:
    """The end of the person whose rows `end` falls among; a person's rows follow each other."""
    others = np.flatnonzero(owners[end:] != owners[end - 1])
    return end + int(others[0]) if len(others) else len(owners)


def _sent(
    x: Floats, several: Sequence[Labels], order: Ints, ends: Sequence[int], owners: Ints
) -> tuple[list[float], list[float]]:
    """Bits of each of the labels over all blocks, with the activations and by counting alone."""
    answers = [one.values[order] for one in several]
    widths = [len(one.levels) for one in several]
    bits = [ends[0] * log2(width) for width in widths]
    counted = list(bits)
    probes = _Probes(x, answers, widths, owners)
    for start, end in pairwise(ends):
        said = probes.said(start, end)
        for place, (answer, width) in enumerate(zip(answers, widths, strict=True)):
            now = answer[start:end]
            share = (np.bincount(answer[:start], minlength=width) + 1) / (start + width)
            by_count = float(-np.log2(share[now]).sum())
            counted[place] += by_count
            bits[place] += by_count if said is None else _cost(said[place], now)
    return bits, counted


def _cost(said: Floats, own: Ints) -> float:
    return float(-np.log2(np.maximum(said[np.arange(len(own)), own], LEAST)).sum())


class _Probes:
    """Probes of growing shares of the same rows, whose sums are added up and not taken again.

    x (n, d), answers (n,) each and owners (n,) are in the order in which rows are sent.
    """

    def __init__(
        self, x: Floats, answers: Sequence[Ints], widths: Sequence[int], owners: Ints
    ) -> None:
        self.x, self.answers, self.owners = x, answers, owners
        self.y = np.concatenate(
            [np.eye(width)[one] for one, width in zip(answers, widths, strict=True)], axis=1
        )
        ends = np.cumsum(widths)
        self.columns = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
        self.sums: Moments | None = None
        self.summed = 0

    def said(self, start: int, end: int) -> list[Floats] | None:
        """Probabilities of each of the labels for rows start to end; None where too few came."""
        turns = [] if start < FEWEST else self._turns(start)
        if not turns:
            return None
        held = np.concatenate([np.arange(*one) for one in turns])
        try:  # (penalties, held, C)
            asked = np.concatenate([self._asked(*one, start) for one in turns], axis=1)
        except DataError:  # of what came so far, nothing varies
            return None
        wrong = np.square(asked - self.y[held]).sum(axis=1)
        chosen = [int(wrong[:, columns].sum(axis=1).argmin()) for columns in self.columns]
        wanted = sorted(set(chosen))
        last = self._fitted(start, [PENALTIES[one] for one in wanted])
        answers = {one: fit.said(self.x[start:end]) for one, fit in zip(wanted, last, strict=True)}
        return [
            odds(asked[one][:, columns], own[held]).of(answers[one][:, columns])
            for one, columns, own in zip(chosen, self.columns, self.answers, strict=True)
        ]

    def _turns(self, start: int) -> list[tuple[int, int]]:
        """Stretches of the rows so far that are held out: the last fifth, of few rows each."""
        parts = range(HELD + 1) if start < SCARCE else (HELD - 1, HELD)
        wanted = [start * one // HELD for one in parts]
        edges = sorted({_whole(self.owners, one) if one else 0 for one in wanted})
        return [one for one in pairwise(edges) if one[1] - one[0] < start]

    def _asked(self, first: int, after: int, start: int) -> Floats:
        """What probes of the other rows so far say of rows first to after, by penalty."""
        if after == start:
            found = self._fitted(first, PENALTIES)
        else:
            x, y = (np.delete(one[:start], slice(first, after), axis=0) for one in (self.x, self.y))
            found = _ridges(x, y, [penalty * len(x) for penalty in PENALTIES])
        return np.stack([one.said(self.x[first:after]) for one in found])

    def _fitted(self, end: int, penalties: Sequence[float]) -> list[Coefficients]:
        """Probes of the first `end` rows, by whichever products are the smaller."""
        by_row = [penalty * end for penalty in penalties]
        if end < self.x.shape[1]:
            return dual_ridges(self.x[:end], self.y[:end], by_row)
        return ridges(self._summed(end), by_row)

    def _summed(self, end: int) -> Moments:
        between = slice(*sorted((self.summed, end)))
        new = moments(self.x[between], self.y[between])
        if self.sums is None:
            self.sums = new
        else:
            self.sums = self.sums + new if end > self.summed else self.sums - new
        self.summed = end
        return self.sums


def _ridges(x: Floats, y: Floats, penalties: Sequence[float]) -> list[Coefficients]:
    if len(x) < x.shape[1]:
        return dual_ridges(x, y, penalties)
    return ridges(moments(x, y), penalties)
