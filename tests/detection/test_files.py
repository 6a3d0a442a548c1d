"""A detector's folder that somebody changed and sealed again is refused with a sentence."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save as save_tensors

from auditkit.detection.files import WEIGHTS, load_detector, save_detector
from auditkit.detection.speech.detector import load_speech_detector
from auditkit.errors import ModelError
from auditkit.models.files import load
from auditkit.models.sealed import CARD, is_of_kind, sealed, unsealed
from tests.detectors import tiny_detector


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The tiny detector's folder with a card that was changed and has a right seal again."""
    place = save_detector(folder / "it", tiny_detector()) / CARD
    card = unsealed(place.read_bytes(), place)
    change(card)
    place.write_text(sealed(card), encoding="utf-8")
    return place.parent


def test_a_card_that_was_changed_is_refused(tmp_path: Path) -> None:
    place = save_detector(tmp_path / "it", tiny_detector()) / CARD
    text = place.read_text(encoding="utf-8")
    place.write_text(text.replace('"slope": ', '"slope": 1', 1), encoding="utf-8")
    with pytest.raises(ModelError, match="was changed after it was written"):
        load_detector(place.parent)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ([], "no table"),
        ({"limits": 5}, "'limits' of its facts is no list of text"),
        ({"limits": "one sentence"}, "'limits' of its facts"),
        ({"sources": [["meadow"]]}, "'sources' of its facts"),
        ({"generators": [{}]}, "'generators' of its facts"),
        ({"seed": "nought"}, "seed is no number"),
        ({"seed": -1}, "seed is no number"),
        ({"seed": True}, "seed is no number"),
    ],
)
def test_facts_that_are_none_are_refused(tmp_path: Path, facts: Any, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        load_detector(changed(tmp_path, lambda card: card.update(facts=facts)))


def test_what_facts_say_steers_no_terminal(tmp_path: Path) -> None:
    said = {"limits": ["\x1b[2Jnone\n at all"]}
    facts = load_detector(changed(tmp_path, lambda card: card.update(facts=said))).facts
    assert facts["limits"] == [" [2Jnone  at all"]


@pytest.mark.parametrize("name", ["centre", "slope", "reals", "clouds"])
def test_a_calibration_that_lacks_a_part_is_refused(tmp_path: Path, name: str) -> None:
    def take_out(card: dict[str, Any]) -> None:
        card["calibration"][name] = json.loads('"nothing"')

    with pytest.raises(ModelError, match="no detector of this version"):
        load_detector(changed(tmp_path, take_out))


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    place = save_detector(tmp_path / "it", tiny_detector())
    (place / WEIGHTS).write_bytes(save_tensors({"one": torch.zeros(3)}))
    with pytest.raises(ModelError, match="checksum differs"):
        load_detector(place)
    (place / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=r"no detector in .*model.safetensors"):
        load_detector(place)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_in_the_place_of_a_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / CARD)
    assert not is_of_kind(tmp_path, "detector")
    with pytest.raises(ModelError, match="it is no plain file"):
        load_detector(tmp_path)
    with pytest.raises(ModelError, match="it is no plain file"):
        load_speech_detector(tmp_path)
    with pytest.raises(ModelError, match="it is no plain file"):
        load(tmp_path)


def test_a_card_of_absurd_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / CARD).open("wb") as file:
        file.truncate(1 << 40)  # a hole, which takes no room
    with pytest.raises(ModelError, match="more than 268,435,456 bytes"):
        load_detector(tmp_path)
