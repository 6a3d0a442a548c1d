"""Is the estimate right? A last layer trained again without a row says what influence guesses.

The training begins where the network stands, and is that of `influence`: every row pulls its
outputs to what they are, the row taken out no longer does. At the minimum of a regularised loss
this is leave-one-out itself. What it leaves fixed are the features: it says nothing of what the
rest of the network would have become.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from auditkit.attribution.training_rows.influence import Influence
from auditkit.errors import ModelError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import z_of

STEPS = 60
SETTLED = 1e-9  # of the first gradient: what is left of it at the end
HALVINGS = 30
AT_ONCE = 2**22


def without(influence: Influence, rows: Tensor) -> Tensor:
    """The layer's weights (r, K, D) when each of these training rows (r,) is left out.

    Newton's method with the curvature at the beginning, less that of the row left out. Raises
    ModelError where it does not settle.
    """
    size = max(1, AT_ONCE // max(influence.curvature.outputs.numel(), 1))
    return torch.cat([_without(influence, rows[i : i + size]) for i in range(0, len(rows), size)])


def losses_without(influence: Influence, rows: Tensor, features: Tensor, targets: Tensor) -> Tensor:
    """What leaving out each training row (r,) really adds to the loss on m rows, (m, r)."""
    loss, layer = influence.loss, influence.layer
    own = loss(layer.outputs(features), targets)
    found = [
        loss(replace(layer, weights=weights).outputs(features), targets) - own
        for weights in without(influence, rows)
    ]
    return torch.stack(found, dim=1)


def retrained(influence: Influence, targets: Tensor) -> Influence:
    """The layer after a training on other targets (n,) of the same rows, begun where it stands.

    Newton's method on a convex loss, each step halved until the loss falls. Raises ModelError
    where it does not settle.
    """
    loss, layer, features = influence.loss, influence.layer, influence.features
    ridge, start = influence.curvature.ridge, influence.layer.weights
    # A loss of slopes p - y: other targets add a pull that does not depend on the weights.
    other = loss.slope(influence.curvature.outputs, targets) * layer.scale
    pull = torch.einsum("nk,nd->kd", other - influence.slopes, features)
    own = torch.einsum("nk,nd->kd", influence.slopes, features)

    def cost(weights: Tensor) -> float:
        outputs = replace(layer, weights=weights).outputs(features)
        known = loss(outputs, influence.targets).sum()
        near = ridge / 2 * (weights - start).square().sum()
        return float(known - (own * weights).sum() + (pull * weights).sum() + near)

    def slope(weights: Tensor) -> Tensor:
        outputs = replace(layer, weights=weights).outputs(features)
        slopes = loss.slope(outputs, influence.targets) * layer.scale
        return torch.einsum("nk,nd->kd", slopes, features) - own + pull + ridge * (weights - start)

    weights = _newton(influence, cost, slope)
    moved = replace(layer, weights=weights)
    outputs = moved.outputs(features)
    # Damping is a share of the curvature's own size: the same ridge must come out.
    again = replace(influence.curvature, outputs=outputs, damping=0.0)
    share = ridge / again.size if ridge else 0.0
    return replace(influence, layer=moved, targets=targets, curvature=replace(again, damping=share))


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


def _without(influence: Influence, rows: Tensor) -> Tensor:
    loss, layer, features = influence.loss, influence.layer, influence.features
    start, count = layer.weights, len(rows)
    weights = start.expand(count, -1, -1).clone()
    n, k = influence.slopes.shape
    own = features[rows]  # (r, D)
    targets = influence.targets.repeat_interleave(count)
    first, floor = None, _rounding(influence)
    for _ in range(STEPS):
        outputs = torch.einsum("nd,rkd->nrk", features, weights) * layer.scale + layer.shift
        slopes = loss.slope(outputs.reshape(n * count, k), targets).view(n, count, k) * layer.scale
        pulls = torch.einsum("nrk,nd->rkd", slopes - influence.slopes[:, None], features)
        taken = slopes[rows, torch.arange(count)]  # (r, K)
        gradient = pulls + influence.curvature.ridge * (weights - start)
        gradient = gradient - taken[:, :, None] * own[:, None, :]
        size = gradient.flatten(1).norm(dim=1)
        first = size if first is None else first
        if bool((size <= SETTLED * first + floor).all()):
            return weights
        weights = weights - influence.solve_without(rows, gradient)
    raise ModelError(f"the last layer did not settle within {STEPS} steps: give more damping")


def _newton(
    influence: Influence, cost: Callable[[Tensor], float], slope: Callable[[Tensor], Tensor]
) -> Tensor:
    weights, ridge = influence.layer.weights, influence.curvature.ridge
    least = SETTLED * float(slope(weights).norm()) + _rounding(influence)
    for _ in range(STEPS):
        gradient = slope(weights)
        if float(gradient.norm()) <= least:
            return weights
        outputs = replace(influence.layer, weights=weights).outputs(influence.features)
        bare = replace(influence.curvature, outputs=outputs, damping=0.0)
        here = replace(bare, damping=ridge / bare.size if ridge else 0.0)
        step = here.solve(gradient[None])[0]
        before, length = cost(weights), 1.0
        for _ in range(HALVINGS):
            if cost(weights - length * step) <= before:
                break
            length /= 2
        weights = weights - length * step
    raise ModelError(f"the last layer did not settle within {STEPS} steps: give more damping")


def _rounding(influence: Influence) -> float:
    """What of a sum of all rows' gradients may be left by rounding alone."""
    lengths = influence.slopes.norm(dim=1) * influence.features.norm(dim=1)
    return 1e-14 * float(lengths.sum())


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    a, b = rankdata(one) - (len(one) + 1) / 2, rankdata(other) - (len(other) + 1) / 2
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size else math.nan
