"""What is true of an image as a file, whatever it shows: size, traces of JPEG, grey levels."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from auditkit.detection.patches import grey

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

GRID = 8  # pixels on a side of JPEG's squares
HIGH = np.add.outer(np.arange(GRID), np.arange(GRID)) >= GRID - 1  # the upper half of frequencies
SILENCE = 0.05  # grey levels: a square without high frequencies is not infinitely silent
APART = 2  # pixels between lines that are compared at the edge
FAINT = 0.5  # grey levels: less is no step
STEPS, LEVELS = 8, 16  # the widest step that is looked for, and the fewest levels that show one


@dataclass(frozen=True, kw_only=True)
class Trait:
    """Something that is true of a file or its numbers, whatever the picture shows."""

    name: str
    title: str
    group: str
    read: Callable[[Pixels], float]


def jpeg_grid(pixels: Pixels) -> float:
    """How plainly an image was once JPEG, in whole units; 0 where nothing tells.

    JPEG empties the high frequencies of squares of 8 x 8 pixels that begin at the corner, and less
    so those of squares 4 pixels on: the logarithm of their ratio times the root of the number of
    squares. What repeats every 2 or 4 pixels, as upsampling does, is in both and cancels; smooth
    images only vary more about 0, which whole units hide. A cropped image's grid may be missed.
    """
    whole = grey(pixels).astype(np.float64) * 255
    half = GRID // 2
    inner = whole[half : len(whole) - half, half : whole.shape[1] - half]
    if min(inner.shape) < GRID:
        return 0.0
    (here, squares), (beside, _) = _frequencies(whole), _frequencies(inner)
    ratio = (beside[HIGH].mean() + SILENCE) / (here[HIGH].mean() + SILENCE)
    found = np.log(ratio) * np.sqrt(squares)
    return float(np.floor(np.maximum(found, 0)))


def grid_spectrum(pixels: Pixels) -> Floats:
    """Mean size of each cosine frequency of 8 x 8 squares from the corner, (64,), a logarithm.

    This is where JPEG rounds, and what a detector that knows no better learns first.
    """
    found, _ = _frequencies(grey(pixels).astype(np.float64) * 255)
    return np.asarray(np.log(found + SILENCE).reshape(-1))


def _frequencies(whole: Floats) -> tuple[Floats, int]:
    """Mean size of each frequency of squares of 8 x 8 pixels, (8, 8), and how many squares."""
    down, right = (side // GRID for side in whole.shape)
    squares = whole[: down * GRID, : right * GRID].reshape(down, GRID, right, GRID)
    found = np.abs(dctn(squares.transpose(0, 2, 1, 3), axes=(2, 3), norm="ortho"))
    return np.asarray(found.mean(axis=(0, 1))), down * right


def level_step(pixels: Pixels) -> float:
    """The distance between neighbouring grey levels that occur, as 19 in 20 of them keep it.

    1 unless the levels were made coarser, as by 7 bits or a stretched contrast, or are too few.
    """
    levels = np.flatnonzero(np.bincount(pixels.reshape(-1), minlength=256))
    for step in range(STEPS, 1, -1):
        commonest = np.bincount(levels % step, minlength=step).max()
        if len(levels) >= LEVELS and commonest >= 0.95 * len(levels):
            return float(step)
    return 1.0


def frame(pixels: Pixels) -> float:
    """How unlike the rest an image's outermost pixels are, 0 where they are not.

    The steps of brightness over two pixels from each edge inwards beside the next such steps, the
    logarithm of their ratio, in size. Over two pixels, for upsampling repeats every two.
    """
    whole = grey(pixels).astype(np.float64) * 255
    if min(whole.shape) <= 2 * APART:
        return 0.0
    sides = whole, whole[::-1], whole.T, whole.T[::-1]
    ratios = [(_step(one, 0) + FAINT) / (_step(one, APART) + FAINT) for one in sides]
    return float(abs(np.log(np.mean(ratios))))


def _step(whole: Floats, line: int) -> float:
    return float(np.abs(whole[line] - whole[line + APART]).mean())


def bytes_a_pixel(pixels: Pixels) -> float:
    """The size of the file by one lossless encoder, in bytes a pixel."""
    flat = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(file, format="PNG", compress_level=1)
    return file.tell() / float(pixels.shape[1] * pixels.shape[2])


SIZE, NUMBERS, FILE = "size and channels", "quantisation", "size of the file"
FRAME = "outermost pixels"
TRAITS: tuple[Trait, ...] = (
    Trait(name="height", title="height", group=SIZE, read=lambda one: one.shape[1]),
    Trait(name="width", title="width", group=SIZE, read=lambda one: one.shape[2]),
    Trait(name="channels", title="channels", group=SIZE, read=lambda one: len(one)),
    Trait(
        name="coloured",
        title="whether it has colours",
        group=SIZE,
        read=lambda one: float((one != one[:1]).any(axis=0).any()),
    ),
    Trait(name="step", title="step between grey levels", group=NUMBERS, read=level_step),
    Trait(name="jpeg", title="traces of JPEG's grid", group=NUMBERS, read=jpeg_grid),
    Trait(name="bytes", title="bytes a pixel, as PNG", group=FILE, read=bytes_a_pixel),
    Trait(name="frame", title="how unlike the rest the edge is", group=FRAME, read=frame),
)
GROUPS = tuple(dict.fromkeys(one.group for one in TRAITS))
