import numpy as np
import pandas as pd

from auditkit.data.profile import fingerprinted, incomplete, seen_before


def arrays(*cells: object) -> pd.Series:
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        column[row] = cell
    return pd.Series(column)


STEPS = np.arange(6, dtype=np.float32)


def test_a_row_seen_before_agrees_in_every_column_whatever_its_type() -> None:
    train = pd.DataFrame({"n": [1, 2], "c": ["a", None]})
    later = pd.DataFrame({"n": [1.0, 2.0, 1.0], "c": ["a", np.nan, "b"]})
    assert seen_before(later, train, ("n", "c")).tolist() == [1, 1, 0]
    assert seen_before(later, train, ("n",)).tolist() == [1, 1, 1]


def test_a_column_named_twice_is_compared_once() -> None:
    speeches = pd.DataFrame({"text": ["one", "two"]})
    assert seen_before(speeches, speeches.iloc[:1], ("text", "text")).tolist() == [1, 0]


def test_arrays_are_seen_before_where_bytes_and_shape_agree() -> None:
    train = pd.DataFrame({"cell": arrays(STEPS.reshape(3, 2))})
    later = pd.DataFrame(
        {
            "cell": arrays(
                STEPS.reshape(3, 2).copy(),
                STEPS.reshape(2, 3),
                STEPS.reshape(2, 3).T,  # the shape, other bytes
                np.nextafter(STEPS, np.float32(9)).reshape(3, 2),
                STEPS.reshape(3, 2).view(np.int32),
            )
        }
    )
    assert seen_before(later, train, ("cell",)).tolist() == [1, 0, 0, 0, 0]


def test_long_texts_are_told_apart_by_their_last_letter() -> None:
    long = "word " * 20_000
    train = pd.DataFrame({"text": [long + "end"]})
    later = pd.DataFrame({"text": [long + "end", long + "ens"]})
    assert seen_before(later, train, ("text",)).tolist() == [1, 0]


def test_fingerprints_leave_what_is_no_array() -> None:
    plain = pd.Series(["a", None])
    assert fingerprinted(plain) is plain
    mixed = fingerprinted(arrays(STEPS, None, STEPS.copy()))
    assert mixed[0] == mixed[2]
    assert pd.isna(mixed[1])


def test_an_incomplete_row_lacks_a_cell_a_text_or_a_step() -> None:
    frame = pd.DataFrame(
        {
            "n": [1.0, np.nan, 1.0, 1.0, 1.0, 1.0],
            "text": ["a", "a", " ", "a", "a", "a"],
            "cell": arrays(STEPS, STEPS, STEPS, None, STEPS[:0], np.float32([1, np.nan])),
        }
    )
    assert incomplete(frame, ("n", "text", "cell")).tolist() == [0, 1, 1, 1, 1, 1]
    assert incomplete(frame, ("text",)).tolist() == [0, 0, 1, 0, 0, 0]
    assert incomplete(frame, ()).tolist() == [0] * 6


def test_an_image_of_zeros_is_complete() -> None:
    frame = pd.DataFrame({"image": arrays(np.zeros((1, 2, 2), dtype=np.uint8))})
    assert incomplete(frame, ("image",)).tolist() == [0]
