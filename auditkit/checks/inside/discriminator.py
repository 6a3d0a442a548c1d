"""What the discriminator of a generator looks at in the images that the generator makes."""

import pandas as pd

from auditkit.attribution.base import METHODS
from auditkit.checks.base import words
from auditkit.checks.inside.explanation_views import row_views
from auditkit.data.catalogue.base import cells
from auditkit.data.schema import Kind, Task
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.explainable import explainable
from auditkit.models.gan import GAN
from auditkit.results import Section
from auditkit.subject import Subject

FEW = 3


def made_section(subject: Subject) -> Section | None:
    """The first made images by what speaks for and against their being real; None for others.

    By the method that did best on real images: it was not judged on made ones.
    """
    predictor = subject.predictor
    if subject.task is not Task.IMAGES or not isinstance(predictor, CheckpointModel):
        return None
    if not isinstance(predictor.checkpoint.model, GAN):
        return None
    method = subject.explained.best
    rows = explainable(
        predictor,
        _made_rows(subject),
        reference=None if subject.train is None else subject.train.frame,
        runtime=subject.runtime,
    )
    found = subject.explained.asked(method, rows)
    items = [f"Made image {one + 1}" for one in rows.rows]
    notes = [f"Explained is the {one}." for one in rows.asks]
    return Section(
        title="What does the discriminator look at in made images?",
        text=f"By {words(method)}: {METHODS[method].summary}. The discriminator told the generator "
        "in training what gives its images away; orange speaks for a real image, blue against. The "
        "method was put to the test on real images, not on these.",
        views=row_views(rows, found, items, notes),
    )


def _made_rows(subject: Subject) -> pd.DataFrame:
    """Rows of the audited kind that hold made images, of the class that was told if any was."""
    schema, made = subject.table.schema, subject.generated.made
    (name,) = (one.name for one in schema.features if one.kind is Kind.IMAGE)
    few = min(FEW, len(made.pixels), len(subject.frame))
    frame = subject.frame.iloc[:few].assign(**{name: cells(list(made.pixels[:few]))})
    if made.classes is not None:
        told = [schema.target.levels[int(one)] for one in made.classes[:few]]
        frame = frame.assign(**{schema.target.name: told})
    return frame
