"""`auditkit train detector`, on a folder of planted images."""

from pathlib import Path

import pytest
from PIL import Image

from auditkit.cli import run
from auditkit.detection.corpus import GENERATOR, IMAGE, LABEL, ORIGINAL, SOURCE
from auditkit.detection.files import load_detector
from auditkit.detector_training import detector_plan
from auditkit.errors import AuditkitError
from tests.detectors import planted_corpus

SHORT = ("--set", "steps=2", "--set", "linear=4", "--set", "batch=8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """real/meadow and fake/<generator>, 130 photographs each: enough to calibrate on."""
    place = tmp_path_factory.mktemp("images")
    corpus = planted_corpus(130, generators=("nearest", "zeros", "linear"))
    for row in corpus.to_dict("records"):
        kind = f"real/{row[SOURCE]}" if row[LABEL] == "real" else f"fake/{row[GENERATOR]}"
        file = place / kind / f"{row[ORIGINAL].replace(' ', '-')}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(row[IMAGE][0]).save(file)
    return place


def test_a_folder_of_images_becomes_a_detector_that_says_how_it_was_made(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "own"
    asked = ["train", "detector", "--data", str(folder), "--out", str(out), "--device", "cpu"]
    assert run([*asked, *SHORT]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(out)
    assert "trained a detector in" in told.err
    assert "that it never saw: AUC" in told.err
    facts = load_detector(out).facts
    assert facts["made by"].startswith("auditkit train detector --data")
    assert facts["made by"].endswith("--seed 0")
    assert facts["recipe"]["steps"] == 2
    assert facts["measured"]["images"]["fake"] > 0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--epochs", "3"], "--epochs has no say in a detector"),
        (["--target", "x", "--resume"], "--resume, --target has no say in a detector"),
        (["--preset", "huge"], "no preset 'huge' of detector; there are quick, full"),
        (["--set", "stepz=3"], "did you mean 'steps'"),
        (["--set", "steps=0"], "steps"),
        (["--data", "nowhere"], "there is no folder nowhere"),
    ],
)
def test_what_has_no_say_or_is_not_there_is_refused_in_a_sentence(
    wrong: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "detector", "--out", str(tmp_path / "own"), *wrong]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


def test_the_command_in_the_card_makes_the_same_choices_again() -> None:
    plan = detector_plan("pictures", "full", {"steps": 7})
    assert plan.command == "auditkit train detector --data pictures --preset full --set steps=7"
    assert detector_plan(None, "quick", {}).command == "auditkit train detector --preset quick"
    with pytest.raises(AuditkitError, match="steps"):
        detector_plan(None, "quick", {"steps": "many"})
