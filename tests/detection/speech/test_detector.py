"""A detector of made speech, on lines that were planted: it learns, answers, and is saved whole."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auditkit.detection.corpus import FAKE, LABEL, NOBODY, ORIGINAL, PART, REAL, Part
from auditkit.detection.speech.corpus import SIGNAL, SpeechRecipe, corpus_of_lines
from auditkit.detection.speech.detector import (
    DEMONSTRATION,
    READERS,
    SpeechDetector,
    load_speech_detector,
    save_speech_detector,
    train_speech_detector,
)
from auditkit.errors import DataError, ModelError
from auditkit.models.sealed import CARD, SPEECH_DETECTOR, is_of_kind, sealed, unsealed
from auditkit.runtime import Runtime
from tests.recordings import LINES, planted_lines, recording

RUNTIME = Runtime(device="cpu")


@pytest.fixture(scope="module")
def corpus() -> pd.DataFrame:
    return planted_lines()


@pytest.fixture(scope="module")
def detector(corpus: object) -> SpeechDetector:
    return train_speech_detector(corpus, SpeechRecipe(lines=LINES), RUNTIME)


def test_no_line_is_in_two_parts_and_no_czech_one_in_training(corpus) -> None:
    assert corpus.groupby(ORIGINAL)[PART].nunique().max() == 1
    assert set(corpus.loc[corpus[ORIGINAL].str.contains("/cs/"), PART]) == {Part.TEST}


def test_ways_of_making_are_in_one_part_each(corpus) -> None:
    fakes = corpus[corpus[LABEL] == FAKE]
    assert fakes.groupby("generator")[PART].nunique().max() == 1
    assert set(corpus.loc[corpus[LABEL] == REAL, "generator"]) == {NOBODY}


def test_neither_length_nor_loudness_tells_the_classes_apart(corpus) -> None:
    figures = corpus.assign(
        length=corpus[SIGNAL].map(len), size=corpus[SIGNAL].map(lambda one: (one**2).mean() ** 0.5)
    )
    assert figures.groupby(ORIGINAL)["length"].nunique().max() == 1
    size = figures.groupby(LABEL)["size"].mean()
    assert size[FAKE] == pytest.approx(size[REAL], rel=0.01)


def test_it_ranks_what_it_was_fitted_on_and_every_answer_is_a_demonstration(
    detector: SpeechDetector, corpus
) -> None:
    rows = corpus[corpus[PART] == Part.TRAIN]
    said = detector.answers(list(rows[SIGNAL]))
    fake = (rows[LABEL] == FAKE).to_numpy()
    assert said["both"][fake].mean() > said["both"][~fake].mean() + 1
    assert set(said["note"]) == {DEMONSTRATION}
    assert not said["reason"].str.contains("image").any()
    assert set(READERS) <= set(said.columns)


def test_it_answers_the_same_when_it_was_saved_and_loaded(
    detector: SpeechDetector, corpus, tmp_path: Path
) -> None:
    place = save_speech_detector(tmp_path / "speech", detector)
    assert is_of_kind(place, SPEECH_DETECTOR)
    signals = list(corpus[SIGNAL][:5])
    again = load_speech_detector(place).answers(signals)
    assert again.equals(detector.answers(signals))


def test_a_card_that_was_changed_is_refused(detector: SpeechDetector, tmp_path: Path) -> None:
    place = save_speech_detector(tmp_path / "speech", detector) / CARD
    text = place.read_text(encoding="utf-8")
    place.write_text(text.replace('"intercept"', '"interzept"', 1), encoding="utf-8")
    with pytest.raises(ModelError):
        load_speech_detector(place.parent)
    card = unsealed(text.encode(), place)
    card.pop("sha256", None)
    card["readers"][0]["deviation"][0] = 0.0
    place.write_text(sealed(json.loads(json.dumps(card))), encoding="utf-8")
    with pytest.raises(ModelError, match="do not fit together"):
        load_speech_detector(place.parent)
    card["readers"][0] = card["readers"][3]
    place.write_text(sealed(card), encoding="utf-8")
    with pytest.raises(ModelError, match="its readers look at"):
        load_speech_detector(place.parent)
    place.write_text(sealed({**unsealed(text.encode(), place), "facts": 5}), encoding="utf-8")
    with pytest.raises(ModelError, match="no table"):
        load_speech_detector(place.parent)


def test_what_is_missing_or_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load_speech_detector(tmp_path)
    (tmp_path / CARD).write_text(sealed({"kind": "detector"}), encoding="utf-8")
    with pytest.raises(ModelError, match="no detector of speech"):
        load_speech_detector(tmp_path)


def test_lines_that_are_too_short_make_no_corpus() -> None:
    files = {"room/nl/line-m.ogg": recording(np.ones(100) * 0.1)}
    with pytest.raises(DataError, match="no line is long enough"):
        corpus_of_lines(files, SpeechRecipe(lines=LINES), RUNTIME)
