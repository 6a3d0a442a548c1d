"""The command line of the demonstration on speech: trained on lines, asked about recordings."""

from pathlib import Path

import numpy as np
import pytest

from auditkit import speech
from auditkit.detecting import UNREADABLE, Tally
from auditkit.detection.speech.detector import DEMONSTRATION, SpeechDetector, load_speech_detector
from auditkit.errors import AuditkitError, UsageError
from auditkit.runtime import Runtime
from tests.recordings import LINES, planted_lines, recording, spoken

RUNTIME = Runtime(device="cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SpeechDetector]:
    place = tmp_path_factory.mktemp("speech") / "detector"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(speech, "speech_corpus", lambda *_: planted_lines())
        return place, speech.train_and_save_speech(place, {"lines": LINES}, RUNTIME)


def test_what_it_is_worth_is_told_by_language_and_called_a_demonstration(
    trained: tuple[Path, SpeechDetector],
) -> None:
    told = list(speech.told_of_speech(trained[1]))
    assert [one.split(",")[0] for one in told[:2]] == ["Czech", "Dutch"]
    assert all("AUC" in one and "real lines called fake" in one for one in told[:2])
    assert told[-1] == DEMONSTRATION


def test_recordings_are_answered_and_others_have_a_row_that_says_why(
    trained: tuple[Path, SpeechDetector], tmp_path: Path
) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "a.wav").write_bytes(recording(spoken(200.0, np.random.default_rng(1))))
    (tmp_path / "b.wav").write_bytes(recording(np.zeros(16_000)))
    (tmp_path / "c.txt").write_text("no sound", encoding="utf-8")
    detector, tally = load_speech_detector(trained[0]), Tally()
    rows = list(tally.counted(speech.detect_speech([tmp_path], detector, RUNTIME, alpha=0.05)))
    assert [Path(one.file).name for one in rows] == ["0", "a.wav", "b.wav", "c.txt"]
    assert "no file" in rows.pop(0).why
    assert DEMONSTRATION in rows[0].why
    assert 0 < rows[0].p_value <= 1
    assert [one.answer for one in rows[1:]] == [UNREADABLE, UNREADABLE]
    assert "too little" in rows[1].why
    twice = list(speech.detect_speech([tmp_path / "a.wav"] * 2, detector, RUNTIME, alpha=0.05))
    assert twice[0] == twice[1] == rows[0]  # whoever else is asked
    told = list(speech.told_of_recordings(tally, detector))
    assert DEMONSTRATION in told
    assert any("four people" in one for one in told)


def test_a_choice_there_is_not_and_an_empty_folder_are_refused(
    trained: tuple[Path, SpeechDetector], tmp_path: Path
) -> None:
    with pytest.raises(AuditkitError, match="linez"):
        speech.train_and_save_speech(tmp_path / "x", {"linez": 30}, RUNTIME)
    with pytest.raises(UsageError, match="no file"):
        speech.detect_speech([tmp_path], trained[1], RUNTIME, alpha=0.05)


@pytest.mark.parametrize("alpha", [0.0001, 0.0, 1.0, float("nan")])
def test_a_share_that_cannot_be_kept_is_refused(
    trained: tuple[Path, SpeechDetector], tmp_path: Path, alpha: float
) -> None:
    with pytest.raises(UsageError, match="calibrated on 40 lines of a kind"):
        speech.detect_speech([tmp_path], trained[1], RUNTIME, alpha=alpha)
