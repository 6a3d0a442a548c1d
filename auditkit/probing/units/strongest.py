"""The unit that knows most of a column, on rows that did not choose it."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import norm, rankdata

from auditkit.probing.probes.folds import loose_folds
from auditkit.probing.probes.labels import Labels
from auditkit.probing.similarity.pairs import Floats, limits_of
from auditkit.statistics.classification import auc
from auditkit.statistics.estimate import Estimate, undefined


class Strongest(NamedTuple):
    """The unit that tells a level apart best on some of the rows, and its AUC on the others.

    level is "" and both are Spearman's correlations where labels are numbers. Above 1/2 (0) the
    unit answers more to the level, below less; seen is what it had on the rows that chose it.
    """

    unit: int
    level: str
    seen: float
    held_out: Estimate
    nothing: float

    @property
    def told_apart(self) -> Estimate:
        """held_out turned the way that was seen: above `nothing` where that comes back."""
        one = self.held_out
        if self.seen >= self.nothing:
            return one
        turned = 2 * self.nothing
        return replace(one, value=turned - one.value, low=turned - one.high, high=turned - one.low)


def levels_of(labels: Labels) -> list[str]:
    """What units are asked to tell apart: of two classes the second is enough."""
    if not labels.classes:
        return [""]
    return list(labels.levels[1:] if len(labels.levels) == 2 else labels.levels)


def marks_of(labels: Labels) -> Floats:
    """(n, k): 1 where a row is of the level; of numbers their ranks."""
    if not labels.classes:
        return np.asarray(rankdata(labels.values)[:, None])
    places = np.arange(len(labels.levels))
    marks: Floats = (labels.values[:, None] == places).astype(np.float64)
    return marks[:, 1:] if len(places) == 2 else marks


def strongest_unit(x: Floats, ranks: Floats, labels: Labels, rng: np.random.Generator) -> Strongest:
    """Chosen on two parts of five, measured on the others; persons are never parted.

    x and ranks are (n, d). The ranks are those among all rows, which know nothing of labels: where
    they choose, nothing of the rows that measure leaks.
    """
    part = loose_folds(labels, rng)
    near, far = np.flatnonzero(part % 2 == 1), np.flatnonzero(part % 2 == 0)
    unit, level = _chosen(ranks[near], labels.at(near))
    nothing = 0.5 if labels.classes else 0.0
    found = []
    for rows in (near, far):
        some = labels.at(rows)
        scores = rankdata(x[rows, unit])
        marks = marks_of(some)[:, level]
        found.append((_area if labels.classes else _correlation)(scores, marks, some.whose))
    return Strongest(
        unit=unit,
        level=levels_of(labels)[level],
        seen=found[0].value,
        held_out=found[1],
        nothing=nothing,
    )


def _chosen(ranks: Floats, labels: Labels) -> tuple[int, int]:
    """The unit and the level at which most is surely known: its distance less two of its errors.

    Of a rare class the best of many units is far off by chance.
    """
    marks = marks_of(labels)
    moved, wanted = ranks - ranks.mean(axis=0), marks - marks.mean(axis=0)
    along = moved.T @ wanted  # (d, k)
    inside = marks.sum(axis=0) if labels.classes else np.zeros(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        if labels.classes:
            # The difference of mean ranks, as a share of all ranks, is the AUC less 1/2.
            weight = 1 / inside + 1 / (len(marks) - inside)
            apart = np.abs(along) * weight / ranks.max() - 2 * np.sqrt(weight / 12)
        else:
            size = np.square(moved).sum(axis=0)[:, None] * np.square(wanted).sum(axis=0)
            apart = np.abs(along) / np.sqrt(size)
    place = int(np.nan_to_num(apart, nan=-math.inf, neginf=-math.inf).argmax())
    unit, level = np.unravel_index(place, apart.shape)
    return int(unit), int(level)


def _area(ranks: Floats, marks: Floats, owners: np.ndarray | None) -> Estimate:
    """The AUC; where rows belong to persons with an interval over these.

    Obuchowski 1997, "Nonparametric Analysis of Clustered ROC Curve Data".
    """
    plain = auc(marks, ranks / len(ranks))
    if owners is None or not plain.defined:
        return plain
    inside = marks == 1
    m, k = int(inside.sum()), int((~inside).sum())
    moves = np.empty(len(ranks))
    moves[inside] = ((ranks[inside] - rankdata(ranks[inside])) / k - plain.value) / m
    moves[~inside] = (1 - (ranks[~inside] - rankdata(ranks[~inside])) / m - plain.value) / k
    return _over_owners(plain.value, moves, owners, "AUC; linearised over persons, logit", (0, 1))


def _correlation(ranks: Floats, wanted: Floats, owners: np.ndarray | None) -> Estimate:
    """Spearman's, with Bonett & Wright's interval (2000), or one over persons."""
    n, method = len(ranks), "Spearman's; Bonett & Wright"
    if np.ptp(ranks) == 0 or np.ptp(wanted) == 0:
        return undefined("one of the two never changes", n=n, method=method)
    one, other = ((each - each.mean()) / each.std() for each in (ranks, wanted))
    r = float(np.mean(one * other))
    if owners is not None:
        moves = (one * other - r * (one**2 + other**2) / 2) / n
        return _over_owners(r, moves, owners, "Spearman's; linearised over persons", (-1, 1))
    half = norm.ppf(0.975) * math.sqrt((1 + r * r / 2) / (n - 3))
    place = math.atanh(max(min(r, 1 - 1e-12), 1e-12 - 1))
    low, high = math.tanh(place - half), math.tanh(place + half)
    return Estimate(value=r, low=low, high=high, n=n, method=method)


def _over_owners(
    value: float, moves: Floats, owners: np.ndarray, method: str, bounds: tuple[int, int]
) -> Estimate:
    """Student's over persons, from what each row moves the value by."""
    people = np.unique(owners, return_inverse=True)[1]
    count = int(people.max()) + 1
    if count < 2:
        return undefined("all rows are one person's", n=len(moves), method=method)
    error = float(np.linalg.norm(np.bincount(people, weights=moves)))
    error *= math.sqrt(count / (count - 1))
    # The scale on which both kinds of bounds lie at -1 and 1.
    low_end, high_end = bounds
    width = high_end - low_end
    place = 2 * (value - low_end) / width - 1
    low, high = limits_of(place, 2 * error / width, count - 1, "arctanh")
    low, high = ((one + 1) * width / 2 + low_end for one in (low, high))
    return Estimate(value=value, low=low, high=high, n=len(moves), method=method)
