"""The most accurate thresholds by group under a constraint on the gap of rates between groups.

Everything is read off the table of scores by group (`bias.score_counts`): a threshold of a group is
a point (false positive rate, true positive rate) on its curve, a mix of thresholds a point between.
The most accurate mixes whose rates differ by no more than is allowed use the corners of the curves'
hulls: of one rate they follow from the corners in order, of two from a linear program.

Hardt, Price & Srebro 2016, "Equality of Opportunity in Supervised Learning".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

from auditkit.bias.groups import share
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.errors import DataError, UsageError, suggestion

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONSTRAINTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "demographic_parity": ("selection_rate",),
        "equal_opportunity": ("true_positive_rate",),
        "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    }
)
SHIFTS = np.linspace(-0.05, 0.05, 201)  # of all groups' rates together


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupThresholds:
    """The most accurate thresholds by group at which the rates differ by `allowed` at most.

    shares is (G, S + 1): the share of each group's rows that is decided by each threshold of
    `scores`, the last one being nobody. One threshold a group has one share of 1; two are a
    lottery. accuracy and gap are those on the rows they were chosen by, and so flatter.
    """

    constraint: str
    allowed: float
    scores: Floats
    groups: tuple[str, ...]
    shares: Floats
    accuracy: float
    gap: float

    @property
    def table(self) -> pd.DataFrame:
        """A line for each group and threshold that decides anybody: threshold, share."""
        group, place = np.nonzero(self.shares > 0)
        thresholds = np.append(self.scores, np.inf)[place]
        names = pd.Index(np.asarray(self.groups, dtype=object)[group], name="group")
        columns = {"threshold": thresholds, "share": self.shares[group, place]}
        return pd.DataFrame(columns, index=names)


def group_thresholds(
    counts: ScoreCounts, constraint: str, *, allowed: float = 0.0, lottery: bool = True
) -> GroupThresholds:
    """The most accurate thresholds by group under a constraint.

    constraint is of CONSTRAINTS; allowed is the largest difference of its rates, 0 to 1. With a
    lottery the optimum is exact: some group may be decided by one of two thresholds at random.
    Without one each group gets a single threshold, whose rate may miss by the group's rows;
    equalized odds cannot do without. Raises UsageError for what cannot be asked, DataError for
    fewer than two groups or one without the rows that a rate is about.
    """
    _require(counts, constraint, allowed, lottery)
    return _chosen(counts, _corners(counts), constraint, allowed, lottery)


def frontier(
    counts: ScoreCounts, constraint: str, allowed: Sequence[float], *, lottery: bool = True
) -> pd.DataFrame:
    """The best accuracy at each allowed gap, on the rows the thresholds are chosen by.

    Columns allowed, accuracy, gap. More may be allowed than is used. Raises as
    `group_thresholds` does.
    """
    for one in allowed:
        _require(counts, constraint, one, lottery)
    corners = _corners(counts)
    found = [_chosen(counts, corners, constraint, one, lottery) for one in allowed]
    return pd.DataFrame(
        {
            "allowed": list(allowed),
            "accuracy": [one.accuracy for one in found],
            "gap": [one.gap for one in found],
        }
    )


def _chosen(
    counts: ScoreCounts, corners: Sequence[Ints], constraint: str, allowed: float, lottery: bool
) -> GroupThresholds:
    find = _of_one_rate if len(CONSTRAINTS[constraint]) == 1 else _of_two_rates
    shares = find(counts, corners, constraint, allowed)
    if not lottery:
        shares = _single(counts, shares, constraint, allowed)
    tp, fp = (shares * counts.tp).sum(axis=1), (shares * counts.fp).sum(axis=1)
    positives, negatives = counts.tp[:, 0], counts.fp[:, 0]
    right = float((tp + negatives - fp).sum())
    rates = _rates(tp, fp, positives, negatives, constraint)
    return GroupThresholds(
        constraint=constraint,
        allowed=allowed,
        scores=counts.scores,
        groups=counts.groups,
        shares=shares,
        accuracy=right / float(counts.rows.sum()),
        gap=float(np.ptp(rates, axis=1).max()),
    )


def about(counts: ScoreCounts, constraint: str) -> Ints:
    """How many rows of each group the constraint's rates are about, the fewest of them: (G,).

    Raises UsageError for an unknown constraint.
    """
    if constraint not in CONSTRAINTS:
        raise UsageError(f"no constraint {constraint!r}; {suggestion(constraint, CONSTRAINTS)}")
    of = {
        "selection_rate": counts.rows,
        "true_positive_rate": counts.tp[:, 0],
        "false_positive_rate": counts.fp[:, 0],
    }
    return np.asarray(np.min([of[name] for name in CONSTRAINTS[constraint]], axis=0))


def _corners(counts: ScoreCounts) -> list[Ints]:
    """Places of the thresholds that are corners of the upper hull of each group's curve."""
    return [_hull(counts, group) for group in range(len(counts.groups))]


def _hull(counts: ScoreCounts, group: int) -> Ints:
    points = np.column_stack([counts.fp[group], counts.tp[group]]).astype(float)
    ends = np.array([0, len(points) - 1])
    if not (points[0] > 0).all():  # without either outcome the curve is a straight line
        return np.arange(len(points))
    # The corner below makes the hull an area, whatever the curve, and is then left out.
    hull = ConvexHull(np.vstack([points / points[0], [1.0, 0.0]])).vertices
    return np.union1d(hull[hull < len(points)], ends)


def _of_one_rate(
    counts: ScoreCounts, corners: Sequence[Ints], constraint: str, allowed: float
) -> Floats:
    """Shares (G, S + 1) of the thresholds.

    Along its hull the rows that a group gets right rise to a peak and fall, as a concave function
    of the rate. So within a window of rates the best is the one nearest to the peak, and the sum
    over groups bends only where a window begins or ends at a corner: one of these is the optimum.
    """
    curves = []
    for group, place in enumerate(corners):
        tp, fp = counts.tp[group, place], counts.fp[group, place]
        (rate,) = _rates(tp, fp, counts.tp[group, :1], counts.fp[group, :1], constraint)
        order = np.lexsort((fp - tp, rate))
        order = order[np.diff(rate[order], prepend=-1.0) > 0]  # of one rate the most right
        curves.append((rate[order], (tp - fp)[order], place[order]))
    peaks = np.array([rate[gain.argmax()] for rate, gain, _ in curves])
    every = np.concatenate([rate for rate, _, _ in curves])
    lowest = np.unique(np.clip(np.concatenate([every, every - allowed]), 0, 1))
    wanted = np.clip(peaks[:, None], lowest, np.minimum(lowest + allowed, 1))  # (G, windows)
    right = [np.interp(at, rate, gain) for at, (rate, gain, _) in zip(wanted, curves, strict=True)]
    target = wanted[:, int(np.sum(right, axis=0).argmax())]
    shares = np.zeros((len(corners), len(counts.scores) + 1))
    for group, (rate, _, place) in enumerate(curves):
        after = int(np.clip(np.searchsorted(rate, target[group]), 1, len(rate) - 1))
        part = (target[group] - rate[after - 1]) / (rate[after] - rate[after - 1])
        shares[group, place[after - 1]], shares[group, place[after]] = 1 - part, part
    return shares


def _of_two_rates(
    counts: ScoreCounts, corners: Sequence[Ints], constraint: str, allowed: float
) -> Floats:
    """The same by a linear program over the corners (Hardt et al. 2016)."""
    total, positives, negatives = counts.rows.sum(), counts.tp[:, 0], counts.fp[:, 0]
    owner = np.repeat(np.arange(len(corners)), [len(one) for one in corners])
    place = np.concatenate(corners)
    tp, fp = counts.tp[owner, place], counts.fp[owner, place]
    rates = _rates(tp, fp, positives[owner], negatives[owner], constraint)  # (rates, corners)
    own = (owner == np.arange(len(corners))[:, None]).astype(float)  # (G, corners)
    # Unknowns: the share of each corner, and the lowest value of each rate.
    size = len(rates)
    above = np.vstack(
        [np.hstack([own * rate, -_only(len(own), size, k)]) for k, rate in enumerate(rates)]
    )
    solved = linprog(
        np.concatenate([(fp - tp) / total, np.zeros(size)]),
        A_ub=np.vstack([above, -above]),
        b_ub=np.repeat([allowed, 0.0], len(above)),
        A_eq=np.hstack([own, np.zeros((len(own), size))]),
        b_eq=np.ones(len(own)),
        bounds=(0, 1),
        method="highs",
    )
    if solved.x is None:  # to select nobody always fits: only the arithmetic can fail
        raise DataError(f"no thresholds were found ({solved.message}); coarsen the scores")
    shares = np.zeros((len(own), len(counts.scores) + 1))
    shares[owner, place] = np.where(solved.x[: len(owner)] > 1e-9, solved.x[: len(owner)], 0.0)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _only(rows: int, columns: int, column: int) -> Floats:
    """Ones in one column."""
    return np.tile(np.eye(columns)[column], (rows, 1))


def _single(counts: ScoreCounts, shares: Floats, constraint: str, allowed: float) -> Floats:
    """One threshold a group, near the rates of the mix: the most right of those that fit.

    A group can meet a rate only to within its rows: that much more gap is let pass, or the least
    that there is.
    """
    every = _rates(counts.tp, counts.fp, counts.tp[:, [0]], counts.fp[:, [0]], constraint)[0]
    wanted = (shares * every).sum(axis=1, keepdims=True) + SHIFTS  # (G, shifts)
    # Rates fall from threshold to threshold: of the two around the wanted one the nearer.
    below = [
        np.clip(np.searchsorted(-one, -at, side="left"), 1, len(one) - 1)
        for one, at in zip(every, wanted, strict=True)
    ]
    after = np.array(below)
    rows = np.arange(len(after))[:, None]
    nearer = np.abs(every[rows, after - 1] - wanted) < np.abs(every[rows, after] - wanted)
    places = after - nearer
    gap = np.ptp(every[rows, places], axis=0)
    right = (counts.tp - counts.fp)[rows, places].sum(axis=0)
    step = float((1 / about(counts, constraint)).max())
    fits = gap <= max(allowed + step, float(gap.min())) + 1e-12
    best = int(np.where(fits, right, -np.inf).argmax())
    chosen = np.zeros_like(shares)
    chosen[rows[:, 0], places[:, best]] = 1.0
    return chosen


def _rates(
    tp: NDArray[Any], fp: NDArray[Any], positives: Ints, negatives: Ints, constraint: str
) -> Floats:
    """The constraint's rates, stacked in front."""
    of = {
        "selection_rate": (tp + fp, positives + negatives),
        "true_positive_rate": (tp, positives),
        "false_positive_rate": (fp, negatives),
    }
    return np.stack([share(*of[name]) for name in CONSTRAINTS[constraint]])


def _require(counts: ScoreCounts, constraint: str, allowed: float, lottery: bool) -> None:
    """Raise for what cannot be asked."""
    rows = about(counts, constraint)
    if not 0 <= allowed <= 1:
        raise UsageError(f"allowed is {allowed}; it is the largest difference of rates, 0 to 1")
    if not lottery and len(CONSTRAINTS[constraint]) > 1:
        raise UsageError(f"{constraint} needs a lottery: one threshold cannot meet two rates")
    if len(counts.groups) < 2:
        have = f"{len(counts.groups)} group{'s' * (len(counts.groups) != 1)}"
        raise DataError(f"{have} with enough rows; thresholds by group need two")
    empty = [name for name, n in zip(counts.groups, rows.tolist(), strict=True) if not n]
    if empty:
        raise DataError(
            f"{', '.join(empty)} has none of the rows that {constraint.replace('_', ' ')} is "
            "about; leave the group out"
        )
