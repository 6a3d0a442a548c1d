"""Members that are small convolutional networks of a patch's residuals, and of its pixels.

A residual is what is left of a patch when its content is taken off: there a generator's traces
are, and there a network cannot learn what the pictures show. It is divided by its own size, so
that contrast alone says nothing.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pixel_unshuffle

CHANNELS = (16, 24, 32)
GREY_LEVEL = 1 / 255
HIGH_PASS = (  # predictions of a pixel by its neighbours: along a row, a column, a square
    ((0, 0, 0), (1, -2, 1), (0, 0, 0)),
    ((0, 1, 0), (0, -2, 0), (0, 1, 0)),
    ((-1, 2, -1), (2, -4, 2), (-1, 2, -1)),
)


def neighbouring_residual(patches: Tensor) -> Tensor:
    """A patch minus its sample at half the size, put back to the full one by nearest neighbours.

    (B, C, h, w) to the same, without the last row or column where a side is odd: in each square of
    2 x 2 pixels the differences to the first.

    Tan 2024, "Rethinking the Up-Sampling Operations in CNN-based Generative Network for
    Generalizable Deepfake Detection".
    """
    patches = patches[..., : patches.shape[-2] // 2 * 2, : patches.shape[-1] // 2 * 2]
    first = patches[..., ::2, ::2]
    return patches - first.repeat_interleave(2, -2).repeat_interleave(2, -1)


def scaled(residual: Tensor) -> Tensor:
    """A residual (B, C, h, w) in units of its own root mean square, at least half a grey level."""
    size = residual.square().mean((1, 2, 3), keepdim=True).sqrt()
    return residual / (size + GREY_LEVEL / 2)


class Network(nn.Sequential):
    """Three convolutions and a mean over what is left: maps (B, inputs, h, w) to logits (B,)."""

    def __init__(self, inputs: int, strides: tuple[int, int, int]) -> None:
        layers: list[nn.Module] = []
        for width, stride in zip(CHANNELS, strides, strict=True):
            layers.append(nn.Conv2d(inputs, width, 3, stride=stride, padding=1))
            layers += [nn.GroupNorm(4, width), nn.ReLU()]
            inputs = width
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1), nn.Flatten(0)]
        super().__init__(*layers)


class Neighbours(nn.Module):
    """A network of the differences between a pixel and its neighbours. Tan 2024."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network(3, (1, 2, 2))

    def forward(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B,) logits."""
        # (B, 1, h, w) -> (B, 3, h / 2, w / 2): the fourth difference, to itself, is 0
        each = pixel_unshuffle(neighbouring_residual(patches), 2)[:, 1:]
        return self.network(scaled(each))  # type: ignore[no-any-return]


class HighPass(nn.Module):
    """A network of what the neighbours do not predict of a pixel.

    Fridrich & Kodovsky 2012, "Rich Models for Steganalysis of Digital Images".
    """

    kernels: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernels = torch.tensor(HIGH_PASS, dtype=torch.float32)[:, None] / 4
        self.register_buffer("kernels", kernels, persistent=False)
        self.network = Network(len(HIGH_PASS), (2, 2, 2))

    def forward(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B,) logits."""
        return self.network(scaled(conv2d(patches, self.kernels)))  # type: ignore[no-any-return]


class Pixels(nn.Module):
    """A network of the pixels themselves, which may learn what the pictures show: the control."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network(1, (2, 2, 2))

    def forward(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B,) logits."""
        return self.network(2 * patches - 1)  # type: ignore[no-any-return]
