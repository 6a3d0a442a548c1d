"""Logistic readers over parts of rows: the penalty is chosen on a part that no fit has seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from auditkit.errors import UsageError
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.linear import PENALTIES, Coefficients
from auditkit.probing.probes.logistic import logistics

Floats = NDArray[np.float64]

BEND = 0.25  # of the loss, of two classes alike: a ridge's penalties bear on a bend of 1
ROUGH = 1e-5  # how flat a loss must be while penalties are compared
WORSE = 2  # penalties in a row that do worse, after which smaller ones are not tried


@dataclass(frozen=True, kw_only=True, eq=False)
class Regression:
    """Log odds of the classes, and the penalty a row that validation rows chose."""

    log_odds: Coefficients
    penalty: float


def regression(x: Floats, labels: Labels, fitted: np.ndarray, validation: np.ndarray) -> Regression:
    """Fitted on some rows of x (n, d) for each penalty, chosen on others, then fitted on both.

    fitted and validation (n,) are masks. Raises UsageError for numbers.
    """
    penalty = chosen_penalty(x, labels, fitted, validation)
    return at_penalty(x, labels, fitted | validation, penalty)


def at_penalty(x: Floats, labels: Labels, rows: np.ndarray, penalty: float) -> Regression:
    """Fitted on some rows (n,) with this penalty a row."""
    require_to_be_classes(labels)
    target = np.eye(len(labels.levels))[labels.values[rows]]
    (found,) = logistics(x[rows], target, [penalty * len(target)])
    return Regression(log_odds=found, penalty=penalty)


def chosen_penalty(x: Floats, labels: Labels, fitted: np.ndarray, validation: np.ndarray) -> float:
    """The penalty a row with the least log loss on validation rows, from large to small."""
    require_to_be_classes(labels)
    target = np.eye(len(labels.levels))[labels.values[fitted]]
    tried = [one * BEND for one in sorted(PENALTIES, reverse=True)]
    path = logistics(x[fitted], target, [one * len(target) for one in tried], flat=ROUGH)
    best, least, worse = tried[0], np.inf, 0
    rows, truth = x[validation], labels.values[validation]
    for penalty, found in zip(tried, path, strict=False):
        loss = -float(log_softmax(found.said(rows), axis=1)[np.arange(len(truth)), truth].mean())
        worse = 0 if loss < least else worse + 1
        if loss < least:
            best, least = penalty, loss
        if worse == WORSE:
            break
    return best


def read_by_regression(
    x: Floats, labels: Labels, part: np.ndarray
) -> tuple[Floats, tuple[float, ...]]:
    """What was said of each row by a fit without its part, (n, K), and each part's penalty."""
    said = np.empty((len(x), len(labels.levels)))
    parts = int(part.max()) + 1
    penalties = []
    for held in range(parts):
        validation = part == (held + 1) % parts
        found = regression(x, labels, (part != held) & ~validation, validation)
        said[part == held] = softmax(found.log_odds.said(x[part == held]), axis=1)
        penalties.append(found.penalty)
    return said, tuple(penalties)


def require_to_be_classes(labels: Labels) -> None:
    """Raise UsageError for numbers."""
    if not labels.classes:
        raise UsageError(
            f"a logistic reader tells classes apart and {labels.name} are numbers: "
            "give reader='ridge' or 'mlp'"
        )
