"""A sweep over layers: how well labels are read out of each, beside all that a reading must beat.

What is read without any layer at all (chance), what a probe learns by heart (labels drawn at
random for each type), what an untrained twin of the network gives away, what the input does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import isnan, nan

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits
from torch import Tensor

from auditkit.errors import DataError, UsageError, suggestion
from auditkit.probing.probes.code import ORDERS, Code, codes
from auditkit.probing.probes.controls import control_draws, types_of
from auditkit.probing.probes.fitting import Reader
from auditkit.probing.probes.folds import folds_of
from auditkit.probing.probes.information import Information, information
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.paired import (
    Contrast,
    Score,
    accuracy_by_row,
    area_by_row,
    contrast,
    explained_by_row,
    mean_of,
)
from auditkit.probing.probes.reading import Reading, read_many
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime, track
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.multiplicity import holm

# What Cohen calls a small effect, 1988: groups .2 deviations apart have an AUC of .556, a
# correlation of .1 explains .01. Less than that is a trace, however surely it is there.
TRACE = {"auc": 0.05, "r2": 0.01}
LEVEL = 0.05
BASELINES = ("chance", "control", "untrained", "input")


class Verdict(StrEnum):
    """What can be said of labels at a layer."""

    READABLE = "readable"
    NOT_READABLE = "not readable"
    UNSURE = "insufficient evidence"


@dataclass(frozen=True, kw_only=True)
class Readable:
    """The verdict, why, and the p it rests on: the larger of two, by Holm over all layers."""

    verdict: Verdict
    reason: str
    p: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Probed:
    """What was read out of one layer, of its twin or of the input; controls only of a layer.

    control_code is of the first draw: draws hardly differ in it.
    """

    __repr__ = in_short

    reading: Reading
    information: Information
    code: Code
    controls: tuple[Reading, ...] = ()
    control_code: Code | None = None

    @cached_property
    def sorted_right(self) -> Score:
        """AUC by row, of numbers R squared: the measure by which layers are compared."""
        return _sorted_right(self.reading)

    @cached_property
    def guessed_right(self) -> Score:
        """Accuracy by row, of numbers R squared."""
        return _guessed_right(self.reading)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """Labels read out of layers, each row by probes that were fitted on others.

    layers, untrained (the twin's) and inputs hold what was read; untrained lacks a layer whose
    twin gives the same for every row. note says what the control task was.
    """

    __repr__ = in_short

    labels: Labels
    reader: Reader
    layers: Mapping[str, Probed]
    untrained: Mapping[str, Probed]
    inputs: Probed | None
    note: str

    @property
    def measure(self) -> str:
        """By what layers are compared: auc, or r2 of numbers. Frequencies do not move either."""
        return "auc" if self.labels.classes else "r2"

    @property
    def chance(self) -> float:
        """What reading nothing gets of that measure."""
        return 0.5 if self.labels.classes else 0.0

    @property
    def best(self) -> str:
        """The layer out of which the labels are read best."""
        return max(self.layers, key=lambda name: self.layers[name].sorted_right.value)

    def beyond(self, layer: str, baseline: str) -> Contrast | None:
        """The measure less that of a baseline on the same rows; None where there is none.

        baseline is chance, control, untrained or input. Raises UsageError for any other.
        """
        if baseline not in BASELINES:
            raise UsageError(f"no baseline {baseline!r}; {suggestion(baseline, BASELINES)}")
        here = self._at(layer)
        if baseline == "chance":
            return contrast(here.sorted_right.less(self.chance), self.labels)
        if baseline == "control":
            each = [_sorted_right(one) for one in here.controls]
            return self._less(here.sorted_right, each)
        other = self.untrained.get(layer) if baseline == "untrained" else self.inputs
        return None if other is None else self._less(here.sorted_right, [other.sorted_right])

    def selectivity(self, layer: str) -> Estimate:
        """Accuracy (R squared of numbers) less that on the control task, of the same rows.

        Between -1 and 1; near 0 the probe could have learnt any labels by heart. How much draws
        of the control differ is in the interval. Hewitt & Liang 2019.
        """
        here = self._at(layer)
        found = self._less(here.guessed_right, [_guessed_right(one) for one in here.controls])
        method = f"paired, Student's t, {len(here.controls)} draws of the control"
        return found.estimate(method) if found else undefined(self.note, n=len(self.labels))

    def readable(self, layer: str) -> Readable:
        """Whether the labels are read beyond chance and beyond their control.

        Both must be clear of nothing after Holm's correction over the layers, at 5 % in all, and
        the labels must not be a mere trace: an AUC .05 above both, an R squared of .01.
        """
        here = self._at(layer)
        chance, control = self.beyond(layer, "chance"), self.beyond(layer, "control")
        p = self.p_values[layer]
        said = f"{self.measure.upper()} {here.sorted_right.value:.2f}"
        for one, name in ((chance, "chance"), (control, "its control")):
            if one is not None and one.most < TRACE[self.measure]:
                level = here.sorted_right.value - one.value
                why = f"{said}, {name} {level:.2f}: at most {max(one.most, 0):.3f} beyond it"
                return Readable(verdict=Verdict.NOT_READABLE, reason=why, p=p)
        if control is None or chance is None or isnan(p):
            return Readable(verdict=Verdict.UNSURE, reason=self.note, p=p)
        level = here.sorted_right.value - control.value
        why = f"{said}, chance {self.chance:.2f}, control {level:.2f}"
        if p <= LEVEL and min(chance.value, control.value) > 0:
            return Readable(verdict=Verdict.READABLE, reason=why, p=p)
        who = "rows" if self.labels.whose is None else "persons"
        why += f": {chance.units} {who} do not tell whether this is more than chance (p {p:.2g})"
        return Readable(verdict=Verdict.UNSURE, reason=why, p=p)

    def adjusted(self, *baselines: str) -> dict[str, float]:
        """For each layer the largest p of being no better than these, by Holm over the layers.

        NaN where a layer has none of them.
        """
        worst = []
        for name in self.layers:
            each = [self.beyond(name, one) for one in baselines]
            worst.append(max((one.p for one in each if one is not None), default=nan))
        return dict(zip(self.layers, holm(worst), strict=True))

    @cached_property
    def p_values(self) -> Mapping[str, float]:
        """The p of each layer beyond chance and beyond its control."""
        return self.adjusted("chance", "control")

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a layer: every score, its control, its baselines, and the verdict."""
        return pd.DataFrame([self._row(name, one) for name, one in self.layers.items()])

    def _row(self, name: str, here: Probed) -> dict[str, object]:
        reading, verdict, found = here.reading, self.readable(name), here.information.bits
        row: dict[str, object] = {"layer": name}
        row |= _bounded("score", reading.score) | {"chance": reading.chance}
        row |= _bounded("auc", reading.auc)
        row["control"] = _mean([one.score.value for one in here.controls])
        row["control auc"] = _mean([one.auc.value for one in here.controls])
        row |= _bounded("selectivity", self.selectivity(name))
        row |= {"code bits": here.code.length, "compression": here.code.compression}
        row |= {"compression low": here.code.least, "compression high": here.code.most}
        row["control compression"] = here.control_code.compression if here.control_code else nan
        row |= _bounded("information", found)
        for word, other in (("untrained", self.untrained.get(name)), ("input", self.inputs)):
            row |= _told(word, other)
            beyond = self.beyond(name, word)
            row |= _bounded(f"beyond {word}", beyond.estimate("paired") if beyond else None)
        return row | {"verdict": verdict.verdict.value, "p": verdict.p, "reason": verdict.reason}

    def _less(self, score: Score, others: list[Score]) -> Contrast | None:
        """A score less the mean of others of the same rows."""
        kept = [one for one in others if not isnan(one.value)]
        if not kept:
            return None
        return contrast(score - mean_of(kept), self.labels, drawn=kept)

    def _at(self, layer: str) -> Probed:
        if layer not in self.layers:
            raise UsageError(f"no layer {layer!r} in the sweep; {suggestion(layer, self.layers)}")
        return self.layers[layer]


def sweep(
    activations: Mapping[str, Tensor],
    labels: Labels,
    *,
    untrained: Mapping[str, Tensor] | None = None,
    inputs: Tensor | None = None,
    types: ArrayLike | None = None,
    reader: Reader = "ridge",
    controls: int = 3,
    runtime: Runtime | None = None,
) -> Sweep:
    """Read the labels out of every layer, (n, d) each, and out of all that it is compared with.

    untrained is the same of an untrained twin, inputs (n, d_in) the rows themselves; types (n,)
    are what a control task goes by (token ids, words), else persons, else cells of the inputs.
    controls counts its draws. All are read on the same parts. Raises UsageError without layers or
    controls, DataError where a layer tells nothing, by its name.
    """
    if not activations or controls < 1:
        raise UsageError("a sweep needs a layer and a draw of its control, or more")
    runtime = runtime or Runtime()
    split = folds_of(labels, runtime.rng(f"probe {labels.name}"))
    rng = runtime.rng(f"control {labels.name}")
    kinds = types_of(labels, types=types, inputs=inputs, rng=rng)
    asked = [labels, *control_draws(labels, kinds, controls, rng)]
    spaces = _Spaces(split=split, reader=reader, runtime=runtime)
    # Thousands of small solves: threads that wait for each other made Adult's take three times as
    # long on two cores.
    with threadpool_limits(1, user_api="blas"):
        found = {
            name: spaces.probed(name, one, asked)
            for name, one in track(activations.items(), f"probing {labels.name}", len(activations))
        }
        twins = {
            name: spaces.alone(f"untrained {name}", one, labels)
            for name, one in (untrained or {}).items()
        }
        alone = None if inputs is None else spaces.alone("the input", inputs, labels)
    return Sweep(
        labels=labels,
        reader=reader,
        layers=found,
        untrained={name: one for name, one in twins.items() if one is not None},
        inputs=alone,
        note=kinds.note(split),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Spaces:
    """How every space is read: on the same parts, by the same kind of probe."""

    split: np.ndarray
    reader: Reader
    runtime: Runtime

    def probed(
        self, name: str, numbers: Tensor, asked: list[Labels], orders: int = ORDERS
    ) -> Probed:
        """The task and its controls read out of one space."""
        try:
            first, *rest = read_many(
                numbers, asked, reader=self.reader, split=self.split, runtime=self.runtime
            )
            own, *others = codes(numbers, asked[:2], orders=orders, runtime=self.runtime)
        except DataError as error:
            raise DataError(f"layer {name}: {error}") from error
        return Probed(
            reading=first,
            information=information(first),
            code=own,
            controls=tuple(rest),
            control_code=others[0] if others else None,
        )

    def alone(self, name: str, numbers: Tensor, labels: Labels) -> Probed | None:
        """The task read out of what a layer is compared with; None where that is constant."""
        if bool((numbers == numbers[:1]).all()):
            return None
        return self.probed(name, numbers, [labels], orders=1)


def _sorted_right(reading: Reading) -> Score:
    of = area_by_row if reading.labels.classes else explained_by_row
    return of(reading.labels, reading.said)


def _guessed_right(reading: Reading) -> Score:
    of = accuracy_by_row if reading.labels.classes else explained_by_row
    return of(reading.labels, reading.said)


def _told(word: str, probed: Probed | None) -> dict[str, float]:
    """The scores of a twin or of the input."""
    if probed is None:
        names = ("", " auc", " compression", " information")
        return {f"{word}{name}": nan for name in names}
    return {
        word: probed.reading.score.value,
        f"{word} auc": probed.reading.auc.value,
        f"{word} compression": probed.code.compression,
        f"{word} information": probed.information.bits.value,
    }


def _bounded(word: str, estimate: Estimate | None) -> dict[str, float]:
    if estimate is None:
        return {word: nan, f"{word} low": nan, f"{word} high": nan}
    return {word: estimate.value, f"{word} low": estimate.low, f"{word} high": estimate.high}


def _mean(values: list[float]) -> float:
    known = [one for one in values if not isnan(one)]
    return float(np.mean(known)) if known else nan
