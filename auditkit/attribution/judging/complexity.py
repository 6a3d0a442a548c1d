"""Complexity: on how few players an explanation rests.

Gini: Hurley & Rickard 2009, "Comparing Measures of Sparsity"; entropy: Bhatt, Weller & Moura 2020,
"Evaluating and Aggregating Feature-based Model Explanations".
"""

import torch
from torch import Tensor


def gini(sizes: Tensor, exists: Tensor) -> Tensor:
    """0 where all players weigh alike, 1 - 1/n where one of n has all the weight, (B,).

    sizes (B, P) are no negative numbers. NaN where nothing weighs anything.
    """
    number = exists.sum(dim=1).double()
    ordered = sizes.double().masked_fill(~exists, -1.0).sort(dim=1).values
    place = torch.arange(1, sizes.shape[1] + 1) - (sizes.shape[1] - number)[:, None]
    held = ordered.clamp(min=0)
    total = held.sum(dim=1)
    weighed = ((2 * place - number[:, None] - 1) * held).sum(dim=1)
    return torch.where(total > 0, weighed / (number * total).clamp(min=1e-300), torch.nan)


def entropy(sizes: Tensor, exists: Tensor) -> Tensor:
    """The entropy of the players' shares, 0 for a single one, 1 where all weigh alike, (B,).

    In parts of the most there can be, log n; NaN where nothing weighs or there is one player.
    """
    held = sizes.double().masked_fill(~exists, 0.0)
    total = held.sum(dim=1, keepdim=True)
    share = held / total.clamp(min=1e-300)
    bits = -torch.special.xlogy(share, share).sum(dim=1)
    most = exists.sum(dim=1).double().log()
    defined = (total[:, 0] > 0) & (most > 0)
    return torch.where(defined, bits / most.clamp(min=1e-300), torch.nan)
