"""What a row's part in the training is worth: influence functions of a convex last layer.

With H the curvature of the summed loss at the trained weights and g the gradient of one row's
loss, taking row i out of the training moves the weights by H^-1 g_i to first order, and the loss
on another row z by g_z' H^-1 g_i: above 0, the row helped.

Koh & Liang 2017, "Understanding Black-box Predictions via Influence Functions". A trained network
is seldom at the minimum that the derivation asks for. What is estimated then is the answer to the
problem that has its minimum where the network stands: every row pulls the outputs to what they
are (Bae et al. 2022, "If Influence Functions are the Answer, Then What is the Question?"). At a
minimum the two are the same.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from auditkit.attribution.training_rows.curvature import DAMPING, EXACT, Curvature
from auditkit.attribution.training_rows.last_layer import LastLayer
from auditkit.attribution.training_rows.losses import RowLoss
from auditkit.errors import DataError, NotApplicable, UsageError


@dataclass(frozen=True, kw_only=True, eq=False)
class Influence:
    """The influence of n training rows through a last layer; make it with `of`.

    features are (n, D) as `features_of` gives them, targets (n,). loss is that of the training;
    other rows are asked about without its smoothing, and scores are what leaving a training row
    out would add to their loss. curvature carries the damping.
    """

    layer: LastLayer
    features: Tensor
    targets: Tensor
    loss: RowLoss
    curvature: Curvature

    @classmethod
    def of(
        cls,
        layer: LastLayer,
        features: Tensor,
        targets: Tensor,
        loss: RowLoss,
        *,
        damping: float = DAMPING,
        exact: int = EXACT,
    ) -> Self:
        """The influence of rows with these features and targets. Raises DataError for bad rows."""
        _require(layer, features, targets)
        outputs = layer.outputs(features)
        curvature = Curvature(
            features=features,
            outputs=outputs,
            loss=loss,
            scale=layer.scale,
            damping=damping,
            exact=exact,
        )
        return cls(layer=layer, features=features, targets=targets, loss=loss, curvature=curvature)

    @cached_property
    def slopes(self) -> Tensor:
        """Derivatives (n, K) of each training row's loss by what the layer gives."""
        return self.loss.slope(self.curvature.outputs, self.targets) * self.layer.scale

    def losses_of(self, features: Tensor, targets: Tensor) -> Tensor:
        """The loss on m rows, (m,), without smoothing."""
        return self.loss.plain(self.layer.outputs(features), targets)

    def gradients(self, features: Tensor, targets: Tensor) -> Tensor:
        """Gradients (m, K, D) of these losses by the layer's weights: slope times features."""
        slopes = self._slopes(features, targets)
        return slopes[:, :, None] * features[:, None, :]

    def on_loss(self, features: Tensor, targets: Tensor, *, removed: bool = False) -> Tensor:
        """What leaving out each training row adds to the loss on m rows, (m, n), to first order.

        removed counts in that the row's own curvature goes with it, which is exact in least
        squares, where the plain influence is short by 1 - h, h being the row's leverage.
        """
        _require(self.layer, features, targets)
        turned = self.curvature.solve(self.gradients(features, targets))  # (m, K, D)
        along = torch.einsum("mkd,nd->mnk", turned, self.features)
        pull = self._removed_slopes if removed else self.slopes
        return torch.einsum("mnk,nk->mn", along, pull)

    def products(self, features: Tensor, targets: Tensor) -> Tensor:
        """Products of the gradients of m rows and of the training rows, (m, n): no curvature.

        TracIn at the epoch that was kept alone, at rate 1.
        """
        return (features @ self.features.T) * (self._slopes(features, targets) @ self.slopes.T)

    def on_weights(self, rows: Tensor, *, removed: bool = False) -> Tensor:
        """How leaving out each of these training rows (r,) moves the weights, (r, K, D)."""
        pull = self._removed_slopes if removed else self.slopes
        return self.curvature.solve(pull[rows][:, :, None] * self.features[rows][:, None, :])

    def solve_without(self, rows: Tensor, vectors: Tensor) -> Tensor:
        """Vectors (r, K, D) divided by H less the curvature of one training row each, (r,).

        (H - X B X')^-1 v = u + H^-1 X (1 - B M)^-1 B X' u, with u = H^-1 v and M = X' H^-1 X, for
        X the features of the row (Woodbury).
        """
        own, plain = self.features[rows], self.curvature.solve(vectors)
        seen = torch.einsum("rkd,rd->rk", plain, own)
        bent = self._bent_at(rows, seen[:, :, None])
        left = torch.linalg.solve(self._kept(rows), bent)  # (r, K, 1)
        return plain + self.curvature.solve(left * own[:, None, :])

    @cached_property
    def on_itself(self) -> Tensor:
        """What leaving out a training row adds to its own loss, (n,): how much it is by rote."""
        return torch.einsum("nk,nkl,nl->n", self.slopes, self.leverages, self.slopes)

    @cached_property
    def losses(self) -> Tensor:
        """The loss on each training row, (n,), without smoothing."""
        return self.losses_of(self.features, self.targets)

    @cached_property
    def leverages(self) -> Tensor:
        """x' H^-1 x of each training row between all pairs of outputs, (n, K, K)."""
        if not self.curvature.written:
            k, d = self.curvature.shape
            raise NotApplicable(
                f"a last layer of {k} x {d} weights is too wide for what each row does to itself"
            )
        return self.curvature.leverages(self.features)

    @cached_property
    def _removed_slopes(self) -> Tensor:
        """Slopes r (n, K) for which H^-1 (r x) is the step without the row's own curvature.

        (H - X B X')^-1 X s = H^-1 X (1 - B M)^-1 s, as in `solve_without`.
        """
        rows = torch.arange(len(self.features))
        found: Tensor = torch.linalg.solve(self._kept(rows), self.slopes[:, :, None])
        return found[:, :, 0]

    def _kept(self, rows: Tensor) -> Tensor:
        """1 - B M of each row, (r, K, K): what of a row's pull the other rows hold back."""
        leverages = self.leverages[rows]
        one = torch.eye(leverages.shape[1], dtype=leverages.dtype)
        return one - self._bent_at(rows, leverages)

    def _bent_at(self, rows: Tensor, moves: Tensor) -> Tensor:
        return self.loss.bent(self.curvature.outputs[rows], moves) * self.layer.scale**2

    def _slopes(self, features: Tensor, targets: Tensor) -> Tensor:
        return self.loss.plain.slope(self.layer.outputs(features), targets) * self.layer.scale


def _require(layer: LastLayer, features: Tensor, targets: Tensor) -> None:
    wide = layer.weights.shape[1]
    if features.ndim != 2 or features.shape[1] != wide or features.dtype != torch.float64:
        raise UsageError(
            f"features are {tuple(features.shape)} {features.dtype}: give (rows, {wide}) float64, "
            "as features_of makes them"
        )
    if len(features) == 0 or len(features) != len(targets):
        raise DataError(
            f"{len(features)} rows of features and {len(targets)} targets: give a "
            "target for each row, and one row at least"
        )
    if not bool(torch.isfinite(features).all()):
        raise DataError("the last layer reads NaN or infinity: check the network and its inputs")
