"""How alike layers are, and the shape of what they hold, as pictures."""

import pandas as pd

from auditkit.probing.dimension import Geometry
from auditkit.probing.similarity.alignment import Comparison
from auditkit.probing.similarity.canonical import Canonical
from auditkit.probing.similarity.measured import Similarity
from auditkit.results import Heatmap, Intervals, Lines, Table, Unit, View

ALIGNED = (
    "1 where two layers tell the rows from each other in the same way, but for a turn and a scale; "
    "0 is what chance gives (CKA, debiased)."
)
SHAPE = (
    "Directions used is how many directions hold the variance (participation ratio); dimension is "
    "that of the surface the rows lie on (TwoNN), too low beyond about 20. One way is the mean "
    "cosine of two rows: near 1 all point the same way, and what tells them apart is small beside "
    "what they share."
)


def similarity_views(frame: pd.DataFrame) -> tuple[View, ...]:
    """A map of the layers, from the frame of a `Comparison`."""
    return (
        Heatmap(
            title="How alike the layers are",
            frame=frame[["layer", "other", "cka"]].round(2),
            x="other",
            y="layer",
            value="cka",
            text=ALIGNED,
        ),
    )


def comparison_views(found: Comparison) -> tuple[View, ...]:
    """The same of a comparison."""
    return similarity_views(found.frame)


def geometry_views(found: Geometry) -> tuple[View, ...]:
    """A table of the layers."""
    frame = found.frame
    columns = {
        "layer": frame["layer"],
        "numbers": frame["numbers"],
        "directions used": _told(frame, "participation"),
        "dimension": _told(frame, "two_nn"),
        "one way": _told(frame, "anisotropy", digits=2),
    }
    if frame["coinciding"].any():
        columns["rows that coincide"] = frame["coinciding"]
    return (Table(title="The shape of each layer", frame=pd.DataFrame(columns), text=SHAPE),)


def measured_views(found: Similarity) -> tuple[View, ...]:
    """A dot with its interval, beside chance."""
    return (
        Intervals(
            title=f"{found.measure}: how alike",
            frame=found.frame[["measure", "value", "low", "high"]],
            label="measure",
            value="value",
            low="low",
            high="high",
            unit=Unit.NUMBER,
            reference=found.chance,
            reference_label="chance",
        ),
    )


def canonical_views(found: Canonical) -> tuple[View, ...]:
    """Curves over the directions: held out, in sample, by chance."""
    return (
        Lines(
            title=f"{found.measure}: correlation of each pair of directions",
            frame=found.frame,
            x="direction",
            y=("held out", "in sample", "chance"),
        ),
    )


def _told(frame: pd.DataFrame, name: str, digits: int = 1) -> list[str]:
    """Values with their intervals, in words."""
    ends = (frame[name], frame[f"{name}_low"], frame[f"{name}_high"])
    return [
        f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})" if value == value else "–"
        for value, low, high in zip(*ends, strict=True)
    ]
