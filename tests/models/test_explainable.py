"""A model and rows as an explanation needs them, for every kind of input."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from auditkit.attribution.base import asked
from auditkit.attribution.players import HELD
from auditkit.attribution.question import at_rest
from auditkit.data.schema import Task
from auditkit.data.text import PAD, UNKNOWN
from auditkit.errors import NotApplicable, UsageError
from auditkit.models import files
from auditkit.models.base import ARCHITECTURES
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.explainable import Cuts, Explainable, explainable
from auditkit.models.explainable.images import blurred, patches
from auditkit.models.explainable.nearest import _distance, prior_of
from auditkit.models.explainable.sequences import repeated, stretches
from auditkit.models.foreign import ForeignModel
from auditkit.models.predictions import PredictionsModel
from auditkit.models.predictor import Texts
from auditkit.models.recipe import Recipe
from auditkit.runtime import Runtime
from tests.media import TABLES, trained

RUNTIME = Runtime(device="cpu")


@cache
def model_of(name: str) -> CheckpointModel:
    model, card = trained(name, Recipe(epochs=1, batch_size=64))
    checkpoint = files.Checkpoint(model=model, card=card, sha256="0" * 64)
    return CheckpointModel(checkpoint=checkpoint, runtime=RUNTIME, name=name)


def of(name: str, rows: int = 5, **options) -> Explainable:
    table = TABLES[name]().frame
    options = {"reference": table.iloc[rows:], **options}
    return explainable(model_of(name), table.iloc[:rows], runtime=RUNTIME, **options)


def foreign(module: nn.Module, **options) -> ForeignModel:
    given = {"features": ("a", "b"), "preprocess": None, **options}
    return ForeignModel(
        module=module, name="x", weights_sha256="", preprocess_name="", runtime=RUNTIME, **given
    )


@pytest.mark.parametrize("name", [*ARCHITECTURES])
def test_every_architecture_can_be_asked_against_each_of_its_baselines(name):
    found = of(name)
    rows = len(found.rows)
    assert rows == len(found.asks) == len(found.cells) == len(found.inputs[0])
    with at_rest(found.module):
        for baseline in found.baselines:
            question = found.question(baseline)
            given = asked("feature_ablation", question)
            assert given.baseline == baseline
            assert torch.isfinite(question.reference).all()
    for row in range(rows):
        assert len(found.cells[row]) in (len(found.players.of(row)), 0)


@pytest.mark.parametrize("name", ["fnn", "encoder", "cnn", "gru", "encoder-decoder"])
def test_what_is_explained_is_what_the_model_answers(name):
    found, model = of(name), model_of(name)
    frame = TABLES[name]().frame.iloc[:5]
    with at_rest(found.module):
        own = found.question().own
    match model.task:
        case Task.DECISION:
            share = model.outputs(frame).scores
            assert own.numpy() == pytest.approx(np.log(share / (1 - share)), abs=1e-4)
            assert set(found.asks) == {f"log-odds of {model.checkpoint.card.schema.target.name} 1"}
        case Task.CLASSES:
            chosen = model.outputs(frame).probabilities.argmax(axis=1)
            assert found.targets[:, 0].tolist() == chosen.tolist()
            assert found.asks == tuple(f"logit of {model.levels[i]}" for i in chosen)
        case _:
            written = model.outputs(frame)
            assert isinstance(written, Texts)
            for row, text in enumerate(written.texts):
                tokens = [
                    a.split("'")[1]
                    for a, at in zip(found.asks, found.rows, strict=True)
                    if at == row and "'" in a
                ]
                assert " ".join(tokens) == text


def test_columns_are_players_with_their_flags_and_are_said_as_they_stand_in_the_table():
    table = TABLES["fnn"]().frame
    found = of("fnn")
    numeric, missing, categorical = found.players.masks
    assert torch.equal(numeric, missing)
    assert sorted([*numeric.flatten().tolist(), *categorical.flatten().tolist()]) == list(
        range(found.players.most)
    )
    name = found.players.names[0][0]
    assert found.cells[0][0] == f"{float(table[name].iloc[0]):.6g}"
    gone = table.iloc[:2].copy()
    gone.loc[gone.index[0], name] = np.nan
    again = explainable(model_of("fnn"), gone, runtime=RUNTIME)
    assert again.cells[0][0] == "not known"
    assert bool(again.inputs[1][0, 0])


def test_the_typical_row_has_the_medians_and_the_most_frequent_levels():
    found = of("fnn")
    numeric, missing, categorical = found.baselines["typical"].rows
    encoder = model_of("fnn").checkpoint.card.encoder
    medians = [one.median for one in encoder.numeric]
    back = [
        float(x) * one.deviation + one.mean
        for x, one in zip(numeric[0], encoder.numeric, strict=True)
    ]
    assert back == pytest.approx(medians, rel=1e-5)
    assert not missing.any()
    for column, one in enumerate(encoder.categorical):
        usual = TABLES["fnn"]().frame.iloc[5:][one.name].mode()[0]
        assert one.levels[int(categorical[0, column]) - 2] == str(usual)


def test_without_training_rows_nothing_is_made_up_of_the_explained_ones():
    assert list(of("fnn", reference=None).baselines) == ["zero"]
    assert list(of("cnn", reference=None).baselines) == ["mean", "zero", "blur"]
    assert list(of("encoder", reference=None).baselines) == ["pad", "unknown"]


def test_the_sample_is_drawn_by_the_seed_and_from_the_training_rows_alone():
    one, other = of("fnn").baselines["sample"], of("fnn").baselines["sample"]
    assert all(torch.equal(a, b) for a, b in zip(one.rows, other.rows, strict=True))
    assert len(one.rows[0]) == Cuts().samples
    few = of("fnn", cuts=Cuts(samples=3)).baselines["sample"]
    assert len(few.rows[0]) == 3
    lone = of("fnn", reference=TABLES["fnn"]().frame.iloc[7:8]).baselines["sample"]
    own = of("fnn", rows=8).inputs[0][7]
    assert torch.equal(lone.rows[0][0], own)


def test_28_pixels_are_cut_into_49_patches_of_16():
    found = patches(3, 28, 28, 49)
    mask = found.masks[0]
    assert mask.shape == (1, 3, 28, 28)
    assert torch.bincount(mask[0, 0].flatten()).tolist() == [16] * 49
    assert torch.equal(mask[0, 0], mask[0, 2])
    assert found.names[0][8] == "rows 5-8, columns 5-8"
    assert int(mask[0, 0, 4, 7]) == 8


@pytest.mark.parametrize(("height", "width", "cells"), [(64, 64, 49), (8, 8, 49), (9, 30, 20)])
def test_patches_are_never_more_than_allowed_and_each_has_a_pixel(height, width, cells):
    found = patches(1, height, width, cells)
    assert len(found.names[0]) <= cells
    assert (torch.bincount(found.masks[0].flatten(), minlength=len(found.names[0])) > 0).all()


def test_a_blurred_image_keeps_its_mean_level_and_loses_its_dots():
    even = torch.full((1, 2, 12, 12), 0.4)
    assert blurred(even) == pytest.approx(even, abs=1e-6)
    dot = torch.zeros(1, 1, 13, 13)
    dot[0, 0, 6, 6] = 1
    soft = blurred(dot)
    assert float(soft.max()) < 0.05
    assert torch.allclose(soft, soft.flip(2))
    assert torch.allclose(soft, soft.transpose(2, 3))


def test_superpixels_are_asked_for_and_follow_the_image():
    found = of("cnn", cuts=Cuts(superpixels=True, cells=9))
    assert found.unit == "piece"
    assert len(found.players.masks[0]) == 5
    assert 1 < found.players.most <= 9


def test_words_share_the_tokens_out_and_padding_is_nobodys():
    found = of("encoder")
    tokens, lengths = found.inputs
    mask = found.players.masks[0]
    for row in range(5):
        within = mask[row, : lengths[row]]
        assert (within >= 0).all()
        assert (mask[row, lengths[row] :] == HELD).all()
        assert found.players.of(row) == tuple(TABLES["encoder"]().frame["text"].iloc[row].split())
    assert tokens.shape == mask.shape


@pytest.mark.parametrize(("name", "mark"), [("pad", PAD), ("unknown", UNKNOWN)])
def test_a_hidden_text_has_its_own_length_and_nothing_else_of_its_own(name, mark):
    found = of("encoder")
    with at_rest(found.module):
        tokens, lengths = found.question(name).start(torch.arange(5))
    assert torch.equal(lengths, found.inputs[1])
    for row in range(5):
        assert (tokens[row, : lengths[row]] == mark).all()


def test_stretches_of_time_are_even_within_each_rows_own_length():
    values = torch.zeros(3, 20, 2)
    found = stretches(values, torch.tensor([20, 5, 1]), 4)
    assert [len(one) for one in found.names] == [4, 4, 1]
    assert torch.bincount(found.masks[0][0, :, 0]).tolist() == [5, 5, 5, 5]
    assert found.masks[0][1, :6, 1].tolist() == [0, 0, 1, 2, 3, HELD]
    assert found.names[1] == ("steps 1-2", "step 3", "step 4", "step 5")


def test_a_sequence_can_be_asked_by_channel():
    found = of("gru", cuts=Cuts(channels=True))
    assert found.players.of(0) == ("channel 1", "channel 2")
    assert found.unit == "channel"


def test_a_training_sequence_fills_a_longer_row_by_beginning_again():
    rows = torch.tensor([[[1.0], [2.0], [0.0]], [[3.0], [4.0], [5.0]]])
    found = repeated(rows, torch.tensor([2, 3]), 5)
    assert found[0, :, 0].tolist() == [1, 2, 1, 2, 1]
    assert found[1, :, 0].tolist() == [3, 4, 5, 3, 4]


def test_each_token_that_is_written_is_a_question_of_its_own():
    found = of("encoder-decoder", rows=2)
    source, _lengths, so_far, place = found.inputs
    assert found.rows == tuple(sorted(found.rows))
    first = [i for i, one in enumerate(found.rows) if one == 0]
    assert place[first].tolist() == list(range(len(first)))
    assert found.asks[first[-1]].endswith("the end") or len(first) >= 23
    # What was written before stands there, and what comes after it does not.
    for i in first:
        assert (so_far[i, int(place[i]) + 1 :] == PAD).all()
        assert (
            so_far[i, 1 : int(place[i]) + 1].tolist()
            == found.targets[first[: int(place[i])], 0].tolist()
        )
    assert all((mask == HELD).all() for mask in found.players.masks[1:])
    assert torch.equal(source[first[0]], source[first[-1]])


def test_a_language_model_is_asked_for_the_token_it_would_write():
    found = of("decoder", cuts=Cuts(context=6))
    tokens, lengths = found.inputs
    assert lengths.tolist() == [7] * 5  # START and six more
    assert (found.players.masks[0][:, 0] == HELD).all()
    model = model_of("decoder").checkpoint.model
    with torch.no_grad():
        logits = model(tokens)[:, -1]
    assert found.targets[:, 0].tolist() == logits.argmax(dim=1).tolist()
    with at_rest(found.module):
        assert found.question().own.float() == pytest.approx(logits.max(dim=1).values, abs=1e-4)
    named = of("decoder", targets="a")
    assert set(named.asks) == {"logit of 'a' after 23 tokens"}


@pytest.mark.parametrize("judged", [False, True])
def test_a_generator_is_asked_by_its_latent_numbers(judged):
    judge = model_of("cnn") if judged else None
    found = of("gan", part="generator", judge=judge)
    assert found.medium == "latent"
    assert found.players.most == found.inputs[0].shape[1] == 8
    assert ("being real" in found.asks[0]) is not judged
    with at_rest(found.module):
        assert torch.isfinite(asked("saliency", found.question()).value).all()


def test_a_conditional_discriminator_is_told_the_class_and_it_is_held():
    model, card = trained("gan", Recipe(epochs=1, batch_size=64), conditional=True)
    checkpoint = files.Checkpoint(model=model, card=card, sha256="0" * 64)
    predictor = CheckpointModel(checkpoint=checkpoint, runtime=RUNTIME, name="gan")
    frame = TABLES["gan"]().frame
    found = explainable(predictor, frame.iloc[:4], reference=frame, runtime=RUNTIME)
    assert (found.players.masks[1] == HELD).all()
    with at_rest(found.module):
        for name in found.baselines:
            began = found.question(name).start(torch.arange(4))
            assert torch.equal(began[1], found.inputs[1])


def test_a_class_can_be_named_by_its_level_or_its_place_and_row_by_row():
    assert set(of("cnn", targets="m").asks) == {"logit of m"}
    assert of("cnn", targets=[0, 1, 2, 0, "r"]).targets[:, 0].tolist() == [0, 1, 2, 0, 2]


@pytest.mark.parametrize(
    ("name", "targets", "said"),
    [
        ("cnn", "x", "no class 'x'; there are l, m, r"),
        ("cnn", 3, "no class 3: the model knows 3, 0 to 2"),
        ("cnn", ["l"], "1 classes for 5 rows"),
        ("encoder", "0", "turn its sign"),
        ("encoder", "2", "no outcome '2'"),
        ("gan", "l", "a discriminator gives one number"),
        ("encoder-decoder", "A", "leave targets out"),
        ("decoder", "ab", "not one token"),
        ("decoder", 999, "no token 999"),
    ],
)
def test_a_class_that_does_not_exist_is_refused_in_one_line(name, targets, said):
    with pytest.raises(UsageError, match=said):
        of(name, targets=targets)


def test_predictions_alone_cannot_be_explained():
    schema = TABLES["fnn"]().schema
    model = PredictionsModel(name="x", where="x", schema=schema, score="score")
    with pytest.raises(NotApplicable, match="only the model's answers are known"):
        explainable(model, TABLES["fnn"]().frame, runtime=RUNTIME)
    with pytest.raises(UsageError, match="no rows"):
        of("fnn", rows=0)


def test_some_rows_are_asked_as_they_were_among_all():
    found = of("encoder")
    some = found.at([3, 1])
    with at_rest(found.module):
        every = asked("input_x_gradient", found.question()).of(found.players)
        two = asked("input_x_gradient", some.question()).of(some.players)
    assert two == pytest.approx(every[[3, 1]][:, : two.shape[1]], abs=1e-6)
    assert some.asks == (found.asks[3], found.asks[1])
    assert some.players.of(0) == found.players.of(3)


FRAME = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 6.0, 2.0]})


class Line(nn.Module):
    """Two logits, or what `last` makes of them."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.last = last

    def forward(self, x):
        return self.last(torch.stack([x[:, 0], 2 * x[:, 1] - 5], dim=1))


def test_somebody_elses_two_logits_are_explained_by_their_difference():
    found = explainable(foreign(Line(nn.Identity())), FRAME, reference=FRAME, runtime=RUNTIME)
    assert found.asks[0] == "log-odds of the positive outcome"
    assert found.players.names == (("a", "b"),)
    assert found.baselines["typical"].rows[0].tolist() == [[1, 2]]
    with at_rest(found.module):
        given = asked("integrated_gradients", found.question())
    # 2 b - 5 - a, against the medians 1 and 2: worked out by hand.
    assert given.value.numpy() == pytest.approx(np.array([[1, -2], [0, 8], [-1, 0]]))


def test_somebody_elses_probabilities_are_explained_as_such():
    found = explainable(foreign(Line(nn.Softmax(dim=1))), FRAME, runtime=RUNTIME)
    assert found.asks[0] == "probability of the positive outcome"
    with at_rest(found.module):
        own = found.question().own
    logits = torch.tensor([-3.0, 6.0, -3.0])  # 2 b - 5 - a
    assert own == pytest.approx(torch.sigmoid(logits).double(), abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "medium", "players"), [((1, 8, 8), "image", 16), ((20, 3), "sequence", 16)]
)
def test_what_preprocess_makes_is_cut_by_its_shape(shape, medium, players):
    def preprocess(frame):
        return (
            torch.arange(float(len(frame)))[:, None]
            .expand(-1, int(np.prod(shape)))
            .reshape(-1, *shape)
        )

    class Mean(nn.Module):
        def forward(self, x):
            return x.flatten(1).mean(dim=1) - 1

    model = foreign(Mean(), preprocess=preprocess)
    found = explainable(model, FRAME, reference=FRAME, runtime=RUNTIME)
    assert (found.medium, found.players.most) == (medium, players)
    with at_rest(found.module):
        assert found.question("typical").reference == pytest.approx(torch.zeros(3).double())


def test_the_distance_of_an_answer_from_the_prior_is_that_of_logits():
    prior = torch.tensor([0.25, 0.75]).double()
    even = torch.tensor(3.0).double().log()  # the log-odds of the prior
    assert _distance(even[None], prior) == pytest.approx(0, abs=1e-12)
    # A log-odds that is off by 2 puts each of two logits 1 from their middle.
    assert _distance(even[None] + 2, prior) == pytest.approx(1)
    assert _distance(torch.stack([prior.log() + 7]), prior) == pytest.approx(0, abs=1e-12)


def test_the_baseline_nearest_to_the_prior_comes_first():
    class Marked(nn.Module):
        """Says yes to PAD, and of UNKNOWN what half of the rows would be told."""

        def __init__(self):
            super().__init__()
            self.e = nn.Embedding(100, 1)

        def forward(self, tokens, lengths):
            known = torch.where(tokens == PAD, 9.0, 0.0)
            return known[:, 0] + 0 * self.e(tokens).sum(dim=(1, 2))

    predictor = model_of("encoder")
    card = predictor.checkpoint.card
    strange = files.Checkpoint(model=Marked(), card=card, sha256="")
    frame = TABLES["encoder"]().frame
    found = explainable(
        replace(predictor, checkpoint=strange), frame.iloc[:4], reference=frame, runtime=RUNTIME
    )
    assert next(iter(found.baselines)) == "unknown"
    prior = prior_of(frame, card.schema, Task.DECISION)
    assert float(prior[1]) == pytest.approx((frame["liked"] == "1").mean())
