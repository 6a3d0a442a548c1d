"""Lines of coloured tokens: plain spans, whose underline says what their colour says."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from auditkit.report import axes
from auditkit.report.axes import Key
from auditkit.report.numerals import DASH, write
from auditkit.results import TokenScores

LEVELS = 5  # strengths of colour and underline in the style sheet, p1 to p5 and n1 to n5
SAID = 3  # tokens that the sentence below a line names
MOST_ROWS = 150  # of the table; of more, each item's strongest tokens are listed
STRONGEST = 10
MARKS = {"\n": "⏎", "\t": "⇥", "\r": "␍", "": "∅"}  # tokens that nobody would see


@dataclass(frozen=True, kw_only=True)
class Token:
    """What is read, and the class of its colour: p1 to p5, n1 to n5, z for none, u undefined."""

    text: str
    level: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """An item: its tokens, its note, and which of them carry most, in words."""

    item: str
    note: str
    tokens: tuple[Token, ...]
    strongest: str


def lines(view: TokenScores) -> tuple[Line, ...]:
    """Every item's line, in the frame's order."""
    scores = axes.numbers(view.frame[view.score])
    whole = _largest(scores)
    made = []
    for rows in _items(view):
        here = [scores[i] for i in rows]
        texts = [visible(one) for one in axes.texts(view.frame[view.token].iloc[rows])]
        scale = whole if view.shared else _largest(here)
        made.append(
            Line(
                item=axes.texts(view.frame[view.item].iloc[rows[:1]])[0],
                note=axes.texts(view.frame[view.note].iloc[rows[:1]])[0] if view.note else "",
                tokens=tuple(
                    Token(text=text, level=level(score, scale), said=_said(score))
                    for text, score in zip(texts, here, strict=True)
                ),
                strongest=strongest(texts, here),
            )
        )
    return tuple(made)


def key(view: TokenScores) -> Key:
    """How the lines are to be read."""
    said = "Each line has a scale of its own: its strongest token has the full colour."
    if view.shared:
        said = "All lines have one scale: the strongest token of all has the full colour."
    return of_scores(axes.numbers(view.frame[view.score]), said)


def of_scores(scores: Iterable[float | None], said: str) -> Key:
    """A key with two directions, or with one where no score is below 0."""
    if any(one is not None and one < 0 for one in scores):
        return Key(diverging=True, low="against", high="for", said=said)
    return Key(diverging=False, low="none", high="most", said=said)


def level(score: float | None, scale: float) -> str:
    """The class of a score: its sign, and its share of the scale in fifths."""
    if score is None:
        return "u"
    fifths = round(LEVELS * min(1.0, abs(score) / scale)) if scale else 0
    return f"{'p' if score > 0 else 'n'}{fifths}" if fifths else "z"


def strongest(texts: Sequence[str], scores: Sequence[float | None]) -> str:
    """The tokens that carry most weight, as a sentence."""
    known = [(text, one) for text, one in zip(texts, scores, strict=True) if one is not None]
    if not known:
        return "The scores are undefined."
    if not any(one for _, one in known):
        return "No token carries any weight."
    order = sorted(known, key=lambda pair: -abs(pair[1]))[:SAID]
    named = ", ".join(f"“{text.strip()}” {signed(one)}" for text, one in order if one)
    lost = len(scores) - len(known)
    return f"Most weight: {named}." + (f" {_undefined(lost)}" if lost else "")


def visible(token: str) -> str:
    """A token that would be invisible, as a sign; a space at its edge stays, and is seen."""
    if token in MARKS:
        return MARKS[token]
    return "␣" * len(token) if token.isspace() else token


def signed(value: float) -> str:
    """`+0.412` or `−0.412`."""
    return f"+{write(value)}" if value > 0 else write(value)


def strongest_rows(view: TokenScores) -> pd.DataFrame:
    """The table beside the lines: every token, or the strongest of each item where many."""
    names = [view.item, view.token, view.score]
    frame = view.frame[names].assign(**{view.token: axes.texts(view.frame[view.token])})
    if len(frame) <= MOST_ROWS:
        return frame
    size = pd.to_numeric(view.frame[view.score], errors="coerce").abs().to_numpy()
    kept: list[int] = []
    for rows in _items(view):
        by_size = sorted(rows, key=lambda i: -size[i] if math.isfinite(size[i]) else 0.0)
        kept += by_size[:STRONGEST]
    return frame.iloc[kept]


def _items(view: TokenScores) -> Iterable[list[int]]:
    """The places of each item's rows: an item that comes again later is another line."""
    names = axes.texts(view.frame[view.item])
    for _, rows in groupby(range(len(names)), key=names.__getitem__):
        yield list(rows)


def _largest(scores: Iterable[float | None]) -> float:
    return max((abs(one) for one in scores if one is not None), default=0.0)


def _undefined(number: int) -> str:
    return "One score is undefined." if number == 1 else f"{number} scores are undefined."


def _said(score: float | None) -> str:
    return "undefined" if score is None or write(score) == DASH else signed(score)
