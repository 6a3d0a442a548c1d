"""Real and made images side by side: which is which, whence each comes, what it may be used for.

A corpus is a frame with one row an image and the columns below, so that it is a table like any
other: it can be audited, split by group and read in a notebook.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from auditkit.data.catalogue.base import category, cells, image
from auditkit.data.schema import Column, Schema, require_column
from auditkit.errors import DataError

IMAGE = "image"  # uint8 array (channels, height, width), channels 1 or 3; of any size
LABEL = "label"  # REAL or FAKE
GENERATOR = "generator"  # what made a fake, NOBODY of a real image
SOURCE = "source"  # the set of real images that it is of, or that its generator learned from
ORIGINAL = "original"  # the photograph or person behind it: never in two parts
PART = "part"  # one of Part
REAL, FAKE, NOBODY = "real", "fake", "nobody"
COLUMNS = (LABEL, GENERATOR, SOURCE, ORIGINAL, PART)


class Part(StrEnum):
    """What an image may be used for."""

    TRAIN = "train"  # members are fitted on these
    CALIBRATION = "calibration"  # thresholds and probabilities: a generator nobody trained on
    TEST = "test"  # another generator, other photographs and persons


def corpus_of(images: Sequence[np.ndarray], **columns: Any) -> pd.DataFrame:
    """A corpus of images (channels, height, width) uint8; each column is one value or n of them.

    Raises DataError where a column is missing or an image is none.
    """
    frame = pd.DataFrame({IMAGE: cells(images)})
    for name in COLUMNS:
        frame[name] = columns.get(name)
    require_corpus(frame, "the corpus")
    return frame


def require_corpus(frame: pd.DataFrame, where: str) -> None:
    """Raise DataError unless a frame has a corpus's columns, filled, and images."""
    for name in (IMAGE, *COLUMNS):
        require_column(frame, name, where)
        if frame[name].isna().any():
            raise DataError(
                f"column {name!r} in {where} is empty in some row; say it of each image"
            )
    strange = sorted(set(frame[LABEL]) - {REAL, FAKE})
    if strange:
        raise DataError(f"{LABEL} in {where} is {strange[0]!r} in some row; it is {REAL} or {FAKE}")
    for one in frame[IMAGE]:
        if one.dtype != np.uint8 or one.ndim != 3 or one.shape[0] not in (1, 3):
            raise DataError(
                f"{where} holds {one.dtype} of shape {one.shape}, which is no image: give bytes of "
                "shape (1 or 3, height, width)"
            )


def corpus_schema(sensitive: Sequence[Column] = ()) -> Schema:
    """What the columns mean to an audit: a fake is the outcome, nobody a group unless it is said.

    A source is no group of people, and each has fakes by generators of its own: what differs
    between sources is told by the detector's own audit, and never as a harm.
    """
    return Schema(
        target=category(LABEL, "Whether the image was made by a generator", FAKE, REAL),
        positive=FAKE,
        features=(image(IMAGE, "The image as it is given to the detector"),),
        sensitive=tuple(sensitive),
    )
