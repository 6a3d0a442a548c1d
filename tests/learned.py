"""Small trained networks with the rows that they learned from."""

from dataclasses import replace
from functools import cache

import numpy as np

from auditkit.data.tables import Table, split
from auditkit.models import files
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.recipe import Recipe
from auditkit.models.train import train
from auditkit.runtime import Runtime
from auditkit.subject import Subject
from tests.media import SOURCE, TABLES, plan


@cache
def learner(name: str = "fnn", *, flipped: float = 0.0, epochs: int = 6, **recipe: int) -> Subject:
    """An architecture's planted table, three quarters of it learned; a share of labels exchanged.

    The exchanged rows have `flipped` set in the training part's frame.
    """
    learned, audited = split(TABLES[name](), seed=0)
    learned = _exchanged(learned, flipped)
    runtime = Runtime(device="cpu")
    chosen = Recipe(epochs=epochs, batch_size=64, patience=0, **recipe)
    model, card = train(plan(name, chosen), learned, source=SOURCE, runtime=runtime)
    checkpoint = files.Checkpoint(model=model, card=card, sha256="0" * 64)
    return Subject(
        predictor=CheckpointModel(checkpoint=checkpoint, runtime=runtime, name=name),
        table=audited,
        train=learned,
        card=card,
        runtime=runtime,
    )


def _exchanged(table: Table, share: float) -> Table:
    rng = np.random.default_rng(5)
    frame, name = table.frame, table.schema.target.name
    wrong = rng.uniform(size=len(frame)) < share
    if not wrong.any():
        return table
    said = frame[name].astype(str).to_numpy()
    levels = np.unique(said)
    step = rng.integers(1, len(levels), len(frame))
    other = levels[(np.searchsorted(levels, said) + step) % len(levels)]
    column = np.where(wrong, other, said)
    return replace(table, frame=frame.assign(**{name: column, "flipped": wrong}))
