"""Shapley values: what each player brings, on average over all orders in which they could come."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from auditkit.attribution.base import METHODS, Family, Found, Method, anything
from auditkit.attribution.question import Question
from auditkit.attribution.shapley import kernel, permutations
from auditkit.attribution.shapley.exact import exact as counted
from auditkit.attribution.shapley.game import Game, games, placed
from auditkit.attribution.shapley.shares import Shares, Stop

EXACT = 2**14  # answers a row up to which all coalitions are asked: 14 players, one baseline
EVALUATIONS = 2048


def shapley(
    question: Question,
    exact: int = EXACT,
    evaluations: int | None = None,
    tolerance: float = 0.0,
    seconds: float | None = None,
) -> Found:
    """Exact where few players take part, by `kernel_shap` elsewhere.

    All coalitions are asked where that takes at most `exact` answers a row, counting each row
    of a baseline. The other options are those of `kernel_shap`.
    """
    return _found(
        question,
        lambda game, budgets, seed: kernel.sampled(game, budgets, seed),
        kernel.evaluations,
        _stop(question, evaluations, tolerance, seconds, kernel.evaluations),
        exact=exact,
    )


def kernel_shap(
    question: Question,
    evaluations: int | None = None,
    tolerance: float = 0.0,
    seconds: float | None = None,
    whole: bool = True,
) -> Found:
    """Shapley values by a fit to sampled pairs of coalitions.

    evaluations are coalitions a row: 2,048, or 8 for each player where that is more, or 65,536
    where there is a tolerance or a time to stop at. tolerance is the largest standard error that
    will do, in the answer's unit, and seconds the time for all rows. Where the budget covers all
    coalitions, the values are exact. whole=False takes no size of coalitions whole.
    """
    return _found(
        question,
        lambda game, budgets, seed: kernel.sampled(game, budgets, seed, whole=whole),
        kernel.evaluations,
        _stop(question, evaluations, tolerance, seconds, kernel.evaluations),
    )


def shapley_sampling(
    question: Question,
    evaluations: int | None = None,
    tolerance: float = 0.0,
    seconds: float | None = None,
) -> Found:
    """Shapley values by permutations, each walked forwards and backwards; options as before."""
    rng = question.runtime.rng("attribution shapley_sampling")
    return _found(
        question,
        lambda game, budgets, _seed: permutations.permuted(game, budgets, rng),
        _fewest_walks,
        _stop(question, evaluations, tolerance, seconds, _fewest_walks),
    )


def _fewest_walks(players: int) -> int:
    return permutations.evaluations(players, permutations.FEWEST)


def _stop(
    question: Question,
    evaluations: int | None,
    tolerance: float,
    seconds: float | None,
    fewest: Callable[[int], int],
) -> Stop:
    """The budget that was given, or the one that is right for this many players."""
    if evaluations is None:
        rounds = bool(tolerance) or seconds is not None
        evaluations = 2**16 if rounds else EVALUATIONS
        evaluations = max(evaluations, 2 * fewest(question.players.most))
    return Stop(evaluations=evaluations, tolerance=tolerance, seconds=seconds)


def _found(
    question: Question,
    rounds: Callable[[Game, list[int], int], Iterator[Shares]],
    fewest: Callable[[int], int],
    stop: Stop,
    exact: int = 0,
) -> Found:
    """The shares of every game, at the places of its players."""
    budgets = stop.budgets(fewest(question.players.most))
    seed = int(torch.randint(2**31, (1,)))
    parts: list[tuple[Tensor, Tensor, Shares]] = []
    done = 0
    for game, owners in games(question):
        done += game.size
        if 2**game.players * game.starts <= exact:
            values = counted(game)
            shares = Shares(values=values, errors=torch.zeros_like(values), asked=2**game.players)
        else:
            shares = stop.after(rounds(game, budgets, seed), done / question.rows)
        parts.append((game.rows, owners, shares))
    values = placed(question, [(rows, owners, one.values) for rows, owners, one in parts])
    errors = placed(question, [(rows, owners, one.errors) for rows, owners, one in parts])
    return Found(
        values=question.players.spread(values),
        errors=question.players.spread(errors),
        note=stop.note([one for _, _, one in parts]),
    )


for _method in (
    Method(
        name="shapley",
        family=Family.PERTURBATION,
        run=shapley,
        can=anything,
        baseline=True,
        complete=True,
        samples=True,
        summary="what each part brings, averaged over all orders in which parts could be put in",
        paper="Shapley 1953; Strumbelj & Kononenko 2010",
    ),
    Method(
        name="kernel_shap",
        family=Family.PERTURBATION,
        run=kernel_shap,
        can=anything,
        baseline=True,
        complete=True,
        samples=True,
        summary="what each part brings (Shapley), by a fit to answers for sampled sets of parts",
        paper="Lundberg & Lee 2017; Covert & Lee 2021; Witter, Liu & Musco 2025",
    ),
    Method(
        name="shapley_sampling",
        family=Family.PERTURBATION,
        run=shapley_sampling,
        can=anything,
        baseline=True,
        complete=True,
        samples=True,
        summary="what each part brings (Shapley), put in and taken out again in sampled orders",
        paper="Castro, Gomez & Tejada 2009; Mitchell et al. 2022",
    ),
):
    METHODS.register(_method.name)(_method)
