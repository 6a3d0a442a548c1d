"""Autoencoders that remake images of any size: the content is real, every pixel is made.

Odena 2016, "Deconvolution and Checkerboard Artifacts"; Durall 2020, "Watch your Up-Convolution",
whose spectral loss keeps high frequencies from fading, as they do in larger generators as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from auditkit.detection.patches import grey
from auditkit.models.gan import Upsample, Upsampling
from auditkit.runtime import Runtime, track

Pixels = NDArray[np.uint8]

SHRUNK = 16  # times smaller than the image: four layers halve it, four double it
WIDTHS = (16, 32, 48, 64)  # channels, from the image inwards
CODE = 24  # channels of what is kept
SIDE = 64  # pixels of the crops that it is fitted on
BATCH, RATE = 16, 2e-3
SPECTRAL = 0.02  # weight of the loss in log power against that in grey levels from 0 to 1
FAINT = 1e-4  # power below which a frequency counts as silent
AT_ONCE = 1 << 20  # pixels a pass
MARGIN = SHRUNK  # mirrored pixels around an image, cut off again: see `Remaker.make`


class Autoencoder(nn.Module):
    """Halves an image four times, keeps 24 numbers for each square of 16, and doubles it again."""

    def __init__(self, upsampling: Upsampling) -> None:
        super().__init__()
        inwards: list[nn.Module] = []
        for before, after in pairwise((1, *WIDTHS)):
            inwards += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.1)]
        self.inwards = nn.Sequential(*inwards, nn.Conv2d(WIDTHS[-1], CODE, 3, padding=1))
        outwards: list[nn.Module] = [nn.Conv2d(CODE, WIDTHS[-1], 3, padding=1), nn.ReLU()]
        for before, after in pairwise((*WIDTHS[::-1], WIDTHS[0])):
            outwards += [Upsample(before, after, upsampling), nn.ReLU()]
        self.outwards = nn.Sequential(*outwards, nn.Conv2d(WIDTHS[0], 1, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, h, w) in [0, 1] -> the same, of any sides from 16; not yet clipped."""
        height, width = images.shape[-2:]
        below, right = -height % SHRUNK, -width % SHRUNK
        margin = (right // 2, right - right // 2, below // 2, below - below // 2)
        made = self.outwards(self.inwards(pad(images - 0.5, margin, mode="reflect"))) + 0.5
        top, left = margin[2], margin[0]
        return made[..., top : top + height, left : left + width]  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True, eq=False)
class Remaker:
    """A fitted autoencoder under its name."""

    name: str
    network: Autoencoder

    @torch.inference_mode()
    def make(self, images: Sequence[Pixels], runtime: Runtime) -> list[Pixels]:
        """Each image (1 or 3, h, w) remade, of the same size, each channel by itself.

        Convolutions know nothing beyond the edge and leave a frame of a pixel or two, by which
        alone fakes could be told: the frame falls on a margin, and is cut off with it.
        """
        device = runtime.resolved_device()
        network = self.network.to(device).eval()
        made: list[Pixels] = [one[:0] for one in images]
        sizes: dict[tuple[int, ...], list[int]] = {}
        for place, one in enumerate(images):
            sizes.setdefault(one.shape, []).append(place)
        for shape, places in sizes.items():
            step = max(AT_ONCE // int(np.prod(shape)), 1)
            for start in range(0, len(places), step):
                within = places[start : start + step]
                stack = torch.from_numpy(np.stack([images[place] for place in within])).to(device)
                planes = stack.flatten(0, 1)[:, None].float() / 255  # (B * C, 1, h, w)
                inner = _inside(network, planes)
                found = inner.clamp(0, 1).mul(255).round().to("cpu", torch.uint8)
                for place, one in zip(within, found.reshape(len(within), *shape), strict=True):
                    made[place] = one.numpy()
        return made


def fitted(
    upsampling: Upsampling, reals: Mapping[str, Sequence[Pixels]], steps: int, runtime: Runtime
) -> Autoencoder:
    """An autoencoder fitted on crops of real images, by source, each as often as another.

    The loss is the absolute error of grey levels and, so that it is not merely blurred, of the log
    power of each frequency.
    """
    rng = runtime.rng(f"autoencoder {upsampling}")
    pools = [[_whole(grey(one)) for one in images] for images in reals.values()]
    device = runtime.resolved_device()
    with runtime.seeded(f"autoencoder {upsampling}"):
        network = Autoencoder(upsampling).to(device)
    # A quarter faster on a CPU. torch's types know nothing of it.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.99))
    slower = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=steps)
    for step in track(range(steps), f"autoencoder ({upsampling})", steps):
        batch = torch.from_numpy(_crops(pools[step % len(pools)], rng)).to(device)
        made = network(batch)
        spectral = (log_power(made) - log_power(batch)).abs().mean()
        loss = (made - batch).abs().mean() + SPECTRAL * spectral
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        slower.step()
    return network.cpu().eval()


def _inside(network: nn.Module, planes: Tensor) -> Tensor:
    """What a network makes of planes (B, 1, h, w) with a margin, without it."""
    down, right = (min(MARGIN, side - 1) for side in planes.shape[-2:])
    made = network(pad(planes, (right, right, down, down), mode="reflect"))
    return made[..., down:-down, right:-right]  # type: ignore[no-any-return]


def log_power(images: Tensor) -> Tensor:
    """Log power at each frequency: (B, 1, h, w) to (B, h, w // 2 + 1); the mean is left out."""
    flat = images[:, 0] - images.mean(dim=(1, 2, 3))[:, None, None]
    power = torch.fft.rfft2(flat, norm="ortho").abs().square()
    found: Tensor = (power + FAINT).log()
    return found


def _whole(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sides that the network need not pad, with mirrored margins where an image is small."""
    margins = [(0, -side % SHRUNK if side < SIDE else 0) for side in image.shape]
    return np.pad(image, margins, mode="reflect")


def _crops(images: Sequence[NDArray[np.float32]], rng: np.random.Generator) -> NDArray[np.float32]:
    """(B, 1, h, w): squares of SIDE, smaller where an image of the source is."""
    chosen = [images[int(rng.integers(len(images)))] for _ in range(BATCH)]
    height, width = (min(SIDE, *(one.shape[axis] for one in chosen)) for axis in (0, 1))
    height, width = height // SHRUNK * SHRUNK, width // SHRUNK * SHRUNK
    cut = []
    for one in chosen:
        top = rng.integers(one.shape[0] - height + 1)
        left = rng.integers(one.shape[1] - width + 1)
        cut.append(one[top : top + height, left : left + width])
    return np.stack(cut)[:, None]
