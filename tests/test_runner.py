"""One broken check never loses the audit, and nothing that did not pass counts as passed."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from auditkit.checks.base import CHECKS
from auditkit.config import AuditConfig
from auditkit.errors import ConfigError, DataError
from auditkit.report.json import dumps
from auditkit.results import AuditReport, CheckResult, Status, Topic
from auditkit.runner import checks_of, run_checks
from auditkit.runtime import Runtime
from tests.subjects import counted, gap_of, subject


@dataclass(frozen=True, kw_only=True)
class Breaks:
    rule: ClassVar[str] = "AK999"
    title: ClassVar[str] = "Breaks"
    topic: ClassVar[Topic] = Topic.DATA

    def run(self, subject):
        raise ZeroDivisionError("on purpose")
        yield


@pytest.fixture
def broken_check(monkeypatch):
    len(CHECKS)  # fill it first
    monkeypatch.setitem(CHECKS._parts, "breaks", Breaks)


FAIR = gap_of(0.0)


def fair(**kwargs):
    return subject(FAIR, **kwargs)


def by_name(report: AuditReport) -> dict[str, CheckResult]:
    return {one.name: one for one in report.results}


def test_a_fair_model_passes():
    assert run_checks(fair()).verdict is Status.PASSED


def test_an_unfair_model_fails_and_says_where():
    report = run_checks(subject(gap_of(0.3)))
    assert report.verdict is Status.FAILED
    assert by_name(report)["demographic-parity"].status is Status.FAILED


def test_a_broken_check_is_kept_and_the_others_go_on(broken_check):
    report = run_checks(fair())
    broken = by_name(report)["breaks"]
    assert broken.status is Status.BROKEN
    assert broken.reason == "ZeroDivisionError: on purpose"
    assert "in run" in broken.traceback
    assert "/home/" not in broken.traceback
    assert {one.name for one in report.results} == {*CHECKS, "multiplicity"}
    assert by_name(report)["demographic-parity"].status is Status.PASSED
    assert report.verdict is Status.BROKEN
    assert ("Breaks", broken.reason) in report.not_tested


def test_failed_is_worse_than_broken(broken_check):
    assert run_checks(subject(gap_of(0.3))).verdict is Status.FAILED


def test_a_skipped_check_says_why_and_is_not_passed():
    config = AuditConfig(checks={"demographic-parity": {"skip": "decided by the board"}})
    report = run_checks(subject(gap_of(0.3)), config)
    skipped = by_name(report)["demographic-parity"]
    assert (skipped.status, skipped.reason) == (Status.SKIPPED, "decided by the board")
    assert ("Demographic parity", "decided by the board") in report.not_tested


def test_an_audit_that_judged_nothing_has_not_passed():
    config = AuditConfig(checks={name: {"skip": "not today"} for name in CHECKS})
    assert run_checks(fair(), config).verdict is Status.NOT_APPLICABLE


@pytest.mark.parametrize("limits", [{"skip": True}, {"skip": " "}, {"skip": "x", "draws": 3}])
def test_a_skip_needs_a_reason_and_nothing_else(limits):
    with pytest.raises(ConfigError, match="reason"):
        checks_of(AuditConfig(checks={"demographic-parity": limits}))


def test_an_unknown_check_is_refused():
    with pytest.raises(Exception, match="did you mean 'performance'"):
        checks_of(AuditConfig(checks={"performence": {}}))


def test_limits_are_in_force_and_in_the_report():
    config = AuditConfig(checks={"demographic-parity": {"max_difference": 0.5}})
    report = run_checks(subject(gap_of(0.3)), config)
    assert by_name(report)["demographic-parity"].status is Status.PASSED
    assert report.config["demographic-parity"]["max_difference"] == 0.5


def test_the_same_seed_gives_the_same_report_but_for_the_timings():
    def text(made):
        return dumps(replace(run_checks(made), timings={}, results=_timeless(run_checks(made))))

    assert text(subject(gap_of(0.1))) == text(subject(gap_of(0.1)))
    other = replace(subject(gap_of(0.1)), runtime=Runtime(device="cpu", seed=1))
    assert text(subject(gap_of(0.1))) != text(other)


def test_leaving_a_check_out_changes_no_other_checks_numbers():
    some = run_checks(fair(), AuditConfig(checks={"equal-opportunity": {"skip": "no"}}))
    whole = by_name(run_checks(fair()))
    for name, one in by_name(some).items():
        if name not in ("equal-opportunity", "multiplicity"):
            assert one.findings == whole[name].findings


def test_wrong_data_raise_before_any_check_runs():
    with pytest.raises(DataError, match="prediction"):
        run_checks(subject(counted(a=(1, 1, 1, 1)).assign(prediction=7)))


def test_what_was_audited_is_on_record():
    report = run_checks(fair())
    assert report.data["audited rows"] == len(FAIR)
    assert report.data["sensitive columns"] == ["group"]
    assert report.environment["seed"] == 0
    assert report.timings["date"].endswith("+00:00")
    assert any(what.startswith("Explanations") for what, _ in report.not_tested)


def _timeless(report: AuditReport) -> tuple[CheckResult, ...]:
    return tuple(replace(one, seconds=0.0) for one in report.results)


@pytest.mark.parametrize(
    "features",
    [("merit",), ("branch",), ("merit", "branch"), ("empty",), ("empty", "branch"), ()],
    ids=" ".join,
)
@pytest.mark.parametrize("known", [True, False], ids=["training rows known", "unknown"])
def test_no_check_breaks_whatever_kinds_of_features_there_are(features, known):
    frame = gap_of(0.1, n=300).assign(empty=np.nan)
    train = gap_of(0.1, n=300, seed=1).assign(empty=np.nan) if known else None
    report = run_checks(subject(frame, features=features, train=train))
    assert [one.reason for one in report.results if one.status is Status.BROKEN] == []


@pytest.mark.parametrize(
    "name", ["n", "low", "high", "value", "reason", "rows", "share", "tp", "group", "accuracy"]
)
def test_a_sensitive_column_may_be_called_like_one_of_our_own(name):
    frame = gap_of(0.1, n=400).rename(columns={"group": name})
    report = run_checks(subject(frame, sensitive=(name,)))
    assert [one.reason for one in report.results if one.status is Status.BROKEN] == []
    assert by_name(report)["demographic-parity"].findings[0].where["column"] == name


def test_no_check_breaks_on_rows_that_are_all_alike():
    for cells in [(5, 0, 0, 0), (0, 0, 0, 5), (0, 5, 0, 0), (0, 0, 5, 0), (1, 0, 0, 1)]:
        report = run_checks(subject(counted(a=cells, b=cells)))
        assert [one.reason for one in report.results if one.status is Status.BROKEN] == []
        said = " ".join(one.message for one in report.findings)
        assert "nan" not in said
        assert "undefined worse" not in said


def test_equal_groups_are_said_to_be_equal():
    report = run_checks(subject(counted(a=(40, 10, 10, 40), b=(40, 10, 10, 40))))
    said = by_name(report)["demographic-parity"].findings[0].message
    assert said.startswith("By group, the selection rate is the same in all groups (50.0 %)")
    rule = by_name(report)["four-fifths"].findings[0]
    assert rule.message.startswith("By group, a is selected 100.0 % as often as b")


def test_sentence_and_evidence_name_the_same_groups():
    made = counted(a=(0, 0, 50, 50), b=(0, 0, 50, 50), c=(10, 10, 40, 40), d=(40, 40, 10, 10))
    for name in ("demographic-parity", "four-fifths"):
        for one in by_name(run_checks(subject(made)))[name].findings:
            assert one.where["highest"] == "d"
            assert f"{one.where['lowest']}" in one.message
