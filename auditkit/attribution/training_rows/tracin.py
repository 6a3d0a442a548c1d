"""TracIn: how far the training's steps on a row also moved another row's loss.

A step of gradient descent on row i lowers the loss of row z by about the learning rate times
g_i' g_z. The sum over the training's steps on i is what that row did for z; it is taken at the
epochs whose weights were kept. Above 0 the row helped (a proponent), below 0 it harmed.

Pruthi, Liu, Kale & Sundararajan 2020, "Estimating Training Data Influence by Tracing Gradient
Descent".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from auditkit.attribution.training_rows.gradients import MEGABYTES, LossOf, RowGradients, Rows
from auditkit.attribution.training_rows.last_layer import features_of, last_layer
from auditkit.attribution.training_rows.losses import RowLoss
from auditkit.attribution.training_rows.sketch import Sketch
from auditkit.errors import UsageError


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """A network's weights at an epoch's end (`state_dict`), and the learning rate there."""

    weights: Mapping[str, Tensor]
    rate: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Traced:
    """scores (m, n) float64 of n training rows for m explained rows; above 0 a row helped.

    errors are standard errors where gradients were sketched, else None. snapshots says how many
    moments of the training were looked at; weights how many numbers were differentiated by.
    """

    scores: Tensor
    errors: Tensor | None
    snapshots: int
    weights: int


def tracin(
    model: nn.Module,
    train: Rows,
    explained: Rows,
    loss: LossOf,
    *,
    snapshots: Sequence[Snapshot] = (),
    below: str = "",
    sketch: int | None = None,
    generator: torch.Generator | None = None,
    megabytes: int = MEGABYTES,
) -> Traced:
    """TracIn by all weights, or by those below a module of this name.

    loss is that of the training, asked of both; smoothing a loss changes what is explained.
    Without snapshots the network as it stands is the only one, at rate 1. With `sketch`,
    gradients are kept as so many numbers each: one pass over the training rows whatever the
    memory, for an error that is told. The model is not touched.
    """
    gradients = RowGradients(model, loss, below=below, megabytes=megabytes)
    at = _moments(model, snapshots)
    scores = torch.zeros(len(explained), len(train), dtype=torch.float64)
    if sketch is None:
        for one in at:
            gradients.load(one.weights)
            scores += one.rate * _products(gradients, train, explained)
        return Traced(scores=scores, errors=None, snapshots=len(at), weights=gradients.size)
    drawn = generator or torch.Generator().manual_seed(0)
    short = Sketch(gradients.size, sketch, drawn)
    errors = torch.zeros_like(scores)
    for one in at:
        gradients.load(one.weights)
        (left, lengths), (right, others) = (
            _sketched(gradients, rows, short) for rows in (explained, train)
        )
        products = left @ right.T
        scores += one.rate * products
        # The same places are used at every snapshot, so that errors may add up.
        errors += abs(one.rate) * short.error(products, lengths, others)
    return Traced(scores=scores, errors=errors, snapshots=len(at), weights=gradients.size)


def self_influence(
    model: nn.Module,
    rows: Rows,
    loss: LossOf,
    *,
    snapshots: Sequence[Snapshot] = (),
    below: str = "",
    megabytes: int = MEGABYTES,
) -> Tensor:
    """TracIn of each row on itself, (n,): squared length of its gradient, times the rate, summed.

    Large where the training had to push for a row again and again: rare rows and wrong labels.
    """
    gradients = RowGradients(model, loss, below=below, megabytes=megabytes)
    total = torch.zeros(len(rows), dtype=torch.float64)
    for one in _moments(model, snapshots):
        gradients.load(one.weights)
        total += one.rate * torch.cat(
            [block.square().sum(dim=1) for block in gradients.blocks(rows)]
        )
    return total


def tracin_last_layer(
    model: nn.Module,
    train: Rows,
    explained: Rows,
    loss: RowLoss,
    *,
    snapshots: Sequence[Snapshot] = (),
    bias: bool = True,
) -> Traced:
    """TracIn by the last linear layer alone, from products of what it reads and of its slopes.

    No gradient is taken: a forward pass of each row for each snapshot. bias=False leaves the
    layer's bias out. Explained rows are asked about without the loss's smoothing. Raises
    ModelError as `last_layer` does.
    """
    own = RowGradients(model, loss)  # a copy whose weights may be changed
    scores = torch.zeros(len(explained), len(train), dtype=torch.float64)
    at, weights = _moments(model, snapshots), 0
    for one in at:
        own.load(one.weights)
        layer = last_layer(own.model, train.inputs)
        parts = []
        for rows, cost in ((explained, loss.plain), (train, loss)):
            features = features_of(own.model, layer, rows.inputs)
            targets = rows.targets.cpu()
            slopes = cost.slope(layer.outputs(features), targets) * layer.scale
            seen = features if bias or not layer.biased else features[:, :-1]
            parts.append((seen, slopes))
        (left, left_slopes), (right, right_slopes) = parts
        scores += one.rate * (left @ right.T) * (left_slopes @ right_slopes.T)
        weights = left.shape[1] * left_slopes.shape[1]
    return Traced(scores=scores, errors=None, snapshots=len(at), weights=weights)


def _moments(model: nn.Module, snapshots: Sequence[Snapshot]) -> Sequence[Snapshot]:
    if any(not one.rate >= 0 for one in snapshots):
        raise UsageError("a snapshot's learning rate is negative or no number")
    return snapshots or (Snapshot(weights=model.state_dict()),)


def _products(gradients: RowGradients, train: Rows, explained: Rows) -> Tensor:
    """g_z' g_i for all pairs, (m, n); the training rows pass once for each block of the others."""
    found = torch.empty(len(explained), len(train), dtype=torch.float64)
    top = 0
    for left in gradients.blocks(explained):
        start = 0
        for right in gradients.blocks(train):
            found[top : top + len(left), start : start + len(right)] = left @ right.T
            start += len(right)
        top += len(left)
    return found


def _sketched(gradients: RowGradients, rows: Rows, short: Sketch) -> tuple[Tensor, Tensor]:
    """Sketches (n, size) of the rows' gradients, and the gradients' own squared lengths (n,)."""
    sketches, lengths = [], []
    for block in gradients.blocks(rows):
        sketches.append(short.of(block))
        lengths.append(block.square().sum(dim=1))
    return torch.cat(sketches), torch.cat(lengths)
