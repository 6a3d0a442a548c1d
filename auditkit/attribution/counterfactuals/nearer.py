"""A change made smaller: each number of it moved to the nearest value that still does."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.asking import Asking, Goal
from auditkit.attribution.counterfactuals.columns import Own, Seen
from auditkit.attribution.counterfactuals.plausibility import Fit
from auditkit.attribution.counterfactuals.search import SAME

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEPS, ROUNDS = 16, 3  # values between two that are tried, and how often


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replacement:
    """New values for one row: target (d,) names the new values, -1 for what stays."""

    target: Ints
    slots: frozenset[int]
    cost: float


def finer(
    seen: Seen, fit: Fit, own: Own, goal: Goal, change: Replacement
) -> Asking[tuple[Replacement, int]]:
    """Each number of a change moved as little as will do, to a value that was seen."""
    asked = 0
    for slot in sorted(change.slots):
        columns = seen.facets[slot].columns
        numbers = seen.columns[columns[0]].numbers
        if len(columns) > 1 or numbers is None:
            continue
        column = columns[0]
        cost = seen.columns[column].cost
        assert cost is not None, "a numeric column has a cost"
        here = own.numbers[0, column]
        near = _beside(numbers, cost.median if np.isnan(here) else here, change.target[column])
        for _ in range(ROUNDS):
            between = _between(near, int(change.target[column]))
            if not len(between):
                break
            target = np.tile(change.target, (len(between), 1))
            target[:, column] = between
            scores = yield target
            asked += len(between)
            better = _better(seen, fit, own, goal, target, scores, change)
            if better is None:
                near = int(between[-1])
                continue
            stop = int(np.flatnonzero(between == better.target[column])[0])
            near = int(between[stop - 1]) if stop else near
            change = better
    return change, asked


def _beside(numbers: Floats, here: float, far: int) -> int:
    """The place from which values towards `far` are a change: the last that is none."""
    place = int(np.searchsorted(numbers, here))
    upward = far >= place and not (place < len(numbers) and numbers[place] == here)
    return place - 1 if upward else place


def _between(near: int, far: int) -> Ints:
    """Places strictly between two, the nearer first, STEPS of them at most."""
    step = 1 if far > near else -1
    places = np.arange(near + step, far, step)
    if len(places) > STEPS:
        places = places[np.linspace(0, len(places) - 1, STEPS).astype(np.int64)]
    return places


def _better(
    seen: Seen, fit: Fit, own: Own, goal: Goal, target: Ints, scores: Floats, change: Replacement
) -> Replacement | None:
    """The cheapest of some changes of the same columns that reaches the goal and is plausible."""
    cost = sum(
        seen.priced(own, seen.facets[slot].columns, target[:, seen.facets[slot].columns])[0]
        for slot in change.slots
    )
    odd = fit.odd(np.where(target >= 0, target, own.codes), target >= 0)
    good = np.flatnonzero(goal.reached(scores) & ~odd & (cost < change.cost - SAME))
    if not len(good):
        return None
    best = int(good[np.argmin(np.asarray(cost)[good])])
    return Replacement(target=target[best], slots=change.slots, cost=float(np.asarray(cost)[best]))
