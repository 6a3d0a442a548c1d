"""Patches to fit members on: real and made alike in number, source and what was done to them.

A member that could tell the classes by anything but the making would learn that instead. So every
batch is half real, half made; sources and generators have equal shares whatever their sizes; and
an image is degraded by a draw that does not know its class.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditkit.detection.corpus import FAKE, GENERATOR, IMAGE, LABEL, SOURCE
from auditkit.detection.degrading import degraded
from auditkit.detection.patches import SIDE, SMALLEST, grey
from auditkit.errors import DataError

Bytes = NDArray[np.uint8]
Size = tuple[int, int]

MARGIN = 8  # pixels around a patch that are degraded with it, so that the 8 x 8 grid of JPEG moves
SMALLER = 0.25  # share of batches whose patches are smaller than the images allow
SHRUNK = 28  # pixels, the least that a patch of a larger image is cut to
SHARPENED = "sharpened"  # the opposite of a blur: else whatever is smooth would look made
# Kind, share of the degraded images, least and largest strength in the kind's own unit.
DRAWN = (
    ("jpeg", 0.35, 45.0, 98.0),
    ("blur", 0.2, 0.3, 1.3),
    (SHARPENED, 0.3, 0.3, 2.5),
    ("resize", 0.03, 0.7, 0.95),
    ("noise", 0.12, 0.5, 5.0),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Images of one size of patch: rows of reals and fakes, each by source and generator."""

    size: Size
    rows: dict[bool, list[NDArray[np.int64]]]
    count: int


class Batches:
    """An endless supply of batches from the rows of a corpus.

    Raises DataError where a class has no image of at least SMALLEST pixels.
    """

    def __init__(self, corpus: pd.DataFrame, *, batch: int, degraded: float) -> None:
        self.images: list[Bytes] = list(corpus[IMAGE])
        self.fake = (corpus[LABEL] == FAKE).to_numpy()
        self.batch = batch
        self.degraded = degraded
        self.pools = _pools(corpus)
        if not self.pools:
            raise DataError(
                "the training part has no size of image in which some are real and some are made; "
                f"give both classes the same sizes, of at least {SMALLEST} pixels"
            )

    def draw(self, count: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Patches (B, 1, h, w) in [0, 1] and whether each was made (B,), 0 or 1."""
        share = np.sqrt([one.count for one in self.pools])  # a rare size is seen now and then
        for _ in range(count):
            pool = self.pools[rng.choice(len(self.pools), p=share / share.sum())]
            size = _smaller(pool.size, rng) if rng.random() < SMALLER else pool.size
            rows = [self._row(pool, i % 2 == 0, rng) for i in range(self.batch)]
            cut = np.stack([self._patch(self.images[row], size, rng) for row in rows])
            patches = torch.from_numpy(_turned(cut, rng))[:, None]
            yield patches, torch.from_numpy(self.fake[rows].astype(np.float32))

    def _row(self, pool: Pool, fake: bool, rng: np.random.Generator) -> int:
        kinds = pool.rows[fake]
        return int(rng.choice(kinds[rng.integers(len(kinds))]))

    def _patch(self, image: Bytes, size: Size, rng: np.random.Generator) -> NDArray[np.float32]:
        image = _cut(image, (size[0] + MARGIN, size[1] + MARGIN), rng)
        if rng.random() < self.degraded:
            image = _degraded(image, rng)
        return grey(_cut(image, size, rng))


def _pools(corpus: pd.DataFrame) -> list[Pool]:
    sides = np.array([one.shape[1:] for one in corpus[IMAGE]]).reshape(-1, 2)
    fits = sides.min(1) >= SMALLEST
    frame = pd.DataFrame(
        {
            "height": np.minimum(sides[:, 0], SIDE),
            "width": np.minimum(sides[:, 1], SIDE),
            "fake": (corpus[LABEL] == FAKE).to_numpy(),
            "kind": (corpus[SOURCE] + "\0" + corpus[GENERATOR]).to_numpy(),
        }
    )
    pools = []
    for size, within in frame[fits].groupby(["height", "width"]):
        rows = {
            bool(fake): [one.index.to_numpy() for _, one in of.groupby("kind")]
            for fake, of in within.groupby("fake")
        }
        if len(rows) == 2:
            height, width = size
            pools.append(Pool(size=(int(height), int(width)), rows=rows, count=len(within)))
    return pools


def _smaller(size: Size, rng: np.random.Generator) -> Size:
    """A square of a side between SHRUNK and the shorter one, where there is room."""
    low, high = min(SHRUNK, *size), min(size)
    side = int(rng.integers(low, high + 1))
    return side, side


def _cut(image: Bytes, size: Size, rng: np.random.Generator) -> Bytes:
    """At most this much of an image (C, h, w), anywhere."""
    height, width = (min(a, b) for a, b in zip(image.shape[1:], size, strict=True))
    y = int(rng.integers(image.shape[1] - height + 1))
    x = int(rng.integers(image.shape[2] - width + 1))
    return image[:, y : y + height, x : x + width]


def _degraded(image: Bytes, rng: np.random.Generator) -> Bytes:
    kind, _, low, high = DRAWN[rng.choice(len(DRAWN), p=[one[1] for one in DRAWN])]
    strength = float(rng.uniform(low, high))
    if kind != SHARPENED:
        return degraded(image, kind, strength, rng)
    smooth = degraded(image, "blur", 1.0, rng).astype(np.float32)
    sharp = image + strength * (image - smooth)
    return sharp.round().clip(0, 255).astype(np.uint8)


def _turned(cut: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Patches (B, h, w), mirrored and turned together: all eight ways where square."""
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    if rng.random() < 0.5:
        cut = cut[:, :, ::-1]
    if cut.shape[1] == cut.shape[2] and rng.random() < 0.5:
        cut = cut.transpose(0, 2, 1)
    return np.ascontiguousarray(cut)
