"""Subgroups nobody named: the slices of the rows that are served worst.

They are looked for on one half of the rows and confirmed on the other: being the worst of many
makes a slice look bad on the half it was found on, and says nothing on the other.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, rel_entr

from auditkit.bias.subgroups import lattice
from auditkit.bias.subgroups.confirmation import outside_contrasts
from auditkit.bias.subgroups.slices import Ints, Mask, conditions
from auditkit.errors import DataError, UsageError
from auditkit.statistics.intervals import z_of
from auditkit.statistics.multiplicity import holm

MOST_SEARCHED = 20_000  # rows; all others confirm
LEAST_ROWS, LEAST_SHARE = 30, 0.01
POWER = 0.8
SHARES = (0.02, 0.05, 0.1, 0.2)  # sizes of slices of which it is said what would be seen
COLUMNS = {
    "slice": str,
    "n": np.int64,
    **dict.fromkeys(("rate", "outside", "difference", "low", "high", "p", "holm"), np.float64),
    "confirmed": bool,
}

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subgroups:
    """The worst slices that were found, and what the rows kept apart say of them.

    slices has a line for each, the confirmed ones first: slice (its conditions), n (its rows in
    the confirming half), rate (their mean loss), outside, difference, low and high (simultaneous
    over all lines), p (two-sided), holm (p adjusted over all lines), confirmed. rows (lines, n)
    bool says who is in each, confirming (n,) bool which rows confirm. detectable says, for slices
    of some shares of the rows, which difference would be found and confirmed four times in five.
    looked counts the slices that were looked at, least is the rows each had, left_out counts
    conditions that were too many. reason says why nothing could be looked at.
    """

    slices: pd.DataFrame
    rows: Mask
    confirming: Mask
    detectable: pd.DataFrame
    looked: int
    least: int
    left_out: int
    reason: str = ""


def find_subgroups(
    frame: pd.DataFrame,
    loss: ArrayLike,
    *,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
    most_conditions: int = 3,
    min_rows: int | None = None,
    most: int = 10,
    bins: int = 5,
    confidence: float = 0.95,
) -> Subgroups:
    """The slices of `frame` in which the mean of `loss` (n,) is highest: different, at most `most`.

    A slice is up to three conditions on different columns, met by at least min_rows rows of the
    half that is searched (30, or one in a hundred, unless given). The loss is 0 or 1, or any
    number: an error, a cost in bits. With groups (n,) (persons, documents) the halves share
    none, and the intervals allow for rows of one group being alike. Raises DataError for losses
    that are missing or for no column, UsageError for a choice out of range.
    """
    values = _losses(loss, frame)
    _require_choices(most_conditions, min_rows, most)
    z_of(confidence)  # raises for one that is no share
    clusters = None if groups is None else _codes(groups, len(frame))
    searching = _half(len(frame), clusters, rng)
    searched = int(searching.sum())
    least = min_rows or max(LEAST_ROWS, math.ceil(LEAST_SHARE * searched))
    reason = _nothing(values, searching, least)
    if reason:
        return _without(searching, least, reason)
    found = conditions(frame, bins=bins, least=least)
    half, scaled = found.rows[:, searching], _scaled(values[searching])
    alike = np.ones(len(half))
    if clusters is not None:
        alike = _design_effects(half, scaled, clusters[searching])
    ranked = lattice.search(
        half, found.columns, scaled, alike, most_conditions=most_conditions, least=least
    )
    chosen = lattice.different(half, scaled, alike, ranked, most)
    rows = lattice.members_of(found.rows, chosen)
    names = [_said(found.names, one) for one in chosen]
    table, order = _confirmed(names, rows[:, ~searching], values, ~searching, clusters, confidence)
    price = float(ranked.scale.prices[min(most_conditions, 2)])
    z = z_of(1 - (1 - confidence) / most)
    usual = float(np.median(alike)) if len(alike) else 1.0
    seen = _detectable(values, searched, least, price, z, usual)
    return Subgroups(
        slices=table,
        rows=rows[order],
        confirming=~searching,
        detectable=pd.DataFrame({"share": SHARES, "difference": seen}).dropna(ignore_index=True),
        looked=ranked.looked,
        least=least,
        left_out=ranked.left_out,
    )


def _confirmed(
    names: list[str],
    met: Mask,
    values: Floats,
    kept: Mask,
    clusters: Ints | None,
    confidence: float,
) -> tuple[pd.DataFrame, Ints]:
    """The table of the slices, and their order in it."""
    table = outside_contrasts(
        met,
        values[kept],
        None if clusters is None else np.unique(clusters[kept], return_inverse=True)[1],
        confidence=1 - (1 - confidence) / max(len(met), 1),
    )
    table.insert(0, "slice", names)
    table["holm"] = holm(table["p"].fillna(1.0))  # one that proves nothing was asked as well
    table["confirmed"] = (table["holm"] <= 1 - confidence) & (table["difference"] > 0)
    order = np.lexsort((-table["difference"], ~table["confirmed"]))
    return table.iloc[order].reset_index(drop=True), order


def _detectable(
    values: Floats, rows: int, least: int, price: float, z: float, alike: float
) -> Floats:
    """For slices of SHARES of the rows: the difference that both halves show with POWER, or NaN.

    Each shows it with the root of that. The search wants a likelihood above its price, which
    varies by what is wrong in the slice and by how many rows it has; the other half a difference
    of z standard errors. Where losses are 0 and 1 their spread is that of their own rate.
    """
    each, mean, share = float(ndtri(math.sqrt(POWER))), float(values.mean()), np.array(SHARES)
    n = share * rows
    weight = alike / (n * (1 - share))
    if not np.isin(values, (0, 1)).all():
        need = max(each + math.sqrt(each**2 + 2 * price), z + each)
        difference = need * float(values.std()) * np.sqrt(weight)
        return np.where(n >= least, difference, np.nan)
    tried = np.linspace(0, 1, 1001)[1:-1, None]
    rate, other = mean + tried * (1 - share), mean - tried * share
    known = (rate < 1) & (other >= 0)
    rate, other = np.where(known, rate, mean), np.where(known, other, mean)
    own = alike * (rate * (1 - rate) / n + other * (1 - other) / (rows - n))
    confirmed = tried >= z * np.sqrt(mean * (1 - mean) * weight) + each * np.sqrt(own)
    gain = rel_entr(rate, mean) + rel_entr(1 - rate, 1 - mean)
    step = np.log(rate * (1 - mean) / ((1 - rate) * mean))
    spread = np.sqrt(n * (step**2 * rate * (1 - rate) * alike + gain**2)) / alike
    seen = known & confirmed & (n * gain / alike >= price + each * spread) & (n >= least)
    return np.where(seen.any(axis=0), tried[seen.argmax(axis=0), 0], np.nan)


def _scaled(values: Floats) -> Floats:
    """From 0 to 1, as the search wants them."""
    low, high = values.min(), values.max()
    return np.asarray((values - low) / (high - low))


def _design_effects(half: Mask, values: Floats, clusters: Ints) -> Floats:
    """How many times more the difference that each condition makes varies for clusters; at least 1.

    A condition that all rows of a person meet, or none, brings the persons' differences with it;
    one that some meet of everybody does not.

    Kish 1965, *Survey Sampling*; of a difference, by its linearised residuals.
    """
    rest = values - values.mean()
    effects = np.ones(len(half))
    for place, met in enumerate(half):
        own = (met - met.mean()) * rest
        alone = float((own**2).sum())
        if alone > 0:
            effects[place] = max(float((np.bincount(clusters, weights=own) ** 2).sum()) / alone, 1)
    return effects


def _half(n: int, clusters: Ints | None, rng: np.random.Generator) -> Mask:
    """Which rows are searched: half of them, at most MOST_SEARCHED, no group on both sides."""
    target = min(n // 2, MOST_SEARCHED)
    searching = np.zeros(n, dtype=bool)
    if clusters is None:
        searching[rng.permutation(n)[:target]] = True
        return searching
    sizes = np.bincount(clusters)
    order = rng.permutation(len(sizes))
    nearest = int(np.abs(np.cumsum(sizes[order]) - target).argmin())
    return np.isin(clusters, order[: nearest + 1])


def _said(names: tuple[str, ...], members: Ints) -> str:
    return " and ".join(names[one] for one in members if one >= 0)


def _nothing(values: Floats, searching: Mask, least: int) -> str:
    """Why there is nothing to look for; empty where there is."""
    if searching.all() or not searching.any():
        return "all rows are of one group: no half could confirm what the other shows"
    fewer = min(int(searching.sum()), int((~searching).sum()))
    if fewer < 2 * least:
        return f"a half has {fewer} rows, too few for a slice of {least} and as many others"
    if values[searching].min() == values[searching].max():
        return "no row is served worse than another"
    return ""


def _without(searching: Mask, least: int, reason: str) -> Subgroups:
    none = np.zeros((0, len(searching)), dtype=bool)
    slices = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    return Subgroups(
        slices=slices,
        rows=none,
        confirming=~searching,
        detectable=pd.DataFrame({"share": [], "difference": []}, dtype=float),
        looked=0,
        least=least,
        left_out=0,
        reason=reason,
    )


def _losses(loss: ArrayLike, frame: pd.DataFrame) -> Floats:
    values = np.asarray(loss, float)
    if values.shape != (len(frame),):
        raise DataError(
            f"loss has shape {values.shape}, the frame {len(frame)} rows; give one each"
        )
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).argmax())
        raise DataError(f"loss is {values[row]} in row {row + 1}; leave rows without a loss out")
    if not len(frame.columns):
        raise DataError("the frame has no columns to cut slices by; give at least one")
    return values


def _require_choices(most_conditions: int, min_rows: int | None, most: int) -> None:
    if not 1 <= most_conditions <= 3:
        raise UsageError(f"most_conditions is {most_conditions}; a slice has 1, 2 or 3 conditions")
    if min_rows is not None and min_rows < 1:
        raise UsageError(f"min_rows is {min_rows}; a slice has at least one row")
    if most < 1:
        raise UsageError(f"most is {most}; ask for at least one slice")


def _codes(groups: ArrayLike, n: int) -> Ints:
    """Groups counted from 0; the rows of an unknown one may be one person's, and are a group."""
    codes, _ = pd.factorize(pd.Series(np.asarray(groups)), use_na_sentinel=False)
    if len(codes) != n:
        raise DataError(f"groups has {len(codes)} values, the frame {n} rows; give one each")
    return codes.astype(np.int64)
