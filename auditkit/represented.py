"""A sample of the audited rows as the layers of the network hold them, and what is read from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.data.schema import Medium, Task
from auditkit.data.tables import Table, classes, labels, memberships, targets
from auditkit.errors import NotApplicable
from auditkit.models.opened import Opened, Rows, opened
from auditkit.models.predictor import Predictor
from auditkit.probing.pooling import vectors
from auditkit.probing.probes.labels import FEWEST, Labels, labels_of
from auditkit.probing.probes.sweep import Sweep, sweep
from auditkit.probing.recording import record
from auditkit.probing.untrained import untrained_twin
from auditkit.runtime import Runtime

# Rows that are sent through the layers: enough that a probe of a few hundred numbers is steady,
# few enough that a report takes seconds for tables and a minute for texts.
READ: Mapping[Medium, int] = {
    Medium.TABLE: 4000,
    Medium.IMAGE: 2000,
    Medium.SEQUENCE: 2000,
    Medium.TEXT: 2000,
}
SETTLED = 8  # batches by which an untrained network's running statistics are known
WORDS = 512  # numbers in which the words of a text are counted


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Labels of some of the rows that were read: places (m,) among them, and what they are."""

    places: np.ndarray
    labels: Labels

    def of(self, activations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The activations of these rows."""
        here = torch.from_numpy(self.places)
        return {name: one[here] for name, one in activations.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Represented:
    """What the layers of a predictor's network hold of a table's rows, one vector a row.

    Steps of a text or a sequence, and places of a map, are taken by their mean.
    """

    predictor: Predictor
    table: Table
    runtime: Runtime

    @cached_property
    def opened(self) -> Opened:
        """The network. Raises NotApplicable where only its answers are known."""
        return opened(self.predictor, self.runtime)

    @property
    def answers(self) -> bool:
        """Whether the network gives one number or one for each class of every row."""
        return self.predictor.task in (Task.DECISION, Task.CLASSES, Task.NUMBER)

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The layers that are looked at, in the order of a pass."""
        return self.opened.layers(self.frame)

    @cached_property
    def rows(self) -> np.ndarray:
        """Places of the rows among the audited ones, drawn at random, rising, (n,)."""
        n, most = len(self.table.frame), READ[self.opened.medium]
        if n <= most:
            return np.arange(n)
        return np.sort(self.runtime.rng("rows that are read").choice(n, most, replace=False))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Those rows."""
        n, most = len(self.table.frame), READ[self.opened.medium]
        return self.table.frame if n <= most else self.table.frame.iloc[self.rows]

    @cached_property
    def batches(self) -> tuple[Rows, ...]:
        """The same as the network takes them, of like length together."""
        return tuple(self.opened.batches(self.frame))

    @cached_property
    def activations(self) -> dict[str, Tensor]:
        """What each layer holds, (n, d) float32 on the CPU, in the order of `rows`."""
        return self._held(self.opened.module)

    @cached_property
    def twin(self) -> nn.Module:
        """The same network with the weights it would have begun with."""
        return untrained_twin(
            self.opened.module,
            [rows.inputs for rows in self.batches[:: max(len(self.batches) // SETTLED, 1)]],
            built=self.opened.built,
            runtime=self.runtime,
        )

    @cached_property
    def untrained(self) -> dict[str, Tensor]:
        """What the layers of the untrained twin hold."""
        return self._held(self.twin)

    @cached_property
    def input(self) -> Tensor:
        """The rows themselves as numbers, (n, d): columns, pixels, words counted, means of steps.

        Tokens are counted in 512 numbers, several in one; a count is taken by its logarithm. What
        is the same of all rows is left out.
        """
        found: list[tuple[np.ndarray, Tensor]] = []
        for rows in self.batches:
            found.append((rows.places, torch.cat([*map(_flat, *_numbers(rows))], dim=1).cpu()))
        numbers = _ordered(found)
        varying = (numbers != numbers[:1]).any(dim=0)
        return numbers[:, varying] if bool(varying.any()) else numbers[:, :1]

    @cached_property
    def asked(self) -> dict[str, Asked]:
        """What is read by name: the target, where it is an answer, and each sensitive column.

        Groups of fewer than 10 rows are left out; a column of which less than two groups are left
        is not there.
        """
        found: dict[str, Asked] = {}
        schema = self.table.schema
        if (target := self._target()) is not None:
            found[schema.target.name] = target
        groups = memberships(self.frame, schema, self.table.name)
        for name in schema.sensitive_names:
            column = groups[name].astype(str).to_numpy()
            if (one := self._column(name, column)) is not None:
                found[name] = one
        return found

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Sensitive columns that are read, but for one that the network itself is to answer.

        Raises NotApplicable where there is none.
        """
        schema = self.table.schema
        if not schema.sensitive_names:
            raise NotApplicable("no sensitive column was named; name one with --sensitive COL")
        asked = self.asked
        found = [
            one for one in schema.sensitive_names if one in asked and one != schema.target.name
        ]
        if not found:
            raise NotApplicable(
                "no sensitive column, the target aside, has two groups of 10 rows among those read"
            )
        return tuple(found)

    @cached_property
    def truth(self) -> Labels:
        """What every row should be answered with, its levels in the order of the answers.

        Of a decision the second level is the positive one. Raises NotApplicable for a network
        whose answer is no number and no class.
        """
        schema, where = self.table.schema, self.table.name
        levels: tuple[str, ...] = ()
        values: np.ndarray
        match self.predictor.task:
            case Task.DECISION:
                levels = (f"not {schema.positive}", str(schema.positive))
                values = labels(self.frame, schema, where).astype(np.int64)
            case Task.CLASSES:
                levels, values = schema.target.levels, classes(self.frame, schema, where)
            case Task.NUMBER:
                values = targets(self.frame, schema, where)
            case _:
                raise NotApplicable(
                    "the network gives no answer of one number or one class for each row"
                )
        return Labels(
            name=schema.target.name, values=values, levels=levels, whose=self._whose(self._every)
        )

    def swept(self, name: str) -> Sweep:
        """How well a column is read out of every layer, beside its controls, twin and input."""
        if name not in self._sweeps:
            asked = self.asked[name]
            self._sweeps[name] = sweep(
                asked.of(self.activations),
                asked.labels,
                untrained=asked.of(self.untrained),
                inputs=self.input[torch.from_numpy(asked.places)],
                runtime=self.runtime,
            )
        return self._sweeps[name]

    @cached_property
    def _sweeps(self) -> dict[str, Sweep]:
        return {}

    def _target(self) -> Asked | None:
        schema, where = self.table.schema, self.table.name
        if self.predictor.task is Task.IMAGES and schema.target.levels:
            known = np.asarray(schema.target.levels, dtype=object)
            return self._column(
                schema.target.name, known[classes(self.frame, schema, where)].astype(str)
            )
        if not self.answers:
            return None
        truth = self.truth
        if not truth.classes:
            return self._asked(truth.name, self._every, truth.values)
        return self._column(truth.name, np.asarray(truth.levels)[truth.values])

    @property
    def _every(self) -> np.ndarray:
        return np.arange(len(self.frame))

    def _column(self, name: str, column: np.ndarray) -> Asked | None:
        levels, codes, counts = np.unique(column, return_inverse=True, return_counts=True)
        enough = counts >= FEWEST
        if enough.sum() < 2:
            return None
        places = np.flatnonzero(enough[codes])
        return self._asked(name, places, levels[codes[places]])

    def _asked(self, name: str, places: np.ndarray, values: np.ndarray) -> Asked:
        return Asked(places=places, labels=labels_of(values, name=name, whose=self._whose(places)))

    def _whose(self, places: np.ndarray) -> np.ndarray | None:
        """Which of these rows belong to one person or document; None where all stand alone."""
        if not self.table.apart:
            return None
        owners = self.frame[self.table.apart].iloc[places].astype(str)
        return pd.factorize(owners)[0].astype(np.int64)

    @torch.no_grad()
    def _held(self, module: nn.Module) -> dict[str, Tensor]:
        found: dict[str, list[tuple[np.ndarray, Tensor]]] = {name: [] for name in self.layers}
        with at_rest(module):
            for rows in self.batches:
                with record(module, self.layers) as activations:
                    module(*rows.inputs)
                for name in self.layers:
                    lengths = rows.lengths_of(name)
                    held = None if lengths is None else lengths.cpu()
                    found[name].append((rows.places, vectors(activations[name], held)))
        return {name: _ordered(parts) for name, parts in found.items()}


def _ordered(parts: list[tuple[np.ndarray, Tensor]]) -> Tensor:
    """Batches in the order of the rows."""
    places = torch.from_numpy(np.concatenate([one for one, _ in parts]))
    rows = torch.cat([one for _, one in parts]).float()
    found = torch.empty_like(rows)
    found[places] = rows
    return found


def _numbers(rows: Rows) -> tuple[list[Tensor], list[Tensor | None]]:
    """What was read of each row, without lengths and without what is to be written."""
    if not rows.lengths:
        return list(rows.inputs), [None] * len(rows.inputs)
    return [rows.inputs[0]], [rows.lengths[0][1]]


def _flat(tensor: Tensor, lengths: Tensor | None) -> Tensor:
    """One input of a network as numbers, (m, d)."""
    if lengths is not None and tensor.ndim == 2:
        return _counted(tensor, lengths)
    if lengths is not None:
        return vectors(tensor.float(), lengths)
    if tensor.is_floating_point() or tensor.dtype == torch.bool:
        return tensor.reshape(len(tensor), -1).float()
    return _counted_columns(tensor)


def _counted(tokens: Tensor, lengths: Tensor) -> Tensor:
    within = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]
    counts = torch.zeros(len(tokens), WORDS, device=tokens.device)
    return counts.scatter_add_(1, tokens % WORDS, within.float()).log1p()


def _counted_columns(codes: Tensor) -> Tensor:
    """Each column of codes as one number for each code, (m, columns * 64)."""
    each = torch.nn.functional.one_hot(codes.reshape(len(codes), -1).long() % 64, 64)
    return each.flatten(1).float()
