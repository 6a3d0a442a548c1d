import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from auditkit.detection.corpus import FAKE, IMAGE, LABEL, PART, Part
from auditkit.detection.files import Detector, load_detector, save_detector
from auditkit.detection.measured import in_a_line
from auditkit.detection.training import DetectorRecipe, train_detector
from auditkit.errors import DataError
from auditkit.runtime import Runtime
from tests.detectors import planted_corpus

RUNTIME = Runtime(device="cpu")
QUICK = DetectorRecipe(steps=60, linear=20, batch=16, degraded=0)


@cache
def corpus() -> pd.DataFrame:
    sources = ("meadow", "sea")
    return pd.concat(
        [
            planted_corpus(
                20, generators=("nearest", "zeros"), sources=sources, part=Part.TRAIN, seed=1
            ),
            planted_corpus(
                40, generators=("linear",), sources=sources, part=Part.CALIBRATION, seed=2
            ),
            planted_corpus(40, generators=("cubic",), sources=("desert",), seed=3),
        ],
        ignore_index=True,
    )


@cache
def trained() -> Detector:
    return train_detector(corpus(), QUICK, RUNTIME)


def test_fakes_of_an_unseen_generator_are_told_from_an_unseen_source() -> None:
    test = corpus()[corpus()[PART] == Part.TEST]
    found = trained().answers(list(test[IMAGE]), RUNTIME)
    fake = (test[LABEL] == FAKE).to_numpy()
    assert (found["probability"][fake] > 0.5).mean() > 0.9
    assert (found["answer"][~fake] == "fake").mean() <= 0.1


def test_the_facts_say_what_it_was_made_of_and_what_it_was_never_tested_on() -> None:
    facts = json.loads(json.dumps(trained().facts))
    assert facts["recipe"]["steps"] == 60
    assert facts["sources"] == ["meadow", "sea"]
    assert facts["generators"] == ["linear", "nearest", "zeros"]
    assert {"part": "test", "source": "desert", "generator": "cubic", "images": 40} in [
        {name: one[name] for name in ("part", "source", "generator", "images")}
        for one in facts["corpus"]
    ]
    assert sum(one["images"] for one in facts["corpus"]) == len(corpus())
    assert any("diffusion" in one for one in facts["limits"])
    assert facts["versions"]["torch"]


def test_the_figures_of_the_card_are_those_of_its_answers_on_the_test_part() -> None:
    figures = trained().facts["measured"]
    test = corpus()[corpus()[PART] == Part.TEST]
    found = trained().answers(list(test[IMAGE]), RUNTIME)
    fake = (test[LABEL] == FAKE).to_numpy()
    called = (found["p_value"] <= 0.05).to_numpy()
    assert figures["found"]["value"] == pytest.approx(called[fake].mean(), abs=1e-4)
    assert figures["false alarms by source"]["desert"]["value"] == pytest.approx(
        called[~fake].mean(), abs=1e-4
    )
    assert figures["images"] == {"real": 40, "fake": 40}
    assert in_a_line(figures).startswith("on 40 real and 40 made images that it never saw: AUC")


def test_a_detector_comes_back_from_its_folder_as_it_was(tmp_path: Path) -> None:
    back = load_detector(save_detector(tmp_path / "one", trained()))
    images = list(corpus()[IMAGE][:20])
    pd.testing.assert_frame_equal(back.answers(images, RUNTIME), trained().answers(images, RUNTIME))


def test_the_test_part_changes_no_answer() -> None:
    """The threshold is learned on calibration images alone."""
    short = DetectorRecipe(steps=2, linear=3, batch=8)
    whole = train_detector(corpus(), short, RUNTIME)
    without = train_detector(corpus()[corpus()[PART] != Part.TEST], short, RUNTIME)
    assert whole.calibration == without.calibration


@pytest.mark.parametrize("part", [Part.TRAIN, Part.CALIBRATION])
def test_a_part_without_fakes_is_refused(part: Part) -> None:
    rows = corpus()
    lacking = rows[(rows[PART] != part) | (rows[LABEL] != FAKE)]
    with pytest.raises(DataError, match=f"the part {part.value} .* needs real and made images"):
        train_detector(lacking, QUICK, RUNTIME)


def test_the_detector_that_ships_is_small_and_says_how_it_was_made_and_what_it_is_not() -> None:
    shipped = load_detector()
    facts = shipped.facts
    assert facts["made by"] == "auditkit train detector --preset quick --seed 0"
    assert facts["measured"]["auc"]["value"] > 0.5
    unseen = {one["generator"] for one in facts["corpus"] if one["part"] == "test"}
    assert not unseen & set(facts["generators"])
    assert any("diffusion" in one for one in facts["limits"])
    folder = Path(str(files("auditkit.detection") / "default"))
    assert sum(one.stat().st_size for one in folder.iterdir()) < 600_000
