"""Activations as a probe takes them, and what is wrong with them where it cannot."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from auditkit.errors import DataError
from auditkit.probing.pooling import require_finite
from auditkit.probing.probes.labels import Labels

Floats = NDArray[np.float64]


def numbers_of_rows(activations: Tensor | ArrayLike, *labels: Labels) -> Floats:
    """Activations as float32 or float64 (n, d), fit for a probe of these labels.

    Raises DataError for other shapes, another number of rows than labels, NaN and infinity,
    fewer rows than classes, and one class only.
    """
    if isinstance(activations, Tensor):
        activations = activations.detach().cpu().numpy()
    x = np.asarray(activations)
    if x.ndim != 2:
        raise DataError(
            f"activations have shape {x.shape}: give one vector a row, (n, d); "
            "auditkit.probing.vectors pools steps and maps"
        )
    for one in labels:
        if len(x) != len(one):
            raise DataError(
                f"{len(x)} rows of activations for {len(one)} labels of {one.name}: give as many"
            )
        require_classes(one)
    require_finite(x)
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float64)


def require_classes(labels: Labels) -> None:
    """Raise DataError for fewer rows than classes, and for one class only."""
    if len(labels) < max(len(labels.levels), 2):
        raise DataError(
            f"{len(labels)} rows for {len(labels.levels)} classes of {labels.name}: "
            "a probe needs more rows than classes"
        )
    if labels.values.min() == labels.values.max():
        only = labels.levels[labels.values[0]] if labels.classes else labels.values[0]
        raise DataError(
            f"every row of {labels.name} is {only!r}: a probe has nothing to tell apart"
        )


def require_split(part: np.ndarray, n: int) -> None:
    """Raise DataError unless parts (n,) are numbered from 0, none is empty and there are three."""
    if len(part) != n:
        raise DataError(f"split has {len(part)} values for {n} rows: give the part of each row")
    counts = np.bincount(part) if part.min() >= 0 else np.zeros(1)
    if len(counts) < 3 or not counts.all():
        raise DataError(
            f"split holds parts {sorted(set(part.tolist()))[:8]}: number them from 0 on without a "
            "gap, three or more (one to fit, one to choose and one to score on)"
        )
