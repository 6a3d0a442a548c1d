"""What can be told of an image without anybody's opinion, and what a classifier sees in it."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from auditkit.errors import DataError

# Images (n, C, H, W) in [0, 1] to a column of n numbers for each attribute.
Attributes = Callable[[Tensor], pd.DataFrame]
SURE = 1e-4  # a class's probability is held this far from 0 and 1: its log-odds within 9.2


class Seeing(Protocol):
    """A classifier as `auditkit.models.predictor.Judge` is one."""

    @property
    def levels(self) -> tuple[str, ...]:
        """Its classes."""
        ...

    def look(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and probabilities (n, K) of images (n, C, H, W) uint8."""
        ...


def image_properties(images: Tensor) -> pd.DataFrame:
    """Plain properties of images (n, C, H, W) in [0, 1], a row each.

    brightness is the mean; contrast the standard deviation; edges the mean difference of
    neighbours. Of the light as a mass, in parts of the image's sides: width and height are its
    spread, right and down where its middle lies, 0 in the middle; slant is how far it leans to the
    right for each step up, at most 1 either way. symmetry is the correlation with the mirror
    image. An image without light has 0 of what then means nothing. Raises DataError for other
    shapes.
    """
    if images.ndim != 4 or not images.is_floating_point():
        raise DataError(
            f"images of shape {tuple(images.shape)} and {images.dtype}: give floats in [0, 1], "
            "(n, channels, height, width)"
        )
    grey = images.double().mean(dim=1)  # (n, H, W)
    rows, columns = (
        torch.linspace(-0.5, 0.5, size, dtype=torch.float64, device=grey.device)
        for size in grey.shape[1:]
    )
    mass = grey.sum(dim=(1, 2)).clamp(min=1e-9)[:, None, None]
    share = grey / mass
    x = (share * columns).sum(dim=(1, 2))
    y = (share * rows[:, None]).sum(dim=(1, 2))
    dx, dy = columns - x[:, None, None], rows[:, None] - y[:, None, None]
    across, along = (share * dx**2).sum(dim=(1, 2)), (share * dy**2).sum(dim=(1, 2))
    lean = -(share * dx * dy).sum(dim=(1, 2)) / along.clamp(min=1e-9)
    mirrored = grey.flip(2)
    apart = grey - grey.mean(dim=(1, 2), keepdim=True)
    alike = (apart * (mirrored - mirrored.mean(dim=(1, 2), keepdim=True))).sum(dim=(1, 2))
    found = {
        "brightness": grey.mean(dim=(1, 2)),
        "contrast": grey.std(dim=(1, 2), correction=0),
        "edges": (grey.diff(dim=1).abs().mean(dim=(1, 2)) + grey.diff(dim=2).abs().mean(dim=(1, 2)))
        / 2,
        "width": across.clamp(min=0).sqrt(),
        "height": along.clamp(min=0).sqrt(),
        "right": x,
        "down": y,
        "slant": lean.clamp(-1, 1),
        "symmetry": alike / (apart**2).sum(dim=(1, 2)).clamp(min=1e-9),
    }
    return pd.DataFrame({name: one.cpu().numpy() for name, one in found.items()})


def attributes_of(judge: Seeing | None = None) -> Attributes:
    """The plain properties, and with a judge the log-odds of each of its classes."""
    if judge is None:
        return image_properties

    def both(images: Tensor) -> pd.DataFrame:
        pixels = images.mul(255).round().clamp(0, 255).to("cpu", torch.uint8).numpy()
        shares = np.clip(judge.look(pixels)[1], SURE, 1 - SURE)
        odds = np.log(shares / (1 - shares))
        seen = pd.DataFrame(odds, columns=[str(one) for one in judge.levels])
        return pd.concat([image_properties(images), seen], axis=1)

    return both
