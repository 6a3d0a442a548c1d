"""Sampled Shapley values with their standard errors, and when they are good enough."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from scipy.special import stdtrit
from torch import Tensor

from auditkit.errors import UsageError
from auditkit.statistics.intervals import z_of

FIRST = 256  # coalitions of the first round, where there is something to stop for


@dataclass(frozen=True, kw_only=True, eq=False)
class Shares:
    """Shapley values (B, k) and their standard errors, both float64.

    asked counts the coalitions that each row's answer was taken for.
    """

    values: Tensor
    errors: Tensor
    asked: int


@dataclass(frozen=True, kw_only=True)
class Stop:
    """When sampling ends: at a budget of coalitions a row, or before.

    tolerance is the largest standard error that will do, in the answer's unit; 0 asks for the
    whole budget. seconds, if any, is the time that all rows may take together: what is computed
    then depends on the machine.
    """

    evaluations: int
    tolerance: float = 0.0
    seconds: float | None = None
    begun: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        if self.tolerance < 0 or math.isnan(self.tolerance):
            raise UsageError(f"the tolerance is {self.tolerance}: give a standard error, 0 or more")
        if self.seconds is not None and not self.seconds > 0:
            raise UsageError(f"the time budget is {self.seconds} seconds: give more than 0")

    def budgets(self, fewest: int) -> list[int]:
        """Coalitions after each round, doubled from round to round, where rounds are of use.

        Raises UsageError where the whole budget is below `fewest`.
        """
        if self.evaluations < fewest:
            raise UsageError(
                f"{self.evaluations} evaluations are too few to say how sure the result is: "
                f"give at least {fewest}"
            )
        if not self.tolerance and self.seconds is None:
            return [self.evaluations]
        found = [min(max(fewest, FIRST), self.evaluations)]
        while found[-1] < self.evaluations:
            found.append(min(2 * found[-1], self.evaluations))
        return found

    def after(self, rounds: Iterator[Shares], part: float) -> Shares:
        """The first round that will do; part is the share of rows that is done with it."""
        until = math.inf if self.seconds is None else self.begun + part * self.seconds
        before = time.perf_counter()
        for found in rounds:
            now = time.perf_counter()
            # The next round asks for as much again as all before it.
            if float(found.errors.max()) <= self.tolerance or 2 * now - before > until:
                break
            before = min(before, now)
        return found

    def note(self, found: list[Shares]) -> str:
        """What was reached, where that is not what was asked for."""
        worst = max((float(one.errors.max()) for one in found), default=0.0)
        asked = min((one.asked for one in found), default=0)
        if self.tolerance and worst > self.tolerance:
            return (
                f"stopped after {asked:,} coalitions a row: the largest standard error is "
                f"{worst:.3g}, not the {self.tolerance:g} asked for"
            )
        if self.seconds is not None and asked < self.evaluations and worst > 0:
            return (
                f"stopped at the time budget, after {asked:,} coalitions a row: the largest "
                f"standard error is {worst:.3g}"
            )
        return ""


def widened(draws: int) -> float:
    """What makes 1.96 standard errors from `draws` independent draws cover 95 %, as t does."""
    return float(stdtrit(draws - 1, 0.975)) / z_of(0.95)
