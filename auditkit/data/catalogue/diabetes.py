"""Diabetes: how far the disease has advanced a year after the first examination."""

from typing import cast

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, number, schema_of
from auditkit.data.fetch import Bundled

COLUMNS = (
    number("age", "Age in years", bands=(25, 45, 65)),
    category("sex", "Sex, coded 1 and 2; the source does not say which is which", "1", "2"),
    number("bmi", "Body mass index, kilograms over square metres"),
    number("bp", "Mean blood pressure"),
    number("s1", "Blood serum: total cholesterol"),
    number("s2", "Blood serum: low-density lipoproteins"),
    number("s3", "Blood serum: high-density lipoproteins"),
    number("s4", "Blood serum: total cholesterol over high-density lipoproteins"),
    number("s5", "Blood serum: probably the logarithm of triglycerides"),
    number("s6", "Blood serum: sugar"),
    number("progression", "Advance of the disease after one year, 25 to 346"),
)


def read() -> pd.DataFrame:
    """The loader's frame, in the units of the measurements."""
    # Imported here: it takes a second that the other entries need not pay.
    from sklearn.datasets import load_diabetes

    return cast(pd.DataFrame, load_diabetes(as_frame=True, scaled=False).frame)


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """The target by its name, and sex as the levels it is."""
    sex = frame["sex"].map({1.0: "1", 2.0: "2"})
    return frame.rename(columns={"target": "progression"}).assign(sex=sex)


DIABETES = CATALOGUE.register("diabetes")(
    DataSet(
        name="diabetes",
        title="Diabetes (progression after one year)",
        source=Bundled(package="scikit-learn", load=read),
        licence="not stated at its origin; scikit-learn ships it under BSD",
        citation="Efron, Hastie, Johnstone & Tibshirani 2004, Least Angle Regression",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="progression", positive=None, sensitive=("sex", "age")),
        problems=(
            "How progression was measured is not described.",
            "The source does not say which code of sex is which.",
            "442 patients: differences between groups are known only roughly.",
        ),
        notes="The target is a number: there is no positive value.",
        clean=clean,
    )
)
