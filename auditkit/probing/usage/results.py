"""What `encoded_or_used` found: an attribute over the layers of a network."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from auditkit.probing.probes.reading import Reading
from auditkit.probing.usage.effects import Effect
from auditkit.probing.usage.verdicts import LIMITS, Verdict, overall
from auditkit.statistics.estimate import Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerUsage:
    """An attribute at one layer.

    reading is a probe's; area how well its scores tell the groups apart among rows with the same
    target. plain is what erasing the attribute changed, given that of what is left of it given
    the target, on which the verdict rests; random (and random_shift) the mean over directions
    drawn at random, with the middle 90 % of them. undone is the part of what was to be erased that
    was, on rows the eraser was not fitted on; seen the smallest share that would have counted as
    used.
    """

    layer: str
    reading: Reading
    area: Estimate
    plain: Effect
    given: Effect
    random: Estimate
    random_shift: float
    undone: float
    seen: float
    verdict: Verdict
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Usage:
    """Is an attribute encoded in a network's layers, and is it used in its answers?

    limits says in words what the verdict does not.
    """

    attribute: str
    target: str
    rows: int
    numbers: bool  # the answers are numbers, and what changes is told in standard deviations
    layers: tuple[LayerUsage, ...]
    limits: str = LIMITS

    @property
    def verdict(self) -> Verdict:
        """Over all layers."""
        return overall([one.verdict for one in self.layers])

    @property
    def telling(self) -> LayerUsage:
        """The layer on which the verdict rests: of those with it, where most is seen."""
        those = [one for one in self.layers if one.verdict is self.verdict]
        if self.verdict is Verdict.USED:
            return max(those, key=lambda one: one.given.changed.value)
        return max(those, key=lambda one: one.area.value if one.area.defined else 0.0)

    @property
    def sentence(self) -> str:
        """The verdict in plain words, with what it rests on."""
        one, name, target = self.telling, self.attribute, self.target
        area = f"AUC given {target} {one.area.value:.2f}, {one.area.low:.2f} to {one.area.high:.2f}"
        if self.verdict is Verdict.NOT_READABLE:
            return (
                f"{name} cannot be read from any of the {len(self.layers)} layers beyond what "
                f"{target} tells (at best {one.layer}: {area}): {self.verdict}"
            )
        changes = f"{_told(one.given.changed, self.numbers)}{self._counted}"
        random = _told(one.random, self.numbers, ends=False)
        said = (
            f"{name} can be read from {one.layer} ({area}). Erasing it there given {target} "
            f"changes {changes} and takes {abs(one.given.shift.value):.2f} sd from how far answers "
            f"lean on it; random directions change {random} and take {one.random_shift:.2f} sd: "
            f"{self.verdict}"
        )
        if self.verdict is Verdict.INSUFFICIENT:
            return f"{said} ({one.reason})"
        return said

    @property
    def _counted(self) -> str:
        return " of the answers" if self.numbers else " of the decisions"

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each layer."""
        return pd.DataFrame([self._row(one) for one in self.layers])

    def _row(self, one: LayerUsage) -> dict[str, Any]:
        reading = one.reading
        best = reading.auc if reading.labels.classes else reading.score
        row: dict[str, Any] = {
            "attribute": self.attribute,
            "layer": one.layer,
            "read": best.value,
            "read_given": one.area.value,
            "read_given_low": one.area.low,
            "read_given_high": one.area.high,
        }
        for name, effect in (("erased", one.plain), ("erased_given", one.given)):
            row[name] = effect.changed.value
            row[f"{name}_low"], row[f"{name}_high"] = effect.changed.low, effect.changed.high
            row[f"{name}_accuracy"] = effect.accuracy.value
            row[f"{name}_shift"] = effect.shift.value
            for gap, change in effect.gaps.items():
                row[f"{name}_{gap.replace(' ', '_')}_gap"] = change.value
        row |= {
            "random": one.random.value,
            "random_high": one.random.high,
            "random_shift": one.random_shift,
            "undone": one.undone,
            "detectable": one.seen,
            "verdict": str(one.verdict),
            "reason": one.reason,
            "n": self.rows,
        }
        return row


def _told(one: Estimate, numbers: bool, *, ends: bool = True) -> str:
    """`4.1 % [3.0 to 5.4]`, or standard deviations of numbers."""
    if math.isnan(one.value):
        return "an unknown share"
    scale, digits, unit = (1, 2, " sd") if numbers else (100, 1, " %")
    value = f"{scale * one.value:.{digits}f}{unit}"
    if not ends:
        return value
    return f"{value} [{scale * one.low:.{digits}f} to {scale * one.high:.{digits}f}]"
