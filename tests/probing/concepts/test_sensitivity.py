"""TCAV finds a concept that the answer follows, and is silent of one that is only held."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auditkit.errors import ModelError, UsageError
from auditkit.probing.asking import looking, slopes
from auditkit.probing.concepts.examples import Concept, concept_of
from auditkit.probing.concepts.sensitivity import joined, pooled_slopes, tcav
from auditkit.probing.pooling import vectors
from auditkit.runtime import Runtime
from auditkit.statistics.multiplicity import holm

SEEDS = 20


class Planted(nn.Module):
    """A layer that holds task and concept, turned, and a curved head that reads them."""

    def __init__(self, turn: np.ndarray, uses: float) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6, bias=False)
        self.head = nn.Linear(6, 2, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.from_numpy(turn))
            read = torch.zeros(2, 6)
            read[0, 0], read[0, 1], read[1, 2] = 0.5, uses, 0.5
            self.head.weight.copy_(read @ torch.from_numpy(turn).float().T)

    def forward(self, x: Tensor) -> Tensor:
        said = torch.tanh(self.head(self.layer(x)))
        return said[:, 0] + 0.3 * said[:, 1]


def planted(
    seed: int, *, uses: float, alike: float, n: int = 600
) -> tuple[nn.Module, Tensor, Concept, np.ndarray]:
    """Target and concept agree beyond chance in a share `alike` of the rows."""
    rng = np.random.default_rng(seed)
    target = rng.integers(2, size=n)
    has = np.where(rng.random(n) < alike, target, rng.integers(2, size=n))
    x = rng.normal(size=(n, 6))
    x[:, 0] += 2 * target - 1
    x[:, 1] = 2 * has - 1 + 0.5 * x[:, 1]
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    model = Planted(turn, uses)
    return model, torch.from_numpy(x).float(), concept_of(has, name="held"), target


def fired(seed: int, *, uses: float, alike: float) -> bool:
    model, x, concept, target = planted(seed, uses=uses, alike=alike)
    runtime = Runtime(device="cpu", seed=seed)
    found = tcav(model, "layer", x, concept, given=target, draws=200, runtime=runtime)
    return len(found.found) == 1


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.6])
def test_a_concept_that_is_followed_is_found(alike: float):
    assert sum(fired(seed, uses=0.3, alike=alike) for seed in range(SEEDS)) >= 19


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.6])
def test_a_concept_that_is_held_and_not_followed_is_none(alike: float):
    # Of 200 seeds 4.5 to 5.5 % fire, as a p of .05 promises.
    assert sum(fired(seed, uses=0.0, alike=alike) for seed in range(SEEDS)) <= 2


def test_without_the_target_a_concept_that_goes_with_it_is_taken_to_be_followed():
    model, x, concept, _ = planted(0, uses=0.0, alike=0.6)
    found = tcav(model, "layer", x, concept, runtime=Runtime(device="cpu"))
    assert len(found.found) == 1


def test_the_score_alone_sees_nothing_where_the_rest_is_linear():
    """Every random concept scores 0 or 1 as well: Kim's question has no answer there."""
    torch.manual_seed(0)
    _, x, concept, _ = planted(0, uses=1.0, alike=0.0)
    linear = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 1))
    with torch.no_grad():
        linear[1].weight.copy_(linear[0].weight[:, 1][None])
    line = tcav(linear, "0", x, concept, runtime=Runtime(device="cpu")).frame.iloc[0]
    assert (line["score"], line["random low"], line["random high"]) == (1.0, 0.0, 1.0)
    assert line["score p"] == 1.0
    assert line["p"] < 0.01


def test_in_a_linear_model_the_sensitivity_is_the_difference_of_the_mean_answers():
    _, x, concept, _ = planted(0, uses=1.0, alike=0.3)
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))
    said = model(x)[:, 0].detach().double().numpy()
    apart = said[concept.marks == 1].mean() - said[concept.marks == 0].mean()
    line = tcav(model, "0", x, concept, runtime=Runtime(device="cpu")).frame.iloc[0]
    assert line["sensitivity"] == pytest.approx(apart, rel=1e-4)


def test_its_interval_covers_the_true_step():
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        has = np.arange(200) % 2
        x = torch.from_numpy(rng.normal(size=(200, 3)) + 0.8 * has[:, None] * [1, 0, 0]).float()
        model = nn.Sequential(nn.Identity(), nn.Linear(3, 1, bias=False))
        with torch.no_grad():
            model[1].weight.copy_(torch.tensor([[1.0, 1.0, 0.0]]))
        runtime = Runtime(device="cpu", seed=seed)
        found = tcav(model, "0", x, concept_of(has, name="x"), draws=200, runtime=runtime)
        line = found.frame.iloc[0]
        covered += line["sensitivity low"] <= 0.8 <= line["sensitivity high"]
    assert covered >= 35


def test_a_concept_that_cannot_be_read_has_a_reason_and_no_numbers():
    model, x, _, _ = planted(0, uses=1.0, alike=0.0)
    nothing = concept_of(np.random.default_rng(5).random(600) < 0.5, name="nothing")
    line = tcav(model, "layer", x, nothing, runtime=Runtime(device="cpu")).frame.iloc[0]
    assert "cannot be read" in line["reason"]
    assert np.isnan([line["score"], line["sensitivity"], line["p"], line["adjusted"]]).all()


@pytest.mark.parametrize("shape", [(5, 3), (3, 4, 4)])
def test_pooled_slopes_are_the_slope_along_moving_every_place_alike(shape: tuple[int, ...]):
    class Summed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x).flatten(1).pow(2).sum(dim=1)

    torch.manual_seed(0)
    model, x = Summed(), torch.randn(6, *shape)
    found = pooled_slopes(model, ["layer"], (x,), None, runtime=Runtime(device="cpu"))["layer"]
    step = torch.randn(3)
    moved = step if len(shape) == 2 else step[:, None, None]
    held = torch.tanh(x)
    nudge = 1e-3
    there = ((held + nudge * moved).flatten(1) ** 2).sum(1)
    back = ((held - nudge * moved).flatten(1) ** 2).sum(1)
    assert torch.allclose(found[1] @ step, (there - back) / (2 * nudge), atol=5e-2)
    assert torch.equal(found[0], vectors(held))


def test_the_model_leaves_as_it_came_and_may_write_in_what_a_layer_gives():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4, 1))
    model.train()
    x = torch.randn(20, 3)
    before = [one.requires_grad for one in model.parameters()]
    measure = looking(None, 20)
    parts = list(slopes(model.eval(), ["0", "1"], (x,), measure, runtime=Runtime(device="cpu")))
    hidden = model[0](x).detach()
    assert torch.allclose(parts[0][1]["0"][0], hidden)
    wanted = (hidden > 0) * model[3].weight.detach()
    assert torch.allclose(parts[0][1]["0"][1], wanted)
    model.train()
    concept = concept_of(np.arange(20) % 2, name="x")
    tcav(model, ["0"], x, concept, runtime=Runtime(device="cpu"))
    assert model.training
    assert [one.requires_grad for one in model.parameters()] == before
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in model.modules())
    assert all(one.grad is None for one in model.parameters())


def test_examples_may_be_other_rows_than_those_that_are_asked_about():
    model, x, concept, _ = planted(0, uses=1.0, alike=0.0)
    found = tcav(model, "layer", x[:50], concept, examples=x, runtime=Runtime(device="cpu"))
    assert found.frame["rows"].iloc[0] == 50
    assert len(found.found) == 1


def test_several_answers_are_adjusted_together():
    model, x, concept, _ = planted(0, uses=1.0, alike=0.0)
    runtime = Runtime(device="cpu")
    one = tcav(model, "layer", x, concept, draws=99, runtime=runtime)
    both = joined({"a": one, "b": one})
    assert both.frame["adjusted"].tolist() == pytest.approx([2 * one.frame["p"].iloc[0]] * 2)
    assert both.frame["answer"].tolist() == ["a", "b"]


def test_what_cannot_be_asked_is_said_in_one_sentence():
    model, x, concept, _ = planted(0, uses=1.0, alike=0.0)
    with pytest.raises(UsageError, match=r"no layer 'layr'.*'layer'"):
        tcav(model, "layr", x, concept)
    with pytest.raises(UsageError, match="one number a row"):
        tcav(model, "layer", x, concept, targets=3)
    with pytest.raises(ModelError, match="give one number a row"):
        tcav(model, "layer", x, concept, targets=lambda outputs: outputs.sum())


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_whatever_it_is_asked_under_slopes_are_the_same(around):
    model, x, concept, _ = planted(0, uses=0.3, alike=0.0)
    runtime = Runtime(device="cpu", seed=0)
    with around():
        found = tcav(model, "layer", x.clone(), concept, draws=50, runtime=runtime)
    known = tcav(model, "layer", x, concept, draws=50, runtime=runtime)
    assert found.frame.equals(known.frame)
    assert found.frame["sensitivity"][0] > 0


def test_only_the_rows_that_are_asked_about_count_and_p_is_adjusted_over_all_lines():
    model, x, concept, _ = planted(0, uses=0.3, alike=0.0, n=200)
    some = np.arange(200) < 50
    runtime = Runtime(device="cpu", seed=0)
    ahead = concept_of(x[:, 0].numpy() > 0, name="ahead")
    found = tcav(model, "layer", x, [concept, ahead], rows=some, draws=99, runtime=runtime).frame
    assert list(found["rows"]) == [50, 50]
    assert found["adjusted"].to_numpy() == pytest.approx(holm(found["p"].to_numpy(float)))
    assert (found["adjusted"] > found["p"]).any()
