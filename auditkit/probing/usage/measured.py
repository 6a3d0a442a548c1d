"""Encoded or used: an attribute is read at each layer, erased there, and the answers compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.attribution.question import at_rest, tensors
from auditkit.errors import DataError, UsageError
from auditkit.models.layers import named_layers, stages
from auditkit.models.opened import Rows
from auditkit.probing.probes.folds import folds_of
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.reading import Reading, read_layers
from auditkit.probing.usage.answers import (
    Answers,
    Floats,
    Integers,
    Logits,
    Truth,
    labelled,
    truth_of,
)
from auditkit.probing.usage.effects import Comparison, row_weights
from auditkit.probing.usage.erasures import Fitted, Key, Network
from auditkit.probing.usage.means import Mean, area_within, likeness_within, smallest_share, within
from auditkit.probing.usage.results import LayerUsage, Usage
from auditkit.probing.usage.verdicts import Evidence, Limits, verdict_of
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate

DRAWS = 4  # random erasures, each of five directions: one for each part of the rows
Readings = Mapping[str, Mapping[str, Reading]]  # by attribute and layer


def encoded_or_used(
    model: nn.Module,
    inputs: Tensor | Sequence[Tensor] | Sequence[Rows],
    attribute: Labels,
    target: Labels,
    *,
    layers: str | Sequence[str] | None = None,
    lengths: Tensor | None = None,
    logits: Logits | None = None,
    positive: str | None = None,
    readings: Mapping[str, Reading] | None = None,
    limits: Limits | None = None,
    draws: int = DRAWS,
    runtime: Runtime | None = None,
) -> Usage:
    """Is an attribute encoded in a network's layers, and is it used in its answers?

    inputs are n rows as the model takes them, or batches of them; attribute and target have a
    label for each. At each layer (by name or pattern; `stages` where none is named) the attribute
    is read by probes (or the readings given), and erased by LEACE: plainly, and what is left of
    it given the target; beside both stand random directions of the same rank. Erasers are fitted
    on four fifths of the rows, and what they do is measured on the fifth. Of steps (n, T, d) and of
    maps each place is erased; lengths (n,) says how many steps there are.

    logits makes of the model's outputs one number a row, 0 or more for the positive level of two
    (the last where none is named), or one for each class; of a target of numbers, the number.
    Raises UsageError for a layer that does not exist, DataError for rows and labels that do not
    fit, ModelError for answers that do not.
    """
    runtime = runtime or Runtime()
    return encoded_or_used_many(
        model,
        _batches(inputs, lengths, runtime),
        [attribute],
        target,
        layers=layers,
        logits=logits,
        positive=positive,
        readings={} if readings is None else {attribute.name: readings},
        limits=limits,
        draws=draws,
        runtime=runtime,
    )[attribute.name]


def encoded_or_used_many(
    model: nn.Module,
    batches: Sequence[Rows],
    attributes: Sequence[Labels],
    target: Labels,
    *,
    layers: str | Sequence[str] | None = None,
    logits: Logits | None = None,
    positive: str | None = None,
    places: Mapping[str, Integers] | None = None,
    readings: Readings | None = None,
    limits: Limits | None = None,
    draws: int = DRAWS,
    runtime: Runtime | None = None,
) -> dict[str, Usage]:
    """The same of several attributes of the same rows, by name, at less than the cost of each.

    places says by name at which of the n rows an attribute or the target has its labels, where
    these are not all. Verdicts are corrected for all attributes and layers together.
    """
    names = stages(model) if layers is None else tuple(named_layers(model, layers))
    if not names:
        raise UsageError("the model has no layer that a sweep would look at: name one with layers=")
    if draws < 1:
        raise UsageError(f"draws is {draws}: one random direction at least stands beside")
    runtime, where = runtime or Runtime(), places or {}
    n = sum(len(rows.places) for rows in batches)
    truth = truth_of(target, n, where.get(target.name), positive)
    whose = next((one.whose for one in (target, *attributes) if len(one) == n), None)
    study = Study(
        attributes={one.name: Attribute(one, truth, where.get(one.name)) for one in attributes},
        whose=whose,
        limits=limits or Limits(),
        runtime=runtime,
    )
    with at_rest(model), torch.no_grad():
        network = Network(
            model=model,
            batches=batches,
            layers=names,
            truth=truth,
            parts=_parts(truth, whose, runtime),
            logits=logits,
        )
        return study.usages(network, readings or {}, draws)


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute of all rows: its labels, where they are, and what is erased."""

    labels: Labels
    truth: Truth
    places: Integers | None

    @cached_property
    def values(self) -> np.ndarray:
        """The label of each of the n rows, -1 or NaN where there is none."""
        return labelled(self.labels, len(self.truth.values), self.places)

    @cached_property
    def rows(self) -> Integers:
        """Where there is a label."""
        return np.arange(len(self.values)) if self.places is None else self.places

    @cached_property
    def concepts(self) -> Floats:
        """(n, k): of two groups the second, of more each.

        A row without a label has the mean of its class of the target, and so says nothing.
        """
        values, several = self.values, len(self.labels.levels) > 2
        levels = np.arange(len(self.labels.levels)) if several else np.array([1])
        classes = self.labels.classes
        found = (values[:, None] == levels) if classes else values[:, None]
        found = found.astype(np.float64)
        unknown = np.ones(len(values), dtype=bool)
        unknown[self.rows] = False
        for stratum in np.unique(self.truth.strata[unknown]):
            here = self.truth.strata == stratum
            source = here & ~unknown if (here & ~unknown).any() else ~unknown
            found[here & unknown] = found[source].mean(axis=0)
        return found

    def area(self, reading: Reading, whose: Integers | None) -> Mean:
        """How well what a probe said tells groups apart among rows of the same target."""
        if len(reading.said) != len(self.rows):
            raise DataError(
                f"the reading of {self.labels.name} has {len(reading.said)} rows for "
                f"{len(self.rows)} labels: give one of the same rows"
            )
        strata, values = self.truth.strata[self.rows], self.values[self.rows]
        whose = None if whose is None else whose[self.rows]
        if self.labels.classes:
            return area_within(values, reading.said, strata, whose)
        return likeness_within(values, reading.said, strata, whose)


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """Attributes that are asked about, whose the rows are, and what counts as used."""

    attributes: dict[str, Attribute]
    whose: Integers | None
    limits: Limits
    runtime: Runtime

    def usages(self, network: Network, readings: Readings, draws: int) -> dict[str, Usage]:
        """Every attribute at every layer: read, erased, compared."""
        given = all(set(network.layers) <= set(readings.get(one, ())) for one in self.attributes)
        concepts = np.hstack([one.concepts for one in self.attributes.values()])
        moments, held = network.moments(concepts, keep=not given)
        read = {
            name: readings.get(name)
            or read_layers(held.of(one.rows), one.labels, runtime=self.runtime)
            for name, one in self.attributes.items()
        }
        del held
        fitted = Fitted(draws=draws, runtime=self.runtime)
        for layer in network.layers:
            fitted.fit(layer, moments.pop(layer), self._columns)
        before, after = network.answers(fitted.erasers)
        weights = row_weights(network.n, self.whose, self.runtime.rng("rows drawn anew"))
        found = {}
        for name, one in self.attributes.items():
            judged = Judged(
                study=self,
                network=network,
                attribute=one,
                compared=self._compared(one, before, weights),
                fitted=fitted,
                after=after,
            )
            found[name] = Usage(
                attribute=name,
                target=network.truth.name,
                rows=network.n,
                numbers=not network.truth.levels,
                layers=tuple(judged.at(layer, read[name][layer]) for layer in network.layers),
            )
        return found

    @property
    def _columns(self) -> dict[str, slice]:
        """Which columns of all concepts are whose."""
        found, begin = {}, 0
        for name, one in self.attributes.items():
            found[name] = slice(begin, begin + one.concepts.shape[1])
            begin = found[name].stop
        return found

    def _compared(self, one: Attribute, before: Answers, weights: Floats) -> Comparison:
        return Comparison(
            before=before,
            attribute=within(one.concepts, one.truth.strata),
            groups=one.values.astype(np.int64) if one.labels.classes else None,
            whose=self.whose,
            weights=weights,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """One attribute's answers before and after, judged layer by layer."""

    study: Study
    network: Network
    attribute: Attribute
    compared: Comparison
    fitted: Fitted
    after: Mapping[Key, Answers]

    def at(self, layer: str, reading: Reading) -> LayerUsage:
        """The attribute at one layer."""
        name, study = self.attribute.labels.name, self.study
        plain = self.compared.effect(self.after[layer, "plain", name])
        given = self.compared.effect(self.after[layer, "given", name])
        random, shifted = self._random(layer, name)
        area = self.attribute.area(reading, study.whose)
        questions = len(self.network.layers) * len(study.attributes)
        confidence = 1 - 0.05 / questions
        low, high = self.compared.bounds(given, confidence)
        evidence = Evidence(
            area=area,
            changed=(float(low), float(high)),
            shift=given.moved,
            pairs=given.pairs,
            random_shift=shifted,
            undone=self.fitted.undone[layer, name],
        )
        verdict, reason = verdict_of(evidence, study.limits, questions)
        return LayerUsage(
            layer=layer,
            reading=reading,
            area=area.estimate(),
            plain=plain,
            given=given,
            random=random,
            random_shift=shifted,
            undone=evidence.undone,
            seen=smallest_share(self.network.n, study.whose, study.limits.material, confidence),
            verdict=verdict,
            reason=reason,
        )

    def _random(self, layer: str, name: str) -> tuple[Estimate, float]:
        """What directions drawn at random changed, each on the part it was not fitted on."""
        parts = self.network.parts
        sizes = np.array(
            [
                self.compared.sizes(self.after[key], np.flatnonzero(parts == part))
                for key in self.fitted.drawn(layer, name)
                for part in range(int(parts.max()) + 1)
            ]
        )
        low, high = np.quantile(sizes[:, 0], [0.05, 0.95])
        changed = Estimate(
            value=float(sizes[:, 0].mean()),
            low=float(low),
            high=float(high),
            n=self.network.n,
            method=f"mean and middle 90 % of {len(sizes)} random directions",
            confidence=0.9,
        )
        return changed, float(sizes[:, 1].mean())


def _parts(truth: Truth, whose: Integers | None, runtime: Runtime) -> Integers:
    """The part of each row: of like classes, never parting what is one person's."""
    strata, codes = np.unique(truth.strata, return_inverse=True)
    labels = Labels(
        name=truth.name,
        values=codes.astype(np.int64),
        levels=tuple(map(str, strata)) if truth.levels else (),
        whose=whose,
    )
    return folds_of(labels, runtime.rng(f"erasing {truth.name}"))


def _batches(
    inputs: Tensor | Sequence[Tensor] | Sequence[Rows], lengths: Tensor | None, runtime: Runtime
) -> Sequence[Rows]:
    """Rows as they are given, or cut from tensors."""
    if not isinstance(inputs, Tensor) and len(inputs) and isinstance(inputs[0], Rows):
        return [one for one in inputs if isinstance(one, Rows)]
    given = tensors(inputs)  # type: ignore[arg-type]
    n, size = len(given[0]), runtime.batch_size
    if lengths is not None and len(lengths) != n:
        raise DataError(f"{len(lengths)} lengths for {n} rows: give one a row")
    return [
        Rows(
            places=np.arange(start, min(start + size, n)),
            inputs=tuple(one[start : start + size] for one in given),
            lengths=() if lengths is None else (("", lengths[start : start + size]),),
        )
        for start in range(0, n, size)
    ]
