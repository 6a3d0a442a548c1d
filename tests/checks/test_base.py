"""Verdicts come from the interval, and the boundary is on the side of the limit's words."""

import math

import pytest

from auditkit.checks.base import at_least, at_most, exactly, finding, percent, points
from auditkit.results import Level, Status
from auditkit.statistics.estimate import Estimate, settled_at, undefined


def between(low: float, high: float, *, n: int = 100) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high, n=n, method="made up")


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.11, 0.2, Status.FAILED),
        (0.10, 0.2, Status.INSUFFICIENT),
        (0.05, 0.15, Status.INSUFFICIENT),
        (0.05, 0.10, Status.PASSED),
        (0.0, 0.05, Status.PASSED),
    ],
)
def test_at_most_a_tenth(low: float, high: float, wanted: Status):
    assert at_most(between(low, high), 0.1) is wanted


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.85, 0.9, Status.PASSED),
        (0.8, 0.9, Status.PASSED),
        (0.7, 0.9, Status.INSUFFICIENT),
        (0.7, 0.8, Status.INSUFFICIENT),
        (0.6, 0.79, Status.FAILED),
    ],
)
def test_at_least_four_fifths(low: float, high: float, wanted: Status):
    assert at_least(between(low, high), 0.8) is wanted


def test_the_limits_mirror_each_other():
    for low, high in [(0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.3, 0.3)]:
        mirrored = Estimate(value=0, low=-high, high=-low, n=1, method="made up")
        assert at_most(between(low, high), 0.3) is at_least(mirrored, -0.3)


def test_without_a_limit_a_value_is_only_measured():
    assert at_most(between(0, 1), None) is Status.MEASURED
    assert at_least(between(0, 1), None) is Status.MEASURED


def test_an_undefined_value_is_not_judged_and_says_why():
    nothing = undefined("no positives in group b")
    assert at_most(nothing, 0.1) is Status.NOT_APPLICABLE
    found = finding("never shown", nothing, metric="gap", status=at_most(nothing, 0.1), limit=0.1)
    assert found.message == "gap is undefined: no positives in group b."
    where = {"column": "sex", "not compared": "b: no positives"}
    found = finding("m", undefined("1 group to compare"), metric="gap", where=where)
    assert found.message == (
        "By sex, the gap is undefined: 1 group to compare (not compared: b: no positives)."
    )
    assert math.isnan(found.value)
    assert found.interval is None


def test_a_value_without_an_interval_never_passes():
    single = Estimate(value=0.0, low=math.nan, high=math.nan, n=1, method="one row")
    assert at_most(single, 0.5) is Status.INSUFFICIENT


def test_a_count_is_its_own_interval():
    assert at_most(exactly(3, n=10), 2) is Status.FAILED
    assert at_most(exactly(2, n=10), 2) is Status.PASSED


def test_failed_is_an_error_and_insufficient_a_warning():
    levels = {
        status: finding("x.", between(0, 1), metric="m", status=status).level for status in Status
    }
    assert levels[Status.FAILED] is Level.ERROR
    assert levels[Status.INSUFFICIENT] is Level.WARNING
    assert {levels[one] for one in set(Status) - {Status.FAILED, Status.INSUFFICIENT}} == {
        Level.NOTE
    }


def test_rows_that_would_settle_follow_the_square_root_law():
    # Half-width .1 around .2 must shrink to .05 to exclude .25: four times the rows.
    assert settled_at(between(0.1, 0.3, n=100), 0.25) == pytest.approx(400, abs=1)
    assert settled_at(between(0.1, 0.3), 0.2) is None
    assert settled_at(between(0.1, 0.3), None) is None


def test_numbers_are_said_as_people_say_them():
    assert percent(0.18123) == "18.1 %"
    assert points(0.18123) == "18.1 points"
    assert percent(math.nan) == "undefined"


def judged(estimate: Estimate, limit: float | None, **options) -> float:
    status = at_most(estimate, limit)
    return finding("m", estimate, metric="gap", status=status, limit=limit, **options).p_value


def test_a_finding_against_a_limit_says_how_likely_such_evidence_is_at_the_limit():
    assert judged(between(0.11, 0.2), 0.1) < 0.05
    assert judged(between(0.05, 0.17), 0.1) > 0.05
    assert judged(between(0.0, 0.09), 0.1) == 1.0
    assert judged(between(0.11, 0.2), 0.1, p_value=0.003) == 0.003


def test_without_a_limit_there_is_no_such_chance():
    assert math.isnan(judged(between(0.1, 0.2), None))


def test_a_value_within_a_limit_that_harm_exceeds_is_no_evidence_of_harm():
    rate = Estimate(value=0.01, low=0.0, high=0.0505, n=100, method="test")
    options = {"metric": "flip rate", "limit": 0.05, "status": at_most(rate, 0.05)}
    found = finding("", rate, ceiling=True, **options)
    assert found.status is Status.INSUFFICIENT
    assert found.p_value == 1
    beyond = Estimate(value=0.09, low=0.04, high=0.15, n=100, method="test")
    assert finding("", beyond, ceiling=True, **options).p_value == pytest.approx(
        finding("", beyond, **options).p_value
    )
