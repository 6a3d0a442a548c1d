"""Amplification of several trainings of one model: is it the rows or the seed that speaks?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from auditkit.bias.amplification.influence import Gauge, Measure, gauge, smoothed, standard_error
from auditkit.bias.amplification.joints import Joint, joint
from auditkit.bias.amplification.measures import amplification, fewest, interval
from auditkit.bias.membership import membership
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined

Places = tuple[NDArray[np.int64], ...]  # truth, prediction and group of each row, each (n,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeedAmplification:
    """The mean amplification of several trainings, two sources of chance told apart.

    over_seeds are Student's intervals over the trainings (would another seed say the same of these
    rows?), over_rows those over the rows (would other rows say the same of these trainings?).
    each has a line a training: value, noise, excess, accuracy.
    """

    value_over_seeds: Estimate
    value_over_rows: Estimate
    excess_over_seeds: Estimate
    excess_over_rows: Estimate
    each: pd.DataFrame


def over_seeds(
    y_true: Any,
    predictions: Sequence[Any],
    sensitive: Any,
    *,
    measure: Measure = "attribute_to_task",
    tasks: Sequence[Any] | None = None,
    confidence: float = 0.95,
) -> SeedAmplification:
    """Amplification on the same rows by several trainings, one column of predictions each.

    With one training the intervals over seeds are undefined. Raises DataError as `joint` does,
    and without any training.
    """
    if not len(predictions):
        raise DataError("no predictions given; give a column for each training")
    columns = [pd.Series(np.asarray(one).ravel()) for one in (y_true, *predictions)]
    levels = list(tasks) if tasks is not None else _levels(columns)
    truth, *said = columns
    tables = [joint(truth, one, sensitive, tasks=levels) for one in said]
    found = [amplification(one, measure, confidence=confidence) for one in tables]
    each = pd.DataFrame(
        {
            "value": [one.value.value for one in found],
            "noise": [one.noise for one in found],
            "excess": [one.excess.value for one in found],
            "accuracy": [one.accuracy.value for one in found],
        }
    )
    lacking = next((one.value for one in found if not one.value.defined), None)
    group, _ = membership(sensitive, {"y_true": len(truth)})
    code = pd.Index(levels).get_indexer
    places = [(code(pd.Index(truth)), code(pd.Index(one)), group) for one in said]
    value, excess = (
        (lacking, lacking) if lacking else _over_rows(tables, places, measure, confidence)
    )
    return SeedAmplification(
        value_over_seeds=lacking or _over_seeds(each["value"], len(truth), confidence),
        value_over_rows=value,
        excess_over_seeds=lacking or _over_seeds(each["excess"], len(truth), confidence),
        excess_over_rows=excess,
        each=each,
    )


def _over_rows(
    tables: Sequence[Joint], places: Sequence[Places], measure: Measure, confidence: float
) -> tuple[Estimate, Estimate]:
    """Value and excess, means over trainings: what a row adds to each is averaged first."""
    seen = [gauge(one.counts.astype(float), one.truth, measure) for one in tables]
    soft = [gauge(smoothed(one.counts), one.truth, measure) for one in tables]
    n, empty = len(places[0][0]), np.zeros_like(tables[0].counts)

    def mean(found: Sequence[Gauge], noise: float) -> float:
        return float(np.mean([one.value - noise * one.noise for one in found]))

    def error(noise: float) -> float:
        of = [one.of_value - noise * one.of_noise for one in soft]
        rows = np.mean([one[at] for one, at in zip(of, places, strict=True)], axis=0)
        # Pseudo-rows are the same in each training, as the rows are.
        both = np.concatenate([rows, np.mean(of, axis=0).ravel()])
        return standard_error(both, np.concatenate([np.ones(n), smoothed(empty).ravel()]))

    lean = float(np.mean([one.lean for one in soft]))
    few = min(fewest(one, measure) for one in tables)

    def estimate(noise: int, lean: float) -> Estimate:
        centres = mean(seen, noise), mean(soft, noise)
        return interval(*centres, error(noise), n, confidence, fewest=few, lean=lean)

    return estimate(0, lean), estimate(1, 0.0)


def _over_seeds(values: "pd.Series[float]", n: int, confidence: float) -> Estimate:
    seeds, method = len(values), f"Student's t over {len(values)} trainings"
    if seeds < 2:
        return undefined("one training gives no interval over seeds", n=n, method=method)
    half = float(student.ppf((1 + confidence) / 2, seeds - 1)) * float(values.std(ddof=1))
    mean = float(values.mean())
    return Estimate(
        value=mean,
        low=mean - half / math.sqrt(seeds),
        high=mean + half / math.sqrt(seeds),
        n=n,
        method=method,
        confidence=confidence,
    )


def _levels(columns: Sequence["pd.Series[Any]"]) -> list[Any]:
    found = pd.unique(pd.concat(columns, ignore_index=True)).tolist()
    return sorted(found, key=lambda one: (type(one).__name__, one))
