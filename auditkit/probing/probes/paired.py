"""Scores whose rows can be compared: what a probe gets, and what each row adds to it.

A score is a value and, for each row, how far that row moves it (its influence, of mean 0). The
difference of two scores of the same rows has the difference of the two as its influence, whatever
the scores are; rows of one person are added up first. So accuracy, AUC, R squared and bits are
all compared by the same few lines.

AUC: DeLong et al. 1988, with persons Obuchowski 1997.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isnan, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import rankdata
from scipy.stats import t as student

from auditkit.probing.probes.labels import Labels
from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]
HALF = 0.5  # of a person or row: what no difference is known better than
# Of a cross-validated score, where nothing is there to be read: each pair of rows of two parts
# counts twice, once for either as the one that is fitted on (Bates, Hastie & Tibshirani 2021 found
# as much, Nadeau & Bengio 2003 propose 2.25 of five parts).
TWICE = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """A value, and how far each row moves it, (n,) of mean 0."""

    value: float
    moved: Floats

    def __sub__(self, other: "Score") -> "Score":
        return Score(value=self.value - other.value, moved=self.moved - other.moved)

    def less(self, constant: float) -> "Score":
        """The score less what reading nothing gets."""
        return Score(value=self.value - constant, moved=self.moved)


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """How far a difference of two scores lies from 0, by Student's law.

    error is that of a cross-validated score, held that of the probes as they were fitted, on fresh
    rows. units counts rows, or persons where rows belong to them; least is the smallest p that
    dealing the labels out anew among them could give.
    """

    value: float
    error: float
    held: float
    degrees: float
    units: int
    rows: int
    least: float = 0.0

    @property
    def p(self) -> float:
        """Two-sided: the chance of a difference as large, were there none."""
        if isnan(self.value):
            return nan
        found = 2 * float(student.sf(abs(self.value) / self.error, self.degrees))
        return max(found, self.least)

    @property
    def most(self) -> float:
        """The upper limit at 95 %, one-sided, for the probes as they were fitted."""
        return self.value + float(student.ppf(0.95, self.degrees)) * self.held

    def estimate(self, method: str) -> Estimate:
        """The difference with its two-sided interval at 95 %."""
        if isnan(self.value):
            return undefined("a class is missing", n=self.rows, method=method)
        half = float(student.ppf(0.975, self.degrees)) * self.error
        return Estimate(
            value=self.value,
            low=self.value - half,
            high=self.value + half,
            n=self.rows,
            method=method,
        )


def accuracy_by_row(labels: Labels, said: Floats) -> Score:
    """The share of rows whose likeliest class is their own."""
    right = (said.argmax(axis=1) == labels.values).astype(float)
    return Score(value=float(right.mean()), moved=right - right.mean())


def area_by_row(labels: Labels, said: Floats) -> Score:
    """The area under the curve, of several classes the mean of each one against all others.

    A class without rows has none and is left out. Of two classes, that of the second.
    """
    classes = [1] if len(labels.levels) == 2 else range(len(labels.levels))
    found = [_area(labels.values == one, said[:, one]) for one in classes]
    kept = [one for one in found if not isnan(one.value)]
    if not kept:
        return Score(value=nan, moved=np.zeros(len(labels)))
    return mean_of(kept)


def _area(own: NDArray[np.bool_], said: Floats) -> Score:
    """DeLong's placements: how many of the other side each row is on the right side of."""
    n, many = len(own), int(own.sum())
    if many in (0, n):
        return Score(value=nan, moved=np.zeros(n))
    together = rankdata(said)
    placed = np.empty(n)
    placed[own] = (together[own] - rankdata(said[own])) / (n - many)
    placed[~own] = 1 - (together[~own] - rankdata(said[~own])) / many
    value = float(placed[own].mean())
    return Score(value=value, moved=(placed - value) * np.where(own, n / many, n / (n - many)))


def explained_by_row(labels: Labels, said: Floats) -> Score:
    """R squared: 1 less the squared errors over those of the mean."""
    wrong, spread = (labels.values - said) ** 2, (labels.values - labels.values.mean()) ** 2
    share = float(wrong.mean() / spread.mean())
    return Score(value=1 - share, moved=(share * spread - wrong) / float(spread.mean()))


def mean_of(scores: Sequence[Score]) -> Score:
    """The mean of several scores of the same rows."""
    return Score(
        value=float(np.mean([one.value for one in scores])),
        moved=np.mean([one.moved for one in scores], axis=0),
    )


def contrast(score: Score, labels: Labels, *, drawn: Sequence[Score] = ()) -> Contrast:
    """How surely a score, or a difference of two, is not 0.

    drawn are the scores of which the mean was subtracted, where these were random draws: what they
    differ by beyond their own rows' error is added to the error, and Student's degrees are
    Satterthwaite's.
    """
    units, held = _variance(score, labels)
    rows_part, draws_part = TWICE * held, 0.0
    if len(drawn) > 1:
        by_rows = TWICE * float(np.mean([_variance(one, labels)[1] for one in drawn]))
        beyond = float(np.var([one.value for one in drawn], ddof=1)) - by_rows
        draws_part = max(beyond, 0.0) / len(drawn)
    whole = rows_part + draws_part
    degrees = float(max(units - 1, 1))
    if draws_part > 0:
        degrees = whole**2 / (rows_part**2 / degrees + draws_part**2 / (len(drawn) - 1))
    return Contrast(
        value=score.value,
        error=max(sqrt(whole), HALF / units),
        held=max(sqrt(held + draws_part), HALF / units),
        degrees=degrees,
        units=units,
        rows=len(labels),
        least=_least(labels),
    )


def _variance(score: Score, labels: Labels) -> tuple[int, float]:
    """How many rows or persons there are, and the variance of the score over them."""
    sums = score.moved
    if labels.whose is not None:
        sums = np.bincount(labels.whose, weights=score.moved)[np.unique(labels.whose)]
    units = len(sums)
    # Bessel's correction is of units; sums of a person's rows are told in rows.
    return units, float((sums**2).sum()) / len(labels) ** 2 * units / max(units - 1, 1)


def _least(labels: Labels) -> float:
    """1 over the ways to deal the labels out among persons, where each person has one."""
    if labels.whose is None or not labels.classes:
        return 0.0
    pairs = np.unique(np.stack([labels.whose, labels.values]), axis=1)
    if pairs.shape[1] > len(np.unique(labels.whose)):
        return 0.0
    counts = np.bincount(pairs[1])
    return float(exp(gammaln(counts + 1).sum() - gammaln(counts.sum() + 1)))
