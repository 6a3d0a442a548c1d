"""What a check is, and how a number and its limit become a finding."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any, ClassVar, Protocol, runtime_checkable

from auditkit.registry import Registry
from auditkit.results import NOTHING, CheckResult, Finding, Level, Section, Status, Topic, Unit
from auditkit.statistics.estimate import Estimate, chance_beyond
from auditkit.subject import Subject


@runtime_checkable
class Check(Protocol):
    """A frozen dataclass whose fields are its limits.

    rule ("AK201") is given once and never reused. run yields what it found; it raises
    NotApplicable, with the reason, where it has nothing to say about the subject.
    """

    rule: ClassVar[str]
    title: ClassVar[str]
    topic: ClassVar[Topic]

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """What the check found."""
        ...


@runtime_checkable
class Concluding(Protocol):
    """A check that says what the checks before it have found as well; it is asked so by an audit.

    Its run is what it says of an audit in which nothing else was asked.
    """

    def conclude(
        self, subject: Subject, results: Sequence[CheckResult]
    ) -> Iterator[Finding | Section]:
        """What the check found, beside the results of those that ran before it."""
        ...


CHECKS: Registry[type[Check]] = Registry("check", "auditkit.checks")

GROUP = "group"  # the column of every picture of groups; the user's name for it is in the title

LEVELS: Mapping[Status, Level] = {Status.FAILED: Level.ERROR, Status.INSUFFICIENT: Level.WARNING}


def asked_inside(module: str, check: Check, subject: Subject) -> Iterator[Finding | Section]:
    """What a check of the network itself finds, by the work of a module of `checks.inside`.

    That is imported now: torch comes with it, and an audit of answers never loads it. Raises
    NotApplicable where only the model's answers are known.
    """
    subject.require_network()
    found: Iterator[Finding | Section] = import_module(f"auditkit.checks.inside.{module}").run(
        check, subject
    )
    return found


def at_most(estimate: Estimate, limit: float | None) -> Status:
    """Failed where the whole interval is above the limit, passed where none of it is.

    In between the rows do not tell. Without a limit the value is only measured.
    """
    return _judged(estimate, limit, above=Status.FAILED, below=Status.PASSED)


def at_least(estimate: Estimate, limit: float | None) -> Status:
    """Failed where the whole interval is below the limit, passed where none of it is."""
    return _judged(estimate, limit, above=Status.PASSED, below=Status.FAILED)


def finding(
    message: str,
    estimate: Estimate,
    *,
    metric: str,
    unit: Unit = Unit.SHARE,
    status: Status = Status.MEASURED,
    limit: float | None = None,
    null: float = math.nan,
    where: Mapping[str, str] = NOTHING,
    remedy: str = "",
    rows_needed: Callable[[], int | None] = lambda: None,
    p_value: float | None = None,
    ceiling: bool = False,
) -> Finding:
    """The finding for an estimate. rows_needed is asked only where the rows do not tell.

    An undefined estimate says its reason in place of the message. p_value, of evidence this far
    beyond the limit, is read from the interval where it is not given; ceiling says that harm lies
    above the limit.
    """
    status = status if estimate.defined else Status.NOT_APPLICABLE
    known = not (math.isnan(estimate.low) or math.isnan(estimate.high))
    judged = status in (Status.FAILED, Status.INSUFFICIENT)
    return Finding(
        message=message if estimate.defined else _undefined(metric, estimate.reason, where),
        status=status,
        level=LEVELS.get(status, Level.NOTE),
        metric=metric,
        unit=unit,
        value=estimate.value,
        limit=math.nan if limit is None else limit,
        interval=(estimate.low, estimate.high) if known else None,
        null=null,
        method=estimate.method,
        n=estimate.n,
        where=where,
        remedy=remedy if judged else "",
        reason=estimate.reason,
        rows_needed=rows_needed() if status is Status.INSUFFICIENT else None,
        p_value=_p_of(estimate, limit, status, ceiling) if p_value is None else p_value,
    )


def _undefined(metric: str, reason: str, where: Mapping[str, str]) -> str:
    """Why there is no figure: of which column, and what is wrong with its groups."""
    name = f"By {where['column']}, the {metric}" if "column" in where else metric
    left = where.get("not compared", "")
    return f"{name} is undefined: {reason}{f' (not compared: {left})' if left else ''}."


def exactly(value: float, *, n: int, method: str = "counted, not estimated") -> Estimate:
    """A figure without uncertainty: the interval is the value itself."""
    exact = float(value)
    return Estimate(value=exact, low=exact, high=exact, n=n, method=method)


def percent(value: float) -> str:
    """A share as it is said in a sentence: 0.1812 is "18.1 %"."""
    return "undefined" if math.isnan(value) else f"{100 * value:.1f} %"


def words(name: str) -> str:
    """A quantity's name as it is said in a sentence: selection_rate is "selection rate"."""
    return name.replace("_", " ")


def reasons(left_out: Mapping[str, str]) -> str:
    """Who is left out and why, in one line."""
    return "; ".join(f"{name}: {why}" for name, why in left_out.items())


def points(value: float) -> str:
    """A difference of two shares: 0.1812 is "18.1 points"."""
    return "undefined" if math.isnan(value) else f"{100 * value:.1f} points"


def _p_of(estimate: Estimate, limit: float | None, status: Status, ceiling: bool) -> float:
    """1 for what passed, and for what lies within a limit that harm exceeds.

    Of another limit harm is taken to lie on the value's side where the rows do not tell.
    """
    if limit is None:
        return math.nan
    within = status is Status.PASSED or (ceiling and estimate.value <= limit)
    return 1.0 if within else chance_beyond(estimate, limit)


def _judged(estimate: Estimate, limit: float | None, *, above: Status, below: Status) -> Status:
    if limit is None:
        return Status.MEASURED
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return Status.INSUFFICIENT if estimate.defined else Status.NOT_APPLICABLE
    failing_at_limit = above is Status.PASSED
    if estimate.low > limit or (failing_at_limit and estimate.low >= limit):
        return above
    if estimate.high < limit or (not failing_at_limit and estimate.high <= limit):
        return below
    return Status.INSUFFICIENT


def settings(check: Check) -> dict[str, Any]:
    """A check's limits as they are in force, for the report's appendix."""
    return asdict(check)  # type: ignore[call-overload,no-any-return]
