"""What an auditor reads of amplification, of thresholds by group and of measures that exclude."""

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.amplification import BiasAmplification
from auditkit.checks.measures import Measures
from auditkit.checks.what_if import GroupThresholdsWhatIf
from auditkit.results import Finding, Section, Status
from auditkit.subject import Subject
from tests.answers import animals
from tests.subjects import counted, subject

# The outcome is a's in half the rows and b's in a fifth; the model makes that 60 % and 10 %.
WIDENED = {"a": (500, 100, 0, 400), "b": (100, 0, 100, 800)}


def told(check: object, made: Subject) -> tuple[list[Finding], Section]:
    found = list(check.run(made))
    return [one for one in found if isinstance(one, Finding)], found[-1]


def scored(n: int = 600, *, groups: str = "ab") -> pd.DataFrame:
    rng = np.random.default_rng(0)
    group = rng.choice(list(groups), n)
    truth = (rng.random(n) < np.where(group == "a", 0.6, 0.3)).astype(int)
    score = np.clip(0.4 * truth + 0.6 * rng.random(n) + np.where(group == "a", 0.1, 0), 0, 1)
    return pd.DataFrame({"group": group, "label": truth, "score": score})


def test_a_widened_link_is_told_in_plain_words():
    findings, _ = told(BiasAmplification(), subject(counted(**WIDENED)))
    first, second = findings
    assert "the data give label = 1 to 50.0 % of a and 20.0 % of b" in first.message
    assert "the model to 60.0 % and 10.0 %" in first.message
    assert "it widens the link by 10.0 points" in first.message
    assert "right for 90.0 % of the rows" in first.message
    assert first.value == pytest.approx(0.1)
    # Blind, a seventh of positives is missed and a thirteenth of negatives taken for one.
    blind = np.array([0.5 * 6 / 7 + 0.5 / 13, 0.2 * 6 / 7 + 0.8 / 13])
    assert first.null == pytest.approx(((blind - [0.5, 0.2]) * [1, -1]).mean())
    assert second.value == pytest.approx(first.value - first.null)
    assert second.status is Status.MEASURED


def test_a_limit_is_judged_on_what_exceeds_noise():
    # One row in five is answered wrongly, of either outcome, but in group a upwards alone.
    unfair = subject(counted(a=(500, 200, 0, 300), b=(100, 0, 100, 800)))
    findings, _ = told(BiasAmplification(max_excess=0.02), unfair)
    assert findings[1].status is Status.FAILED
    assert findings[1].remedy
    assert findings[0].status is Status.MEASURED
    noise = subject(counted(a=(400, 100, 100, 400), b=(160, 160, 40, 640)))
    fair, _ = told(BiasAmplification(max_excess=0.02), noise)
    assert fair[0].value < -0.05
    assert fair[1].status is Status.PASSED


def test_several_columns_are_looked_at_together():
    frame = counted(**WIDENED).assign(half=np.arange(2000) % 2)
    findings, section = told(BiasAmplification(), subject(frame, sensitive=("group", "half")))
    assert len(findings) == 5
    assert "8 groups of at least 10 rows by one or more of group, half" in findings[-1].message
    assert findings[-1].where["a blind model"].endswith("points")
    assert len(section.views[1].frame) == 4


def test_classes_have_their_own_links():
    findings, section = told(BiasAmplification(), animals(unfair=0.3))
    assert "animal =" in findings[0].message
    assert set(section.views[2].frame["outcome"]) == {"cat", "dog", "bird"}


def test_nothing_to_link_is_said():
    for frame, why in (
        (counted(only=(90, 10, 10, 90)), "1 group"),
        (counted(a=(90, 0, 10, 0), b=(50, 0, 50, 0)), "every row is 1"),
        (counted(a=(3, 0, 1, 1), b=(50, 5, 5, 50)), "1 group"),
    ):
        findings, _ = told(BiasAmplification(), subject(frame))
        assert {one.status for one in findings} == {Status.NOT_APPLICABLE}
        assert why in findings[0].reason


def test_thresholds_by_group_close_the_gap_and_warn():
    findings, section = told(
        GroupThresholdsWhatIf(), subject(scored(4000), prediction=None, score="score")
    )
    (found,) = findings
    assert "With one threshold for each group of group, the gap in selection rate" in found.message
    assert found.status is Status.MEASURED
    table = section.views[0].frame
    assert (table["gap left"] < table["gap now"]).all()
    assert list(table["made equal"]) == [
        "demographic parity",
        "equal opportunity",
        "equalized odds",
    ]
    assert "unlawful" in section.text
    assert len(section.views[1].frame) <= 40


def test_one_group_has_no_thresholds_to_choose():
    made = subject(scored(groups="a"), prediction=None, score="score")
    findings, _ = told(GroupThresholdsWhatIf(), made)
    assert findings[0].status is Status.NOT_APPLICABLE
    assert "need two" in findings[0].reason


def test_what_equal_precision_forces_is_told_with_these_numbers():
    findings, section = told(Measures(), subject(counted(a=(40, 10, 10, 40), b=(16, 4, 4, 76))))
    (found,) = findings
    assert "50.0 % of a and 20.0 % of b have label = 1" in found.message
    assert "the precision (80.0 %) and the true positive rate (80.0 %)" in found.message
    assert "would have to be 15.0 points apart" in found.message
    assert len(section.views[2].frame) == 3


def test_each_sensitive_column_has_its_own_sentence_on_what_it_forces():
    frame = counted(a=(40, 10, 10, 40), b=(16, 4, 4, 76)).assign(half=np.arange(200) % 2)
    findings, _ = told(Measures(), subject(frame, sensitive=("group", "half")))
    assert [one.where["column"] for one in findings] == ["group", "half"]
    assert findings[0].message.startswith("By group, 50.0 % of a")
    assert findings[1].message.startswith("By half, the shares that have label = 1 lie within")


def test_equal_base_rates_rule_nothing_out():
    even = subject(counted(a=(40, 10, 10, 40), b=(400, 100, 100, 400)))
    findings, section = told(Measures(), even)
    assert "no measure rules out another" in findings[0].message
    assert not len(section.views[2].frame)


def test_where_nobody_is_predicted_positive_base_rates_are_told_and_what_they_force_is_not():
    differ = subject(counted(a=(0, 0, 50, 50), b=(0, 0, 20, 80)))
    findings, _ = told(Measures(), differ)
    assert findings[0].metric == "false positive rates forced apart"
    assert findings[0].message.endswith("undefined: nobody is predicted to have it.")
    alike = subject(counted(a=(0, 0, 50, 50), b=(0, 0, 50, 50)))
    findings, _ = told(Measures(), alike)
    assert findings[0].metric == "base rate difference"
    assert findings[0].value == 0
