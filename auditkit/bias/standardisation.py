"""A rate as it would be, were each group spread over the strata as all rows are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.bootstrap import furthest
from auditkit.bias.groups import label, rate_of, share
from auditkit.bias.pairs import Contest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_SHARE = 0.5  # of the rows: what the strata in which a group is found must hold
PRIOR = 2.0  # rows at the group's own rate added to a cell, for its variance alone


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Hits and rows by stratum and group, (strata, groups), and each stratum's weight."""

    hits: Floats
    n: Floats
    weights: Floats  # (strata,), summing to 1
    places: Ints  # lines of the count table, (strata, groups)
    groups: Ints  # places among all groups, (groups,)
    strata: Ints
    names: tuple[str, ...]  # of the groups
    titles: tuple[str, ...]  # of the strata

    def standardised(self, hits: Floats) -> tuple[Floats, Floats]:
        """The rate of each group and its effective rows; hits may have draws before it."""
        rate = share(hits, self.n)
        whole = np.einsum("k,...kg->...g", self.weights, rate)
        near = (hits + PRIOR * whole[..., None, :]) / (self.n + PRIOR)
        spread = near * (1 - near) / self.n
        variance = np.einsum("k,...kg->...g", self.weights**2, spread)
        alike = 1 / np.einsum("k,kg->g", self.weights**2, 1 / self.n)
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = whole * (1 - whole) / variance
        return whole, np.where(variance > 0, effective, alike)


def cells_by_stratum(
    counts: pd.DataFrame, rate_name: str, least: int
) -> tuple[Cells, dict[str, str], float, str]:
    """The strata and groups that can be compared, who cannot, the share of rows, or a reason."""
    hits, n = (part.astype(float) for part in rate_of(rate_name).parts(counts))
    strata, titles = _coded([key[:-1] for key in counts.index])
    groups, names = _coded([key[-1] for key in counts.index])
    shape = (int(strata.max()) + 1, len(names))
    places = np.full(shape, -1)
    places[strata, groups] = np.arange(len(counts))
    table = np.where(places >= 0, n[places], 0)
    enough, rows = table >= least, table.sum(axis=1)
    found = (enough * rows[:, None]).sum(axis=0) / max(rows.sum(), 1)
    kept = np.flatnonzero(found >= LEAST_SHARE)
    left_out = {
        label(names[place]): f"strata with at least {least} rows of this group hold "
        f"{100 * found[place]:.0f} % of the rows"
        for place in np.flatnonzero(found < LEAST_SHARE)
    }
    used = np.flatnonzero(enough[:, kept].all(axis=1)) if len(kept) else np.array([], int)
    chosen = places[np.ix_(used, kept)]
    weights = n[chosen].sum(axis=1) if len(used) else np.zeros(0)
    cells = Cells(
        hits=hits[chosen] if len(used) else np.zeros((0, len(kept))),
        n=n[chosen] if len(used) else np.zeros((0, len(kept))),
        weights=weights / weights.sum() if len(used) else weights,
        places=chosen,
        groups=kept,
        strata=used,
        names=tuple(label(names[place]) for place in kept),
        titles=tuple(label(titles[place]) for place in used),
    )
    if len(kept) < 2:
        groups_ = "1 group" if len(kept) == 1 else "0 groups"
        return cells, left_out, 0.0, f"{groups_} found in strata enough; a gap needs two"
    if not len(used):
        return cells, left_out, 0.0, f"no stratum has {least} rows of every group"
    return cells, left_out, float(weights.sum() / n.sum()), ""


def _coded(keys: Sequence[Any]) -> tuple[Ints, list[Any]]:
    """Each key's number, in the order of their first appearance, and the keys."""
    found = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return np.array([found[key] for key in keys], dtype=np.int64), list(found)


def stratified_maxima(
    contest: Contest, cells: Cells, draws: int, rng: np.random.Generator
) -> Floats:
    """Largest studentised deviation of each draw, the cells' own rows kept: (draws,)."""
    chance = share(cells.hits, cells.n)
    drawn = rng.binomial(cells.n.astype(np.int64), chance, size=(draws, *chance.shape))
    rate, effective = cells.standardised(drawn.astype(float))
    return furthest(contest, rate * effective, effective, "difference")


def permuted_within(cells: Cells, draws: int, rng: np.random.Generator) -> Floats:
    """The adjusted gap where labels are dealt out within each stratum: (draws,)."""
    rate = np.zeros((draws, len(cells.groups)))
    for weight, hits, n in zip(cells.weights, cells.hits, cells.n, strict=True):
        dealt = rng.multivariate_hypergeometric(
            n.astype(np.int64), int(hits.sum()), size=draws, method="marginals"
        )
        rate += weight * dealt / n
    return np.asarray(rate.max(axis=1) - rate.min(axis=1))
