"""What the page shows, as plain values for the templates: no HTML is made here."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auditkit.report import heatmaps, images, story, tokens
from auditkit.report.axes import Figure, Key
from auditkit.report.figures import figure
from auditkit.report.glossary import words_in
from auditkit.report.json import dumps
from auditkit.report.numerals import count, heading, telling_decimals, with_interval, write
from auditkit.report.steps import next_steps
from auditkit.report.strips import Strip, strip
from auditkit.report.tables import Grid, grid
from auditkit.results import (
    AuditReport,
    Bars,
    CheckResult,
    Finding,
    Heatmap,
    ImageScores,
    Intervals,
    Section,
    Status,
    Table,
    TokenScores,
    Topic,
    View,
)

TOPICS: Mapping[Topic, str] = {
    Topic.EXPLANATION: "Why it decides",
    Topic.HARM: "Whom it harms",
    Topic.MISUSE: "Fakes and misuse",
    Topic.PERFORMANCE: "How well it works",
    Topic.DATA: "The data",
    Topic.TRAINING: "Training and cost",
}
IDLE = (Status.SKIPPED, Status.NOT_APPLICABLE, Status.BROKEN)  # checks that gave no answer
HALF, WORDS, NUMBERS = 433, 120, 62  # pixels: half the page, and what a column takes of it
EXACT = ("seed", "year", "version", "port", "hash", "sha")  # numbers that are names


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A term and what is known: one text, several, or facts of its own."""

    term: str
    text: str = ""
    code: bool = False
    items: tuple[str, ...] = ()
    facts: tuple["Fact", ...] = ()


# Of more findings than this the page shows those with a limit first, as report.js does; the others
# are not drawn, which takes 300 bytes each: their numbers stand in words.
MANY = 40


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A finding with its numbers written out."""

    finding: Finding
    anchor: str
    check: CheckResult
    check_anchor: str
    value: str
    limit: str
    null: str
    strip: Strip | None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A view: its table, and its figure where it has one."""

    anchor: str
    view: View
    grid: Grid
    figure: Figure | None
    lines: tuple[tokens.Line, ...] = ()  # of coloured tokens
    tiles: tuple[images.Tile, ...] = ()  # images under their scores
    key: Key | None = None

    @property
    def wide(self) -> bool:
        """Whether it needs the whole width: a table of many columns or a figure of many names."""
        if isinstance(self.view, Table):
            return sum(NUMBERS if one else WORDS for one in self.grid.numeric) > HALF
        if isinstance(self.view, Heatmap):
            return len(heatmaps.cells(self.view).columns) > 8
        return bool(self.lines or self.tiles) or (
            isinstance(self.view, Bars | Intervals) and len(self.grid.rows) > 8
        )


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """The checks of one topic."""

    anchor: str
    title: str
    checks: tuple["CheckPage", ...]


@dataclass(frozen=True, kw_only=True)
class CheckPage:
    """One check with its findings and sections."""

    anchor: str
    result: CheckResult
    evidence: tuple[Evidence, ...]
    sections: tuple[tuple[Section, tuple[Picture, ...]], ...]


def page(report: AuditReport) -> dict[str, Any]:
    """Everything the templates ask for."""
    places = anchors(report)
    idle = [one for one in report.results if one.status in IDLE]
    evidence = _all_evidence(report, places)
    text = dumps(report)
    return {
        "report": report,
        "headline": story.HEADLINES.get(report.verdict, report.verdict.value),
        "lead": story.lead(report),
        "tally": story.tally(report),
        "answers": story.answers(report, places),
        "steps": next_steps(report, places),
        "identity": _identity(report),
        "evidence": sorted(evidence, key=lambda one: story.ORDER.index(one.finding.status)),
        "chapters": _chapters(report, places, evidence),
        "idle": idle,
        "not_tested": [one for one in report.not_tested if one[0] not in {i.title for i in idle}],
        "glossary": words_in(text),
        "config": facts(report.config, verbatim=True),
        "checks": [(one, places[id(one)]) for one in report.results],
    }


def picture(view: View, anchor: str) -> Picture:
    """A view as it is drawn, at its place on the page."""
    drawn = Picture(anchor=anchor, view=view, grid=grid(view), figure=figure(view))
    match view:
        case TokenScores():
            return replace(drawn, lines=tokens.lines(view), key=tokens.key(view))
        case ImageScores():
            return replace(drawn, tiles=images.tiles(view), key=images.key(view))
        case Heatmap():
            return replace(drawn, key=heatmaps.key(view))
        case _:
            return drawn


def figures_of(chapters: Sequence[Chapter]) -> dict[str, Figure]:
    """Every figure of the page by the place of its picture."""
    return {
        one.anchor: one.figure
        for chapter in chapters
        for check in chapter.checks
        for _, pictures in check.sections
        for one in pictures
        if one.figure is not None
    }


def anchors(report: AuditReport) -> dict[int, str]:
    """The place on the page of each check and each finding, by id."""
    checks = {id(one): f"check-{i}" for i, one in enumerate(report.results, start=1)}
    return checks | {id(one): f"finding-{i}" for i, one in enumerate(report.findings, start=1)}


def facts(mapping: Mapping[str, Any], *, verbatim: bool = False) -> tuple[Fact, ...]:
    """A mapping as terms and texts, nested as it is; verbatim leaves the keys as they are."""
    return tuple(_fact(str(key), value, verbatim) for key, value in mapping.items())


def _fact(key: str, value: Any, verbatim: bool) -> Fact:
    term = key if verbatim else heading(key).replace("sha256", "SHA-256")
    if isinstance(value, Mapping):
        inner = facts(value, verbatim=verbatim)
        return Fact(term=term, facts=inner) if inner else Fact(term=term, text="none")
    if isinstance(value, list | tuple | set | frozenset):
        items = tuple(_scalar(key, one) for one in value)
        return Fact(term=term, items=items) if items else Fact(term=term, text="none")
    text = _date(value) if key == "date" else _scalar(key, value)
    code = len(text) >= 24 and " " not in text
    return Fact(term=term, text=text, code=code)


def _scalar(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{heading(str(k))} {_scalar(str(k), v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_scalar(key, one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not given"
    if isinstance(value, int):
        exact = any(word in key.casefold() for word in EXACT)
        return str(value) if exact else count(value)
    if isinstance(value, float):
        return repr(value) if len(repr(value)) <= 6 else write(value)
    return str(value)


def _date(value: Any) -> str:
    """`22 November 2026, 13:27 UTC`; whatever is no date in ISO 8601 stays as it is."""
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{when.day} {when:%B %Y, %H:%M %Z}".strip()


def _identity(report: AuditReport) -> list[tuple[str, tuple[Fact, ...]]]:
    blocks = (
        ("Model", report.model),
        ("Data", report.data),
        ("Software and machine", report.environment),
        ("Date and time", report.timings),
    )
    return [(title, facts(mapping)) for title, mapping in blocks if mapping]


def _all_evidence(report: AuditReport, places: Mapping[int, str]) -> list[Evidence]:
    many = len(report.findings) > MANY
    return [
        _evidence(finding, result, places, drawn=not many or math.isfinite(finding.limit))
        for result in report.results
        for finding in result.findings
    ]


def _evidence(
    finding: Finding, result: CheckResult, places: Mapping[int, str], *, drawn: bool
) -> Evidence:
    numbers = [finding.value, *(finding.interval or ())]
    unit = finding.unit
    decimals = telling_decimals(unit, numbers, finding.limit)
    return Evidence(
        finding=finding,
        anchor=places[id(finding)],
        check=result,
        check_anchor=places[id(result)],
        value=with_interval(finding.value, finding.interval, unit, decimals=decimals),
        limit=write(finding.limit, unit, decimals=decimals),
        null=write(finding.null, unit),
        strip=strip(finding) if drawn else None,
    )


def _chapters(
    report: AuditReport, places: Mapping[int, str], evidence: Iterable[Evidence]
) -> list[Chapter]:
    by_check: dict[str, list[Evidence]] = {}
    for one in evidence:
        by_check.setdefault(one.check_anchor, []).append(one)
    chapters = []
    for topic, title in TOPICS.items():
        results = [one for one in report.results if one.topic is topic and _speaks(one)]
        checks = tuple(_check_page(one, places[id(one)], by_check) for one in results)
        if checks:
            chapters.append(Chapter(anchor=f"topic-{topic.value}", title=title, checks=checks))
    return chapters


def _speaks(result: CheckResult) -> bool:
    return bool(result.sections or result.findings or result.status is Status.BROKEN)


def _check_page(
    result: CheckResult, anchor: str, by_check: Mapping[str, list[Evidence]]
) -> CheckPage:
    sections = []
    seen = 0
    for section in result.sections:
        pictures = tuple(
            picture(view, f"{anchor}-view-{seen + i}")
            for i, view in enumerate(section.views, start=1)
        )
        seen += len(pictures)
        sections.append((section, pictures))
    evidence = tuple(by_check.get(anchor, ()))
    return CheckPage(anchor=anchor, result=result, evidence=evidence, sections=tuple(sections))
