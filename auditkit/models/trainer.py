"""One trainer for every architecture: a recipe in, a network with its card out."""

import math
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from auditkit.data.encoding import Encoder
from auditkit.data.schema import Task
from auditkit.data.tables import Table, labels
from auditkit.errors import UsageError
from auditkit.models.base import ARCHITECTURES, Head, batches, parameters, tensors
from auditkit.models.card import Card, DataSource, Epoch, Training
from auditkit.probing.units import dead_units
from auditkit.ranges import ranged, require_ranges
from auditkit.runtime import Runtime, track
from auditkit.versions import versions

LARGEST_GRADIENT = 5.0  # norm above which a step is shortened
EVALUATION_BATCH = 8192


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train: AdamW, early stopping on a validation split, the best epoch kept.

    patience counts epochs without a better validation loss. bins bounds how finely a numeric
    column is cut for the network.
    """

    epochs: int = ranged(30, 1)
    batch_size: int = ranged(512, 1)
    learning_rate: float = ranged(2e-3, 0)
    weight_decay: float = ranged(1e-2, 0)
    patience: int = ranged(6, 1)
    validation_fraction: float = ranged(0.15, 0.001, 0.999)
    bins: int = ranged(256, 1)

    def __post_init__(self) -> None:
        require_ranges(self, "the recipe")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows on the device: what the network takes, and the labels (n,) as floats."""

    inputs: tuple[Tensor, ...]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def train(
    architecture: str,
    table: Table,
    *,
    recipe: Recipe,
    runtime: Runtime,
    source: DataSource,
    options: Any = None,
) -> tuple[nn.Module, Card]:
    """A trained network and its card, from training rows alone.

    Draws the validation rows from `table`; fits the encoder on the rest. The same table, recipe,
    seed and machine give the same network. Raises UsageError for an unknown architecture,
    DataError for a target that is not a decision.
    """
    family = ARCHITECTURES[architecture]
    sizes = options if options is not None else family.Options()
    device = runtime.resolved_device()
    encoder, fitting, validation = _parts(table, recipe, runtime, device)
    with runtime.seeded("train"):
        model = family.build(encoder, Head(task=Task.DECISION), sizes).to(device)
        started = time.perf_counter()
        history, best = _fit(model, fitting, validation, recipe)
        seconds = time.perf_counter() - started
    card = Card(
        architecture=architecture,
        options=asdict(sizes),
        schema=table.schema,
        encoder=encoder,
        data=source,
        training=Training(
            recipe=asdict(recipe),
            seed=runtime.seed,
            device=device,
            hardware=_hardware(device),
            train_rows=len(fitting),
            validation_rows=len(validation),
            parameters=parameters(model),
            best_epoch=best,
            seconds=seconds,
            history=tuple(history),
        ),
        versions=versions(),
    )
    return model.cpu().eval(), card


def _parts(
    table: Table, recipe: Recipe, runtime: Runtime, device: str
) -> tuple[Encoder, Part, Part]:
    order = runtime.rng("validation split").permutation(len(table.frame))
    held = round(len(order) * recipe.validation_fraction)
    if not 0 < held < len(order):
        raise UsageError(f"{len(order)} training rows are too few to hold any out for validation")
    fitting = table.frame.iloc[np.sort(order[held:])]
    validation = table.frame.iloc[np.sort(order[:held])]
    encoder = Encoder.fit(fitting, table.schema, bins=recipe.bins)

    def part(frame: Any) -> Part:
        inputs = tensors(encoder.transform(frame, table.name))
        wanted = torch.from_numpy(labels(frame, table.schema, table.name).astype(np.float32))
        return Part(inputs=tuple(one.to(device) for one in inputs), labels=wanted.to(device))

    return encoder, part(fitting), part(validation)


def _fit(
    model: nn.Module, fitting: Part, validation: Part, recipe: Recipe
) -> tuple[list[Epoch], int]:
    """Train in place and leave the best weights in the model; the curve and the best epoch."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    history: list[Epoch] = []
    best, kept = 0, {name: one.clone() for name, one in model.state_dict().items()}
    for number in track(range(1, recipe.epochs + 1), "training", recipe.epochs):
        history.append(_epoch(model, fitting, validation, optimizer, recipe, number))
        loss = history[-1].validation_loss
        if not all(map(math.isfinite, (loss, history[-1].train_loss))):
            raise UsageError(
                f"training diverged in epoch {number} (its loss is no number any more): try a "
                "lower --learning-rate"
            )
        if best == 0 or loss < history[best - 1].validation_loss:
            best, kept = number, {name: one.clone() for name, one in model.state_dict().items()}
        elif number - best >= recipe.patience:
            break
    model.load_state_dict(kept)
    return history, best


def _epoch(
    model: nn.Module,
    fitting: Part,
    validation: Part,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    number: int,
) -> Epoch:
    started = time.perf_counter()
    model.train()
    losses, norms = [], []
    for inputs, wanted in _shuffled(fitting, recipe.batch_size):
        loss = cross_entropy(model(*inputs), wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT))
        optimizer.step()
        losses.append(loss.detach() * len(wanted))
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(*one) for one in batches(validation.inputs, EVALUATION_BATCH)])
        right = (logits > 0) == (validation.labels > 0.5)
        dead = dead_units(model, batches(validation.inputs, EVALUATION_BATCH))
    return Epoch(
        epoch=number,
        train_loss=float(torch.stack(losses).sum()) / len(fitting),
        validation_loss=float(cross_entropy(logits, validation.labels)),
        validation_accuracy=float(right.float().mean()),
        gradient_norm=float(torch.stack(norms).mean()),
        learning_rate=recipe.learning_rate,
        dead_units=dead.share,
        seconds=time.perf_counter() - started,
    )


def _shuffled(part: Part, size: int) -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
    order = torch.randperm(len(part)).to(part.labels.device)
    for start in range(0, len(part), size):
        rows = order[start : start + size]
        yield tuple(one[rows] for one in part.inputs), part.labels[rows]


def _hardware(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads on {platform.machine()}"
