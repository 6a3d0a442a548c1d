"""Weights of several epochs, kept where a training is asked to, and sealed like the rest."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from auditkit.errors import ModelError
from auditkit.models import files, sealed
from auditkit.models.files import CARD, SNAPSHOTS, WEIGHTS
from auditkit.models.recipe import Recipe
from auditkit.models.train import train
from auditkit.models.trainer import apart_of
from auditkit.runtime import Runtime
from tests.media import SOURCE, TABLES, plan, trained
from tests.models.test_progress import interrupted

KEEPING = Recipe(epochs=9, batch_size=64, snapshots=4, patience=0, averaging=0.9)


@pytest.fixture(scope="module")
def kept():
    return trained("fnn", KEEPING)


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    return files.save(tmp_path / "made", *kept)


@pytest.mark.parametrize("most", [1, 2, 3, 10])
def test_of_any_number_of_epochs_at_most_so_many_are_kept_and_no_fewer_than_must_be(most):
    for epochs in range(1, 200):
        apart = apart_of(epochs, most)
        assert epochs // apart <= most
        assert apart == 1 or epochs // (apart // 2) > most


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path):
    model, card = trained("fnn", Recipe(epochs=3, batch_size=64))
    assert card.snapshots == {}
    made = files.save(tmp_path / "made", model, card)
    assert sorted(one.name for one in made.iterdir()) == [CARD, WEIGHTS]
    assert "snapshots_sha256" not in json.loads((made / CARD).read_text())


def test_they_are_evenly_spaced_up_to_the_epoch_that_is_kept(kept):
    _, card = kept
    assert list(card.snapshots) == [one for one in (2, 4, 6, 8) if one <= card.training.best_epoch]
    assert len(card.snapshots) >= 2


def test_the_last_of_them_is_the_network_at_that_epoch_and_not_its_average(kept):
    _, card = kept
    short = Recipe(epochs=2, batch_size=64, patience=0)
    model, _ = trained("fnn", short)
    for name, one in model.state_dict().items():
        assert torch.equal(card.snapshots[2][name], one), name


def test_they_come_back_as_they_were(kept, folder):
    loaded = files.load(folder).card
    assert list(loaded.snapshots) == list(kept[1].snapshots)
    for epoch, weights in kept[1].snapshots.items():
        for name, one in weights.items():
            assert torch.equal(loaded.snapshots[epoch][name], one)
    files.save(folder, files.load(folder).model, loaded)
    assert list(files.load(folder).card.snapshots) == list(loaded.snapshots)


def test_a_file_of_them_that_is_missing_is_named(folder):
    (folder / SNAPSHOTS).unlink()
    with pytest.raises(ModelError, match=SNAPSHOTS):
        files.load(folder)


def test_one_changed_bit_of_them_is_found(folder):
    content = bytearray((folder / SNAPSHOTS).read_bytes())
    content[-10] ^= 1
    (folder / SNAPSHOTS).write_bytes(bytes(content))
    with pytest.raises(ModelError, match="checksum"):
        files.load(folder)


@pytest.mark.parametrize("how", ["epoch", "shape", "name"])
def test_resealed_weights_of_another_network_are_refused(how, folder):
    tensors = load_file(folder / SNAPSHOTS)
    first = next(iter(tensors))
    one = tensors.pop(first)
    if how == "shape":
        tensors[first] = torch.zeros(1)
    else:
        tensors[f"99.{first.partition('.')[2]}" if how == "epoch" else "nonsense"] = one
    save_file(tensors, folder / SNAPSHOTS)
    raw = json.loads((folder / CARD).read_text())
    raw.pop("sha256")
    raw["snapshots_sha256"] = files.sha256((folder / SNAPSHOTS).read_bytes()).hexdigest()
    raw["sha256"] = sealed.seal_of(raw)
    (folder / CARD).write_text(json.dumps(raw))
    with pytest.raises(ModelError, match="do not fit"):
        files.load(folder)


def test_a_card_from_before_there_were_any_still_loads(kept, tmp_path):
    model, card = trained("fnn", Recipe(epochs=1, batch_size=64))
    made = files.save(tmp_path / "old", model, card)
    raw = json.loads((made / CARD).read_text())
    raw.pop("sha256")
    del raw["training"]["recipe"]["snapshots"]
    raw["sha256"] = sealed.seal_of(raw)
    (made / CARD).write_text(json.dumps(raw))
    assert files.load(made).card.snapshots == {}


def test_a_training_that_was_killed_keeps_the_same_ones(kept, tmp_path, monkeypatch):
    left = interrupted("fnn", KEEPING, 5, tmp_path, monkeypatch)
    _, card = train(
        plan("fnn", KEEPING),
        TABLES["fnn"](),
        source=SOURCE,
        runtime=Runtime(device="cpu"),
        folder=tmp_path,
        resumed=left,
    )
    assert list(card.snapshots) == list(kept[1].snapshots)
    for epoch, weights in kept[1].snapshots.items():
        for name, one in weights.items():
            assert torch.equal(card.snapshots[epoch][name], one), (epoch, name)


def test_a_training_begun_before_there_were_any_goes_on():
    assert "snapshots" not in plan("fnn").to_dict()
    assert plan("fnn", KEEPING).to_dict()["snapshots"] == 4
