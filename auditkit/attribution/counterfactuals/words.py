"""The fewest words of a text that have to be others, or gone, for another decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.asking import Asking, Effort, Goal, together
from auditkit.attribution.counterfactuals.search import Choices, search
from auditkit.attribution.counterfactuals.tables import Predict, finite_scores, scores_of
from auditkit.attribution.counterfactuals.vocabulary import IDENTITY, WORD, Vocabulary

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST = 200  # words of a text that may change, the first ones
FITTING = 40  # words considered in each place, those that fit best
EACH = 6  # of these that are tried
TRIED = 100  # words tried in all places of a text
GONE = 1e-6  # how well nothing fits: a word in its place is preferred
NOT_FOUND = "none of the substitutions that were tried changes the decision"
NOT_OPEN = "the text has no word that may change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word that changes: its place in the text, what it was and what it becomes, "" if gone."""

    place: int
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """A text after which the model decides otherwise, as it said itself."""

    words: tuple[Word, ...]
    text: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """One text: its score, what would have had to be written, the fewest words first.

    found is empty, with the reason, where nothing was found; asked counts the texts that were
    put to the model.
    """

    row: int
    score: float
    found: tuple[Rewriting, ...]
    asked: int
    reason: str = ""


def word_counterfactuals(
    predict: Predict,
    frame: pd.DataFrame,
    column: str,
    vocabulary: Vocabulary,
    *,
    threshold: float = 0.5,
    effort: Effort | None = None,
    leaning: Floats | None = None,
) -> tuple[Rewritten, ...]:
    """For each row of `frame`, the fewest words of its text that flip the decision.

    A word becomes one that was seen between such neighbours, or is left out. Words that say who
    somebody is stay, and are never put in. leaning (v,) of the vocabulary says in which places to
    look first; without it those that fit best are tried. The same call gives the same answers.
    Raises DataError where predict gives no finite score for a text as it is.
    """
    effort = effort or Effort(most=6, budget=300)
    start = finite_scores(predict, frame)
    odds = bool(((start >= 0) & (start <= 1)).all()) and 0 < threshold < 1
    texts = [str(one) for one in frame[column]]
    goals = [Goal.of(float(one), threshold, odds=odds) for one in start]
    open_ = [
        _Open.of(text, vocabulary, None if leaning is None else leaning * (1 if goal.up else -1))
        for text, goal in zip(texts, goals, strict=True)
    ]

    def ask(questions: Sequence[tuple[int, list[str]]]) -> list[Floats]:
        rows = np.repeat([row for row, _ in questions], [len(one) for _, one in questions])
        written = [text for _, one in questions for text in one]
        scores = _scored(predict, frame, column, rows, written)
        return np.split(scores, np.cumsum([len(one) for _, one in questions])[:-1])

    found = together(
        {row: _row(open_[row], float(start[row]), goals[row], effort) for row in range(len(texts))},
        ask,
    )
    return _verified(predict, frame, column, start, threshold, open_, found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Open:
    """A text and the moves open to it: spans (w, 2) of its words; slot, words and fit (m,)."""

    text: str
    spans: tuple[tuple[int, int], ...]
    slot: Ints
    words: tuple[str, ...]
    fit: Floats

    @classmethod
    def of(cls, text: str, vocabulary: Vocabulary, leaning: Floats | None) -> "_Open":
        spans = tuple(one.span() for one in WORD.finditer(text))
        own = [text[a:b].casefold() for a, b in spans]
        moves: list[_Move] = []
        for place, word in enumerate(own[:LONGEST]):
            if word not in IDENTITY:
                left, right = own[place - 1] if place else "", (own[place + 1 :] or [""])[0]
                moves += _substitutes(place, word, left, right, vocabulary, leaning)
        kept = sorted(moves, key=lambda one: -one.promise)[:TRIED]
        return cls(
            text=text,
            spans=spans,
            slot=np.array([one.place for one in kept], np.int64),
            words=tuple(one.word for one in kept),
            fit=np.array([one.fit for one in kept], np.float64),
        )

    def written(self, moves: Sequence[int]) -> str:
        """The text after these moves; case is kept, and a word that goes takes its blank along."""
        parts, end = [], 0
        for move in sorted(moves, key=lambda one: int(self.slot[one])):
            first, last = self.spans[int(self.slot[move])]
            word = self.words[move]
            if not word:
                blank = self.text[last : last + 1].isspace()
                parts.append(self.text[end:first])
                end = last + blank
                continue
            parts += [self.text[end:first], _cased(word, self.text[first:last])]
            end = last
        return "".join([*parts, self.text[end:]])

    def changes(self, moves: Sequence[int]) -> tuple[Word, ...]:
        ordered = sorted(moves, key=lambda one: int(self.slot[one]))
        found = []
        for move in ordered:
            place = int(self.slot[move])
            before = self.text[slice(*self.spans[place])]
            found.append(Word(place=place, before=before, after=_cased(self.words[move], before)))
        return tuple(found)


class _Move(NamedTuple):
    promise: float
    place: int
    word: str
    fit: float


def _substitutes(
    place: int,
    word: str,
    left: str,
    right: str,
    vocabulary: Vocabulary,
    leaning: Floats | None,
) -> list[_Move]:
    """Words to try in one place, the most promising first, to leave it out among them."""
    words, fit = vocabulary.fitting(left, right)
    kept = np.argsort(-fit, kind="stable")[:FITTING]
    words, fit = words[kept], fit[kept]
    promise, gone = fit, np.inf  # without a hint every word is left out once
    if leaning is not None:
        here = leaning[vocabulary.place[word]] if word in vocabulary.place else 0.0
        promise, gone = leaning[words] - here, -here
    found = [
        _Move(float(promise[one]), place, vocabulary.words[words[one]], float(fit[one]))
        for one in np.argsort(-promise, kind="stable").tolist()
        if vocabulary.words[words[one]] != word and vocabulary.words[words[one]] not in IDENTITY
    ]
    return [_Move(float(gone), place, "", GONE), *found[:EACH]]


def _row(
    open_: _Open, start: float, goal: Goal, effort: Effort
) -> Asking[tuple[list[tuple[int, ...]], int]]:
    choices = Choices(slot=open_.slot, price=np.ones(len(open_.slot)), common=open_.fit)
    inner = search(choices, start, goal, effort)
    scores: Floats | None = None
    while True:
        try:
            sets = next(inner) if scores is None else inner.send(scores)
        except StopIteration as end:
            return [one.moves for one in end.value.found], end.value.asked
        scores = yield [open_.written(one) for one in sets.tolist()]


def _scored(
    predict: Predict, frame: pd.DataFrame, column: str, rows: Ints, written: Sequence[str]
) -> Floats:
    """The scores of rows with these texts, those of like length asked about together."""
    order = np.argsort([len(one) for one in written], kind="stable")

    def part(chosen: slice) -> pd.DataFrame:
        places = order[chosen]
        return frame.take(rows[places]).assign(**{column: [written[one] for one in places]})

    scores = np.empty(len(written))
    scores[order] = scores_of(predict, len(written), part)
    return scores


def _verified(
    predict: Predict,
    frame: pd.DataFrame,
    column: str,
    start: Floats,
    threshold: float,
    open_: Sequence[_Open],
    found: dict[int, tuple[list[tuple[int, ...]], int]],
) -> tuple[Rewritten, ...]:
    """What holds when the model is asked once more."""
    every = [(row, moves) for row in range(len(frame)) for moves in found[row][0]]
    written = [open_[row].written(moves) for row, moves in every]
    rows = np.array([row for row, _ in every], np.int64)
    scores = _scored(predict, frame, column, rows, written) if every else np.empty(0)
    holds = (scores >= threshold) != (start[rows] >= threshold)
    answers: dict[int, list[Rewriting]] = {row: [] for row in range(len(frame))}
    for place in np.flatnonzero(holds).tolist():
        row, moves = every[place]
        answers[row].append(
            Rewriting(
                words=open_[row].changes(moves), text=written[place], score=float(scores[place])
            )
        )
    return tuple(
        Rewritten(
            row=row,
            score=float(start[row]),
            found=tuple(answers[row]),
            asked=found[row][1],
            reason="" if answers[row] else (NOT_FOUND if len(open_[row].slot) else NOT_OPEN),
        )
        for row in range(len(frame))
    )


def _cased(new: str, old: str) -> str:
    """The new word in the case of the old one."""
    if not new:
        return ""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[0].upper() + new[1:] if old[:1].isupper() else new
