"""Images under their scores, as small pictures and in words."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.report import axes
from auditkit.report.axes import Key
from auditkit.report.numerals import share
from auditkit.report.png import indexed_uri, rgb_uri
from auditkit.report.tokens import of_scores
from auditkit.results import ImageScores

SHADES, STEPS = 6, 7  # of the image below the scores; of the scores on each side of none
NINTHS = (
    ("upper left", "top", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)
SECOND, EVEN = 0.15, 0.2  # shares: what is worth naming too; below it nothing stands out
CLIPPED = 0.99  # of the pixels lie within the scale: one of them would else dim all others
LARGEST = 1024  # pixels of a side that are drawn
# Blue against and orange for, after Okabe and Ito: the style sheet's --heat-against and --heat-for.
AGAINST, FOR = (0, 114, 178), (213, 94, 0)
PALE = (150, 245)  # the greys between which the image below lies, so that colours show

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """An item: its image and the image under its scores, as addresses, and where they lie."""

    item: str
    note: str
    width: int
    height: int
    picture: str
    overlay: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """One item's values: image is (height, width, 3), scores (height, width), NaN undefined."""

    item: str
    note: str
    image: Bytes
    scores: Floats


def tiles(view: ImageScores) -> tuple[Tile, ...]:
    """Every item's pictures, in the frame's order."""
    return tuple(
        Tile(
            item=one.item,
            note=one.note,
            width=one.scores.shape[1],
            height=one.scores.shape[0],
            picture=_picture(one.image),
            overlay=indexed_uri(*overlaid(one.image, one.scores)),
            where=where(one.scores),
        )
        for one in pixels(view)
    )


def pixels(view: ImageScores) -> Iterator[Pixels]:
    """Each item's rows as arrays; a pixel that the frame lacks is black and undefined."""
    names = axes.texts(view.frame[view.item])
    for item, rows in groupby(range(len(names)), key=names.__getitem__):
        part = view.frame.iloc[list(rows)]
        down, across = (_whole(part[one]) for one in (view.row, view.column))
        inside = (down >= 0) & (across >= 0) & (down < LARGEST) & (across < LARGEST)
        part, down, across = part[inside], down[inside], across[inside]
        shape = (int(down.max(initial=0)) + 1, int(across.max(initial=0)) + 1)
        image = np.zeros((*shape, 3), dtype=np.uint8)
        colours = [np.clip(_whole(part[one]), 0, 255) for one in view.channels]
        image[down, across] = np.stack(colours * (3 if len(colours) == 1 else 1), axis=-1)
        scores = np.full(shape, math.nan)
        scores[down, across] = pd.to_numeric(part[view.score], errors="coerce").to_numpy(float)
        scores[~np.isfinite(scores)] = math.nan
        note = axes.texts(part[view.note].iloc[:1]) if view.note else []
        yield Pixels(item=item, note="".join(note), image=image, scores=scores)


def overlaid(image: Bytes, scores: Floats) -> tuple[Bytes, Bytes]:
    """Places in a palette and the palette: the image in pale greys, coloured by its scores.

    A palette packs to half of what three channels take. The scale is the item's own.
    """
    grey = image.astype(float) @ (0.299, 0.587, 0.114) / 255  # ITU-R BT.601
    shade = np.rint(grey * (SHADES - 1)).astype(int)
    step = np.rint(np.nan_to_num(scores / (_scale(scores) or 1.0)).clip(-1, 1) * STEPS).astype(int)
    pale = np.linspace(*PALE, SHADES)
    strength = np.arange(-STEPS, STEPS + 1) / STEPS
    ends = np.where(strength[:, None] < 0, AGAINST, FOR)
    mix = np.abs(strength)[:, None, None]
    palette = (1 - mix) * pale[None, :, None] + mix * ends[:, None, :]  # (steps, shades, 3)
    places = (step + STEPS) * SHADES + shade
    return places.astype(np.uint8), np.rint(palette.reshape(-1, 3)).astype(np.uint8)


def ninths(scores: Floats) -> Floats:
    """The share of all weight, by size and not by sign, in each ninth of the image; NaN if none."""
    size = np.abs(np.nan_to_num(scores))
    height, width = scores.shape
    down, across = np.arange(height) * 3 // height, np.arange(width) * 3 // width
    shares = np.zeros((3, 3))
    np.add.at(shares, (down[:, None], across[None, :]), size)
    return shares / size.sum() if size.any() else np.full((3, 3), math.nan)


def where(scores: Floats) -> str:
    """Where the weight lies, as a sentence."""
    if np.isnan(scores).all():
        return "The scores are undefined."
    shares = ninths(scores)
    if np.isnan(shares).all():
        return "No pixel carries any weight."
    named = [(float(shares[i, j]), NINTHS[i][j]) for i in range(3) for j in range(3)]
    (most, first), (next_, second) = sorted(named, key=lambda one: -one[0])[:2]
    if most < EVEN:
        return (
            f"The weight is spread over the image: no ninth of it holds {share(EVEN, decimals=0)}."
        )
    also = f", {share(next_, decimals=0)} in the {second}" if next_ >= SECOND else ""
    return f"{share(most, decimals=0)} of the weight lies in the {first}{also}."


def by_ninths(view: ImageScores) -> pd.DataFrame:
    """The table beside the pictures: where each item's weight lies. Every pixel is in the JSON."""
    rows = []
    for one in pixels(view):
        shares = ninths(one.scores)
        named = {NINTHS[i][j]: shares[i, j] for i in range(3) for j in range(3)}
        rows.append({view.item: one.item} | named)
    return pd.DataFrame(rows, columns=[view.item, *(name for row in NINTHS for name in row)])


def key(view: ImageScores) -> Key:
    """How the pictures are to be read."""
    said = "Each image has a scale of its own: its strongest pixels have the full colour."
    return of_scores(axes.numbers(view.frame[view.score]), said)


def _scale(scores: Floats) -> float:
    """The size of score that has the full colour; 0 where none carries weight."""
    size = np.abs(scores[np.isfinite(scores)])
    if not size.any():
        return 0.0
    return float(np.quantile(size, CLIPPED)) or float(size.max())


def _picture(image: Bytes) -> str:
    grey = image[:, :, 0]
    if (image == grey[:, :, None]).all():
        palette = np.unique(grey)
        places = np.searchsorted(palette, grey).astype(np.uint8)
        return indexed_uri(places, np.stack([palette] * 3, axis=-1))
    return rgb_uri(image)


def _whole(series: "pd.Series[int]") -> NDArray[np.int64]:
    numbers = pd.to_numeric(series, errors="coerce").fillna(-1)
    return numbers.to_numpy(dtype=np.float64).astype(np.int64)
