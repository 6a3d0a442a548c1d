"""What the check of subgroups says, of every kind of answer and of what it could not see."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.subgroups import UnnamedSubgroups
from auditkit.data.schema import Column, Kind, Task
from auditkit.errors import NotApplicable
from auditkit.models.predictor import Decisions, Numbers
from auditkit.results import Finding, Section, Status, Unit
from auditkit.subject import Subject
from tests.answers import animals, schema_of, told
from tests.checks.test_every_check import sliced
from tests.subjects import generator, quadrants, subject


def findings(made: Subject, **limits) -> list[Finding]:
    found = list(UnnamedSubgroups(**{"max_difference": 0.1, **limits}).run(made))
    assert isinstance(found[-1], Section)
    return [one for one in found if isinstance(one, Finding)]


def test_a_slice_is_one_sentence_with_its_rows_and_how_it_was_found():
    one, *others = findings(sliced(worse=0.4))
    assert not others
    assert one.status is Status.FAILED
    assert one.message.startswith(f"Of the {one.n} rows with age under 28 and trade = a, ")
    assert (
        "found on one half of the rows, confirmed on the other: p below .001 after correction"
        in one.message
    )
    assert one.where["slice"] == "age under 28 and trade = a"
    assert one.unit is Unit.POINTS
    assert one.interval[0] > one.limit == 0.1
    assert one.p_value < 0.05


def test_a_slice_within_the_limit_passes_and_without_one_is_measured():
    made = sliced(worse=0.4)
    assert findings(made, max_difference=0.6)[0].status is Status.PASSED
    assert findings(made, max_difference=None)[0].status is Status.MEASURED


def test_without_a_limit_of_yours_no_slice_fails_an_audit():
    assert UnnamedSubgroups().max_difference is None


def test_where_nothing_is_confirmed_it_says_what_would_have_been():
    one = findings(sliced(worse=0.0))[0]
    assert one.status is Status.PASSED
    assert "That does not say that there is none" in one.message
    assert "in a slice of 5.0 % of the rows" in one.message
    assert 0.02 < one.value < 0.1
    assert one.p_value == 1


def test_too_few_rows_to_see_the_limit_pass_nothing():
    one = findings(sliced(worse=0.0, n=1000))[0]
    assert one.status is Status.MEASURED
    assert one.value > 0.1
    assert np.isnan(one.p_value)  # Holm's correction hears nothing of it


def test_of_positives_and_of_negatives_alone():
    made = sliced(worse=0.4)
    for errors, said in (("missed", "positive rows"), ("false alarms", "negative rows")):
        one = findings(made, errors=errors)[0]
        assert f" {said} with age under 2" in one.message
        assert one.status is Status.FAILED


def test_of_classes_and_by_a_sensitive_column():
    one = findings(animals(4000, right=0.9, unfair=0.4))[0]
    assert one.where["slice"] == "group = b"
    assert one.status is Status.FAILED


def test_errors_of_numbers_are_measured_in_their_unit():
    rng = np.random.default_rng(0)
    size, group = rng.normal(size=4000), rng.choice(["a", "b"], size=4000)
    frame = pd.DataFrame({"size": size, "group": group, "price": size})

    def say(rows: pd.DataFrame) -> Numbers:
        noise = np.random.default_rng(1).normal(size=len(rows))
        return Numbers(values=rows["price"].to_numpy() + noise * (1 + 2 * (rows["group"] == "b")))

    schema = schema_of(
        Column(name="price", kind=Kind.NUMERIC), Column(name="size", kind=Kind.NUMERIC)
    )
    one = findings(told(frame, schema, Task.NUMBER, say))[0]
    assert one.message.startswith(f"On the {one.n:,} rows with group = b the model is off by 2.")
    assert (one.status, one.unit) == (Status.MEASURED, Unit.NUMBER)


def reviews(*, beside: bool) -> Subject:
    """Texts judged worse in one department, with or without that column beside them."""
    rng = np.random.default_rng(2)
    department = rng.choice(["Tops", "Dresses", "Trend"], size=4000)
    liked = rng.integers(2, size=4000)
    frame = pd.DataFrame({"text": "a coat", "liked": liked, "department": department})
    wrong = rng.random(4000) < np.where(department == "Trend", 0.5, 0.1)
    said = np.where(wrong, 1 - liked, liked).astype(np.int8)
    schema = schema_of(
        Column(name="liked", kind=Kind.CATEGORICAL, levels=("0", "1")),
        Column(name="text", kind=Kind.TEXT),
        positive="1",
    ).with_sensitive([])
    frame = frame if beside else frame.drop(columns="department")
    return told(frame, schema, Task.DECISION, lambda rows: Decisions(predictions=said))


def test_of_texts_the_slices_are_by_what_stands_beside_them():
    assert findings(reviews(beside=True))[0].where["slice"] == "department = Trend"
    with pytest.raises(NotApplicable, match="no column is known"):
        findings(reviews(beside=False))


def test_a_models_answers_are_no_condition():
    made = reviews(beside=True)
    schema = made.table.schema
    label = made.labels
    frame = made.frame.assign(said=made.predictions, score=0.5)
    answers = subject(frame, sensitive=(), prediction="said", score=None, target="liked")
    answers = replace(answers, table=replace(answers.table, schema=schema))
    assert (answers.labels == label).all()
    assert findings(answers)[0].where["slice"] == "department = Trend"


def test_persons_are_never_on_both_sides():
    made = sliced(worse=0.4, n=4000)
    frame = made.frame.assign(person=np.arange(4000) // 40)
    made = replace(made, table=replace(made.table, frame=frame, apart="person"))
    one = findings(made)[0]
    assert one.n % 1 == 0
    assert one.where["slice"] == "age under 28 and trade = a"


def test_it_has_no_say_of_images_that_are_made_nor_of_a_model_that_is_always_right():
    with pytest.raises(NotApplicable):
        findings(generator(quadrants(100, seed=0)))
    right = sliced(worse=0.0).frame.assign(prediction=lambda frame: frame["label"])
    with pytest.raises(NotApplicable, match="no row is served worse"):
        findings(subject(right, features=("age",)))
