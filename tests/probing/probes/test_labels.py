import numpy as np
import pandas as pd
import pytest

from auditkit.errors import DataError
from auditkit.probing.probes.labels import labels_of


def test_texts_truths_and_whole_numbers_are_classes_and_others_numbers() -> None:
    assert labels_of(["b", "a"] * 10).levels == ("a", "b")
    assert labels_of(np.array([True, False] * 10)).levels == ("False", "True")
    assert labels_of([3, 7] * 10).values.tolist() == [0, 1] * 10
    assert not labels_of(np.arange(20) / 2).classes


def test_the_majority_is_the_share_of_the_commonest_class() -> None:
    assert labels_of([0] * 30 + [1] * 10).majority == 0.75
    assert np.isnan(labels_of(np.arange(20) / 2).majority)


def test_rows_are_picked_with_their_owners() -> None:
    labels = labels_of([0, 1] * 10, whose=["x", "x", "y", "y"] * 5)
    some = labels.at(np.array([3, 0]))
    assert some.values.tolist() == [1, 0]
    assert some.whose is not None
    assert some.whose.tolist() == [1, 0]


def test_rows_without_an_owner_are_one_persons() -> None:
    labels = labels_of([0, 1] * 10, whose=np.array(["x", None, "y", None] * 5, dtype=object))
    assert labels.whose is not None
    assert labels.whose[1] == labels.whose[3] == 2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([], "has no rows"),
        (pd.Series([1.0, None]), "lacks 1 of 2 values"),
        ([[1, 2], [3, 4]], r"shape \(2, 2\)"),
        (["a"] * 30, "every row of votes is 'a'"),
        ([2.5] * 30, r"every row of votes is 2\.5"),
        ([0.5, np.inf], "inf in row 2"),
        (["a"] * 30 + ["b"] * 9, "class 'b' of votes has 9 rows"),
        (np.arange(30), "class '0' of votes has 1 rows among 30"),
    ],
)
def test_what_no_probe_can_read_is_said_in_one_sentence(values: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        labels_of(values, name="votes")  # type: ignore[arg-type]


def test_as_many_owners_as_labels() -> None:
    with pytest.raises(DataError, match="3 owners for 20 labels"):
        labels_of([0, 1] * 10, whose=[1, 2, 3])
