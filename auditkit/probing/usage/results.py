"""What `encoded_or_used` found: an attribute over the layers of a network."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from auditkit.probing.probes.reading import Reading
from auditkit.probing.telling import in_short
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

    __repr__ = in_short

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

    __repr__ = in_short

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
        area = f"AUC {one.area.value:.3g}, {one.area.low:.3g} to {one.area.high:.3g}, among rows"
        area = f"{area} with the same {target}"
        if self.verdict is Verdict.NOT_READABLE:
            best = f"at best {one.layer}: {area}" if len(self.layers) > 1 else area
            where = "no layer gives" if len(self.layers) > 1 else f"{one.layer} does not give"
            return f"{name}: {self.verdict}. Beyond what {target} tells, {where} it away ({best})"
        said = (
            f"{name}: {self.verdict}. It can be read from {one.layer} ({area}); erased there, "
            f"{self._effect(one)}; directions drawn at random {self._by_chance(one)}"
        )
        if self.verdict is Verdict.INSUFFICIENT:
            return f"{said} ({one.reason})"
        if self.verdict is Verdict.USED and one.random.value > one.given.changed.value:
            return f"{said}: more changes by chance, yet the lean stays, which is what tells use"
        return said

    def _effect(self, one: LayerUsage) -> str:
        lean = f"answers lean on it by {abs(one.given.shift.value):.2f} sd less"
        changed = _told(one.given.changed, self.numbers)
        if self.numbers:
            return f"answers move by {changed} and {lean}"
        return f"{changed} of the decisions change and {lean}"

    def _by_chance(self, one: LayerUsage) -> str:
        verb = "move them by" if self.numbers else "change"
        changed = _told(one.random, self.numbers, ends=False)
        return f"{verb} {changed} and take {one.random_shift:.2f} sd of any lean"

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
