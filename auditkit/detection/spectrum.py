"""Traces of upsampling in the spectra of made images, beside those of real ones.

A generator that doubles its layers' sides leaves a grid: power at the frequencies that are whole
multiples of a half, a quarter or an eighth of a cycle a pixel. All figures are of single images,
so that their intervals are those of means. Unscaled, and of brightness alone.

Odena 2016, "Deconvolution and Checkerboard Artifacts"; Durall 2020, "Watch your Up-Convolution";
Zhang 2019, "Detecting and Simulating Artifacts in GAN Fake Images".
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from auditkit.detection.patches import WEIGHTS
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate

Floats = NDArray[np.float64]

FEWEST = 20  # images of each kind
SMALLEST = 8  # pixels on a side
STEPS = (2, 4, 8)  # pixels from one line of the grid to the next
AROUND = 2  # points on each side of a harmonic whose power it is held against
FLOOR = 1e-3  # power of a pixel in squared grey levels: what rounding leaves is 1/12
AT_ONCE = 512  # images


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectra:
    """Spectra of made images beside real ones, in decibels: 10 is ten times the power.

    bands has a line for each ring of frequency, in cycles a pixel: real, made, difference, low and
    high, which hold for all bands at once. widest is the largest difference in size; its chance
    part, that of two halves of the real images, is floor. grids has a line for each step in pixels
    that the image's sides hold: by how much power at the grid's frequencies rises above that beside
    them, real and made, their difference with low and high, which hold for all at once, and floor.
    checkerboard is the widest of these, name says which; nyquist the share of all power that lies
    at the highest frequency, real and made.
    """

    bands: pd.DataFrame
    widest: Estimate
    floor: float
    grids: pd.DataFrame
    checkerboard: Estimate
    name: str
    grid_floor: float
    nyquist: tuple[float, float]

    @property
    def apart(self) -> tuple[float, float]:
        """The frequency at which the spectra differ most, and made less real there."""
        values = self.bands[["frequency", "difference"]].to_numpy(float)
        frequency, difference = values[np.abs(values[:, 1]).argmax()]
        return float(frequency), float(difference)


def beside_real(
    real: NDArray[np.uint8],
    made: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
) -> Spectra:
    """The spectra of made images beside those of real ones, (n, C, H, W) bytes of one size.

    Raises DataError for fewer than 20 of each, sides below 8 pixels, or different sizes.
    """
    _require(real, made)
    rings, grids = _rings(real.shape[2:]), _steps(real.shape[2:])
    of_real, of_made = (_measured(one, rings, grids) for one in (real, made))
    halves = np.array_split(rng.permutation(len(real)), 2)
    bands = _compared(of_real.bands, of_made.bands, confidence)
    bands.insert(0, "frequency", _middles(rings))
    names = pd.Series([f"every {step} pixels" for step in grids])
    grid = _compared(of_real.grids, of_made.grids, confidence)
    grid.insert(0, "grid", names)
    place = int(grid["difference"].argmax())
    return Spectra(
        bands=bands,
        widest=_extreme(bands, len(real) + len(made), confidence),
        floor=_between(of_real.bands, halves),
        grids=grid,
        checkerboard=_rise(grid, len(real) + len(made), confidence),
        name=str(names[place]),
        grid_floor=_between(of_real.grids, halves),
        nyquist=(float(of_real.nyquist.mean()), float(of_made.nyquist.mean())),
    )


def nyquist_share(images: NDArray[np.uint8]) -> Floats:
    """The share of an image's power that lies at half a cycle a pixel, both ways or one, (n,).

    A checkerboard of single pixels has 1, an image that is flat 0. Images are (n, C, H, W).
    """
    return _measured(images, _rings(images.shape[2:]), _steps(images.shape[2:])).nyquist


@dataclass(frozen=True, kw_only=True, eq=False)
class _Measured:
    """A line for each image: bands (n, B) and grids (n, G) in decibels, nyquist (n,)."""

    bands: Floats
    grids: Floats
    nyquist: Floats


def _measured(
    images: NDArray[np.uint8], rings: NDArray[np.int64], steps: tuple[int, ...]
) -> _Measured:
    bands, grids, highest = [], [], []
    for power in _powers(images):
        decibels = 10 * np.log10(power + FLOOR)
        flat = decibels.reshape(len(power), -1)
        counted = np.stack([flat[:, rings == one].mean(1) for one in range(1, rings.max() + 1)], 1)
        bands.append(counted)
        grids.append(np.stack([_excess(decibels, step) for step in steps], 1))
        total = power.sum((1, 2))
        at = _grid(power.shape[1:], 2)
        highest.append(np.where(total > 0, power[:, at].sum(1) / np.maximum(total, FLOOR), 0.0))
    return _Measured(
        bands=np.concatenate(bands),
        grids=np.concatenate(grids),
        nyquist=np.concatenate(highest),
    )


def _powers(images: NDArray[np.uint8]) -> Iterator[Floats]:
    """Power a pixel (b, H, W) of brightness without its mean: it sums to the variance's."""
    for start in range(0, len(images), AT_ONCE):
        part = images[start : start + AT_ONCE].astype(np.float64)
        grey = part[:, 0] if part.shape[1] == 1 else np.einsum("c,nchw->nhw", WEIGHTS, part)
        grey = grey - grey.mean((1, 2), keepdims=True)
        yield np.abs(np.fft.fft2(grey)) ** 2 / grey[0].size


def _excess(decibels: Floats, step: int) -> Floats:
    """Power at a grid's own frequencies less that of the points around them, (n,)."""
    shape = decibels.shape[1:]
    own, every = _grid(shape, step), _lattice(shape)
    if step > STEPS[0]:
        own &= ~_grid(shape, step // 2)  # those of the finer grid are its own
    around = np.zeros_like(own)
    for down in range(-AROUND, AROUND + 1):
        for right in range(-AROUND, AROUND + 1):
            around |= np.roll(own, (down, right), (0, 1))
    around &= ~every
    found: Floats = decibels[:, own].mean(1) - decibels[:, around].mean(1)
    return found


def _grid(shape: tuple[int, ...], step: int) -> NDArray[np.bool_]:
    """Where both frequencies are whole multiples of 1 / step, but for 0."""
    down, right = (
        (np.arange(side) % (side // step) == 0) if side % step == 0 else np.arange(side) < 0
        for side in shape
    )
    found = down[:, None] & right[None, :]
    found[0, 0] = False
    return np.asarray(found)


def _lattice(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Every frequency of any grid, and 0, which belong to none's surroundings."""
    found = np.zeros(shape, dtype=bool)
    for step in _steps(shape):
        found |= _grid(shape, step)
    found[0, 0] = True
    return found


def _steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Grids that the sides hold whole, and that leave room for points between them."""
    return tuple(
        one for one in STEPS if all(side % one == 0 and side // one > AROUND for side in shape)
    )


def _rings(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The ring of each frequency (H * W,), as wide as the shorter side's frequencies lie apart."""
    down, right = (np.fft.fftfreq(one) for one in shape)
    radius = np.hypot(down[:, None], right)
    bands = max(min(shape) // 2, 1)
    ring = np.rint(radius * 2 * bands).clip(1, bands)
    ring[0, 0] = 0  # the mean, which is taken off
    rings: NDArray[np.int64] = ring.ravel().astype(np.int64)
    return rings


def _middles(rings: NDArray[np.int64]) -> Floats:
    """Cycles a pixel of each ring: the last also holds what lies beyond half a cycle."""
    middles: Floats = np.arange(1, rings.max() + 1) / (2 * rings.max())
    return middles


def _compared(real: Floats, made: Floats, confidence: float) -> pd.DataFrame:
    """Means of each column, their difference and intervals that hold for all columns at once."""
    n, m = len(real), len(made)
    parts = real.var(0, ddof=1) / n, made.var(0, ddof=1) / m
    error = np.sqrt(parts[0] + parts[1])
    # Welch's degrees of freedom; Bonferroni over the columns.
    below = parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1)
    freedom = np.divide(error**4, below, out=np.full(len(error), n + m - 2.0), where=below > 0)
    reach = student.ppf(1 - (1 - confidence) / 2 / len(error), np.maximum(freedom, 1)) * error
    difference = made.mean(0) - real.mean(0)
    return pd.DataFrame(
        {
            "real": real.mean(0),
            "made": made.mean(0),
            "difference": difference,
            "low": difference - reach,
            "high": difference + reach,
        }
    )


def _between(values: Floats, halves: list[NDArray[np.int64]]) -> float:
    """The largest difference of the means of two halves: what chance alone gives at half the n."""
    first, second = (values[one].mean(0) for one in halves)
    return float(np.abs(first - second).max())


def _extreme(frame: pd.DataFrame, n: int, confidence: float) -> Estimate:
    least = np.maximum(np.maximum(frame["low"], -frame["high"]), 0.0)
    most = np.maximum(frame["low"].abs(), frame["high"].abs())
    return Estimate(
        value=float(frame["difference"].abs().max()),
        low=float(least.max()),
        high=float(most.max()),
        n=n,
        method=f"Welch, simultaneous over {len(frame)} bands",
        confidence=confidence,
    )


def _rise(frame: pd.DataFrame, n: int, confidence: float) -> Estimate:
    """The largest rise of any grid; its interval is of whichever it be."""
    value, low, high = (float(frame[one].max()) for one in ("difference", "low", "high"))
    method = f"Welch, simultaneous over {len(frame)} grids"
    return Estimate(value=value, low=low, high=high, n=n, method=method, confidence=confidence)


def _require(real: NDArray[np.uint8], made: NDArray[np.uint8]) -> None:
    for name, one in (("real", real), ("made", made)):
        if one.ndim != 4 or len(one) < FEWEST:
            raise DataError(
                f"{name} images of shape {one.shape}; give {FEWEST} or more, (n, channels, height, "
                "width)"
            )
    if real.shape[1:] != made.shape[1:]:
        raise DataError(
            f"real images are {real.shape[1:]}, made ones {made.shape[1:]}: spectra are compared "
            "of one size, unscaled"
        )
    if min(real.shape[2:]) < SMALLEST or not _steps(real.shape[2:]):
        raise DataError(
            f"images of {real.shape[2]} x {real.shape[3]} pixels hold no grid of 2 pixels with "
            f"room between its frequencies: even sides of {SMALLEST} or more are needed"
        )
