"""What to do next: mend what failed, repair what broke, gather rows for what is undecided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditkit.report.numerals import roughly
from auditkit.report.story import Point, broken_points, doubtful, not_compared, points, several
from auditkit.results import AuditReport, Finding, Status


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something to do, and the findings that ask for it."""

    text: str
    status: Status
    because: tuple[Point, ...]


def next_steps(report: AuditReport, anchors: Mapping[int, str]) -> tuple[Step, ...]:
    """What to do: the remedies of failed findings, checks to repair, rows to gather."""
    failed = [one for one in report.findings if one.status is Status.FAILED]
    steps = _by_remedy(failed, "Look into this finding.", anchors)
    steps += _by_remedy(doubtful(report), "Look at no explanation alone.", anchors)
    steps += [
        Step(
            text=f"Repair the check “{one.title}”: {one.reason}",
            status=one.status,
            because=broken_points([one], anchors),
        )
        for one in report.results
        if one.status is Status.BROKEN
    ]
    return tuple(steps) + _more_groups(report, anchors) + _more_rows(report, anchors)


def _by_remedy(
    findings: Sequence[Finding], otherwise: str, anchors: Mapping[int, str]
) -> list[Step]:
    """A step for each remedy, and for those that name none."""
    by_remedy: dict[str, list[Finding]] = {}
    for finding in findings:
        by_remedy.setdefault(finding.remedy or otherwise, []).append(finding)
    return [
        Step(text=text, status=ones[0].status, because=points(ones, anchors))
        for text, ones in by_remedy.items()
    ]


def _more_groups(report: AuditReport, anchors: Mapping[int, str]) -> tuple[Step, ...]:
    return tuple(
        Step(
            text=f"Audit on rows of two or more groups of {column}, each with rows enough: here "
            "they could not be compared.",
            status=Status.INSUFFICIENT,
            because=points(
                (one for one in not_compared(report) if one.where["column"] == column), anchors
            ),
        )
        for column in report.unanswered
    )


def _more_rows(report: AuditReport, anchors: Mapping[int, str]) -> tuple[Step, ...]:
    in_part = {id(one) for one in doubtful(report)}
    undecided = [one for one in report.findings if one.status is Status.INSUFFICIENT]
    open_ = [one for one in undecided if id(one) not in in_part]
    if not open_:
        return ()
    text = f"Audit on more rows: {several(len(open_), 'finding')} cannot be settled yet."
    text += _enough([one.rows_needed for one in open_ if one.rows_needed], len(open_))
    return (Step(text=text, status=Status.INSUFFICIENT, because=points(open_, anchors)),)


def _enough(needs: Sequence[int], asked: int) -> str:
    """The rows that settle the first finding, and half of all: the last may lie at its limit."""
    if not needs:
        return ""
    rising, half = sorted(needs), (asked + 1) // 2
    first = f" About {roughly(rising[0])} rows would settle the first of them"
    if half < 2 or half > len(rising):
        return f"{first}."
    return f"{first}, {roughly(rising[half - 1])} half of them."
