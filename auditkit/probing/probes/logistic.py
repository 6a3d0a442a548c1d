"""Logistic regression of two classes or more, to convergence.

The loss of ill-conditioned activations is a narrow valley, down which plain L-BFGS creeps: on a
power-law spectrum scikit-learn's default stops at 100 steps, far from the bottom. In coordinates
in which the closed form's matrix is the identity the valley is nearly round, and 10 to 70 steps
reach it, each two passes over the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, solve_triangular
from scipy.optimize import minimize
from scipy.special import logsumexp

from auditkit.probing.probes.linear import JITTER, Coefficients, scale_of

Floats = NDArray[np.float64]

FLAT = 1e-7  # the largest slope of the mean loss, in round coordinates, that counts as none
STEPS = 2000
MEMORY = 20  # steps that L-BFGS remembers


def logistics(
    x: Floats, target: Floats, penalties: Sequence[float], *, flat: float = FLAT
) -> Iterator[Coefficients]:
    """Log odds of target (n, K), probabilities, for each penalty, each from the last one's end.

    Minimises the sum of -target log(said) + penalty / 2 |w|^2 over columns of x (n, d) with mean
    0 and variance 1, the constants being free: scikit-learn's LogisticRegression with C = 1 /
    penalty behind its StandardScaler, to the bottom. Weights (d, K) add up to 0 over classes.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    variance = np.einsum("nd,nd->d", centred, centred) / len(x)
    scale = scale_of(variance, variance + mean**2)
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    rows, back = _short(centred * inverse)
    start = None
    for penalty in penalties:
        start = minimised(rows, target, penalty, start=start, flat=flat)
        weights = inverse[:, None] * (start.weights if back is None else back @ start.weights)
        yield Coefficients(weights=weights, constant=start.constant - mean @ weights)


def _short(scaled: Floats) -> tuple[Floats, Floats | None]:
    """Rows (n, d) in as many columns as there are rows, and the way back (d, n), where n < d.

    No weight that is penalised leaves the span of the rows.
    """
    n, width = scaled.shape
    if n >= width:
        return scaled, None
    square, axes = eigh(scaled @ scaled.T, check_finite=False)
    kept = square > n * np.finfo(float).eps * max(square[-1], 1)
    axes, size = axes[:, kept], np.sqrt(square[kept])
    return axes * size, (scaled.T @ axes) / size


def minimised(
    x: Floats,
    target: Floats,
    penalty: float,
    *,
    start: Coefficients | None = None,
    offset: Floats | None = None,
    flat: float = FLAT,
) -> Coefficients:
    """The bottom of the loss of `logistics`, of columns x (n, d) as they are.

    offset (n, K) are log odds that are given before.
    """
    loss = Loss.of(x, target, penalty, offset)
    found = minimize(
        loss,
        loss.rounded(start).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS, "maxfun": 2 * STEPS, "gtol": flat, "ftol": 0, "maxcor": MEMORY},
    )
    return loss.plain(found.x)


@dataclass(frozen=True, kw_only=True, eq=False)
class Loss:
    """The mean penalised loss and its slope, in coordinates in which it is nearly round.

    lower (d, d) is the factor of the mean bend that all rows alike would give it.
    """

    x: Floats
    target: Floats
    penalty: float
    offset: Floats
    lower: Floats

    @staticmethod
    def of(x: Floats, target: Floats, penalty: float, offset: Floats | None) -> "Loss":
        """penalty is of the sum, x (n, d) about centred."""
        n, width = x.shape
        # Two columns of weights, w and -w, share what scikit-learn's one column of 2w bears.
        each = penalty / n * (2 if target.shape[1] == 2 else 1)
        share = target.mean(axis=0)
        bend = float((share * (1 - share)).sum() / (target.shape[1] - 1))
        matrix = max(bend, 1e-6) / n * (x.T @ x)
        matrix[np.diag_indices(width)] += max(each, JITTER)
        return Loss(
            x=x,
            target=target,
            penalty=each,
            offset=np.zeros(target.shape) if offset is None else offset,
            lower=cholesky(matrix, lower=True, overwrite_a=True, check_finite=False),
        )

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        """The loss, and its slope as one row of numbers."""
        here = self.plain(flat)
        log_odds = here.said(self.x) + self.offset
        level = logsumexp(log_odds, axis=1)
        n = len(self.x)
        loss = (level.sum() - np.einsum("nk,nk->", self.target, log_odds)) / n
        loss += self.penalty / 2 * np.square(here.weights).sum()
        off = (np.exp(log_odds - level[:, None]) - self.target) / n
        slope = solve_triangular(
            self.lower,
            self.x.T @ off + self.penalty * here.weights,
            lower=True,
            check_finite=False,
        )
        return float(loss), np.concatenate([slope.ravel(), off.sum(axis=0)])

    def plain(self, flat: Floats) -> Coefficients:
        """Round coordinates as weights and constants."""
        width = self.target.shape[1]
        round_ = flat[:-width].reshape(-1, width)
        weights = solve_triangular(self.lower, round_, lower=True, trans=1, check_finite=False)
        return Coefficients(weights=weights, constant=flat[-width:])

    def rounded(self, start: Coefficients | None) -> Floats:
        """Weights and constants as round coordinates; without any the frequencies of all rows."""
        if start is None:
            weights = np.zeros((self.x.shape[1], self.target.shape[1]))
            constant = np.log(np.maximum(self.target.mean(axis=0), 1e-6))
        else:
            weights, constant = self.lower.T @ start.weights, start.constant
        return np.concatenate([weights.ravel(), constant])
