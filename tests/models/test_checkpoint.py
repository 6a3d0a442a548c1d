"""A checkpoint as the audit sees it: what it says of rows, for each task."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from auditkit.errors import DataError
from auditkit.models import files
from auditkit.models.checkpoint import MADE, SAMPLES, CheckpointModel
from auditkit.models.predictor import Classes, Decisions, Images, Language, Texts
from auditkit.models.recipe import Recipe
from auditkit.runtime import Runtime
from tests.media import TABLES, trained


@cache
def seen(name: str, *, seed: int = 0, size: int = 4096, epochs: int = 1) -> CheckpointModel:
    model, card = trained(name, Recipe(epochs=epochs, batch_size=64))
    checkpoint = files.Checkpoint(model=model, card=card, sha256="0" * 64)
    runtime = Runtime(device="cpu", seed=seed, batch_size=size)
    return CheckpointModel(checkpoint=checkpoint, runtime=runtime, name=name)


@pytest.mark.parametrize("name", ["fnn", "encoder"])
def test_decisions_are_probabilities_of_the_positive_outcome(name):
    frame = TABLES[name]().frame.head(50)
    found = seen(name).outputs(frame)
    assert isinstance(found, Decisions)
    assert (found.scores.dtype, found.scores.shape) == (np.float64, (50,))
    assert ((found.scores > 0) & (found.scores < 1)).all()


@pytest.mark.parametrize("name", ["cnn", "gru"])
def test_classes_are_probabilities_that_add_up(name):
    frame = TABLES[name]().frame.head(50)
    found = seen(name).outputs(frame)
    levels = seen(name).levels
    assert isinstance(found, Classes)
    assert found.probabilities.dtype == np.float64
    assert found.probabilities.shape == (50, len(levels))
    assert found.probabilities.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("name", ["fnn", "cnn", "lstm", "encoder"])
def test_rows_are_answered_alike_whatever_stands_beside_them(name):
    frame = TABLES[name]().frame.head(21)
    whole, parts = (seen(name, size=size).outputs(frame) for size in (4096, 5))
    for field in vars(whole):
        one, other = getattr(whole, field), getattr(parts, field)
        if isinstance(one, np.ndarray):
            assert other == pytest.approx(one, abs=1e-5)


def test_language_is_bits_and_characters_of_each_text_and_samples_by_seed():
    frame = TABLES["decoder"]().frame.head(3)
    found = seen("decoder").outputs(frame)
    assert isinstance(found, Language)
    assert found.characters.tolist() == [len(one) for one in frame["text"]]
    assert found.bits.shape == (3,)
    assert (found.bits > 0).all()
    assert len(found.samples) == SAMPLES
    assert set("".join(found.samples)) <= set("abcdefghij ")
    again, other = (seen("decoder", seed=seed).outputs(frame) for seed in (0, 1))
    assert again.samples == found.samples != other.samples
    assert np.array_equal(again.bits, other.bits)


def test_images_are_bytes_of_the_datas_size_and_made_by_the_seed():
    frame = TABLES["gan"]().frame
    found = seen("gan").outputs(frame)
    assert isinstance(found, Images)
    assert (found.pixels.dtype, found.pixels.shape) == (np.uint8, (MADE, 1, 8, 8))
    assert found.classes is None
    again, other = (seen("gan", seed=seed).outputs(frame) for seed in (0, 1))
    assert np.array_equal(found.pixels, again.pixels)
    assert not np.array_equal(found.pixels, other.pixels)


def test_a_judge_looks_at_images_as_the_classifier_answers_them():
    frame = TABLES["cnn"]().frame.head(30)
    features, probabilities = seen("cnn").look(np.stack(frame["image"].tolist()))
    assert features.dtype == probabilities.dtype == np.float64
    assert (len(features), features.ndim) == (30, 2)
    assert probabilities == pytest.approx(seen("cnn").outputs(frame).probabilities, abs=1e-5)
    assert len(np.unique(features.round(6), axis=0)) > 1


def test_a_writer_that_was_trained_long_enough_writes_right():
    table = TABLES["encoder-decoder"]()
    recipe = Recipe(
        epochs=60, batch_size=32, learning_rate=4e-3, schedule="cosine", warmup=0.1, patience=0
    )
    model, card = trained("encoder-decoder", recipe, width=32)
    model = CheckpointModel(
        checkpoint=files.Checkpoint(model=model, card=card, sha256="0" * 64),
        runtime=Runtime(device="cpu"),
        name="speller",
    )
    found = model.outputs(table.frame)
    assert isinstance(found, Texts)
    right = found.texts == table.frame["spelled"].to_numpy()
    assert right.mean() > 0.9, list(zip(found.texts, table.frame["spelled"], strict=True))[:5]


def test_a_faulty_row_is_named(tmp_path: Path):
    frame = TABLES["encoder"]().frame.head(4).copy()
    frame.loc[2, "text"] = ""
    with pytest.raises(DataError, match="row 3 of the data is empty"):
        seen("encoder").outputs(frame)
