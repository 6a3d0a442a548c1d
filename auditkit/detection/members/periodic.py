"""The member that looks for what repeats: each doubling of a picture's size leaves a period.

Layers that double height and width treat every second pixel alike, so that four of them in a row
leave traces that repeat every 2, 4, 8 and 16 pixels: narrow peaks of the spectrum, whatever the
picture shows.

Zhang 2019, "Detecting and Simulating Artifacts in GAN Fake Images"; of scaled images, Gallagher
2005, "Detection of Linear and Cubic Interpolation in JPEG Compressed Images".
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from auditkit.detection.members.spectral import CROSSED, Linear, windowed

POINTS = 64  # of the spectrum on a side, for patches of any size
PERIOD = 16  # pixels, the longest that is looked for
STEP = POINTS // PERIOD
AWAY = 3  # points between a peak and what it is compared with: two of them are the peak's own
FAINT = 1 / 255 / 8  # an eighth of a grey level
SILENT = 1e-6  # power of that
PLACES = PERIOD // 2 + 1  # periods of one direction: none, 16, 8, 16 / 3, 4, ... 2 pixels


def peaks(residual: Tensor) -> Tensor:
    """How far log power at each period stands out: (B, 1, h, w) to (B, PLACES, PLACES).

    The frequencies are multiples of 1 / PERIOD a pixel, down and right. Each is compared with the
    mean of those around it, so that the content of a picture says little.
    """
    power = torch.fft.fft2(windowed(residual)[:, 0], s=(POINTS, POINTS)).abs().square()
    log = (power + SILENT).log()[:, None]
    ring = torch.ones(1, 1, 2 * AWAY + 1, 2 * AWAY + 1, device=log.device, dtype=log.dtype)
    ring[..., 1:-1, 1:-1] = 0
    around = conv2d(pad(log, (AWAY,) * 4, mode="circular"), ring / ring.sum())
    above = (log - around)[:, 0, ::STEP, ::STEP]  # (B, PERIOD, PERIOD)
    mirrored = above.flip(-1).roll(1, -1)  # frequency k to the right as frequency -k
    both: Tensor = (above + mirrored) / 2
    return both[:, :PLACES, :PLACES]


class Periods(Linear):
    """A linear model of peaks, of what neighbours do not predict and of how much that is."""

    least = 40  # pixels: in fewer a peak is as wide as the gap to the next
    kernel: Tensor
    rows: Tensor
    columns: Tensor

    def __init__(self) -> None:
        rows, columns = torch.triu_indices(PLACES, PLACES)[:, 1:]  # all but the mean
        super().__init__(2 * len(rows))
        kernel = torch.tensor(CROSSED, dtype=torch.float32)[None, None] / 4
        self.register_buffer("kernel", kernel, persistent=False)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def features(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B, 88), not yet standardised."""
        residual = conv2d(patches, self.kernel)
        size = residual.square().mean((1, 2, 3), keepdim=True).sqrt()
        loudness = (residual.abs() + FAINT).log()
        found = [peaks(one) for one in (residual / (size + FAINT), loudness)]
        return torch.cat([(one + one.mT)[:, self.rows, self.columns] / 2 for one in found], dim=1)
