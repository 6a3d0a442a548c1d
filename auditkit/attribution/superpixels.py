"""Pieces of an image that follow its own edges: k-means over colour and place.

Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", without
its last step: a piece of one colour may lie in two parts that are near each other.
"""

import math

import torch
from torch import Tensor

COLOUR = 0.1  # a difference in colour, of 1, that counts as much as the distance of two pieces
ROUNDS = 10


def grid(height: int, width: int, many: int) -> tuple[Tensor, Tensor]:
    """The band of each row (H,) and of each column (W,) in a grid of at most `many` cells.

    Cells are as large as each other and as near to squares as it goes.
    """
    side = 1
    while math.ceil(height / side) * math.ceil(width / side) > many:
        side += 1
    down, across = math.ceil(height / side), math.ceil(width / side)
    return torch.arange(height) * down // height, torch.arange(width) * across // width


def superpixels(pixels: Tensor, many: int) -> Tensor:
    """Which piece each place of pixels (C, H, W) in [0, 1] belongs to, (H, W) from 0 on.

    At most `many` pieces, which begin as the cells of a grid; nothing is drawn at random.
    """
    channels, height, width = pixels.shape
    row, column = grid(height, width, many)
    owner = (row[:, None] * (int(column.max()) + 1) + column).flatten()
    cells = int(owner.max()) + 1
    side = math.sqrt(height * width / cells)
    place = torch.cartesian_prod(torch.arange(float(height)), torch.arange(float(width)))
    colour = pixels.detach().cpu().double().reshape(channels, -1).T
    points = torch.cat([place.double() / side, colour / COLOUR], dim=1)  # (H W, 2 + C)
    centres = points.new_zeros(cells, points.shape[1])
    for _ in range(ROUNDS):
        counts = torch.bincount(owner, minlength=cells)[:, None]
        total = torch.zeros_like(centres).index_add_(0, owner, points)
        centres = torch.where(counts > 0, total / counts.clamp(min=1), centres)
        owner = torch.cdist(points, centres).argmin(dim=1)
    found: Tensor = torch.unique(owner, return_inverse=True)[1]
    return found.view(height, width)
