"""A view as a plotly Figure for a notebook, with the page's colours looked up beforehand."""

import re
from functools import cache
from typing import Any

import plotly.graph_objects as go

from auditkit.errors import UsageError
from auditkit.report import images
from auditkit.report.axes import Figure, inert, layout_of
from auditkit.report.figures import figure
from auditkit.report.templates import template
from auditkit.results import Bars, ImageScores, TokenScores, View

SIDE = 260  # pixels of one picture


def plot(view: View, *, dark: bool = False) -> go.Figure:
    """The figure; tokens as bars in their order, images and their overlays side by side.

    Raises UsageError for a table, which has none.
    """
    match view:
        case TokenScores():
            made = figure(_as_bars(view))
        case ImageScores():
            made = _as_pictures(view)
        case _:
            made = figure(view)
    if made is None:
        raise UsageError("a table has no figure: look at its frame")
    for axis in ("xaxis", "yaxis"):
        made["layout"][axis].pop("ticktextnarrow", None)  # report.js reads it on narrow pages
    coloured = go.Figure(_resolved(made, colours(dark)))
    coloured.update_layout(
        title=inert(view.title), margin={"t": 60}, paper_bgcolor=colours(dark)["--paper"]
    )
    return coloured


@cache
def colours(dark: bool) -> dict[str, str]:
    """The style sheet's colours by name, light or dark."""
    pairs = re.findall(
        r"(--[\w-]+): light-dark\((.+?), (#\w+|rgb\(.+?\))\);", template("style.css")
    )
    return {name: pair[dark] for name, *pair in pairs}


def _resolved(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(one, known) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(one, known) for one in value]
    if isinstance(value, str) and value.startswith("var("):
        return known[value.removeprefix("var(").removesuffix(")")]
    return value


def _as_bars(view: TokenScores) -> Bars:
    return Bars(title=view.title, frame=view.frame, x=view.token, y=(view.score,), diverging=True)


def _as_pictures(view: ImageScores) -> Figure:
    """A row for each item: its image, and the image under its scores."""
    made = images.tiles(view)
    shown, names = [], []
    for i, one in enumerate(made):
        for j, source in enumerate((one.picture, one.overlay)):
            shown.append(
                {
                    "source": source,
                    "x": j,
                    "y": -i,
                    "sizex": 0.95,
                    "sizey": 0.8,
                    "xref": "x",
                    "yref": "y",
                }
            )
        place = {"x": 0, "y": -i, "showarrow": False, "xanchor": "left", "yanchor": "bottom"}
        names.append(place | {"text": f"{inert(one.item)}<br>{inert(one.where)}", "align": "left"})
    layout = layout_of(90 + SIDE * len(made), legend=False) | {"width": 2 * SIDE, "images": shown}
    hidden = {"visible": False, "fixedrange": True}
    layout |= {
        "annotations": names,
        "xaxis": hidden | {"range": [0, 2], "constrain": "domain"},
        "yaxis": hidden | {"range": [0.2 - len(made), 0.2], "scaleanchor": "x"},
    }
    return {"data": [{"type": "scatter", "x": [], "y": []}], "layout": layout}
