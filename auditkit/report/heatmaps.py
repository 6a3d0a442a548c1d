"""A long frame as coloured cells, and as the table of rows by columns that it stands for."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from auditkit.report import axes
from auditkit.report.axes import Figure, Key
from auditkit.report.numerals import DASH, heading, write
from auditkit.results import Heatmap

FEW = 12  # columns that leave room for a number in each cell
MOST_CELLS, STRONGEST = 400, 40  # written as a table; of more, the strongest
MOST_NAMES = 32  # along an axis; of more, only some are written
LOW, TALL = 14, 34  # pixels of a row, of many and of few
DIVERGING, RISING = ("against", "none", "for"), ("none", "weight")  # the style sheet's --heat-


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The frame's values by row and column; a pair that the frame lacks is None."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]  # a tuple for each row


def cells(view: Heatmap) -> Cells:
    """The long frame laid out; of two rows for one cell the later is kept."""
    across, down = axes.texts(view.frame[view.x]), axes.texts(view.frame[view.y])
    columns, rows = tuple(dict.fromkeys(across)), tuple(dict.fromkeys(down))
    known = dict(
        zip(zip(down, across, strict=True), axes.numbers(view.frame[view.value]), strict=True)
    )
    values = tuple(tuple(known.get((row, column)) for column in columns) for row in rows)
    return Cells(columns=columns, rows=rows, values=values)


def heatmap(view: Heatmap) -> Figure:
    """Plotly's data and layout: numbers in the cells where they are few, a scale where not.

    Each cell is a bar that stands on its row: plotly's own heatmap sets style attributes, which
    the page's policy forbids, and is a picture of pixels where bars print as lines.
    """
    laid = cells(view)
    numbered = written(laid)
    known = [[one is not None for one in row] for row in laid.values]
    undefined = _bars(view, laid, [[not one for one in row] for row in known])
    bars = _bars(view, laid, known)
    undefined["marker"] = {"color": "rgba(0,0,0,0)", "line": {"color": "var(--rule)", "width": 1}}
    bars["marker"] = _colours(view, bars.pop("values"), soft=numbered)
    del undefined["values"]
    layout = axes.layout_of(0, legend=False) | {"barmode": "overlay", "bargap": 0}
    tall = max(LOW, min(TALL, 560 // max(1, len(laid.rows))))
    layout["height"] = axes.MARGIN + 28 + tall * len(laid.rows)
    font = {"size": 13, "color": "var(--ink-soft)"}
    for axis, names, column in (("xaxis", laid.columns, view.x), ("yaxis", laid.rows, view.y)):
        layout[axis] |= _thinned(names, upside_down=axis == "yaxis")
        layout[axis] |= {"title": {"text": axes.label(heading(column)), "font": font}}
    traces = [bars, undefined]
    if not numbered:
        traces = [{key: one for key, one in trace.items() if key != "text"} for trace in traces]
    return {"data": traces, "layout": layout}


def key(view: Heatmap) -> Key | None:
    """The scale's two ends; None where the numbers stand in the cells."""
    laid = cells(view)
    if written(laid):
        return None
    low, high = ends(view, (one for row in laid.values for one in row))
    return Key(diverging=view.diverging, low=write(low, view.unit), high=write(high, view.unit))


def fits(view: Heatmap) -> bool:
    """Whether the cells are few enough to be written as a table of rows by columns."""
    laid = cells(view)
    return len(laid.columns) * len(laid.rows) <= MOST_CELLS


def as_table(view: Heatmap) -> pd.DataFrame:
    """The table beside the picture: rows by columns, or the strongest cells of too many."""
    if fits(view):
        laid = cells(view)
        names = pd.DataFrame({view.y: laid.rows})
        numbers = pd.DataFrame(laid.values, columns=pd.Index(laid.columns), dtype="float64")
        return pd.concat([names, numbers], axis=1)
    frame = view.frame[[view.y, view.x, view.value]]
    size = pd.to_numeric(frame[view.value], errors="coerce").abs().reset_index(drop=True)
    return frame.iloc[size.sort_values(ascending=False, kind="stable").index].head(STRONGEST)


def written(laid: Cells) -> bool:
    """Whether the cells are so few that each has room for its number."""
    return len(laid.columns) <= FEW and len(laid.rows) * len(laid.columns) <= 10 * FEW


def _bars(view: Heatmap, laid: Cells, wanted: Sequence[Sequence[bool]]) -> Figure:
    """A bar of height 1 for each cell that is wanted, with its number and what it says."""
    x, y = heading(view.x), heading(view.y)
    places = [(i, j) for i, row in enumerate(wanted) for j, one in enumerate(row) if one]
    values = [laid.values[i][j] for i, j in places]
    said = [
        axes.hover_text(f"{y}: {laid.rows[i]}", f"{x}: {laid.columns[j]}", _said(view, value))
        for (i, j), value in zip(places, values, strict=True)
    ]
    return axes.trace("bar", view.value, said) | {
        "x": [j for _, j in places],
        "y": [1] * len(places),
        "base": [i - 0.5 for i, _ in places],
        "width": 1,
        "values": values,
        "text": [write(one, view.unit) for one in values],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"size": 12, "color": "var(--ink)"},
    }


def _colours(view: Heatmap, values: Sequence[float | None], *, soft: bool) -> Figure:
    """The colour of each cell; soft ones leave a number in them legible."""
    low, high = ends(view, values)
    names = DIVERGING if view.diverging else RISING
    colours = [f"var(--heat-{name}{'-soft' * (soft and name != 'none')})" for name in names]
    scale = [[i / (len(colours) - 1), one] for i, one in enumerate(colours)]
    return {"color": list(values), "colorscale": scale, "cmin": low, "cmax": high}


def ends(view: Heatmap, values: Iterable[float | None]) -> tuple[float, float]:
    """The values of the scale's ends: as far below 0 as above, or from 0 or below to the most."""
    known = [one for one in values if one is not None] or [0.0]
    end = max(map(abs, known)) or 1.0
    return (-end, end) if view.diverging else (min(0.0, *known), max(known) or end)


def _said(view: Heatmap, value: float | None) -> str:
    text = DASH if value is None else write(value, view.unit)
    return "undefined" if text == DASH else f"{heading(view.value)}: {text}"


def _thinned(names: Sequence[str], *, upside_down: bool) -> Figure:
    """An axis of names that leaves out some of too many; the table and the hover hold them all."""
    step = max(1, math.ceil(len(names) / MOST_NAMES))
    axis = axes.named(range(len(names)), names, upside_down=upside_down)
    for key in ("tickvals", "ticktext", "ticktextnarrow"):
        axis[key] = axis[key][::step]
    return axis | {"ticklen": 3}
