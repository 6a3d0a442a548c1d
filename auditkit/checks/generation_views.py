"""Made images beside the training images that they are most like."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from auditkit.checks.base import percent
from auditkit.results import ImageScores, Section
from auditkit.statistics.memorisation import Likeness

PAIRS = 4
PIXELS = 7000  # of all pictures together: more makes the page heavy
GAP = 2  # dark columns between the two images of a pair
CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}
TEXT = (
    "Of all made images these lie nearest to a training image in the features of the judge, "
    "{judge}: a copy that it sees as one would be among them. On the left the made image, on the "
    "right its nearest training image; the coloured pair shows where the made one is brighter "
    "(orange) or darker (blue). Of thousands of images the nearest lie near by chance as well: the "
    "line under each says how many fresh real images lie as near to a training image."
)


def nearest_section(
    found: Sequence[Likeness], made: np.ndarray, trained: np.ndarray, judge: str
) -> Section | None:
    """The pairs as pictures, the nearest first; None of images that are neither grey nor coloured.

    made and trained are (n, C, H, W) uint8.
    """
    channels, height, width = made.shape[1:]
    if channels not in CHANNELS:
        return None
    shown = found[: min(PAIRS, max(PIXELS // (height * (2 * width + GAP)), 1))]
    frames = [
        _pair(i, one, made[one.made], trained[one.trained]) for i, one in enumerate(shown, start=1)
    ]
    return Section(
        title="The made images that are most like a training image",
        text=TEXT.format(judge=judge),
        views=(
            ImageScores(
                title="Made on the left, its nearest training image on the right",
                frame=pd.concat(frames, ignore_index=True),
                item="item",
                row="row",
                column="column",
                score="score",
                channels=CHANNELS[channels],
                note="note",
            ),
        ),
    )


def _pair(place: int, found: Likeness, made: np.ndarray, trained: np.ndarray) -> pd.DataFrame:
    gap = np.zeros((*made.shape[:2], GAP), dtype=np.uint8)
    both = np.concatenate([made, gap, trained], axis=2)
    apart = (made.astype(int) - trained).sum(axis=0)
    scores = np.concatenate([apart, gap[0], apart], axis=1)
    row, column = (one.ravel() for one in np.indices(scores.shape))
    colours = {name: both[i].ravel() for i, name in enumerate(CHANNELS[len(made)])}
    exact = "the same to the judge" if found.distance == 0 else f"distance {found.distance:.2g}"
    note = f"{exact}; {percent(found.share)} of fresh real images lie as near to a training image"
    return pd.DataFrame(
        {
            "item": f"Pair {place}",
            "row": row,
            "column": column,
            **colours,
            "score": scores.ravel(),
            "note": [note, *[""] * (scores.size - 1)],  # said once: a row is a pixel
        }
    )
