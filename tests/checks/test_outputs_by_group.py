"""What the checks of classes and of numbers by group say, and of whom."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.base import CHECKS
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Intervals, Section, Status, Table, Unit
from auditkit.subject import Subject
from tests.answers import animals, prices

CLASSES, NUMBERS = "class-equality", "number-equality"


def found(name: str, made: Subject, **limits: float) -> dict[str, Finding]:
    every = CHECKS[name](**limits).run(made)
    return {one.metric: one for one in every if isinstance(one, Finding)}


def section(name: str, made: Subject) -> Section:
    return next(one for one in CHECKS[name]().run(made) if isinstance(one, Section))


def regrouped(made: Subject, group: np.ndarray, **columns: np.ndarray) -> Subject:
    frame = made.frame.assign(group=group, **columns)
    return replace(made, table=replace(made.table, frame=frame, apart=next(iter(columns), "")))


def test_the_sentence_says_who_how_much_and_what_chance_gives():
    gap = found(CLASSES, animals(4000, unfair=0.3))["widest recall gap of any class"]
    assert gap.status is Status.FAILED
    assert gap.interval[0] < 0.3 < gap.interval[1]
    assert gap.where["lowest"] == "b"
    assert gap.message.startswith(f"By group, of rows that are {gap.where['class']}, ")
    assert "are recognised in b and" in gap.message
    assert ", the widest of 3 classes; chance alone would give" in gap.message
    assert gap.p_value < 1e-6
    assert gap.null < 0.08


def test_precision_and_shares_are_measured_until_a_limit_is_set():
    made = animals(4000, unfair=0.3)
    assert found(CLASSES, made)["widest precision gap of any class"].status is Status.MEASURED
    limits = {"max_precision_difference": 0.1, "max_share_difference": 0.5}
    judged = found(CLASSES, made, **limits)
    assert judged["widest precision gap of any class"].status is Status.FAILED
    assert judged["widest gap in how often a class is said"].status is Status.PASSED


def test_few_rows_are_insufficient_evidence_and_say_how_many_would_do():
    gap = found(CLASSES, animals(300))["widest recall gap of any class"]
    assert gap.status is Status.INSUFFICIENT
    assert gap.rows_needed > 300


def test_one_group_is_undefined_with_its_reason():
    made = animals(300)
    for one in found(CLASSES, regrouped(made, np.full(300, "a"))).values():
        assert one.status is Status.NOT_APPLICABLE
        assert "two" in one.reason
    made = prices()
    for one in found(NUMBERS, regrouped(made, np.full(400, "a"))).values():
        assert one.status is Status.NOT_APPLICABLE
        assert "two" in one.reason


def test_a_group_of_few_rows_is_named_and_not_shown():
    group = animals(600).frame["group"].to_numpy(dtype=object)
    group[:4] = "c"
    made = regrouped(animals(600), group)
    gap = found(CLASSES, made)["widest recall gap of any class"]
    assert "fewer than 10 rows in c" in gap.where["not compared"]
    tables = [one for one in section(CLASSES, made).views if isinstance(one, Table)]
    assert all("c" not in one.frame.to_numpy() for one in tables)
    assert "not shown" in tables[0].text


def test_a_few_numbers_are_named_and_not_shown():
    group = prices().frame["group"].to_numpy(dtype=object)
    group[:4] = "c"
    made = regrouped(prices(), group)
    gap = found(NUMBERS, made)["mean absolute error difference"]
    assert gap.where["not compared"] == "c: fewer than 10 rows"
    for view in section(NUMBERS, made).views:
        assert "c" not in view.frame["group"].tolist()
        assert "not shown" in view.text


def test_a_class_that_is_never_said_is_left_out_of_precision_by_name():
    made = animals(600)
    says = made.predictor.say

    def never(rows: pd.DataFrame):
        outputs = says(rows)
        outputs.probabilities[:, 2] = 0
        shares = outputs.probabilities / outputs.probabilities.sum(axis=1, keepdims=True)
        return replace(outputs, probabilities=shares)

    made = replace(made, predictor=replace(made.predictor, say=never))
    gap = found(CLASSES, made)["widest precision gap of any class"]
    assert gap.where["not compared"] == "bird: never said"


def test_rows_of_one_person_widen_what_is_said_of_classes_and_numbers():
    user = np.arange(600) // 20
    alone, made = animals(600), animals(600)
    made = regrouped(made, np.array(["a", "b"])[user % 2], user=user)
    alone = replace(made, table=replace(made.table, apart=""))
    metric = "widest recall gap of any class"
    shared = found(CLASSES, made)[metric]
    assert shared.where["counted by"] == "user"
    assert "30 clusters of rows" in shared.method
    assert "counted by" not in found(CLASSES, alone)[metric].where
    numbers = regrouped(prices(600), np.array(["a", "b"])[user % 2], user=user)
    assert found(NUMBERS, numbers)["mean signed error difference"].where["counted by"] == "user"
    assert "different user" in section(NUMBERS, numbers).views[-1].frame


def test_a_limit_on_numbers_is_a_share_of_the_error_of_all_rows():
    gap = found(NUMBERS, prices(unfair=1.0), max_difference=0.25)["mean absolute error difference"]
    made = prices(unfair=1.0)
    assert gap.limit == pytest.approx(0.25 * np.abs(made.values - made.truth).mean())
    assert gap.status is Status.FAILED
    assert gap.where["highest"] == "b"
    assert gap.unit is Unit.NUMBER
    assert gap.where["of the error of all rows"].endswith("%")


def test_without_a_limit_numbers_are_only_measured():
    statuses = {one.status for one in found(NUMBERS, prices(unfair=1.0)).values()}
    assert statuses == {Status.MEASURED}


def test_what_is_said_is_compared_beside_what_is_true():
    made = prices(1000)
    frame = made.frame.assign(
        price=made.frame["price"] + np.where(made.frame["group"] == "b", 3.0, 0.0)
    )
    made = replace(made, table=replace(made.table, frame=frame))
    said = found(NUMBERS, made)["Wasserstein distance of what is said"]
    assert said.interval[0] < 3 < said.interval[1]
    assert "their true ones" in said.message
    wide = found(NUMBERS, made)["Kolmogorov-Smirnov distance of what is said"]
    assert wide.unit is Unit.POINTS
    assert 0.3 < wide.value < 0.8


def test_the_pictures_are_those_of_errors_by_group():
    views = section(NUMBERS, prices()).views
    assert [type(one) for one in views] == [Intervals, Table]
    assert views[0].title == "Mean absolute error by group"


@pytest.mark.parametrize(("name", "made"), [(CLASSES, animals), (NUMBERS, prices)])
def test_without_a_sensitive_column_there_is_nothing_to_compare(name: str, made):
    one = made()
    table = replace(one.table, schema=one.table.schema.with_sensitive(()))
    with pytest.raises(NotApplicable, match="no sensitive column"):
        list(CHECKS[name]().run(replace(one, table=table)))
