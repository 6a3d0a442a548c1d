"""Members that read a patch's spectrum: generators leave traces where upsampling did its work.

Both are linear in log power. What all frequencies share is taken off first, so that neither the
brightness of a patch nor its contrast says anything.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, one_hot, pad

BANDS = 32  # of frequency, from 0 to the highest that pixels can hold
LOWEST = 4  # of the bands that are compared: a patch of 16 pixels has no wave in those before
BLOCK = 16  # pixels on a side of a block of the cosine transform: the smallest patch there is
STEP = 8
FLOOR = 1e-6  # power a coefficient, of an error of a third of a grey level: what rounding leaves
SILENT = 1e-4  # share of a block's power below which a frequency counts as silent
CROSSED = ((1, -2, 1), (-2, 4, -2), (1, -2, 1))  # times 1/4: a pixel against its neighbours


def azimuthal_spectrum(patches: Tensor, bands: int = BANDS) -> Tensor:
    """Mean log power in rings of equal width: (B, 1, h, w) to (B, bands).

    Rings are of frequency in cycles a pixel, so that patches of all sizes have the same ones; a
    ring without a point lies on the line between its neighbours. The first holds the mean alone,
    the last what lies beyond it in the corners too.
    """
    power = torch.fft.fft2(patches[:, 0]).abs().square()
    rings = _rings(*patches.shape[-2:], bands).to(patches.device, patches.dtype)
    spectrum: Tensor = (power + 1e-8).log().flatten(1) @ rings
    return spectrum


@lru_cache(maxsize=64)
def _rings(height: int, width: int, bands: int) -> Tensor:
    """What each point of a spectrum adds to each ring, (h * w, bands) float64."""
    down, right = (torch.fft.fftfreq(one, dtype=torch.float64) for one in (height, width))
    radius = (down[:, None].square() + right.square()).sqrt().flatten()
    ring = (radius * 2 * bands).long().clamp(max=bands - 1)
    points = one_hot(ring, bands).double()
    held = points.sum(0).nonzero().squeeze(1)  # the rings with a point
    means = points[:, held] / points[:, held].sum(0)
    wanted = np.arange(bands)
    lines = [np.interp(wanted, held, line) for line in np.eye(len(held))]  # (held, bands)
    return means @ torch.from_numpy(np.stack(lines))


def windowed(patches: Tensor) -> Tensor:
    """Patches (B, 1, h, w) without their mean, fading to 0 at the edges.

    Else the jump from one edge to the other fills the spectrum of every photograph.
    """
    window = [
        torch.hann_window(one, periodic=False, device=patches.device, dtype=patches.dtype)
        for one in patches.shape[-2:]
    ]
    return (patches - patches.mean((-2, -1), keepdim=True)) * window[0][:, None] * window[1]


def cosine_basis(size: int = BLOCK) -> Tensor:
    """The orthonormal cosine transform of type II as a matrix (frequency, pixel), float64."""
    frequency = torch.arange(size, dtype=torch.float64)
    basis = torch.cos(math.pi / size * (frequency + 0.5) * frequency[:, None]) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis


def cosine_power(patches: Tensor, basis: Tensor) -> Tensor:
    """Power of the cosine transform, block by block: (B, 1, h, w) to (B, i, j, BLOCK, BLOCK).

    Blocks are BLOCK pixels wide and STEP apart, so that patches of all sizes have the same
    frequencies. basis is that of `cosine_basis`.
    """
    blocks = patches[:, 0].unfold(1, BLOCK, STEP).unfold(2, BLOCK, STEP)
    return (basis @ blocks @ basis.T).square()


class Linear(nn.Module):
    """A linear model of standardised features; a family says what they are."""

    mean: Tensor
    deviation: Tensor
    least = BLOCK  # the shortest side of a patch that it reads

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        self.linear = nn.Linear(count, 1)

    def features(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B, count), not yet standardised."""
        raise NotImplementedError

    def forward(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B,) logits; 0 of patches that are too small to tell."""
        if min(patches.shape[-2:]) < self.least:
            return patches.new_zeros(len(patches))
        features = (self.features(patches) - self.mean) / self.deviation
        return self.linear(features).squeeze(-1)  # type: ignore[no-any-return]


class AzimuthalSpectrum(Linear):
    """A linear model of the spectrum by frequency. Durall 2020, "Watch your Up-Convolution"."""

    def __init__(self) -> None:
        super().__init__(BANDS - LOWEST)

    def features(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B, 28), not yet standardised."""
        bands = azimuthal_spectrum(windowed(patches))[:, LOWEST:]
        return bands - bands.mean(1, keepdim=True)


class CosineSpectrum(Linear):
    """A linear model of the cosine transform's log power, of what neighbours do not predict.

    Each block counts alike, whatever its contrast; and without the slopes of a picture, whose
    power leaks into all frequencies, traces of photographs never seen are found far more often.

    Frank 2020, "Leveraging Frequency Analysis for Deep Fake Image Recognition".
    """

    basis: Tensor
    kernel: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(self) -> None:
        rows, columns = torch.triu_indices(BLOCK, BLOCK)[:, 1:]  # without the mean's
        super().__init__(len(rows))
        self.register_buffer("basis", cosine_basis().float(), persistent=False)
        kernel = torch.tensor(CROSSED, dtype=torch.float32)[None, None] / 4
        self.register_buffer("kernel", kernel, persistent=False)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def features(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B, 135): an image and its transpose have the same ones."""
        residual = conv2d(pad(patches, (1, 1, 1, 1), mode="reflect"), self.kernel)
        power = cosine_power(residual, self.basis)
        power = power / (power.mean((-2, -1), keepdim=True) + FLOOR)
        log = (power.mean((1, 2)) + SILENT).log()
        log = (log + log.mT)[:, self.rows, self.columns] / 2
        return log - log.mean(1, keepdim=True)
