"""Breast cancer: whether a tumour is malignant, judged by cell nuclei of a needle sample."""

from typing import cast

import pandas as pd

from auditkit.data.catalogue.base import CATALOGUE, DataSet, category, number, schema_of
from auditkit.data.fetch import Bundled

QUANTITIES = {
    "radius": "distance from centre to outline",
    "texture": "deviation of grey values",
    "perimeter": "length of the outline",
    "area": "area",
    "smoothness": "local variation of the radius",
    "compactness": "perimeter squared over area, less 1",
    "concavity": "depth of the dents in the outline",
    "concave points": "number of dents in the outline",
    "symmetry": "symmetry",
    "fractal dimension": "roughness of the outline as a fractal dimension, less 1",
}
STATISTICS = {
    "mean {}": "Mean over the nuclei: {}",
    "{} error": "Standard error over the nuclei: {}",
    "worst {}": "Mean of the three largest nuclei: {}",
}
COLUMNS = (
    *(
        number(name.format(quantity), meaning.format(described))
        for name, meaning in STATISTICS.items()
        for quantity, described in QUANTITIES.items()
    ),
    category("diagnosis", "What the tumour was found to be", "benign", "malignant"),
)


def read() -> pd.DataFrame:
    """The loader's frame."""
    # Imported here: it takes a second that the other entries need not pay.
    from sklearn.datasets import load_breast_cancer

    return cast(pd.DataFrame, load_breast_cancer(as_frame=True).frame)


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """The target written out: the loader codes malignant as 0."""
    diagnosis = frame["target"].map({0: "malignant", 1: "benign"})
    return frame.drop(columns="target").assign(diagnosis=diagnosis)


BREAST_CANCER = CATALOGUE.register("breast-cancer")(
    DataSet(
        name="breast-cancer",
        title="Breast cancer (Wisconsin, diagnostic)",
        source=Bundled(package="scikit-learn", load=read),
        licence="CC BY 4.0 at its origin, as generally stated; scikit-learn ships it under BSD",
        citation="Street, Wolberg & Mangasarian 1993, Nuclear feature extraction for breast "
        "tumor diagnosis",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="diagnosis", positive="malignant"),
        problems=(
            "Nothing is known of the patients: whom a model treats worse cannot be measured.",
            "569 samples of one hospital; 37.3 % are malignant, far more than among all women "
            "who are examined.",
            "The 30 columns are three statistics of ten quantities and nearly repeat each other.",
        ),
        notes="The positive value is the event to be found, a malignant tumour.",
        clean=clean,
    )
)
