"""From a table to what a training needs: encoder, head, parts and phases."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from auditkit.data.encoders import Coding, Encoder, fit_encoder
from auditkit.data.schema import Medium, Schema, Task
from auditkit.data.tables import Table, classes, hold_out, labels, targets
from auditkit.data.text import PairEncoder, TextEncoder
from auditkit.errors import UsageError
from auditkit.models.base import ARCHITECTURES
from auditkit.models.batches import Arrays, Held, Part, Streamed, Windows
from auditkit.models.card import Head
from auditkit.models.objectives import Unmask, objective_of
from auditkit.models.recipe import Engine, Recipe
from auditkit.models.work import Phase
from auditkit.runtime import Runtime

TRIED = 256  # rows encoded to guess what all of them would take
WORDS = {Medium.TABLE: "tables", Medium.TEXT: "texts", Medium.IMAGE: "images"}
WORDS[Medium.SEQUENCE] = "sequences"


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What a training needs beside the network."""

    encoder: Encoder
    head: Head
    fitting: Part
    validation: Part
    phases: tuple[Phase, ...]


def task_of(architecture: str, schema: Schema) -> Task:
    """What an architecture is asked with such data.

    Raises UsageError, with the architectures that fit, where it cannot be trained on them.
    """
    found = _task(architecture, schema)
    if found is not None:
        return found
    fit = [name for name in ARCHITECTURES if _task(name, schema) is not None]
    medium = WORDS[schema.medium]
    raise UsageError(
        f"{architecture} does not fit these data ({medium}, target {schema.target.name!r}: "
        f"{schema.task.value}); {', '.join(fit) or 'none of ours'} would"
    )


def _task(architecture: str, schema: Schema) -> Task | None:
    family = ARCHITECTURES[architecture]
    if schema.medium not in family.media:
        return None
    own = family.tasks & {Task.LANGUAGE, Task.IMAGES}  # these need no target
    if own:
        return next(iter(own))
    return schema.task if schema.task in family.tasks else None


def prepare(
    architecture: str,
    table: Table,
    *,
    recipe: Recipe,
    coding: Coding,
    engine: Engine,
    runtime: Runtime,
    device: str,
    options: Any,
    encoder: Encoder | None = None,
) -> Prepared:
    """Hold out validation rows, fit the encoder on the others, and encode both.

    An encoder that is given is used as it is: that of a training to be resumed. Raises
    UsageError for data that do not fit, DataError for rows that cannot be read.
    """
    task = task_of(architecture, table.schema)
    if task is Task.LANGUAGE and coding.units not in ("bytes", "characters"):
        raise UsageError(
            f"units={coding.units} cannot write every text down exactly, so that bits a character "
            "would mean nothing: use bytes"
        )
    kept, held = validation_split(table, recipe, runtime)
    fitting, validation = table.frame.iloc[kept], table.frame.iloc[held]
    encoder = encoder or fit_encoder(fitting, table.schema, task, coding)
    head = _head(task, table, fitting, encoder)

    def part(frame: pd.DataFrame) -> Part:
        return part_of(frame, table, head, encoder, engine, device)

    return Prepared(
        encoder=encoder,
        head=head,
        fitting=part(fitting),
        validation=part(validation),
        phases=_phases(head, encoder, recipe, options, architecture),
    )


def validation_split(
    table: Table, recipe: Recipe, runtime: Runtime
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the rows to fit on and of those to judge by; at least one of each.

    Raises UsageError for a single row, or rows that all belong together.
    """
    rng, rows = runtime.rng("validation split"), len(table.frame)
    kept, held = hold_out(table.frame, table.schema, recipe.validation_fraction, rng, table.apart)
    if not len(held) and rows > 1 and not table.apart:
        # No class has enough rows for one of its own: of all of them, some are drawn.
        order = rng.permutation(rows)
        most = max(round(rows * recipe.validation_fraction), 1)
        kept, held = np.sort(order[most:]), np.sort(order[:most])
    if not len(kept) or not len(held):
        raise UsageError(f"{rows} training rows are too few to hold any out for validation")
    return kept, held


def part_of(
    frame: pd.DataFrame, table: Table, head: Head, encoder: Encoder, engine: Engine, device: str
) -> Part:
    """Rows on their way to a network: held on the device where they fit, streamed where not."""
    if head.task is Task.LANGUAGE:
        assert isinstance(encoder, TextEncoder), "language is of texts"
        return Windows(encoder.rows(frame, table.name), encoder.longest, device)
    target = _target(head.task, table, encoder)

    def encode(rows: pd.DataFrame) -> tuple[Arrays, np.ndarray]:
        return encoder.arrays(rows, table.name), target(rows)

    tried = encode(frame.iloc[:TRIED])
    size = sum(one.nbytes for one in (*tried[0], tried[1])) / min(len(frame), TRIED) * len(frame)
    if size > engine.memory_mb * 2**20:
        return Streamed(frame, encode, loaders=engine.loaders)
    inputs, wanted = encode(frame) if len(frame) > TRIED else tried
    return Held(
        inputs=tuple(torch.from_numpy(one).to(device) for one in inputs),
        targets=torch.from_numpy(wanted).to(device),
        lengths=inputs[1] if table.schema.medium in (Medium.TEXT, Medium.SEQUENCE) else None,
    )


def _target(task: Task, table: Table, encoder: Encoder) -> Callable[[pd.DataFrame], np.ndarray]:
    schema, name = table.schema, table.name
    match task:
        case Task.DECISION:
            return lambda rows: labels(rows, schema, name).astype(np.float32)
        case Task.NUMBER:
            return lambda rows: targets(rows, schema, name).astype(np.float32)
        case Task.TRANSDUCTION:
            assert isinstance(encoder, PairEncoder), "a text from a text has two"
            return lambda rows: encoder.written(rows, name)
        case _ if schema.task is Task.CLASSES:
            return lambda rows: classes(rows, schema, name)
        case _:
            return lambda rows: np.zeros(len(rows), dtype=np.int64)


def _head(task: Task, table: Table, fitting: pd.DataFrame, encoder: Encoder) -> Head:
    levels = len(table.schema.target.levels)
    match task:
        case Task.DECISION:
            return Head(task=task)
        case Task.NUMBER:
            known = targets(fitting, table.schema, table.name)
            return Head(task=task, mean=float(known.mean()), deviation=float(known.std()) or 1.0)
        case Task.CLASSES:
            return Head(task=task, size=levels)
        case Task.TRANSDUCTION:
            assert isinstance(encoder, PairEncoder), "a text from a text has two"
            return Head(task=task, size=encoder.target.vocabulary)
        case Task.LANGUAGE:
            assert isinstance(encoder, TextEncoder), "language is of texts"
            return Head(task=task, size=encoder.vocabulary)
        case _:
            return Head(task=task, size=levels if table.schema.task is Task.CLASSES else 0)


def _phases(
    head: Head, encoder: Encoder, recipe: Recipe, options: Any, architecture: str
) -> tuple[Phase, ...]:
    objective = objective_of(
        head,
        smoothing=recipe.label_smoothing,
        conditional=getattr(options, "conditional", False),
    )
    task = Phase(
        name="training", objective=objective, epochs=recipe.epochs, patience=recipe.patience
    )
    if not recipe.pretraining:
        return (task,)
    if not (
        isinstance(encoder, TextEncoder) and hasattr(ARCHITECTURES[architecture], "masked_logits")
    ):
        raise UsageError(f"{architecture} cannot be pretrained: leave out pretraining")
    guessing = Unmask(vocabulary=encoder.vocabulary)
    return (Phase(name="pretraining", objective=guessing, epochs=recipe.pretraining), task)
