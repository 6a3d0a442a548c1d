"""Japanese vowels: which of nine men says "ae"."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, cells, schema_of, sequence
from auditkit.data.fetch import Package

TEST_ROWS = range(270, 640)

COLUMNS = (
    sequence("utterance", "7 to 29 steps of 12 cepstral coefficients (linear prediction)"),
    category("speaker", "The man who speaks", *"123456789"),
)


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """The 270 utterances for training, then the 370 of the test."""
    found = [
        one
        for part in ("TRAIN", "TEST")
        for one in _utterances(files[f"JapaneseVowels_{part}.ts"].decode())
    ]
    return pd.DataFrame(
        {
            "utterance": cells(steps for steps, _ in found),
            "speaker": [speaker for _, speaker in found],
        }
    )


def _utterances(content: str) -> Iterator[tuple[np.ndarray, str]]:
    """After the line @data, one a line: channel:channel:...:speaker, each channel a,b,c,..."""
    for row in content.partition("@data\n")[2].split():
        *channels, speaker = row.split(":")
        steps = np.array([one.split(",") for one in channels], dtype=np.float32)
        yield np.ascontiguousarray(steps.T), speaker  # (steps, 12)


JAPANESE_VOWELS = CATALOGUE.register("japanese-vowels")(
    DataSet(
        name="japanese-vowels",
        title="Japanese vowels (nine men)",
        source=Package(
            name="aeon",
            version="1.6.0",
            archive_sha256="d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
            member="aeon/datasets/data/JapaneseVowels/JapaneseVowels_T*.ts",
            member_sha256="8ef607c99fa36c568c3854940f4174ba9c4f1bfa4f0cf1183e8b675d1c8e839d",
        ),
        licence="BSD 3-Clause, as the archive states of itself; CC BY 4.0 at its origin, as "
        "generally stated",
        citation="Kudo, Toyama & Shimbo 1999, Multidimensional Curve Classification Using "
        "Passing-Through Regions",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="speaker", positive=None),
        problems=(
            "The same nine men are in training and test: the task is to tell them apart, and "
            "says nothing of a voice that was not in training.",
            "All are men, and all say the same two vowels: nothing here says how women or other "
            "words fare.",
            "The test is unbalanced, 24 to 88 utterances a man, where training has 30 of each: "
            "always answering '3' is right in 23.8 % of the test.",
            "The file holds coefficients, not sound: what the recording lost cannot be heard.",
        ),
        notes="Split as published: 270 utterances for training, 370 for the test.",
        clean=clean,
        test_rows=TEST_ROWS,
    )
)
