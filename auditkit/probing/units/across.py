"""Units of all layers together: which double others, which single out a class or a group."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from auditkit.errors import DataError
from auditkit.probing.probes.labels import Labels
from auditkit.probing.similarity.alignment import Activations
from auditkit.probing.units.doubles import Doubles, duplicates
from auditkit.probing.units.selective import (
    STRONG,
    Ranked,
    UnitSelectivity,
    unit_selectivity,
)
from auditkit.probing.units.strongest import Strongest
from auditkit.runtime import Runtime, track


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerUnits:
    """Doubled units of each layer.

    frame has a line for each layer: layer, units, constant (those that never change), doubled,
    pairs, by chance (pairs that independent units would give).
    """

    layers: Mapping[str, Doubles]
    frame: pd.DataFrame

    @property
    def doubled(self) -> int:
        """Units, over all layers, that could be read off another of their layer."""
        return sum(one.doubled for one in self.layers.values())

    @property
    def varying(self) -> int:
        """Units that change at all."""
        return sum(one.varying for one in self.layers.values())

    @property
    def share(self) -> float:
        """doubled / varying; NaN where no unit changes."""
        return self.doubled / self.varying if self.varying else math.nan


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerSelectivity:
    """How units of each layer tell the classes of one column apart.

    frame has a line for each layer: layer, units, at_level (those with a p of at most 5 %),
    by_chance (how many would have if none knew anything), selective (at a false
    discovery rate of 5 %), strong (these with an AUC beyond .75 or .25), unit, level, seen and
    held_out (the strongest and its AUC, or correlation, on the rows it was chosen on and others).
    """

    labels: Labels
    layers: Mapping[str, UnitSelectivity]
    frame: pd.DataFrame

    @property
    def units(self) -> int:
        """Units of all layers."""
        return int(self.frame["units"].sum())

    @property
    def at_level(self) -> int:
        """Units with a p of at most 5 %, each for itself; `by_chance` is their null."""
        return int(self.frame["at_level"].sum())

    @property
    def by_chance(self) -> float:
        """How many would have one if no unit knew anything."""
        return float(self.frame["by_chance"].sum())

    @property
    def strong(self) -> int:
        """Units that single out a class."""
        return int(self.frame["strong"].sum())

    @property
    def strongest(self) -> tuple[str, Strongest] | None:
        """The layer and the unit that did best on the rows that choose; None where not asked."""
        found = [(name, one.strongest) for name, one in self.layers.items() if one.strongest]
        if not found:
            return None
        return max(found, key=lambda pair: abs(pair[1].seen - pair[1].nothing))


def layer_duplicates(
    activations: Mapping[str, Activations], *, threshold: float = 0.99
) -> LayerUnits:
    """`duplicates` of each layer's activations (n, d)."""
    found = {name: duplicates(one, threshold=threshold) for name, one in activations.items()}
    lines = [
        {
            "layer": name,
            "units": one.units,
            "constant": one.units - one.varying,
            "doubled": one.doubled,
            "pairs": one.pairs,
            "by chance": one.chance,
        }
        for name, one in found.items()
    ]
    return LayerUnits(layers=found, frame=pd.DataFrame(lines))


def layer_selectivity(
    activations: Mapping[str, Activations | Ranked],
    labels: Labels,
    *,
    strongest: bool = True,
    runtime: Runtime | None = None,
) -> LayerSelectivity:
    """`unit_selectivity` of each layer, its strongest units chosen on the same rows.

    Activations that are `ranked` beforehand can be asked about several columns in less time.
    """
    if not activations:
        raise DataError("there are no layers: give {name: activations (n, d)}")
    found = {
        name: unit_selectivity(one, labels, strongest=strongest, runtime=runtime)
        for name, one in track(activations.items(), "asking units", len(activations))
    }
    lines = [_line(name, one) for name, one in found.items()]
    return LayerSelectivity(labels=labels, layers=found, frame=pd.DataFrame(lines))


def _line(name: str, found: UnitSelectivity) -> dict[str, object]:
    best = found.strongest
    return {
        "layer": name,
        "units": found.units,
        "at_level": found.at_level,
        "by_chance": found.by_chance,
        "selective": found.selective,
        "strong": found.strong(STRONG),
        "unit": -1 if best is None else best.unit,
        "level": "" if best is None else best.level,
        "seen": math.nan if best is None else best.seen,
        "held_out": math.nan if best is None else best.held_out.value,
    }
