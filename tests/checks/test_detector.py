"""The detector's own audit: planted harms are said, and nothing is said that was not measured."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.base import CHECKS
from auditkit.data.schema import Column, Kind
from auditkit.detection.corpus import FAKE, LABEL, SOURCE
from auditkit.detection.degrading import DEGRADATIONS
from auditkit.detection.robustness import robustness
from auditkit.errors import DataError, NotApplicable
from auditkit.results import Finding, Section, Status
from auditkit.subject import Subject
from tests.detectors import RUNTIME, detecting, detector_subject, planted_corpus, tiny_detector


def outcome(name: str, made: Subject, **limits: object) -> tuple[list[Finding], list[Section]]:
    found = list(CHECKS[name](**limits).run(made))
    return (
        [one for one in found if isinstance(one, Finding)],
        [one for one in found if isinstance(one, Section)],
    )


def of(findings: list[Finding], metric: str) -> Finding:
    return next(one for one in findings if metric in one.metric)


@pytest.fixture(scope="module")
def elsewhere() -> Subject:
    """A source and a generator that the tiny detector never saw, beside others that it knows."""
    rows = planted_corpus(
        60, generators=("nearest", "cubic"), sources=("meadow", "desert"), seed=11
    )
    return detector_subject(rows)


def test_new_sources_and_generators_are_told_apart_from_known_ones(elsewhere: Subject):
    findings, sections = outcome("detector", elsewhere)
    assert of(findings, "known sources").where["sources"] == "meadow"
    assert of(findings, "new sources").where["sources"] == "desert"
    assert of(findings, "generator's fakes").where["generator"] == "cubic"
    alarms, finds = sections[0].views[-2:]
    assert set(alarms.frame["what"]) == {"meadow", "desert (never seen)"}
    assert set(finds.frame["what"]) == {"nearest", "cubic (never seen)"}


def test_what_it_misses_is_said_before_what_it_is_good_at(elsewhere: Subject):
    findings, _ = outcome("detector", elsewhere)
    assert "fakes found" in findings[0].metric


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("four-fifths", "labels.csv"),  # a source is no group of people
        ("subgroups", "labels.csv"),
        ("individual-inequality", "labels.csv"),
        ("overfitting", "did not learn from"),
        ("layers", "detector-evidence explains it"),
    ],
)
def test_what_is_asked_of_other_models_sends_a_reader_to_the_detectors_own(
    elsewhere: Subject, name: str, reason: str
):
    with pytest.raises(NotApplicable, match=reason):
        outcome(name, elsewhere)


def test_real_images_that_are_called_fake_fail_the_promise():
    findings, _ = outcome("detector", detecting(reals_are_made=True))
    alarms = of(findings, "known sources")
    assert alarms.status is Status.FAILED
    assert alarms.value > 0.9
    assert "5 % was promised" in alarms.message


def test_the_control_stands_beside_the_members_and_at_a_coin(elsewhere: Subject):
    _, (section,) = outcome("detector", elsewhere)
    members = section.views[1].frame.set_index("what")
    control = members.loc["the pixels themselves (control, no vote)"]
    assert control["low"] < 0.5 < control["high"]
    assert members.loc["the panel", "low"] > 0.9


def test_real_images_alone_give_false_alarms_and_no_ranking():
    rows = planted_corpus(30, seed=12)
    findings, _ = outcome("detector", detector_subject(rows[rows[LABEL] != FAKE]))
    assert of(findings, "AUC").status is Status.NOT_APPLICABLE
    assert of(findings, "known sources").value <= 0.1
    assert not [one for one in findings if "generator's fakes" in one.metric]


def test_a_generator_that_leaves_no_traces_is_named_as_the_hardest():
    made = detecting(generators=("nearest", "untraced", "linear"))
    findings, (section,) = outcome("unseen-generators", made, images=60)
    assert findings[0].where["generator"] == "untraced"
    assert findings[0].value == pytest.approx(0.5, abs=0.12)
    assert len(section.views[0].frame) == 16  # four generators, that of training included


def test_the_matrix_of_the_card_is_shown_beside_the_quick_one():
    facts = {"crossed": [{"trained": "a", "tested": "b", "auc": 0.9, "accuracy": 0.5}]}
    detector = replace(tiny_detector(), facts=facts)
    rows = planted_corpus(50, generators=("nearest", "cubic"), seed=13)
    _, (section,) = outcome("unseen-generators", detector_subject(rows, detector=detector))
    assert "card" in section.views[-1].title


def test_one_generator_alone_cannot_be_crossed():
    with pytest.raises(NotApplicable, match="two are needed"):
        outcome("unseen-generators", detector_subject(planted_corpus(50, seed=14)))


def test_every_degradation_has_its_curve_and_the_worst_is_named(elsewhere: Subject):
    findings, (section,) = outcome("degradations", elsewhere, images=40, max_false_alarms=0.5)
    assert len(section.views) == len(DEGRADATIONS) + 1
    table = section.views[-1].frame.set_index("images")
    left = [one.value for one in findings if one.metric.startswith("balanced accuracy after")]
    assert left == sorted(left)  # the worst is read first
    alarms = of(findings, "most false alarms")
    assert alarms.value == pytest.approx(table["false alarms"].drop("untouched").max(), abs=1e-4)
    assert alarms.where["degradation"] in table.index
    assert alarms.status is Status.FAILED  # of a detector that never saw a degraded image


def test_images_are_drawn_by_turns_and_alike_each_time():
    rows = planted_corpus(30, generators=("nearest", "cubic", "linear"), seed=15)
    twice = [robustness(tiny_detector(), rows, RUNTIME, kinds=["noise"], most=40) for _ in range(2)]
    assert twice[0] == twice[1]
    assert twice[0].untouched.auc.n == 40
    with pytest.raises(DataError, match="too few to degrade"):
        robustness(tiny_detector(), rows[:30], RUNTIME)


def test_images_in_two_parts_fail_by_pixel_and_by_photograph():
    rows = planted_corpus(40, seed=16)
    findings, _ = outcome("leaks", detector_subject(rows, known=rows[:40]), images=200)
    assert of(findings, "images in two parts").value == 0.5
    assert of(findings, "images in two parts").status is Status.FAILED
    assert of(findings, "originals in two parts").status is Status.FAILED


def test_a_call_is_worth_less_where_fewer_images_are_made(elsewhere: Subject):
    rare, _ = outcome("abstaining", elsewhere, prevalence=0.001)
    common, sections = outcome("abstaining", elsewhere, prevalence=0.5)
    assert rare[0].interval[0] < 0.1 < 0.9 < common[0].interval[0]
    assert "could be as little as" in rare[0].message  # no false alarm seen is not none at all
    assert sections[0].views[0].frame["low"].is_monotonic_increasing


def test_errors_are_told_by_every_column_of_groups():
    rows = planted_corpus(40, sources=("meadow", "sea"), seed=17)
    rows["camera"] = np.where(np.arange(len(rows)) % 4 < 2, "old", "new")
    made = detector_subject(rows)
    camera = Column(name="camera", kind=Kind.CATEGORICAL)
    schema = made.table.schema.with_sensitive((*made.table.schema.sensitive, camera))
    made = replace(made, table=replace(made.table, schema=schema))
    findings, sections = outcome("abstaining", made)
    assert {one.where.get("grouped by") for one in findings} >= {SOURCE, "camera"}
    groups = next(one for one in sections if "err" in one.title)
    assert [view.title for view in groups.views] == ["By source", "By camera"]
    assert set(groups.views[1].frame["camera"]) == {"old", "new"}


def test_what_it_was_never_tested_on_is_always_listed(elsewhere: Subject):
    _, sections = outcome("abstaining", elsewhere)
    listed = sections[-1].views[0].frame["limit"]
    assert "It was never tested on video." in set(listed)
    silent = detector_subject(elsewhere.frame, detector=replace(tiny_detector(), facts={}))
    _, sections = outcome("abstaining", silent)
    assert "does not say" in sections[-1].views[0].frame["limit"][0]


def test_a_report_comes_out_the_same_twice(elsewhere: Subject):
    again = detector_subject(elsewhere.frame)
    for name in ("detector", "abstaining"):
        first, second = outcome(name, elsewhere)[0], outcome(name, again)[0]
        assert [one.message for one in first] == [one.message for one in second]


def test_a_simpler_model_says_why_it_takes_no_images_of_several_sizes():
    images = pd.concat(
        [planted_corpus(20, side=32), planted_corpus(20, side=48)], ignore_index=True
    )
    with pytest.raises(NotApplicable, match="several sizes"):
        list(CHECKS["simpler-model"]().run(detector_subject(images)))
