"""Images: patches of a regular grid are players, or superpixels."""

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import Players
from auditkit.attribution.superpixels import grid, superpixels
from auditkit.data.images import ImageEncoder
from auditkit.models.base import fed
from auditkit.models.explainable.tables import drawn_rows
from auditkit.runtime import Runtime

BLUR = 1 / 6  # the Gaussian's deviation, as a share of the shorter side


def patches(channels: int, height: int, width: int, cells: int) -> Players:
    """A regular grid of at most `cells` patches, all channels of a place together."""
    row, column = grid(height, width, cells)
    down, across = int(row.max()) + 1, int(column.max()) + 1
    mask = (row[:, None] * across + column).expand(1, channels, height, width)
    tops, lefts = _edges(row, down), _edges(column, across)
    names = tuple(
        f"rows {top[0] + 1}-{top[1]}, columns {left[0] + 1}-{left[1]}"
        for top in tops
        for left in lefts
    )
    return Players(masks=(mask.contiguous(),), names=(names,))


def pieces(pixels: Tensor, cells: int) -> Players:
    """At most `cells` superpixels of each image (B, C, H, W), which follow its own edges."""
    masks = torch.stack([superpixels(one, cells) for one in pixels])[:, None]
    names = tuple(tuple(f"piece {i + 1}" for i in range(int(one.max()) + 1)) for one in masks)
    return Players(masks=(masks.expand(pixels.shape).contiguous(),), names=names)


def image_baselines(
    encoder: ImageEncoder,
    pixels: Tensor,
    reference: pd.DataFrame | None,
    samples: int,
    runtime: Runtime,
) -> Mapping[str, Baseline]:
    """mean: each channel's training mean; zero: black; blur: the image itself; sample: others."""
    mean = torch.tensor(encoder.mean, dtype=pixels.dtype, device=pixels.device)
    even = mean.view(1, -1, 1, 1).expand_as(pixels[:1]).contiguous()
    found = {
        "mean": Baseline(name="mean", rows=(even,)),
        "zero": Baseline(name="zero", rows=(torch.zeros_like(pixels[:1]),)),
        "blur": Baseline(name="blur", rows=(blurred(pixels),), paired=True),
    }
    if reference is not None and len(reference):
        drawn = encoder.arrays(drawn_rows(reference, samples, runtime), "the training rows")
        held = fed(tuple(map(torch.from_numpy, drawn)), pixels.device)
        found["sample"] = Baseline(name="sample", rows=held)
    return found


def blurred(pixels: Tensor) -> Tensor:
    """Each image (B, C, H, W) through a Gaussian, its border repeated beyond the edge."""
    channels, height, width = pixels.shape[1:]
    deviation = BLUR * min(height, width)
    reach = max(1, min(round(3 * deviation), min(height, width) - 1))
    place = torch.arange(-reach, reach + 1, dtype=pixels.dtype, device=pixels.device)
    bell = torch.exp(-0.5 * (place / deviation) ** 2)
    bell = (bell / bell.sum()).expand(channels, 1, -1)  # (C, 1, 2 reach + 1)
    wide = pad(pixels, (reach, reach, reach, reach), mode="replicate")
    down = conv2d(wide, bell[..., None], groups=channels)
    return conv2d(down, bell[:, :, None], groups=channels)


def brightness(pixels: Tensor, players: Players) -> tuple[tuple[str, ...], ...]:
    """The mean of each player's pixels, as it is said: "41 %" of white."""
    total = players.gathered((pixels.cpu(),))
    counts = players.gathered((torch.ones_like(pixels.cpu()),)).clamp(min=1)
    share = (total / counts).tolist()
    return tuple(
        tuple(f"{100 * one:.0f} %" for one in row[: len(players.of(i))])
        for i, row in enumerate(share)
    )


def _edges(places: Tensor, many: int) -> list[tuple[int, int]]:
    """First place and the one after the last of each part."""
    ends = torch.bincount(places, minlength=many).cumsum(0).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))
