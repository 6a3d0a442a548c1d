"""Is the estimate right? A last layer trained again without a row says what influence guesses.

The training begins where the network stands, and is that of `influence`: every row pulls its
outputs to what they are, the row taken out no longer does. At the minimum of a regularised loss
this is leave-one-out itself. What it leaves fixed are the features: it says nothing of what the
rest of the network would have become.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from auditkit.attribution.training_rows.influence import Influence
from auditkit.attribution.training_rows.settling import Problem, settled
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import z_of

AT_ONCE = 2**22  # numbers in a block of problems


def without(influence: Influence, rows: Tensor) -> Tensor:
    """The layer's weights (r, K, D) when each of these training rows (r,) is left out.

    Raises ModelError where it does not settle.
    """
    size = max(1, AT_ONCE // max(influence.curvature.outputs.numel(), 1))
    nothing = torch.zeros(1, *influence.curvature.shape, dtype=torch.float64)
    parts = [rows[i : i + size] for i in range(0, len(rows), size)]
    return torch.cat(
        [
            settled(Problem(influence=influence, pull=nothing.expand(len(one), -1, -1), taken=one))
            for one in parts
        ]
    )


def losses_without(influence: Influence, rows: Tensor, features: Tensor, targets: Tensor) -> Tensor:
    """What leaving out each training row (r,) really adds to the loss on m rows, (m, r)."""
    loss, layer = influence.loss.plain, influence.layer
    own = influence.losses_of(features, targets)
    found = [
        loss(replace(layer, weights=weights).outputs(features), targets) - own
        for weights in without(influence, rows)
    ]
    return torch.stack(found, dim=1)


def retrained(influence: Influence, targets: Tensor) -> Influence:
    """The layer after a training on other targets (n,) of the same rows, begun where it stands.

    Raises ModelError where it does not settle.
    """
    layer, features = influence.layer, influence.features
    # Other targets add a pull that does not depend on the weights: slopes are outputs less these.
    other = influence.loss.slope(influence.curvature.outputs, targets) * layer.scale
    pull = torch.einsum("nk,nd->kd", other - influence.slopes, features)
    moved = replace(layer, weights=settled(Problem(influence=influence, pull=pull[None]))[0])
    there = replace(influence.curvature, outputs=moved.outputs(features), damping=0.0)
    # Damping is a share of the curvature's own size: the same ridge must come out.
    share = influence.curvature.ridge / there.size if influence.curvature.ridge else 0.0
    return replace(influence, layer=moved, targets=targets, curvature=replace(there, damping=share))


def rank_agreement(scores: Tensor, actual: Tensor) -> Estimate:
    """Spearman's correlation of scores (m, r) with what happened (m, r), over the r rows left out.

    The mean over the m explained rows, each ranked by itself; 1 is ideal. The interval counts the
    r rows alone, since the explained rows share them. Undefined where all scores are equal.

    Interval: Bonett & Wright 2000.
    """
    rows = scores.shape[1]
    if rows < 5:
        return undefined("fewer than five rows were left out", n=rows)
    each = np.array([_spearman(a, b) for a, b in zip(scores.numpy(), actual.numpy(), strict=True)])
    if np.isnan(each).any():
        return undefined("the scores or the changes are all equal", n=rows)
    value = float(each.mean())
    middle = math.atanh(min(max(value, -1 + 1e-15), 1 - 1e-15))
    reach = z_of(0.95) * math.sqrt((1 + value**2 / 2) / (rows - 3))
    return Estimate(
        value=value,
        low=min(math.tanh(middle - reach), value),
        high=max(math.tanh(middle + reach), value),
        n=rows,
        method="mean rank correlation (Bonett & Wright)",
    )


def size_agreement(scores: Tensor, actual: Tensor) -> float:
    """The slope of what happened over what was said, through 0: 1 is ideal, NaN if all said 0."""
    said = float(scores.square().sum())
    return float((scores * actual).sum()) / said if said else math.nan


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    a, b = rankdata(one) - (len(one) + 1) / 2, rankdata(other) - (len(other) + 1) / 2
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size else math.nan
