"""Everything that was tested, side by side: of many questions a few fail by chance alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.results import (
    CheckResult,
    Finding,
    Level,
    Section,
    Status,
    Table,
    Topic,
    Unit,
    worst,
)
from auditkit.statistics.multiplicity import benjamini_hochberg, holm

RULE, NAME, TITLE = "AK299", "multiplicity", "Everything that was tested"
ALLOWED = 0.05  # the chance of any false failure in an audit
NEAR = 0.2  # up to here a p-value is listed
MOST_LINES = 30

TEXT = (
    "Each line asks whether somebody is harmed beyond a limit. p is the chance of evidence this "
    "strong if the truth were exactly at the limit. Where many questions are asked, some fail "
    "by chance: Holm's correction keeps any false failure in the whole audit to 1 in 20, and "
    "every failure above stands after it. Benjamini and Hochberg's is less strict: of what it "
    "lets stand, 1 in 20 is false on average; it is there for whoever looks for leads."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tested:
    """A finding that was held against a limit, and where it stands."""

    check: CheckResult
    finding: Finding
    place: int


def corrected(results: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """The results of an audit, with no failure about harm that chance among many could give.

    A finding that failed by itself and not after Holm's correction becomes insufficient evidence,
    and says so. What was tested is listed in a result of its own, in the order of the rules;
    nothing is added where no finding about harm has a p-value.
    """
    tested = [
        _Tested(check=check, finding=found, place=place)
        for check in results
        if check.topic is Topic.HARM
        for place, found in enumerate(check.findings)
        if not np.isnan(found.p_value)
    ]
    if not tested:
        return tuple(results)
    p = np.array([one.finding.p_value for one in tested])
    strict, lenient = holm(p), benjamini_hochberg(p)
    taken_back = {
        (one.check.rule, one.place): float(adjusted)
        for one, adjusted in zip(tested, strict, strict=True)
        if one.finding.status is Status.FAILED and adjusted > ALLOWED
    }
    kept = [_softened(one, taken_back, len(tested)) for one in results]
    summary = _summary(tested, len(taken_back), _table(tested, strict, lenient, taken_back))
    return tuple(sorted((*kept, summary), key=lambda one: one.rule))


def _softened(
    check: CheckResult, taken_back: dict[tuple[str, int], float], asked: int
) -> CheckResult:
    """The result with those of its failures taken back that do not stand."""
    if not any(rule == check.rule for rule, _ in taken_back):
        return check
    findings = tuple(
        _undecided(found, taken_back[check.rule, place], asked)
        if (check.rule, place) in taken_back
        else found
        for place, found in enumerate(check.findings)
    )
    status = worst(one.status for one in findings)
    return replace(check, findings=findings, status=status or check.status)


def _undecided(found: Finding, adjusted: float, asked: int) -> Finding:
    said = (
        f"{found.message} Taken alone this exceeds its limit (p {_written(found.p_value)}); it is "
        f"one of {asked} questions about harm, among which chance gives such evidence too easily "
        f"for a verdict (p {_written(adjusted)} after Holm's correction)."
    )
    return replace(found, message=said, status=Status.INSUFFICIENT, level=Level.WARNING)


def _summary(tested: Sequence[_Tested], taken_back: int, table: Table) -> CheckResult:
    alone = sum(one.finding.status is Status.FAILED for one in tested)
    questions = f"{len(tested)} question" + "s" * (len(tested) != 1)
    were = "was" if len(tested) == 1 else "were"
    said = f"Of {questions} about harm that {were} held against a limit, {alone} failed by itself"
    said = said.replace("by itself", "by themselves") if alone != 1 else said
    if alone:
        said += f"; after correction for asking so many, {alone - taken_back} still did"
    finding = Finding(
        message=f"{said}.",
        status=Status.MEASURED,
        metric="failures that stand after Holm's correction",
        unit=Unit.COUNT,
        value=float(alone - taken_back),
        method="Holm's correction of every p-value about harm",
    )
    return CheckResult(
        rule=RULE,
        name=NAME,
        title=TITLE,
        topic=Topic.HARM,
        status=Status.MEASURED,
        findings=(finding,),
        sections=(Section(title=TITLE, text=TEXT, views=(table,)),),
    )


def _table(
    tested: Sequence[_Tested],
    strict: NDArray[np.float64],
    lenient: NDArray[np.float64],
    taken_back: dict[tuple[str, int], float],
) -> Table:
    """The questions nearest to failing, the least likely first."""
    p = np.array([one.finding.p_value for one in tested])
    order = np.argsort(p, kind="stable")
    near = int(np.sum(p <= NEAR))
    shown = order[: min(max(near, 1), MOST_LINES)]
    lines = [_line(tested[i], float(strict[i]), float(lenient[i]), taken_back) for i in shown]
    left = len(tested) - len(shown)
    text = ""
    if left:
        text = f"The {left} questions that are not listed have a p of at least "
        text += f"{_written(float(p[order[len(shown)]]))}."
    return Table(title="What was tested", frame=pd.DataFrame(lines), text=text)


def _line(
    one: _Tested, strict: float, lenient: float, taken_back: dict[tuple[str, int], float]
) -> dict[str, str]:
    undone = (one.check.rule, one.place) in taken_back
    where = one.finding.where
    return {
        "question": one.finding.metric,
        "by": where.get("column", where.get("group", "")),
        "check": one.check.rule,
        "p": _written(one.finding.p_value),
        "p after Holm": _written(strict),
        "p after Benjamini-Hochberg": _written(lenient),
        "verdict": f"{Status.INSUFFICIENT.value} (failed alone)"
        if undone
        else one.finding.status.value,
    }


def _written(value: float) -> str:
    if value < 0.0001:
        return "below .0001"
    return "1" if value > 0.9995 else f"{value:.{4 if value < 0.01 else 3}f}".removeprefix("0")
