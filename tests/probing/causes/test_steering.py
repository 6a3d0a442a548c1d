"""Moving a layer along a direction moves the answer where it is read, and nothing elsewhere."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auditkit.errors import DataError, UsageError
from auditkit.probing.causes.steering import steer
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu")
STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)


def reading(direction: Tensor) -> nn.Module:
    model = nn.Sequential(nn.Identity(), nn.Linear(len(direction), 1, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(direction[None])
    return model


def test_the_slope_of_a_linear_answer_by_hand():
    model = reading(torch.tensor([3.0, 4.0]))
    found = steer(model, "0", [1.0, 2.0], STRENGTHS, torch.randn(20, 2), runtime=RUNTIME)
    assert found.slope.value == pytest.approx(11.0, abs=1e-4)
    at_rest = found.frame.loc[found.frame["strength"] == 0, "answer"].iloc[0]
    last = found.frame["answer"].iloc[-1]
    assert last - at_rest == pytest.approx(22.0, abs=1e-3)


def test_a_planted_direction_is_found_and_one_that_is_not_read_is_silent():
    for seed in range(5):
        torch.manual_seed(seed)
        read = nn.functional.normalize(torch.randn(20), dim=0)
        other = torch.randn(20)
        other = nn.functional.normalize(other - (other @ read) * read, dim=0)
        x = torch.randn(30, 20)
        found = steer(reading(read), "0", read, STRENGTHS, x, runtime=RUNTIME)
        assert found.p == pytest.approx(1 / 40)
        assert found.slope.value == pytest.approx(1.0, abs=1e-4)
        silent = steer(reading(read), "0", other, STRENGTHS, x, runtime=RUNTIME)
        assert silent.p > 0.9
        assert abs(silent.slope.value) < 1e-5


def test_random_directions_are_as_long_and_lie_about_nought():
    torch.manual_seed(0)
    read = torch.ones(50)
    found = steer(
        reading(read), "0", read, (0.0, 1.0), torch.randn(5, 50), draws=200, runtime=RUNTIME
    )
    # Along a random unit vector the slope has deviation 1 / sqrt(50), here times 50.
    assert np.std(found.random) == pytest.approx(50 / np.sqrt(50), rel=0.15)
    assert abs(np.mean(found.random)) < 1.5


@pytest.mark.parametrize("shape", [(4, 3), (3, 2, 2)])
def test_a_direction_is_added_at_every_step_and_place(shape: tuple[int, ...]):
    model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(12, 1, bias=False))
    with torch.no_grad():
        model[2].weight.fill_(1.0)
    found = steer(
        model, "0", [1.0, 0.0, 0.0], (0, 1), torch.randn(5, *shape), draws=3, runtime=RUNTIME
    )
    assert found.slope.value == pytest.approx(4.0, abs=1e-4)


def test_what_leads_nowhere_is_said_in_one_sentence():
    model, x = reading(torch.ones(3)), torch.randn(5, 3)
    with pytest.raises(UsageError, match=r"give \(3,\)"):
        steer(model, "0", [1.0, 2.0], STRENGTHS, x)
    with pytest.raises(UsageError, match="leads nowhere"):
        steer(model, "0", [0.0] * 3, STRENGTHS, x)
    with pytest.raises(UsageError, match="give two or more"):
        steer(model, "0", [1.0] * 3, [1.0], x)


def test_answers_that_are_nan_lean_nowhere():
    model, inputs = reading(torch.tensor([3.0, 4.0])), torch.randn(20, 2)
    model[1].weight.data[0, 1] = np.nan
    with pytest.raises(DataError, match="the answer is NaN or infinite for some rows"):
        steer(model, "0", [1.0, 2.0], STRENGTHS, inputs, runtime=RUNTIME)
