"""Iterative nullspace projection: read, take out the reader's weights, and read again.

Ravfogel et al. 2020, "Null It Out: Guarding Protected Attributes by Iterative Nullspace
Projection". Older than LEACE; it takes out more directions than it must.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from auditkit.errors import DataError
from auditkit.probing.erasure.eraser import Eraser
from auditkit.probing.erasure.leace import SMALLEST

NEAR = 0.01  # beyond the majority rate, at which nothing more is read


def nullspace_eraser(x: Tensor, z: ArrayLike, *, rounds: int = 20, near: float = NEAR) -> Eraser:
    """The projection on what no logistic reader of `rounds` in a row has looked at.

    x is (n, d), z (n,) classes. Ends when a reader's accuracy on these rows is within `near` of
    the majority rate; the rank of the eraser says after how many directions. Raises DataError for
    one class only, or labels that are not one a row.
    """
    given_labels = np.asarray(z)
    if given_labels.ndim != 1:
        raise DataError(
            f"labels of shape {given_labels.shape}: give one class a row, such as labels.values"
        )
    labels = np.unique(given_labels, return_inverse=True)[1]
    if x.ndim != 2 or len(labels) != len(x):
        raise DataError(f"{len(labels)} labels for activations {tuple(x.shape)}: give (n, d)")
    counts = np.bincount(labels)
    if len(counts) < 2:
        raise DataError("every row has the same label: there is nothing to read and to erase")
    given = x.detach().double().cpu().numpy()
    mean = given.mean(axis=0)
    scale = max(float((given - mean).std()), 1e-300)
    found = np.zeros((given.shape[1], 0))
    for _ in range(min(rounds, given.shape[1])):
        rest = (given - mean) / scale
        rest = rest - (rest @ found) @ found.T
        reader = LogisticRegression(max_iter=1000).fit(rest, labels)
        if reader.score(rest, labels) <= counts.max() / len(labels) + near:
            break
        found = _joined(found, reader.coef_.T)
    directions = torch.from_numpy(found)
    return Eraser(center=torch.from_numpy(mean), move=directions, read=directions.T, method="INLP")


def _joined(found: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """An orthonormal basis of both."""
    left, sizes, _ = np.linalg.svd(weights - found @ (found.T @ weights), full_matrices=False)
    return np.hstack([found, left[:, sizes > max(SMALLEST, 1e-6 * sizes[0])]])
