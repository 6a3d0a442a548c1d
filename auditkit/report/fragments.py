"""Views outside a report: in a notebook, or as a small file of their own.

Plain HTML without a script: tokens, images and tables as on the page, the others as SVG. Text
that came with the data is escaped by the templates.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup

from auditkit.report import axes, charts, heatmaps, images, tokens
from auditkit.report.axes import Key
from auditkit.report.charts import Chart, Ladder
from auditkit.report.numerals import heading, write
from auditkit.report.tables import Grid, grid
from auditkit.report.templates import content_security_policy, environment, template
from auditkit.results import (
    Bars,
    Heatmap,
    ImageScores,
    Intervals,
    Lines,
    Table,
    TokenScores,
    View,
)

SCOPE = "auditkit-explanation"
HALF = 100.0  # length of the longest bar, in the drawing's own units


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A row: its name, its number, and where its bar lies along twice HALF."""

    name: str
    text: str
    start: float
    length: float
    side: str  # "for" or "against", or "s1" to "s8", the colour of a series


@dataclass(frozen=True, kw_only=True)
class Square:
    """A cell of a heatmap: its place, the class of its colour and what it says."""

    x: int
    y: int
    level: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A view with whatever it is drawn of; the rest is empty."""

    view: View
    key: Key | None = None
    bars: tuple[Bar, ...] = ()
    zero: float = HALF  # where bars begin
    squares: tuple[Square, ...] = ()
    size: tuple[int, int] = (0, 0)  # columns and rows of the squares
    across: str = ""  # what the squares' columns and rows are
    lines: tuple[tokens.Line, ...] = ()
    tiles: tuple[images.Tile, ...] = ()
    chart: Chart | None = None
    ladder: Ladder | None = None
    grid: Grid | None = None  # the numbers, where the drawing does not say them


def fragment(title: str, facts: Sequence[tuple[str, str]], views: Sequence[View]) -> str:
    """HTML to be put into another page: its style holds inside it alone."""
    html = environment().get_template("fragment.html.j2")
    return html.render(
        scope=SCOPE,
        style=Markup(style()),
        title=title,
        facts=[(name, text) for name, text in facts if text],
        drawings=[drawing(one) for one in views],
    )


def document(title: str, facts: Sequence[tuple[str, str]], views: Sequence[View]) -> str:
    """The same as a whole file, which opens offline and may run nothing."""
    html = environment().get_template("explanation.html.j2")
    return html.render(
        title=title,
        policy=content_security_policy([], [style()]),
        body=Markup(fragment(title, facts, views)),
    )


def drawing(view: View) -> Drawing:
    """What a view is drawn of."""
    match view:
        case Bars(diverging=True):
            return Drawing(view=view, bars=_bars(view))
        case Bars():
            return _series(view)
        case Lines():
            return Drawing(view=view, chart=charts.chart(view), grid=grid(view))
        case Intervals():
            return Drawing(view=view, ladder=charts.ladder(view))
        case Table():
            return Drawing(view=view, grid=grid(view))
        case Heatmap():
            return _cells(view)
        case TokenScores():
            return Drawing(view=view, key=tokens.key(view), lines=tokens.lines(view))
        case ImageScores():
            return Drawing(view=view, key=images.key(view), tiles=images.tiles(view))


@cache
def style() -> str:
    """The page's colours and the rules that draw explanations, nested under one class."""
    colours = re.search(r":root \{(.*?)\n\}", template("style.css"), re.DOTALL)
    assert colours, "style.css begins with its colours"
    return f".{SCOPE} {{{colours[1]}\n{template('scores.css')}\n{template('fragment.css')}}}\n"


def _bars(view: Bars) -> tuple[Bar, ...]:
    values = axes.numbers(view.frame[view.y[0]])
    most = max((abs(one) for one in values if one is not None), default=0.0) or 1.0
    made = []
    for name, value in zip(axes.texts(view.frame[view.x]), values, strict=True):
        length = round(HALF * abs(value or 0.0) / most, 1)
        below = value is not None and value < 0
        made.append(
            Bar(
                name=name,
                text=write(value, view.unit),
                start=HALF - length if below else HALF,
                length=length,
                side="against" if below else "for",
            )
        )
    return tuple(made)


def _series(view: Bars) -> Drawing:
    """Bars that begin at the left, or, where one is below 0, in the middle."""
    columns = [axes.numbers(view.frame[name]) for name in view.y]
    known = [one for column in columns for one in column if one is not None]
    below = min(known, default=0.0) < 0
    zero, room = (HALF, HALF) if below else (0.0, 2 * HALF)
    most = max(map(abs, known), default=0.0) or 1.0
    several = len(view.y) > 1
    made = []
    for i, name in enumerate(axes.texts(view.frame[view.x])):
        for j, column in enumerate(columns):
            value = column[i]
            length = round(room * abs(value or 0.0) / most, 1)
            made.append(
                Bar(
                    name=f"{name}: {heading(view.y[j])}" if several else name,
                    text=write(value, view.unit),
                    start=zero - length if value and value < 0 else zero,
                    length=length,
                    side=f"s{j % axes.SERIES + 1}",
                )
            )
    return Drawing(view=view, bars=tuple(made), zero=zero)


def _cells(view: Heatmap) -> Drawing:
    laid = heatmaps.cells(view)
    low, high = heatmaps.ends(view, (one for row in laid.values for one in row))
    end = max(abs(low), abs(high))
    squares = tuple(
        Square(
            x=j,
            y=i,
            level=tokens.level(value, end),
            said=f"{laid.rows[i]}, {laid.columns[j]}: {write(value, view.unit)}",
        )
        for i, row in enumerate(laid.values)
        for j, value in enumerate(row)
    )
    return Drawing(
        view=view,
        key=Key(diverging=view.diverging, low=write(low, view.unit), high=write(high, view.unit)),
        squares=squares,
        size=(len(laid.columns), len(laid.rows)),
        grid=grid(view) if heatmaps.written(laid) else None,
        across=f"Across: {_span(view.x, laid.columns)}. Down: {_span(view.y, laid.rows)}.",
    )


def _span(name: str, names: Sequence[str]) -> str:
    if len(names) < 2:
        return f"{name} {''.join(names)}"
    return f"{name} {names[0]} to {names[-1]}"
