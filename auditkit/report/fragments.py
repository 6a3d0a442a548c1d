"""Views outside a report: in a notebook, or as a small file of their own.

Plain HTML without a script: tokens and images as on the page, bars and cells as SVG. Text that
came with the data is escaped by the templates.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup

from auditkit.report import axes, heatmaps, images, tokens
from auditkit.report.axes import Key
from auditkit.report.numerals import write
from auditkit.report.templates import content_security_policy, environment, template
from auditkit.results import Bars, Heatmap, ImageScores, TokenScores, View

SCOPE = "auditkit-explanation"
HALF = 100.0  # length of the longest bar, in the drawing's own units


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A row: its name, its number, and where its bar lies on either side of HALF."""

    name: str
    text: str
    start: float
    length: float
    side: str  # "for" or "against"


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
    squares: tuple[Square, ...] = ()
    size: tuple[int, int] = (0, 0)  # columns and rows of the squares
    across: str = ""  # what the squares' columns and rows are
    lines: tuple[tokens.Line, ...] = ()
    tiles: tuple[images.Tile, ...] = ()


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
    """What a view is drawn of; a view that explanations never have is its title alone."""
    match view:
        case Bars():
            return Drawing(view=view, bars=_bars(view))
        case Heatmap():
            return _cells(view)
        case TokenScores():
            return Drawing(view=view, key=tokens.key(view), lines=tokens.lines(view))
        case ImageScores():
            return Drawing(view=view, key=images.key(view), tiles=images.tiles(view))
        case _:
            return Drawing(view=view)


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
        across=f"Across: {_span(view.x, laid.columns)}. Down: {_span(view.y, laid.rows)}.",
    )


def _span(name: str, names: Sequence[str]) -> str:
    if len(names) < 2:
        return f"{name} {''.join(names)}"
    return f"{name} {names[0]} to {names[-1]}"
