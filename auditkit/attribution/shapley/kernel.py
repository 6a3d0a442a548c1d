"""KernelSHAP: Shapley values by a fit to sampled coalitions, and what the fit misses.

    phi = phi(fit) + sum over sizes s of the mean, over sampled pairs (S, complement) of size s, of
          (1/s where the player is in S, -1/(k - s) where not) (D(S) - fit(S))

D(S) = v(S) - v(complement). The second term is unbiased for whatever the fit misses, because a
pair is predicted by a fit that has not seen it; its spread gives the standard error.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from auditkit.attribution.shapley.design import Stratum, designed, fewest_pairs
from auditkit.attribution.shapley.game import Game
from auditkit.attribution.shapley.shares import Shares
from auditkit.attribution.shapley.surrogate import fitted

FOLDS = 4  # each predicted by a fit to the others
FIT = 512  # pairs that a fit learns from at most: its cost grows with their cube
# Folds share their fits, which their spread does not tell: simulated in docs/methods-shapley.md.
WIDER, FEW = 1.06, 16
TRIPLES = (0.0, 10.0)  # how much of the spread interactions of three may be; a row's best is taken


def evaluations(players: int) -> int:
    """The fewest coalitions that will do."""
    return 2 * fewest_pairs(players)


def sampled(
    game: Game, budgets: Sequence[int], seed: int, *, whole: bool = True
) -> Iterator[Shares]:
    """Shapley values after each budget of coalitions, each beginning where the last ended.

    The coalitions are shared by all rows. Where the budget covers all coalitions the values are
    exact. whole=False draws small and large coalitions too, instead of taking all of them.

    Lundberg & Lee 2017; pairs: Covert & Lee 2021; sizes: Musco & Witter 2025 ("Leverage SHAP"),
    here by Neyman's allocation; a fit with unbiased correction: Witter, Liu & Musco 2025.
    """
    out, full = game.ends
    total = full - out
    if game.players == 1:
        yield Shares(values=total[:, None], errors=torch.zeros_like(total)[:, None], asked=2)
        return
    known: dict[int, Tensor] = {}
    for budget in budgets:
        strata = designed(game.players, budget // 2, seed, whole=whole)
        for one in strata:
            known[one.size] = _asked(game, one, known.get(one.size))
        differences = torch.cat([known[one.size] for one in strata])
        found = estimated(strata, differences, total, seed)
        yield found
        if all(one.whole for one in strata):
            return


def estimated(strata: Sequence[Stratum], differences: Tensor, total: Tensor, seed: int) -> Shares:
    """Shapley values from D of the strata's coalitions, (m, B), and of all players, (B,)."""
    sets = torch.cat([one.coalitions for one in strata]).to(total.device)
    folds = _folds(strata, seed).to(total.device)
    chance = folds >= 0
    least = torch.full_like(total, torch.inf)
    left, shares = differences, total[None]
    for triples in TRIPLES if sets.shape[1] > 2 and bool(chance.any()) else TRIPLES[:1]:
        predicted, own = _predicted(sets, differences, total, folds, triples)
        missed = differences - predicted
        loss = (missed[chance] ** 2).sum(dim=0)
        better, least = loss < least, torch.minimum(loss, least)
        left, shares = torch.where(better, missed, left), torch.where(better, own, shares)
    missing, variance = _missing(strata, left)
    shares = shares + missing
    # What rounding leaves of the promise that they add up.
    shares = shares + (total - shares.sum(dim=0)) / len(shares)
    errors = WIDER * math.sqrt(1 + FEW / len(sets)) * variance.sqrt()
    return Shares(values=shares.T, errors=errors.T, asked=2 * len(sets) + 2)


def _asked(game: Game, stratum: Stratum, known: Tensor | None) -> Tensor:
    """D of a stratum's coalitions, (m, B), asked where an earlier round does not know it."""
    sets = stratum.coalitions
    if known is not None and (not stratum.whole or len(known) == len(sets)):
        sets = sets[len(known) :]
    else:
        known = None  # taken whole, they come in another order
    values = game.values(torch.cat([sets, ~sets]))
    fresh = (values[:, : len(sets)] - values[:, len(sets) :]).T
    return fresh if known is None else torch.cat([known, fresh])


def _predicted(
    sets: Tensor, differences: Tensor, total: Tensor, folds: Tensor, triples: float
) -> tuple[Tensor, Tensor]:
    """Each D by a fit that has not seen it, (m, B), and the fits' mean Shapley values (k, B)."""
    predicted = torch.zeros_like(differences)
    shares = torch.zeros(sets.shape[1], differences.shape[1], dtype=torch.float64)
    shares = shares.to(differences.device)
    for fold in range(FOLDS):
        # What is not left to chance (-1), all may see.
        learn = _spread(torch.nonzero(folds != fold).flatten(), FIT)
        ask = torch.nonzero((folds < 0) | (folds == fold)).flatten()
        part, own = fitted(sets[learn], differences[learn], total, sets[ask], triples=triples)
        weight = torch.where(folds[ask] < 0, 1 / FOLDS, 1.0)[:, None]
        predicted[ask] += weight * part
        shares += own / FOLDS
    return predicted, shares


def _spread(places: Tensor, most: int) -> Tensor:
    """At most so many of them, from all sizes alike."""
    if len(places) <= most:
        return places
    return places[torch.linspace(0, len(places) - 1, most).long()]


def _folds(strata: Sequence[Stratum], seed: int) -> Tensor:
    """The fold of each pair, -1 for those of strata taken whole; which is first is drawn."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for one in strata:
        first = torch.randint(FOLDS, (1,), generator=generator)
        turns = (torch.arange(len(one.coalitions)) + first) % FOLDS
        found.append(torch.full_like(turns, -1) if one.whole else turns)
    return torch.cat(found)


def _missing(strata: Sequence[Stratum], left: Tensor) -> tuple[Tensor, Tensor]:
    """What the fit misses of each player's share, (k, B), and the variance of that."""
    k = strata[0].coalitions.shape[1]
    found = torch.zeros(k, left.shape[1], dtype=torch.float64, device=left.device)
    variance = torch.zeros_like(found)
    parts = torch.split(left, [len(one.coalitions) for one in strata])
    for one, rest in zip(strata, parts, strict=True):
        m = len(rest)
        pairs = 0.5 if 2 * one.size == k else 1.0  # a size of k/2 is its own complement's
        signs = one.coalitions.to(left.device).double() * 2 - 1
        weights = pairs * torch.where(signs > 0, signs / one.size, signs / (k - one.size))
        mean = weights.T @ rest / m
        found += mean
        if not one.whole:
            square = (weights**2).T @ rest**2 / m
            variance += one.unseen * (square - mean**2).clamp(min=0) / (m - 1)
    return found, variance
