"""Several members looking at the same patches, and what each says of an image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auditkit.detection.members.spectral import azimuthal_spectrum
from auditkit.detection.members.table import MEMBERS
from auditkit.detection.patches import patches, stacked
from auditkit.runtime import Runtime

Floats = NDArray[np.float64]
AT_ONCE = 64  # patches a forward pass


class Panel(nn.Module):
    """All members of the table, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleDict({name: one.build() for name, one in MEMBERS.items()})

    def forward(self, cut: Tensor) -> Tensor:
        """Patches (B, 1, h, w) in [0, 1] -> logits (B, members)."""
        return torch.stack([one(cut) for one in self.members.values()], dim=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Readings:
    """What a panel sees of n images, before anything is decided.

    logits (n, members) in the order of `MEMBERS`, the mean over an image's patches; spectra
    (n, bands), that of its brightness by frequency, from which an image unlike all others is told;
    sides (n, 2) are its height and width in pixels.
    """

    logits: Floats
    spectra: Floats
    sides: NDArray[np.int64]


def read(panel: Panel, images: Sequence[NDArray[np.uint8]], runtime: Runtime) -> Readings:
    """What the panel sees of images (1 or 3, height, width) of any size from 2 x 2."""
    cut = [patches(one) for one in images]
    return read_patches(panel, cut, [one.shape[1:] for one in images], runtime)


def read_patches(
    panel: Panel,
    cut: Sequence[NDArray[np.float32]],
    sides: Sequence[Sequence[int]],
    runtime: Runtime,
) -> Readings:
    """The same of what `patches` gave, where the images, of these sides, need not be kept."""
    device = runtime.resolved_device()
    panel = panel.to(device).eval()
    logits = np.zeros((len(cut), len(MEMBERS)))
    spectra = np.zeros((len(cut), 32))
    counts = np.array([len(one) for one in cut])[:, None]
    with torch.inference_mode():
        for owner, stack in stacked(cut):
            for start in range(0, len(stack), AT_ONCE):
                part = torch.from_numpy(stack[start : start + AT_ONCE])[:, None].to(device)
                whose = owner[start : start + AT_ONCE]
                np.add.at(logits, whose, panel(part).double().cpu().numpy())
                np.add.at(spectra, whose, azimuthal_spectrum(part).double().cpu().numpy())
    shapes = np.array(sides, dtype=np.int64).reshape(-1, 2)
    return Readings(logits=logits / counts, spectra=spectra / counts, sides=shapes)
