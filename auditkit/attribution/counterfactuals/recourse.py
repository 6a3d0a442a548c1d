"""What it costs those who were refused to be accepted, by group.

Costs come from `counterfactuals`; those of groups are compared as any positive quantity is
(bias.outputs.number_gaps), the share for whom nothing was found as any rate (bias.disparity).

Ustun, Spangher & Liu 2019, "Actionable recourse in linear classification"; Gupta et al. 2019,
"Equalizing recourse across groups".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.tables import Counterfactuals
from auditkit.bias.clusters import clustered_counts
from auditkit.bias.contrast import Contrast
from auditkit.bias.disparity import Disparity, disparity
from auditkit.bias.groups import group_counts
from auditkit.bias.outputs.number_errors import number_errors
from auditkit.bias.outputs.number_gaps import error_gap
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval

Floats = NDArray[np.float64]

OVER_ROWS = "guarded Wilson over rows"


def costs_of(found: Counterfactuals) -> Floats:
    """What the cheapest change costs each row, (n,); NaN where none was found."""
    return np.array([one.cost for one in found.rows], np.float64)


def cost_gap(
    costs: Floats,
    groups: pd.Series,
    *,
    rng: np.random.Generator,
    clusters: Any = None,
    draws: int = 1000,
    min_group_size: int = 0,
) -> Contrast:
    """The largest difference between groups in the mean cost of those for whom one was found.

    costs (n,) with NaN where none was; groups (n,) each row's group; clusters (n,) whose row
    each is. 0 is ideal, in the unit of the costs. Intervals hold for all pairs at once, the null
    permutes groups. Undefined, with its reason, for fewer than two groups with a cost. Raises
    DataError where lengths differ or there is no cost at all.
    """
    known = np.isfinite(costs)
    together = None if clusters is None else np.asarray(clusters)[known]
    errors = number_errors(
        np.zeros(int(known.sum())), costs[known], _present(groups[known]), clusters=together
    )
    return error_gap(
        errors, "mean_absolute_error", rng=rng, draws=draws, min_group_size=min_group_size
    )


def lacking_gap(
    costs: Floats,
    groups: pd.Series,
    *,
    rng: np.random.Generator,
    clusters: Any = None,
    draws: int = 1000,
    min_group_size: int = 0,
) -> Disparity:
    """The largest difference between groups in the share for whom no change was found."""
    lacking = np.isnan(costs).astype(np.int8)
    ones = np.ones_like(lacking)
    counts, found = group_counts(ones, lacking, _present(groups)), None
    if clusters is not None:
        counts, found = clustered_counts(ones, lacking, _present(groups), clusters)
        found = None if found.alone else found
    return disparity(
        counts,
        "selection_rate",
        rng=rng,
        draws=draws,
        min_group_size=min_group_size,
        clusters=found,
    )


def hanging(turned: Sequence[bool]) -> Estimate:
    """The share of decisions that a small change turns, of those asked about; guarded Wilson."""
    n, hits = len(turned), sum(turned)
    if not n:
        return undefined("no row was asked about", method=OVER_ROWS)
    low, high = rate_interval(hits, n)
    return Estimate(value=hits / n, low=float(low), high=float(high), n=n, method=OVER_ROWS)


def by_group(found: Counterfactuals, groups: pd.Series, *, least: int = 1) -> pd.DataFrame:
    """A line for each group of at least `least` rows: rows, found, median cost, things changed.

    found is the share for whom a change was found; the median counts the others as costing more
    than any, and is infinite where they are half.
    """
    costs = costs_of(found)
    changes = [np.nan if one.cheapest is None else one.cheapest.count for one in found.rows]
    frame = pd.DataFrame(
        {"group": groups.array, "cost": costs, "changes": np.array(changes, np.float64)}
    )
    lines = []
    for name, part in frame.groupby("group", observed=True, sort=True):
        if len(part) < least:
            continue
        known = part["cost"].notna()
        lines.append(
            {
                "group": str(name),
                "rows": len(part),
                "found": float(known.mean()),
                "median cost": float(np.median(part["cost"].fillna(np.inf))),
                "things changed": float(part["changes"].mean()) if known.any() else np.nan,
            }
        )
    return pd.DataFrame(lines)


def what_changes(found: Counterfactuals, groups: pd.Series, *, least: int = 1) -> pd.DataFrame:
    """How often the cheapest change of a row changes each column, by group, the commonest first.

    Columns column, then one for each group of at least `least` rows: a share of those for whom a
    change was found.
    """
    known = np.array([one.cheapest is not None for one in found.rows])
    inside = groups.to_numpy()[known].astype(str)
    sizes = pd.Series(inside).value_counts(sort=False)
    lines = [
        (change.column, str(group))
        for one, group in zip(found.rows, groups.to_numpy(), strict=True)
        if one.cheapest is not None
        for change in one.cheapest.changes
    ]
    frame = pd.DataFrame(lines, columns=["column", "group"])
    table = frame.value_counts().unstack(fill_value=0)
    names = [str(one) for one in pd.unique(groups.sort_values().to_numpy()) if str(one) in sizes]
    names = [one for one in names if sizes[one] >= least]
    table = table.reindex(columns=names, fill_value=0)
    order = table.sum(axis=1).sort_values(ascending=False, kind="stable").index
    shares = table.loc[order] / sizes[names]
    return shares.reset_index().rename_axis(columns=None)


def _present(groups: pd.Series) -> pd.Series:
    """Without categories that no row has."""
    if isinstance(groups.dtype, pd.CategoricalDtype):
        return groups.cat.remove_unused_categories()
    return groups
