import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal
from torch import Tensor, nn
from torch.nn import functional as F

from auditkit.errors import DataError, ModelError, UsageError
from auditkit.probing.units.gradients import gradient_flow


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs, targets, reduction="none")


def deep(activation: type[nn.Module], *, seed: int = 0, grown: float = 1.0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for width in [10] + [32] * 12:
            layers += [nn.Linear(width, 32), activation()]
        model = nn.Sequential(*layers, nn.Linear(32, 3))
    with torch.no_grad():
        for one in model:
            if isinstance(one, nn.Linear):
                nn.init.kaiming_normal_(
                    one.weight, generator=torch.Generator().manual_seed(seed + one.in_features)
                )
                one.weight *= grown
    return model


def batches(size: int = 200) -> list[tuple[tuple[Tensor, ...], Tensor]]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 10, generator=generator)
    y = torch.randint(3, (200,), generator=generator)
    return [((x[i : i + size],), y[i : i + size]) for i in range(0, 200, size)]


@pytest.mark.parametrize("seed", range(3))
def test_a_deep_net_of_sigmoids_vanishes_and_one_of_rectifiers_does_not(seed: int):
    sigmoids = gradient_flow(deep(nn.Sigmoid, seed=seed), batches(), loss)
    assert sigmoids.verdict == "vanishing"
    assert sigmoids.reach < 1e-4
    assert gradient_flow(deep(nn.ReLU, seed=seed), batches(), loss).verdict == "even"


def test_weights_that_are_too_large_explode():
    found = gradient_flow(deep(nn.Hardtanh, grown=1e-3), batches(), loss)
    assert found.verdict == "vanishing"
    assert gradient_flow(deep(nn.Identity, grown=3), batches(), loss).verdict == "exploding"


def test_the_numbers_of_a_linear_model_are_known():
    """The gradient of (w x)^2 / 2 at w = 2: by w it is w x x, by what the layer gives w x."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.fill_(2.0)
    x = torch.tensor([[1.0], [2.0], [3.0]])
    found = gradient_flow(model, [((x,), x)], lambda out, _: out[:, 0] ** 2 / 2).frame.iloc[0]
    assert found["relative"] == pytest.approx((2 + 8 + 18) / 3 / 2)
    assert found["typical"] == pytest.approx(4)
    assert found["low"] == pytest.approx(2.2)
    assert found["rows"] == 3


def test_batches_are_one_whole():
    model = deep(nn.Tanh)
    whole, parts = (gradient_flow(model, batches(size), loss).frame for size in (200, 64))
    assert np.allclose(whole.iloc[:, 1:].astype(float), parts.iloc[:, 1:].astype(float), rtol=1e-4)


def test_units_that_no_row_teaches_are_counted():
    model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(torch.tensor([-1.0] * 3 + [1.0] * 5))
    found = gradient_flow(model, batches(64), loss).frame
    assert list(found["zero"]) == [3 / 8, 0]


def test_a_unit_that_one_batch_teaches_is_taught():
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        model[0].bias.zero_()
    there, back = torch.ones(5, 1), -torch.ones(5, 1)
    wanted = torch.zeros(5, dtype=torch.long)
    assert gradient_flow(model, [((there,), wanted)], loss).frame["zero"][0] == 0.5
    both = [((there,), wanted), ((back,), wanted)]
    assert gradient_flow(model, both, loss).frame["zero"][0] == 0


def test_layers_are_chosen_by_name_and_the_model_is_left_as_it_came():
    model = deep(nn.ReLU).train()
    model[4].weight.requires_grad_(False)
    found = gradient_flow(model, batches(), loss, layers=["1", "4"])
    assert list(found.frame["layer"]) == ["1", "4"]
    assert np.isnan(found.frame["relative"][0])  # an activation has no weights
    assert found.ends == ("1", "4")
    assert model.training
    assert not model[4].weight.requires_grad
    assert model[0].weight.requires_grad
    assert all(one.grad is None for one in model.parameters())
    assert not any(one._forward_hooks for one in model.modules())


def test_recurrent_layers_and_embeddings_are_followed():
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(5, 4)
            self.lstm = nn.LSTM(4, 6, batch_first=True)
            self.out = nn.Linear(6, 3)

        def forward(self, tokens: Tensor) -> Tensor:
            return self.out(self.lstm(self.embedding(tokens))[0][:, -1])

    tokens = torch.randint(5, (20, 7), generator=torch.Generator().manual_seed(0))
    found = gradient_flow(Reader(), [((tokens,), torch.zeros(20, dtype=torch.long))], loss)
    assert list(found.frame["layer"]) == ["embedding", "lstm", "out"]
    assert (found.frame[["relative", "typical"]] > 0).all(axis=None)


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_whatever_it_is_asked_under_gradients_are_the_same(around):
    model = deep(nn.Tanh)
    with around():
        found = gradient_flow(model, [*batches(64)], loss)
    assert_frame_equal(found.frame, gradient_flow(model, batches(64), loss).frame)


def test_what_cannot_be_asked_is_said():
    model = deep(nn.ReLU)
    with pytest.raises(ModelError, match='reduction="none"'):
        gradient_flow(model, batches(), nn.CrossEntropyLoss())
    with pytest.raises(DataError, match="no batches"):
        gradient_flow(model, [], loss)
    with pytest.raises(UsageError, match="no layer 'x'"):
        gradient_flow(model, batches(), loss, layers="x")
    with pytest.raises(ModelError, match="no layer with weights"):
        gradient_flow(nn.Sequential(nn.ReLU()), batches(), loss)
