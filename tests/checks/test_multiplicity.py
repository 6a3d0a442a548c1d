"""Of many questions some fail by chance: what an audit takes back, and what it keeps."""

import pytest

from auditkit.checks.multiplicity import corrected
from auditkit.results import CheckResult, Finding, Level, Status, Topic
from auditkit.runner import UNMEASURED, run_checks
from tests.subjects import gap_of, subject


def found(p: float, status: Status | None = None) -> Finding:
    own = Status.FAILED if p < 0.05 else Status.PASSED
    return Finding(
        message="A gap.",
        status=status or own,
        metric="gap",
        value=0.2,
        limit=0.1,
        p_value=p,
        where={"column": "sex"},
        remedy="Mend it.",
    )


def check(*findings: Finding, rule: str = "AK201", topic: Topic = Topic.HARM) -> CheckResult:
    status = Status.FAILED if any(f.status is Status.FAILED for f in findings) else Status.PASSED
    return CheckResult(
        rule=rule, name=rule, title=rule, topic=topic, status=status, findings=findings
    )


def test_a_failure_that_chance_among_four_could_give_is_taken_back_and_says_so():
    # .02 x 4 = .08.
    checks = [check(found(0.02), found(0.5)), check(found(0.5), found(0.5), rule="AK202")]
    first, second, summary = corrected(checks)
    undone = first.findings[0]
    assert (undone.status, undone.level) == (Status.INSUFFICIENT, Level.WARNING)
    assert "one of 4 questions" in undone.message
    assert "p .080 after Holm" in undone.message
    assert undone.remedy == "Mend it."
    assert first.status is Status.INSUFFICIENT
    assert second is checks[1]
    assert summary.rule == "AK299"
    assert summary.findings[0].value == 0
    assert "1 failed by itself; after correction for asking so many, 0 still did" in (
        summary.findings[0].message
    )


def test_a_failure_that_stands_is_left_as_it_was():
    checks = [check(found(0.001), found(0.5), found(0.5))]
    same, summary = corrected(checks)
    assert same is checks[0]
    assert summary.findings[0].value == 1


def test_what_was_not_held_against_a_limit_does_not_count_as_a_question():
    measured = found(float("nan"), Status.MEASURED)
    (same, _) = corrected([check(found(0.03), *[measured] * 50)])
    assert same.findings[0].status is Status.FAILED


def test_other_topics_keep_their_own_verdicts():
    performance = check(found(0.03), rule="AK101", topic=Topic.PERFORMANCE)
    harm = check(*[found(0.5)] * 20)
    assert performance in corrected([performance, harm])
    assert corrected([performance]) == (performance,)


def test_the_table_lists_what_is_near_and_counts_the_rest():
    _, summary = corrected([check(found(0.001), found(0.1), found(0.6), found(0.9))])
    table = summary.sections[0].views[0]
    assert table.frame["p"].tolist() == [".0010", ".100"]
    assert table.frame["p after Holm"].tolist() == [".0040", ".300"]
    assert table.frame["verdict"].tolist() == ["failed", "passed"]
    assert "The 2 questions that are not listed have a p of at least .600" in table.text


def test_a_whole_audit_lists_what_it_tested_and_no_longer_calls_that_unmeasured():
    report = run_checks(subject(gap_of(0.3)))
    (summary,) = (one for one in report.results if one.rule == "AK299")
    lines = summary.sections[0].views[0].frame
    assert {"AK201", "AK206"} <= set(lines["check"])
    assert [one.rule for one in report.results] == sorted(one.rule for one in report.results)
    assert not any("Multiplicity" in what for what, _ in UNMEASURED)
    assert report.results[-1].rule != "AK299"


@pytest.mark.parametrize("p", [0.049, 0.0])
def test_one_question_alone_needs_no_correction(p):
    same, _ = corrected([check(found(p))])
    assert same.status is Status.FAILED
