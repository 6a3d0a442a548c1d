"""What a report says of groups as concepts, and of what carries the decision."""

from dataclasses import replace

import numpy as np
import pytest

from auditkit.checks.base import CHECKS
from auditkit.data.schema import Column, Kind
from auditkit.results import Finding, Section, Table
from auditkit.subject import Subject
from tests.explaining import network
from tests.learned import learner


def told(name: str, subject: Subject) -> tuple[list[Finding], list[Section]]:
    found = list(CHECKS[name]().run(subject))
    return (
        [one for one in found if isinstance(one, Finding)],
        [one for one in found if isinstance(one, Section)],
    )


def test_a_group_that_the_answers_follow_is_more_than_chance_and_another_is_not():
    (followed,), _ = told("concepts", network((3.0, 2.0, 1.0, 0.0, 0.0)))
    assert "more than chance gives" in followed.message
    assert "no more" not in followed.message
    assert float(followed.where["adjusted p"]) <= 0.05
    (held,), _ = told("concepts", network((0.0, 2.0, 1.0, 0.0, 0.0)))
    assert "no more than chance gives" in held.message or "can be told from" in held.message


def test_a_group_that_no_layer_holds_is_said_not_to_be_read():
    (nothing,), (section,) = told("concepts", network((0.0, 2.0, 1.0, 0.0, 0.0)))
    assert "No group of group can be told from any layer" in nothing.message
    assert nothing.null == 0.5
    assert all(isinstance(view, Table) for view in section.views)


def test_both_are_the_same_twice_and_small():
    for name in ("concepts", "causes"):
        first, again = (told(name, network((3.0, 2.0, 1.0, 0.0, 0.0))) for _ in range(2))
        assert [one.message for one in first[0]] == [one.message for one in again[0]]
        size = sum(len(view.frame.to_json()) for one in first[1] for view in one.views)
        assert size < 10_000


def test_of_classes_each_has_its_own_logit():
    made = learner("cnn")
    bright = np.array([one.mean() for one in made.table.frame["image"]])
    group = np.where(bright > np.median(bright), "bright", "dark")
    schema = replace(made.table.schema, sensitive=(Column(name="light", kind=Kind.CATEGORICAL),))
    table = replace(made.table, frame=made.table.frame.assign(light=group), schema=schema)
    (found,), (section,) = told("concepts", replace(made, table=table))
    assert "logit of" in found.message or "can be told" in found.message
    frame = section.views[-1].frame
    assert set(frame["concept"]) == {"light = dark"}
    assert len(frame) == 3


@pytest.mark.parametrize("name", ["cnn", "lstm", "encoder", "gru"])
def test_units_of_every_medium_are_taken_out(name: str):
    findings, sections = told("causes", learner(name))
    assert "taken out, one at a time" in findings[0].message
    assert findings[0].n > 0
    assert sections[0].views[0].frame["change"].notna().all()
    assert ("heads and units" in findings[0].message) == (name == "encoder")


def test_no_network_is_touched():
    subject = learner("encoder")
    module = subject.represented.opened.module
    told("causes", subject)
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in module.modules())
