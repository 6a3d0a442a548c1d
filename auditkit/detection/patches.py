"""What a detector looks at: a few squares of an image, unscaled, for scaling wipes traces away."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SIDE = 64  # pixels; an image that is smaller is one patch of its own size
SMALLEST = 16  # an image with a shorter side holds too little to be judged
MOST = 6  # patches of one image
WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of red, green and blue: BT.601


def grey(pixels: NDArray[np.uint8]) -> Floats:
    """Brightness (height, width) float32 in [0, 1] of an image (1 or 3, height, width) of bytes."""
    bytes_ = pixels.astype(np.float32)
    bright: Floats = bytes_[0] if len(pixels) == 1 else np.einsum("c,chw->hw", WEIGHTS, bytes_)
    return bright / np.float32(255)


def patches(pixels: NDArray[np.uint8]) -> Floats:
    """(P, h, w) float32 in [0, 1]: up to MOST squares of SIDE, spread evenly over the image.

    A side of fewer than SMALLEST pixels is filled up with the edge, for members need as many; of
    so small an image nothing is said.
    """
    height, width = (min(one, SIDE) for one in pixels.shape[1:])
    places = _places(pixels.shape[1], pixels.shape[2])
    cut = np.stack([grey(pixels[:, y : y + height, x : x + width]) for y, x in places])
    missing = [(0, max(SMALLEST - one, 0)) for one in (height, width)]
    return np.pad(cut, [(0, 0), *missing], mode="edge") if any(map(sum, missing)) else cut


def stacked(cut: Sequence[Floats]) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Patches of several images by size: of which image each is (B,), and the patches (B, h, w)."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    for place, one in enumerate(cut):
        sizes.setdefault(one.shape[1:], []).append(place)
    for places in sizes.values():
        owner = np.repeat(places, [len(cut[place]) for place in places])
        yield owner, np.concatenate([cut[place] for place in places])


def _places(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Upper left corners: a grid as square as the image, of at most MOST cells."""
    down, right = -(-height // SIDE), -(-width // SIDE)
    while down * right > MOST:
        down, right = (down - 1, right) if down >= right else (down, right - 1)
    for y in np.linspace(0, max(height - SIDE, 0), max(down, 1)).astype(int):
        for x in np.linspace(0, max(width - SIDE, 0), max(right, 1)).astype(int):
            yield int(y), int(x)
