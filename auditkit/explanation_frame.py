"""An explanation as a tidy table: a line for each part of the row."""

import numpy as np
import pandas as pd
from torch import Tensor

from auditkit.attribution.base import Attributions
from auditkit.models.explainable import Explainable


def tidy(rows: Explainable, found: Attributions) -> pd.DataFrame:
    """Parts, their values, attributions and standard errors, for each explained number."""
    make = {"image": _pixels, "sequence": _steps}.get(rows.medium, _players)
    frames = [make(rows, found, i) for i in range(len(rows.asks))]
    if len(frames) > 1:
        for ask, frame in zip(rows.asks, frames, strict=True):
            frame.insert(0, "explained", ask)
    return pd.concat(frames, ignore_index=True)


def _players(rows: Explainable, found: Attributions, i: int) -> pd.DataFrame:
    names, cells = rows.players.of(i), rows.cells[i]
    errors = None if found.errors is None else rows.players.gathered(found.errors)[i]
    unit = {"text": "word", "latent": "latent_number"}.get(rows.medium, "feature")
    frame = pd.DataFrame({unit: names})
    if unit != "word":
        frame["value"] = cells or ""
    return frame.assign(
        attribution=found.of(rows.players)[i, : len(names)].numpy(),
        standard_error=np.nan if errors is None else errors[: len(names)].numpy(),
    )


def _pixels(rows: Explainable, found: Attributions, i: int) -> pd.DataFrame:
    pixels = (255 * rows.inputs[0][i].detach().cpu().clamp(0, 1)).round().int().numpy()
    row, column = (one.ravel() for one in np.indices(pixels.shape[1:]))
    names = ("red", "green", "blue") if len(pixels) == 3 else ("grey",)
    colours = {name: pixels[c].ravel() for c, name in enumerate(names)}
    frame = pd.DataFrame({"row": row, "column": column, **colours})
    return frame.assign(
        attribution=found.value[i].sum(dim=0).numpy().ravel(),
        standard_error=_error(found, i, channels=True),
    )


def _steps(rows: Explainable, found: Attributions, i: int) -> pd.DataFrame:
    values = rows.inputs[0][i].detach().cpu()
    steps = int(rows.inputs[1][i]) if len(rows.inputs) > 1 else len(values)
    step, channel = (one.ravel() + 1 for one in np.indices((steps, values.shape[1])))
    return pd.DataFrame(
        {
            "step": step,
            "channel": channel,
            "value": values[:steps].numpy().ravel(),
            "attribution": found.value[i, :steps].numpy().ravel(),
            "standard_error": _error(found, i, steps=steps),
        }
    )


def _error(
    found: Attributions, i: int, *, channels: bool = False, steps: int | None = None
) -> np.ndarray | float:
    if found.errors is None:
        return np.nan
    own: Tensor = found.errors[0][i]
    return (own.sum(dim=0) if channels else own[:steps]).numpy().ravel()
