"""A probe fitted on rows and asked of others: for instruments that split rows in their own way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from torch import Tensor

from auditkit.probing.probes.activations import numbers_of_rows
from auditkit.probing.probes.closed import Chosen, Parts, choose, columns_of, places_of
from auditkit.probing.probes.converged import at_penalty, regression
from auditkit.probing.probes.folds import loose_folds
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.linear import PENALTIES, Coefficients
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime

Floats = NDArray[np.float64]
Reader = Literal["ridge", "logistic", "mlp"]
Linear = Literal["ridge", "logistic"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A linear probe: log odds, or a number, are activations @ weights + constant.

    directions (K, d) are the weights of each class, of numbers (1, d), in the units of the
    activations: what a class's log odds gain for each unit of an activation. penalty is a row's,
    of columns with variance 1; fitted on n rows it is n times that.
    """

    __repr__ = in_short

    labels: Labels
    reader: Linear
    directions: Floats
    constant: Floats
    penalty: float

    def log_odds(self, activations: Tensor | ArrayLike) -> Floats:
        """(n, K) up to what is the same for all classes; of numbers (n, 1) the number."""
        x = np.asarray(activations, dtype=np.float64)
        return np.asarray(x @ self.directions.T + self.constant)

    def said(self, activations: Tensor | ArrayLike) -> Floats:
        """Probabilities of the classes (n, K), or numbers (n,), of rows of activations (n, d)."""
        found = self.log_odds(activations)
        return np.asarray(softmax(found, axis=1)) if self.labels.classes else found[:, 0]


def fit(
    activations: Tensor | ArrayLike,
    labels: Labels,
    *,
    reader: Linear = "ridge",
    penalty: float | None = None,
    runtime: Runtime | None = None,
) -> Fitted:
    """A linear probe fitted on all of these rows, its penalty chosen among them by parts.

    penalty is a row's. Classes of the levels that have no row stay possible. Raises DataError
    for activations or labels that tell nothing, UsageError for a logistic reader of numbers.
    """
    if reader == "ridge":
        return fit_many(activations, [labels], penalty=penalty, runtime=runtime)[0]
    x = numbers_of_rows(activations, labels)
    part = loose_folds(labels, (runtime or Runtime()).rng(f"fit {labels.name}"))
    if penalty is None:
        found = regression(x, labels, part != 0, part == 0)
    else:
        found = at_penalty(x, labels, part >= 0, penalty)
    return _fitted(labels, reader, found.log_odds, Chosen(penalty=found.penalty, odds=None))


def fit_many(
    activations: Tensor | ArrayLike,
    labels: Sequence[Labels],
    *,
    penalty: float | None = None,
    runtime: Runtime | None = None,
) -> list[Fitted]:
    """Ridge probes of several labels of the same rows at little more than the cost of one."""
    x = numbers_of_rows(activations, *labels)
    part = loose_folds(labels[0], (runtime or Runtime()).rng(f"fit {labels[0].name}"))
    parts = Parts.of(x, columns_of(labels), part)
    nothing: frozenset[int] = frozenset()
    tried = PENALTIES if penalty is None else (penalty,)
    chosen = choose(parts, labels, part, nothing, tried)
    used = sorted({one.penalty for one in chosen})
    fits = dict(zip(used, parts.ridges(nothing, used), strict=True))
    found = []
    for one, place, choice in zip(labels, places_of(labels), chosen, strict=True):
        whole = parts.unscaled(fits[choice.penalty])
        own = Coefficients(weights=whole.weights[:, place], constant=whole.constant[place])
        found.append(_fitted(one, "ridge", own, choice))
    return found


def _fitted(labels: Labels, reader: Linear, found: Coefficients, chosen: Chosen) -> Fitted:
    """Scores and the odds of them as one linear probe."""
    if chosen.odds is None:
        directions, constant = found.weights.T, found.constant
    else:
        slopes = chosen.odds.slopes
        directions = (found.weights @ slopes).T
        constant = found.constant @ slopes + chosen.odds.constant
    return Fitted(
        labels=labels,
        reader=reader,
        directions=directions,
        constant=constant,
        penalty=chosen.penalty,
    )
