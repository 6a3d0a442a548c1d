"""Every erasure of a study: fitted at each layer on four parts of five, met by the fifth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.models.opened import Rows
from auditkit.probing.erasure.eraser import Eraser
from auditkit.probing.erasure.leace import leace_of, random_of
from auditkit.probing.erasure.moments import Moments
from auditkit.probing.pooling import vectors
from auditkit.probing.recording import record, replace
from auditkit.probing.usage.answers import Answers, Integers, Logits, Truth, as_logits, require_fit
from auditkit.probing.usage.resuming import Course
from auditkit.runtime import Runtime, track

Key = tuple[str, str, str]  # layer; plain, given or random; the attribute, or rank and draw


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A model at rest with its rows: batches as it takes them, parts (n,) for erasers."""

    model: nn.Module
    batches: Sequence[Rows]
    layers: tuple[str, ...]
    truth: Truth
    parts: Integers
    logits: Logits | None

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.parts)

    def moments(self, concepts: np.ndarray, *, keep: bool) -> tuple[dict[str, Moments], "Held"]:
        """Sums over what each layer gives; where it is to be read, vectors of it as well."""
        strata, parts = int(self.truth.strata.max()) + 1, int(self.parts.max()) + 1
        found = {name: Moments(parts=parts, strata=strata) for name in self.layers}
        held = Held(n=self.n)
        for rows in self.batches:
            with record(self.model, self.layers) as activations:
                self.model(*rows.inputs)
            for name in self.layers:
                lengths = rows.lengths_of(name)
                lengths = None if lengths is None else lengths.cpu()
                found[name].add(
                    activations[name],
                    torch.from_numpy(concepts[rows.places]),
                    part=torch.from_numpy(self.parts[rows.places]),
                    stratum=torch.from_numpy(self.truth.strata[rows.places]),
                    lengths=lengths,
                )
                if keep:
                    held.add(name, rows.places, vectors(activations[name], lengths))
        return found, held

    def answers(
        self, erasers: Mapping[Key, Sequence[Eraser]]
    ) -> tuple[Answers, dict[Key, Answers]]:
        """What the model answers, and what it does under each erasure, by a part's own eraser.

        Batch by batch, so that what leads to a layer is computed once for all its erasures.
        """
        course = Course(self.model, self.layers, self.batches[0].inputs)
        before: list[np.ndarray] = []
        after: dict[Key, list[np.ndarray]] = {key: [] for key in erasers}
        for rows in track(self.batches, "erasing at layers", len(self.batches)):
            begun, many = course.begin(rows.inputs), len(rows.places)
            before.append(as_logits(begun.outputs, self.logits, many))
            require_fit(before[0].shape[1], self.truth)
            for key, each in erasers.items():
                with replace(self.model, key[0], self._change(key[0], rows, each)):
                    after[key].append(as_logits(begun.again(key[0]), self.logits, many))
        return self._answers(before), {key: self._answers(one) for key, one in after.items()}

    def _change(self, layer: str, rows: Rows, erasers: Sequence[Eraser]) -> "PartByPart":
        lengths = rows.lengths_of(layer)
        return PartByPart(torch.from_numpy(self.parts[rows.places]), lengths, erasers)

    def _answers(self, batches: list[np.ndarray]) -> Answers:
        values = np.empty((self.n, batches[0].shape[1]))
        for rows, said in zip(self.batches, batches, strict=True):
            values[rows.places] = said
        return Answers(values=values, truth=self.truth)


@dataclass(frozen=True, eq=False)
class PartByPart:
    """Each row through the eraser of its part: what `replace` puts in a layer's place."""

    parts: Tensor
    lengths: Tensor | None
    erasers: Sequence[Eraser]

    def __call__(self, numbers: Tensor) -> Tensor:
        """The same of what the layer gave, rows first."""
        changed = numbers.clone()
        for part, eraser in enumerate(self.erasers):
            here = (self.parts == part).nonzero()[:, 0].to(numbers.device)
            if not len(here) or not eraser.rank:
                continue
            inside = None if self.lengths is None else self.lengths[here.to(self.lengths.device)]
            changed[here] = eraser(numbers[here], inside)
        return changed


@dataclass(kw_only=True)
class Held:
    """What layers gave, a vector a row, as it comes batch by batch."""

    n: int
    layers: dict[str, Tensor] = field(default_factory=dict)

    def add(self, layer: str, places: Integers, rows: Tensor) -> None:
        """Take in some rows."""
        if layer not in self.layers:
            self.layers[layer] = torch.empty((self.n, rows.shape[1]))
        self.layers[layer][torch.from_numpy(places)] = rows.float()

    def of(self, places: Integers) -> dict[str, Tensor]:
        """Some rows of each layer."""
        here = torch.from_numpy(places)
        return {name: one[here] for name, one in self.layers.items()}


@dataclass(kw_only=True)
class Fitted:
    """The erasers of every layer, one for each part, and how far they go on other rows."""

    draws: int
    runtime: Runtime
    erasers: dict[Key, list[Eraser]] = field(default_factory=dict)
    undone: dict[tuple[str, str], float] = field(default_factory=dict)
    ranks: dict[tuple[str, str], int] = field(default_factory=dict)

    def fit(self, layer: str, moments: Moments, concepts: Mapping[str, slice]) -> None:
        """Both erasers of each attribute at a layer, and random ones of each rank they have."""
        parts = range(moments.parts)
        for name, columns in concepts.items():
            for kind in ("plain", "given"):
                self.erasers[layer, kind, name] = [
                    leace_of(moments, concepts=columns, given=kind == "given", without=part)
                    for part in parts
                ]
            erasers = self.erasers[layer, "given", name]
            self.undone[layer, name] = _undone(moments, erasers, columns)
            self.ranks[layer, name] = max(1, *(one.rank for one in erasers))
        for rank in sorted({self.ranks[layer, name] for name in concepts}):
            rng = self.runtime.rng(f"random directions at {layer}, {rank}")
            for draw in range(self.draws):
                self.erasers[layer, "random", f"{rank} {draw}"] = [
                    random_of(moments, rank, rng, without=part) for part in parts
                ]

    def drawn(self, layer: str, name: str) -> list[Key]:
        """The random erasures that stand beside an attribute's."""
        rank = self.ranks[layer, name]
        return [(layer, "random", f"{rank} {draw}") for draw in range(self.draws)]


def _undone(moments: Moments, erasers: Sequence[Eraser], concepts: slice) -> float:
    """Of the covariance that was to be taken out, the part that is, on rows not fitted on."""
    found, wanted = 0.0, 0.0
    for part, eraser in enumerate(erasers):
        fitted = eraser.read @ moments.cross(concepts, given=True, without=part)
        held = eraser.read @ moments.cross_of(concepts, part)
        found += float((fitted * held).sum())
        wanted += float((fitted * fitted).sum())
    return found / wanted if wanted else float("nan")
