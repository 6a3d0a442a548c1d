import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.errors import DataError
from auditkit.report.frames import frame_from_dict, frame_to_dict
from auditkit.report.json import SCHEMA_VERSION, dumps, loads, to_dict
from auditkit.results import AuditReport, CheckResult, Finding, Status, Topic
from tests.report.samples import NASTY, empty, explained, nasty, sample


def one_finding(**fields: object) -> AuditReport:
    finding = Finding(**{"message": "m", "status": Status.MEASURED, "metric": "x"} | fields)
    result = CheckResult(
        rule="AK1",
        name="a",
        title="A",
        topic=Topic.DATA,
        status=Status.MEASURED,
        findings=(finding,),
    )
    return replace(empty(), results=(result,))


def read_finding(text: str) -> dict[str, object]:
    return json.loads(text)["results"][0]["findings"][0]


@pytest.mark.parametrize("make", [sample, explained, nasty, empty])
def test_a_report_comes_back_as_it_was(make):
    report = make()
    text = dumps(report)
    assert dumps(loads(text)) == text
    assert [one.message for one in loads(text).findings] == [
        one.message.replace("\u2028", "\u2028") for one in report.findings
    ]


def test_frames_come_back_with_their_types_and_gaps():
    frame = pd.DataFrame(
        {
            "group": ["a", None, "</script>"],
            "n": [1, 2, 3],
            "rate": [0.1, math.nan, 1 / 3],
            "flag": [True, False, True],
            "mixed": pd.Series([1, "two", None], dtype="object"),
        }
    )
    back = frame_from_dict(json.loads(json.dumps(frame_to_dict(frame), allow_nan=False)))
    pd.testing.assert_frame_equal(back, frame, check_column_type=False)


def test_two_columns_of_one_name_and_names_that_are_numbers_are_kept():
    frame = pd.DataFrame([[1, 2]], columns=[7, 7])
    assert [one["values"] for one in frame_to_dict(frame)["columns"]] == [[1], [2]]


def test_columns_of_different_lengths_are_refused():
    columns = [
        {"name": "a", "type": "integer", "values": [1]},
        {"name": "b", "type": "integer", "values": [1, 2]},
    ]
    with pytest.raises(DataError, match=r"columns of \[1, 2\] rows"):
        frame_from_dict({"columns": columns})


def test_undefined_is_null_and_its_reason_stays_beside_it():
    text = dumps(one_finding(value=math.nan, reason="no positives", interval=(math.nan, 0.5)))
    found = read_finding(text)
    assert found["value"] is None
    assert found["interval"] == [None, 0.5]
    assert found["reason"] == "no positives"
    assert math.isnan(loads(text).findings[0].value)


def test_an_infinite_value_is_null_and_says_so():
    found = read_finding(dumps(one_finding(value=math.inf)))
    assert found["value"] is None
    assert found["reason"] == "the value is infinite"


def test_numbers_of_numpy_and_a_whole_number_for_a_float_are_plain_json():
    report = replace(
        one_finding(value=3, n=np.int64(5)),
        model={"a": np.float32(0.5), "b": (1, 2), "c": {"z", "y"}, "d": math.nan},
    )
    raw = json.loads(dumps(report))
    assert raw["model"] == {"a": 0.5, "b": [1, 2], "c": ["y", "z"], "d": None}
    assert isinstance(read_finding(dumps(report))["value"], float)
    assert dumps(loads(dumps(report))) == dumps(report)


def test_the_same_report_gives_the_same_bytes():
    assert dumps(sample()) == dumps(sample())


def test_whatever_differs_between_two_runs_stands_in_timings():
    first = sample()
    later = replace(
        first,
        timings={"date": "another day"},
        results=tuple(replace(one, seconds=one.seconds + 9) for one in first.results),
    )
    one, two = to_dict(first), to_dict(later)
    assert one.pop("timings") != two.pop("timings")
    assert one == two


def test_seconds_of_each_check_come_back():
    report = sample()
    back = loads(dumps(report))
    assert [one.seconds for one in back.results] == [one.seconds for one in report.results]


def test_lone_surrogates_can_be_written_to_a_file():
    dumps(replace(empty(), title="bad \udcff name")).encode("utf-8")


@given(st.text(), st.floats())
def test_any_text_and_any_number_survive(text, value):
    report = one_finding(message=text, value=value, where={text: text})
    once = dumps(report)
    once.encode("utf-8")
    assert dumps(loads(once)) == once


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not an auditkit report"),
        ('{"format": "something else"}', "not an auditkit report"),
        ('{"format": "auditkit report"}', "schema_version is None"),
        ('{"format": "auditkit report", "schema_version": 1}', "damaged"),
    ],
)
def test_what_is_not_a_report_is_refused_in_one_line(text, said):
    with pytest.raises(DataError, match=said) as error:
        loads(text)
    assert "\n" not in str(error.value)


def test_a_newer_schema_is_refused_with_what_to_do():
    raw = to_dict(empty()) | {"schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(DataError, match="install a newer auditkit"):
        loads(json.dumps(raw))


@pytest.mark.parametrize(
    ("key", "value"),
    [("status", "excellent"), ("n", "many"), ("n", True), ("interval", [1]), ("message", None)],
)
def test_a_damaged_finding_is_refused(key, value):
    raw = json.loads(dumps(sample()))
    raw["results"][0]["findings"][0][key] = value
    with pytest.raises(DataError, match="damaged"):
        loads(json.dumps(raw))


def test_hostile_names_are_kept_letter_by_letter():
    assert loads(dumps(nasty())).title == NASTY
