"""Rank correlations of two explanations of the same row, and what they put first."""

from collections.abc import Sequence

import torch
from torch import Tensor


def centred_ranks(values: Tensor, exists: Tensor) -> Tensor:
    """Ranks of each row (B, P) with ties shared, less their mean; 0 where nothing exists."""
    found = torch.zeros(values.shape, dtype=torch.float64)
    for row, (one, here) in enumerate(zip(values.double(), exists, strict=True)):
        _, place, count = torch.unique(one[here], return_inverse=True, return_counts=True)
        last = count.cumsum(0).double()
        ranks = (last - (count.double() - 1) / 2)[place]
        found[row, here] = ranks - ranks.mean() if len(ranks) else ranks
    return found


def rank_correlation(first: Tensor, second: Tensor, exists: Tensor) -> Tensor:
    """Spearman's correlation of each row's values (B, P), (B,); NaN where one does not vary."""
    return cosine(centred_ranks(first, exists), centred_ranks(second, exists))


def partial_rank_correlation(
    first: Tensor, second: Tensor, given: Sequence[Tensor], exists: Tensor, *, nothing: float
) -> Tensor:
    """The same, of what the ranks of `given` (each (B, P)) leave unexplained in both, (B,).

    It is `nothing` where they leave nothing of one of the two: it is those over again.
    """
    a, b = centred_ranks(first, exists), centred_ranks(second, exists)
    basis: list[Tensor] = []
    for one in given:
        rest = _without(centred_ranks(one, exists), basis)
        length = rest.norm(dim=1, keepdim=True)
        basis.append(torch.where(length > 1e-6, rest / length.clamp(min=1e-300), 0.0))
    left = [_without(one, basis) for one in (a, b)]
    empty = [
        (rest.norm(dim=1) <= 1e-6 * whole.norm(dim=1)) & (whole.norm(dim=1) > 0)
        for rest, whole in zip(left, (a, b), strict=True)
    ]
    return torch.where(empty[0] | empty[1], nothing, cosine(left[0], left[1]))


def correlation(first: Tensor, second: Tensor, exists: Tensor) -> Tensor:
    """Pearson's correlation of each row's values (B, P), (B,); NaN where one does not vary."""
    number = exists.sum(dim=1, keepdim=True).clamp(min=1)
    both = []
    for one in (first.double(), second.double()):
        held = one.masked_fill(~exists, 0.0)
        both.append((held - held.sum(dim=1, keepdim=True) / number).masked_fill(~exists, 0.0))
    return cosine(both[0], both[1])


def overlap(first: Tensor, second: Tensor, exists: Tensor, most: int = 5) -> Tensor:
    """The part that two explanations share of what each puts first, (B,).

    Of a row's players a fifth are looked at, at least one and at most `most`. Ties count in the
    order of the players.
    """
    number = torch.ceil(exists.sum(dim=1) / 5).clamp(1, most)
    heads = []
    for one in (first, second):
        order = (
            one.double()
            .masked_fill(~exists, -torch.inf)
            .argsort(dim=1, descending=True, stable=True)
        )
        heads.append((order.argsort(dim=1) < number[:, None]) & exists)
    return (heads[0] & heads[1]).sum(dim=1) / number


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Of each row's two vectors; NaN where one has no length."""
    product = first.norm(dim=1) * second.norm(dim=1)
    return torch.where(product > 0, (first * second).sum(dim=1) / product, torch.nan)


def _without(values: Tensor, basis: Sequence[Tensor]) -> Tensor:
    for one in basis:
        values = values - (values * one).sum(dim=1, keepdim=True) * one
    return values
