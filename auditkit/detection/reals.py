"""Real images for a corpus: which originals are in which part, and what is cut out of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.data.catalogue import load
from auditkit.data.catalogue.base import CATALOGUE
from auditkit.detection.corpus import Part
from auditkit.runtime import Runtime

Pixels = NDArray[np.uint8]
Form = Literal["crop", "whole", "face"]

SIDES = (64, 96, 128, 192)  # pixels of crops of photographs, height and width drawn separately
CHANCES = (0.4, 0.3, 0.2, 0.1)
FACE = 48  # pixels of the middle of a face, as GANs learn it
FACE_AT = 34, 22  # its upper left corner in a portrait, before it is moved
MOVED = 5  # pixels by which it is moved at most, each way
# Of a source's originals. A p-value needs many; real sources that are new test the rest.
SHARES = {Part.TRAIN: 0.5, Part.CALIBRATION: 0.4, Part.TEST: 0.1}


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is cut out of one source of the catalogue.

    column names the original. counts are images of each original in a part; without a column every
    image is an original, and they are how many of them. A crop is unscaled and anywhere; a face the
    middle of a portrait. What has no train count is new: no part but those named sees it.
    """

    source: str
    column: str = ""
    counts: Mapping[Part, int]
    form: Form = "crop"


@dataclass(frozen=True, kw_only=True, eq=False)
class Real:
    """One real image (1 or 3, h, w), and where it comes from."""

    pixels: Pixels
    source: str
    original: str
    part: Part
    form: Form


def _each(train: int, calibration: int, test: int) -> dict[Part, int]:
    return {Part.TRAIN: train, Part.CALIBRATION: calibration, Part.TEST: test}


CUTS = (
    Cut(source="photographs", column="scene", counts=_each(32, 28, 32)),
    Cut(source="lomiri-photographs", column="file", counts=_each(32, 28, 32)),
    Cut(source="orl-faces", column="person", counts=_each(10, 8, 10), form="whole"),
    Cut(source="orl-faces", column="person", counts=_each(10, 8, 10), form="face"),
    Cut(source="fashion-mnist", counts=_each(480, 240, 240), form="whole"),
    Cut(source="mate-photographs", column="file", counts={Part.TEST: 16}),
    Cut(source="mnist-5k", counts={Part.TEST: 200}, form="whole"),
)


def reals_of(cuts: Sequence[Cut], runtime: Runtime, *, times: int = 1) -> list[Real]:
    """The real images of all cuts, `times` as many of each; a source's parts share no original.

    Raises ChecksumError or FetchError where a source is not to be had.
    """
    return [one for cut in cuts for one in _cut(cut, runtime, times)]


def promise_of(cuts: Sequence[Cut]) -> str:
    """Everything that `reals_of` depends on but the seed, without loading anything."""
    sources = {cut.source: repr(CATALOGUE[cut.source].source) for cut in cuts}
    return f"{cuts} {sources} {SIDES} {CHANCES} {FACE} {FACE_AT} {MOVED} {SHARES}"


def faces_of(portrait: Pixels, count: int, rng: np.random.Generator) -> list[Pixels]:
    """Squares of FACE pixels around the middle of a portrait, moved at random."""
    moves = rng.integers(-MOVED, MOVED + 1, (count, 2)) + np.array(FACE_AT)
    return [portrait[:, top : top + FACE, left : left + FACE].copy() for top, left in moves]


def parts_of(
    originals: Sequence[str], parts: Sequence[Part], rng: np.random.Generator
) -> dict[str, Part]:
    """A part for each original, drawn: by SHARES, of the parts that there are."""
    shares = np.array([SHARES[one] for one in parts])
    ends = np.round(np.cumsum(shares / shares.sum()) * len(originals))
    order = rng.permutation(len(originals))
    places = np.searchsorted(ends, np.arange(len(originals)), side="right")
    return {originals[place]: parts[at] for place, at in zip(order, places, strict=True)}


def _cut(cut: Cut, runtime: Runtime, times: int) -> list[Real]:
    frame = load(cut.source).frame
    # Two cuts of one source share the parts of its originals.
    rng, drawn = runtime.rng(f"parts of {cut.source}"), runtime.rng(f"{cut.form} of {cut.source}")
    if not cut.column:
        return _images(cut, frame, drawn, times)
    originals = list(dict.fromkeys(frame[cut.column]))
    found = []
    for original, part in parts_of(originals, list(cut.counts), rng).items():
        images = frame["image"][(frame[cut.column] == original).to_numpy()].tolist()
        for i in range(cut.counts[part] * times):
            pixels = _form(images[i % len(images)], cut.form, drawn)
            found.append(_real(cut, pixels, original, part))
    return found


def _images(cut: Cut, frame: pd.DataFrame, rng: np.random.Generator, times: int) -> list[Real]:
    """Each image an original of its own: as many as are asked for, none twice."""
    order = iter(rng.permutation(len(frame)))
    return [
        _real(cut, frame["image"].iloc[int(place)], str(place), part)
        for part, count in cut.counts.items()
        for place, _ in zip(order, range(count * times), strict=False)
    ]


def _real(cut: Cut, pixels: Pixels, original: str, part: Part) -> Real:
    return Real(
        pixels=pixels,
        source=cut.source,
        original=f"{cut.source}/{original}",
        part=part,
        form=cut.form,
    )


def _form(image: Pixels, form: Form, rng: np.random.Generator) -> Pixels:
    match form:
        case "whole":
            return image
        case "face":
            return faces_of(image, 1, rng)[0]
        case _:
            height, width = (
                min(int(rng.choice(SIDES, p=CHANCES)), side) for side in image.shape[1:]
            )
            top = int(rng.integers(image.shape[1] - height + 1))
            left = int(rng.integers(image.shape[2] - width + 1))
            return image[:, top : top + height, left : left + width].copy()
