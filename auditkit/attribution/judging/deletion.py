"""Deletion and insertion: does the answer follow the parts that a method puts first?

Taking out the most important first must bring the answer to that of the baseline sooner than a
random order does (deletion); bringing them in first, as soon (insertion). To bring in the k first
is to take out all but them, so that an order and its reverse give both.

Samek et al. 2017, "Evaluating the Visualization of What a Deep Neural Network Has Learned";
Petsiuk, Das & Saenko 2018, "RISE"; the difference of both: Bluecher, Vielhaben & Strodthoff 2024,
"Decoupling Pixel Flipping and Occlusion Strategy for Consistent XAI Benchmarks".
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from auditkit.attribution.judging.removal import Removal, area, ranks

ORDERS = 4  # random orders a row, each asked from both ends


@dataclass(frozen=True, kw_only=True, eq=False)
class Chance:
    """What random orders give on the same rows, shared by all methods.

    area (B,) is the mean over the orders, each from both ends, so that for a linear model it is
    exactly halfway from the answer to that of the baseline. spans (B,) is how far the answer
    went over all sets: the unit of a row. sign (B,) is 1 where the baseline's answer is the
    lower one, else -1. sets (B, S, P) bool are the players taken out, answers (B, S) what came.
    """

    area: Tensor
    spans: Tensor
    sign: Tensor
    sets: Tensor
    answers: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """A method's order in the model's answers, (B, T): the first out first, the last out first.

    deletion and insertion (B,) say by how much the order does better than random ones, in
    parts of the span of the row's answer: 0 for a random order, NaN where nothing moves it.
    """

    first: Tensor
    last: Tensor
    deletion: Tensor
    insertion: Tensor

    @property
    def quality(self) -> Tensor:
        """The mean of both, (B,): from it the random orders fall out."""
        return (self.deletion + self.insertion) / 2


def chance_of(removal: Removal, generator: torch.Generator, orders: int = ORDERS) -> Chance:
    """Random orders of each row's players, their answers and what follows from them."""
    nothing = torch.zeros(removal.exists.shape, dtype=torch.float64)
    out = []
    for _ in range(orders):
        places = ranks(nothing, removal.exists, generator)
        out += [removal.out(places), removal.out(places, reverse=True)]
    sets = torch.cat(out, dim=1)
    answers = removal.answers(sets)
    steps = removal.counts.shape[1]
    curves = answers.view(len(sets), 2 * orders, steps).transpose(0, 1)
    spans = answers.max(dim=1).values - answers.min(dim=1).values
    sign = torch.where(removal.own >= removal.bare, 1.0, -1.0).double()
    return Chance(
        area=area(curves, removal.counts).mean(dim=0),
        spans=spans,
        sign=sign,
        sets=sets,
        answers=answers,
    )


def curves_of(
    removal: Removal, scores: Tensor, chance: Chance, generator: torch.Generator
) -> Curves:
    """How the answer follows a method's scores (B, P), the highest first.

    Scores that speak against the answer are below 0; where the baseline's answer is the higher
    one, the lowest come first, and the answer must rise.
    """
    return curves_by(removal, ranks(scores, removal.exists, generator), chance)


def curves_by(removal: Removal, places: Tensor, chance: Chance) -> Curves:
    """The same of an order, given as each player's place (B, P)."""
    both = torch.cat([removal.out(places), removal.out(places, reverse=True)], dim=1)
    first, last = removal.answers(both).chunk(2, dim=1)
    unit = torch.where(chance.spans > 0, chance.spans * chance.sign, torch.nan)
    return Curves(
        first=first,
        last=last,
        deletion=(chance.area - area(first, removal.counts)) / unit,
        insertion=(area(last, removal.counts) - chance.area) / unit,
    )
