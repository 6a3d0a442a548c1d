"""From a linear reader's scores to honest probabilities, on rows it was not fitted on.

A ridge on columns of 0 and 1 ranks classes well and knows no probability. What it says of rows it
has not seen is scaled: log odds are one slope times the scores, each as a share of its class's
frequency (to first order those of a discriminant analysis), plus a constant of each class. Of more
than two classes all scores may then speak for each, as far as a penalty lets them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from auditkit.probing.probes.linear import Coefficients
from auditkit.probing.probes.logistic import minimised

Floats = NDArray[np.float64]

STEPS = 50
FLAT = 1e-8  # the largest slope of the mean loss that counts as none
WARY = 30.0  # penalty on what scores say for other classes: less did harm to 30 classes


@dataclass(frozen=True, kw_only=True, eq=False)
class Odds:
    """Log odds are scores (n, K) @ slopes (K, K) + constant (K,)."""

    slopes: Floats
    constant: Floats

    def of(self, scores: Floats) -> Floats:
        """Probabilities (n, K), each row adding up to 1."""
        return np.asarray(softmax(scores @ self.slopes + self.constant, axis=1))


def odds(scores: Floats, classes: np.ndarray) -> Odds:
    """The odds under which these classes (n,) are likeliest, scores (n, K) given.

    Targets are drawn in by one row of each class, so that scores that separate the classes give
    no certainty, and a class without rows stays possible (Platt 1999).
    """
    n, width = scores.shape
    counts = np.bincount(classes, minlength=width)
    share = (counts + 1) / (n + width)
    target = np.full((n, width), 1.0)
    target[np.arange(n), classes] += n
    target /= n + width
    scaled = scores / share
    slope, constant = 1.0, np.log(share)
    for _ in range(STEPS):
        step, flat = _newton(scaled, target, slope, constant)
        if flat:
            break
        slope, constant = _shorter(scaled, target, slope, constant, step)
    if slope <= 0:  # scores that mislead on rows of their own say nothing: frequencies alone do
        return Odds(slopes=np.zeros((width, width)), constant=np.log(target.mean(axis=0)))
    found = Odds(slopes=np.diag(slope / share), constant=constant)
    return found if width == 2 else _crossed(scores, target, found)


def _crossed(scores: Floats, target: Floats, given: Odds) -> Odds:
    """The odds with what each score says for the other classes."""
    spread = scores.std(axis=0)
    inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    centre = scores.mean(axis=0)
    more = minimised(
        (scores - centre) * inverse,
        target,
        WARY,
        offset=scores @ given.slopes + given.constant,
        start=Coefficients(weights=np.zeros_like(given.slopes), constant=np.zeros(len(centre))),
        flat=1e-4,
    )
    slopes = inverse[:, None] * more.weights
    return Odds(
        slopes=given.slopes + slopes,
        constant=given.constant + more.constant - centre @ slopes,
    )


def _newton(scaled: Floats, target: Floats, slope: float, constant: Floats) -> tuple[Floats, bool]:
    """The step (1 + K,) of slope and constants, and whether there is none left to go."""
    n, width = scaled.shape
    said = softmax(slope * scaled + constant, axis=1)
    off = said - target
    gradient = np.concatenate([[np.einsum("nk,nk->", off, scaled)], off.sum(axis=0)]) / n
    middle = scaled - np.einsum("nk,nk->n", said, scaled)[:, None]
    curve = np.empty((width + 1, width + 1))
    curve[0, 0] = np.einsum("nk,nk,nk->", said, middle, middle) / n
    curve[0, 1:] = curve[1:, 0] = (said * middle).sum(axis=0) / n
    curve[1:, 1:] = (np.diag(said.sum(axis=0)) - said.T @ said) / n
    # All constants may move together: this much keeps them where they are.
    curve[np.diag_indices_from(curve)] += 1e-10
    return np.linalg.solve(curve, -gradient), bool(np.abs(gradient).max() < FLAT)


def _shorter(
    scaled: Floats, target: Floats, slope: float, constant: Floats, step: Floats
) -> tuple[float, Floats]:
    """The step, halved until the loss falls."""
    before = _loss(scaled, target, slope, constant)
    for _ in range(20):
        after = slope + float(step[0]), constant + step[1:]
        if _loss(scaled, target, *after) <= before:
            return after
        step = step / 2
    return slope, constant


def _loss(scaled: Floats, target: Floats, slope: float, constant: Floats) -> float:
    return float(-(target * log_softmax(slope * scaled + constant, axis=1)).sum())
