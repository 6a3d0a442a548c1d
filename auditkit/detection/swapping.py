"""Parts of an image replaced by those of a real one: bands of frequency, or regions.

What takes a part's place must look like part of a photograph, since whatever does not is a trace
of its own: a band that is simply gone, or a square of one colour, would be found. So a real image
gives it, at the contrast of the image it is put into. What the replacing itself does is measured
on real images, beside.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditkit.detection.calibration import answers
from auditkit.detection.corpus import IMAGE, ORIGINAL, SOURCE
from auditkit.detection.files import Detector
from auditkit.detection.members.table import MEMBERS
from auditkit.detection.panel import read_patches
from auditkit.detection.patches import grey, patches
from auditkit.runtime import Runtime

Square = NDArray[np.float32]  # brightness (h, w) in [0, 1], as members see it
EDGES = (0.0, 0.0625, 0.125, 0.1875, 0.25, 0.3125, 0.375, 0.4375, 0.5, 1.0)  # cycles a pixel
MIDDLES = (0.03, 0.09, 0.16, 0.22, 0.28, 0.34, 0.41, 0.47, 0.6)  # of the bands, to be drawn
DRAWS = 3  # pieces a square: two for its evidence, the last for the test
CELLS = 4  # regions along a side
FADE = 5  # pixels over which a region fades into the next: a seam is a trace, and would be found
CONTRAST = 4.0  # a real image is not stretched by more, or its grain would be the trace


@dataclass(frozen=True, kw_only=True)
class Lens:
    """A way to take an image apart: players' names, and how much each has of every place.

    shares of (h, w) gives (players, h, w') that sum to at most 1; what no player has stays as it
    is. In a lens of frequencies places are those of the half spectrum, else pixels.
    """

    name: str
    players: tuple[str, ...]
    frequencies: bool
    shares: Callable[[int, int], Tensor]


def _rings(height: int, width: int) -> Tensor:
    """Which band each place of the half spectrum is in; the mean brightness is in none."""
    down = torch.fft.fftfreq(height, dtype=torch.float64)
    radius = (down[:, None].square() + torch.fft.rfftfreq(width, dtype=torch.float64) ** 2).sqrt()
    bounds = torch.tensor(EDGES[1:-1], dtype=torch.float64)
    ring = torch.bucketize(radius, bounds + 1e-9)
    shares = torch.nn.functional.one_hot(ring, len(EDGES) - 1).float().permute(2, 0, 1)
    shares[:, 0, 0] = 0
    return shares


def _cells(height: int, width: int) -> Tensor:
    """CELLS x CELLS rectangles, from the upper left on, along rows; each fades into the next."""
    down, right = (torch.arange(one) * CELLS // one for one in (height, width))
    cell = down[:, None] * CELLS + right
    hard = torch.nn.functional.one_hot(cell, CELLS * CELLS).float().permute(2, 0, 1)
    wider = torch.nn.functional.pad(hard[None], (FADE // 2,) * 4, mode="replicate")
    return torch.nn.functional.avg_pool2d(wider, FADE, stride=1)[0]


BANDS = Lens(
    name="bands",
    players=tuple(
        f"from {low:.2f} to {high:.2f}" if high <= 0.5 else f"above {low:g}"
        for low, high in pairwise(EDGES)
    ),
    frequencies=True,
    shares=_rings,
)
REGIONS = Lens(
    name="regions",
    players=tuple(f"row {i + 1}, column {j + 1}" for i in range(CELLS) for j in range(CELLS)),
    frequencies=False,
    shares=_cells,
)


def scored(detector: Detector, squares: Tensor, runtime: Runtime) -> Tensor:
    """The score of squares (B, h, w) and each member's own, (B, 1 + members) float64.

    The score is in log odds of a fake, members in standard deviations of real images.
    """
    cut = [one[None] for one in squares.numpy()]
    sides = [squares.shape[1:]] * len(cut)
    said = answers(read_patches(detector.panel, cut, sides, runtime), detector.calibration)
    return torch.tensor(said[["score", *MEMBERS]].to_numpy(dtype=np.float64))


def suspicious(
    detector: Detector, images: Sequence[NDArray[np.uint8]], runtime: Runtime
) -> list[Square]:
    """Of each image the square with the highest score: what a call of "fake" rests on most."""
    best = []
    for image in images:
        cut = patches(image)
        best.append(cut[int(scored(detector, torch.from_numpy(cut), runtime)[:, 0].argmax())])
    return best


def stand_in(square: Square, image: NDArray[np.uint8], rng: np.random.Generator) -> Square | None:
    """A random piece of a real image, as large as a square, at its brightness and contrast.

    None where the image is smaller than the square.
    """
    whole, (height, width) = grey(image), square.shape
    room = whole.shape[0] - height, whole.shape[1] - width
    if min(room) < 0:
        return None
    top, left = (int(rng.integers(one + 1)) for one in room)
    piece = whole[top : top + height, left : left + width].astype(np.float64)
    stretch = square.std() / max(float(piece.std()), 1e-6)
    fitted = (piece - piece.mean()) * np.clip(stretch, 1 / CONTRAST, CONTRAST) + square.mean()
    return np.asarray(fitted, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Exchange:
    """Squares of images of a corpus, and what stands in for their parts.

    others holds DRAWS pieces of real images for each square, or none where too few real images
    are as large.
    """

    rows: pd.DataFrame
    squares: Sequence[Square]
    others: Sequence[Sequence[Square]]

    def at(self, places: Sequence[int]) -> "Exchange":
        """Some of them."""
        return Exchange(
            rows=self.rows.iloc[list(places)],
            squares=[self.squares[one] for one in places],
            others=[self.others[one] for one in places],
        )

    def by_size(self) -> Iterator[tuple[list[int], Tensor, Tensor]]:
        """Places of each size, their squares (B, h, w), pieces (B, DRAWS, h, w).

        Those without pieces are left out.
        """
        sizes: dict[tuple[int, ...], list[int]] = {}
        for place, one in enumerate(self.squares):
            if self.others[place]:
                sizes.setdefault(one.shape, []).append(place)
        for places in sizes.values():
            own = np.stack([self.squares[one] for one in places])
            given = np.stack([np.stack(self.others[one]) for one in places])
            yield places, torch.from_numpy(own), torch.from_numpy(given)


def exchange_of(
    detector: Detector,
    rows: pd.DataFrame,
    reals: pd.DataFrame,
    runtime: Runtime,
    rng: np.random.Generator,
) -> Exchange:
    """The most suspicious square of each row, and pieces of real images for it.

    rows and reals are corpora. Pieces are of other originals, and of a row's own source where
    it has real images enough.
    """
    squares = suspicious(detector, list(rows[IMAGE]), runtime)
    images, original, source = (reals[one].to_numpy() for one in (IMAGE, ORIGINAL, SOURCE))
    others = []
    for whose, of, square in zip(rows[ORIGINAL], rows[SOURCE], squares, strict=True):
        order = rng.permutation(len(reals))
        order = order[original[order] != whose]
        found: list[Square] = []
        for place in order[np.argsort(source[order] != of, kind="stable")]:
            piece = stand_in(square, images[place], rng)
            found += [] if piece is None else [piece]
            if len(found) == DRAWS:
                break
        others.append(found if len(found) == DRAWS else [])
    return Exchange(rows=rows, squares=squares, others=others)


def swapped(lens: Lens, squares: Tensor, others: Tensor, out: Tensor) -> Tensor:
    """Squares (B, h, w) with the players `out` (B, P) of others (B, h, w) in the place of theirs.

    As an image is saved: between black and white, in 256 levels.
    """
    shares = lens.shares(*squares.shape[-2:])
    part = torch.einsum("bp,phw->bhw", out.float(), shares)
    if lens.frequencies:
        own, given = torch.fft.rfft2(squares), torch.fft.rfft2(others)
        mixed = torch.fft.irfft2(own + part * (given - own), s=squares.shape[-2:])
    else:
        mixed = squares + part * (others - squares)
    saved: Tensor = (mixed.clamp(0, 1) * 255).round() / 255
    return saved
