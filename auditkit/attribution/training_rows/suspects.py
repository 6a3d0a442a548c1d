"""Training rows whose label is to be doubted, and how well this model finds planted ones."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from auditkit.attribution.training_rows.influence import Influence
from auditkit.attribution.training_rows.losses import Squared
from auditkit.attribution.training_rows.retraining import retrained
from auditkit.errors import UsageError
from auditkit.statistics.classification import auc
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.intervals import rate_interval


@dataclass(frozen=True, kw_only=True)
class Planted:
    """How well planted wrong labels are told from the rest.

    order is the chance that a planted row is doubted more than another (1 is ideal, 0.5 a coin);
    first the share of planted ones among the first so many, as many as were planted; share what
    chance would give there.
    """

    order: Estimate
    first: Estimate
    share: float


def doubts(influence: Influence) -> np.ndarray:
    """How much each training row's label is to be doubted, (n,) within (0, 1].

    The mean of a row's places by its loss and by its influence on itself: what the others do not
    make likely, and what is known by rote alone. Where the layer is too wide for the second, its
    squared gradient takes its place.
    """
    itself = influence.on_itself if influence.curvature.written else gradient_lengths(influence)
    ranks = rankdata(influence.losses.numpy()) + rankdata(itself.numpy())
    return np.asarray(ranks / (2 * len(ranks)))


def contradicted(influence: Influence) -> np.ndarray:
    """Which training rows (n,) the network answers otherwise than is recorded; of numbers all."""
    outputs, targets = influence.curvature.outputs, influence.targets
    if isinstance(influence.loss, Squared):
        return np.ones(len(targets), dtype=bool)
    said = outputs.argmax(dim=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).long()
    return np.asarray((said != targets).numpy())


def gradient_lengths(influence: Influence) -> Tensor:
    """Squared length of each training row's gradient, (n,): TracIn of a row on itself."""
    return influence.slopes.square().sum(dim=1) * influence.features.square().sum(dim=1)


def planted(influence: Influence, rng: np.random.Generator, *, share: float = 0.05) -> Planted:
    """Exchange the targets of a share of the rows, train the layer again, and look for them.

    Classes become another class, numbers those of other rows. The features are what they were, so
    that a whole network that learned from such labels may hide them better. Rows that were wrong
    before count against the search. Raises UsageError for a share that plants none or nearly all.
    """
    n = len(influence.targets)
    many = round(share * n)
    if not 0 < many < n / 2:
        raise UsageError(f"a share of {share} of {n} rows plants {many}: give more rows or another")
    rows = rng.choice(n, many, replace=False)
    wrong = np.zeros(n, dtype=np.int8)
    wrong[rows] = 1
    found = doubts(retrained(influence, _exchanged(influence, rows, rng)))
    first = np.argsort(-found, kind="stable")[:many]
    hits = int(wrong[first].sum())
    low, high = rate_interval(hits, many)
    return Planted(
        order=auc(wrong, found),
        first=Estimate(
            value=hits / many, low=float(low), high=float(high), n=many, method="Wilson"
        ),
        share=many / n,
    )


def _exchanged(influence: Influence, rows: np.ndarray, rng: np.random.Generator) -> Tensor:
    """The targets, those of `rows` exchanged for others."""
    targets = influence.targets.clone()
    here = torch.from_numpy(rows)
    if isinstance(influence.loss, Squared):
        targets[here] = targets[torch.from_numpy(rng.choice(len(targets), len(rows)))]
        return targets
    classes = max(influence.curvature.shape[0], 2)
    steps = torch.from_numpy(rng.integers(1, classes, len(rows)))
    targets[here] = ((targets[here].long() + steps) % classes).to(targets)
    return targets
