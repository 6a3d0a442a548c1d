import pandas as pd
import pytest

from auditkit.data.schema import Column, Kind, Schema
from auditkit.errors import DataError
from auditkit.models.predictions import PredictionsModel


def answers(values, *, levels=("0", "1"), positive="1", score=False):
    schema = Schema(
        target=Column(name="y", kind=Kind.CATEGORICAL, levels=levels),
        positive=positive,
        features=(),
        sensitive=(),
    )
    model = PredictionsModel(
        name="m",
        where="m.csv",
        schema=schema,
        prediction=None if score else "p",
        score="p" if score else None,
    )
    outputs = model.outputs(pd.DataFrame({"p": values}))
    return outputs.scores if score else outputs.predictions


def test_predictions_are_read_in_the_targets_words():
    assert list(answers([0, 1, 1])) == [0, 1, 1]
    assert list(answers([0.0, 1.0])) == [0, 1]
    assert list(answers(["no", "yes"], levels=("no", "yes"), positive="yes")) == [0, 1]


def test_decisions_of_0_and_1_go_with_a_target_in_words():
    assert list(answers([0, 1], levels=("no", "yes"), positive="yes")) == [0, 1]


def test_true_and_false_go_with_a_target_of_0_and_1():
    assert list(answers([True, False])) == [1, 0]
    assert list(answers(["True", "FALSE"])) == [1, 0]


def test_a_favoured_zero_is_kept():
    assert list(answers([0, 1], positive="0")) == [1, 0]


def test_values_the_target_never_has_are_refused():
    with pytest.raises(DataError, match="did you mean 'yes'"):
        answers(["no", "yess"], levels=("no", "yes"), positive="yes")
    with pytest.raises(DataError, match=r"0\.5"):
        answers([0.5, 1.0])


def test_an_empty_prediction_is_refused_by_row():
    with pytest.raises(DataError, match="row 2"):
        answers([1.0, None])


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_scores_outside_0_and_1_are_refused(value):
    with pytest.raises(DataError, match=r"row 2"):
        answers([0.5, value], score=True)


def test_scores_that_are_text_are_refused():
    with pytest.raises(DataError, match="text"):
        answers(["high", "low"], score=True)
