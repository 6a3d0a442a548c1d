"""What a training is given and does not change, and how a batch of it is computed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from auditkit.errors import UsageError
from auditkit.models.base import fed
from auditkit.models.batches import Batch, Part, in_order
from auditkit.models.distributed import World
from auditkit.models.objectives import Objective
from auditkit.models.recipe import Engine, Recipe
from auditkit.runtime import Runtime

EVALUATION_BATCH = 1024
PAUSE = 10.0  # seconds at least between two times that progress is written


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Part of a training: what is learned, and for how many epochs.

    patience counts epochs without a better validation loss before it ends (0: never).
    """

    name: str
    objective: Objective
    epochs: int
    patience: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """Everything that a training is given and does not change.

    folder is where progress is kept (nowhere if None), with `choices` beside it, which must be
    the same when it is resumed, and `kept`, which is then used again.
    """

    fitting: Part
    validation: Part
    phases: tuple[Phase, ...]
    recipe: Recipe
    engine: Engine
    runtime: Runtime
    device: str
    at: World = field(default_factory=World)
    folder: Path | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)
    pause: float = PAUSE


@torch.no_grad()
def judge(model: nn.Module, work: Work, objective: Objective) -> dict[str, float]:
    """Mean loss ("loss") and marks on the validation rows; empty where nothing is judged."""
    model.eval()
    totals: dict[str, float] = {}
    weight = 0.0
    size = min(EVALUATION_BATCH, max(work.recipe.batch_size, 1) * 2)
    for batch in work.validation.batches(in_order(work.validation, size)):
        with arithmetic(work):
            cost = objective.judged(model, moved(batch, work))
        if cost is None:
            return {}
        weight += float(cost.weight)
        for name, one in {"loss": cost.total, **cost.marks}.items():
            totals[name] = totals.get(name, 0.0) + float(one)
    return {name: one / weight for name, one in totals.items()}


def arithmetic(work: Work) -> torch.autocast:
    """The precision in which a network computes, inside this block."""
    kind = torch.device(work.device).type
    wanted = work.engine.precision
    half = wanted != "float32" and (
        kind == "cuda" or (wanted == "bf16" and torch.cpu._is_avx512_bf16_supported())
    )
    return torch.autocast(device_type=kind, dtype=torch.bfloat16, enabled=half)


def moved(batch: Batch, work: Work) -> Batch:
    """A batch on the device, as the network takes it."""
    inputs = fed(batch.inputs, work.device)
    return Batch(inputs=inputs, targets=batch.targets.to(work.device, non_blocking=True))


@contextmanager
def memory(work: Work) -> Iterator[None]:
    """A GPU that runs out of memory says which batch size to try."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        size = work.recipe.batch_size
        advice = (
            f"try --batch-size {size // 2}" if size > 1 else "make the network smaller with --set"
        )
        raise UsageError(
            f"{work.device} ran out of memory with batches of {size} rows: {advice}"
        ) from error
