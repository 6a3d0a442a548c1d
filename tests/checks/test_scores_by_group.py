"""What is said of scores by group: who, how much, what chance gives; and what bad input is told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.base import CHECKS
from auditkit.results import Finding, Section, Status
from auditkit.runner import run_checks
from auditkit.subject import Subject
from tests.scored import scored_groups
from tests.subjects import counted, subject

NAMES = ("auc-equality", "group-calibration", "abroca", "threshold-sweep")


def outcome(name: str, made: Subject, **limits) -> tuple[list[Finding], Section]:
    *findings, section = CHECKS[name](**limits).run(made)
    return findings, section


def test_a_group_whose_order_is_lost_is_named_with_its_auc():
    (found,), section = outcome("auc-equality", scored_groups(order=0.2))
    assert found.status is Status.FAILED
    assert found.where["lowest"] == "b"
    assert "the AUC of b (" in found.message
    assert "chance alone would give" in found.message
    assert list(section.views[0].frame["group"]) == ["a", "b"]


def test_a_promise_that_is_not_kept_is_named_in_points():
    findings, section = outcome("group-calibration", scored_groups(skew=0.1), max_difference=0.05)
    gap, error = findings
    assert gap.status is Status.FAILED
    assert gap.message.startswith("By group, scores promise ")
    assert "points more than came true for b, and" in gap.message
    assert 0.05 < gap.interval[0] < 0.1 < gap.interval[1]
    assert error.where["group"] == "b"
    assert error.value > 3 * error.null
    assert [len(view.frame) for view in section.views] == [2, 2]


def test_curves_that_part_are_told_from_curves_that_part_by_chance():
    (found,), _ = outcome("abroca", scored_groups(order=0.2))
    assert found.status is Status.MEASURED
    assert found.interval[0] > 0.02
    assert found.null < 0.02
    assert "often as much" not in found.message
    (found,), section = outcome("abroca", scored_groups(n=400))
    assert found.interval[0] == 0
    assert "often as much as was seen" in found.message
    assert len(section.views[0].frame) == 1


def test_an_area_within_the_limit_passes_only_if_every_group_s_does():
    made = scored_groups(order=0.5, groups="abc", n=3000)
    (found,), section = outcome("abroca", made, max_area=0.3)
    assert found.status is Status.PASSED
    largest = section.views[0].frame["high"].max()
    (found,), _ = outcome("abroca", made, max_area=float(largest) - 0.001)
    assert found.status in (Status.INSUFFICIENT, Status.FAILED)


def test_the_sweep_says_where_the_threshold_in_force_stands():
    made = scored_groups(skew=0.15)
    (found,), section = outcome("threshold-sweep", replace(made, threshold=0.3))
    assert found.status is Status.MEASURED
    assert found.message.startswith("By group, the selection rate of a is ")
    assert "below that of b at the threshold in force (0.3)" in found.message
    rates = pd.Series(made.scores >= 0.3).groupby(made.frame["group"]).mean()
    assert found.value == pytest.approx(rates["b"] - rates["a"])
    (band,) = section.views
    assert band.mark == 0.3
    assert 15 <= len(band.frame) <= 26
    assert band.frame["gap of selection rates"].max() >= round(found.value, 4)
    assert "own decisions" not in section.text


def test_several_columns_share_one_picture_and_the_widest_has_its_band():
    made = scored_groups(skew=0.15)
    frame = made.frame.assign(coin=np.arange(len(made.frame)) % 2)
    both = subject(frame, sensitive=("coin", "group"), prediction=None, score="score")
    findings, section = outcome("threshold-sweep", both)
    lines, band = section.views
    assert lines.y == ("by coin", "by group")
    assert lines.frame["by group"].max() > 3 * lines.frame["by coin"].max()
    assert band.title.endswith("by group")
    assert len(findings) == 2


def test_decisions_that_no_threshold_explains_are_said_to_be_so():
    made = scored_groups(n=500)
    frame = made.frame.assign(prediction=np.arange(500) % 2)
    _, section = outcome("threshold-sweep", subject(frame, score="score"))
    assert "own decisions do not follow" in section.text


@pytest.mark.parametrize("name", NAMES)
def test_the_same_scores_serve_both_groups_and_nobody_is_blamed(name: str):
    findings, _ = outcome(name, scored_groups())
    assert {one.status for one in findings} <= {Status.PASSED, Status.MEASURED}
    assert findings[0].value < 0.04


@pytest.mark.parametrize("name", NAMES)
def test_one_group_alone_is_undefined_with_the_reason(name: str):
    findings, _ = outcome(name, scored_groups(groups="a", n=300))
    assert findings[0].status is Status.NOT_APPLICABLE
    assert np.isnan(findings[0].value)
    assert "two" in findings[0].message


@pytest.mark.parametrize("name", NAMES)
def test_groups_that_are_too_small_are_left_out_by_name(name: str):
    made = scored_groups(n=600)
    group = made.frame["group"].to_numpy(object)
    group[:4], group[4] = "few", None
    frame = made.frame.assign(group=group)
    findings, _ = outcome(name, subject(frame, prediction=None, score="score"))
    assert findings[0].value < 0.2
    assert "few" in findings[0].where["not compared"]
    assert "(missing)" in findings[0].where["not compared"]


@pytest.mark.parametrize("name", NAMES)
def test_a_group_without_positives_is_never_called_fair(name: str):
    made = scored_groups(n=600)
    label = np.where(made.frame["group"] == "b", 0, made.frame["label"])
    made = subject(made.frame.assign(label=label), prediction=None, score="score")
    findings, _ = outcome(name, made)
    if name in ("auc-equality", "abroca"):
        assert findings[0].status is Status.NOT_APPLICABLE
        assert "b: fewer than 10 positives" in findings[0].where["not compared"]
    elif name == "threshold-sweep":
        assert "b (true positive rate): fewer than 10 rows" in findings[0].where["not compared"]
        assert "true positive rate, widest" not in findings[0].where
    else:
        assert findings[0].value > 0.1


def test_scores_that_are_all_alike_give_a_coin_and_no_gap():
    made = scored_groups(n=600)
    made = subject(made.frame.assign(score=0.5), prediction=None, score="score")
    (auc,), _ = outcome("auc-equality", made)
    (area,), _ = outcome("abroca", made)
    assert auc.value == area.value == 0
    assert auc.interval[1] > 0
    (sweep,), _ = outcome("threshold-sweep", made)
    assert sweep.value == 0


def test_in_an_audit_none_of_them_breaks():
    report = run_checks(scored_groups(n=400, groups="abc"))
    mine = {one.name: one.status for one in report.results if one.name in NAMES}
    assert set(mine) == set(NAMES)
    assert Status.BROKEN not in mine.values()


def test_what_would_give_away_a_group_of_few_rows_is_not_shown():
    made = scored_groups(n=600, groups="abc")
    group = made.frame["group"].to_numpy(object)
    group[:4] = "few"
    frame = made.frame.assign(group=group)
    _, section = outcome("group-calibration", subject(frame, prediction=None, score="score"))
    for view in section.views:
        assert set(view.frame["group"]) < {"a", "b", "c"}
        assert len(view.frame) == 2
    assert "not shown" in section.views[1].text


def test_scores_that_are_all_alike_are_said_to_be_the_same_in_all_groups():
    frame = pd.DataFrame({"group": np.repeat(["a", "b"], 200), "label": ["0", "1"] * 200})
    made = subject(frame.assign(score=0.5), prediction=None, score="score")
    (auc,), _ = outcome("auc-equality", made)
    assert "the AUC is the same in all groups (50.0 %)" in auc.message
    assert auc.where["lowest"] != auc.where["highest"]
    (swept,), _ = outcome("threshold-sweep", made)
    assert "the selection rate is the same in all groups at the threshold" in swept.message


def test_rows_of_one_person_widen_what_is_said_of_scores():
    # Each row ten times over, and known to be one person's: what is known stays what it was.
    once = scored_groups(order=0.5, n=400)
    frame = once.frame.loc[once.frame.index.repeat(10)]
    person = np.repeat(np.arange(len(once.frame)), 10)
    frame = frame.reset_index(drop=True).assign(person=person)
    told = replace(once, table=replace(once.table, frame=frame, apart="person"))
    untold = replace(once, table=replace(once.table, frame=frame))
    for name in ("auc-equality", "group-calibration", "abroca"):
        first, many, cheated = (outcome(name, one)[0][0] for one in (once, told, untold))
        widths = [one.interval[1] - one.interval[0] for one in (first, many, cheated)]
        assert widths[1] == pytest.approx(widths[0], rel=0.25)
        assert widths[2] < 0.75 * widths[1]
        assert "clusters" in many.method or name == "abroca"


def test_the_figures_of_a_group_that_hides_a_smaller_one_stand_in_no_sentence():
    # Three rows of "few" are hidden, and so b, the next smallest: its rate would give them away.
    frame = counted(a=(40, 10, 10, 40), b=(10, 2, 30, 20), few=(1, 0, 1, 1))
    (gap, *_), _ = outcome("demographic-parity", subject(frame))
    rate = 100 * 12 / 62
    assert gap.where["lowest"] == "b"
    assert f"{rate:.1f} %" not in gap.message
    assert "50.0 %" not in gap.message  # a's rate and the gap would give b's
    assert "the selection rate of b is 30.6 points below that of a" in gap.message
    (plain, *_), _ = outcome("demographic-parity", subject(frame[frame["group"] != "few"]))
    assert f"b ({rate:.1f} %)" in plain.message


def test_what_is_promised_to_a_group_that_hides_a_smaller_one_stands_in_no_sentence():
    made = scored_groups(n=600, groups="ab", skew=0.2)
    group = made.frame["group"].to_numpy(object)
    group[:4] = "few"
    frame = made.frame.assign(group=group)
    (gap, *_), section = outcome(
        "group-calibration", subject(frame, prediction=None, score="score")
    )
    assert "points more for b than for a" in gap.message
    assert gap.message.count("points") == 2  # the gap, and chance
    assert not [view for view in section.views if len(view.frame) > 1]
