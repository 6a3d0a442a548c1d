import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from auditkit.data.tables import labels
from auditkit.errors import UsageError
from auditkit.models import files
from auditkit.models.card import Card
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.recipe import Engine, Recipe
from auditkit.models.train import train
from auditkit.models.trainer import Diverged
from auditkit.runtime import Runtime
from tests.media import SOURCE, images, pairs, plan, rows, speeches, texts, trained
from tests.models.conftest import QUICK


def right_share(model, card, table, tmp_path) -> float:
    checkpoint = files.load(files.save(tmp_path / "made", model, card))
    outputs = CheckpointModel(checkpoint=checkpoint, runtime=Runtime(device="cpu"), name="m")
    scores = outputs.outputs(table.frame).scores
    return float(np.mean((scores >= 0.5) == labels(table.frame, table.schema)))


def test_it_learns_what_was_planted(tmp_path):
    model, card = trained(recipe=Recipe(epochs=12, batch_size=64))
    # Nine labels in ten follow from merit; always guessing gets .5.
    assert right_share(model, card, rows(), tmp_path) > 0.85


@pytest.mark.parametrize("given", [{"averaging": 0.9}, {"optimizer": "sgd", "learning_rate": 0.05}])
def test_it_learns_by_an_average_and_by_plain_gradients(given, tmp_path):
    recipe = Recipe(
        **{"epochs": 12, "batch_size": 64, "schedule": "cosine", "warmup": 0.1, **given}
    )
    model, card = trained(recipe=recipe)
    assert right_share(model, card, rows(), tmp_path) > 0.85


def test_the_same_seed_gives_the_same_network_and_another_does_not(model_and_card):
    model, card = model_and_card
    again, card_again = trained(recipe=QUICK)
    other, _ = trained(recipe=QUICK, seed=1)
    both = list(zip(model.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(one, same) for one, same, _ in both)
    assert not all(torch.equal(one, else_) for one, _, else_ in both)
    assert [e.train_loss for e in card.training.history] == [
        e.train_loss for e in card_again.training.history
    ]


def test_training_leaves_the_generators_of_others_alone():
    torch.manual_seed(7)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    trained()
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002


def test_the_best_epoch_is_kept_and_the_curve_is_whole(model_and_card):
    _, card = model_and_card
    losses = [one.validation_loss for one in card.training.history]
    assert losses[card.training.best_epoch - 1] == min(losses)
    assert [one.epoch for one in card.training.history] == list(range(1, len(losses) + 1))
    for one in card.training.history:
        assert one.gradient_norm > 0
        assert 0 <= one.dead_units <= 1
        assert math.isfinite(one.train_loss)
        assert one.rows_per_second > 0
        assert one.layers
        assert all(norm >= 0 and 0 < ratio < 1 for norm, ratio in one.layers.values())
    assert card.training.operations > card.training.parameters * card.training.train_rows


def test_the_kept_weights_are_the_best_epochs():
    """Retraining for exactly the best number of epochs gives the same weights."""
    recipe = Recipe(epochs=10, batch_size=64, learning_rate=0.02, patience=2)
    model, card = trained(recipe=recipe)
    best = card.training.best_epoch
    assert best < len(card.training.history), "the curve must turn for this test to say anything"
    short, _ = trained(recipe=replace(recipe, epochs=best))
    for one, other in zip(model.parameters(), short.parameters(), strict=True):
        assert torch.equal(one, other)


def test_validation_rows_are_held_out_of_the_encoder():
    _, card = trained(recipe=Recipe(epochs=1, validation_fraction=0.5))
    assert card.training.train_rows == card.training.validation_rows == 400
    means = {one.name: one.mean for one in card.encoder.numeric}
    assert means["merit"] != pytest.approx(rows().frame["merit"].mean(), abs=1e-9)


def test_validation_shares_no_word_with_the_rest():
    table = pairs()
    words = table.frame["word"].nunique()
    _, card = trained("encoder-decoder", Recipe(epochs=1, validation_fraction=0.5))
    sides = (card.training.train_rows, card.training.validation_rows)
    assert sum(sides) == len(table.frame) > words


def test_numbers_are_answered_in_their_own_unit(tmp_path):
    table = rows()
    frame = table.frame.assign(pay=1000 * table.frame["merit"] + 5000)
    column = replace(table.schema.target, name="pay", kind="numeric", levels=())
    schema = replace(table.schema, target=column, positive=None)
    model, card = trained(
        table=replace(table, frame=frame, schema=schema), recipe=Recipe(epochs=20, batch_size=64)
    )
    checkpoint = files.load(files.save(tmp_path / "made", model, card))
    said = CheckpointModel(checkpoint=checkpoint, runtime=Runtime(device="cpu"), name="m").outputs(
        frame
    )
    assert np.abs(said.values - frame["pay"]).mean() < 100  # the mean's own error is 250


def test_pretraining_comes_first_and_is_told_apart():
    recipe = Recipe(epochs=2, pretraining=3, batch_size=64)
    _, card = trained("encoder", recipe)
    assert [one.phase for one in card.training.history] == ["pretraining"] * 3 + ["training"] * 2
    assert card.training.best_epoch > 3, "the best of pretraining is no checkpoint of the task"
    assert set(card.training.history[0].metrics) == {"token accuracy"}
    assert set(card.training.history[-1].metrics) == {"accuracy"}


def test_pretraining_is_refused_where_nothing_can_be_masked():
    with pytest.raises(UsageError, match="fnn cannot be pretrained"):
        trained(recipe=Recipe(epochs=1, pretraining=1))


def test_streamed_rows_train_the_same_network_as_rows_in_memory():
    held, _ = trained("cnn")
    table = images()
    streamed, _ = train(
        replace(plan("cnn"), engine=Engine(memory_mb=0)),
        table,
        source=SOURCE,
        runtime=Runtime(device="cpu"),
    )
    for one, other in zip(held.parameters(), streamed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_learning_rate_that_follows_the_cosine_ends_near_nothing():
    recipe = Recipe(epochs=10, batch_size=64, schedule="cosine", warmup=0.2, patience=0)
    _, card = trained(recipe=recipe)
    rates = [one.learning_rate for one in card.training.history]
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=0.1)
    assert rates[0] < rates[1]
    assert rates[-1] < 0.01 * recipe.learning_rate
    assert rates[2:] == sorted(rates[2:], reverse=True)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 0}, {"validation_fraction": 1.0}, {"warmup": 2.0}]
)
def test_a_recipe_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError, match="must"):
        Recipe(**wrong)


@pytest.mark.parametrize("wrong", [{"learning_rate": float("nan")}, {"learning_rate": -1.0}])
def test_a_learning_rate_is_a_positive_number(wrong):
    with pytest.raises(UsageError, match="learning_rate"):
        Recipe(**wrong)


def test_a_training_that_diverges_names_the_step_and_keeps_nothing_it_never_had():
    with pytest.raises(
        Diverged, match=r"diverged at step \d+ \(epoch 1\).*--learning-rate"
    ) as told:
        trained(recipe=Recipe(epochs=2, learning_rate=1e30, clip=0))
    assert told.value.trained is None


def test_a_training_that_diverges_late_keeps_its_best_epoch(monkeypatch):
    from auditkit.models import trainer

    pace = trainer.pace

    def sudden(optimizers, players, recipe, share):
        rate = pace(optimizers, players, recipe, share)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = 1e30 if share > 0.5 else rate
        return rate

    monkeypatch.setattr(trainer, "pace", sudden)
    with pytest.raises(Diverged, match=r"epoch 3.*epoch 2 was the best") as told:
        trained(recipe=Recipe(epochs=4, batch_size=64, clip=0))
    model, card = told.value.trained
    assert isinstance(card, Card)
    assert card.training.best_epoch == 2
    assert all(torch.isfinite(one).all() for one in model.parameters())


def test_running_out_of_a_gpus_memory_names_a_batch_size_to_try(monkeypatch):
    from auditkit.models import trainer

    def full(*_args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trainer, "augmented", full)
    with pytest.raises(UsageError, match="batches of 64 rows: try --batch-size 32"):
        trained(recipe=Recipe(epochs=1, batch_size=64))


def test_images_move_and_mirror_only_where_they_are_told_to():
    from auditkit.models.augmentation import augmented
    from auditkit.models.batches import Batch

    pixels = torch.arange(2 * 16.0).reshape(2, 1, 4, 4)
    batch = Batch(inputs=(pixels,), targets=torch.zeros(2))
    assert torch.equal(augmented(batch, Recipe()).inputs[0], pixels)
    torch.manual_seed(0)
    flipped = augmented(
        Batch(inputs=(pixels.repeat(50, 1, 1, 1),), targets=torch.zeros(100)), Recipe(flip=True)
    ).inputs[0]
    mirrored = (flipped == pixels.repeat(50, 1, 1, 1).flip(-1)).flatten(1).all(1)
    assert 0.3 < mirrored.float().mean() < 0.7
    moved = augmented(batch, Recipe(shift=1)).inputs[0]
    assert moved.shape == pixels.shape


def test_an_unknown_architecture_is_refused_with_the_known_ones():
    from auditkit.models.base import ARCHITECTURES

    with pytest.raises(UsageError, match="did you mean 'fnn'"):
        ARCHITECTURES["fn"]


@pytest.mark.parametrize(
    ("name", "table", "fit"),
    [
        ("cnn", rows, "fnn would"),
        ("fnn", images, "cnn, dcgan, gan would"),
        ("decoder", images, "cnn, dcgan, gan would"),
        ("encoder-decoder", texts, "decoder, encoder, gru, lstm, rnn would"),
        ("encoder", speeches, "decoder would"),
    ],
)
def test_a_pair_that_does_not_fit_says_which_do(name, table, fit):
    with pytest.raises(UsageError, match=f"{name} does not fit.*{fit}"):
        trained(name, table=table())


def test_a_pass_cut_into_turns_sees_every_row_once_in_as_many_epochs():
    recipe = Recipe(epochs=4, turns=4, batch_size=32, patience=0)
    _, card = trained(recipe=recipe)
    assert len(card.training.history) == 4
    assert sum(map(len, _turned(4))) == sum(map(len, _turned(1))) == card.training.train_rows


def _turned(turns):
    from auditkit.models.batches import Held, shuffled

    part = Held(inputs=(torch.zeros(680, 1),), targets=torch.zeros(680))
    chosen = shuffled(part, 32, np.random.default_rng(0))
    return [rows for turn in range(turns) for rows in chosen[turn::turns]]


def test_more_turns_than_batches_still_train():
    _, card = trained(recipe=Recipe(epochs=3, turns=50, batch_size=512, patience=0))
    assert all(math.isfinite(one.train_loss) for one in card.training.history)


def test_few_rows_of_every_class_still_leave_one_to_judge_by():
    table = images(18)
    _, card = trained("cnn", Recipe(epochs=1, validation_fraction=0.05), table=table)
    assert card.training.validation_rows == 1


def test_a_language_model_must_be_able_to_write_its_texts_down():
    from auditkit.data.encoders import Coding

    chosen = replace(plan("decoder"), coding=Coding(units="pieces"))
    with pytest.raises(UsageError, match="use bytes"):
        train(chosen, speeches(), source=SOURCE, runtime=Runtime(device="cpu"))
