"""What happens to images on their way: JPEG, blur, scaling, cropping, noise; and one encoder.

Images are bytes (1 or 3, height, width) and stay so; all but a crop keep their size. What is drawn
comes from the generator that is given, so that the same one gives the same image.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from auditkit.errors import UsageError, suggestion

Pixels = NDArray[np.uint8]

UNTOUCHED = 0.4  # the share of images that the encoder leaves as they are
QUALITIES = 70, 98  # of JPEG, between which the encoder draws, both included
SMALLEST = 2  # pixels on a side that a crop or a reduced image keeps


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """One thing that happens to images.

    strengths are those that an audit goes through, the mildest first; any between low and high is
    taken.
    """

    name: str
    title: str
    unit: str
    strengths: tuple[float, ...]
    low: float
    high: float
    apply: Callable[[Pixels, float, np.random.Generator], Pixels]


def degraded(pixels: Pixels, kind: str, strength: float, rng: np.random.Generator) -> Pixels:
    """An image (1 or 3, height, width) after one degradation of the table below.

    Raises UsageError for a kind there is not, or a strength out of its range.
    """
    if kind not in DEGRADATIONS:
        raise UsageError(f"no degradation {kind!r}; {suggestion(kind, DEGRADATIONS)}")
    one = DEGRADATIONS[kind]
    if not one.low <= strength <= one.high:
        raise UsageError(
            f"{one.title} of strength {strength:g}: {one.unit} must be between {one.low:g} and "
            f"{one.high:g}"
        )
    return one.apply(pixels, strength, rng)


def encoded(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The image as it comes out of the one encoder that real and made ones go through alike.

    JPEG of a drawn quality, or nothing lost. Whether, and which, has nothing to do with the image,
    so that a detector cannot learn the format in place of the generator.
    """
    lossless, quality = rng.random() < UNTOUCHED, int(rng.integers(*QUALITIES, endpoint=True))
    return pixels if lossless else jpeg(pixels, quality, rng)


def jpeg(pixels: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    """Saved as JPEG and opened again; colour at half the resolution, as is usual."""
    file = io.BytesIO()
    _picture(pixels).save(file, format="JPEG", quality=round(quality), subsampling=2)
    with Image.open(file) as opened:
        return _pixels(opened)


def blurred(pixels: Pixels, sigma: float, _: np.random.Generator) -> Pixels:
    """Blurred by a Gaussian of sigma pixels; what lies outside mirrors what lies inside."""
    values = pixels.astype(np.float32)
    return _bytes(np.asarray(gaussian_filter(values, (0, sigma, sigma), mode="reflect")))


def resized(
    pixels: Pixels, factor: float, rng: np.random.Generator, *, back: bool = True
) -> Pixels:
    """Scaled by a factor, and back to its size unless told otherwise; bilinear or bicubic, drawn.

    Scaling down averages over the pixels that become one, as image programs do.
    """
    way = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[int(rng.integers(2))]
    height, width = pixels.shape[1:]
    other = max(round(width * factor), SMALLEST), max(round(height * factor), SMALLEST)
    scaled = _picture(pixels).resize(other, way)
    return _pixels(scaled.resize((width, height), way) if back else scaled)


def cropped(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """A part of the image at a drawn place, each side `share` of the whole one's, unscaled."""
    height, width = (max(round(side * share), SMALLEST) for side in pixels.shape[1:])
    height, width = min(height, pixels.shape[1]), min(width, pixels.shape[2])
    top = int(rng.integers(pixels.shape[1] - height + 1))
    left = int(rng.integers(pixels.shape[2] - width + 1))
    return pixels[:, top : top + height, left : left + width].copy()


def noisy(pixels: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """With Gaussian noise of that many grey levels on each pixel and channel."""
    return _bytes(pixels + rng.normal(0, deviation, pixels.shape).astype(np.float32))


DEGRADATIONS: dict[str, Degradation] = {
    one.name: one
    for one in (
        Degradation(
            name="jpeg",
            title="JPEG",
            unit="quality",
            strengths=(95, 85, 75, 60, 50),
            low=1,
            high=100,
            apply=jpeg,
        ),
        Degradation(
            name="blur",
            title="blur",
            unit="sigma in pixels",
            strengths=(0.5, 1, 1.5, 2),
            low=0,
            high=20,
            apply=blurred,
        ),
        Degradation(
            name="resize",
            title="scaling down and back",
            unit="factor",
            strengths=(0.9, 0.75, 0.5, 0.35),
            low=0.05,
            high=4,
            apply=resized,
        ),
        Degradation(
            name="crop",
            title="crop",
            unit="share of each side that is kept",
            strengths=(0.9, 0.75, 0.5),
            low=0.05,
            high=1,
            apply=cropped,
        ),
        Degradation(
            name="noise",
            title="noise",
            unit="standard deviation in grey levels",
            strengths=(2, 5, 10),
            low=0,
            high=128,
            apply=noisy,
        ),
    )
}


def _picture(pixels: Pixels) -> Image.Image:
    flat = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(flat))


def _pixels(picture: Image.Image) -> Pixels:
    found = np.asarray(picture)
    return found[None] if found.ndim == 2 else np.ascontiguousarray(found.transpose(2, 0, 1))


def _bytes(values: NDArray[Any]) -> Pixels:
    return values.round().clip(0, 255).astype(np.uint8)
