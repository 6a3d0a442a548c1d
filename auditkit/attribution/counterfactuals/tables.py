"""The smallest plausible change of a table's row after which a model decides otherwise."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.asking import Asking, Effort, Goal, together
from auditkit.attribution.counterfactuals.columns import Own, Seen, put
from auditkit.attribution.counterfactuals.nearer import Replacement, finer
from auditkit.attribution.counterfactuals.plausibility import Fit, unusual
from auditkit.attribution.counterfactuals.search import WORTH, Choices, search
from auditkit.data.values import canonical
from auditkit.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Predict = Callable[[pd.DataFrame], Floats]

AT_ONCE = 16_384  # rows a call of the model
NOTHING = "no column may change, or none took another value"
NONE_CHEAP = "none of the sets of changes that were asked about changes the decision"
NONE_SMALL = "no plausible change of one or two things changes the decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One column: what stood there and what would have to. before is "" where it was missing."""

    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counterfactual:
    """Changes after which the model decides otherwise, as it said itself.

    count is how many things change: columns that tell one another are one. cost is the sum of
    theirs. unusual is the share of real rows nearer to their nearest than this one is to a real
    one. place is its line in Counterfactuals.made.
    """

    changes: tuple[Change, ...]
    count: int
    cost: float
    score: float
    unusual: float
    place: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """One row: what it got, and what would have had to be otherwise.

    found holds the cheapest change of one thing, of two where that saves a twentieth, and so on,
    then others that change something else; it is empty, with the reason, where none was found.
    complete says that of changes of one or two things to the values tried no better one exists.
    asked counts the changed rows that were put to the model.
    """

    row: int
    score: float
    found: tuple[Counterfactual, ...]
    asked: int
    complete: bool
    reason: str = ""

    @property
    def cheapest(self) -> Counterfactual | None:
        """The one that costs least; None where none was found."""
        return min(self.found, key=lambda one: one.cost, default=None)

    @property
    def cost(self) -> float:
        """What the cheapest costs; NaN where none was found."""
        return math.nan if self.cheapest is None else self.cheapest.cost


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counterfactuals:
    """Rows with what would have had to be otherwise; made holds the changed rows."""

    rows: tuple[Explained, ...]
    made: pd.DataFrame
    threshold: float

    def frame(self) -> pd.DataFrame:
        """A line for each column of each answer: row, answer, column, before, after, cost, ..."""
        lines = [
            {
                "row": row.row,
                "answer": number,
                "column": change.column,
                "before": change.before,
                "after": change.after,
                "changes": one.count,
                "cost": one.cost,
                "score before": row.score,
                "score after": one.score,
                "unusual": one.unusual,
            }
            for row in self.rows
            for number, one in enumerate(row.found)
            for change in one.changes
        ]
        return pd.DataFrame(lines)


def counterfactuals(
    predict: Predict,
    frame: pd.DataFrame,
    seen: Seen,
    *,
    threshold: float = 0.5,
    effort: Effort | None = None,
    fit: Fit | None = None,
    real: pd.DataFrame | None = None,
) -> Counterfactuals:
    """For each row of `frame`, plausible changes after which its decision is the other one.

    predict gives the scores (n,) of rows, of which those of at least `threshold` are decided one
    way; it must answer the same row in the same way. seen says what values there are. fit, of
    seen unless given, what goes with what. real are rows that answers are compared with, for
    `unusual`. The same call gives the same answers: no chance is used. Raises DataError where
    predict gives no finite score for a row as it is.
    """
    effort, fit = effort or Effort(), fit or Fit.of(seen)
    start = finite_scores(predict, frame)
    odds = bool(((start >= 0) & (start <= 1)).all()) and 0 < threshold < 1
    own = seen.rows(frame)
    prices = seen.prices(own)

    def ask(questions: Sequence[tuple[int, Ints]]) -> list[Floats]:
        rows = np.repeat([row for row, _ in questions], [len(one) for _, one in questions])
        target = np.concatenate([one for _, one in questions])
        scores = scores_of(
            predict, len(rows), lambda part: put(frame, seen, rows[part], target[part])
        )
        return np.split(scores, np.cumsum([len(one) for _, one in questions])[:-1])

    searches = {
        row: _row(
            seen,
            fit,
            own.at(np.array([row])),
            prices[row],
            float(start[row]),
            Goal.of(float(start[row]), threshold, odds=odds),
            effort,
        )
        for row in range(len(frame))
    }
    found = together(searches, ask)
    return _verified(predict, frame, seen, start, threshold, found, real)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    changes: tuple[Replacement, ...]
    asked: int
    complete: bool
    barred: bool


def _row(
    seen: Seen, fit: Fit, own: Own, price: Floats, start: float, goal: Goal, effort: Effort
) -> Asking[_Found]:
    """The search for one row: yields targets (q, d), is sent scores (q,)."""
    choices = Choices(
        slot=seen.slot,
        price=price,
        common=seen.common,
        floor=seen.floors(own, price),
        clash=fit.clash,
        against=fit.against(seen, own.codes[0]),
    )
    inner = search(choices, start, goal, effort)
    scores: Floats | None = None
    while True:
        try:
            sets = next(inner) if scores is None else inner.send(scores)
        except StopIteration as end:
            answers = end.value
            break
        scores = yield seen.target[sets].max(axis=1)  # (q, k, d) -> (q, d)
    asked, changes = answers.asked, []
    for one in answers.found:
        moves = list(one.moves)
        change = Replacement(
            target=seen.target[moves].max(axis=0),
            slots=frozenset(seen.slot[moves].tolist()),
            cost=one.price,
        )
        change, more = yield from finer(seen, fit, own, goal, change)
        changes.append(change)
        asked += more
    return _Found(
        changes=tuple(_selected(changes, effort.several)),
        asked=asked,
        complete=answers.complete,
        barred=not np.isfinite(price).any(),
    )


def _selected(changes: Sequence[Replacement], several: int) -> list[Replacement]:
    """The cheapest for each number of things changed, then what changes something else.

    More things have to save WORTH; what changes all that another does and more has to, as well.
    """
    kept: list[Replacement] = []
    for one in sorted(changes, key=lambda it: (len(it.slots), it.cost)):
        more = kept and len(one.slots) > len(kept[-1].slots)
        if not kept or (more and one.cost < (1 - WORTH) * kept[-1].cost):
            kept.append(one)
    for one in sorted(changes, key=lambda it: it.cost):
        if len(kept) < several and not any(it.slots <= one.slots for it in kept):
            kept.append(one)
    return kept


def _verified(
    predict: Predict,
    frame: pd.DataFrame,
    seen: Seen,
    start: Floats,
    threshold: float,
    found: dict[int, _Found],
    real: pd.DataFrame | None,
) -> Counterfactuals:
    """What holds when the model is asked once more."""
    every = [(row, one) for row in range(len(frame)) for one in found[row].changes]
    rows = np.array([row for row, _ in every], np.int64)
    target = np.array([one.target for _, one in every], np.int64)
    target = target.reshape(len(every), len(seen.columns))
    made = put(frame, seen, rows, target) if every else frame.iloc[:0]
    scores = scores_of(predict, len(made), lambda part: made.iloc[part])
    holds = (scores >= threshold) != (start[rows] >= threshold)
    names = list(seen.names)
    codes = [one.name for one in seen.columns if not one.numeric]
    apart = np.full(len(made), np.nan)
    if real is not None:
        apart = unusual(real[names], made, codes)
    changes = _changes(frame, made, seen, rows, target)
    answers: dict[int, list[Counterfactual]] = {row: [] for row in range(len(frame))}
    for place in np.flatnonzero(holds).tolist():
        row, one = every[place]
        answers[row].append(
            Counterfactual(
                changes=changes[place],
                count=len(one.slots),
                cost=one.cost,
                score=float(scores[place]),
                unusual=float(apart[place]),
                place=place,
            )
        )
    explained = tuple(
        Explained(
            row=row,
            score=float(start[row]),
            found=tuple(answers[row]),
            asked=found[row].asked,
            complete=found[row].complete,
            reason=_reason(found[row], bool(answers[row])),
        )
        for row in range(len(frame))
    )
    return Counterfactuals(
        rows=explained, made=made.reset_index(drop=True), threshold=float(threshold)
    )


def _changes(
    frame: pd.DataFrame, made: pd.DataFrame, seen: Seen, rows: Ints, target: Ints
) -> list[tuple[Change, ...]]:
    """What was put in place of what, for each of the made rows."""
    found: list[list[Change]] = [[] for _ in rows]
    for column, name in enumerate(seen.names):
        places = np.flatnonzero(target[:, column] >= 0)
        before, after = frame[name].to_numpy()[rows[places]], made[name].to_numpy()[places]
        for place, old, new in zip(places.tolist(), before, after, strict=True):
            change = Change(column=name, before=_said(old), after=_said(new))
            if change.before != change.after:
                found[place].append(change)
    return [tuple(one) for one in found]


def _said(value: Any) -> str:
    return "" if pd.isna(value) else canonical(value)


def _reason(found: _Found, answered: bool) -> str:
    if answered:
        return ""
    if found.barred:
        return NOTHING
    return NONE_SMALL if found.complete else NONE_CHEAP


def scores_of(predict: Predict, n: int, rows_of: Callable[[slice], pd.DataFrame]) -> Floats:
    """The scores of n rows, AT_ONCE a call, each part made when it is asked about."""
    parts = [slice(start, min(start + AT_ONCE, n)) for start in range(0, n, AT_ONCE)]
    scores = [np.asarray(predict(rows_of(part)), np.float64) for part in parts]
    return np.concatenate([np.empty(0), *scores])


def finite_scores(predict: Predict, frame: pd.DataFrame) -> Floats:
    """The scores of rows as they are. Raises DataError where one is not finite."""
    scores = scores_of(predict, len(frame), lambda part: frame.iloc[part])
    if not np.isfinite(scores).all():
        raise DataError("the model gives a row no finite score: leave such rows out")
    return scores
