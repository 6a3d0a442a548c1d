"""Ablation: what is lost when a unit, a head, a channel or a whole layer is taken out.

mean       the piece says for every row what it says on average: its own contribution is gone and
           what comes later is used to what it sees
zero       it says nothing, which later layers may never have seen
resample   it says what it says for another row, drawn at random (Chan et al. 2022, "Causal
           Scrubbing"), so that it is as usual and has nothing to do with the row

The effect is the change of each row's loss, and of whether its answer is wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t
from torch import Tensor, nn

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.question import at_rest, tensors
from auditkit.probing.asking import Inputs, slopes, taken
from auditkit.probing.causes.harm import Harm, change_of_errors, harm_by_group
from auditkit.probing.causes.losses import Price
from auditkit.probing.causes.pieces import Cut, Piece, given_by, like, pieces_of
from auditkit.probing.causes.removal import How, Removal, removal_of
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime
from auditkit.statistics.multiplicity import holm

Floats = NDArray[np.float64]
DRAWS = 1000  # groupings drawn at random


@dataclass(frozen=True, kw_only=True, eq=False)
class Ablated:
    """What each piece is worth.

    frame has a line for each piece, in the order asked: layer, piece, loss (its change, in nats or
    squared units; above 0 the piece helps) with low and high (Student, paired over rows), p and
    adjusted (Holm; what was left out counts as asked), wrong (change of the share of wrong
    answers, by Tango, or of the mean absolute error of numbers) with low and high, and rows.
    changes (pieces, n, 2) are each row's own, of loss and wrong; before holds both of the whole
    model. harm tells the same by group, where groups were given. left_out says how many pieces
    were not ablated, being weaker to first order.
    """

    __repr__ = in_short

    frame: pd.DataFrame
    changes: Floats
    before: tuple[float, float]
    harm: Harm | None
    left_out: int
    how: How
    unit: str


def ablate(
    model: nn.Module,
    inputs: Tensor | Inputs,
    targets: ArrayLike | Tensor,
    layer: str | Sequence[str],
    *,
    parts: Cut = "units",
    heads: int | None = None,
    how: How = "mean",
    most: int | None = None,
    groups: ArrayLike | None = None,
    lengths: Tensor | None = None,
    price: Price | None = None,
    draws: int = DRAWS,
    runtime: Runtime | None = None,
) -> Ablated:
    """What each piece of a layer, or of several, is worth.

    targets (n,) are what the model should answer: 0 and 1 for a logit, classes for several,
    numbers, or tokens (n, T). With most, only as many pieces are ablated, those with the largest
    mean change of the loss to first order. lengths (n,) are each row's steps: means leave out
    what stands beyond them. groups (n,) ask whom the loss of a piece hurts. Raises UsageError for
    a layer, a cut or a way that does not exist, DataError for targets that fit no loss.
    """
    runtime = runtime or Runtime()
    names = [layer] if isinstance(layer, str) else list(layer)
    held = tensors(inputs)
    task = removal_of(model, names, held, targets, how, price, lengths, runtime)
    with at_rest(model):
        pieces = {name: _pieces(task, name, parts, heads) for name in names}
        count = sum(map(len, pieces.values()))
        if most is not None and count > most:
            pieces = _strongest(task, pieces, most)
        before = task.measured()
        found = {name: task.without(some) for name, some in pieces.items() if some}
    every = [piece for name in found for piece in pieces[name]]
    change = np.concatenate(list(found.values())) - before  # (pieces, n, 2)
    return Ablated(
        frame=_frame(every, change, count - len(every)),
        changes=change,
        before=(float(before[:, 0].mean()), float(before[:, 1].mean())),
        harm=None
        if groups is None
        else harm_by_group(
            [(one.layer, one.name) for one in every],
            change[..., 1],
            groups,
            draws=draws,
            rng=runtime.rng("groups drawn at random"),
        ),
        left_out=count - len(every),
        how=how,
        unit=task.price.unit,
    )


def _pieces(task: Removal, layer: str, cut: Cut, heads: int | None) -> list[Piece]:
    some = taken(task.inputs, torch.arange(min(2, task.rows)))
    return pieces_of(layer, given_by(task.model, layer, some), cut, heads=heads)


def _frame(pieces: Sequence[Piece], change: Floats, left_out: int) -> pd.DataFrame:
    lines = []
    for piece, one in zip(pieces, change, strict=True):
        loss, wrong = mean_of(one[:, 0]), change_of_errors(one[:, 1])
        lines.append(
            (
                *(piece.layer, piece.name, loss.value, loss.low, loss.high, _p(one[:, 0]), np.nan),
                *(wrong.value, wrong.low, wrong.high, len(one)),
            )
        )
    frame = pd.DataFrame(lines, columns=COLUMNS)
    frame["adjusted"] = _adjusted(frame, left_out)
    return frame


def _adjusted(frame: pd.DataFrame, left_out: int) -> Floats:
    """Holm's p; what was left out as weak counts as asked, since the strongest were picked."""
    asked = np.concatenate([frame["p"].to_numpy(float), np.ones(left_out)])
    return holm(asked)[: len(frame)]


def together(*found: Ablated) -> Ablated:
    """Ablations of the same rows as one, adjusted over all pieces; without groups."""
    frame = pd.concat([one.frame for one in found], ignore_index=True)
    left_out = sum(one.left_out for one in found)
    frame["adjusted"] = _adjusted(frame, left_out)
    changes = np.concatenate([one.changes for one in found])
    return replace(found[0], frame=frame, changes=changes, harm=None, left_out=left_out)


# fmt: off
COLUMNS = [
    "layer", "piece", "loss", "loss low", "loss high", "p", "adjusted", "wrong", "wrong low",
    "wrong high", "rows",
]
# fmt: on


def _p(change: Floats) -> float:
    """Student's two-sided p of no change; 1 where nothing changed at all, NaN for a single row."""
    if len(change) < 2:
        return float("nan")
    error = change.std(ddof=1) / np.sqrt(len(change))
    if error == 0:
        return 1.0 if change[0] == 0 else 0.0
    return float(2 * t.sf(abs(change.mean()) / error, len(change) - 1))


def _strongest(
    task: Removal, pieces: Mapping[str, list[Piece]], most: int
) -> dict[str, list[Piece]]:
    """The pieces without which rows' losses would change most, by their slope at the layers."""
    sizes: dict[Piece, float] = {}
    others = {name: task.others(name) for name in pieces}
    passes = slopes(
        task.model,
        list(pieces),
        task.inputs,
        lambda outputs, rows: task.cost(outputs, rows)[:, 0],
        runtime=task.runtime,
        label="first order",
    )
    for rows, seen in passes:
        for layer, (numbers, slope) in seen.items():
            for other in others[layer]:
                product = slope * (like(other(rows), numbers) - numbers)
                for piece in pieces[layer]:
                    rows_moved = piece.of(product).flatten(1).sum(dim=1)
                    sizes[piece] = sizes.get(piece, 0.0) + float(rows_moved.abs().sum())
    kept = set(sorted(sizes, key=lambda piece: -sizes[piece])[:most])
    return {name: [one for one in some if one in kept] for name, some in pieces.items()}
