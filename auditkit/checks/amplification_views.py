"""Bias amplification as pictures and tables: by column, by group and outcome."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from auditkit.bias.amplification.measures import Amplification
from auditkit.results import Intervals, Section, Table, Unit

MOVED = ("the data", "the model", "a blind model", "widened beyond noise")
MOST_LINES = 12  # of groups and outcomes of a column, those that the model moves furthest


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What was measured of one sensitive column; training is NaN where its rows are not known."""

    column: str
    link: Amplification
    mals: Amplification
    training: float


def section(found: Sequence[Found], outcome: str | None) -> Section:
    """Where it happens. `outcome` is shown of decisions: the other is its mirror image."""
    known = [one for one in found if one.link.value.defined]
    picture = Intervals(
        title="Beyond noise, by column",
        frame=pd.DataFrame(
            {
                "column": [one.column for one in known],
                "widened by": [one.link.excess.value for one in known],
                "low": [one.link.excess.low for one in known],
                "high": [one.link.excess.high for one in known],
            }
        ),
        label="column",
        value="widened by",
        low="low",
        high="high",
        unit=Unit.POINTS,
        reference=0.0,
        reference_label="as blind errors",
    )
    text = (
        "A link is an outcome that the labels give to a group more or less often than to the "
        "others. Bias amplification (A→T) is how much further along its link the model goes, on "
        "average over groups and outcomes. Errors alone narrow every link, so beside it stands a "
        "blind model: one that errs as often for each true outcome, whatever the group. MALS is an "
        "older measure: the share of an outcome that goes to the groups it is linked to."
    )
    title = "Does the model widen what the data have?"
    return Section(
        title=title, text=text, views=(picture, _measures(known), _moved_most(known, outcome))
    )


def _measures(found: Sequence[Found]) -> Table:
    lines = [
        {
            "column": one.column,
            "measure": name,
            "value": measured.value.value,
            "a blind model": measured.noise,
            "beyond noise": measured.excess.value,
            "low": measured.excess.low,
            "high": measured.excess.high,
        }
        for one in found
        for name, measured in (("A→T", one.link), ("MALS", one.mals))
    ]
    columns = ["column", "measure", "value", "a blind model", "beyond noise", "low", "high"]
    frame = pd.DataFrame(lines, columns=columns)
    return Table(title="Both measures", frame=frame, shares=tuple(columns[2:]))


def _moved_most(found: Sequence[Found], outcome: str | None) -> Table:
    """The groups and outcomes of each column that the model moves furthest beyond noise."""
    parts = []
    for one in found:
        cells = one.link.cells
        if outcome is not None:
            cells = cells[cells.index.get_level_values("task") == outcome]
        order = np.argsort(-cells["widened"].abs().to_numpy(), kind="stable")[:MOST_LINES]
        part = cells.iloc[np.sort(order)].drop(columns="link").reset_index()
        part.columns = pd.Index(["group", "outcome", "rows", *MOVED])
        part.insert(0, "column", one.column)
        parts.append(part)
    columns = ["column", "group", "outcome", "rows", *MOVED]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return Table(
        title="Who is given what",
        frame=frame,
        shares=MOVED,
        text="Shares of a group's rows that the labels, the model and a blind model give an "
        "outcome, and by how much the model leans further along the group's link than a blind one.",
    )
