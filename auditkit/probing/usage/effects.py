"""What erasing at a layer does to the answers: to decisions, accuracy, groups and gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auditkit.probing.usage.answers import Answers
from auditkit.probing.usage.means import Mean, mean_of, share_bounds, share_of, within
from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
DRAWS = 200  # of persons or rows, for the intervals of gaps


@dataclass(frozen=True, kw_only=True, eq=False)
class Effect:
    """What one erasure changed.

    changed is the share of decisions or classes that are others than before; of numbers the mean
    distance, in standard deviations of the answers, as is `distance` of any answers. accuracy is
    that after less that before; of numbers the mean absolute error before less that after.
    shift: by how many standard deviations the answer loses its slope on the attribute given the
    target, for one standard deviation of it: the more the answers leaned on it, the further from
    0. Of several groups and answers the pair that moved most surely; pairs counts them. gaps are by
    name: the distance between the groups after less that before.
    """

    changed: Estimate
    distance: Estimate
    accuracy: Estimate
    shift: Estimate
    gaps: Mapping[str, Estimate]
    pairs: int
    marked: Floats
    moved: Mean


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Answers before an erasure, and the groups in which its effect is looked at.

    attribute (n, k) is what is erased, 0 in the mean of each class of the target; groups (n,) are
    places from 0, -1 where not known, None for an attribute that is a number; whose (n,) says
    which rows are one person's.
    """

    before: Answers
    attribute: Floats
    groups: Integers | None
    whose: Integers | None
    weights: Floats  # (DRAWS, n): how often each row is drawn

    def effect(self, after: Answers) -> Effect:
        """What changed, with intervals over rows."""
        marked = self._marked(after)
        moved = self._shifts(after)
        surest = max(moved, key=lambda one: abs(one.value) / one.error if one.error else 0.0)
        distance = mean_of(self._distance(after), self.whose).estimate()
        numbers = self.before.decided is None
        return Effect(
            changed=distance if numbers else share_of(marked > 0, self.whose),
            distance=distance,
            accuracy=self._accuracy(after),
            shift=surest.estimate(),
            gaps=self._gaps(after),
            pairs=len(moved),
            marked=marked,
            moved=surest,
        )

    def sizes(self, after: Answers, rows: Integers) -> tuple[float, float]:
        """On some rows alone: what is changed, and the largest shift of any pair."""
        change = (self.before.values - after.values)[rows]
        change = change - change.mean(axis=0)
        spread = np.sqrt((self.attribute**2).mean(axis=0)).clip(1e-300)
        z = self.attribute[rows] / spread
        shifts = np.abs(z.T @ (change / self._spread)) / len(rows)
        return float(self._marked(after)[rows].mean()), float(shifts.max())

    def bounds(self, effect: Effect, confidence: float) -> Floats:
        """Both ends of what is changed, at another confidence."""
        if self.before.decided is not None:
            return share_bounds(effect.marked > 0, self.whose, confidence)
        mean = mean_of(effect.marked, self.whose)
        reach = mean.reach(confidence)
        return np.array([mean.value - reach, mean.value + reach])

    def _marked(self, after: Answers) -> Floats:
        if self.before.decided is None or after.decided is None:
            return self._distance(after)
        return np.asarray(self.before.decided != after.decided, dtype=np.float64)

    def _distance(self, after: Answers) -> Floats:
        steps = np.abs(after.values - self.before.values)
        return np.asarray((steps / self._spread).mean(axis=1))

    @cached_property
    def _spread(self) -> Floats:
        spread = self.before.spread
        return np.asarray(np.where(spread > 0, spread, 1.0))

    def _shifts(self, after: Answers) -> list[Mean]:
        """Slope of the answers' change on each column of the attribute, in standard deviations.

        What an eraser takes out is the slope that it saw in its own rows, and so as uncertain as
        the slope of the answers themselves, however alike the rows then change.
        """
        change = within(self.before.values - after.values, self.before.truth.strata)
        found = []
        for place, own in self._slopes.items():
            one = mean_of(self._products(change, *place), self.whose)
            found.append(replace(one, error=max(one.error, own.error)))
        return found

    @cached_property
    def _slopes(self) -> dict[tuple[int, int], Mean]:
        """Slope of the answers before, by column of the attribute and of the answers."""
        own = within(self.before.values, self.before.truth.strata)
        return {
            (a, c): mean_of(self._products(own, a, c), self.whose)
            for a in range(self.attribute.shape[1])
            for c in range(own.shape[1])
        }

    def _products(self, numbers: Floats, a: int, c: int) -> Floats:
        z = self.attribute[:, a]
        spread = max(float(np.sqrt((z**2).mean())), 1e-300)
        return np.asarray(z / spread * numbers[:, c] / self._spread[c])

    def _accuracy(self, after: Answers) -> Estimate:
        truth = self.before.truth.values
        known = (
            np.isfinite(truth) & (truth >= 0) if self.before.truth.levels else np.isfinite(truth)
        )
        if not known.any():
            return undefined("the right answer of no row is known")
        gain = _right(after, self._spread) - _right(self.before, self._spread)
        whose = None if self.whose is None else self.whose[known]
        return mean_of(gain[known], whose).estimate()

    def _gaps(self, after: Answers) -> dict[str, Estimate]:
        if self.groups is None:
            return {}
        found = {}
        before = self._rates(self.before)
        for name, (counted, among) in self._rates(after).items():
            once = np.ones((1, len(self.groups)))
            value = self._gap(once, counted, among) - self._gap(once, *before[name])
            drawn = self._gap(self.weights, counted, among) - self._gap(self.weights, *before[name])
            found[name] = _interval(float(value[0]), drawn, len(self.groups))
        return found

    def _rates(self, answers: Answers) -> dict[str, tuple[Floats, Floats]]:
        """What is counted (n,), and among which rows, by the name of the rate."""
        truth, decided, every = answers.truth, answers.decided, np.ones(len(answers.values))
        right = _right(answers, self._spread)
        if decided is None:
            return {
                "mean answer": (answers.values[:, 0] / self._spread[0], every),
                "mean error": (-right, every),
            }
        known = (truth.values >= 0).astype(np.float64)
        if len(truth.levels) > 2:
            return {"accuracy": (right, known)}
        chosen = (decided == truth.positive).astype(np.float64)
        positive = (truth.values == truth.positive).astype(np.float64)
        return {
            "selection rate": (chosen, every),
            "true positive rate": (chosen, positive),
            "false positive rate": (chosen, known - positive),
        }

    def _gap(self, weights: Floats, counted: Floats, among: Floats) -> Floats:
        """Highest less lowest rate of the groups, for each row of the weights."""
        columns = self._columns
        rows = weights @ (columns * among[:, None])
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = weights @ (columns * (counted * among)[:, None]) / rows
        lowest = np.where(rows > 0, rates, np.inf).min(axis=1)
        highest = np.where(rows > 0, rates, -np.inf).max(axis=1)
        return np.asarray(np.where((rows > 0).sum(axis=1) > 1, highest - lowest, np.nan))

    @cached_property
    def _columns(self) -> Floats:
        assert self.groups is not None, "asked of groups alone"
        levels = np.arange(int(self.groups.max()) + 1)
        return np.asarray(self.groups[:, None] == levels, dtype=np.float64)


def row_weights(n: int, whose: Integers | None, rng: np.random.Generator) -> Floats:
    """How often each row is drawn in a bootstrap of rows or persons, (DRAWS, n)."""
    codes = np.arange(n) if whose is None else np.unique(whose, return_inverse=True)[1]
    units = int(codes.max()) + 1
    drawn = rng.multinomial(units, np.full(units, 1 / units), size=DRAWS)
    return np.asarray(drawn[:, codes], dtype=np.float64)


def _right(answers: Answers, spread: Floats) -> Floats:
    """Whether each answer is right; of numbers the absolute error, as less than none."""
    if answers.decided is None:
        return np.asarray(-np.abs(answers.values[:, 0] - answers.truth.values) / spread[0])
    return np.asarray(answers.decided == answers.truth.values, dtype=np.float64)


def _interval(value: float, drawn: Floats, n: int) -> Estimate:
    if np.isnan(value) or np.isnan(drawn).any():
        return undefined("a group is missing", n=n, method="bootstrap of rows")
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(value=value, low=float(low), high=float(high), n=n, method="bootstrap of rows")
