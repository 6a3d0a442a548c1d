"""A small residual network for images of any size and any number of channels.

The stem halves the image, the second and third stage halve it again and double its channels,
and the mean of each channel goes to the last layer: one network reads 8 x 8 digits and 64 x 64
faces.

He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition". The blocks are those
of that paper, with the ReLU after the sum, and not the "identity mappings" of the sequel: at
these depths both learn equally well, and here every convolution is followed by its batch
normalisation, so that the two can be folded into one linear layer when relevance is propagated.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from auditkit.data.schema import Medium, Task
from auditkit.errors import ModelError
from auditkit.models.base import ARCHITECTURES, Answer, Head
from auditkit.ranges import ranged, require_ranges

SMALLEST = 8  # pixels on a side: three halvings leave one place


@dataclass(frozen=True, kw_only=True)
class CNNOptions:
    """Sizes of the network.

    width is the number of channels of the first stage, of which the last has four times as many;
    depth the number of blocks of each stage.
    """

    width: int = ranged(24, 1, 4_096)
    depth: int = ranged(1, 1, 64)
    dropout: float = ranged(0.1, 0, 0.99)

    def __post_init__(self) -> None:
        require_ranges(self, "the network's sizes")


class Block(nn.Module):
    """Two 3 x 3 convolutions around which the input is added to the result.

    Where the shape changes, the input goes through a 1 x 1 convolution of the same stride.
    """

    def __init__(self, channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(_convolution(channels, width, stride), nn.BatchNorm2d(width))
        self.relu1 = nn.ReLU()  # one module a use: who hooks a ReLU must see one place
        self.second = nn.Sequential(_convolution(width, width, 1), nn.BatchNorm2d(width))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )
        self.relu2 = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, width, H / stride, W / stride), rounded up."""
        change = self.second(self.relu1(self.first(maps)))
        return self.relu2(change + self.shortcut(maps))  # type: ignore[no-any-return]


@ARCHITECTURES.register("cnn")
class CNN(nn.Module):
    """Residual network of a stem and three stages: `stem`, `stage1`, `stage2`, `stage3`.

    mean and deviation are those of each channel's pixels, in [0, 1], in the training rows.
    """

    Options: ClassVar[type[CNNOptions]] = CNNOptions
    media: ClassVar[frozenset[Medium]] = frozenset({Medium.IMAGE})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.DECISION, Task.CLASSES, Task.NUMBER})
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        mean: tuple[float, ...],
        deviation: tuple[float, ...],
        head: Head,
        options: CNNOptions | None = None,
    ) -> None:
        super().__init__()
        sizes = options or CNNOptions()
        width, depth = sizes.width, sizes.depth
        self.channels = len(mean)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(1, -1, 1, 1))
        self.stem = nn.Sequential(
            _convolution(self.channels, width, 1),
            nn.BatchNorm2d(width),
            nn.MaxPool2d(2),  # before the ReLU: the same numbers, for a quarter of its work
            nn.ReLU(),
        )
        self.stage1 = _stage(width, width, depth, stride=1)
        self.stage2 = _stage(width, 2 * width, depth, stride=2)
        self.stage3 = _stage(2 * width, 4 * width, depth, stride=2)
        self.dropout = nn.Dropout(sizes.dropout)
        self.output = Answer(4 * width, head)
        # Channels side by side in memory: a step of training takes a quarter less on a CPU.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def build(cls, encoder: Any, head: Head, options: Any) -> Self:
        """An untrained network for the images that `encoder` was fitted on."""
        _require_size(encoder.height, encoder.width)
        return cls(encoder.mean, encoder.deviation, head, options)

    def forward(self, pixels: Tensor) -> Tensor:
        """Answers (B,) or (B, K) from pixels (B, channels, H, W) in [0, 1]."""
        return self.output(self.dropout(self.features(pixels)))  # type: ignore[no-any-return]

    def features(self, pixels: Tensor) -> Tensor:
        """What the last layer reads, (B, 4 width): the mean of each of the last maps.

        Raises ModelError for pixels of another shape than this network takes.
        """
        if pixels.ndim != 4 or pixels.shape[1] != self.channels:
            raise ModelError(
                f"pixels of shape {tuple(pixels.shape)}: this network takes "
                f"(rows, {self.channels}, height, width)"
            )
        _require_size(*pixels.shape[2:])
        standard = (pixels - self.mean) / self.deviation
        maps = self.stem(standard)  # (B, width, H / 2, W / 2)
        maps = self.stage1(maps)
        maps = self.stage2(maps)  # (B, 2 width, H / 4, W / 4)
        maps = self.stage3(maps)  # (B, 4 width, H / 8, W / 8)
        return maps.mean(dim=(2, 3))  # type: ignore[no-any-return]


def _convolution(channels: int, width: int, stride: int) -> nn.Conv2d:
    # Without a bias: the batch normalisation behind it has one.
    return nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)


def _stage(channels: int, width: int, depth: int, *, stride: int) -> nn.Sequential:
    blocks = [Block(channels, width, stride=stride)]
    blocks += [Block(width, width, stride=1) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _require_size(height: int, width: int) -> None:
    if min(height, width) < SMALLEST:
        raise ModelError(
            f"images of {height} x {width} pixels: this network takes {SMALLEST} x {SMALLEST} "
            "and larger; enlarge them"
        )
