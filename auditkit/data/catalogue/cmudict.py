"""CMUdict: how English words are pronounced in North America."""

import re
from collections.abc import Iterator

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, cells, schema_of, text
from auditkit.data.fetch import Package

# "abalone(2) AE1 B AH0 L OW2 N IY0 # comment": the number counts the pronunciations of a word.
ENTRY = re.compile(r"([a-z']+)(?:\(\d+\))? ([^#]+)")
STRESS = str.maketrans("", "", "012")

COLUMNS = (
    text("word", "The word in small letters, with apostrophes"),
    text("pronunciation", "One pronunciation: some of 39 phonemes, a blank between, no stress"),
)


def clean(content: bytes) -> pd.DataFrame:
    """A row for each word and pronunciation, in the order of the file."""
    found = list(dict.fromkeys(_entries(content.decode())))
    return pd.DataFrame(
        {
            "word": cells(word for word, _ in found),
            "pronunciation": cells(phonemes for _, phonemes in found),
        }
    )


def _entries(content: str) -> Iterator[tuple[str, str]]:
    for line in content.splitlines():
        if entry := ENTRY.match(line):
            yield entry[1], entry[2].translate(STRESS).strip()


CMUDICT = CATALOGUE.register("cmudict")(
    DataSet(
        name="cmudict",
        title="CMUdict (English words and their pronunciations)",
        source=Package(
            name="cmudict",
            version="1.1.3",
            archive_sha256="e4d421341bf9fa774bcded8e7d6c5d73a1bf8f88edbe129207713850abac4995",
            member="cmudict/data/cmudict.dict",
            member_sha256="81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22",
        ),
        licence="BSD 2-Clause in its words, by Carnegie Mellon University; it lies in the archive",
        citation="Carnegie Mellon University 1993-2015, The CMU Pronouncing Dictionary",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="pronunciation", positive=None),
        problems=(
            "8,113 of the 124,926 words have more than one pronunciation, in no order of use: an "
            "answer is right if it is any of them.",
            "A word stands on one side, its inflections do not: training may know 'abandon' when "
            "the test asks for 'abandoned'.",
            "Many entries are names, of foreign origin too (aalborg, aaronson): no rule of "
            "spelling reaches these.",
            "Abbreviations are spelled out (fbi: EH F B IY AY) or read as words (nasa: N AE S "
            "AH), as their use has it.",
            "One accent, that of North America; other pronunciations are not wrong.",
        ),
        notes="Left out: 1,193 of 135,166 entries with a sign that is neither letter nor "
        "apostrophe (dots, hyphens, digits); the stress of vowels; and 306 entries that repeat "
        "another once the stress is gone. One row a pronunciation: 133,667.",
        clean=clean,
        test_fraction=0.1,
        apart="word",
    )
)
