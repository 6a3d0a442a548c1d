"""What is taken out, window by window and part by part, and what LIME makes of it."""

import random

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation, Occlusion

from auditkit.attribution.base import attribute
from auditkit.attribution.players import HELD, Players
from auditkit.errors import NotApplicable, UsageError
from auditkit.runtime import Runtime

ALL = ("feature_ablation", "occlusion", "lime")


def conv(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(96, 3)
        )
        return model, torch.randn(3, 2, 6, 8)


@pytest.mark.parametrize("method", ["feature_ablation", "occlusion"])
def test_a_linear_model_loses_weight_times_distance(method):
    rows, base = torch.randn(6, 9).double(), torch.randn(1, 9).double()
    weights = torch.linspace(-3, 3, 9).double()
    found = attribute(method, lambda x: x @ weights + 7, rows, baselines=base)
    torch.testing.assert_close(found.value, weights * (rows - base), rtol=0, atol=1e-12)
    assert found.forward <= 6 * 11  # each column once, each row as it is and as the baseline


def test_ablation_is_by_player_and_an_input_that_is_held_stays():
    levels = torch.tensor([[3, 4], [5, 6]])
    rows = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    players = Players(
        masks=(torch.tensor([[0, 1, 1]]), torch.tensor([[0, HELD]])), names=(("a", "b"),)
    )
    found = attribute(
        "feature_ablation", lambda x, y: x.sum(1) + 100 * y.sum(1), (rows, levels), players=players
    )
    assert found.of(players).tolist() == [[301.0, 5.0], [504.0, 11.0]]
    assert found.values[1][:, 1].tolist() == [0.0, 0.0]


def test_captum_ablates_and_occludes_alike():
    model, rows = conv()
    theirs = FeatureAblation(model).attribute(rows, target=1, perturbations_per_eval=16)
    ours = attribute("feature_ablation", model, rows, 1)
    torch.testing.assert_close(ours.value, theirs.double(), rtol=0, atol=1e-5)
    theirs = Occlusion(model).attribute(rows, (2, 2, 4), target=1, strides=(2, 1, 2))
    ours = attribute("occlusion", model, rows, 1, window=(2, 4), stride=(1, 2))
    # captum hands each number the sum over its windows by their count, as we do
    assert torch.equal(ours.value[:, 0], ours.value[:, 1])
    torch.testing.assert_close(ours.value, theirs.double(), rtol=0, atol=1e-5)


def test_a_window_slides_over_time_and_takes_all_features_with_it():
    rows = torch.arange(12.0).view(1, 6, 2) + 1
    found = attribute("occlusion", lambda x: x.sum((1, 2)), rows, window=2, stride=2)
    assert found.value[0, :, 0].tolist() == [10.0, 10.0, 26.0, 26.0, 42.0, 42.0]
    assert torch.equal(found.value[..., 0], found.value[..., 1])
    lengths = torch.tensor([6])
    players = Players(
        masks=(torch.arange(6)[None, :, None].expand(1, 6, 2), torch.full((1,), HELD)),
        names=(tuple("abcdef"),),
    )
    both = attribute(
        "occlusion",
        lambda x, n: x.sum((1, 2)) + n,
        (rows, lengths),
        players=players,
        window=2,
        stride=2,
    )
    assert torch.equal(both.value, found.value)
    assert both.values[1].tolist() == [0.0]


def test_the_last_window_ends_where_the_input_ends_and_overlaps_are_averaged():
    rows = torch.tensor([[1, 2, 4, 8, 16]])
    found = attribute("occlusion", lambda x: x.sum(1).double(), rows, window=3, stride=2)
    # windows 1+2+4 and 4+8+16; the third is in both
    assert found.value.tolist() == [[7.0, 7.0, 17.5, 28.0, 28.0]]


def test_padding_that_is_held_is_never_occluded():
    words = torch.tensor([[5, 6, 7, 9]])
    players = Players(masks=(torch.tensor([[0, 1, 1, HELD]]),), names=(("a", "b"),))
    found = attribute("occlusion", lambda x: x.sum(1).double(), words, players=players, window=1)
    assert found.value.tolist() == [[5.0, 6.0, 7.0, 0.0]]


def test_lime_finds_the_weights_of_a_linear_model_but_for_its_ridge():
    rows = torch.randn(4, 15).double()
    weights = torch.linspace(-3, 3, 15).double()
    model = lambda x: x @ weights + 7  # noqa: E731
    free = attribute("lime", model, rows, ridge=0.0)
    torch.testing.assert_close(free.value, weights * rows, rtol=0, atol=1e-9)
    assert float(free.errors[0].max()) < 1e-9
    drawn = attribute("lime", model, rows)
    assert float((drawn.value - weights * rows).abs().max()) < 0.02


def test_lime_is_as_sure_as_it_says():
    def model(x):
        return torch.tanh(x.sum(dim=1)) + x[:, 0] * x[:, 1]

    rows = torch.linspace(-1, 1, 11)[None]
    truth = attribute("lime", model, rows, evaluations=2**11)  # all coalitions, no weights drawn
    uniform = []
    for seed in range(200):
        found = attribute("lime", model, rows, evaluations=128, runtime=Runtime(seed=seed))
        uniform.append(found)
    values = torch.stack([one.value for one in uniform])
    spread, said = values.std(dim=0), torch.stack([one.errors[0] for one in uniform]).mean(dim=0)
    moved = spread > 1e-6
    assert 0.9 < float((said[moved] / spread[moved]).mean()) < 1.3
    assert float(truth.errors[0].max()) == 0


@pytest.mark.parametrize("method", ALL)
def test_constant_models_one_player_and_rows_like_their_baseline_give_noughts(method):
    still = attribute(method, lambda x: torch.ones(len(x)), torch.randn(2, 5))
    assert float(still.value.abs().max()) == pytest.approx(0, abs=1e-9)
    same = attribute(method, lambda x: x.sum(1), torch.zeros(1, 5))
    assert same.value.tolist() == [[0.0] * 5]
    one = attribute(method, lambda x: x[:, 0] * 2, torch.tensor([[3.0]]))
    assert float(one.value) == pytest.approx(6.0, rel=1e-2)


@pytest.mark.parametrize("method", ALL)
def test_the_same_comes_twice_no_generator_moves_and_the_model_leaves_as_it_came(method):
    model, rows = conv()
    model = torch.nn.Sequential(model, torch.nn.Dropout(0.5)).train()
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    one, two = (attribute(method, model, rows, 0).value for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert before[2] == random.getstate()
    assert all(one.training for one in model.modules())
    assert all(one.requires_grad for one in model.parameters())


@pytest.mark.parametrize("method", ["feature_ablation", "occlusion"])
def test_one_row_gets_what_it_gets_among_others(method):
    model, rows = conv()
    alone = attribute(method, model, rows[1:2], 0).value
    torch.testing.assert_close(alone[0], attribute(method, model, rows, 0).value[1])


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("occlusion", {"window": 9}, "within it"),
        ("occlusion", {"window": (1, 2, 3)}, "one for each axis"),
        ("occlusion", {"window": 2, "stride": 3}, "leaves gaps"),
        ("occlusion", {"stride": 0}, "from 1"),
        ("lime", {"evaluations": 5}, "at least 384"),
        ("lime", {"width": 0.0}, "width above 0"),
        ("lime", {"ridge": -1.0}, "ridge of 0"),
        ("feature_ablation", {"window": 2}, "has no option 'window'"),
    ],
)
def test_bad_options_are_told_in_one_line(method, options, words):
    with pytest.raises(UsageError, match=words) as told:
        attribute(method, *conv(), 0, **options)
    assert "\n" not in str(told.value)


def test_a_window_over_two_inputs_is_refused_with_those_that_can():
    rows = torch.randn(2, 3)
    with pytest.raises(NotApplicable, match=r"slides over the one input.*feature_ablation"):
        attribute("occlusion", lambda x, y: x.sum(1) + y.sum(1), (rows, rows))


def test_a_table_of_300_columns_is_served_without_options():
    rows = torch.randn(2, 300, generator=torch.Generator().manual_seed(0))
    weights = torch.linspace(-1, 1, 300)
    found = attribute("lime", lambda given: given @ weights, rows, runtime=Runtime(device="cpu"))
    assert torch.allclose(found.value, (rows * weights).double(), atol=0.02)
