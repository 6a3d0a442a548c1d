"""Readers with one hidden layer: what a layer holds that no straight line tells apart.

The probes of all parts are trained at once. They share their batches and the product with the
activations; a row that a probe must not see has weight 0 in its loss. Each stops where its own
validation rows were told best.
"""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auditkit.probing.probes.labels import Labels
from auditkit.runtime import Runtime

Floats = NDArray[np.float64]

HIDDEN = 64
BATCH = 256
RATE = 1e-2
DECAY = 0.1
EPOCHS = 200
PATIENCE = 6  # epochs without a better loss on validation rows


class Perceptrons(nn.Module):
    """B perceptrons, each of d inputs, HIDDEN rectified units and K answers.

    Inputs are moved and scaled for each, by the rows it is fitted on.
    """

    mean: Tensor
    inverse: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, answers: int) -> None:
        super().__init__()
        many, width = mean.shape  # (B, d)
        self.register_buffer("mean", mean)
        self.register_buffer("inverse", 1 / scale)
        self.into = nn.Parameter(torch.randn(many, width, HIDDEN) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(many, 1, HIDDEN))
        self.out = nn.Parameter(torch.randn(many, HIDDEN, answers) / math.sqrt(HIDDEN) / 10)
        self.constant = nn.Parameter(torch.zeros(many, 1, answers))

    def forward(self, x: Tensor) -> Tensor:
        """(B, rows, K) of x (rows, d)."""
        weights = self.inverse.unsqueeze(-1) * self.into  # (B, d, HIDDEN)
        moved = (self.mean.unsqueeze(1) @ weights) - self.bias  # (B, 1, HIDDEN)
        inside = x @ weights.transpose(0, 1).flatten(1)  # (rows, B * HIDDEN)
        inside = inside.reshape(len(x), len(weights), HIDDEN)
        hidden = torch.relu(inside.transpose(0, 1) - moved)
        return hidden @ self.out + self.constant


@dataclass(kw_only=True, eq=False)
class Stop:
    """The best loss of each of B probes so far, since when it is stale, and its weights then."""

    best: Tensor
    stale: Tensor
    kept: dict[str, Tensor]

    def see(self, loss: Tensor, model: nn.Module) -> bool:
        """Take in the losses (B,) after an epoch; whether all have stopped."""
        better = loss < self.best - 1e-5
        running = self.stale < PATIENCE
        for name, weights in model.named_parameters():
            self.kept[name][better & running] = weights.detach()[better & running]
        self.best = torch.where(better & running, loss, self.best)
        self.stale = torch.where(
            better | ~running, torch.where(running, 0, self.stale), self.stale + 1
        )
        return bool((self.stale >= PATIENCE).all())


def read_by_perceptron(
    x: Floats, labels: Labels, part: np.ndarray, runtime: Runtime
) -> tuple[Floats, tuple[float, ...]]:
    """What was said of each row by a perceptron without its part: (n, K), or of numbers (n, 1)."""
    parts = int(part.max()) + 1
    held = np.stack([part == one for one in range(parts)])
    validation = np.roll(held, -1, axis=0)
    name = f"perceptron {labels.name}"
    said = perceptrons(x, labels, ~held & ~validation, validation, runtime, name)
    return said[part, np.arange(len(x))], (DECAY,) * parts


def perceptrons(
    x: Floats,
    labels: Labels,
    fitted: np.ndarray,
    validation: np.ndarray,
    runtime: Runtime,
    name: str,
) -> Floats:
    """What B perceptrons say of all rows of x (n, d): probabilities (B, n, K), or numbers.

    fitted and validation (B, n) are masks: rows that each learns from and is stopped by.
    """
    weights = torch.from_numpy(fitted)
    inputs = torch.from_numpy(x.astype(np.float32))
    mean, scale = _moments(x, fitted)
    target, level, spread = _targets(labels, fitted)
    with runtime.seeded(name):
        model = Perceptrons(mean, scale, len(labels.levels) or 1)
        _train(model, inputs, target, weights, torch.from_numpy(validation), labels.classes)
    with torch.no_grad():
        answers = torch.cat([model(rows) for rows in torch.split(inputs, 4096)], dim=1)
        found = answers.softmax(dim=2) if labels.classes else answers * spread + level
    return found.double().numpy()


def _moments(x: Floats, fitted: np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the columns over each probe's rows, each (B, d); 1 where constant."""
    wide = np.float64
    each = [(x[rows].mean(axis=0, dtype=wide), x[rows].std(axis=0, dtype=wide)) for rows in fitted]
    mean, scale = (np.stack(one) for one in zip(*each, strict=True))
    scale = np.where(scale > 1e-7 * np.abs(mean), scale, np.inf)
    return torch.from_numpy(mean).float(), torch.from_numpy(scale).float()


def _targets(labels: Labels, fitted: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Classes (n,), or numbers (B, n) as each probe sees them; their level and spread (B, 1, 1)."""
    many = len(fitted)
    if labels.classes:
        return torch.from_numpy(labels.values), torch.zeros(many, 1, 1), torch.ones(many, 1, 1)
    level = np.array([labels.values[rows].mean() for rows in fitted])[:, None]
    spread = np.array([labels.values[rows].std() for rows in fitted])[:, None]
    target = (labels.values - level) / np.where(spread > 0, spread, 1)
    as_tensor = [torch.from_numpy(one).float() for one in (target, level, spread)]
    return as_tensor[0], as_tensor[1].unsqueeze(-1), as_tensor[2].unsqueeze(-1)


def _train(
    model: Perceptrons,
    x: Tensor,
    target: Tensor,
    fitted: Tensor,
    validation: Tensor,
    classes: bool,
) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    many = len(fitted)
    stop = Stop(
        best=torch.full((many,), torch.inf),
        stale=torch.zeros(many, dtype=torch.int64),
        kept=copy.deepcopy({name: one.detach() for name, one in model.named_parameters()}),
    )
    size = min(BATCH, max(16, len(x) // 4))
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(x)), size):
            losses = _losses(model(x[rows]), target[..., rows], classes)
            # A probe's rows of a batch are few or many: its step is the same share of its rows.
            loss = (losses * fitted[:, rows]).sum() / (size * fitted.float().mean())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if stop.see(_mean_loss(model, x, target, validation, classes), model):
            break
    model.load_state_dict(stop.kept, strict=False)


@torch.no_grad()
def _mean_loss(
    model: Perceptrons, x: Tensor, target: Tensor, rows: Tensor, classes: bool
) -> Tensor:
    """Each probe's loss on its own rows, (B,)."""
    answers = torch.cat([model(some) for some in torch.split(x, 4096)], dim=1)
    return (_losses(answers, target, classes) * rows).sum(dim=1) / rows.sum(dim=1)


def _losses(answers: Tensor, target: Tensor, classes: bool) -> Tensor:
    """(B, rows) of answers (B, rows, K)."""
    if not classes:
        return (answers[..., 0] - target).square()
    log = answers.log_softmax(dim=2)
    return -log.gather(2, target.expand(len(log), -1).unsqueeze(-1))[..., 0]
