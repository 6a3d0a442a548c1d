"""Laws of patching, planted pieces, and how far the fast approximation is off."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auditkit.errors import DataError, UsageError
from auditkit.probing.causes.approximation import attribution_patching
from auditkit.probing.causes.patching import patch
from auditkit.probing.causes.pieces import head_layers, pieces_of
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu")


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def pairs(seed: int = 0, n: int = 12) -> tuple[Tensor, Tensor]:
    torch.manual_seed(100 + seed)
    return torch.randn(n, 4), torch.randn(n, 4)


@pytest.mark.parametrize("way", ["denoise", "noise"])
def test_a_whole_layer_restores_the_answer_exactly(way: str):
    found = patch(network(), *pairs(), ["0", "1", "3"], targets=1, way=way, runtime=RUNTIME)  # type: ignore[arg-type]
    assert found.frame["effect"].tolist() == pytest.approx([1.0] * 3, abs=1e-6)
    assert found.frame["piece"].tolist() == ["all"] * 3
    assert found.effects == pytest.approx(
        np.tile(np.abs(found.clean - found.corrupt), (3, 1)), abs=1e-6
    )


def test_a_run_patched_into_itself_changes_nothing():
    clean, _ = pairs()
    found = patch(network(), clean, clean, ["1"], targets=0, parts="units", runtime=RUNTIME)
    assert not found.effects.any()
    assert found.frame["effect"].isna().all()
    assert "answered alike" in found.frame["reason"].iloc[0]


def test_a_planted_unit_is_found_and_the_others_are_silent():
    for seed in range(5):
        model = network(seed)
        with torch.no_grad():
            model[2].weight[:, [0, 1, 2, 4, 5]] = 0.0  # the answer is read from unit 3 alone
        found = patch(model, *pairs(seed), "1", targets=2, parts="units", runtime=RUNTIME)
        effects = found.frame["effect"].to_numpy()
        assert effects[3] == pytest.approx(1.0, abs=1e-6)
        assert np.abs(np.delete(effects, 3)).max() < 1e-6


def test_units_of_a_linear_rest_add_up_to_the_layer():
    model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1))
    found = patch(model, *pairs(), "0", parts="units", runtime=RUNTIME)
    assert found.frame["effect"].sum() == pytest.approx(1.0, abs=1e-5)


class Attending(nn.Module):
    """Two heads; of what they gather only the second's is read."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.answer = nn.Linear(8, 1)
        with torch.no_grad():
            self.attention.out_proj.weight[:, :4] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(self.attention(x, x, x)[0].mean(dim=1))[:, 0]


def test_a_planted_head_is_found_and_the_other_is_silent():
    for seed in range(3):
        model = Attending(seed)
        clean, corrupt = torch.randn(6, 5, 8), torch.randn(6, 5, 8)
        (layer,) = head_layers(model)
        found = patch(model, clean, corrupt, layer, parts="heads", runtime=RUNTIME)
        assert found.frame["piece"].tolist() == ["head 0", "head 1"]
        assert found.frame["effect"].tolist() == pytest.approx([0.0, 1.0], abs=1e-5)


def test_a_position_that_differs_is_found():
    model = nn.Sequential(nn.Linear(3, 4), nn.Flatten(), nn.Linear(20, 1))
    clean = torch.randn(8, 5, 3)
    corrupt = clean.clone()
    corrupt[:, 2] = torch.randn(8, 3)
    found = patch(model, clean, corrupt, "0", parts="positions", runtime=RUNTIME)
    assert found.frame["effect"].tolist() == pytest.approx([0, 0, 1, 0, 0], abs=1e-5)


def test_small_batches_give_the_same():
    whole = patch(network(), *pairs(), "1", targets=0, parts="units", runtime=RUNTIME)
    small = Runtime(device="cpu", batch_size=5)
    parted = patch(network(), *pairs(), "1", targets=0, parts="units", runtime=small)
    assert parted.effects == pytest.approx(whole.effects, abs=1e-6)


def test_each_row_may_have_a_target_of_its_own():
    each = torch.arange(len(pairs()[0])) % 2
    small = Runtime(device="cpu", batch_size=5)
    found = patch(network(), *pairs(), "1", targets=each, runtime=small)
    both = [patch(network(), *pairs(), "1", targets=k, runtime=RUNTIME).clean for k in (0, 1)]
    assert found.clean == pytest.approx(np.where(each == 0, *both), abs=1e-6)


def test_a_function_of_the_outputs_may_be_looked_at():
    found = patch(
        network(), *pairs(), "1", targets=lambda said: said[:, 0] - said[:, 1], runtime=RUNTIME
    )
    assert found.frame["effect"].iloc[0] == pytest.approx(1.0, abs=1e-6)


def test_what_cannot_be_patched_is_said_in_one_sentence():
    clean, corrupt = pairs()
    with pytest.raises(DataError, match="each row needs its partner"):
        patch(network(), clean, corrupt[1:], "1", targets=0)
    with pytest.raises(UsageError, match="no layer '7'"):
        patch(network(), clean, corrupt, "7", targets=0)
    with pytest.raises(UsageError, match="which has no positions"):
        patch(network(), clean, corrupt, "1", targets=0, parts="positions")
    with pytest.raises(UsageError, match="no way 'both'"):
        patch(network(), clean, corrupt, "1", targets=0, way="both")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="6 features, which are not 4 heads"):
        pieces_of("x", torch.zeros(2, 6), "heads", heads=4)
    with pytest.raises(UsageError, match="no cut 'rows'"):
        pieces_of("x", torch.zeros(2, 6), "rows")  # type: ignore[arg-type]


def test_channels_are_the_second_axis_of_maps_and_the_last_of_steps():
    assert len(pieces_of("x", torch.zeros(2, 3, 4, 5), "channels")) == 3
    assert len(pieces_of("x", torch.zeros(2, 3, 4), "units")) == 4
    (second,) = pieces_of("x", torch.zeros(2, 6), "heads", heads=3)[1:2]
    assert (second.start, second.stop) == (2, 4)


def test_to_first_order_a_linear_model_is_patched_exactly():
    model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1))
    found = attribution_patching(model, *pairs(), "0", runtime=RUNTIME)
    both = found.frame.dropna()
    assert len(both) == found.checked == 6
    assert both["effect"].tolist() == pytest.approx(both["true effect"].tolist(), abs=1e-5)
    assert found.correlation == pytest.approx(1.0)
    assert found.worst < 1e-5


def test_of_a_saturated_unit_it_is_wrong_and_says_so():
    """The slope at a saturated unit is nought, though the unit is all that matters."""
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Tanh(), nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.fill_(30.0)
        model[2].weight.fill_(1.0)
    stacked = nn.Sequential(nn.Linear(1, 4, bias=False), model)
    with torch.no_grad():
        stacked[0].weight.copy_(torch.tensor([[1.0], [0.0], [0.0], [0.0]]))
        stacked[1][0] = nn.Linear(4, 1, bias=False)
        stacked[1][0].weight.copy_(torch.tensor([[30.0, 0.0, 0.0, 0.0]]))
    clean, corrupt = torch.ones(8, 1), -torch.ones(8, 1)
    found = attribution_patching(stacked, clean, corrupt, "0", runtime=RUNTIME)
    assert abs(found.frame["effect"].iloc[0]) < 1e-3
    assert found.frame["true effect"].iloc[0] == pytest.approx(1.0)
    assert found.worst == pytest.approx(1.0, abs=1e-3)


def test_only_some_of_many_pieces_are_patched_in_truth_the_strongest_among_them():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 60), nn.Tanh(), nn.Linear(60, 1))
    found = attribution_patching(model, *pairs(), "1", checked=10, runtime=RUNTIME)
    assert found.checked == 10
    strongest = found.frame["effect"].abs().nlargest(5).index
    assert found.frame.loc[strongest, "true effect"].notna().all()
    assert found.correlation > 0.8


@pytest.mark.parametrize("way", [patch, attribution_patching])
def test_answers_that_are_nan_carry_nothing(way):
    model = network()
    model[4].weight.data[0] = np.nan
    with pytest.raises(DataError, match="the answer is NaN or infinite for some rows"):
        way(model, *pairs(), ["1"], targets=0, runtime=RUNTIME)
