"""The curvature of a convex last layer's loss over its training rows, and equations in it.

H = sum over rows of (x x') (x) B  +  n * damping * I, with B (K, K) the bend of a row's loss by
its outputs: exact for squared, logistic and softmax loss, since the outputs are linear in the
weights. Solved by a Cholesky factor where that fits, else by conjugate gradients.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from auditkit.attribution.training_rows.losses import RowLoss
from auditkit.errors import ModelError, UsageError

# Of .001 to 100 what best foretold trainings of a whole network without half of its rows
# (docs/methods-training-rows.md): less follows single rows too far, more forgets the curvature.
DAMPING = 0.1
EXACT = 3000  # weights up to which H is written down: 72 MB, and as much for its factor
TOLERANCE = 1e-10  # of the right side's norm, at which conjugate gradients stop
MOST_STEPS = 2000
BLOCK = 2**22  # numbers in an intermediate tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Curvature:
    """H for features (n, D), and outputs (n, K) at which it is taken; scale is the layer's.

    damping is a share of the mean diagonal of H, so that it means the same for any features.
    Vectors are weights (K, D), or several of them (c, K, D).
    """

    features: Tensor
    outputs: Tensor
    loss: RowLoss
    scale: float = 1.0
    damping: float = DAMPING
    exact: int = EXACT

    def __post_init__(self) -> None:
        if not (math.isfinite(self.damping) and self.damping >= 0):
            raise UsageError(f"damping is {self.damping}: give a share of 0 or more")

    @property
    def shape(self) -> tuple[int, int]:
        """(K, D)."""
        return self.outputs.shape[1], self.features.shape[1]

    @property
    def written(self) -> bool:
        """Whether H is small enough to be written down."""
        return math.prod(self.shape) <= self.exact

    @cached_property
    def ridge(self) -> float:
        """What damping adds to each number of H's diagonal."""
        return self.damping * self.size

    @property
    def size(self) -> float:
        """The mean of H's diagonal without damping."""
        return float(self._diagonal.mean())

    def times(self, vectors: Tensor) -> Tensor:
        """H times vectors (c, K, D)."""
        found = torch.empty_like(vectors)
        step = max(1, BLOCK // max(self.outputs.numel(), 1))
        for start in range(0, len(vectors), step):
            part = vectors[start : start + step]
            moves = torch.einsum("nd,ckd->nkc", self.features, part)
            bent = self.loss.bent(self.outputs, moves) * self.scale**2
            found[start : start + step] = torch.einsum("nkc,nd->ckd", bent, self.features)
        return found + self.ridge * vectors

    def solve(self, vectors: Tensor) -> Tensor:
        """H^-1 times vectors (c, K, D). Raises ModelError where H has no inverse."""
        if not self.written:
            return conjugate_gradients(self.times, vectors)
        flat = vectors.reshape(len(vectors), -1).T
        found: Tensor = torch.cholesky_solve(flat, self._factor)
        turned: Tensor = found.T.reshape(vectors.shape)
        return turned

    def leverages(self, features: Tensor) -> Tensor:
        """x' H^-1 x between all pairs of outputs, (m, K, K), for features (m, D).

        Asked only where H is written down.
        """
        k, d = self.shape
        inverse = self._inverse.view(k, d, k, d)
        found = torch.empty(len(features), k, k, dtype=torch.float64)
        for i in range(k):
            for j in range(i, k):
                found[:, i, j] = ((features @ inverse[i, :, j]) * features).sum(dim=1)
                found[:, j, i] = found[:, i, j]
        return found

    @cached_property
    def _diagonal(self) -> Tensor:
        """The diagonal of H without damping, (K, D)."""
        k = self.shape[0]
        rows = []
        for i in range(k):
            unit = torch.zeros(len(self.outputs), k, 1, dtype=torch.float64)
            unit[:, i] = 1
            bend = self.loss.bent(self.outputs, unit)[:, i, 0] * self.scale**2  # (n,)
            rows.append(bend @ self.features.square())
        return torch.stack(rows)

    @cached_property
    def _factor(self) -> Tensor:
        factor, fault = torch.linalg.cholesky_ex(self._matrix)
        if int(fault):
            raise ModelError(
                "the last layer's curvature has no inverse (features that repeat each other, or "
                "more of them than rows): give a damping above 0"
            )
        made: Tensor = factor
        return made

    @cached_property
    def _inverse(self) -> Tensor:
        found: Tensor = torch.cholesky_inverse(self._factor)
        return found

    @property
    def _matrix(self) -> Tensor:
        """H, (K D, K D)."""
        k, d = self.shape
        found = torch.empty(k, d, k, d, dtype=torch.float64)
        for i in range(k):
            unit = torch.zeros(len(self.outputs), k, 1, dtype=torch.float64)
            unit[:, i] = 1
            bends = self.loss.bent(self.outputs, unit)[:, :, 0] * self.scale**2  # (n, K)
            for j in range(i, k):
                block = (self.features * bends[:, j : j + 1]).T @ self.features
                found[i, :, j] = block
                found[j, :, i] = block.T
        whole = found.view(k * d, k * d)
        whole.diagonal().add_(self.ridge)
        return whole


def conjugate_gradients(
    times: Callable[[Tensor], Tensor],
    vectors: Tensor,
    *,
    tolerance: float = TOLERANCE,
    steps: int = MOST_STEPS,
    helped: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Solutions x (c, ...) of times(x) = vectors for a symmetric positive map, each by itself.

    helped divides vectors by a map that is near to it, which saves steps.
    Each stops where its residual is below tolerance times its right side, or after `steps`.
    Raises ModelError where the map is found not to be positive, or does not get there.

    Hestenes & Stiefel 1952, "Methods of Conjugate Gradients for Solving Linear Systems".
    """
    found = torch.zeros_like(vectors)
    residual = vectors.clone()
    near = residual if helped is None else helped(residual)
    direction = near.clone()
    size = _inner(residual, near)
    wanted = tolerance**2 * _squares(residual)
    for _ in range(steps):
        going = _squares(residual) > wanted
        if not bool(going.any()):
            return found
        turned = times(direction)
        bend = _inner(direction, turned)
        if bool((bend[going] <= 0).any()):
            raise ModelError(
                "the curvature is not positive here: give more damping, or the Gauss-Newton form"
            )
        step = torch.where(going, size / bend.clamp(min=1e-300), 0.0)
        found += _wide(step, vectors) * direction
        residual -= _wide(step, vectors) * turned
        near = residual if helped is None else helped(residual)
        before, size = size, torch.where(going, _inner(residual, near), size)
        direction = near + _wide(size / before.clamp(min=1e-300), vectors) * direction
    raise ModelError(
        f"{steps} steps of conjugate gradients did not solve for the influence: give more damping"
    )


def _inner(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).flatten(1).sum(dim=1)


def _squares(one: Tensor) -> Tensor:
    return _inner(one, one)


def _wide(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.ndim - 1))
