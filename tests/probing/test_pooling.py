"""One vector a row, of its own steps alone; hand-worked."""

import pytest
import torch

from auditkit.errors import DataError, UsageError
from auditkit.probing import vectors

STEPS = torch.tensor([[[1.0, -1], [3, -5], [100, 100]], [[2, 2], [4, 0], [6, 7]]])
LENGTHS = torch.tensor([2, 3])


@pytest.mark.parametrize(
    ("pool", "first", "second"),
    [
        ("mean", [2, -3], [4, 3]),
        ("max", [3, -1], [6, 7]),
        ("last", [3, -5], [6, 7]),
        ("first", [1, -1], [2, 2]),
        ("flat", [1, -1, 3, -5, 0, 0], [2, 2, 4, 0, 6, 7]),
    ],
)
def test_steps_are_pooled_within_each_rows_length(
    pool: str, first: list[float], second: list[float]
):
    assert vectors(STEPS, LENGTHS, pool=pool).tolist() == [first, second]
    whole = vectors(STEPS[1:], pool=pool)
    assert whole.tolist() == [second]


def test_what_stands_behind_a_rows_end_does_not_matter_whatever_it_is():
    padded = STEPS.clone()
    padded[0, 2] = torch.nan
    for pool in ("mean", "max", "last", "first", "flat"):
        assert torch.equal(vectors(padded, LENGTHS, pool=pool), vectors(STEPS, LENGTHS, pool=pool))


def test_maps_are_pooled_over_their_places_and_rows_stay_as_they_are():
    maps = torch.arange(16.0).view(1, 2, 2, 2, 2)
    assert vectors(maps[:, :, 0]).tolist() == [[1.5, 9.5]]
    assert vectors(maps, pool="max").tolist() == [[7, 15]]
    assert vectors(maps, pool="flat").shape == (1, 16)
    assert torch.equal(vectors(STEPS[:, 0]), STEPS[:, 0])
    assert vectors(torch.arange(3.0)).tolist() == [[0], [1], [2]]


def test_axis_says_where_the_steps_are():
    heads = STEPS.view(2, 3, 2, 1).transpose(1, 2)  # (n, heads, T, d)
    assert vectors(heads, LENGTHS, axis=2).tolist() == [[2, -3], [4, 3]]


def test_long_sums_in_half_precision_do_not_overflow():
    steps = torch.full((1, 100, 1), 60_000, dtype=torch.float16)
    assert float(vectors(steps)) == pytest.approx(60_000, rel=1e-3)
    assert float(vectors(steps, torch.tensor([90]))) == pytest.approx(60_000, rel=1e-3)


def test_numbers_that_are_none_are_told_with_their_row():
    wrong = torch.tensor([[0.0], [torch.nan], [torch.inf]])
    with pytest.raises(DataError, match=r"row 2 .* holds NaN or infinity \(2 of 3 rows do\)"):
        vectors(wrong)


@pytest.mark.parametrize(
    ("lengths", "told"),
    [([0, 3], "row 1 has length 0"), ([2, 4], "row 2 has length 4"), ([1], "for 2 rows")],
)
def test_lengths_that_do_not_fit_are_refused(lengths: list[int], told: str):
    with pytest.raises(DataError, match=told):
        vectors(STEPS, torch.tensor(lengths))


def test_an_unknown_pool_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="no pool 'sum': there are mean, max"):
        vectors(STEPS, pool="sum")
