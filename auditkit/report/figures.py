"""Each view as a plotly figure: the one place that knows the closed set View.

Text that came with the data is escaped: plotly reads tags such as <b> and <a href> in labels.
Hover text is always given whole, never as a template, so that %{...} in a name stays a name.
"""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from auditkit.report import axes
from auditkit.report.axes import Figure
from auditkit.report.heatmaps import heatmap
from auditkit.report.numerals import heading, with_interval, write
from auditkit.results import (
    Bars,
    Heatmap,
    ImageScores,
    Intervals,
    Lines,
    Table,
    TokenScores,
    Unit,
    View,
)

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "bowtie")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
BAND = ("low", "high")  # columns of lines that bound a third one


def figure(view: View) -> Figure | None:
    """Plotly's data and layout for a view; None for what needs none: tables, tokens, images."""
    match view:
        case Bars():
            return _bars(view)
        case Intervals():
            return _intervals(view)
        case Lines():
            return _lines(view)
        case Heatmap():
            return heatmap(view)
        case Table() | TokenScores() | ImageScores():
            return None


def _bars(view: Bars) -> Figure:
    names = axes.texts(view.frame[view.x])
    lying = max(map(len, names), default=0) > 12 or len(names) > 8
    places = list(range(len(names)))
    traces = []
    for i, column in enumerate(view.y):
        values = axes.numbers(view.frame[column])
        hover = [
            axes.hover_text(name, f"{heading(column)}: {write(value, view.unit)}")
            for name, value in zip(names, values, strict=True)
        ]
        trace = axes.trace("bar", column, hover)
        across, along = ("y", "x") if lying else ("x", "y")
        trace |= {across: places, along: values, "orientation": "h" if lying else "v"}
        traces.append(
            trace | {"marker": {"color": _by_sign(values) if view.diverging else axes.colour(i)}}
        )
    rows = len(names) * max(1.0, 0.62 * len(view.y))
    layout = axes.layout_of(axes.MARGIN + axes.ROW * rows if lying else 320, legend=len(view.y) > 1)
    layout |= {"bargap": 0.3, "barmode": "group"}
    layout["yaxis" if lying else "xaxis"] |= axes.named(places, names, upside_down=lying)
    layout["xaxis" if lying else "yaxis"] |= axes.scaled(view.unit) | {"rangemode": "tozero"}
    return {"data": traces, "layout": layout}


def _by_sign(values: Sequence[float | None]) -> list[str]:
    return [f"var(--heat-{'against' if value and value < 0 else 'for'})" for value in values]


def _intervals(view: Intervals) -> Figure:
    frame = view.frame
    names = axes.texts(frame[view.label])
    places = list(range(len(names)))
    value, low, high = (axes.numbers(frame[name]) for name in (view.value, view.low, view.high))
    hover = [
        axes.hover_text(name, with_interval(_float(v), (_float(a), _float(b)), view.unit))
        for name, v, a, b in zip(names, value, low, high, strict=True)
    ]
    dots = axes.trace("scatter", view.value, hover) | {
        "mode": "markers",
        "x": value,
        "y": places,
    }
    dots["marker"] = {"color": axes.colour(0), "size": 10, "line": {"width": 0}}
    dots["error_x"] = {
        "type": "data",
        "symmetric": False,
        "array": [_less(b, v) for v, b in zip(value, high, strict=True)],
        "arrayminus": [_less(v, a) for v, a in zip(value, low, strict=True)],
        "color": axes.colour(0),
        "thickness": 2,
        "width": 5,
    }
    layout = axes.layout_of(axes.MARGIN + axes.ROW * len(names), legend=False)
    layout["yaxis"] |= axes.named(places, names, upside_down=True)
    layout["xaxis"] |= axes.scaled(view.unit)
    _mark(layout, view.reference, view.reference_label, "--ink-soft", dash="dot")
    _mark(layout, view.limit, f"limit {write(view.limit, view.unit)}", "--failed")
    reasons = axes.texts(frame["reason"]) if "reason" in frame else [""] * len(names)
    layout["annotations"] += [
        _undefined(place, why)
        for place, one, why in zip(places, value, reasons, strict=True)
        if one is None
    ]
    return {"data": [dots], "layout": layout}


def _lines(view: Lines) -> Figure:
    layout = axes.layout_of(360, legend=len(view.y) > 1 or view.diagonal)
    places, names = _axis(view, layout)
    dense = len(places) > 25
    traces = []
    if view.diagonal:
        traces.append(_diagonal(view))
    columns = view.y
    if len(columns) == 3 and set(BAND) < set(columns):
        traces += _band(view, places)
        columns = tuple(one for one in columns if one not in BAND)
    for i, column in enumerate(columns):
        values = axes.numbers(view.frame[column])
        hover = [
            axes.hover_text(heading(column), f"{heading(view.x)} {name}: {write(value, view.unit)}")
            for name, value in zip(names, values, strict=True)
        ]
        trace = axes.trace("scatter", column, hover)
        trace |= {"mode": "lines" if dense else "lines+markers", "x": places, "y": values}
        style = DASHES[i % len(DASHES)]
        trace["line"] = {"color": axes.colour(i), "width": 2.25, "dash": style}
        trace["marker"] = {"size": 7, "symbol": SYMBOLS[i % len(SYMBOLS)], "color": axes.colour(i)}
        traces.append(trace)
    layout["yaxis"] |= axes.scaled(view.unit) | {"zeroline": not view.diagonal}
    layout["xaxis"] |= {"zeroline": False}
    _mark(layout, view.mark, view.mark_label, "--ink-soft", dash="dot", inside=True)
    return {"data": traces, "layout": layout}


def _axis(view: Lines, layout: Figure) -> tuple[list[Any], list[str]]:
    """Where the points of a line stand, and what each place is called."""
    column = view.frame[view.x]
    font = {"size": 13, "color": "var(--ink-soft)"}
    layout["xaxis"] |= {"title": {"text": axes.label(heading(view.x)), "font": font}}
    if not pd.api.types.is_numeric_dtype(column.dtype):
        names = axes.texts(column)
        places: list[Any] = list(range(len(names)))
        layout["xaxis"] |= axes.named(places, names)
        return places, names
    places = axes.numbers(column)
    unit = view.unit if view.diagonal else Unit.NUMBER
    layout["xaxis"] |= axes.scaled(unit)
    return places, [write(one, unit) for one in places]


def _band(view: Lines, places: Sequence[Any]) -> list[Figure]:
    """The columns low and high, drawn as the band they bound and not as two more lines."""
    low, high = ({"x": list(places), "y": axes.numbers(view.frame[name])} for name in BAND)
    edge = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": {"width": 0}}
    filled = {"fill": "tonexty", "fillcolor": "var(--band)", "name": " to ".join(BAND)}
    return [edge | low | {"showlegend": False}, edge | high | filled]


def _diagonal(view: Lines) -> Figure:
    known = [one for name in (view.x, *view.y) for one in axes.numbers(view.frame[name])]
    ends = [one for one in known if one is not None] or [0.0, 1.0]
    low, high = (0.0, 1.0) if view.unit is Unit.SHARE else (min(ends), max(ends))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "perfect agreement",
        "x": [low, high],
        "y": [low, high],
        "hoverinfo": "skip",
        "line": {"color": "var(--ink-soft)", "width": 1.25, "dash": "dot"},
    }


def _mark(
    layout: Figure, at: float, text: str, colour: str, *, dash: str = "solid", inside: bool = False
) -> None:
    """A vertical line with its name above, over the names of earlier ones, or inside, beside it."""
    if not math.isfinite(at):
        return
    above = {"yshift": 16 * len(layout["shapes"]), "yanchor": "bottom"}
    beside = {"yanchor": "top", "xanchor": "left", "xshift": 5}
    if not inside:
        layout["margin"]["t"] += 16
        layout["height"] += 16
    line = {"color": f"var({colour})", "width": 1.75, "dash": dash}
    side = {"type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1}
    layout["shapes"].append(side | {"line": line})
    layout["annotations"].append(
        (beside if inside else above)
        | {
            "text": axes.label(text, width=24),
            "x": at,
            "xref": "x",
            "y": 1,
            "yref": "paper",
            "showarrow": False,
        }
        | {"font": {"color": f"var({colour})", "size": 12}}
    )


def _undefined(place: int, why: str) -> Figure:
    """Says in the row of a group that it has no value, where an empty row would say nothing."""
    at = {"x": 0, "xref": "paper", "xanchor": "left", "xshift": 8, "y": place, "yref": "y"}
    font = {"color": "var(--ink-soft)", "size": 12}
    text = f"undefined: {why}" if why else "undefined"
    return at | {"text": axes.label(text, width=60), "showarrow": False, "font": font}


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def _less(larger: float | None, smaller: float | None) -> float | None:
    return None if larger is None or smaller is None else max(0.0, larger - smaller)
