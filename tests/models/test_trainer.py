import math

import numpy as np
import pytest
import torch

from auditkit.data.tables import labels
from auditkit.errors import UsageError
from auditkit.models import files
from auditkit.models.base import ARCHITECTURES, tensors
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.trainer import Recipe
from auditkit.runtime import Runtime
from tests.models.conftest import QUICK, planted_table, trained


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_architecture_trains_saves_and_reloads(name, tmp_path):
    model, card = trained(name=name, recipe=Recipe(epochs=1, batch_size=256, bins=4))
    loaded = files.load(files.save(tmp_path / "made", model, card))
    rows = tensors(card.encoder.transform(planted_table().frame))
    with torch.no_grad():
        assert torch.equal(model(*rows), loaded.model(*rows))
    assert loaded.card == card.__class__.from_dict(loaded.card.to_dict())


def test_it_learns_what_was_planted(tmp_path):
    model, card = trained(recipe=Recipe(epochs=12, batch_size=64, bins=16))
    table = planted_table()
    checkpoint = files.load(files.save(tmp_path / "made", model, card))
    scores = (
        CheckpointModel(checkpoint=checkpoint, runtime=Runtime(device="cpu"), name="m")
        .outputs(table.frame)
        .scores
    )
    right = np.mean((scores >= 0.5) == labels(table.frame, table.schema))
    assert right > 0.85  # nine labels in ten follow from merit; always guessing gets .5


def test_the_same_seed_gives_the_same_network_and_another_does_not(model_and_card):
    model, card = model_and_card
    again, card_again = trained()
    other, _ = trained(seed=1)
    pairs = list(zip(model.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(one, same) for one, same, _ in pairs)
    assert not all(torch.equal(one, else_) for one, _, else_ in pairs)
    assert [e.train_loss for e in card.training.history] == [
        e.train_loss for e in card_again.training.history
    ]


def test_training_leaves_the_generators_of_others_alone():
    torch.manual_seed(7)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    trained(recipe=Recipe(epochs=1, bins=4))
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


def test_the_kept_weights_are_the_best_epochs():
    """Retraining for exactly the best number of epochs gives the same weights."""
    recipe = Recipe(epochs=10, batch_size=64, learning_rate=0.02, bins=8, patience=2)
    model, card = trained(recipe=recipe)
    best = card.training.best_epoch
    assert best < len(card.training.history), "the curve must turn for this test to say anything"
    short, _ = trained(recipe=Recipe(**{**card.training.recipe, "epochs": best}))
    for one, other in zip(model.parameters(), short.parameters(), strict=True):
        assert torch.equal(one, other)


def test_validation_rows_are_held_out_of_the_encoder():
    _, card = trained(recipe=Recipe(epochs=1, bins=4, validation_fraction=0.5))
    assert card.training.train_rows == card.training.validation_rows == 400
    means = {one.name: one.mean for one in card.encoder.numeric}
    assert means["merit"] != pytest.approx(planted_table().frame["merit"].mean(), abs=1e-9)


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 0}, {"validation_fraction": 1.0}, {"patience": 0}]
)
def test_a_recipe_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError, match="must"):
        Recipe(**wrong)


@pytest.mark.parametrize("wrong", [{"learning_rate": float("nan")}, {"learning_rate": -1.0}])
def test_a_learning_rate_is_a_positive_number(wrong):
    with pytest.raises(UsageError, match="learning_rate"):
        Recipe(**wrong)


def test_a_training_that_diverges_says_so():
    with pytest.raises(UsageError, match=r"diverged in epoch 1.*--learning-rate"):
        trained(recipe=Recipe(epochs=2, learning_rate=1e30, bins=4))


def test_an_unknown_architecture_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="did you mean 'fnn'"):
        trained(name="fn", recipe=QUICK)
