import pandas as pd
import pytest

from auditkit.data.inference import infer_schema
from auditkit.data.schema import Kind
from auditkit.errors import AuditkitError, DataError, UsageError

PEOPLE = pd.DataFrame(
    {
        "id": range(24),
        "age": [20, 30, 40, 50, 60, 70] * 4,
        "job": ["cook", "clerk"] * 12,
        "sex": ["F", "M", "M"] * 8,
        "income": ["<=50K", ">50K", "<=50K"] * 8,
    }
)


def complaint(kind: type[AuditkitError], frame: pd.DataFrame = PEOPLE, **chosen: object) -> str:
    words = {"target": "income", "sensitive": ["sex"], "positive": ">50K", "where": "people.csv"}
    with pytest.raises(kind) as caught:
        infer_schema(frame, **{**words, **chosen})  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_features_are_all_other_columns_in_file_order_by_kind() -> None:
    schema = infer_schema(
        PEOPLE, target="income", positive=">50K", sensitive=["sex"], exclude=["id"]
    )
    assert schema.feature_names == ("age", "job")
    assert [one.kind for one in schema.features] == [Kind.NUMERIC, Kind.CATEGORICAL]
    assert schema.target.levels == ("<=50K", ">50K")
    assert schema.sensitive[0].levels == ("F", "M")


def test_features_may_be_named_and_may_be_sensitive() -> None:
    schema = infer_schema(
        PEOPLE, target="income", positive=">50K", sensitive=["sex"], features=["sex", "age"]
    )
    assert schema.feature_names == ("sex", "age")


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        ([0, 1], "1"),
        ([0.0, 1.0], "1"),
        ([False, True], "true"),
        (["false", "true"], "true"),
        (["False", "True"], "True"),
        (["0", "1"], "1"),
    ],
)
def test_the_positive_value_of_an_obvious_target_need_not_be_named(
    values: list[object], positive: str
) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": values})
    assert infer_schema(frame, target="y", features=["x"]).positive == positive


def test_a_positive_number_may_be_typed_either_way() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 2.0]})
    assert infer_schema(frame, target="y", positive="2.0").positive == "2"
    assert infer_schema(frame, target="y", positive="2").positive == "2"


def test_more_than_two_values_are_the_positive_one_against_the_rest() -> None:
    frame = pd.DataFrame({"x": [1, 2, 3], "grade": ["A", "B", "C"]})
    schema = infer_schema(frame, target="grade", positive="B")
    assert (schema.positive, schema.target.levels) == ("B", ("A", "B", "C"))


def test_a_misspelt_column_is_suggested() -> None:
    assert "did you mean 'income'?" in complaint(DataError, target="incom")
    assert "did you mean 'sex'?" in complaint(DataError, sensitive=["sexx"])
    assert "there are id, age" in complaint(DataError, features=["zip"])
    assert "people.csv" in complaint(DataError, exclude=["nowhere"])


def test_a_constant_target_leaves_nothing_to_predict() -> None:
    assert "one value '>50K'" in complaint(DataError, PEOPLE.assign(income=">50K"))


def test_a_missing_target_is_counted_and_placed() -> None:
    income = PEOPLE["income"].where(~PEOPLE["id"].isin([4, 9]))
    message = complaint(DataError, PEOPLE.assign(income=income))
    assert "missing in 2 of 24 rows" in message
    assert "first in row 5" in message


def test_a_positive_value_that_is_wanted_and_not_given_lists_the_values() -> None:
    message = complaint(UsageError, positive=None)
    assert "<=50K, >50K" in message
    assert "--positive" in message


def test_a_positive_value_that_never_occurs_is_suggested() -> None:
    assert "did you mean '>50K'?" in complaint(UsageError, positive=">50k")


@pytest.mark.parametrize("empty", [None, float("nan"), ""])
def test_an_empty_sensitive_column(empty: object) -> None:
    assert "empty in all 24 rows" in complaint(DataError, PEOPLE.assign(sex=empty))


def test_too_many_groups_ask_for_fewer() -> None:
    towns = pd.DataFrame(
        {"x": range(60), "town": [f"town {n}" for n in range(60)], "y": [0, 1] * 30}
    )
    message = complaint(DataError, towns, target="y", sensitive=["town"], positive="1")
    assert "60 levels" in message
    assert "more than 50" in message


def test_a_target_cannot_play_two_parts() -> None:
    assert "among the features" in complaint(UsageError, features=["age", "income"])
    assert "both target and sensitive" in complaint(UsageError, sensitive=["income"])
    assert "named twice" in complaint(UsageError, features=["age", "age"])


def test_no_feature_is_left() -> None:
    frame = PEOPLE[["sex", "income"]]
    assert "no feature is left" in complaint(DataError, frame)


def test_numbers_with_many_values_are_cut_at_quartiles_and_few_are_levels() -> None:
    frame = pd.DataFrame(
        {"age": range(100), "size": [2, 10, 9, 10] * 25, "y": [0, 1] * 50, "x": range(100)}
    )
    schema = infer_schema(frame, target="y", sensitive=["age", "size"])
    age, size = schema.sensitive
    assert age.bands == (25.0, 50.0, 74.0)
    assert (size.levels, size.bands) == (("2", "9", "10"), ())
