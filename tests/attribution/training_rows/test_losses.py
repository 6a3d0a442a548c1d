"""Slopes and bends of losses beside torch's own derivatives."""

import pytest
import torch

from auditkit.attribution.training_rows.losses import Logistic, Softmax, Squared
from auditkit.errors import UsageError

N = 7
CASES = {
    "squared": (Squared(unit=3.0), 2, torch.randn(N, 2, dtype=torch.float64)),
    "logistic": (Logistic(), 1, torch.arange(N) % 2),
    "smoothed logistic": (Logistic(smoothing=0.2), 1, torch.arange(N) % 2),
    "softmax": (Softmax(), 4, torch.arange(N) % 4),
    "smoothed softmax": (Softmax(smoothing=0.2), 4, torch.arange(N) % 4),
}


@pytest.mark.parametrize("name", CASES)
def test_slope_and_bend_are_torchs_own_derivatives(name):
    loss, k, targets = CASES[name]
    outputs = torch.randn(N, k, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(outputs, targets).sum(), outputs, create_graph=True)
    assert torch.allclose(loss.slope(outputs, targets), slope)
    moves = torch.randn(N, k, 3, dtype=torch.float64)
    for c in range(3):
        (bent,) = torch.autograd.grad((slope * moves[:, :, c]).sum(), outputs, retain_graph=True)
        assert torch.allclose(loss.bent(outputs, moves)[:, :, c], bent)


def test_an_error_of_two_deviations_costs_four():
    found = Squared(unit=5.0)(torch.tensor([13.0]), torch.tensor([3.0]))
    assert found.tolist() == [4.0]


def test_a_sure_network_still_has_a_bend():
    outputs = torch.tensor([[60.0]], dtype=torch.float64)
    bent = Logistic().bent(outputs, torch.ones(1, 1, 1, dtype=torch.float64))
    assert 0 < float(bent) < 1e-25  # 1 - p would be 0


def test_without_smoothing_it_is_the_plain_loss():
    assert Softmax(smoothing=0.1).plain == Softmax()
    assert Logistic(smoothing=0.1).plain == Logistic()
    assert Squared(unit=2.0).plain == Squared(unit=2.0)


def test_a_loss_that_makes_no_sense_is_refused():
    with pytest.raises(UsageError, match="unit"):
        Squared(unit=0.0)
    with pytest.raises(UsageError, match="smoothing"):
        Softmax(smoothing=1.5)
