"""The cheapest set of changes after which a model decides otherwise, asked one wave at a time.

Single changes first, all of them; then sets of two, three, ... in the order of their price, where
what single changes did adds up to enough. What adds up is a guess that orders the questions: an
answer is one that the model itself gave.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.asking import Asking, Effort, Goal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

WAVE = 48  # sets of changes that are asked about before looking at the answers
SLACK = 0.25  # of what is lacking: sets that promise so much less are still asked about
WORTH = 0.05  # of the cost is what one change more has to save
SAME = 1e-9  # prices closer than this are equal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choices:
    """The changes open to one row: m moves, each of a slot of which one move can be made.

    price (m,), infinite where a move is barred; of answers at one price the one whose moves are
    more common (m,) is preferred. floor (m,) is what a value between that of a move and the row's
    own costs at least, the move's price where there is none. clash (m, m) says which two moves
    cannot stand together, against (m, slots) which cannot stand beside what the row has there.
    """

    slot: Ints
    price: Floats
    common: Floats
    floor: Floats | None = None
    clash: Mask | None = None
    against: Mask | None = None

    def plausible(self, sets: Ints) -> Mask:
        """Which of sets (q, k) of moves go together and with the rest of the row."""
        fine = np.ones(len(sets), bool)
        k = sets.shape[1]
        if self.clash is not None:
            for i in range(k):
                for j in range(i + 1, k):
                    fine &= ~self.clash[sets[:, i], sets[:, j]]
        if self.against is not None:
            total = self.against.sum(axis=1)
            for i in range(k):
                left = total[sets[:, i]]
                for j in range(k):
                    left = left - self.against[sets[:, i], self.slot[sets[:, j]]]
                fine &= left == 0
        return fine


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Moves, as places in Choices, after which the model decided otherwise."""

    moves: tuple[int, ...]
    price: float
    common: float
    score: float

    @property
    def order(self) -> tuple[float, float, tuple[int, ...]]:
        """The cheapest first, then the commonest."""
        return round(self.price, 9), -self.common, self.moves


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a search came to: the cheapest for each number of changes, then others.

    One change more has to save a twentieth of the cost. asked counts the sets of changes put to
    the model. complete says that every set of up to two moves was asked about, but for those that
    could not be better than an answer.
    """

    found: tuple[Answer, ...]
    asked: int
    complete: bool


def search(choices: Choices, start: float, goal: Goal, effort: Effort) -> Asking[Answers]:
    """Yields sets of moves (q, k), is sent the scores (q,), returns the answers."""
    made = _Search(choices, start, goal, effort)
    singles = made.singles()
    if not len(singles):
        return Answers(found=(), asked=0, complete=True)
    scores = yield singles
    parents = made.took(singles, scores)
    made.gain[singles[:, 0]] = parents[1]
    complete = len(singles) == int(np.isfinite(choices.price).sum())
    for size in range(2, effort.most + 1):
        sets, promised = made.grown(*parents)
        waves: list[tuple[Ints, Floats]] = []
        while len(wave := made.wave(sets, promised)):
            scores = yield sets[wave]
            waves.append(made.took(sets[wave], scores))
            sets, promised = np.delete(sets, wave, axis=0), np.delete(promised, wave)
        if size == 2:
            complete = complete and not made.cheaper(sets)
        if not waves:
            break
        parents = np.concatenate([one for one, _ in waves]), np.concatenate([g for _, g in waves])
    for answer in made.frontier():
        while len(nearer := made.nearer(answer)):
            for size in np.unique((nearer >= 0).sum(axis=1)):
                part = nearer[(nearer >= 0).sum(axis=1) == size]
                rows = part[part >= 0].reshape(-1, size)
                scores = yield rows
                made.took(rows, scores)
            better = made.best_within(answer)
            if better is None:
                break
            answer = better
    return Answers(found=made.chosen(), asked=made.asked, complete=complete)


class _Search:
    """The state of one row's search: what was asked, what it did, what was found."""

    def __init__(self, choices: Choices, start: float, goal: Goal, effort: Effort) -> None:
        self.choices, self.goal, self.effort = choices, goal, effort
        self.need = float(goal.lack(np.asarray(start)))
        self.gain = np.zeros(len(choices.slot))
        self.asked = 0
        self.answers: list[Answer] = []

    @property
    def left(self) -> int:
        return self.effort.budget - self.asked

    def bound(self, size: int) -> float:
        """What a set of so many moves must cost less than, to be worth asking about."""
        return min(
            (
                one.price * (1 - WORTH if len(one.moves) < size else 1) - SAME
                for one in self.answers
                if len(one.moves) <= size
            ),
            default=np.inf,
        )

    def singles(self) -> Ints:
        """Every allowed move, the cheapest first."""
        order = np.argsort(self.choices.price, kind="stable")
        return order[np.isfinite(self.choices.price[order])][: self.effort.budget, None]

    def took(self, sets: Ints, scores: Floats) -> tuple[Ints, Floats]:
        """Note the answers to sets (q, k); these sets and what each gained."""
        self.asked += len(sets)
        good = np.flatnonzero(self.goal.reached(scores))
        good = good[self.choices.plausible(sets[good])]
        price = self.choices.price[sets].sum(axis=1)
        common = self.choices.common[sets].prod(axis=1)
        self.answers += [
            Answer(
                moves=tuple(sorted(sets[one].tolist())),
                price=float(price[one]),
                common=float(common[one]),
                score=float(scores[one]),
            )
            for one in good.tolist()
        ]
        return sets, self.need - self.goal.lack(scores)

    def grown(self, parents: Ints, gains: Floats) -> tuple[Ints, Floats]:
        """Sets of one move more, plausible and cheaper than the best, and what they promise."""
        choices = self.choices
        if parents.shape[1] > 1:  # unfinished sets that came furthest
            kept = np.argsort(-gains, kind="stable")[: self.effort.width]
            parents, gains = parents[kept], gains[kept]
        single = np.flatnonzero(np.isfinite(choices.price))
        a, b = (one.ravel() for one in np.indices((len(parents), len(single))))
        fresh = (choices.slot[parents][:, :, None] != choices.slot[single]).all(axis=1)
        if parents.shape[1] == 1:  # each pair once
            fresh &= parents < single
        price = choices.price[parents].sum(axis=1)[:, None] + choices.price[single]
        fresh &= price < self.bound(parents.shape[1] + 1)
        kept = np.flatnonzero(fresh.ravel())
        sets = np.concatenate([parents[a[kept]], single[b[kept], None]], axis=1)
        promised = gains[a[kept]] + self.gain[single[b[kept]]]
        fine = choices.plausible(sets)
        sets, promised = np.sort(sets[fine], axis=1), promised[fine]
        if sets.shape[1] > 2 and len(sets):
            _, first = np.unique(sets, axis=0, return_index=True)
            sets, promised = sets[first], promised[first]
        return sets, promised

    def wave(self, sets: Ints, promised: Floats) -> Ints:
        """Places of the sets to ask about next: the cheapest that promise enough.

        Where none does and nothing has been found, those that come nearest, once a size.
        """
        price = self.choices.price[sets].sum(axis=1)
        open_ = price < self.bound(sets.shape[1])
        enough = np.flatnonzero(open_ & (promised >= (1 - SLACK) * self.need))
        if len(enough):
            chosen = enough[np.argsort(price[enough], kind="stable")]
        elif self.effort.thorough and sets.shape[1] == 2:
            rest = np.flatnonzero(open_)
            chosen = rest[np.argsort(price[rest], kind="stable")]
        elif self.answers or not len(sets) or self._probed >= sets.shape[1]:
            return np.empty(0, np.int64)
        else:
            self._probed = sets.shape[1]
            chosen = np.argsort(-promised, kind="stable")[: 2 * self.effort.width]
        return chosen[: max(0, min(WAVE, self.left))]

    _probed = 1

    def cheaper(self, sets: Ints) -> bool:
        """Whether there is one among these that costs less than the best answer."""
        return bool(np.any(self.choices.price[sets].sum(axis=1) < self.bound(sets.shape[1])))

    def nearer(self, answer: Answer) -> Ints:
        """The answer with one move left out, or a cheaper one in its place: (q, k), -1 for none."""
        choices, found = self.choices, []
        for place, move in enumerate(answer.moves):
            same = np.flatnonzero(choices.slot == choices.slot[move])
            same = same[choices.price[same] < choices.price[move] - SAME]
            sets = np.tile(np.array(answer.moves), (len(same) + (len(answer.moves) > 1), 1))
            sets[: len(same), place] = same
            sets[len(same) :, place] = -1
            found.append(sets)
        return np.concatenate(found)[: max(0, self.left)]

    def best_within(self, answer: Answer) -> Answer | None:
        """The cheapest found that changes nothing which the answer leaves, if it is cheaper."""
        slots = self._slots(answer)
        inside = [one for one in self.answers if self._slots(one) <= slots]
        least = min(inside, key=lambda it: it.order)
        return least if least.price < answer.price - SAME else None

    def frontier(self) -> list[Answer]:
        """For each number of changes the cheapest answer, where it saves WORTH of fewer ones'."""
        kept: list[Answer] = []
        for one in sorted(self.answers, key=lambda it: (len(it.moves), *it.order)):
            if not kept or (
                len(one.moves) > len(kept[-1].moves) and one.price < (1 - WORTH) * kept[-1].price
            ):
                kept.append(one)
        return kept

    def chosen(self) -> tuple[Answer, ...]:
        """The frontier, single moves that may yet be cheaper, the cheapest of something else."""
        kept = self.frontier()
        kept += [one for one in self._contenders() if one not in kept]
        for one in sorted(self.answers, key=lambda it: it.order):
            if len(kept) >= self.effort.several:
                break
            slots = self._slots(one)
            if not any(self._slots(other) <= slots for other in kept):
                kept.append(one)
        return tuple(kept)

    def _contenders(self) -> list[Answer]:
        """The cheapest single move of each slot, where a value nearer by may be the cheapest."""
        if self.choices.floor is None:
            return []
        found: dict[int, Answer] = {}
        for one in sorted(self.answers, key=lambda it: it.order):
            if len(one.moves) == 1:
                found.setdefault(int(self.choices.slot[one.moves[0]]), one)
        least, floor = min((one.price for one in self.answers), default=np.inf), self.choices.floor
        return [one for one in found.values() if floor[one.moves[0]] < least - SAME]

    def _slots(self, answer: Answer) -> frozenset[int]:
        return frozenset(self.choices.slot[list(answer.moves)].tolist())
