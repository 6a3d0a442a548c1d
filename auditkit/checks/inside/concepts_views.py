"""Concepts as pictures: how far the answers follow them, beside random ones."""

import pandas as pd

from auditkit.probing.concepts.sensitivity import TCAV
from auditkit.results import Intervals, Table, Unit, View

MOST_LINES = 12  # of a table; the strongest layer of each concept comes first


def tcav_views(found: TCAV) -> tuple[View, ...]:
    """Slopes along each concept at its strongest layer, and what else was found there."""
    lines = strongest(found.frame)
    views: list[View] = []
    read = lines[lines["reason"] == ""]
    if len(read):
        views.append(_slopes(read))
    return (*views, _table(found, lines))


def strongest(frame: pd.DataFrame) -> pd.DataFrame:
    """For each concept and answer the layer where the slope is furthest beyond random ones."""
    size = (frame["sensitivity"].abs() / frame["random sensitivity"]).fillna(-1 + frame["auc"] / 2)
    by = [name for name in ("answer", "concept") if name in frame]
    order = frame.assign(size=size).sort_values("size", ascending=False, kind="stable")
    return order.drop_duplicates(by).head(MOST_LINES)


def _slopes(lines: pd.DataFrame) -> Intervals:
    several = "answer" in lines and lines["answer"].nunique() > 1
    names = lines["concept"] + " at " + lines["layer"]
    if several:
        names = names + ", " + lines["answer"]
    frame = pd.DataFrame(
        {
            "concept": names,
            "slope": lines["sensitivity"],
            "low": lines["sensitivity low"],
            "high": lines["sensitivity high"],
        }
    )
    return Intervals(
        title="By how much the answer moves, a group's distance along its direction",
        frame=frame.round(3),
        label="concept",
        value="slope",
        low="low",
        high="high",
        unit=Unit.NUMBER,
        reference=0.0,
        reference_label="not at all",
    )


def _table(found: TCAV, lines: pd.DataFrame) -> Table:
    columns: dict[str, object] = {"concept": lines["concept"], "layer": lines["layer"]}
    if "answer" in lines and lines["answer"].nunique() > 1:
        columns["answer"] = lines["answer"]
    columns |= {
        "held-out AUC": lines["auc"].round(2),
        "slope": lines["sensitivity"].round(3),
        "random, 95 %": lines["random sensitivity"].round(3),
        "adjusted p": lines["adjusted"].round(3),
        "TCAV score": lines["score"].round(3),
        "random from": lines["random low"].round(2),
        "random to": lines["random high"].round(2),
    }
    return Table(
        title="Each concept where it weighs most",
        frame=pd.DataFrame(columns),
        shares=("TCAV score",),
        text=f"Beside {found.draws} random concepts of as many rows. The TCAV score is the share "
        "of rows whose answer rises along the direction; where random concepts have scores from 0 "
        "to 1, it says nothing, and the slope is to be looked at.",
    )
