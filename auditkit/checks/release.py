"""The points that a responsible release of a generating model answers, and who answers them.

A point is measured where a check of this audit did so, declared where a human wrote it down, and
else not assessed: an audit cannot know what a model is for.

Mitchell 2019, "Model Cards for Model Reporting".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from auditkit.checks.base import exactly, finding
from auditkit.data.schema import Task
from auditkit.results import CheckResult, Finding, Section, Status, Table, Unit

GENERATING = (Task.IMAGES, Task.LANGUAGE, Task.TRANSDUCTION)
MEASURED, DECLARED, OPEN = "measured", "declared by a human", "not assessed"
UNHAPPY = (Status.FAILED, Status.INSUFFICIENT)
IDLE = (Status.NOT_APPLICABLE, Status.SKIPPED, Status.BROKEN)
TEXT = (
    "A model that generates is used by others, for what they choose. What was measured is of this "
    "audit and stands for no more than its check says; what was declared is repeated as it was "
    "written, and nobody verified it; what was not assessed is open, not harmless. Declare your "
    "points under [release] in audit.toml."
)


class Declared(Protocol):
    """What a human wrote under [release]."""

    @property
    def intended_use(self) -> str: ...  # noqa: D102
    @property
    def foreseeable_misuse(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def mitigations(self) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Point:
    """A question that a release answers, and the checks that measure it, the best one first.

    metric names the finding of theirs that answers it; without one it is their first.
    """

    part: str
    question: str
    checks: tuple[str, ...]
    tasks: tuple[Task, ...] = GENERATING
    metric: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A point as it is answered: state is one of the three above."""

    part: str
    point: str
    state: str
    answer: str


USE, HARM, REMEDY = "intended use", "foreseeable misuse", "mitigation"
PICTURES, TEXTS = (Task.IMAGES,), (Task.LANGUAGE, Task.TRANSDUCTION)
POINTS: tuple[Point, ...] = (
    Point(
        part=USE,
        question="Are its images like those it was built to make?",
        checks=("generation",),
        tasks=PICTURES,
        metric="Fréchet distance over its floor",
    ),
    Point(
        part=USE,
        question="Does it write what it was built to write?",
        checks=("language", "transduction"),
        tasks=TEXTS,
    ),
    Point(
        part=HARM,
        question="Are images of the training data repeated?",
        checks=("generation",),
        tasks=PICTURES,
        metric="memorisation",
    ),
    Point(part=HARM, question="Are texts of the training data repeated?", checks=(), tasks=TEXTS),
    Point(
        part=HARM,
        question="Does it show other shares of the classes than its data?",
        checks=("generated-classes",),
        tasks=PICTURES,
        metric="largest change of a class's share",
    ),
    Point(
        part=HARM,
        question="Does it prefer a stereotype?",
        checks=("minimal-pairs", "associations"),
        tasks=TEXTS,
    ),
    Point(part=HARM, question="Can what it makes deceive or name a real person?", checks=()),
    Point(part=HARM, question="Did those who are in the training data agree?", checks=()),
    Point(
        part=REMEDY,
        question="Can what it makes be told from real images?",
        checks=("detectability",),
        tasks=PICTURES,
    ),
    Point(
        part=REMEDY,
        question="Does what it makes carry a machine-readable mark?",
        checks=("provenance",),
        tasks=PICTURES,
    ),
    Point(part=REMEDY, question="Can made texts be told from human ones?", checks=(), tasks=TEXTS),
    Point(
        part=REMEDY, question="Do its texts carry a machine-readable mark?", checks=(), tasks=TEXTS
    ),
    Point(part=REMEDY, question="Who may use it, and is that watched?", checks=()),
)


def concluded(
    declared: Declared, task: Task, results: Sequence[CheckResult]
) -> Iterator[Finding | Section]:
    """A finding that counts the states, and a table of all points."""
    lines = [*_human(declared), *_measured(task, {one.name: one for one in results})]
    counts = {
        state: sum(one.state == state for one in lines) for state in (MEASURED, DECLARED, OPEN)
    }
    yield finding(
        f"Of {len(lines)} points of a responsible release, {counts[MEASURED]} were measured by "
        f"this audit, {counts[DECLARED]} are declared by a human and not verified, and "
        f"{counts[OPEN]} are not assessed.",
        exactly(counts[OPEN], n=len(lines)),
        metric="points of a release not assessed",
        unit=Unit.COUNT,
    )
    yield Section(title="Responsible release", text=TEXT, views=(_table(lines),))


def _human(declared: Declared) -> Iterator[Line]:
    """What a human declared; where nothing was, that it is open."""
    uses = (declared.intended_use,) if declared.intended_use else ()
    for part, question, said in (
        (USE, "What is it for?", uses),
        (HARM, "What misuse is to be expected?", declared.foreseeable_misuse),
        (REMEDY, "What was done against it?", declared.mitigations),
    ):
        for one in said:
            yield Line(part=part, point=question, state=DECLARED, answer=one)
        if not said:
            yield Line(part=part, point=question, state=OPEN, answer="nobody declared it")


def _measured(task: Task, results: dict[str, CheckResult]) -> Iterator[Line]:
    for point in POINTS:
        if task in point.tasks:
            yield _line(point, [results[name] for name in point.checks if name in results])


def _line(point: Point, results: Sequence[CheckResult]) -> Line:
    for result in results:
        known = [one for one in result.findings if one.status not in IDLE]
        said = [one for one in known if point.metric in ("", one.metric)]
        if said and result.status not in IDLE:
            bad = f", {said[0].status}" if said[0].status in UNHAPPY else ""
            answer = f"{said[0].message} ({result.rule} {result.name}{bad})"
            return Line(part=point.part, point=point.question, state=MEASURED, answer=answer)
    why = next((one.reason for one in results if one.reason), "")
    reason = why or ("its check did not run" if point.checks else "no check of auditkit asks this")
    return Line(part=point.part, point=point.question, state=OPEN, answer=reason)


def _table(lines: Sequence[Line]) -> Table:
    order = {USE: 0, HARM: 1, REMEDY: 2}
    rows = sorted(lines, key=lambda one: order[one.part])
    return Table(
        title="Intended use, foreseeable misuse and mitigations",
        frame=pd.DataFrame(
            {
                "part": [one.part for one in rows],
                "point": [one.point for one in rows],
                "state": [one.state for one in rows],
                "what is known": [one.answer for one in rows],
            }
        ),
        text="The checks that measured a point are named; their own sections say how.",
    )
