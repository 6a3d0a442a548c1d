"""Groups compared within strata: like with like, and whether the comparison turns round.

A difference between groups may come from where they are found: one applies to the departments
that refuse most. Here every group's rate is what it would be, were the group spread over the
strata as all rows are (direct standardisation), with as many effective rows as its variance
allows, so that the intervals of `pairs` apply.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from auditkit.bias.bootstrap import holding, tukey
from auditkit.bias.clusters import Clusters, design_effects
from auditkit.bias.contrast import WIDEST, exceedance
from auditkit.bias.groups import rate_of, share
from auditkit.bias.null import UNDEFINED, Null, null_from
from auditkit.bias.pairs import PAIR_COLUMNS, Contest, compare, extreme, frame_of
from auditkit.bias.standardisation import (
    Cells,
    cells_by_stratum,
    permuted_within,
    stratified_maxima,
)
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHOD = "rates standardised to the strata of all rows, all pairs at once (max-T)"
STRATUM_COLUMNS = ("stratum", "rows", "lowest", "highest", "value", "low", "high")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standardised:
    """A rate compared within strata: the largest adjusted difference, ideally 0.

    estimate has the simultaneous interval. groups has a line a group: raw (the rate of its rows
    as they are), value (standardised) with its own low and high, n. pairs has a line for every
    two groups, the one with the higher adjusted rate first: value, low, high, and raw, raw_low,
    raw_high for the same difference as it is. strata has a line a stratum: its own largest gap.
    covered is the share of the rows in strata where every group compared has enough of them.
    """

    rate: str
    estimate: Estimate
    lowest: str
    highest: str
    null: Null
    groups: pd.DataFrame
    pairs: pd.DataFrame
    strata: pd.DataFrame
    covered: float
    left_out: Mapping[str, str]
    critical: float
    contest: Contest | None
    maxima: Floats

    def reversed(self) -> pd.DataFrame:
        """The pairs that Simpson's paradox turns round: both differences are away from 0."""
        return self.pairs[(self.pairs["low"] > 0) & (self.pairs["raw_high"] < 0)]

    def explained(self) -> pd.DataFrame:
        """The pairs whose raw difference is away from 0, and which are alike within strata.

        The adjusted interval holds 0 and not the raw difference: wide enough to hold both, it
        would explain nothing.
        """
        raw, low, high = (self.pairs[name] for name in ("raw", "low", "high"))
        apart = (self.pairs["raw_low"] > 0) | (self.pairs["raw_high"] < 0)
        return self.pairs[apart & (low <= 0) & ((raw < low) | (raw > high))]

    def hidden(self) -> pd.DataFrame:
        """The pairs that look alike and differ within strata."""
        alike = (self.pairs["raw_low"] <= 0) & (self.pairs["raw_high"] >= 0)
        return self.pairs[alike & (self.pairs["low"] > 0)]

    def beyond(self, limit: float) -> float:
        """The chance, were the truth exactly at the limit, of evidence this far beyond it."""
        contest = self.contest
        if contest is None:
            return math.nan

        def excess(z: float) -> float:
            return extreme(compare(contest, "difference", z), "difference")[1] - limit

        if excess(0.0) <= 0:
            return 1.0
        near, far = (self.critical, WIDEST) if excess(self.critical) > 0 else (0.0, self.critical)
        z = far if excess(far) > 0 else float(brentq(excess, near, far, xtol=1e-6))
        return exceedance(z, self.maxima, (len(contest.n),))


def within_strata(
    counts: pd.DataFrame,
    rate_name: str,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 10,
    clusters: Clusters | None = None,
) -> Standardised:
    """A rate compared between groups within strata.

    counts is `group_counts` of several columns: the last names the groups, those before it the
    strata. A group is left out, by name, where the strata in which it has min_group_size rows (of
    the rate's denominator) hold less than half of all; a stratum, where some group compared has
    fewer. Undefined, with its reason, for fewer than two groups or no stratum. Raises DataError
    for counts of one column, UsageError for an unknown rate.
    """
    if counts.index.nlevels < 2:
        raise DataError("strata need counts by two columns or more; the last names the groups")
    cells, left_out, covered, reason = cells_by_stratum(counts, rate_name, max(min_group_size, 1))
    if reason:
        return _nothing(rate_name, left_out, reason)
    rate, effective = cells.standardised(cells.hits)
    if clusters is not None:
        flat = cells.places.ravel()
        scale = (cells.weights[:, None] / cells.n).ravel()
        member = np.tile(np.arange(len(cells.groups)), len(cells.weights))
        effective = effective / design_effects(clusters, rate_of(rate_name), flat, scale, member)
    contest = _contest(rate_name, cells, rate, effective)
    maxima = stratified_maxima(contest, cells, draws, rng) if clusters is None else np.zeros(0)
    sizes = (len(rate),)
    critical = holding(maxima, sizes, confidence) if len(maxima) else tukey(sizes, confidence)
    pairs = compare(contest, "difference", critical)
    place, low, high = extreme(pairs, "difference")
    permuted = (
        permuted_within(cells, draws, rng) if clusters is None else _drawn(contest, draws, rng)
    )
    method = METHOD if clusters is None else f"{METHOD}, of {clusters.total:,} clusters of rows"
    value = float(pairs.value[place])
    return Standardised(
        rate=rate_name,
        estimate=Estimate(
            value=value,
            low=low,
            high=high,
            n=int(contest.n.sum()),
            method=method,
            confidence=confidence,
        ),
        lowest=contest.labels[pairs.second[place]],
        highest=contest.labels[pairs.first[place]],
        null=null_from(permuted[None, :], value, "difference"),
        groups=_groups(contest, cells, confidence),
        pairs=_pairs(contest, cells, critical),
        strata=_strata(contest, cells, confidence),
        covered=covered,
        left_out=left_out,
        critical=critical,
        contest=contest,
        maxima=maxima,
    )


def _contest(rate_name: str, cells: Cells, rate: Floats, effective: Floats) -> Contest:
    n = cells.n.sum(axis=0)
    return Contest(
        name=rate_name,
        rate=rate_of(rate_name),
        groups=cells.groups,
        labels=cells.names,
        hits=rate * n,
        n=n,
        effective=effective,
    )


def _drawn(contest: Contest, draws: int, rng: np.random.Generator) -> Floats:
    """The gap of normal rates around a common one, each as uncertain as its clusters: (draws,)."""
    common = contest.hits.sum() / contest.n.sum()
    error = np.sqrt(common * (1 - common) / contest.support)
    rate = rng.normal(size=(draws, len(error))) * error
    return np.asarray(rate.max(axis=1) - rate.min(axis=1))


def _groups(contest: Contest, cells: Cells, confidence: float) -> pd.DataFrame:
    rate = share(contest.hits, contest.n)
    low, high = rate_interval(rate * contest.support, contest.support, confidence=confidence)
    raw = share(cells.hits.sum(axis=0), cells.n.sum(axis=0))
    columns = {"raw": raw, "value": rate, "low": low, "high": high, "n": contest.n.astype(int)}
    return pd.DataFrame(columns, index=pd.Index(contest.labels, name="group", dtype=object))


def _pairs(contest: Contest, cells: Cells, critical: float) -> pd.DataFrame:
    """The adjusted pairs, and the same differences as they are on the same rows."""
    adjusted = compare(contest, "difference", critical)
    frame = frame_of(contest, adjusted)[list(PAIR_COLUMNS[1:])]
    raw = replace(contest, hits=cells.hits.sum(axis=0))
    raw = replace(raw, effective=contest.n * _kept(contest, cells))
    as_it_is = compare(raw, "difference", critical)
    turned = as_it_is.first != adjusted.first
    frame["raw"] = np.where(turned, -as_it_is.value, as_it_is.value)
    frame["raw_low"] = np.where(turned, -as_it_is.high, as_it_is.low)
    frame["raw_high"] = np.where(turned, -as_it_is.low, as_it_is.high)
    return frame


def _kept(contest: Contest, cells: Cells) -> Floats:
    """What clusters leave of a row, at most 1: as much as they leave of the adjusted rates."""
    _, independent = cells.standardised(cells.hits)
    return np.minimum(contest.support / independent, 1.0)


def _strata(contest: Contest, cells: Cells, confidence: float) -> pd.DataFrame:
    """Each stratum's own largest gap, with the interval of all its pairs."""
    z, lines = tukey((len(contest.labels),), confidence), []
    for title, hits, n in zip(cells.titles, cells.hits, cells.n, strict=True):
        own = replace(contest, hits=hits, n=n, effective=None)
        pairs = compare(own, "difference", z)
        at, low, high = extreme(pairs, "difference")
        lowest, highest = contest.labels[pairs.second[at]], contest.labels[pairs.first[at]]
        value = float(pairs.value[at])
        lines.append((title, int(n.sum()), lowest, highest, value, low, high))
    frame = pd.DataFrame(lines, columns=list(STRATUM_COLUMNS))
    return frame.sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _nothing(rate_name: str, left_out: Mapping[str, str], reason: str) -> Standardised:
    none: Sequence[Any] = ()
    return Standardised(
        rate=rate_name,
        estimate=undefined(reason, method=METHOD),
        lowest="",
        highest="",
        null=UNDEFINED,
        groups=pd.DataFrame(none, columns=["raw", "value", "low", "high", "n"]),
        pairs=pd.DataFrame(none, columns=[*PAIR_COLUMNS[1:], "raw", "raw_low", "raw_high"]),
        strata=pd.DataFrame(none, columns=list(STRATUM_COLUMNS)),
        covered=math.nan,
        left_out=left_out,
        critical=math.nan,
        contest=None,
        maxima=np.zeros(0),
    )
