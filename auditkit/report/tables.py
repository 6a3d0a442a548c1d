"""Every view as a table: what a reader without JavaScript or without eyes for figures gets."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from pandas.api import types

from auditkit.report.heatmaps import as_table, fits
from auditkit.report.images import NINTHS, by_ninths
from auditkit.report.numerals import DASH, heading, write
from auditkit.report.tokens import strongest_rows
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

# Words that a column of verdicts draws as chips, each with the outcome whose icon it has.
VERDICTS: Mapping[str, str] = {
    "trusted": "passed",
    "weak": "insufficient",
    "failed": "failed",
    "not tested": "skipped",
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What stands in a cell; raw is the number for the CSV where the text rounds it.

    It has six digits: the exact one stands in the report's JSON.
    """

    text: str
    raw: str = ""
    verdict: str = ""  # the outcome whose icon and colour the text has

    @property
    def undefined(self) -> bool:
        """Whether the cell shows a dash for a number that does not exist."""
        return self.text == DASH


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table ready to be drawn: the first column names the row."""

    title: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""  # what of the view's numbers is not here


def grid(view: View) -> Grid:
    """The view's frame as cells, its numbers written in their units."""
    frame = _frame(view)
    units = _units(view, frame)
    chips = view.verdicts if isinstance(view, Table) else ()
    series = [frame.iloc[:, i] for i in range(frame.shape[1])]
    series = [one for i, one in enumerate(series) if i == 0 or not _blank(one)]
    columns = [
        _chips(one) if one.name in chips else _cells(one, units.get(str(one.name)))
        for one in series
    ]
    return Grid(
        title=view.title,
        columns=tuple(heading(str(one.name)) for one in series),
        numeric=tuple(_numeric(one) for one in series),
        rows=tuple(zip(*columns, strict=True)),
        note=_note(view, len(frame)),
    )


def _frame(view: View) -> pd.DataFrame:
    """What is written of a view: a picture of a thousand pixels is summed up."""
    match view:
        case Heatmap():
            return as_table(view)
        case TokenScores():
            return strongest_rows(view)
        case ImageScores():
            return by_ninths(view)
        case _:
            return view.frame


def _note(view: View, rows: int) -> str:
    whole = "The report's JSON holds them all."
    match view:
        case ImageScores():
            return f"Shares of the weight, by size, in each ninth of the image. {whole}"
        case TokenScores() if rows < len(view.frame):
            return f"The strongest tokens of each. {whole}"
        case Heatmap() if not fits(view):
            return f"The {rows} strongest of {len(view.frame)} cells. {whole}"
        case _:
            return ""


def _units(view: View, frame: pd.DataFrame) -> dict[str, Unit]:
    match view:
        case Bars(y=names) | Lines(y=names):
            units = dict.fromkeys(names, view.unit)
            if isinstance(view, Lines) and view.diagonal:
                units[view.x] = view.unit
            return units
        case Intervals():
            return dict.fromkeys((view.value, view.low, view.high), view.unit)
        case Table():
            return dict.fromkeys(view.shares, Unit.SHARE)
        case Heatmap():
            return dict.fromkeys(map(str, frame.columns[1:]), view.unit)
        case ImageScores():
            return dict.fromkeys((one for row in NINTHS for one in row), Unit.SHARE)
        case TokenScores():
            return {}


def _chips(series: "pd.Series[Any]") -> Iterable[Cell]:
    return [replace(cell, verdict=VERDICTS.get(cell.text, "")) for cell in _cells(series, None)]


def _cells(series: "pd.Series[Any]", unit: Unit | None) -> Iterable[Cell]:
    missing = series.isna().tolist()
    return [
        Cell(text=DASH) if gap else _cell(one, unit)
        for gap, one in zip(missing, series.tolist(), strict=True)
    ]


def _cell(value: Any, unit: Unit | None) -> Cell:
    if isinstance(value, bool):
        return Cell(text="yes" if value else "no")
    if not isinstance(value, int | float):
        return Cell(text=str(value))
    if not math.isfinite(value):
        return Cell(text=DASH)
    usual = Unit.COUNT if isinstance(value, int) else Unit.NUMBER
    text = write(value, unit or usual)
    exact = repr(value) if isinstance(value, int) else f"{value:.6g}"
    return Cell(text=text, raw="" if text == exact else exact)


def _blank(series: "pd.Series[Any]") -> bool:
    """A column of empty texts, such as the reasons where nothing is undefined, says nothing."""
    return len(series) > 0 and all(one == "" for one in series.tolist())


def _numeric(series: "pd.Series[Any]") -> bool:
    return bool(types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype))
