"""A sweep over layers as pictures: what is read of each, beside all that it must beat."""

import pandas as pd

from auditkit.probing.probes.sweep import Sweep
from auditkit.results import Lines, Table, Unit, View

LINES = {
    "auc": "the layer",
    "control auc": "its control",
    "untrained auc": "untrained twin",
    "input auc": "the input",
}
NUMBERS = {
    "score": "the layer",
    "control": "its control",
    "untrained": "untrained twin",
    "input": "the input",
}
IS = {
    "auc": "How often a row of a class is told from one of another (AUC), read by probes from the "
    "rows they were not fitted on",
    "r2": "The share of the differences that probes explain (R squared) on rows they were not "
    "fitted on",
}


def sweep_views(sweep: Sweep) -> tuple[View, ...]:
    """Curves over the layers, and what was found at each."""
    return lines_of(sweep), table_of(sweep)


def lines_of(sweep: Sweep) -> Lines:
    """The layer's own curve beside its control, the untrained twin, the input and chance."""
    wanted = {
        column: name
        for column, name in (LINES if sweep.labels.classes else NUMBERS).items()
        if sweep.frame[column].notna().any()
    }
    frame = sweep.frame[["layer", *wanted]].rename(columns=wanted).assign(chance=sweep.chance)
    return Lines(
        title=f"How well {sweep.labels.name} is read from each layer",
        frame=frame.round(3),
        x="layer",
        y=(*wanted.values(), "chance"),
        unit=Unit.SHARE,
        text=f"{IS[sweep.measure]}. {sweep.note}",
    )


def table_of(sweep: Sweep) -> Table:
    """What was found at each layer, in few columns."""
    found, classes = sweep.frame, sweep.labels.classes
    score = "accuracy" if classes else "explained"
    columns: dict[str, object] = {
        "layer": found["layer"],
        "found": found["verdict"],
        score: found["score"],
        "chance": found["chance"],
        "selectivity": found["selectivity"],
    }
    if classes:
        columns |= {
            "compression": found["compression"].round(2),
            "of random labels": found["control compression"].round(2),
        }
    columns["bits"] = found["information"].round(2)
    frame = pd.DataFrame(columns).round(3)
    return Table(
        title=f"Reading {sweep.labels.name}, layer by layer",
        frame=frame,
        shares=(score, "chance", "selectivity"),
        text="Selectivity is what is read beyond a control task, labels that only memory gets "
        "right. Compression is how many times shorter the labels can be sent to somebody who has "
        "the layer; bits are what a linear reader saves on each.",
    )
