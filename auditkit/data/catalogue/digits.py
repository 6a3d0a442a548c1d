"""Digits: which figure a hand wrote, in images of eight by eight."""

from typing import cast

import numpy as np
import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, image, schema_of
from auditkit.data.fetch import Bundled

COLUMNS = (
    image("image", "Ink in a grid of 8x8, one channel: 17 steps of grey, 0 to 255"),
    category("label", "The figure that was to be written", *"0123456789"),
)
MOST_INK = 16  # of the 4x4 points of the scanned original that each cell counts


def read() -> pd.DataFrame:
    """The loader's frame: 64 columns of ink, and the target."""
    # Imported here: it takes a second that the other entries need not pay.
    from sklearn.datasets import load_digits

    return cast(pd.DataFrame, load_digits(as_frame=True).frame)


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """One image a row, in the usual range of grey."""
    ink = frame.drop(columns="target").to_numpy()  # (n, 64)
    grey = np.rint(ink * (255 / MOST_INK)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return pd.DataFrame({"image": cells(grey), "label": frame["target"].astype(int).astype(str)})


DIGITS = CATALOGUE.register("digits")(
    DataSet(
        name="digits",
        title="Digits (handwritten, 8x8)",
        source=Bundled(package="scikit-learn", load=read),
        licence="CC BY 4.0 at its origin, as generally stated; scikit-learn ships it under BSD",
        citation="Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="label", positive=None),
        problems=(
            "These are the original test images alone, written by 13 people (Alpaydin & Kaynak "
            "1998), and who wrote which is not told: every split has the same hands on both "
            "sides, and its accuracy says little of a new hand.",
            "Each cell counts the ink of 4x4 points: strokes finer than that are gone.",
            "1,797 images: an accuracy on a quarter of them is known to one or two points.",
        ),
        notes="Grey is the count of ink, 0 to 16, times 255/16, rounded.",
        clean=clean,
    )
)
