"""A probe fitted on rows and asked of others: for instruments that split rows in their own way."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from torch import Tensor

from auditkit.probing.probes.activations import numbers_of_rows
from auditkit.probing.probes.closed import Chosen, Parts, choose, columns_of
from auditkit.probing.probes.folds import folds_of
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.linear import Coefficients
from auditkit.runtime import Runtime

Floats = NDArray[np.float64]
Reader = Literal["ridge", "logistic", "mlp"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A linear probe: log odds, or a number, are activations @ weights + constant.

    directions (K, d) are the weights of each class, of numbers (1, d), in the units of the
    activations: what a class's log odds gain for each unit of an activation. penalty is a row's,
    of columns with variance 1; fitted on n rows it is n times that.
    """

    labels: Labels
    reader: Reader
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
    reader: Reader = "ridge",
    penalty: float | None = None,
    runtime: Runtime | None = None,
) -> Fitted:
    """A probe fitted on all of these rows, its penalty chosen among them by cross-validation.

    Classes of the levels that have no row stay possible. Raises DataError for activations or
    labels that tell nothing, and where a class has fewer than three rows (or persons).
    """
    x = numbers_of_rows(activations, labels)
    part = folds_of(labels, (runtime or Runtime()).rng(f"fit {labels.name}"))
    parts = Parts.of(x, columns_of([labels]), part)
    nothing: frozenset[int] = frozenset()
    (chosen,) = choose(parts, [labels], part, nothing)
    used = chosen.penalty if penalty is None else penalty
    found = parts.unscaled(parts.ridges(nothing, [used])[0])
    return fitted_of(labels, reader, found, Chosen(penalty=used, odds=chosen.odds))


def fitted_of(labels: Labels, reader: Reader, found: Coefficients, chosen: Chosen) -> Fitted:
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
