from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.report.page import facts, page
from auditkit.results import CheckResult, Finding, Section, Status, Table, Topic
from tests.report.samples import empty, sample


def texts(mapping: dict[str, object]) -> list[tuple[str, str]]:
    return [(one.term, one.text) for one in facts(mapping)]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("rows", 16281, "16,281"),
        ("seed", 20260, "20260"),
        ("licence", None, "not given"),
        ("pretrained", False, "no"),
        ("share", 0.123456789, "0.123"),
        ("limit", 0.05, "0.05"),
        ("date", "2026-11-22T13:27:06+00:00", "22 November 2026, 13:27 UTC"),
        ("date", "some day", "some day"),
        ("names", [], "none"),
    ],
)
def test_facts_are_written_for_a_reader(key, value, text):
    assert texts({key: value}) == [(key, text)]


def test_facts_keep_lists_and_facts_of_their_own():
    (sensitive, versions) = facts({"sensitive": ["sex", "age"], "versions": {"torch": "2.13.0"}})
    assert sensitive.items == ("sex", "age")
    assert [(one.term, one.text) for one in versions.facts] == [("torch", "2.13.0")]


def test_names_of_limits_stay_as_they_are_written_in_the_configuration():
    (check,) = facts({"demographic-parity": {"max_difference": 0.1}}, verbatim=True)
    assert (check.term, check.facts[0].term) == ("demographic-parity", "max_difference")
    assert [one.term for one in facts({"weights_sha256": "x"})] == ["weights SHA-256"]


def test_findings_stand_the_gravest_first():
    order = [one.finding.status for one in page(sample())["evidence"]]
    assert order == sorted(order, key=[*dict.fromkeys(order)].index)
    assert order[0] is Status.FAILED
    assert order[-1] is Status.MEASURED


def test_a_check_that_gave_no_answer_is_named_once_among_what_was_not_tested():
    skipped = CheckResult(
        rule="AK1", name="a", title="A", topic=Topic.DATA, status=Status.SKIPPED, reason="why"
    )
    shown = page(replace(empty(), results=(skipped,), not_tested=(("A", "why"), ("B", "b"))))
    assert shown["idle"] == [skipped]
    assert shown["not_tested"] == [("B", "b")]


def test_a_table_of_many_columns_takes_the_whole_width():
    frames = [pd.DataFrame(np.zeros((2, columns))) for columns in (3, 12)]
    frames.append(pd.DataFrame({"group": ["a"], **dict.fromkeys("wxyz", 0.5), "p": ["below .001"]}))
    views = tuple(Table(title="t", frame=frame) for frame in frames)
    result = CheckResult(
        rule="AK1", name="a", title="A", topic=Topic.DATA, status=Status.MEASURED,
        sections=(Section(title="s", views=views),),
    )  # fmt: skip
    (chapter,) = page(replace(empty(), results=(result,)))["chapters"]
    ((_, pictures),) = chapter.checks[0].sections
    assert [one.wide for one in pictures] == [False, True, True]


def test_an_undefined_finding_shows_a_dash():
    finding = Finding(message="m", status=Status.NOT_APPLICABLE, metric="x", reason="no rows")
    result = CheckResult(
        rule="AK1", name="a", title="A", topic=Topic.DATA, status=Status.NOT_APPLICABLE,
        findings=(finding,),
    )  # fmt: skip
    (shown,) = page(replace(empty(), results=(result,)))["evidence"]
    assert (shown.value, shown.limit, shown.null, shown.strip) == ("–", "–", "–", None)
