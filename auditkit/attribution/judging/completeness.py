"""Completeness: do the numbers add up to what they promised to add up to?

Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks".
"""

import torch
from torch import Tensor

from auditkit.attribution.base import Attributions


def completeness_gap(found: Attributions) -> Tensor:
    """By how much each row misses its sum, (B,), in parts of what rows have to add up to.

    That is the mean distance of an answer from its baseline's, since the distance of a single
    row may be 0. NaN where nothing was promised or no row has anything to add up to.
    """
    whole = (found.answers - found.reference).abs().mean()
    return found.gap.abs() / torch.where(whole > 0, whole, torch.nan)
