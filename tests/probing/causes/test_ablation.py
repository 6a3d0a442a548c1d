"""What is lost without a unit: by hand, planted, and by ways of taking it out."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from auditkit.errors import DataError, UsageError
from auditkit.probing.causes.ablation import ablate, together
from auditkit.probing.causes.losses import decision_at, price_of
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu")


def deciding(n: int = 200, seed: int = 0) -> tuple[nn.Module, Tensor, np.ndarray]:
    """A decision read from unit 1 of three."""
    torch.manual_seed(seed)
    x = torch.randn(n, 3)
    model = nn.Sequential(nn.Identity(), nn.Linear(3, 1))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[0.0, 3.0, 0.0]]))
        model[1].bias.zero_()
    return model, x, (x[:, 1] > 0).int().numpy()


def test_a_planted_unit_is_missed_and_the_others_are_not():
    for seed in range(5):
        model, x, y = deciding(seed=seed)
        for how in ("mean", "zero", "resample"):
            found = ablate(model, x, y, "0", how=how, runtime=RUNTIME)  # type: ignore[arg-type]
            assert found.frame["adjusted"].le(0.05).tolist() == [False, True, False]
            assert found.frame["loss"].iloc[[0, 2]].abs().max() < 1e-9
            assert found.frame["wrong"].iloc[1] > 0.3


def test_a_mean_is_put_in_its_place_by_hand():
    x = torch.tensor([[1.0], [2.0], [6.0]])
    model = nn.Sequential(nn.Identity(), nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[1].weight.fill_(2.0)
    found = ablate(model, x, np.array([2.0, 5.0, 12.0]), "0", runtime=RUNTIME)
    # It says 6 of all: squared errors 16, 1, 36 where they were 0, 1, 0.
    assert found.before == pytest.approx((1 / 3, 1 / 3))
    assert found.changes[0, :, 0].tolist() == pytest.approx([16.0, 0.0, 36.0])
    assert found.frame["loss"].iloc[0] == pytest.approx(52 / 3)
    assert found.frame["wrong"].iloc[0] == pytest.approx((4 + 0 + 6) / 3)


def test_nothing_is_put_in_its_place_by_hand():
    x = torch.tensor([[1.0], [2.0], [6.0]])
    model = nn.Sequential(nn.Identity(), nn.Identity())
    found = ablate(model, x, np.array([1.0, 2.0, 5.0]), "0", how="zero", runtime=RUNTIME)
    assert found.changes[0, :, 0].tolist() == pytest.approx([1.0, 4.0, 24.0])


def test_resampled_no_row_gets_its_own():
    x = torch.arange(6.0)[:, None]
    model = nn.Sequential(nn.Identity(), nn.Identity())
    found = ablate(model, x, x[:, 0].numpy() + 0.5, "0", how="resample", runtime=RUNTIME)
    # With four donors of the five others, each row moves: its own would leave it as it was.
    assert (found.changes[0, :, 1] > 0).all()


def test_means_of_steps_leave_out_what_stands_behind_a_rows_end():
    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
            within = torch.arange(x.shape[1]) < lengths[:, None]
            return (self.layer(x)[..., 0] * within).sum(dim=1)

    x = torch.tensor([[[1.0], [3.0]], [[5.0], [99.0]]])
    lengths = torch.tensor([2, 1])
    found = ablate(
        Reading(),
        (x, lengths),
        np.array([4.0, 5.0]),
        "layer",
        lengths=lengths,
        runtime=RUNTIME,
    )
    # The mean of 1, 3 and 5 is 3: the answers become 6 and 3.
    assert found.changes[0, :, 1].tolist() == pytest.approx([2.0, 2.0])


def test_a_channel_is_taken_out_of_all_places():
    class Seen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x)[:, 1].sum(dim=(1, 2))

    torch.manual_seed(0)
    x = torch.randn(20, 3, 2, 2)
    y = x[:, 1].sum(dim=(1, 2)).numpy()
    found = ablate(Seen(), x, y, "layer", parts="channels", runtime=RUNTIME)
    assert found.frame["piece"].tolist() == ["channel 0", "channel 1", "channel 2"]
    expected = float(np.abs(y - 4 * float(x[:, 1].mean())).mean())
    assert found.frame["wrong"].tolist() == pytest.approx([0.0, expected, 0.0], abs=1e-5)


def test_only_the_strongest_are_taken_out_and_the_rest_count_as_asked():
    torch.manual_seed(0)
    x = torch.randn(300, 20)
    model = nn.Sequential(nn.Identity(), nn.Linear(20, 1, bias=False))
    weight = torch.full((1, 20), 0.01)
    weight[0, [3, 7]] = 2.0
    with torch.no_grad():
        model[1].weight.copy_(weight)
    y = (model(x)[:, 0] > 0).int().numpy()
    found = ablate(model, x, y, "0", most=2, runtime=RUNTIME)
    assert found.frame["piece"].tolist() == ["unit 3", "unit 7"]
    assert found.left_out == 18
    p = found.frame["p"].to_numpy()
    assert found.frame["adjusted"].min() / p.min() == pytest.approx(20)


def test_several_ablations_are_adjusted_together():
    model, x, y = deciding()
    one = ablate(model, x, y, "0", runtime=RUNTIME)
    both = together(one, one)
    assert len(both.frame) == 6
    assert both.changes.shape == (6, 200, 2)
    assert both.frame["adjusted"].max() <= 1.0


def test_whom_it_hurts_is_asked_with_the_groups():
    model, x, y = deciding(400)
    groups = np.where(x[:, 0] > 0, "b", "a")
    harm = ablate(model, x, y, "0", groups=groups, runtime=RUNTIME).harm
    assert harm is not None
    assert len(harm.frame) == 3
    assert not len(harm.found)


def test_losses_are_those_of_torch():
    torch.manual_seed(0)
    one, y = torch.randn(8), torch.randint(2, (8,))
    price = price_of(one, y)
    wanted = F.binary_cross_entropy_with_logits(one, y.float(), reduction="none")
    assert torch.allclose(price.loss(one, y).float(), wanted)
    assert price.wrong(one, y).tolist() == ((one > 0).int() != y).tolist()
    several = torch.randn(8, 3)
    y = torch.tensor([0, 1, 2, 2, 1, 0, 0, 1])
    price = price_of(several, y)
    assert torch.allclose(
        price.loss(several, y).float(), F.cross_entropy(several, y, reduction="none")
    )
    tokens, wanted_tokens = torch.randn(2, 3, 5), torch.tensor([[1, 2, -100], [0, 4, 4]])
    price = price_of(tokens, wanted_tokens)
    first = F.cross_entropy(tokens[0, :2], wanted_tokens[0, :2])
    assert float(price.loss(tokens, wanted_tokens)[0]) == pytest.approx(float(first))
    said = tokens.argmax(dim=2)[0, :2] != wanted_tokens[0, :2]
    assert float(price.wrong(tokens, wanted_tokens)[0]) == pytest.approx(float(said.float().mean()))


def test_a_decision_has_the_threshold_that_is_given():
    price = decision_at(0.8)
    said = torch.logit(torch.tensor([0.7, 0.9]))
    assert price.wrong(said, torch.tensor([1, 1])).tolist() == [1.0, 0.0]


def test_what_cannot_be_ablated_is_said_in_one_sentence():
    model, x, y = deciding()
    with pytest.raises(DataError, match="199 targets for 200 rows"):
        ablate(model, x, y[1:], "0")
    with pytest.raises(UsageError, match="no way 'noise' of taking out"):
        ablate(model, x, y, "0", how="noise")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no loss is known for these"):
        ablate(model, x, np.zeros((200, 4)), "0")
    with pytest.raises(DataError, match="targets hold NaN"):
        ablate(model, x, np.full(200, np.nan), "0")
    with pytest.raises(UsageError, match="no layer 'layer'"):
        ablate(model, x, y, "layer")


def test_classes_beyond_the_answers_are_told():
    model, x = nn.Sequential(nn.Identity(), nn.Linear(3, 2)), torch.randn(20, 3)
    with pytest.raises(DataError, match=r"targets from 0 to 5 for 2 numbers a row: give places"):
        ablate(model, x, np.arange(20) % 6, "0", runtime=RUNTIME)
