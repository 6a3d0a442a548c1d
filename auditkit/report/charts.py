"""Lines and intervals where no script may run: places, ticks and words, of which SVG is made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from auditkit.report import axes
from auditkit.report.figures import BAND
from auditkit.report.numerals import heading, with_interval, write
from auditkit.results import Intervals, Lines, Unit

WIDTH, HEIGHT = 720.0, 300.0  # of a chart, in its own units: about pixels
LEFT, RIGHT, TOP, BOTTOM = 64.0, 14.0, 14.0, 46.0
SLANTED = 64.0  # of BOTTOM more, where names stand aslant
LETTER = 6.6  # width of one
MOST_TICKS, MOST_NAMES, LONGEST = 6, 24, 18
LENGTH = 200.0  # of an interval's row, as of a bar's


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A place along an axis and what is written there."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """A line of a chart: its name, its place among the colours, its path and its points."""

    name: str
    place: int
    path: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines over one axis."""

    across: str
    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    strokes: tuple[Stroke, ...]
    band: str = ""
    diagonal: str = ""
    mark: Tick | None = None
    slanted: bool = False
    height: float = HEIGHT

    @property
    def floor(self) -> float:
        """Where the lower axis lies."""
        return self.height - BOTTOM - SLANTED * self.slanted


@dataclass(frozen=True, kw_only=True)
class Row:
    """A dot and its interval along LENGTH; what is undefined has no place."""

    name: str
    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Intervals below each other, the places of what they are compared with, and what that is."""

    rows: tuple[Row, ...]
    limit: float | None
    reference: float | None
    said: str


def chart(view: Lines) -> Chart:
    """Where everything stands in a chart of lines; a value that is undefined breaks its line."""
    column = view.frame[view.x]
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    whole = pd.api.types.is_integer_dtype(column.dtype)
    names = axes.texts(column)
    places = axes.numbers(column) if numeric else [float(i) for i in range(len(names))]
    values = {name: axes.numbers(view.frame[name]) for name in view.y}
    slanted = not numeric and LETTER * sum(min(len(one), LONGEST) + 2 for one in names) > WIDTH
    height = HEIGHT + SLANTED * slanted
    spread = [one for row in values.values() for one in row]
    unit = view.unit if view.diagonal else Unit.NUMBER
    across = _Scale.of([*places, view.mark], LEFT, WIDTH - RIGHT)
    floor = height - BOTTOM - SLANTED * slanted
    up = _Scale.of([*spread, *(places if view.diagonal else ())], floor, TOP)
    banded = len(view.y) == 3 and set(BAND) < set(view.y)
    drawn = [name for name in view.y if not (banded and name in BAND)]
    ends = (max(across.low, up.low), min(across.high, up.high))
    return Chart(
        across=heading(view.x),
        x=across.ticks(unit, whole=whole) if numeric else _names(names, across),
        y=up.ticks(view.unit),
        strokes=tuple(
            _stroke(heading(name), i, _points(places, values[name], across, up))
            for i, name in enumerate(drawn)
        ),
        band=_band(*(_points(places, values[name], across, up) for name in BAND)) if banded else "",
        diagonal=_path(_points(ends, ends, across, up)) if view.diagonal else "",
        mark=Tick(at=across.at(view.mark), text=view.mark_label)
        if math.isfinite(view.mark)
        else None,
        slanted=slanted,
        height=height,
    )


def ladder(view: Intervals) -> Ladder:
    """Where the dots and their intervals lie, on one scale with limit and reference."""
    value, low, high = (
        axes.numbers(view.frame[name]) for name in (view.value, view.low, view.high)
    )
    scale = _Scale.of([*value, *low, *high, view.limit, view.reference], 4.0, LENGTH - 4.0)
    rows = []
    for name, *numbers in zip(axes.texts(view.frame[view.label]), value, low, high, strict=True):
        v, a, b = (math.nan if one is None else one for one in numbers)
        places = [scale.at(one) if math.isfinite(one) else None for one in (v, a, b)]
        if places[1] is None or places[2] is None:
            places[1:] = [None, None]
        text = with_interval(v, (a, b), view.unit)
        rows.append(Row(name=name, text=text, value=places[0], low=places[1], high=places[2]))
    said = []
    if math.isfinite(view.reference):
        label = view.reference_label or write(view.reference, view.unit)
        said.append(f"Dotted line: {label}.")
    if math.isfinite(view.limit):
        said.append(f"Line: limit {write(view.limit, view.unit)}.")
    return Ladder(
        rows=tuple(rows),
        limit=scale.at(view.limit) if math.isfinite(view.limit) else None,
        reference=scale.at(view.reference) if math.isfinite(view.reference) else None,
        said=" ".join(said),
    )


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """Numbers between low and high, and the places start and end that they have on paper."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, numbers: Sequence[float | None], start: float, end: float) -> "_Scale":
        known = [one for one in numbers if one is not None and math.isfinite(one)] or [0.0, 1.0]
        low, high = min(known), max(known)
        if low == high:
            low, high = low - 0.5, high + 0.5
        spare = 0.04 * (high - low)
        return cls(low=low - spare, high=high + spare, start=start, end=end)

    def at(self, number: float) -> float:
        share = (number - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, unit: Unit, *, whole: bool = False) -> tuple[Tick, ...]:
        step = _step((self.high - self.low) / MOST_TICKS)
        if whole or unit is Unit.COUNT:
            step = max(1.0, step)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        numbers = [i * step for i in range(first, last + 1)]
        return tuple(Tick(at=self.at(one), text=_short(one, unit)) for one in numbers)


def _step(least: float) -> float:
    """1, 2 or 5 times a power of ten: the first that is not below least."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _short(value: float, unit: Unit) -> str:
    """A tick's number without the zeros that end it: 0.5, 20 %."""
    if unit is Unit.NUMBER:
        return f"{value:.4g}".replace("-", "−")
    return write(value, unit).replace(".0", "")


def _names(names: Sequence[str], scale: _Scale) -> tuple[Tick, ...]:
    step = max(1, math.ceil(len(names) / MOST_NAMES))
    return tuple(
        Tick(at=scale.at(float(i)), text=_clipped(names[i])) for i in range(0, len(names), step)
    )


def _clipped(name: str) -> str:
    """A long name without its middle: names of layers differ at their ends."""
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[: half - 1]}…{name[-half:]}"


Points = Sequence[tuple[float, float] | None]


def _points(
    places: Sequence[float | None], values: Sequence[float | None], across: _Scale, up: _Scale
) -> Points:
    return [
        None if x is None or y is None else (across.at(x), up.at(y))
        for x, y in zip(places, values, strict=True)
    ]


def _path(points: Points) -> str:
    """Moves to the first point and to each after a gap, and draws from there on."""
    parts = [
        f"{'M' if before is None else 'L'}{here[0]} {here[1]}"
        for before, here in pairwise([None, *points])
        if here is not None
    ]
    return "".join(parts)


def _stroke(name: str, place: int, points: Points) -> Stroke:
    known = tuple(one for one in points if one is not None)
    return Stroke(name=name, place=place % axes.SERIES + 1, path=_path(points), points=known)


def _band(low: Points, high: Points) -> str:
    edge = [one for one in low if one is not None]
    back = [one for one in high if one is not None][::-1]
    return " ".join(f"{x},{y}" for x, y in (*edge, *back))
