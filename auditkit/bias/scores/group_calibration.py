"""Whether a score means the same in each group: what was promised beside what came true."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.contrast import Contrast, Measured, contrast
from auditkit.bias.scores.score_auc import lonely
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.bias.scores.score_draws import dealt, dealt_sides
from auditkit.errors import DataError
from auditkit.statistics.calibration import calibration_error_of_counts
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.intervals import Bounds, score_limits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHOD = "score intervals for as many rows as the scores are worth; all pairs at once (max-T)"
CELLS = 24  # of scores, for draws: what a cell's scores differ by is small beside its outcomes
FEW = 1000  # rows up to which labels are shuffled row by row
ROWS_A_BIN = 50  # fewer rows have fewer bins, down to two
WORTH = (0.25, 4.0)  # how many times the rows of a bare share a row may count


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupCalibration:
    """Promise and outcome by group.

    gap is the contrast of the mean score minus the share of positives (calibration in the
    large): above 0 the group is promised too much. table has a line for each group: n, mean
    score, observed, excess with its own interval (low, high), the expected calibration error
    (error, error_low, error_high) and what a perfectly calibrated model would show (chance).
    """

    gap: Contrast
    table: pd.DataFrame
    left_out: Mapping[str, str]

    def furthest_off(self) -> tuple[str, Estimate, float]:
        """The group whose calibration error exceeds chance by most: its error, and that chance."""
        place = int(self._beyond_chance().argmax())
        line = self.table.iloc[place]
        error = Estimate(
            value=float(line["error"]),
            low=float(line["error_low"]),
            high=float(line["error_high"]),
            n=int(line["n"]),
            method="consistency resampling, inverted; of this group alone",
            confidence=self.gap.estimate.confidence,
        )
        return str(self.table.index[place]), error, float(line["chance"])

    def furthest(self) -> float:
        """By how much that error exceeds chance."""
        return float(self._beyond_chance().max())

    def _beyond_chance(self) -> Floats:
        return (self.table["error"] - self.table["chance"]).to_numpy(np.float64)


def group_calibration(
    counts: ScoreCounts,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    error_draws: int = 200,
    bins: int = 10,
    min_group_size: int = 10,
) -> GroupCalibration:
    """Calibration within each group; scores are probabilities.

    Groups of fewer than min_group_size rows are left out, by name. The null of the gap deals
    group labels out anew among all rows. error_draws is for the calibration error, whose interval
    needs many times that. Raises DataError for scores outside [0, 1].

    Calibration in the large: Van Calster et al. 2016, "A calibration hierarchy for risk models".
    """
    if counts.scores[0] < 0 or counts.scores[-1] > 1:
        raise DataError(
            f"scores run from {counts.scores[0]:g} to {counts.scores[-1]:g}; calibration asks for "
            "probabilities, 0 to 1"
        )
    rows = counts.rows
    few = lonely(counts) | {
        int(place): f"fewer than {min_group_size:,} rows"
        for place in np.flatnonzero(rows < max(min_group_size, 1))
    }
    kept = counts.only([place for place in range(len(rows)) if place not in few])
    left_out = {counts.groups[place]: why for place, why in sorted(few.items())}
    gap = contrast(
        _measured(kept, left_out, draws, rng),
        confidence=confidence,
        what="calibration in the large",
        method=METHOD if kept.parts is None else f"{METHOD}, of {len(kept.parts.group):,} clusters",
    )
    table = gap.groups.rename(columns={"value": "excess"})
    table.insert(0, "observed", kept.tp[:, 0] / kept.rows)
    table.insert(0, "mean_score", table["excess"] + table["observed"])
    alike = _alike(kept)
    errors = [
        _error(kept, group, bins, error_draws, confidence, alike[group], rng)
        for group in range(len(kept.groups))
    ]
    columns = ["error", "error_low", "error_high", "chance"]
    table[columns] = np.array(errors).reshape(-1, len(columns))
    return GroupCalibration(gap=gap, table=table, left_out=left_out)


def excess_moments(counts: ScoreCounts) -> tuple[Floats, Floats]:
    """Mean of score minus outcome by group, and the variance of a row of it: each (G,)."""
    n = counts.rows
    came, not_come = counts.scores - 1, counts.scores
    mean = (counts.positives @ came + counts.negatives @ not_come) / n
    square = (counts.positives @ came**2 + counts.negatives @ not_come**2) / n
    return mean, square - mean**2


def _measured(
    counts: ScoreCounts, left_out: Mapping[str, str], draws: int, rng: np.random.Generator
) -> Measured:
    mean, variance = excess_moments(counts)
    n, hits = counts.rows, counts.tp[:, 0]
    promised = mean + hits / n
    alike = _alike(counts)
    worth = _worth(counts, mean, variance) / alike

    def limits(z: float) -> Bounds:
        low, high = score_limits(hits * worth, n * worth, z)
        return promised - high, promised - low

    enough = len(n) > 1
    return Measured(
        labels=counts.groups,
        values=mean,
        errors=np.sqrt(variance / n * alike),
        n=n,
        limits=limits,
        drawn=_drawn(counts, mean, promised, np.sqrt(alike), draws, rng) if enough else None,
        permuted=_permuted(counts, draws, rng) if enough else None,
        left_out=left_out,
    )


def _alike(counts: ScoreCounts) -> Floats:
    """How many times the variance of independent rows that of whole clusters is, (G,)."""
    mean, variance = excess_moments(counts)
    if counts.parts is None:
        return np.ones_like(mean)
    off = np.concatenate([counts.scores - 1, counts.scores])
    shifts = (off - mean[:, None]) / counts.rows[:, None]
    return counts.parts.wider(shifts, variance / counts.rows)


def _worth(counts: ScoreCounts, mean: Floats, variance: Floats) -> Floats:
    """How many rows of a bare share a row is worth, (G,): scores that tell leave less to chance.

    The variance of a share over that of score minus outcome, either as if one more row had come
    true and one had not.
    """
    n, hits = counts.rows, counts.tp[:, 0]
    share = (hits + 1) / (n + 2)
    promised = mean + hits / n
    added = (promised - 1 - mean) ** 2 + (promised - mean) ** 2
    return np.asarray(np.clip(share * (1 - share) / ((n * variance + added) / (n + 2)), *WORTH))


def _cells(counts: ScoreCounts) -> tuple[Ints, Floats]:
    """Rows (G, 2 S) of nearly equal score and outcome, and their mean score minus outcome."""
    coarse = counts.coarser(CELLS)
    starts = np.searchsorted(counts.scores, coarse.scores)
    means = []
    for side, outcome in ((counts.positives, 1), (counts.negatives, 0)):
        rows = np.add.reduceat(side.sum(axis=0), starts)
        total = np.add.reduceat(side.sum(axis=0) * counts.scores, starts)
        means.append(total / np.maximum(rows, 1) - outcome)
    return np.concatenate([coarse.positives, coarse.negatives], axis=1), np.concatenate(means)


def _drawn(
    counts: ScoreCounts,
    mean: Floats,
    promised: Floats,
    wider: Floats,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Bootstrap means and their standard errors, each (draws, G), about those measured.

    A row that came true and one that did not are added to each draw, as to a rate.
    """
    found, errors = np.empty((2, draws, len(mean)))
    for group in range(len(mean)):
        rows, values = _cells(counts.only([group]))
        n, occupied = rows.sum(), rows[0] > 0
        weight, value = rows[0, occupied], values[occupied]
        extra = np.array([promised[group] - 1, promised[group]])
        again = rng.multinomial(n, weight / n, size=draws)
        centre = (weight @ value + extra.sum()) / (n + 2)
        level = (again @ value + extra.sum()) / (n + 2)
        square = (again @ value**2 + (extra**2).sum()) / (n + 2)
        found[:, group] = mean[group] + (level - centre) * wider[group]
        errors[:, group] = np.sqrt((square - level**2) / (n + 1)) * wider[group]
    return found, errors


def _permuted(counts: ScoreCounts, draws: int, rng: np.random.Generator) -> Floats:
    """Means of groups whose labels were dealt anew among all rows: (draws, G)."""
    if counts.parts is not None:
        return _in_parts(counts, draws, rng)
    if counts.rows.sum() <= FEW:  # then a cell's mean is too coarse a score for a test
        return _shuffled(counts, draws, rng)
    rows, values = _cells(counts)
    found = dealt(rows.sum(axis=0), rows.sum(axis=1).tolist(), draws, rng)
    return np.asarray(np.einsum("gsd,s->dg", found, values) / counts.rows)


def _in_parts(counts: ScoreCounts, draws: int, rng: np.random.Generator) -> Floats:
    """The same, labels dealt out among whole clusters, whose sizes and scores go with them."""
    values = _cells(counts)[1]
    found = np.concatenate(dealt_sides(counts.coarser(CELLS), draws, rng), axis=1)
    with np.errstate(invalid="ignore"):  # a group may be dealt no row at all
        return np.asarray(np.einsum("gsd,s->dg", found, values) / found.sum(axis=1).T)


def _shuffled(counts: ScoreCounts, draws: int, rng: np.random.Generator) -> Floats:
    """The same, by each row's own score."""
    sides = ((counts.positives, counts.scores - 1), (counts.negatives, counts.scores))
    rows = np.concatenate([np.repeat(value, side.sum(axis=0)) for side, value in sides])
    mixed = rng.permuted(np.broadcast_to(rows, (draws, len(rows))), axis=1)
    starts = np.cumsum(counts.rows) - counts.rows
    return np.asarray(np.add.reduceat(mixed, starts, axis=1) / counts.rows)


def _error(
    counts: ScoreCounts,
    group: int,
    bins: int,
    draws: int,
    confidence: float,
    alike: float,
    rng: np.random.Generator,
) -> tuple[float, float, float, float]:
    """Expected calibration error of a group with its interval, and what chance alone gives."""
    n = int(counts.rows[group])
    error, chance = calibration_error_of_counts(
        counts.scores,
        counts.positives[group],
        counts.negatives[group],
        rng=rng,
        bins=int(np.clip(n / alike // ROWS_A_BIN, 2, bins)),
        draws=draws,
        confidence=confidence,
        alike=alike,
    )
    return error.value, error.low, error.high, chance
