"""Shapley values by permutations: what a player adds to those that came before it."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from auditkit.attribution.shapley.game import Game
from auditkit.attribution.shapley.shares import Shares, widened

FEWEST = 8  # permutations, each with its reverse
AT_ONCE = 2**21  # numbers held for one step


def evaluations(players: int, permutations: int) -> int:
    """Coalitions that permutations and their reverses ask for, beside none and all."""
    return 2 * permutations * max(players - 1, 1)


def permuted(game: Game, budgets: Sequence[int], rng: np.random.Generator) -> Iterator[Shares]:
    """Shapley values after each budget of coalitions, each beginning where the last ended.

    Each permutation is walked forwards and backwards: the second visits the complements of the
    first, so that interactions of two players cancel. The walks are shared by all rows; their
    spread gives the standard error, widened as Student's t is.

    Castro, Gomez & Tejada 2009; antithetic: Mitchell, Cooper, Frank & Holmes 2022.
    """
    k = game.players
    out, whole = game.ends
    total = torch.zeros(game.size, k, dtype=torch.float64, device=game.question.device)
    squares = torch.zeros_like(total)
    pivot: Tensor | None = None  # near the mean, so that squares do not cancel
    walked = 0
    for budget in budgets:
        wanted = max(budget // evaluations(k, 1), FEWEST)
        while walked < wanted:
            step = min(wanted - walked, max(AT_ONCE // (game.size * k), 1))
            orders = torch.from_numpy(rng.random((step, k)).argsort(axis=1))
            added = _added(game, orders, whole - out)
            pivot = added.mean(dim=1) if pivot is None else pivot
            added -= pivot[:, None]
            total += added.sum(dim=1)
            squares += (added**2).sum(dim=1)
            walked += step
        mean = total / walked
        variance = (squares / walked - mean**2).clamp(min=0) / (walked - 1)
        errors = variance.sqrt() * widened(walked)
        values = mean if pivot is None else mean + pivot
        yield Shares(values=values, errors=errors, asked=evaluations(k, walked) + 2)


def _added(game: Game, orders: Tensor, total: Tensor) -> Tensor:
    """What each player adds, mean of a walk and its reverse: (B, walks, k)."""
    walks, k = orders.shape
    if k == 1:  # there is but one order, and nothing between its ends
        return total[:, None, None].expand(-1, walks, 1).clone()
    place = orders.argsort(dim=1)  # when each player comes
    sizes = torch.arange(1, k)
    before = place[:, None, :] < sizes[:, None]  # (walks, k - 1, k)
    sets = before.reshape(-1, k)
    values = game.values(torch.cat([sets, ~sets]))
    swung = (values[:, : len(sets)] - values[:, len(sets) :]).view(-1, walks, k - 1)
    ends = total[:, None, None].expand(-1, walks, 1)
    steps = torch.cat([-ends, swung, ends], dim=2).diff(dim=2) / 2  # in the walk's order
    return steps.gather(2, place.to(steps.device).expand(len(steps), walks, k))
