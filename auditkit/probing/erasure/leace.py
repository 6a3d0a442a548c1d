"""Least-squares concept erasure in closed form, and a random direction of the same form beside it.

Belrose et al. 2023, "LEACE: Perfect Linear Concept Erasure in Closed Form".
"""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from auditkit.errors import DataError
from auditkit.probing.erasure.eraser import Eraser
from auditkit.probing.erasure.moments import Moments, Places, Whitening

SMALLEST = 1e-10  # of a concept's size: a covariance below it is rounding


def leace_eraser(
    x: Tensor,
    z: ArrayLike,
    *,
    given: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    lengths: Tensor | None = None,
) -> Eraser:
    """The map nearest to doing nothing after which no linear reader reads z from x.

    x is (n, d), steps (n, T, d) or maps (n, C, H, W); z (n,) texts and whole numbers are classes,
    other numbers and (n, k) are taken as they are. With W the whitening of x and P the projection
    on W cov(x, z), the map is x - W^+ P W (x - mean). Its rank is that of cov(x, z): 1 for two
    classes, K - 1 for K, 0 for a z that is the same on every row.

    given (n,) are classes of which z is asked only within: what vanishes is the covariance with
    z - E[z | class], pooled over the classes. A linear answer whose covariance with z within the
    classes is 0 is then left as it is, row by row, however much z and the classes go together.

    Raises DataError for other shapes, NaN and activations that are the same on every row.
    """
    concepts = concepts_of(z)
    if len(concepts) != len(x):
        raise DataError(f"{len(concepts)} labels for {len(x)} rows of activations: give one a row")
    strata = None if given is None else np.unique(np.asarray(given), return_inverse=True)[1]
    moments = Moments(strata=1 if strata is None else int(strata.max()) + 1)
    moments.add(
        x,
        concepts,
        stratum=None if strata is None else torch.from_numpy(strata),
        weights=None if weights is None else torch.as_tensor(np.asarray(weights, float)),
        lengths=lengths,
    )
    return leace_of(moments, given=given is not None)


def leace_of(
    moments: Moments,
    *,
    concepts: Places = slice(None),
    given: bool = False,
    without: int | None = None,
) -> Eraser:
    """The same from sums that were taken batch by batch; one part of the rows can be left out."""
    white = moments.whitening(without)
    # Where nothing varies a covariance is rounding, which whitening leaves out.
    read = white.whiten @ moments.cross(concepts, given=given, without=without)
    left, sizes, _ = torch.linalg.svd(read, full_matrices=False)
    directions = left[:, sizes > SMALLEST * moments.size(concepts, without)]
    said = "LEACE given classes" if given else "LEACE"
    return _along(white, directions, said)


def random_of(
    moments: Moments, rank: int, rng: np.random.Generator, *, without: int | None = None
) -> Eraser:
    """An eraser of the same form and rank that takes out directions drawn at random.

    They are drawn where the activations are white, so that each direction carries as much of
    what varies: what erasing does to a model that has nothing to do with what is erased.
    """
    white = moments.whitening(without)
    most = white.basis.shape[1]
    drawn = torch.from_numpy(rng.normal(size=(most, min(rank, most))))
    return _along(white, white.basis @ torch.linalg.qr(drawn)[0], "random directions")


def random_eraser(
    x: Tensor, rank: int, rng: np.random.Generator, *, lengths: Tensor | None = None
) -> Eraser:
    """The same from activations as `leace_eraser` takes them."""
    moments = Moments()
    moments.add(x, torch.zeros((len(x), 1)), lengths=lengths)
    return random_of(moments, rank, rng)


def concepts_of(z: ArrayLike) -> Tensor:
    """What is to be erased as (n, k) float64: of classes a column each.

    Raises DataError for missing values.
    """
    given = np.asarray(z)
    if given.ndim == 1 and given.dtype.kind != "f":
        codes = np.unique(
            given.astype(str) if given.dtype == object else given, return_inverse=True
        )
        return torch.eye(len(codes[0]), dtype=torch.float64)[torch.from_numpy(codes[1])]
    numbers = torch.from_numpy(given.astype(np.float64)).reshape(len(given), -1)
    if not bool(torch.isfinite(numbers).all()):
        raise DataError("what is to be erased holds NaN or infinity: leave those rows out")
    return numbers


def _along(white: Whitening, directions: Tensor, method: str) -> Eraser:
    """The eraser of orthonormal directions (d, r) of the white activations."""
    return Eraser(
        center=white.mean,
        move=white.colour @ directions,
        read=directions.T @ white.whiten,
        method=method,
    )
