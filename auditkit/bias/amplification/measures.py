"""Does a model tie outcomes to groups more tightly than its data do? From counts alone.

A link is what the labels say: an outcome (a task, in the papers' word) that a group (an attribute)
has more or less often than others. Beside each amplification stands what a classifier would score
that errs as often, class by class, but is blind to the groups: noise alone loosens every link, so
that a poor model looks harmless. What a model adds is its amplification less that.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2_contingency
from scipy.stats import t as student

from auditkit.bias.amplification.influence import (
    Measure,
    favoured,
    gauge,
    links,
    smoothed,
    standard_error,
)
from auditkit.bias.amplification.joints import Joint
from auditkit.errors import DataError, UsageError, suggestion
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval, z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEASURES: tuple[Measure, ...] = ("attribute_to_task", "mals")
METHOD = "delta method on the counts, truth and prediction drawn together"


def mals(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Mean over tasks of how much the shares grow of the attributes that a task is linked to.

    Both tables are counts (T, A), tasks by attributes: what is true, and what is predicted. 0:
    nothing is amplified. NaN where a task is never true or never predicted.

    Zhao et al. 2017, "Men Also Like Shopping".
    """
    true, said = _tables(truth, prediction)
    growth = _shares(said) - _shares(true)
    return float((favoured(true) * growth).sum(axis=1).mean())


def attribute_to_task(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Mean over attributes and tasks of the change of P(task | attribute), along the link.

    Both tables are counts (T, A). Above 0 the model leans further than the labels of the group,
    below 0 less far. NaN where an attribute has no rows.

    Wang & Russakovsky 2021, "Directional Bias Amplification", A -> T.
    """
    true, said = _tables(truth, prediction)
    return float((links(true) * (_shares(said.T).T - _shares(true.T).T)).mean())


def task_to_attribute(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Mean change of P(attribute | task), along the link, of a model that says the attribute.

    truth (T, A) counts tasks by true attributes, prediction (T, A) true tasks by predicted ones.

    Wang & Russakovsky 2021, T -> A.
    """
    true, said = _tables(truth, prediction)
    return attribute_to_task(true.T, said.T)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Amplification:
    """How far predictions widen (above 0) or narrow (below) the links that the labels have.

    noise is what predictions would score that err as often, class by class, and are blind to the
    groups; excess is value less noise: 0 for those, and for predictions that are all right. cells
    has a line for each group and task: data, model and blind are shares of the group's rows, link
    is 1 where the labels give the task to this group more often than to all, else -1, and widened
    is what the model adds along it, beyond noise. link_p is the chi-square p of the labels having
    no link at all: where it is not small, the direction is a coin's toss.
    """

    measure: Measure
    value: Estimate
    noise: float
    excess: Estimate
    accuracy: Estimate
    cells: pd.DataFrame
    link_p: float
    left_out: Mapping[str, str]

    @property
    def widest(self) -> str:
        """The task whose shares differ most between groups in the data."""
        shares = self.cells["data"].groupby(level="task", sort=False)
        return str((shares.max() - shares.min()).idxmax())


def amplification(
    joint: Joint, measure: Measure = "attribute_to_task", *, confidence: float = 0.95
) -> Amplification:
    """The amplification of a joint table, with intervals over the rows.

    A row brings its truth and its prediction together. The links, and so the direction, are those
    seen; the interval of value allows for that. Undefined, with its reason, for fewer than two
    groups or tasks that occur, and for MALS where a task is never true or never predicted. Raises
    UsageError for another measure or a confidence outside (0, 1).
    """
    z_of(confidence)  # which refuses what is no share
    if measure not in MEASURES:
        raise UsageError(f"no measure {measure!r}; {suggestion(measure, MEASURES)}")
    n = int(joint.counts.sum())
    reason = _why_undefined(joint, measure)
    noise, wider, value = math.nan, 1.0, undefined(reason, n=n, method=METHOD)
    excess = value
    if not reason:
        seen = gauge(joint.counts.astype(float), joint.truth, measure)
        weights = smoothed(joint.counts)
        soft = gauge(weights, joint.truth, measure)
        if joint.together is not None:
            alike = joint.together.wider(soft.of_value - soft.of_noise) ** 2
            weights = smoothed(joint.counts, alike)
            soft = gauge(weights, joint.truth, measure)
        noise = seen.noise

        def spread(influence: Floats) -> tuple[float, float]:
            wider = 1.0 if joint.together is None else joint.together.wider(influence)
            return standard_error(influence, weights) * wider, wider

        error, wider = spread(soft.of_value)
        lean = soft.lean * wider
        few = fewest(joint, measure)
        value = interval(seen.value, soft.value, error, n, confidence, fewest=few, lean=lean)
        error, _ = spread(soft.of_value - soft.of_noise)
        excess = interval(
            seen.value - noise, soft.value - soft.noise, error, n, confidence, fewest=few
        )
        if joint.together is not None:
            method = f"{METHOD}, of {joint.together.number:,} clusters of rows"
            value, excess = replace(value, method=method), replace(excess, method=method)
    return Amplification(
        measure=measure,
        value=value,
        noise=noise,
        excess=excess,
        accuracy=_accuracy(joint, confidence),
        cells=_cells(joint),
        link_p=_link_p(joint.truth / wider**2),
        left_out=joint.left_out,
    )


def beside_training(joint: Joint, trained: Joint) -> float:
    """A -> T of these predictions measured from the labels that the model was trained on.

    A shift between training and audited rows counts as amplification here, so that no interval is
    given. NaN where a group of the joint table is not among the trained ones.
    """
    if not set(joint.groups) <= set(trained.groups) or joint.tasks != trained.tasks:
        return math.nan
    places = [trained.groups.index(name) for name in joint.groups]
    return attribute_to_task(trained.truth[:, places], joint.prediction)


def fewest(joint: Joint, measure: Measure) -> int:
    """The rows of the smallest group, or for MALS of the outcome that is true or said least.

    Of rows that belong together the clusters that hold them.
    """
    axes = (2,) if measure == "attribute_to_task" else (0, 1)
    if joint.together is not None:
        return int(min(joint.together.holding(axis).min() for axis in axes))
    every = {0, 1, 2}
    return int(min(joint.counts.sum(axis=tuple(every - {axis})).min() for axis in axes))


def interval(
    value: float,
    centre: float,
    error: float,
    n: int,
    confidence: float,
    *,
    fewest: int,
    lean: float = 0.0,
) -> Estimate:
    """The estimate around the smoothed centre, widened on the side to which the value leans.

    fewest is the least number of rows that a share rests on: less one, Student's degrees.
    """
    half = float(student.ppf((1 + confidence) / 2, max(fewest - 1, 1))) * error
    return Estimate(
        value=value,
        low=min(centre - half, centre - half - lean, value),
        high=max(centre + half, centre + half - lean, value),
        n=n,
        method=METHOD,
        confidence=confidence,
    )


def _accuracy(joint: Joint, confidence: float) -> Estimate:
    n, right = int(joint.counts.sum()), int(np.einsum("tta->", joint.counts))
    if not n:
        return undefined("there are no rows", method="Wilson")
    wider = 1.0
    if joint.together is not None:
        same = np.broadcast_to(np.eye(len(joint.tasks))[:, :, None], joint.counts.shape)
        wider = joint.together.wider(same)
    ends = rate_interval(right / wider**2, n / wider**2, confidence=confidence)
    low, high = (float(one) for one in ends)
    return Estimate(
        value=right / n, low=low, high=high, n=n, method="Wilson", confidence=confidence
    )


def _why_undefined(joint: Joint, measure: Measure) -> str:
    """Why there is nothing to amplify, or nothing."""
    for what, names in (("group", joint.groups), ("task", joint.tasks)):
        if len(names) < 2:
            return f"{len(names)} {what}{'s' * (len(names) != 1)} to compare; a link needs two"
    if not joint.counts.sum(axis=(0, 1)).all():
        return "a group has no rows"
    occurring = [name for name, n in zip(joint.tasks, joint.truth.sum(axis=1), strict=True) if n]
    if len(occurring) < 2:
        return f"every row is {occurring[0]}: there is no link to widen"
    for word, table in (("true", joint.truth), ("predicted", joint.prediction)):
        never = [name for name, n in zip(joint.tasks, table.sum(axis=1), strict=True) if not n]
        if never and measure == "mals":
            return f"{', '.join(never)} is never {word}: nobody's share of it can be given"
    return ""


def _cells(joint: Joint) -> pd.DataFrame:
    """A line for each group and task."""
    size = joint.counts.sum(axis=(0, 1))
    data, model, blind = (
        np.divide(one, size, where=size > 0, out=np.full(one.shape, np.nan))
        for one in (joint.truth, joint.prediction, joint.blind)
    )
    link = links(joint.truth)
    index = pd.MultiIndex.from_product([joint.groups, joint.tasks], names=["group", "task"])
    columns = {
        "rows": np.broadcast_to(size, data.shape),
        "data": data,
        "model": model,
        "blind": blind,
        "link": link.astype(np.int64),
        "widened": link * (model - blind),
    }
    return pd.DataFrame({name: one.T.ravel() for name, one in columns.items()}, index=index)


def _link_p(truth: Floats) -> float:
    """Pearson's chi-square p of independence of task and group; NaN where one has no spread.

    Counts of rows that belong together are those that they are worth (Rao & Scott 1981).
    """
    table = truth[truth.sum(axis=1) > 0][:, truth.sum(axis=0) > 0]
    if min(table.shape, default=0) < 2:
        return math.nan
    return float(chi2_contingency(table, correction=False).pvalue)


def _tables(truth: ArrayLike, prediction: ArrayLike) -> tuple[Floats, Floats]:
    true, said = np.asarray(truth), np.asarray(prediction)
    if true.ndim != 2 or true.shape != said.shape:
        raise DataError(
            f"truth is {true.shape} and prediction {said.shape}; give two tables of counts, tasks "
            "by attributes"
        )
    return true, said


def _shares(table: NDArray[Any]) -> Floats:
    """Each row over its sum, NaN where that is 0."""
    with np.errstate(invalid="ignore"):
        return cast(Floats, table / table.sum(axis=1, keepdims=True))
