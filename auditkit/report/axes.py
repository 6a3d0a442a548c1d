"""What figures share: a layout, axes of names and of numbers, and text that plotly shows as it is.

Colours are named, "var(--series-1)", and looked up in the page's style sheet when a figure is
drawn, so that light, dark and print share one figure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import pandas as pd

from auditkit.report.numerals import heading
from auditkit.results import Unit

Figure = dict[str, Any]

SERIES = 8  # colours in the style sheet, --series-1 to --series-8
WIDE, NARROW = 40, 20  # letters of a label's line, on a wide page and on a narrow one
ROW, MARGIN = 34, 72  # pixels of a row of labels, and of what stands around the rows


@dataclass(frozen=True, kw_only=True)
class Key:
    """What the colours of a view mean: their two ends, and whose strongest has the full colour."""

    diverging: bool
    low: str
    high: str
    said: str = ""


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


def trace(kind: str, column: str, hover: Sequence[str]) -> Figure:
    """A named trace that says the given texts where the pointer is."""
    name = label(heading(column))
    return {"type": kind, "name": name, "hoverinfo": "text", "hovertext": list(hover)}


def layout_of(height: float, *, legend: bool) -> Figure:
    """The layout that every figure begins with; height in pixels, without the legend."""
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


def named(places: Sequence[int], names: Sequence[str], *, upside_down: bool = False) -> Figure:
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


def scaled(unit: Unit) -> Figure:
    """An axis of numbers, written in their unit."""
    formats = {Unit.SHARE: ".0~%", Unit.POINTS: ".0~%", Unit.COUNT: ",d", Unit.NUMBER: ",~g"}
    return {"tickformat": formats[unit], "nticks": 7, "tickangle": 0}


def hover_text(*lines: str) -> str:
    """Lines to be shown where the pointer is."""
    return "<br>".join(inert(line) for line in lines)


def colour(place: int) -> str:
    """The colour of a series, by its place; the ninth has that of the first."""
    return f"var(--series-{place % SERIES + 1})"


def texts(series: "pd.Series[Any]") -> list[str]:
    """Each value as a name."""
    names = zip(series.tolist(), series.isna().tolist(), strict=True)
    return ["(missing)" if gap else _text(one) for one, gap in names]


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def numbers(series: "pd.Series[Any]") -> list[float | None]:
    """Each value as a number of six figures; None where it is undefined or infinite."""
    floats = pd.to_numeric(series, errors="coerce").tolist()
    # six figures are more than a screen can show; the table holds them all
    return [float(f"{one:.6g}") if math.isfinite(one) else None for one in floats]
