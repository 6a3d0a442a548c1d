"""How it is drawn whether an attribute is encoded in layers, and whether it is used."""

import math

import pandas as pd

from auditkit.probing.usage.results import LayerUsage, Usage
from auditkit.results import Lines, Table, Unit, View
from auditkit.statistics.estimate import Estimate


def usage_views(usage: Usage) -> tuple[View, ...]:
    """How well the attribute is read over the layers, what erasing it changes, and the verdicts."""
    return (_readable(usage), changed_of(usage), verdicts_of(usage))


def _readable(usage: Usage) -> Lines:
    given = f"given {usage.target}"
    plain = usage.layers[0].reading.labels.classes
    lines = [
        {
            "layer": one.layer,
            **({"read": _short(one.reading.auc.value)} if plain else {}),
            given: _short(one.area.value),
            "chance": 0.5,
        }
        for one in usage.layers
    ]
    return Lines(
        title=f"How well {usage.attribute} is read, over the layers",
        frame=pd.DataFrame(lines),
        x="layer",
        y=(*(("read",) if plain else ()), given, "chance"),
        text=f"Area under the curve: the chance that of two rows of different groups the right one "
        f"is said to be so; given {usage.target}, of two rows that are alike in it.",
    )


def changed_of(usage: Usage) -> Lines:
    """How much changes over the layers: erased given the target, plainly, and by chance."""
    lines = [
        {
            "layer": one.layer,
            "given the target": _short(one.given.changed.value),
            "plainly": _short(one.plain.changed.value),
            "random direction": _short(one.random.value),
        }
        for one in usage.layers
    ]
    counted = "Answers moved, in standard deviations," if usage.numbers else "Decisions changed"
    return Lines(
        title=f"{counted} when {usage.attribute} is erased",
        frame=pd.DataFrame(lines),
        x="layer",
        y=("given the target", "plainly", "random direction"),
        unit=Unit.NUMBER if usage.numbers else Unit.SHARE,
        text=f"The verdict rests on what is erased given {usage.target}. Erased plainly, "
        f"{usage.attribute} takes along what it shares with {usage.target}.",
    )


def verdicts_of(usage: Usage) -> Table:
    """The verdict at each layer, and what it rests on."""
    return Table(
        title=f"{usage.attribute}, layer by layer",
        frame=pd.DataFrame([_line(one, usage.numbers) for one in usage.layers]),
        shares=() if usage.numbers else ("random", "accuracy", "smallest"),
        text=f"Read: the AUC among rows with the same {usage.target}. Changed: answers "
        "that are others once it is erased given the target, on rows the eraser did not see. "
        "Lean: by how many standard deviations answers then follow the attribute less. Gaps "
        "between groups after erasing less those before. Smallest: the smallest share of changes "
        "that would have counted.",
    )


def _line(one: LayerUsage, numbers: bool) -> dict[str, object]:
    changed, unit = one.given.changed, (1.0, "") if numbers else (100.0, " %")
    gaps = {
        f"{name.removesuffix(' rate')} gap": _signed(gap.value)
        for name, gap in one.given.gaps.items()
    }
    return {
        "layer": one.layer,
        "verdict": one.verdict.value,
        "read": _short(one.area.value),
        "changed": _with_ends(changed, *unit),
        "random": _short(one.random.value),
        "lean": _signed(one.given.shift.value),
        **({} if numbers else {"accuracy": _short(one.given.accuracy.value)}),
        **gaps,
        "smallest": _short(one.seen),
    }


def _short(value: float) -> float:
    return value if math.isnan(value) else round(value, 3) + 0.0


def _signed(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.2f}"


def _with_ends(one: Estimate, scale: float, unit: str) -> str:
    """`5.2 % (4.5 to 5.9)`, or of numbers `0.15 (0.13 to 0.17)`."""
    if math.isnan(one.value):
        return ""
    digits = 1 if unit else 2
    low, high = (f"{scale * end:.{digits}f}" for end in (one.low, one.high))
    return f"{scale * one.value:.{digits}f}{unit} ({low} to {high})"
