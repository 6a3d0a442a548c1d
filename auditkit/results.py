"""What an audit found: plain frozen values, drawn by `auditkit.report` and by nobody else.

Nothing here computes, imports torch or knows HTML. Undefined is NaN, with a reason beside it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pandas as pd

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Level(StrEnum):
    """How grave a finding is, in SARIF's words."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Status(StrEnum):
    """How a check or a finding ended. Only PASSED counts as passed."""

    PASSED = "passed"
    FAILED = "failed"
    INSUFFICIENT = "insufficient evidence"
    MEASURED = "measured"  # a figure without a limit: it neither passes nor fails
    NOT_APPLICABLE = "not applicable"
    SKIPPED = "skipped"
    BROKEN = "broken"


# The worst first: a check is as bad as its worst finding, an audit as its worst check.
GRAVITY = (Status.FAILED, Status.BROKEN, Status.INSUFFICIENT, Status.PASSED)


class Topic(StrEnum):
    """Which question a check helps to answer."""

    EXPLANATION = "explanation"
    HARM = "harm"
    PERFORMANCE = "performance"
    DATA = "data"
    TRAINING = "training"
    MISUSE = "misuse"


class Unit(StrEnum):
    """What a number is, so that the page can write it."""

    SHARE = "share"  # between 0 and 1, written as a percentage
    POINTS = "points"  # the difference of two shares, written in points of a hundred
    COUNT = "count"
    NUMBER = "number"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence with its evidence.

    value, limit, null and the ends of interval are of one unit; interval is two-sided at 95 %
    unless method says otherwise; null is what chance alone gives on average, NaN where that is not
    meaningful; n counts rows. reason says why value is NaN. rows_needed is how many rows would
    settle an undecided finding if the value measured were the true one; None where not asked
    or not reachable. p_value is the chance, were the truth exactly at the limit, of evidence this
    far beyond it; NaN where there is no limit.
    """

    message: str
    status: Status
    metric: str
    unit: Unit = Unit.NUMBER
    level: Level = Level.NOTE
    value: float = math.nan
    limit: float = math.nan
    interval: tuple[float, float] | None = None
    null: float = math.nan
    method: str = ""
    n: int = 0
    where: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    remedy: str = ""
    reason: str = ""
    rows_needed: int | None = None
    p_value: float = math.nan


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """A bar for each row and each column of y, side by side.

    diverging gives what speaks for and what speaks against the colours they have in tokens.
    """

    title: str
    frame: pd.DataFrame
    x: str
    y: tuple[str, ...]
    unit: Unit = Unit.NUMBER
    diverging: bool = False
    text: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Intervals:
    """A dot and its interval for each row; limit and reference are drawn as lines."""

    title: str
    frame: pd.DataFrame
    label: str
    value: str
    low: str
    high: str
    unit: Unit = Unit.SHARE
    limit: float = math.nan
    reference: float = math.nan
    reference_label: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """A line for each column of y over x; diagonal adds the line y = x."""

    title: str
    frame: pd.DataFrame
    x: str
    y: tuple[str, ...]
    unit: Unit = Unit.NUMBER
    diagonal: bool = False
    mark: float = math.nan  # a vertical line, at the epoch that was kept for instance
    mark_label: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Rows to be read as they are. shares names the columns written as percentages.

    In the columns that verdicts names, trusted, weak, failed and not tested are drawn as such.
    """

    title: str
    frame: pd.DataFrame
    shares: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmap:
    """A coloured cell for each row of a long frame; diverging around 0, or rising from 0.

    Columns and rows stand in the order in which x and y name them first.
    """

    title: str
    frame: pd.DataFrame
    x: str
    y: str
    value: str
    unit: Unit = Unit.NUMBER
    diverging: bool = False
    text: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenScores:
    """A line of coloured tokens for each item, whose tokens are consecutive rows of the frame.

    note names a column with a sentence about the item, or "". The strongest token of each item
    has the full colour, or, where shared, the strongest of all of them.
    """

    title: str
    frame: pd.DataFrame
    item: str
    token: str
    score: str
    note: str = ""
    shared: bool = False
    text: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageScores:
    """Each item's image, and beside it the same image under its scores.

    A row is a pixel. row and column count from 0; channels names one column of greys or three of
    red, green and blue, whole numbers from 0 to 255. note is as in TokenScores. Each image has
    a scale of its own. Scores rounded to a thousandth of an item's largest keep the page small.
    """

    title: str
    frame: pd.DataFrame
    item: str
    row: str
    column: str
    score: str
    channels: tuple[str, ...] = ("grey",)
    note: str = ""
    text: str = ""


View = Bars | Intervals | Lines | Table | Heatmap | TokenScores | ImageScores


@dataclass(frozen=True, kw_only=True, eq=False)
class Section:
    """A heading, a paragraph in plain words and the pictures that go with it."""

    title: str
    text: str = ""
    views: tuple[View, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckResult:
    """What one check found. reason says why it did not apply, was skipped or broke."""

    rule: str  # "AK201": given once, never reused
    name: str  # "demographic-parity": its table in audit.toml
    title: str
    topic: Topic
    status: Status
    findings: tuple[Finding, ...] = ()
    sections: tuple[Section, ...] = ()
    reason: str = ""
    traceback: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditReport:
    """A whole audit.

    model, data and environment are facts for the page (name -> text, number, list or None);
    not_tested lists (what, why); config is the configuration in force; timings holds whatever
    differs between two runs of the same audit (the date, seconds), and nothing else does.
    """

    title: str
    results: tuple[CheckResult, ...]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    not_tested: tuple[tuple[str, str], ...] = ()
    timings: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    @property
    def verdict(self) -> Status:
        """The worst status of any check; an audit that judged nothing has not passed.

        Nor has one whose groups were to be compared and could not be: only one has rows.
        """
        found = worst(result.status for result in self.results) or Status.NOT_APPLICABLE
        return Status.INSUFFICIENT if found is Status.PASSED and self.unanswered else found

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Sensitive columns whose groups were to be held to limits, and could be held to none."""
        answered: dict[str, bool] = {}
        for result in self.results:
            for one in result.findings if result.topic is Topic.HARM else ():
                if "column" in one.where and not math.isnan(one.limit):
                    column, known = one.where["column"], one.status is not Status.NOT_APPLICABLE
                    answered[column] = answered.get(column, False) or known
        return tuple(column for column, known in answered.items() if not known)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of the checks."""
        return tuple(finding for result in self.results for finding in result.findings)


def worst(statuses: Any) -> Status | None:
    """The gravest of the statuses that judge, or None where none of them does."""
    seen = set(statuses)
    return next((status for status in GRAVITY if status in seen), None)
