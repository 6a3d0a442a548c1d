import json
import math
from time import process_time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.data.encoding import TableEncoder
from auditkit.data.schema import Column, Kind, Schema
from auditkit.errors import DataError

SCHEMA = Schema(
    target=Column(name="y", kind=Kind.CATEGORICAL),
    positive="1",
    features=(
        Column(name="job", kind=Kind.CATEGORICAL),
        Column(name="age", kind=Kind.NUMERIC),
        Column(name="pay", kind=Kind.NUMERIC),
        Column(name="town", kind=Kind.CATEGORICAL),
    ),
    sensitive=(),
)
TRAINING = pd.DataFrame(
    {
        "job": ["cook", "clerk", None, "cook"],
        "age": [20.0, 40.0, np.nan, 60.0],
        "pay": [1.0, 2.0, 3.0, np.inf],
        "town": [10, 2, 2, 10],
    }
)


def test_numbers_are_standardised_by_the_known_training_values() -> None:
    encoder = TableEncoder.fit(TRAINING, SCHEMA)
    age, pay = encoder.numeric
    assert (age.mean, age.median) == (40.0, 40.0)
    assert age.deviation == pytest.approx(math.sqrt(800 / 3))
    assert (pay.mean, pay.median) == (2.0, 2.0)
    found = encoder.transform(TRAINING)
    assert found.numeric.dtype == np.float32
    step = math.sqrt(1.5)  # 20 over a deviation of sqrt(800 / 3)
    assert found.numeric[:, 0] == pytest.approx([-step, 0, 0, step])
    assert found.missing.tolist() == [[0, 0], [0, 0], [1, 0], [0, 1]]
    assert found.numeric[3, 1] == 0.0  # infinite pay counts as missing: the median


def test_levels_are_coded_in_order_and_missing_is_not_never_seen() -> None:
    encoder = TableEncoder.fit(TRAINING, SCHEMA)
    job, town = encoder.categorical
    assert job.levels == ("clerk", "cook")
    assert town.levels == ("2", "10")  # by number, not by text
    assert encoder.cardinalities == (4, 4)
    new = pd.DataFrame(
        {"job": ["cook", "baker", None], "age": 1, "pay": 1, "town": ["10", 2.0, np.nan]}
    )
    found = encoder.transform(new).categorical
    assert found.dtype == np.int64
    assert found.tolist() == [[3, 3], [0, 2], [1, 1]]
    assert encoder.unseen(new) == {"job": 1, "town": 0}


def test_only_training_rows_count() -> None:
    encoder = TableEncoder.fit(TRAINING, SCHEMA)
    before = encoder.to_dict()
    encoder.transform(TRAINING.assign(age=1e9, job="astronaut"))
    assert encoder.to_dict() == before


def test_rare_levels_may_be_left_out() -> None:
    encoder = TableEncoder.fit(TRAINING, SCHEMA, min_count=2)
    assert encoder.categorical[0].levels == ("cook",)
    assert encoder.transform(TRAINING).categorical[:, 0].tolist() == [2, 0, 1, 2]


def test_edges_are_quantiles_on_the_standardised_scale() -> None:
    frame = TRAINING.iloc[[0] * 101].assign(age=np.arange(101.0), pay=0.0)
    encoder = TableEncoder.fit(frame, SCHEMA, bins=4)
    assert encoder.numeric[0].edges == (0.0, 25.0, 50.0, 75.0, 100.0)
    age, pay = encoder.edges
    values = encoder.transform(frame).numeric[:, 0]
    assert age == pytest.approx(values[[0, 25, 50, 75, 100]])
    assert len(pay) == 2  # a constant still has one bin, of some width
    assert pay[1] > pay[0]


def test_edges_that_ties_leave_over_go_to_the_distinct_values() -> None:
    frame = TRAINING.iloc[[0] * 100].assign(pay=[0.0] * 90 + list(range(1, 11)))
    edges = TableEncoder.fit(frame, SCHEMA, bins=8).numeric[1].edges
    assert list(edges) == sorted(set(edges))
    assert (edges[0], edges[-1]) == (0.0, 10.0)
    assert 5 < len(edges) <= 9  # quantiles of the rows alone give 0 and 10


def test_text_in_a_numeric_column_is_named_with_its_row() -> None:
    encoder = TableEncoder.fit(TRAINING, SCHEMA)
    wrong = TRAINING.assign(age=["20", None, "unknown", "4x"])
    with pytest.raises(DataError, match=r"column 'age' should hold numbers; row 3 has 'unknown'"):
        encoder.transform(wrong)
    with pytest.raises(DataError, match="column 'age' should hold numbers"):
        TableEncoder.fit(wrong, SCHEMA)


def test_numbers_written_as_text_and_truth_values_are_numbers() -> None:
    encoder = TableEncoder.fit(TRAINING, SCHEMA)
    text = TRAINING.assign(age=["20", "40", None, "60"])
    assert (encoder.transform(text).numeric == encoder.transform(TRAINING).numeric).all()
    flags = TRAINING.assign(age=[True, False, True, False])
    assert TableEncoder.fit(flags, SCHEMA).numeric[0].mean == 0.5


def test_an_absent_column_is_named() -> None:
    encoder = TableEncoder.fit(TRAINING, SCHEMA)
    with pytest.raises(DataError, match=r"no column 'town' in new\.csv"):
        encoder.transform(TRAINING.drop(columns="town"), "new.csv")


def test_a_column_without_any_known_value_is_encoded_as_missing_everywhere() -> None:
    frame = TRAINING.assign(age=np.nan, job=None)
    found = TableEncoder.fit(frame, SCHEMA).transform(frame)
    assert found.missing[:, 0].all()
    assert (found.numeric[:, 0] == 0).all()
    assert (found.categorical[:, 0] == 1).all()


def test_absurd_values_stay_finite() -> None:
    encoder = TableEncoder.fit(TRAINING, SCHEMA)
    absurd = TRAINING.assign(age=[1e308, -1e308, 0.0, 0.0])
    assert np.isfinite(encoder.transform(absurd).numeric).all()
    assert np.isfinite(TableEncoder.fit(absurd, SCHEMA).transform(absurd).numeric).all()


FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(FLOATS, st.one_of(st.none(), st.text(max_size=4))), min_size=1))
def test_any_column_is_encoded_finitely_and_survives_json(
    rows: list[tuple[float, str | None]],
) -> None:
    frame = pd.DataFrame({"age": [one for one, _ in rows], "job": [job for _, job in rows]})
    schema = Schema(target=SCHEMA.target, positive="1", features=SCHEMA.features[:2], sensitive=())
    encoder = TableEncoder.fit(frame.astype({"job": object}), schema)
    found = encoder.transform(frame)
    assert np.isfinite(found.numeric).all()
    assert found.categorical.min() >= 1  # the training rows hold nothing never seen
    assert found.categorical.max() < encoder.cardinalities[0]
    assert all(np.isfinite(edges).all() for edges in encoder.edges)
    again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    assert again == encoder


def test_a_saved_encoder_that_was_tampered_with_is_refused() -> None:
    saved = TableEncoder.fit(TRAINING, SCHEMA).to_dict()
    broken = [{}, {"numeric": []}, {**saved, "numeric": [{**saved["numeric"][0], "deviation": 0}]}]
    broken.append({**saved, "numeric": [{**saved["numeric"][0], "edges": [1.0]}]})
    broken.append({**saved, "categorical": [{"name": "x"}]})
    for raw in broken:
        with pytest.raises(DataError, match="not one that auditkit wrote"):
            TableEncoder.from_dict(raw)


def test_fifty_thousand_rows_are_encoded_in_a_fifth_of_a_second() -> None:
    rng = np.random.default_rng(0)
    n = 50_000
    levels = np.array([f"level {index}" for index in range(40)])
    numeric = {f"n{index}": rng.normal(size=n) for index in range(5)}
    text = {f"c{index}": levels[rng.integers(40, size=n)] for index in range(8)}
    frame = pd.DataFrame({**numeric, **text})
    columns = tuple(
        Column(name=name, kind=Kind.NUMERIC if name in numeric else Kind.CATEGORICAL)
        for name in frame
    )
    schema = Schema(target=SCHEMA.target, positive="1", features=columns, sensitive=())
    encoder = TableEncoder.fit(frame, schema)
    start = process_time()
    encoder.transform(frame)
    assert process_time() - start < 0.2
