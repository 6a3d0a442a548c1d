"""A long frame as coloured cells, and as the table of rows by columns that it stands for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from auditkit.report import axes
from auditkit.report.axes import Figure
from auditkit.report.numerals import DASH, heading, write
from auditkit.results import Heatmap

FEW = 12  # columns that leave room for a number in each cell
MOST_CELLS, STRONGEST = 400, 40  # written as a table; of more, the strongest
MOST_NAMES = 32  # along an axis; of more, only some are written
LOW, TALL = 14, 34  # pixels of a row, of many and of few
DIVERGING = ((0.0, "var(--heat-against)"), (0.5, "var(--heat-none)"), (1.0, "var(--heat-for)"))
RISING = ((0.0, "var(--heat-none)"), (1.0, "var(--heat-weight)"))


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
    """Plotly's data and layout: numbers in the cells where they are few, a scale where not."""
    laid = cells(view)
    written = len(laid.columns) <= FEW and len(laid.rows) * len(laid.columns) <= 10 * FEW
    trace: Figure = {
        "type": "heatmap",
        "z": [list(row) for row in laid.values],
        "x": list(range(len(laid.columns))),
        "y": list(range(len(laid.rows))),
        "hoverinfo": "text",
        "hovertext": _hover(view, laid),
        "xgap": 1 if written else 0,
        "ygap": 1 if written else 0,
        "showscale": not written,
        **_colours(view, laid),
    }
    if written:  # the one template there is: of our own numbers, never of a name
        shown = [[write(one, view.unit) for one in row] for row in laid.values]
        trace |= {"text": shown, "texttemplate": "%{text}"}
    layout = axes.layout_of(0, legend=False)
    tall = max(LOW, min(TALL, 560 // max(1, len(laid.rows))))
    layout["height"] = axes.MARGIN + 28 + tall * len(laid.rows)
    font = {"size": 13, "color": "var(--ink-soft)"}
    for axis, names, column in (("xaxis", laid.columns, view.x), ("yaxis", laid.rows, view.y)):
        layout[axis] |= _thinned(names, upside_down=axis == "yaxis")
        layout[axis] |= {"title": {"text": axes.label(heading(column)), "font": font}}
    return {"data": [trace], "layout": layout}


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


def _colours(view: Heatmap, laid: Cells) -> Figure:
    known = [one for row in laid.values for one in row if one is not None] or [0.0]
    end = max(map(abs, known)) or 1.0
    scale = DIVERGING if view.diverging else RISING
    return {
        "colorscale": [list(one) for one in scale],
        "zmin": -end if view.diverging else min(0.0, *known),
        "zmax": end if view.diverging else (max(known) or end),
        "colorbar": {
            "thickness": 12,
            "outlinewidth": 0,
            "tickfont": {"color": "var(--ink-soft)"},
            **axes.scaled(view.unit),
        },
    }


def _hover(view: Heatmap, laid: Cells) -> list[list[str]]:
    x, y = heading(view.x), heading(view.y)
    return [
        [
            axes.hover_text(f"{y}: {row}", f"{x}: {column}", _said(view, value))
            for column, value in zip(laid.columns, values, strict=True)
        ]
        for row, values in zip(laid.rows, laid.values, strict=True)
    ]


def _said(view: Heatmap, value: float | None) -> str:
    text = DASH if value is None else write(value, view.unit)
    return "undefined" if text == DASH else f"{heading(view.value)}: {text}"


def _thinned(names: Sequence[str], *, upside_down: bool) -> Figure:
    """An axis of names that leaves out some of too many; the table and the hover hold them all."""
    step = math.ceil(len(names) / MOST_NAMES)
    axis = axes.named(range(len(names)), names, upside_down=upside_down)
    for key in ("tickvals", "ticktext", "ticktextnarrow"):
        axis[key] = axis[key][::step]
    return axis | {"ticklen": 3}
