import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal
from torch import nn

from auditkit.errors import DataError, UsageError
from auditkit.probing.units.excitation import exciting


class Echo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, inputs: torch.Tensor, *_others: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs)


def test_the_rows_that_excite_a_unit_most_are_found_over_batches():
    x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    whole = exciting(Echo(), "layer", [2, 0], [x], k=5).frame
    parts = exciting(Echo(), "layer", [2, 0], [x[:7], x[7:8], x[8:]], k=5)
    assert_frame_equal(parts.frame, whole)
    assert parts.rows == 100
    order = np.argsort(-x[:, 2].numpy())[:5]
    assert list(whole["row"][whole["unit"] == 2]) == list(order)
    top = float((x[order[0], 2] - x[:, 2].mean()) / x[:, 2].std(correction=0))
    assert whole["times"][0] == pytest.approx(top, rel=1e-4)
    assert (whole[["step", "map_row", "map_column"]] == -1).all(axis=None)


def test_of_equal_rows_the_first_stays():
    x = torch.ones(4000, 1)
    found = exciting(Echo(), "layer", 0, [x[:3000], x[3000:]], k=20).frame
    assert list(found["row"]) == list(range(20))


def test_a_unit_may_be_numpys_and_a_pattern_of_several_layers_is_refused():
    found = exciting(Echo(), "layer", np.int64(1), [torch.eye(3)], k=1).frame
    assert list(found["row"]) == [1]
    with pytest.raises(UsageError, match="means 2 layers"):
        exciting(torch.nn.Sequential(Echo(), Echo()), "*", 0, [torch.eye(3)])


def test_the_place_in_a_map_is_told():
    maps = torch.zeros(4, 2, 5, 7)
    maps[2, 1, 3, 6] = 9.0
    line = exciting(Echo(), "layer", 1, [maps], k=1).frame.iloc[0]
    assert (line["row"], line["map_row"], line["map_column"], line["step"]) == (2, 3, 6, -1)


def test_the_step_is_told_and_padding_does_not_count():
    steps = torch.zeros(3, 4, 2)
    steps[1, 2, 0] = 5.0
    steps[0, 3, 0] = 8.0  # behind the end of its row
    lengths = torch.tensor([2, 3, 4])
    batch = (steps, lengths)
    line = exciting(Echo(), "layer", 0, [batch], k=1, lengths=lambda given: given[1]).frame.iloc[0]
    assert (line["row"], line["step"], line["activation"]) == (1, 2, 5)
    padded = exciting(Echo(), "layer", 0, [batch], k=1).frame.iloc[0]
    assert (padded["row"], padded["step"]) == (0, 3)


def test_what_cannot_be_asked_is_said():
    x = torch.zeros(3, 4)
    with pytest.raises(UsageError, match="no unit 4 in layer 'layer': it has 4, 0 to 3"):
        exciting(Echo(), "layer", 4, [x])
    with pytest.raises(UsageError, match="no layer 'lyer'"):
        exciting(Echo(), "lyer", 0, [x])
    with pytest.raises(UsageError, match="k is 0"):
        exciting(Echo(), "layer", 0, [x], k=0)
    with pytest.raises(DataError, match="no batches"):
        exciting(Echo(), "layer", 0, [])
    with pytest.raises(DataError, match="gives NaN"):
        exciting(Echo(), "layer", 0, [x * torch.nan])
