"""How explanations of single rows are drawn, by what the model reads."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from auditkit.attribution.base import Attributions
from auditkit.models.explainable import Explainable
from auditkit.results import Bars, Heatmap, ImageScores, TokenScores, View

MOST_FEATURES = 7  # of a table's row; the rest are drawn as one bar, so that two fit side by side
FINEST = 0.001  # of the largest number: what is finer has no colour of its own
CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}


def row_views(
    rows: Explainable, found: Attributions, items: Sequence[str], notes: Sequence[str]
) -> tuple[View, ...]:
    """Pictures of what each explained row's answer rests on, in the model's own medium.

    items name the rows, notes say of each what the model answered; several rows may share a
    name where one text is asked about token by token.
    """
    match rows.medium:
        case "image":
            return (_images(rows, found, items, notes),)
        case "text":
            return (_texts(rows, found, items, notes),)
        case "sequence":
            return tuple(
                _sequence(rows, found, row, item, notes[row]) for row, item in enumerate(items)
            )
        case _:
            return tuple(
                _columns(rows, found, row, item, notes[row]) for row, item in enumerate(items)
            )


def _columns(rows: Explainable, found: Attributions, row: int, item: str, note: str) -> Bars:
    """A bar for each column that counts, with its value; all others, or of no weight, together."""
    given = found.of(rows.players)[row].numpy()
    names, cells = rows.players.of(row), rows.cells[row]
    order = np.argsort(-np.abs(given), kind="stable")
    most = min(MOST_FEATURES, max(1, np.count_nonzero(given)))
    shown, rest = order[:most], order[most:]
    said = [f"{names[i]} = {cells[i]}" if cells else names[i] for i in shown]
    values = given[shown].tolist()
    if len(rest):
        said.append(f"{len(rest)} others" if len(rest) > 1 else "1 other")
        values.append(float(given[rest].sum()))
    return Bars(
        title=item,
        frame=pd.DataFrame({"feature": said, "contribution": values}),
        x="feature",
        y=("contribution",),
        diverging=True,
        text=note,
    )


def _texts(
    rows: Explainable, found: Attributions, items: Sequence[str], notes: Sequence[str]
) -> TokenScores:
    given = found.of(rows.players).numpy()
    lines = [
        (item, name, float(given[row, player]), notes[row])
        for row, item in enumerate(items)
        for player, name in enumerate(rows.players.of(row))
    ]
    return TokenScores(
        title="Words by what they contribute",
        frame=pd.DataFrame(lines, columns=["item", "word", "contribution", "note"]),
        item="item",
        token="word",
        score="contribution",
        note="note",
    )


def _images(
    rows: Explainable, found: Attributions, items: Sequence[str], notes: Sequence[str]
) -> ImageScores:
    pixels = (255 * rows.inputs[0].detach().cpu().clamp(0, 1)).round().int().numpy()
    scores = found.values[0].sum(dim=1).numpy()  # (B, H, W)
    channels = CHANNELS.get(pixels.shape[1], ("grey",))
    _, height, width = scores.shape
    row, column = (one.ravel() for one in np.indices((height, width)))
    frames = []
    for i, item in enumerate(items):
        shown = pixels[i] if len(channels) == len(pixels[i]) else pixels[i, :1]
        colours = {name: shown[c].ravel() for c, name in enumerate(channels)}
        frame = {"item": item, "row": row, "column": column, **colours}
        frames.append(pd.DataFrame({**frame, "score": short(scores[i]), "note": notes[i]}))
    return ImageScores(
        title="Images by what each pixel contributes",
        frame=pd.concat(frames, ignore_index=True),
        item="item",
        row="row",
        column="column",
        score="score",
        channels=channels,
        note="note",
    )


def _sequence(rows: Explainable, found: Attributions, row: int, item: str, note: str) -> Heatmap:
    values = found.values[0][row].numpy()  # (T, channels)
    steps = int(rows.inputs[1][row]) if len(rows.inputs) > 1 else len(values)
    step, channel = (one.ravel() for one in np.indices((steps, values.shape[1])))
    return Heatmap(
        title=item,
        frame=pd.DataFrame(
            {
                "step": step + 1,
                "channel": channel + 1,
                "contribution": short(values[:steps]),
            }
        ),
        x="step",
        y="channel",
        value="contribution",
        diverging=True,
        text=note,
    )


def short(values: np.ndarray) -> list[float]:
    """In one row, each to a thousandth of the largest: more than a colour shows."""
    step = FINEST * float(np.abs(np.nan_to_num(values, posinf=0, neginf=0)).max(initial=0.0))
    places = -math.floor(math.log10(step)) if step else 0
    return [round(float(one), places) + 0.0 for one in values.ravel()]
