"""Single units as pictures: idle, doubled, selective; what excites them, what reaches them."""

from collections.abc import Mapping
from typing import Protocol

import pandas as pd

from auditkit.probing.units.across import LayerSelectivity, LayerUnits
from auditkit.probing.units.census import UnitCount
from auditkit.probing.units.doubles import Doubles
from auditkit.probing.units.excitation import Exciting
from auditkit.probing.units.gradients import GradientFlow
from auditkit.probing.units.selective import UnitSelectivity
from auditkit.results import Bars, Table, View

MOST = 12  # lines of a table


class Known(Protocol):
    """What units know of a column, and what those of the untrained network do."""

    @property
    def trained(self) -> LayerSelectivity:
        """Of the network."""
        ...

    @property
    def untrained(self) -> LayerSelectivity:
        """Of its untrained twin."""
        ...


def census_views(census: Mapping[str, UnitCount]) -> tuple[View, ...]:
    """Dead and saturated units, of the activations that have some."""
    lines = [
        (name, one.total, one.dead, one.saturated)
        for name, one in census.items()
        if one.dead or one.saturated
    ]
    if not lines:
        return ()
    lines.sort(key=lambda line: -(line[2] + line[3]) / line[1])
    frame = pd.DataFrame(lines[:MOST], columns=["activation", "units", "dead", "saturated"])
    more = f" {len(lines) - MOST} more have some." if len(lines) > MOST else ""
    return (Table(title="Idle units", frame=frame, text=f"The idlest first.{more}"),)


def doubles_views(found: LayerUnits) -> tuple[View, ...]:
    """Doubled units by layer."""
    frame = found.frame[["layer", "units", "constant", "doubled"]]
    frame = frame.rename(columns={"constant": "never change"})
    return (Table(title="Units that say the same as another", frame=frame),)


def pairs_views(found: Doubles) -> tuple[View, ...]:
    """The strongest pairs of one layer."""
    text = f"{found.pairs:,} pairs in all; by chance {found.chance:.2g}."
    return (
        Table(title="Pairs of units that say the same", frame=found.frame.head(MOST), text=text),
    )


def layer_selectivity_views(columns: Mapping[str, Known]) -> tuple[View, ...]:
    """A line for each column: how many units know of it, and the strongest."""
    lines = []
    for name, known in columns.items():
        best, beside = known.trained.strongest, known.untrained.strongest
        if best is None or beside is None:
            continue
        layer, unit = best
        one, control = unit.told_apart, beside[1].told_apart
        lines.append(
            {
                "column": name,
                "single it out": known.trained.strong,
                "untrained": known.untrained.strong,
                "differ at all": known.trained.at_level,
                "by chance": round(known.trained.by_chance),
                "the strongest": f"{layer}, unit {unit.unit}",
                "tells": unit.level or "the order",
                "held out": f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})",
                "untrained's": f"{control.value:.2f}",
            }
        )
    first = next(iter(columns.values())).trained
    return (
        Table(
            title=f"What single units know, of {first.units:,}",
            frame=pd.DataFrame(lines),
            text="Held out is the strongest unit's AUC (of a number, its rank correlation) on rows "
            "that did not choose it.",
        ),
    )


def selectivity_views(found: UnitSelectivity) -> tuple[View, ...]:
    """The units of one layer that know most, as a table."""
    frame = found.frame
    order = (frame[found.quantity] - found.nothing).abs().sort_values(ascending=False).index
    shown = frame.loc[order[:MOST]].round(4)
    text = (
        f"{found.at_level} of {found.units} units differ at all, by chance {found.by_chance:.0f}."
    )
    return (Table(title=f"Units that know most of {found.labels.name}", frame=shown, text=text),)


def exciting_views(found: Exciting) -> tuple[View, ...]:
    """The rows that excite a unit most."""
    frame = found.frame
    kept = [name for name in frame.columns if not (frame[name] == -1).all()]
    return (
        Table(
            title=f"What excites units of {found.layer}",
            frame=frame[kept].round(3),
            text=f"Of {found.rows:,} rows, counted from 0; times are standard deviations above "
            "the mean of all rows.",
        ),
    )


def flow_views(found: GradientFlow) -> tuple[View, ...]:
    """How long a row's gradient is at each layer."""
    frame = found.frame[found.frame["typical"].notna()]
    cut = pd.DataFrame(
        {
            "layer": frame["layer"],
            "gradient": [float(f"{one:.3g}") for one in frame["typical"]],
        }
    )
    worst = frame.sort_values("zero", ascending=False).iloc[0]
    text = "The median over rows."
    if worst["zero"] > 0:
        text += f" In {worst['layer']} {100 * worst['zero']:.0f} % of the units get none at all."
    return (
        Bars(title="Length of a row's gradient", frame=cut, x="layer", y=("gradient",), text=text),
    )
