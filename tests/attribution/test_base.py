"""Question, baselines, players and the call itself."""

import pytest
import torch
from torch import nn

from auditkit.attribution import METHODS, Baseline, Players, attribute
from auditkit.attribution.base import question_of
from auditkit.attribution.baselines import zeros
from auditkit.attribution.players import HELD, each_number
from auditkit.attribution.question import at_rest
from auditkit.errors import DataError, ModelError, NotApplicable, UsageError
from auditkit.runtime import Runtime
from tests.attribution.networks import made


def total(x, lengths):
    """Sum of the steps within each row's length."""
    return (x * (torch.arange(x.shape[1]) < lengths[:, None])).sum(dim=1)


def asked(model, inputs, targets=None, **given):
    return question_of(model, inputs, targets, runtime=Runtime(), **given)


def test_players_are_gathered_and_spread_back():
    players = Players(
        masks=(torch.tensor([[0, 1, 1]]), torch.tensor([[HELD, 0]])), names=(("a", "b"),)
    )
    values = (torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[100.0, 10.0]]))
    assert players.gathered(values).tolist() == [[11.0, 6.0]]
    spread = players.spread(torch.tensor([[11.0, 6.0]]))
    assert [one.tolist() for one in spread] == [[[5.5, 3.0, 3.0]], [[0.0, 5.5]]]
    assert players.gathered(spread).tolist() == [[11.0, 6.0]]


def test_each_row_may_have_players_of_its_own():
    players = Players(masks=(torch.tensor([[0, 1], [0, 0]]),), names=(("a", "b"), ("c",)))
    assert players.of(1) == ("c",)
    assert players.at(torch.tensor([1])).of(0) == ("c",)
    assert players.gathered((torch.ones(2, 2),)).tolist() == [[1.0, 1.0], [2.0, 0.0]]


def test_masks_with_more_players_than_names_are_refused():
    with pytest.raises(UsageError, match="speak of 2 players and there are 1 names"):
        Players(masks=(torch.tensor([[0, 1]]),), names=(("a",),))


def test_a_length_is_held_and_every_other_number_is_a_player():
    players = each_number((torch.zeros(2, 3), torch.tensor([1, 2])))
    assert players.most == 3
    assert players.masks[1].tolist() == [HELD]


def test_a_baseline_keeps_each_rows_own_length():
    inputs = (torch.ones(2, 4), torch.tensor([4, 2]))
    base = Baseline(name="ones", rows=(torch.full((1, 4), 3.0), torch.tensor([1])))
    question = asked(total, inputs, baselines=base)
    assert question.reference.tolist() == [12.0, 6.0]
    assert question.start(torch.tensor([1]))[1].tolist() == [2]


def test_several_baselines_are_averaged_and_paired_ones_belong_to_their_row():
    model = nn.Flatten(0)
    rows = torch.tensor([[1.0], [2.0]])
    assert asked(
        model, (rows,), baselines=torch.tensor([[3.0], [5.0], [7.0]])
    ).reference.tolist() == [5, 5]
    paired = Baseline(name="own", rows=(torch.tensor([[3.0], [4.0]]),), paired=True)
    question = asked(model, (rows,), baselines=paired)
    assert question.reference.tolist() == [3, 4]
    assert question.at(torch.tensor([1])).reference.tolist() == [4]


def test_zero_is_the_default_baseline_and_of_lengths_nothing_is_known():
    found = zeros((torch.ones(2, 3), torch.tensor([3, 1])))
    assert found.name == "zero"
    assert found.rows[0].tolist() == [[0, 0, 0]]


def test_baselines_of_another_shape_and_unknown_names_are_refused():
    rows = (torch.ones(2, 3),)
    with pytest.raises(UsageError, match=r"a baseline of shape \[\(4,\)\] for inputs of shape"):
        asked(nn.Linear(3, 1), rows, baselines=torch.ones(1, 4))
    with pytest.raises(UsageError, match="did you mean 'zero'"):
        asked(nn.Linear(3, 1), rows, baselines="zeros")
    with pytest.raises(UsageError, match="3 paired baselines for 2 rows"):
        asked(
            nn.Linear(3, 1),
            rows,
            baselines=Baseline(name="own", rows=(torch.ones(3, 3),), paired=True),
        )


def test_targets_are_a_place_for_all_rows_or_one_for_each():
    outputs = nn.Identity()
    rows = torch.arange(6.0).view(2, 3)
    assert asked(outputs, (rows,), 2).own.tolist() == [2, 5]
    assert asked(outputs, (rows,), torch.tensor([0, 1])).own.tolist() == [0, 4]
    cube = torch.arange(12.0).view(2, 3, 2)
    assert asked(outputs, (cube,), (1, 0)).own.tolist() == [2, 8]
    assert asked(outputs, (cube,), torch.tensor([[1, 0], [2, 1]])).own.tolist() == [2, 11]


def test_an_answer_of_one_number_needs_no_target_and_takes_only_zero():
    rows = (torch.ones(2, 3),)
    assert asked(nn.Linear(3, 1), rows, 0).targets.shape == (2, 0)
    with pytest.raises(UsageError, match="no answer 1: the model gives one number a row"):
        asked(nn.Linear(3, 1), rows, 1)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ((), "the inputs are nothing"),
        ([1.0], "the inputs are float"),
        (torch.ones(0, 3), "have \\[0\\] rows"),
        ((torch.ones(2, 3), torch.ones(3)), "have \\[2, 3\\] rows"),
    ],
)
def test_inputs_that_are_no_rows_are_refused(inputs, words):
    with pytest.raises(DataError, match=words):
        attribute("saliency", nn.Linear(3, 1), inputs)


def test_models_that_answer_nothing_a_row_or_nan_are_refused():
    with pytest.raises(ModelError, match=r"the model gave \(\) for 2 rows"):
        attribute("saliency", lambda x: x.sum(), torch.ones(2, 3))
    with pytest.raises(ModelError, match="answers NaN or infinity"):
        attribute("saliency", lambda x: x[:, 0] / 0, torch.ones(2, 3))


def test_unknown_methods_and_options_are_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match="did you mean 'saliency'"):
        attribute("salience", nn.Linear(3, 1), torch.ones(2, 3))
    with pytest.raises(UsageError, match=r"has no option 'step'.*'steps'"):
        attribute("integrated_gradients", nn.Linear(3, 1), torch.ones(2, 3), step=3)


def test_a_model_that_a_method_cannot_explain_is_told_which_can():
    model, inputs, targets = made("gru")
    with pytest.raises(NotApplicable, match=r"^deeplift cannot .* these can: .*saliency"):
        attribute("deeplift", model, inputs, targets)
    with pytest.raises(NotApplicable, match="the model is a function and no torch module"):
        attribute("saliency", lambda x: x.sum(dim=1), torch.ones(2, 3))


def test_costs_are_counted_and_the_gap_is_of_complete_methods_alone():
    found = attribute("saliency", nn.Linear(3, 1), torch.ones(4, 3))
    assert (found.forward, found.backward) == (4, 4)
    assert bool(found.gap.isnan().all())
    assert bool(found.reference.isnan().all())
    ways = attribute("integrated_gradients", nn.Linear(3, 1), torch.ones(4, 3), steps=5)
    assert (ways.forward, ways.backward) == (4 * (5 + 2), 4 * 5)


def test_every_method_says_in_plain_words_what_it_does_and_who_wrote_of_it():
    for name, row in METHODS.items():
        assert name == row.name
        assert 4 <= len(row.summary.split()) < 30
        assert row.paper or row.family.value == "control"


def test_a_model_at_rest_rests_and_leaves_in_the_modes_it_came():
    model = nn.Sequential(nn.Dropout(), nn.Linear(2, 2), nn.LSTM(2, 2)).train()
    model[0].eval()
    model[1].bias.requires_grad_(False)

    def broken():
        with at_rest(model):
            assert not any(one.training for one in model.modules())
            assert not any(one.requires_grad for one in model.parameters())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert [one.training for one in model.modules()] == [True, False, True, True]
    assert not model[1].bias.requires_grad
    assert model[1].weight.requires_grad


def test_rows_at_once_count_what_an_embedding_makes():
    model, inputs, _ = made("encoder")
    small = question_of(model, inputs, runtime=Runtime(memory=1))
    with at_rest(model):
        assert 1 <= small.at_once < 4096
