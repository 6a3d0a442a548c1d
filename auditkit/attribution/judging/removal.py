"""What the model answers when players are taken out of a row, one after another.

A player that is taken out has the baseline's numbers. The sets that are asked are the same
for all methods: an order, how many of it are out, and nothing else.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from auditkit.attribution.players import HELD
from auditkit.attribution.question import Question

EACH = 14  # players up to which every number of them is asked
SHARES = (0.01, 0.05, 0.1, 0.2, 0.35, 0.5)  # of more: this part of them, and all but it


def present(question: Question) -> Tensor:
    """Which players a row has, (B, most) bool: one that holds no number is no player."""
    ones = tuple(torch.ones(one.shape) for one in question.inputs)
    return question.players.gathered(ones) > 0


def counts(players: Tensor) -> Tensor:
    """How many are out at each step, (B, T) int64, from none to all of `players` (B,).

    Symmetric: with k also all but k, so that an order and its reverse ask for opposite sets.
    """
    most = int(players.max())
    if most <= EACH:
        return torch.minimum(torch.arange(most + 1)[None], players[:, None])
    few = torch.ceil(players[:, None] * torch.tensor(SHARES, dtype=torch.float64) - 1e-9).long()
    ends = torch.stack([torch.zeros_like(players), players], dim=1)
    return torch.cat([ends, few, players[:, None] - few], dim=1).sort(dim=1).values


def ranks(scores: Tensor, exists: Tensor, generator: torch.Generator) -> Tensor:
    """Place of each player from the highest score down, (B, P) int64; ties fall at random.

    Players that a row has not come last.
    """
    chance = torch.rand(scores.shape, generator=generator, dtype=torch.float64).argsort(dim=1)
    shuffled = scores.masked_fill(~exists, -torch.inf).gather(1, chance)
    order = chance.gather(1, shuffled.argsort(dim=1, descending=True, stable=True))
    return order.argsort(dim=1)


CACHED = 128  # rows at once on a processor: larger batches leave its cache and are slower


@dataclass(frozen=True, kw_only=True, eq=False)
class Removal:
    """A question and the steps at which its rows are asked with players taken out.

    start names, for each row, which of several baselines takes a player's place; exists is
    (B, P) bool, counts (B, T) int64, own and bare (B,) float64 the answers with nothing and with
    all out.
    """

    question: Question
    start: tuple[Tensor, ...]
    exists: Tensor
    counts: Tensor
    own: Tensor
    bare: Tensor

    @property
    def players(self) -> Tensor:
        """How many players each row has, (B,) int64."""
        return self.exists.sum(dim=1)

    def out(self, places: Tensor, *, reverse: bool = False) -> Tensor:
        """Who is out at each step, (B, T, P) bool, by `ranks` (B, P) or from their other end."""
        if reverse:
            places = self.players[:, None] - 1 - places
        return (places[:, None, :] < self.counts[:, :, None]) & self.exists[:, None, :]

    def answers(self, out: Tensor) -> Tensor:
        """The answer with players `out` (B, S, P) bool, (B, S) float64.

        Nobody and everybody out are known; the rest is asked in internal batches.
        """
        sets, number = out.shape[1], out.sum(dim=2)
        found = self.own[:, None].expand(-1, sets).clone()
        whole = number == self.players[:, None]
        found[whole] = self.bare[:, None].expand(-1, sets)[whole]
        rows, places = torch.nonzero((number > 0) & ~whole, as_tuple=True)
        most = self.question.at_once
        if self.question.device.type == "cpu":
            most = min(most, CACHED)
        for part in torch.split(torch.arange(len(rows)), most):
            here = rows[part]
            inputs = self.without(out[here, places[part]], here)
            found[here, places[part]] = self.question.answers(
                inputs, here.to(self.question.device)
            ).cpu()
        return found

    def without(self, out: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
        """Inputs of the explained rows (m,) with the players `out` (m, P) replaced."""
        device = self.question.device
        out, rows = out.to(device), rows.to(device)
        found = []
        for one, base, mask in zip(
            self.question.inputs, self.start, self.question.players.masks, strict=True
        ):
            gone = _gone(out, mask.to(device), rows)
            found.append(torch.where(gone.view(len(rows), *one.shape[1:]), base[rows], one[rows]))
        return tuple(found)


def _gone(out: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
    """Which numbers are taken out with the players `out` (m, P), (m, numbers)."""
    if len(mask) > 1:
        who = mask[rows].reshape(len(rows), -1)
        return out.gather(1, who.clamp(min=0)) & (who != HELD)
    place = mask.reshape(-1)
    if torch.equal(place, torch.arange(out.shape[1], device=place.device)):
        return out  # each number a player: nothing to look up
    return out.index_select(1, place.clamp(min=0)) & (place != HELD)


def removal_of(question: Question) -> Removal:
    """The steps of a question. Of several baselines each row meets one, in turn."""
    every = torch.arange(question.rows, device=question.device)
    if question.baseline.several:
        start = question.start(every, every % len(question.baseline.rows[0]))
        bare = question.answers(start)
    else:
        start, bare = question.start(every), question.reference
    exists = present(question)
    return Removal(
        question=question,
        start=start,
        exists=exists,
        counts=counts(exists.sum(dim=1)),
        own=question.own.cpu(),
        bare=bare.cpu(),
    )


def reactions(removal: Removal) -> Tensor:
    """How the answer reacts to each player alone, (B, P): taken out, and brought in, a mean.

    Two of the terms of its Shapley value, the first and the last.
    """
    alone = torch.eye(removal.exists.shape[1], dtype=torch.bool) & removal.exists[:, None, :]
    without = removal.own[:, None] - removal.answers(alone)
    # A set of nobody stands for a player that a row has not: it must not count as all out.
    within = removal.answers(removal.exists[:, None, :] & ~alone) - removal.bare[:, None]
    return ((without + within) / 2).masked_fill(~removal.exists, 0.0)


def area(curve: Tensor, taken: Tensor) -> Tensor:
    """Mean height of a curve (..., B, T) over the part of players that are out (B, T), (..., B)."""
    share = taken / taken[:, -1:].clamp(min=1)
    return torch.trapezoid(curve, share.expand(curve.shape), dim=-1)
