from dataclasses import replace

import pytest

from auditkit.report import story
from auditkit.report.glossary import ENTRIES, words_in
from auditkit.report.page import anchors
from auditkit.report.steps import next_steps
from auditkit.results import CheckResult, Finding, Status, Topic
from tests.report.samples import empty, sample


def report_of(*statuses: Status, topic: Topic = Topic.HARM, **finding):
    results = tuple(
        CheckResult(
            rule=f"AK{i}",
            name="c",
            title=f"Check {i}",
            topic=topic,
            status=status,
            reason="why" if status in (Status.BROKEN, Status.SKIPPED) else "",
            findings=()
            if status in (Status.BROKEN, Status.SKIPPED)
            else (Finding(message=f"m{i}", status=status, metric="x", **finding),),
        )
        for i, status in enumerate(statuses)
    )
    return replace(empty(), results=results)


def answer(report, key="harm"):
    return next(one for one in story.answers(report, anchors(report)) if one.question.key == key)


@pytest.mark.parametrize(
    ("statuses", "short"),
    [
        ((Status.PASSED, Status.FAILED, Status.BROKEN), "Some groups, beyond the limits set"),
        ((Status.PASSED, Status.BROKEN), "It cannot be said: a check broke"),
        ((Status.PASSED, Status.INSUFFICIENT), "It cannot be said yet"),
        ((Status.PASSED, Status.MEASURED), "No group beyond the limits set"),
        ((Status.MEASURED,), "Measured, no limit was set"),
        ((Status.SKIPPED,), "Not assessed"),
        ((), "Not assessed"),
    ],
)
def test_each_question_is_answered_by_its_gravest_outcome(statuses, short):
    assert answer(report_of(*statuses)).short == short


def test_a_question_that_nothing_asked_says_why():
    assert answer(sample(), "why").reasons == (
        ("Explanations (attribution methods)", "This version has no check of explanations yet."),
    )
    assert answer(empty(), "why").reasons == (("This question", "No check that asks it was run."),)
    assert answer(report_of(Status.SKIPPED)).reasons == (("Check 0", "why"),)


def test_checks_that_did_not_run_for_one_reason_give_it_once():
    report = report_of(Status.SKIPPED, Status.SKIPPED)
    assert answer(report).reasons == (("Check 0, Check 1", "why"),)


def test_findings_of_one_topic_answer_no_other_question():
    report = report_of(Status.FAILED, topic=Topic.TRAINING)
    assert answer(report, "harm").short == "Not assessed"
    assert answer(report, "work").short == "Not within the limits set"


def test_an_answer_shows_the_gravest_findings_and_counts_the_rest():
    found = answer(
        report_of(*[Status.PASSED] * 3, *[Status.INSUFFICIENT] * 3, *[Status.FAILED] * 5)
    )
    assert [one.status for one in found.points] == [Status.FAILED] * 5 + [Status.INSUFFICIENT]
    assert found.rest == "Beside these: 2 insufficient evidence, 3 passed."


def test_many_findings_of_one_check_do_not_hide_what_another_found():
    report = report_of(Status.FAILED, Status.FAILED, Status.INSUFFICIENT)
    first, second, third = report.results
    many = tuple(replace(first.findings[0], message=f"m0.{i}") for i in range(9))
    report = replace(report, results=(replace(first, findings=many), second, third))
    said = [one.text for one in answer(report).points]
    assert said == ["m0.0", "m1", "m0.1", "m0.2", "m0.3", "m0.4"]


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ((Status.FAILED, Status.PASSED), "1 of 2 findings with a limit is beyond it."),
        ((Status.INSUFFICIENT,), "1 finding cannot be settled with the rows there are."),
        ((Status.PASSED, Status.MEASURED), "The one finding with a limit is within it."),
        ((Status.MEASURED,), "nothing to pass or to fail"),
        ((Status.BROKEN,), "1 check broke, which never counts as passed."),
    ],
)
def test_the_lead_gives_the_numbers_behind_the_verdict(statuses, said):
    assert said in story.lead(report_of(*statuses))


def test_a_broken_or_skipped_check_is_never_told_as_passed():
    for status in (Status.BROKEN, Status.SKIPPED, Status.NOT_APPLICABLE):
        assert dict(story.tally(report_of(status))) == {status: 1}


def test_findings_with_one_remedy_are_one_step():
    report = report_of(Status.FAILED, Status.FAILED, Status.PASSED, remedy="mend it")
    steps = next_steps(report, anchors(report))
    assert [(one.text, [p.text for p in one.because]) for one in steps] == [
        ("mend it", ["m0", "m1"])
    ]


def test_undecided_findings_say_how_many_rows_would_settle_them():
    report = report_of(Status.INSUFFICIENT, rows_needed=41_312)
    (step,) = next_steps(report, anchors(report))
    assert "About 41,000 rows would settle the first of them." in step.text
    report = report_of(Status.INSUFFICIENT)
    (step,) = next_steps(report, anchors(report))
    assert step.text == "Audit on more rows: 1 finding cannot be settled yet."


def test_rows_for_half_of_the_findings_are_told_and_not_those_for_the_nearest_to_its_limit():
    report = report_of(*[Status.INSUFFICIENT] * 4)
    needs = (209_267_203, 19_000, None, 41_312)
    results = tuple(
        replace(one, findings=(replace(one.findings[0], rows_needed=rows),))
        for one, rows in zip(report.results, needs, strict=True)
    )
    (step,) = next_steps(replace(report, results=results), anchors(report) | {
        id(found): "x" for one in results for found in one.findings
    })  # fmt: skip
    assert step.text.endswith(
        "About 19,000 rows would settle the first of them, 41,000 half of them."
    )
    unknown = tuple(
        replace(one, findings=(replace(one.findings[0], rows_needed=rows),))
        for one, rows in zip(report.results, (19_000, None, None, None), strict=True)
    )
    (step,) = next_steps(replace(report, results=unknown), anchors(report) | {
        id(found): "x" for one in unknown for found in one.findings
    })  # fmt: skip
    assert step.text.endswith("About 19,000 rows would settle the first of them.")


def test_groups_that_could_not_be_compared_are_no_pass():
    undefined = Finding(
        message="By gender, the gap is undefined: 1 group.", status=Status.NOT_APPLICABLE,
        metric="gap", limit=0.1, where={"column": "gender"},
    )  # fmt: skip
    report = report_of(Status.PASSED, topic=Topic.PERFORMANCE)
    lost = replace(report_of(Status.NOT_APPLICABLE).results[0], rule="AK9", findings=(undefined,))
    report = replace(report, results=(*report.results, lost))
    assert report.unanswered == ("gender",)
    assert report.verdict is Status.INSUFFICIENT
    assert "The groups of gender could not be compared at all." in story.lead(report)
    found = answer(report)
    assert found.short == "It cannot be said yet"
    assert [one.text for one in found.points] == [undefined.message]
    (step,) = next_steps(report, anchors(report))
    assert step.text.startswith("Audit on rows of two or more groups of gender")
    known = replace(undefined, status=Status.PASSED)
    judged = replace(report, results=(*report.results, replace(lost, findings=(known,))))
    assert judged.unanswered == ()
    assert judged.verdict is Status.PASSED


def test_what_was_measured_does_not_hide_that_most_checks_gave_no_answer():
    report = report_of(Status.MEASURED, Status.NOT_APPLICABLE, Status.NOT_APPLICABLE)
    idle = [replace(one, findings=(), reason="no column was named") for one in report.results[1:]]
    report = replace(report, results=(report.results[0], *idle))
    assert "2 of 3 checks gave no answer: no column was named." in answer(report).rest
    judged = replace(report.results[0], status=Status.PASSED)
    assert "no answer" not in answer(replace(report, results=(judged, *idle))).rest
    assert "no answer" not in answer(replace(report, results=(report.results[0], idle[0]))).rest


def explanations(trust: Status, *, remedy: str = "", looked: Status = Status.MEASURED):
    """AK501, which tells what can be trusted, and AK502, which tells what is looked at."""
    said = {
        Status.PASSED: "1 of 4 explanations can be trusted on this model: Shapley values.",
        Status.INSUFFICIENT: "None of 4 explanations passed every test; Shapley values failed 1.",
        Status.FAILED: "None of 4 explanations can be trusted on this model.",
    }
    trusted = Finding(message=said.get(trust, ""), status=trust, metric="trusted", remedy=remedy)
    at = Finding(message="It looks at age most.", status=looked, metric="importance")
    reason = "the outputs of a file of predictions have no gradient"
    return replace(
        empty(),
        results=tuple(
            CheckResult(
                rule=rule, name=rule, title=title, topic=Topic.EXPLANATION, status=one.status,
                findings=() if one.status is Status.NOT_APPLICABLE else (one,),
                reason=reason if one.status is Status.NOT_APPLICABLE else "",
            )
            for rule, title, one in (("AK501", "Trust", trusted), ("AK502", "Importance", at))
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("trust", "short", "points"),
    [
        (Status.PASSED, "Yes, as far as it was tested", ["1 of 4", "It looks at age most."]),
        (Status.INSUFFICIENT, "Only in part", ["None of 4 explanations passed every test"]),
        (Status.FAILED, "Not reliably", ["None of 4 explanations can be trusted"]),
        (Status.MEASURED, "Shown, as far as it can be trusted", ["", "It looks at age most."]),
    ],
)
def test_what_is_looked_at_is_told_after_what_can_be_trusted_and_only_where_something_can(
    trust, short, points
):
    found = answer(explanations(trust), "why")
    assert found.short == short
    assert len(found.points) == len(points)
    assert all(one.text.startswith(said) for one, said in zip(found.points, points, strict=True))


@pytest.mark.parametrize(
    ("held", "short"),
    [(0.0, "Not reliably: no explanation held"), (3.0, "Shown, as far as it can be trusted")],
)
def test_where_none_holds_the_answer_is_not_that_it_is_shown(held, short):
    report = explanations(Status.MEASURED)
    first, second = report.results
    one = replace(first.findings[0], metric=story.TRUSTED, value=held)
    report = replace(report, results=(replace(first, findings=(one,)), second))
    assert answer(report, "why").short == short


def test_where_no_explanation_could_be_asked_the_reason_is_told():
    report = explanations(Status.NOT_APPLICABLE, looked=Status.NOT_APPLICABLE)
    found = answer(report, "why")
    assert found.short == "Not assessed"
    assert found.reasons == (
        ("Trust, Importance", "the outputs of a file of predictions have no gradient"),
    )


def test_explanations_that_are_trusted_in_part_ask_for_care_and_not_for_rows():
    report = explanations(Status.INSUFFICIENT, remedy="Show two methods side by side.")
    assert story.lead(report) == "Its explanations can be trusted only in part."
    (step,) = next_steps(report, anchors(report))
    assert (step.text, step.status) == ("Show two methods side by side.", Status.INSUFFICIENT)
    (step,) = next_steps(bare := explanations(Status.INSUFFICIENT), anchors(bare))
    assert step.text == "Look at no explanation alone."


def test_explanations_that_more_rows_would_settle_ask_for_rows():
    report = explanations(Status.INSUFFICIENT)
    first, second = report.results
    short = replace(first.findings[0], rows_needed=41_312)
    report = replace(report, results=(replace(first, findings=(short,)), second))
    assert "cannot be settled with the rows there are" in story.lead(report)
    (step,) = next_steps(report, anchors(report))
    assert "About 41,000 rows would settle the first of them." in step.text


def test_flipping_an_attribute_does_not_explain_why_a_model_decides():
    listed = (("Flipping the sensitive attribute", "a"), ("Attribution methods", "b"))
    assert answer(replace(empty(), not_tested=listed), "why").reasons == (listed[1],)


def test_every_anchor_is_given_once():
    report = sample()
    places = list(anchors(report).values())
    assert len(places) == len(set(places)) == len(report.results) + len(report.findings)


def test_the_glossary_explains_the_words_on_the_page_and_no_others():
    words = [one.word for one in words_in("The ECE and the selection rate; a preceding piece")]
    assert words == ["ECE", "Selection rate"]
    assert [one.word.casefold() for one in ENTRIES] == sorted(
        one.word.casefold() for one in ENTRIES
    )


def test_what_no_limit_judged_of_misuse_stands_beside_what_cannot_be_settled():
    report = report_of(
        Status.PASSED, Status.MEASURED, Status.INSUFFICIENT, topic=Topic.MISUSE, limit=0.1
    )
    assert [one.text for one in answer(report, "misuse").points] == ["m2", "m1", "m0"]
    assert [one.text for one in answer(report_of(Status.PASSED, Status.INSUFFICIENT)).points] == [
        "m1"
    ]


def test_a_check_that_did_not_apply_gives_its_reason_once():
    result = CheckResult(
        rule="AK1",
        name="c",
        title="Explanations",
        topic=Topic.EXPLANATION,
        status=Status.NOT_APPLICABLE,
        reason="why",
    )
    report = replace(empty(), results=(result,), not_tested=(("Explanations", "why"),))
    assert answer(report, "why").reasons == (("Explanations", "why"),)
