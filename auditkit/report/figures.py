"""Each view as a plotly figure: the one place that knows the closed set View.

Colours are named, "var(--series-1)", and looked up in the page's style sheet when a figure is
drawn, so that light, dark and print share one figure. Text that came with the data is escaped:
plotly reads tags such as <b> and <a href> in labels. Hover text is always given whole, never as
a template, so that %{...} in a name stays a name.
"""

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import pandas as pd

from auditkit.report.numerals import with_interval, write
from auditkit.report.tables import heading
from auditkit.results import Bars, Intervals, Lines, Table, Unit, View

Figure = dict[str, Any]

SERIES = 8  # colours in the style sheet, --series-1 to --series-8
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "bowtie")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
WIDE, NARROW = 40, 20  # letters of a label's line, on a wide page and on a narrow one
BAND = ("low", "high")  # columns of lines that bound a third one
ROW, MARGIN = 34, 72  # pixels of a row of labels, and of what stands around the rows


def figure(view: View) -> Figure | None:
    """Plotly's data and layout for a view; None for a table, which needs no picture."""
    match view:
        case Bars():
            return _bars(view)
        case Intervals():
            return _intervals(view)
        case Lines():
            return _lines(view)
        case Table():
            return None


def inert(text: str) -> str:
    """Text that plotly shows as it is: its tags and entities are spelled out."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def label(text: str, *, width: int = WIDE) -> str:
    """A name for an axis or a legend, in at most two lines; the table holds the full name.

    What is too long loses its middle: names of groups often differ only at the end.
    """
    flat = " ".join(text.split())
    lines = wrap(flat, width, break_on_hyphens=False)
    if len(lines) > 2:
        lines = [flat[: width - 1] + "…", flat[-width:]]
    return "<br>".join(inert(line) for line in lines)


def _bars(view: Bars) -> Figure:
    names = _texts(view.frame[view.x])
    lying = max(map(len, names), default=0) > 12 or len(names) > 8
    places = list(range(len(names)))
    traces = []
    for i, column in enumerate(view.y):
        values = _numbers(view.frame[column])
        hover = [
            _hover(name, f"{heading(column)}: {write(value, view.unit)}")
            for name, value in zip(names, values, strict=True)
        ]
        trace = _trace("bar", column, i, hover)
        across, along = ("y", "x") if lying else ("x", "y")
        trace |= {across: places, along: values, "orientation": "h" if lying else "v"}
        traces.append(trace | {"marker": {"color": _colour(i)}})
    rows = len(names) * max(1.0, 0.62 * len(view.y))
    layout = _layout(MARGIN + ROW * rows if lying else 320, legend=len(view.y) > 1)
    layout |= {"bargap": 0.3, "barmode": "group"}
    layout["yaxis" if lying else "xaxis"] |= _named(places, names, upside_down=lying)
    layout["xaxis" if lying else "yaxis"] |= _scaled(view.unit) | {"rangemode": "tozero"}
    return {"data": traces, "layout": layout}


def _intervals(view: Intervals) -> Figure:
    frame = view.frame
    names = _texts(frame[view.label])
    places = list(range(len(names)))
    value, low, high = (_numbers(frame[name]) for name in (view.value, view.low, view.high))
    hover = [
        _hover(name, with_interval(_float(v), (_float(a), _float(b)), view.unit))
        for name, v, a, b in zip(names, value, low, high, strict=True)
    ]
    dots = _trace("scatter", view.value, 0, hover) | {"mode": "markers", "x": value, "y": places}
    dots["marker"] = {"color": _colour(0), "size": 10, "line": {"width": 0}}
    dots["error_x"] = {
        "type": "data",
        "symmetric": False,
        "array": [_less(b, v) for v, b in zip(value, high, strict=True)],
        "arrayminus": [_less(v, a) for v, a in zip(value, low, strict=True)],
        "color": _colour(0),
        "thickness": 2,
        "width": 5,
    }
    layout = _layout(MARGIN + ROW * len(names), legend=False)
    layout["yaxis"] |= _named(places, names, upside_down=True)
    layout["xaxis"] |= _scaled(view.unit)
    _mark(layout, view.reference, view.reference_label, "--ink-soft", dash="dot")
    _mark(layout, view.limit, f"limit {write(view.limit, view.unit)}", "--failed")
    reasons = _texts(frame["reason"]) if "reason" in frame else [""] * len(names)
    layout["annotations"] += [
        _undefined(place, why)
        for place, one, why in zip(places, value, reasons, strict=True)
        if one is None
    ]
    return {"data": [dots], "layout": layout}


def _lines(view: Lines) -> Figure:
    layout = _layout(360, legend=len(view.y) > 1 or view.diagonal)
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
        values = _numbers(view.frame[column])
        hover = [
            _hover(heading(column), f"{heading(view.x)} {name}: {write(value, view.unit)}")
            for name, value in zip(names, values, strict=True)
        ]
        trace = _trace("scatter", column, i, hover)
        trace |= {"mode": "lines" if dense else "lines+markers", "x": places, "y": values}
        style = DASHES[i % len(DASHES)]
        trace["line"] = {"color": _colour(i), "width": 2.25, "dash": style}
        trace["marker"] = {"size": 7, "symbol": SYMBOLS[i % len(SYMBOLS)], "color": _colour(i)}
        traces.append(trace)
    layout["yaxis"] |= _scaled(view.unit) | {"zeroline": not view.diagonal}
    layout["xaxis"] |= {"zeroline": False}
    _mark(layout, view.mark, view.mark_label, "--ink-soft", dash="dot", inside=True)
    return {"data": traces, "layout": layout}


def _axis(view: Lines, layout: Figure) -> tuple[list[Any], list[str]]:
    """Where the points of a line stand, and what each place is called."""
    column = view.frame[view.x]
    font = {"size": 13, "color": "var(--ink-soft)"}
    layout["xaxis"] |= {"title": {"text": label(heading(view.x)), "font": font}}
    if not pd.api.types.is_numeric_dtype(column.dtype):
        names = _texts(column)
        places: list[Any] = list(range(len(names)))
        layout["xaxis"] |= _named(places, names)
        return places, names
    places = _numbers(column)
    unit = view.unit if view.diagonal else Unit.NUMBER
    layout["xaxis"] |= _scaled(unit)
    return places, [write(one, unit) for one in places]


def _band(view: Lines, places: Sequence[Any]) -> list[Figure]:
    """The columns low and high, drawn as the band they bound and not as two more lines."""
    low, high = ({"x": list(places), "y": _numbers(view.frame[name])} for name in BAND)
    edge = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": {"width": 0}}
    filled = {"fill": "tonexty", "fillcolor": "var(--band)", "name": " to ".join(BAND)}
    return [edge | low | {"showlegend": False}, edge | high | filled]


def _diagonal(view: Lines) -> Figure:
    known = [one for name in (view.x, *view.y) for one in _numbers(view.frame[name])]
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


def _trace(kind: str, column: str, place: int, hover: Sequence[str]) -> Figure:
    name = label(heading(column))
    return {"type": kind, "name": name, "hoverinfo": "text", "hovertext": list(hover)}


def _layout(height: float, *, legend: bool) -> Figure:
    axis = {
        "automargin": True,
        "gridcolor": "var(--rule)",
        "linecolor": "var(--rule-strong)",
        "zerolinecolor": "var(--rule-strong)",
        "tickfont": {"color": "var(--ink-soft)"},
        "ticks": "outside",
        "ticklen": 5,
        "tickcolor": "rgba(0,0,0,0)",
        "fixedrange": True,
    }
    return {
        "height": round(height + (24 if legend else 0)),
        "margin": {"l": 8, "r": 20, "t": 34 if legend else 12, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 13, "color": "var(--ink)"},
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "var(--paper)", "bordercolor": "var(--rule-strong)"},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
        **{"shapes": [], "annotations": []},
    }


def _named(places: Sequence[int], names: Sequence[str], *, upside_down: bool = False) -> Figure:
    """An axis of names. Names are ticks, not values: plotly would merge equal ones."""
    ends = [-0.5, len(places) - 0.5]
    return {
        "tickvals": list(places),
        "ticktext": [label(name) for name in names],
        "ticktextnarrow": [label(name, width=NARROW) for name in names],  # read by report.js
        "range": ends[::-1] if upside_down else ends,
        "showgrid": False,
        "zeroline": False,
    }


def _scaled(unit: Unit) -> Figure:
    formats = {Unit.SHARE: ".0~%", Unit.POINTS: ".0~%", Unit.COUNT: ",d", Unit.NUMBER: ",~g"}
    return {"tickformat": formats[unit], "nticks": 7, "tickangle": 0}


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
            "text": label(text, width=24),
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
    return at | {"text": label(text, width=60), "showarrow": False, "font": font}


def _hover(*lines: str) -> str:
    return "<br>".join(inert(line) for line in lines)


def _colour(place: int) -> str:
    return f"var(--series-{place % SERIES + 1})"


def _texts(series: "pd.Series[Any]") -> list[str]:
    names = zip(series.tolist(), series.isna().tolist(), strict=True)
    return ["(missing)" if gap else _text(one) for one, gap in names]


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _numbers(series: "pd.Series[Any]") -> list[float | None]:
    floats = pd.to_numeric(series, errors="coerce").tolist()
    # six figures are more than a screen can show; the table holds them all
    return [float(f"{one:.6g}") if math.isfinite(one) else None for one in floats]


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def _less(larger: float | None, smaller: float | None) -> float | None:
    return None if larger is None or smaller is None else max(0.0, larger - smaller)
