"""Many questions asked at once: p-values adjusted so that chance is not taken for an answer."""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import UsageError

Floats = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """Holm's adjusted p-values: reject those of at most .05, and any false rejection has 5 %.

    p_values is (m,), in any order; NaN is a question that was not asked and stays NaN. Holds
    however the questions depend on each other. Raises UsageError for a p outside [0, 1].

    Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    p, asked = _asked(p_values)
    order = np.argsort(p[asked], kind="stable")
    size = len(order)
    stepped = np.maximum.accumulate(p[asked][order] * np.arange(size, 0, -1))
    return _placed(p, asked, order, stepped)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Benjamini-Hochberg's: reject those of at most .05, and 5 % of the rejections are false.

    On average, for independent or positively dependent questions; NaN stays NaN. Raises
    UsageError for a p outside [0, 1].

    Benjamini & Hochberg 1995, "Controlling the False Discovery Rate".
    """
    p, asked = _asked(p_values)
    order = np.argsort(p[asked], kind="stable")
    size = len(order)
    scaled = p[asked][order] * size / np.arange(1, size + 1)
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _placed(p, asked, order, stepped)


def _asked(p_values: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    p = np.atleast_1d(np.asarray(p_values, float))
    asked = ~np.isnan(p)
    wrong = p[asked & ((p < 0) | (p > 1))]
    if len(wrong):
        raise UsageError(f"a p-value is {wrong[0]:g}; it is a probability between 0 and 1")
    return p, cast(NDArray[np.bool_], asked)


def _placed(
    p: Floats, asked: NDArray[np.bool_], order: NDArray[np.intp], stepped: Floats
) -> Floats:
    """The adjusted values in the order of p, at most 1."""
    adjusted = np.full(len(p), np.nan)
    adjusted[np.flatnonzero(asked)[order]] = np.minimum(stepped, 1.0)
    return adjusted
