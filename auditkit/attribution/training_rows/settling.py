"""Where a convex last layer settles when some of what pulls at it is changed.

    J(W) = sum_j [ l_j(W) - g_j W ] + ridge/2 |W - W0|^2 + pull W - l_i(W)

g_j are the rows' gradients at W0, where the network stands, so that W0 is the minimum until
something changes: a pull is added, or row i is taken out. Several such problems are solved at
once, each (K, D), by Newton's method with conjugate gradients inside, helped by H at W0.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from auditkit.attribution.training_rows.curvature import conjugate_gradients
from auditkit.attribution.training_rows.influence import Influence
from auditkit.errors import ModelError

STEPS = 60
SETTLED = 1e-9  # of the first gradient: what is left of it at the end
INNER = 0.01  # of a gradient: what a step leaves of it, were the loss a parabola
OVERSHOT = 0.5  # of the first slope: how far uphill a step may end
HALVINGS = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """r problems: a pull (r, K, D), and the row (r,) that each leaves out, or none."""

    influence: Influence
    pull: Tensor
    taken: Tensor | None = None

    def at(self, which: Tensor) -> "Problem":
        """Some of the problems."""
        taken = None if self.taken is None else self.taken[which]
        return replace(self, pull=self.pull[which], taken=taken)

    def gradient(self, weights: Tensor) -> Tensor:
        """Of J at weights (r, K, D)."""
        all_of, features = self.influence, self.influence.features
        slopes = self._slopes(weights)  # (n, r, K)
        found = torch.einsum("nrk,nd->rkd", slopes - all_of.slopes[:, None], features)
        found += self.pull + all_of.curvature.ridge * (weights - all_of.layer.weights)
        if self.taken is not None:
            own = slopes[self.taken, torch.arange(len(weights))]  # (r, K)
            found -= own[:, :, None] * features[self.taken][:, None, :]
        return found

    def times(self, weights: Tensor, vectors: Tensor) -> Tensor:
        """J's second derivative at weights, times vectors, each (r, K, D)."""
        all_of, features = self.influence, self.influence.features
        outputs, count = self._outputs(weights), len(weights)
        moves = torch.einsum("nd,rkd->nrk", features, vectors).flatten(0, 1)
        bent = all_of.loss.bent(outputs.flatten(0, 1), moves[:, :, None])[:, :, 0]
        bent = bent.view(outputs.shape) * all_of.layer.scale**2
        found = torch.einsum("nrk,nd->rkd", bent, features) + all_of.curvature.ridge * vectors
        if self.taken is not None:
            own = bent[self.taken, torch.arange(count)]
            found -= own[:, :, None] * features[self.taken][:, None, :]
        return found

    def helped(self, vectors: Tensor) -> Tensor:
        """Vectors divided by the second derivative at the beginning."""
        if self.taken is None:
            return self.influence.curvature.solve(vectors)
        return self.influence.solve_without(self.taken, vectors)

    def _outputs(self, weights: Tensor) -> Tensor:
        layer = self.influence.layer
        seen = torch.einsum("nd,rkd->nrk", self.influence.features, weights)
        return layer.scale * seen + layer.shift

    def _slopes(self, weights: Tensor) -> Tensor:
        outputs, all_of = self._outputs(weights), self.influence
        targets = all_of.targets.repeat_interleave(len(weights))
        found = all_of.loss.slope(outputs.flatten(0, 1), targets)
        return found.view(outputs.shape) * all_of.layer.scale


def settled(problem: Problem) -> Tensor:
    """The weights (r, K, D) at which each J is least. Raises ModelError where one is not found."""
    weights = problem.influence.layer.weights.expand_as(problem.pull).clone()
    gradient = problem.gradient(weights)
    least = SETTLED * _lengths(gradient) + _rounding(problem.influence)
    going = torch.arange(len(weights))
    for _ in range(STEPS):
        open_still = _lengths(gradient) > least[going]
        going, gradient = going[open_still], gradient[open_still]
        if not len(going):
            return weights
        here = problem.at(going)
        moved, gradient = _step(here, weights[going], gradient)
        weights[going] = moved
    raise ModelError(f"the last layer did not settle within {STEPS} steps: give more damping")


def _step(problem: Problem, weights: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """A Newton step of each problem, halved while it ends far uphill; and the gradient there."""
    step = conjugate_gradients(
        lambda vectors: problem.times(weights, vectors),
        gradient,
        tolerance=INNER,
        helped=problem.helped if problem.influence.curvature.written else None,
    )
    first = (gradient * step).flatten(1).sum(dim=1)
    length = torch.ones(len(weights), dtype=torch.float64)
    for _ in range(HALVINGS):
        moved = weights - length[:, None, None] * step
        there = problem.gradient(moved)
        over = (there * step).flatten(1).sum(dim=1) < -OVERSHOT * first
        if not bool(over.any()):
            break
        length = torch.where(over, length / 2, length)
    return moved, there


def _lengths(vectors: Tensor) -> Tensor:
    found: Tensor = torch.linalg.vector_norm(vectors.flatten(1), dim=1)
    return found


def _rounding(influence: Influence) -> float:
    """What of a sum of all rows' gradients may be left by rounding alone."""
    lengths = influence.slopes.norm(dim=1) * influence.features.norm(dim=1)
    return 1e-14 * float(lengths.sum())
