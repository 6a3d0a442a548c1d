import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from auditkit.errors import ModelError, UsageError
from auditkit.probing.probes.labels import labels_of
from auditkit.probing.probes.reading import read
from auditkit.probing.recording import record
from auditkit.probing.untrained import untrained_twin
from auditkit.runtime import Runtime


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 3))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: one.clone() for name, one in model.state_dict().items()}


class Positions(nn.Module):
    """A weight that no part knows how to draw."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.arange(12.0).reshape(3, 4))
        self.linear = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x + self.places[0])


def test_the_twin_has_other_weights_and_the_model_keeps_its_own():
    model = plain().train()
    model[0].weight.requires_grad_(False)
    model(torch.randn(4, 6)).sum().backward()
    before, grad = state(model), model[2].weight.grad.clone()
    twin = untrained_twin(model)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert torch.equal(model[2].weight.grad, grad)
    assert model.training
    assert twin.training
    assert not any(torch.equal(one, before[name]) for name, one in twin.state_dict().items())
    assert all(one.grad is None for one in twin.parameters())
    assert not twin[0].weight.requires_grad


def test_layers_draw_as_they_did_when_they_were_made():
    """Weights a hundred times as large are forgotten: torch draws within 1 / sqrt(inputs)."""
    model = plain()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(100)
    twin = untrained_twin(model)
    assert twin[0].weight.abs().max() <= 6**-0.5
    assert twin[2].weight.abs().max() <= 20**-0.5


def test_a_seed_settles_the_twin_and_no_generator_moves():
    model = plain()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, same = untrained_twin(model), untrained_twin(model)
    assert torch.equal(torch.rand(3), expected)
    other = untrained_twin(model, runtime=Runtime(seed=1))
    assert torch.equal(first[0].weight, same[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_a_weight_that_no_part_draws_keeps_its_numbers_in_another_order():
    model = Positions()
    twin = untrained_twin(model)
    assert not torch.equal(twin.places, model.places)
    assert sorted(twin.places.flatten().tolist()) == list(range(12))


def test_running_statistics_are_those_of_the_new_weights():
    """Columns are a hundred apart: with the old statistics the twin would answer in hundreds."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)).eval()
    rows = 100 + 30 * torch.randn(400, 6)
    twin = untrained_twin(model, rows)
    with record(twin, "1") as seen:
        twin(rows)
    assert not twin.training
    assert seen["1"].mean(dim=0).abs().max() < 0.01
    assert seen["1"].std(dim=0) == pytest.approx(torch.ones(8), abs=0.01)
    in_two = untrained_twin(model, [(rows[:200],), (rows[200:],)])
    assert in_two[1].running_mean == pytest.approx(twin[1].running_mean, rel=1e-4)
    assert twin[1].momentum == model[1].momentum


def test_running_statistics_without_rows_are_refused():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8))
    with pytest.raises(UsageError, match=r"running statistics in 1 layers.*give inputs"):
        untrained_twin(model)
    with pytest.raises(UsageError, match="give inputs"):
        untrained_twin(model, torch.randn(1, 6))


@pytest.mark.parametrize("norm", [spectral_norm, weight_norm])
def test_a_weight_that_is_computed_is_drawn_too(norm):
    torch.manual_seed(0)
    model = nn.Sequential(norm(nn.Linear(6, 8)), nn.ReLU(), nn.Linear(8, 2))
    twin = untrained_twin(model).eval()
    old, new = model.eval()[0].weight, twin[0].weight
    assert parametrize.is_parametrized(model[0], "weight")
    assert not torch.allclose(old, new, atol=0.05)
    assert not torch.equal(twin[0].bias, model[0].bias)
    if norm is spectral_norm:
        assert torch.linalg.matrix_norm(new, 2).item() == pytest.approx(1, abs=0.02)


def test_a_computed_weight_that_cannot_be_turned_round_is_refused():
    class Doubled(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return 2 * weight

    model = nn.Sequential(nn.Linear(3, 3))
    parametrize.register_parametrization(model[0], "weight", Doubled())
    with pytest.raises(ModelError, match=r"layer '0' computes its weight by Doubled.*give built="):
        untrained_twin(model)


def test_an_encoder_of_torch_is_drawn_in_every_part():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1)
    before = state(model)
    twin = untrained_twin(model)
    assert not any(torch.equal(one, before[name]) for name, one in twin.state_dict().items())
    assert twin.layers[0].norm1.weight.tolist() == [1.0] * 8


def test_a_way_to_build_the_network_is_used_where_it_is_known():
    made = []

    def built() -> nn.Module:
        made.append(nn.Linear(6, 3))
        return made[-1]

    twin = untrained_twin(plain(), built=built)
    assert twin is made[0]
    again = untrained_twin(plain(), built=built)
    assert torch.equal(again.weight, twin.weight)


def test_statistics_of_a_network_that_was_built_are_taken_anew_as_well():
    used = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8))
    used(1000 * torch.randn(50, 6))
    rows = torch.randn(300, 6)
    twin = untrained_twin(used.eval(), rows, built=lambda: used)
    assert twin(rows).detach().std(dim=0).numpy() == pytest.approx(torch.ones(8).numpy(), abs=0.02)


def test_what_cannot_be_drawn_is_said_in_one_sentence():
    with pytest.raises(ModelError, match="lazy layers that never ran"):
        untrained_twin(nn.Sequential(nn.LazyLinear(3)))
    with pytest.raises(ModelError, match="no weights of torch's own"):
        untrained_twin(nn.Sequential(nn.ReLU()))
    model = plain()
    model.kept = model(torch.randn(2, 6))  # holds a graph: it cannot be copied
    with pytest.raises(ModelError, match="cannot be copied"):
        untrained_twin(model)


def test_what_training_put_into_a_layer_is_not_in_the_twin():
    """The class is a product of two columns, put into the first layer's units by hand."""
    draw = torch.manual_seed(0)
    x = torch.randn(1200, 6, generator=draw)
    labels = labels_of((x[:, 0] * x[:, 1] > 0).int().numpy())
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.zero_()
        model[0].weight[:4, :2] = torch.tensor([[1.0, 1], [-1, -1], [1, -1], [-1, 1]])
    with torch.no_grad():
        trained, twin = model(x), untrained_twin(model)(x)
    assert read(trained[:, :4], labels).auc.value > 0.95
    assert read(twin, labels).auc.value < 0.85
