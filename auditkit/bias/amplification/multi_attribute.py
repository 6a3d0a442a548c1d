"""Amplification over every combination of attributes at once, where gains cannot hide losses.

A set m of attributes is a combination that a row can have, from one attribute to several: {woman},
{woman, under 25}. Changes are taken as absolute values, so that 0 alone is ideal; chance alone then
gives more than 0, and the floor says how much.

Zhao, Andrews & Xiang 2023, "Men Also Do Laundry: Multi-Attribute Bias Amplification".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from scipy.stats import t as student

from auditkit.bias.amplification.attribute_sets import Direction, Kinds, attribute_sets, kinds_of
from auditkit.bias.amplification.influence import favoured
from auditkit.bias.groups import label
from auditkit.errors import DataError, UsageError, suggestion
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIRECTIONS: tuple[Direction, ...] = ("mals", "group_to_attributes", "attributes_to_group")
METHOD = "absolute changes of all sets drawn together (multinomial over the rows)"
CHUNK = 100  # draws at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiAmplification:
    """Mean absolute change over sets of attributes and groups, and how it varies; ideal 0 and 0.

    floor is the mean that chance alone would give were nothing amplified at all; noise is what
    predictions would score that err as often but are blind to what they are measured against.
    changes has a line for each set and group: rows (of the set), data, model, change; of MALS the
    groups that a set is not linked to have a change of 0.
    """

    direction: Direction
    mean: Estimate
    variance: float
    floor: float
    noise: float
    changes: pd.DataFrame

    @property
    def deviation(self) -> float:
        """The square root of the variance, in the unit of the mean."""
        return math.sqrt(self.variance)


def multi_mals(truth: ArrayLike, prediction: ArrayLike) -> tuple[float, float]:
    """Mean and variance of the undirected measure from co-occurrences (M, G), sets by groups.

    Sum over g and m of |D| over M, D = 1[b > 1 / G] (b^ - b), b the share of group g among the
    rows with m; the variance is over all sets and groups. NaN where a set never occurs.
    """
    true, said = _tables(truth, prediction)
    with np.errstate(invalid="ignore"):
        change = said / said.sum(axis=1, keepdims=True) - true / true.sum(axis=1, keepdims=True)
    change = favoured(true) * change
    return float(np.abs(change).sum() / len(change)), float(change.var())


def multi_directional(
    truth: ArrayLike, prediction: ArrayLike, given: ArrayLike
) -> tuple[float, float]:
    """Mean and variance of |P(predicted | given) - P(true | given)| from counts (M, G).

    given holds the rows that a share is of: (G,) those of each group for G -> M, where m is
    predicted, (M, 1) those with each set for M -> G, where g is.
    """
    true, said = _tables(truth, prediction)
    with np.errstate(invalid="ignore"):
        change = (said - true) / np.asarray(given)
    return float(np.abs(change).mean()), float(change.var())


def multi_attribute(
    attributes: pd.DataFrame,
    group: ArrayLike,
    *,
    rng: np.random.Generator,
    predicted_attributes: pd.DataFrame | None = None,
    predicted_group: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    clusters: tuple[Any, Ints] | None = None,
    direction: Direction = "mals",
    most: int = 3,
    min_rows: int = 10,
    draws: int = 1000,
    confidence: float = 0.95,
) -> MultiAmplification:
    """Multi-attribute amplification of rows: which attributes are present, and whose they are.

    attributes is (n, V) of 0 and 1 by name, group (n,); what a model predicts of either is given
    beside it, and what it does not predict is taken as it is. A decision about people is the
    second case: the people's attributes are known, and the group is the outcome. weights (n,) says
    how many rows a line stands for, where they were counted. clusters are a sparse table (C, n) of
    how many rows of each line a cluster holds, and how many clusters hold just that (C,). Sets
    count that at least min_rows rows have in truth, and one in the predictions.

    Undefined, with its reason, without a set or with fewer than two groups. Raises UsageError for
    an unknown direction, DataError for lengths that differ.
    """
    z_of(confidence)  # which refuses what is no share
    said = attributes if predicted_attributes is None else predicted_attributes[attributes.columns]
    # G -> M is of true groups alone: one that is only predicted would count as changes of 0.
    said_of = None if direction == "group_to_attributes" else predicted_group
    true, told, groups = _groups(group, group if said_of is None else said_of)
    lengths = {"group": len(true)}
    lengths["predicted_group"] = len(true) if predicted_group is None else np.size(predicted_group)
    each = np.ones(len(true), np.int64) if weights is None else np.asarray(weights, np.int64)
    _require(attributes, said, lengths | {"weights": len(each)}, direction)
    sets = attribute_sets(attributes, most=most, min_rows=min_rows, weights=each)
    sets = [one for one in sets if (each @ said[list(one)].to_numpy(bool).all(axis=1)) > 0]
    if not sets:
        return _nothing(direction, f"no combination has {min_rows} rows", int(each.sum()))
    if len(groups) < 2:
        return _nothing(direction, "one group alone: a link needs two", int(each.sum()))
    table = kinds_of(attributes, said, (true, told), len(groups), sets, each)
    return _measured(
        table,
        (sets, groups),
        direction,
        clusters=clusters,
        rng=rng,
        draws=draws,
        confidence=confidence,
    )


def _measured(
    table: Kinds,
    names: tuple[Sequence[tuple[str, ...]], Sequence[str]],
    direction: Direction,
    *,
    clusters: tuple[Any, Ints] | None,
    rng: np.random.Generator,
    draws: int,
    confidence: float,
) -> MultiAmplification:
    sets, groups = names
    true, said, given = table.counts(direction)
    n, every = int(table.weights.sum()), len(sets) * (1 if direction == "mals" else len(groups))
    kept = favoured(true).astype(float) if direction == "mals" else np.ones_like(true)
    seen = table.changes(direction, table.weights, kept)
    value = float(np.abs(seen).sum()) / every
    units, drawn_kinds = _drawing(table, clusters, rng)
    apart = []
    for size in np.diff(np.linspace(0, draws, 1 + -(-draws // CHUNK)).astype(int)):
        moved = table.changes(direction, drawn_kinds(int(size)), kept) - seen
        apart.append(np.abs(moved).sum(axis=(1, 2)) / every)
    # | mean |D^| - mean |D| | <= mean |D^ - D|, whatever the signs.
    reach = float(np.quantile(np.concatenate(apart), confidence, method="higher"))
    z = z_of(confidence)
    reach *= float(student.ppf((1 + confidence) / 2, max(units - 1, 1))) / z
    # Predictions that are all right never change from draw to draw; of so many none failed.
    reach = max(reach, z**2 / (units + z**2))
    estimate = Estimate(
        value=value,
        low=max(value - reach, 0.0),
        high=value + reach,
        n=n,
        method=METHOD if clusters is None else f"{METHOD}, of {units:,} clusters",
        confidence=confidence,
    )
    of = said.sum(axis=1, keepdims=True) if direction == "mals" else given
    index = pd.MultiIndex.from_product([map(" and ".join, sets), groups], names=["set", "group"])
    with np.errstate(invalid="ignore"):
        shares = {"data": true / given, "model": said / of, "change": seen}
    rows = np.broadcast_to(table.weights @ table.has, (len(groups), len(sets))).T
    changes = {"rows": rows.astype(np.int64), **shares}
    return MultiAmplification(
        direction=direction,
        mean=estimate,
        variance=float(seen.var()),
        floor=float(np.mean(np.concatenate(apart))),
        noise=float(np.abs(table.blind_changes(direction, kept)).sum()) / every,
        changes=pd.DataFrame({name: one.ravel() for name, one in changes.items()}, index=index),
    )


def _drawing(
    table: Kinds, clusters: tuple[Any, Ints] | None, rng: np.random.Generator
) -> tuple[int, Callable[[int], NDArray[Any]]]:
    """How many units there are, and a function that draws the kinds of rows so often, (d, C)."""
    if clusters is None:
        n = int(table.weights.sum())
        return n, lambda size: rng.multinomial(n, table.weights / n, size=size)
    lines, times = clusters
    gather = csr_matrix((np.ones(len(table.place)), (np.arange(len(table.place)), table.place)))
    held, total = lines @ gather, int(times.sum())
    return total, lambda size: np.asarray(rng.multinomial(total, times / total, size=size) @ held)


def _nothing(direction: Direction, reason: str, n: int) -> MultiAmplification:
    return MultiAmplification(
        direction=direction,
        mean=undefined(reason, n=n, method=METHOD),
        variance=math.nan,
        floor=math.nan,
        noise=math.nan,
        changes=pd.DataFrame(columns=["rows", "data", "model", "change"]),
    )


def _groups(group: ArrayLike, told: ArrayLike) -> tuple[Ints, Ints, list[str]]:
    """True and predicted groups as places, and their names."""
    true, said = pd.Series(np.asarray(group).ravel()), pd.Series(np.asarray(told).ravel())
    for name, column in (("group", true), ("predicted_group", said)):
        if column.isna().any():
            raise DataError(f"{name} is missing in {int(column.isna().sum())} rows; leave them out")
    codes, levels = pd.factorize(pd.concat([true, said], ignore_index=True), sort=True)
    return codes[: len(true)], codes[len(true) :], [label(one) for one in levels]


def _require(
    attributes: pd.DataFrame, said: pd.DataFrame, others: Mapping[str, int], direction: Direction
) -> None:
    """Raise for what cannot be asked."""
    if direction not in DIRECTIONS:
        raise UsageError(f"no direction {direction!r}; {suggestion(direction, DIRECTIONS)}")
    lengths = {"attributes": len(attributes), "predicted_attributes": len(said), **others}
    if len(set(lengths.values())) > 1:
        seen = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"columns of different lengths ({seen}); give one value a row to each")
    if not len(attributes) or not attributes.shape[1]:
        raise DataError("no rows or no attributes to count; give at least one of each")
    for name, table in (("attributes", attributes), ("predicted_attributes", said)):
        if not table.isin([0, 1]).to_numpy().all():
            raise DataError(f"{name} hold other values than 0 and 1; compare them with a value")


def _tables(truth: ArrayLike, prediction: ArrayLike) -> tuple[Floats, Floats]:
    true, said = np.asarray(truth, float), np.asarray(prediction, float)
    if true.ndim != 2 or true.shape != said.shape:
        raise DataError(
            f"truth is {true.shape} and prediction {said.shape}; give two tables of counts, sets "
            "by groups"
        )
    return true, said
