import json
from dataclasses import fields
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from auditkit.report.json import to_dict
from auditkit.results import CheckResult, Finding, Level, Section, Status, Topic, Unit, View
from tests.report.samples import empty, explained, nasty, sample

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text("utf-8"))
DEFS = SCHEMA["$defs"]


@pytest.mark.parametrize("make", [sample, explained, nasty, empty])
def test_what_we_write_is_what_the_schema_says(make):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(to_dict(make()))


@pytest.mark.parametrize("stray", ["unknown", "seconds"])
def test_the_schema_refuses_what_is_not_in_it(stray):
    raw = to_dict(sample())
    raw["results"][0][stray] = 1
    with pytest.raises(jsonschema.ValidationError, match=stray):
        jsonschema.Draft202012Validator(SCHEMA).validate(raw)


@pytest.mark.parametrize(
    ("name", "kind", "moved"),
    [
        ("finding", Finding, set()),
        ("section", Section, set()),
        ("result", CheckResult, {"seconds"}),  # moved to timings
        *((view.__name__.lower(), view, set()) for view in get_args(View)),
    ],
)
def test_each_field_stands_in_the_schema(name, kind, moved):
    assert set(DEFS[name]["properties"]) - {"type"} == {one.name for one in fields(kind)} - moved
    assert set(DEFS[name]["required"]) == set(DEFS[name]["properties"])


def test_each_word_of_a_closed_set_stands_in_the_schema():
    assert DEFS["status"]["enum"] == [one.value for one in Status]
    assert DEFS["unit"]["enum"] == [one.value for one in Unit]
    assert DEFS["finding"]["properties"]["level"]["enum"] == [one.value for one in Level]
    assert DEFS["result"]["properties"]["topic"]["enum"] == [one.value for one in Topic]
