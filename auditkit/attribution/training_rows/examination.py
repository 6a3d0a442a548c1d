"""Which training rows helped and harmed, and whether the estimate that says so holds here."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from auditkit.attribution.training_rows.influence import Influence
from auditkit.attribution.training_rows.retraining import losses_without, rank_agreement
from auditkit.errors import UsageError
from auditkit.statistics.estimate import Estimate


@dataclass(frozen=True, kw_only=True)
class Taught:
    """A training row by its place, and its score over the mean size of all rows' scores."""

    row: int
    times: float


def helpful(scores: Tensor, most: int) -> tuple[Taught, ...]:
    """The training rows of the highest scores (n,), at most so many and none at 0 or below."""
    return _first(scores, scores, most)


def harmful(scores: Tensor, most: int) -> tuple[Taught, ...]:
    """The training rows of the lowest scores (n,), at most so many and none at 0 or above."""
    return _first(-scores, scores, most)


@dataclass(frozen=True, kw_only=True)
class Examined:
    """How the order of scores agrees with what happens when rows are left out, by estimate.

    rows is how many training rows were left out, one at a time, and the last layer trained again.
    """

    agreements: Mapping[str, Estimate]
    rows: int


def examined(
    influence: Influence,
    features: Tensor,
    targets: Tensor,
    estimates: Mapping[str, Tensor],
    rng: np.random.Generator,
    *,
    rows: int = 40,
) -> Examined:
    """Leave training rows out, one at a time, and hold each estimate (m, n) to what happened.

    features and targets are those of the m explained rows. Half of the rows left out are drawn at
    random, half are what each estimate in its turn calls strongest, so that none of them chooses
    its own questions. Raises UsageError for fewer than five rows.
    """
    if rows < 5:
        raise UsageError(f"{rows} rows to be left out: five are the fewest that tell anything")
    out = _left_out(list(estimates.values()), rng, rows)
    happened = losses_without(influence, out, features, targets)
    return Examined(
        agreements={
            name: rank_agreement(scores[:, out], happened) for name, scores in estimates.items()
        },
        rows=len(out),
    )


def likeness(influence: Influence, features: Tensor, targets: Tensor) -> Tensor:
    """What knows nothing of influence: cosine of features, against it where targets differ, (m, n).

    Targets that are numbers count as different where they lie on different sides of the mean.
    """
    cosine = _unit(features) @ _unit(influence.features).T
    own, other = influence.targets, targets
    if own.is_floating_point():
        middle = own.mean()
        own, other = own > middle, other > middle
    return torch.where(other[:, None] == own[None], cosine, -cosine)


def _left_out(estimates: list[Tensor], rng: np.random.Generator, rows: int) -> Tensor:
    m, n = estimates[0].shape
    rows = min(rows, n)
    orders = [
        one[row].abs().argsort(descending=True, stable=True).tolist()
        for row in range(m)
        for one in estimates
    ]
    chosen: dict[int, None] = {}
    for place in range(n):
        for order in orders:
            if len(chosen) < rows // 2:
                chosen[order[place]] = None
        if len(chosen) >= rows // 2:
            break
    for one in rng.permutation(n).tolist():
        if len(chosen) >= rows:
            break
        chosen[one] = None
    return torch.tensor(sorted(chosen))


def _first(order: Tensor, scores: Tensor, most: int) -> tuple[Taught, ...]:
    average = float(scores.abs().mean()) or 1.0
    places = order.argsort(descending=True, stable=True)[:most].tolist()
    return tuple(
        Taught(row=place, times=float(scores[place]) / average)
        for place in places
        if float(order[place]) > 0
    )


def _unit(features: Tensor) -> Tensor:
    found: Tensor = torch.nn.functional.normalize(features, dim=1)
    return found
