"""Searches that ask a model side by side: how far each goes, what it is after, who asks for all.

A search is a generator that yields questions and is sent scores, so that the searches of many rows
share each call of the model.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from auditkit.ranges import ranged, require_ranges

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Result = TypeVar("Result")
Asking = Generator[Any, Floats, Result]

EDGE = 1e-6  # scores nearer than this to 0 and 1 are held there before their logarithm is taken


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How far a search goes.

    most bounds the changes made at once, budget the sets of changes that a model is asked about
    for one row, width how many unfinished sets are gone on with, several the answers given.
    thorough asks about every two changes that would be cheaper, not about promising ones alone.
    """

    most: int = ranged(4, 1, 50)
    budget: int = ranged(1000, 1, 10_000_000)
    width: int = ranged(16, 1, 10_000)
    several: int = ranged(3, 1, 100)
    thorough: bool = True

    def __post_init__(self) -> None:
        require_ranges(self, "a search")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is to be reached: a score of at least the threshold, or one below it.

    odds says that scores are probabilities, of which the logarithm of odds adds up better.
    """

    threshold: float
    up: bool
    odds: bool

    @classmethod
    def of(cls, start: float, threshold: float, *, odds: bool) -> "Goal":
        """The other decision than the one the score `start` stands for."""
        return cls(threshold=threshold, up=start < threshold, odds=odds)

    def reached(self, scores: Floats) -> Mask:
        """Whether the decision is the other one."""
        return scores >= self.threshold if self.up else scores < self.threshold

    def lack(self, scores: Floats) -> Floats:
        """How far scores are from the threshold: positive where it is not reached."""
        off = self._lifted(np.asarray(self.threshold)) - self._lifted(scores)
        return off if self.up else -off

    def _lifted(self, scores: Floats) -> Floats:
        if not self.odds:
            return np.asarray(scores, np.float64)
        held = np.clip(scores, EDGE, 1 - EDGE)
        return np.asarray(np.log(held) - np.log1p(-held))


def together(
    searches: Mapping[int, Asking[Result]],
    ask: Callable[[Sequence[tuple[int, Any]]], Sequence[Floats]],
) -> dict[int, Result]:
    """Run searches side by side: each round, what all of them ask goes to `ask` at once.

    ask is given (key, question) of each and answers with the scores of each.
    """
    results: dict[int, Result] = {}
    waiting: dict[int, Any] = {}

    def go_on(key: int, scores: Floats | None) -> None:
        try:
            waiting[key] = next(searches[key]) if scores is None else searches[key].send(scores)
        except StopIteration as end:
            results[key] = end.value

    for key in searches:
        go_on(key, None)
    while waiting:
        questions = list(waiting.items())
        waiting.clear()
        for (key, _), scores in zip(questions, ask(questions), strict=True):
            go_on(key, scores)
    return results
