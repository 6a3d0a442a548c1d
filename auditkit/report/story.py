"""The report in plain words: the verdict and the answers to its questions."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auditkit.results import GRAVITY, AuditReport, CheckResult, Finding, Status, Topic, worst

MOST_NAMES = 4  # checks that one reason names
MOST_POINTS = 6  # sentences an answer shows before it points to the table of findings
ORDER = (*GRAVITY, Status.MEASURED, Status.NOT_APPLICABLE, Status.SKIPPED)

HEADLINES: Mapping[Status, str] = {
    Status.FAILED: "This audit failed",
    Status.BROKEN: "This audit is not finished",
    Status.INSUFFICIENT: "This audit is undecided",
    Status.PASSED: "This audit passed",
    Status.NOT_APPLICABLE: "Nothing was judged",
}


TRUSTED = "methods that hold on this model"  # the metric of how many explanations held


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a reader wants to know, and how each outcome answers it."""

    key: str
    text: str
    topics: tuple[Topic, ...]
    failed: str
    passed: str
    words: tuple[str, ...]  # by which an entry of not_tested is known to belong here
    undecided: str = "It cannot be said yet"
    measured: str = "Measured, no limit was set"
    none: str = ""  # where explanations were put to the test and none held


QUESTIONS = (
    Question(
        key="why",
        text="Can we see why it decides?",
        topics=(Topic.EXPLANATION,),
        failed="Not reliably",
        passed="Yes, as far as it was tested",
        undecided="Only in part",
        measured="Shown, as far as it can be trusted",
        none="Not reliably: no explanation held",
        words=("expla", "attribution", "why", "faithful", "probing", "represent", "concept"),
    ),
    Question(
        key="harm",
        text="Whom does it harm?",
        topics=(Topic.HARM,),
        failed="Some groups, beyond the limits set",
        passed="No group beyond the limits set",
        words=("fair", "bias", "harm", "group", "sensitive", "amplif", "counterfactual"),
    ),
    Question(
        key="misuse",
        text="What of fakes and misuse?",
        topics=(Topic.MISUSE,),
        failed="More than the limits set allow",
        passed="Nothing beyond the limits set",
        measured="Shown, as far as it was measured",
        words=("misuse", "provenance", "release"),
    ),
    Question(
        key="work",
        text="Does it work?",
        topics=(Topic.PERFORMANCE, Topic.DATA, Topic.TRAINING),
        failed="Not within the limits set",
        passed="Yes, within the limits set",
        words=("perform", "accura", "calibrat", "training", "drift", "robust"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A sentence of an answer and the place on the page that shows its evidence."""

    status: Status
    text: str
    anchor: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question answered from the findings, or why it was not assessed."""

    question: Question
    status: Status
    short: str
    points: tuple[Point, ...]
    rest: str
    reasons: tuple[tuple[str, str], ...]  # (what, why) where nothing was assessed


def lead(report: AuditReport) -> str:
    """The verdict's reason in one or two sentences, with the numbers behind it."""
    tally = Counter(finding.status for finding in report.findings)
    judged = sum(tally[status] for status in GRAVITY)
    broken = sum(result.status is Status.BROKEN for result in report.results)
    parts = []
    if failed := tally[Status.FAILED]:
        parts.append(
            f"{failed} of {several(judged, 'finding')} with a limit {_is(failed)} beyond it."
        )
    in_part = len(doubtful(report))
    if open_ := tally[Status.INSUFFICIENT] - in_part:
        parts.append(f"{several(open_, 'finding')} cannot be settled with the rows there are.")
    if in_part:
        parts.append("Its explanations can be trusted only in part.")
    if broken:
        parts.append(f"{several(broken, 'check')} broke, which never counts as passed.")
    if lost := report.unanswered:
        parts.append(f"The groups of {' and of '.join(lost)} could not be compared at all.")
    if not parts and judged:
        whole = "The one finding" if judged == 1 else f"All {judged} findings"
        parts.append(f"{whole} with a limit {_is(judged)} within it. This says nothing about what")
        parts.append("was not tested, which is listed below.")
    return " ".join(parts) or "No check set a limit, so there is nothing to pass or to fail."


def answers(report: AuditReport, anchors: Mapping[int, str]) -> tuple[Answer, ...]:
    """The questions, each answered. anchors maps id(finding or result) to its place.

    What generated content can be misused for is asked only of a model that has to do with it.
    """
    asked = {one.topic for one in report.results if one.status is not Status.NOT_APPLICABLE}
    return tuple(
        _answer(question, report, anchors)
        for question in QUESTIONS
        if question.topics != (Topic.MISUSE,) or Topic.MISUSE in asked
    )


def tally(report: AuditReport) -> tuple[tuple[Status, int], ...]:
    """How many findings ended how, gravest first; checks that broke or did not run as well."""
    counts = Counter(finding.status for finding in report.findings)
    idle = (Status.BROKEN, Status.SKIPPED, Status.NOT_APPLICABLE)
    counts.update(one.status for one in report.results if one.status in idle and not one.findings)
    return tuple((status, counts[status]) for status in ORDER if counts[status])


def by_gravity(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, otherwise in the order of the checks."""
    return sorted(findings, key=lambda one: ORDER.index(one.status))


def _answer(question: Question, report: AuditReport, anchors: Mapping[int, str]) -> Answer:
    results = [one for one in report.results if one.topic in question.topics]
    findings = by_gravity(finding for one in results for finding in one.findings)
    status = worst(one.status for one in results)
    if status is None and (findings or any(one.status is Status.MEASURED for one in results)):
        status = Status.MEASURED
    broken = broken_points(results, anchors)
    grave = [one for one in findings if one.status in (Status.FAILED, Status.INSUFFICIENT)]
    if Topic.HARM in question.topics and report.unanswered and status not in GRAVITY[:3]:
        status, grave = Status.INSUFFICIENT, not_compared(report)
    told = _from_each_check(grave or findings, results)
    if question.topics == (Topic.MISUSE,):  # judged by few limits: the rest must not hide
        told = [*(grave and told), *_limitless(findings, grave, results)]
    shown = told[: MOST_POINTS - len(broken[:2])]
    return Answer(
        question=question,
        status=status or Status.NOT_APPLICABLE,
        short=question.none
        if status is Status.MEASURED and _none_holds(findings)
        else _short(question, status),
        points=(*points(shown, anchors), *broken[:2]),
        rest=_rest(findings, shown, _unasked(results) if status is Status.MEASURED else ""),
        reasons=() if status else _why_not(question, results, report.not_tested),
    )


def _from_each_check(findings: Sequence[Finding], results: Sequence[CheckResult]) -> list[Finding]:
    """The gravest first, and of those as grave one of each check before the second of any.

    Ten findings of one check would else hide what the others found.
    """
    check = {id(one): i for i, result in enumerate(results) for one in result.findings}
    seen: Counter[tuple[Status, int]] = Counter()
    turns = []
    for one in findings:
        seen[one.status, check[id(one)]] += 1
        turns.append((ORDER.index(one.status), seen[one.status, check[id(one)]]))
    order = sorted(range(len(findings)), key=lambda i: turns[i])
    return [findings[i] for i in order]


def _limitless(
    findings: Sequence[Finding], grave: Sequence[Finding], results: Sequence[CheckResult]
) -> list[Finding]:
    """What is not grave: what no limit judged before what is within its own."""
    rest = _from_each_check([one for one in findings if one not in grave], results)
    return sorted(rest, key=lambda one: one.status is Status.PASSED)


def _none_holds(findings: Iterable[Finding]) -> bool:
    """Whether explanations were put to the test and not one of them held."""
    return any(one.metric == TRUSTED and one.value == 0 for one in findings)


def _short(question: Question, status: Status | None) -> str:
    match status:
        case Status.FAILED:
            return question.failed
        case Status.PASSED:
            return question.passed
        case Status.INSUFFICIENT:
            return question.undecided
        case Status.BROKEN:
            return "It cannot be said: a check broke"
        case Status.MEASURED:
            return question.measured
        case _:
            return "Not assessed"


def _why_not(
    question: Question, results: Sequence[CheckResult], not_tested: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    titles: dict[str, list[str]] = {}
    for one in results:
        titles.setdefault(one.reason, []).append(one.title)
    idle = [(_several_of(names), reason) for reason, names in titles.items() if reason]
    listed = [
        (what, why)
        for what, why in not_tested
        if any(word in what.casefold() for word in question.words)
        and not any(what in names for names in titles.values())
    ]
    return tuple(dict.fromkeys(idle + listed)) or (
        ("This question", "No check that asks it was run."),
    )


def _several_of(names: Sequence[str]) -> str:
    """All of a few names, or the first three and how many more."""
    few = len(names) <= MOST_NAMES
    return ", ".join(names) if few else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _rest(findings: Sequence[Finding], shown: Sequence[Finding], unasked: str) -> str:
    left = Counter(one.status for one in findings)
    left.subtract(one.status for one in shown)
    parts = [f"{left[status]} {status.value}" for status in ORDER if left[status] > 0]
    beside = f"Beside these: {', '.join(parts)}." if parts and shown else ""
    return f"{beside} {unasked}".strip()


def _unasked(results: Sequence[CheckResult]) -> str:
    """Why most of a question's checks gave no answer, where one reason keeps them from it."""
    reasons = Counter(one.reason for one in results if one.reason and not one.findings)
    reason, number = reasons.most_common(1)[0] if reasons else ("", 0)
    if 2 * number <= len(results):
        return ""
    return f"{number} of {len(results)} checks gave no answer: {reason}."


def not_compared(report: AuditReport) -> list[Finding]:
    """What would have been judged of groups that could not be compared."""
    return [
        one
        for one in report.findings
        if not math.isnan(one.limit) and one.where.get("column") in report.unanswered
    ]


def doubtful(report: AuditReport) -> list[Finding]:
    """What more rows would not settle: explanations that passed some tests and failed others."""
    return [
        one
        for result in report.results
        if result.topic is Topic.EXPLANATION
        for one in result.findings
        if one.status is Status.INSUFFICIENT and one.rows_needed is None
    ]


def points(findings: Iterable[Finding], anchors: Mapping[int, str]) -> tuple[Point, ...]:
    """Each finding as a sentence with its place."""
    return tuple(
        Point(status=one.status, text=one.message, anchor=anchors[id(one)]) for one in findings
    )


def broken_points(results: Iterable[CheckResult], anchors: Mapping[int, str]) -> tuple[Point, ...]:
    """Each check that broke, as a sentence with its place."""
    return tuple(
        Point(status=one.status, text=f"{one.title} broke: {one.reason}", anchor=anchors[id(one)])
        for one in results
        if one.status is Status.BROKEN
    )


def several(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
