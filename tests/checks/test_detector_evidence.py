"""What a detector's calls rest on, as the report tells it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from auditkit.checks.detector_evidence import DetectorEvidence
from auditkit.detection.corpus import FAKE, LABEL
from auditkit.detection.members.table import MEMBERS, VOTING
from auditkit.errors import NotApplicable
from auditkit.results import Finding, ImageScores, Lines, Section, Status
from auditkit.subject import Subject
from tests.detectors import detector_subject, planted_corpus, tiny_detector
from tests.subjects import gap_of, subject

CHECK = DetectorEvidence(images=8, maps=2)


def outcome(made: Subject, check: DetectorEvidence = CHECK) -> tuple[list[Finding], list[Section]]:
    found = list(check.run(made))
    return (
        [one for one in found if isinstance(one, Finding)],
        [one for one in found if isinstance(one, Section)],
    )


@pytest.fixture(scope="module")
def found() -> tuple[list[Finding], list[Section]]:
    return outcome(detector_subject(planted_corpus(12, generators=("nearest", "cubic"), seed=9)))


def test_each_generator_is_told_by_high_frequencies(
    found: tuple[list[Finding], list[Section]],
) -> None:
    bands = [one for one in found[0] if "generator" in one.where]
    assert [one.where["generator"] for one in bands] == ["nearest", "cubic"]
    for one in bands:
        assert one.interval is not None
        assert one.interval[0] > one.null == 0
        assert one.message.startswith(f"Fakes by {one.where['generator']} are told most surely by")
        assert one.where["band"] in {"above 0.5", "from 0.44 to 0.50", "from 0.38 to 0.44"}


def test_both_orders_are_tested_and_their_verdicts_said(
    found: tuple[list[Finding], list[Section]],
) -> None:
    tests = {one.where["parts"]: one for one in found[0] if "parts" in one.where}
    assert set(tests) == {"bands", "regions"}
    assert tests["bands"].message.startswith("Explained by bands: on 8 images called fake")
    assert tests["bands"].value > 0.1


def test_nothing_is_judged(found: tuple[list[Finding], list[Section]]) -> None:
    assert {one.status for one in found[0]} == {Status.MEASURED}
    assert all(math.isnan(one.limit) for one in found[0])


def test_curves_have_a_line_for_each_generator_and_one_for_real_images(
    found: tuple[list[Finding], list[Section]],
) -> None:
    curves = found[1][0].views[0]
    assert isinstance(curves, Lines)
    assert curves.y == ("nearest", "cubic", "real images")
    assert (curves.frame[["nearest", "cubic"]].iloc[-1] > 1).all()
    assert (curves.frame["real images"].abs() < 0.5).all()


def test_maps_are_of_different_generators_and_say_what_was_answered(
    found: tuple[list[Finding], list[Section]],
) -> None:
    maps = [one for section in found[1] for one in section.views if isinstance(one, ImageScores)]
    assert len(maps) == 1
    items = maps[0].frame.groupby("item")
    assert list(items.groups) == ["image 1", "image 2"]
    assert (items.size() == 32 * 32).all()
    notes = sorted(items["note"].first())
    assert [one.split(".")[0] for one in notes] == [
        "Made by cubic, of meadow",
        "Made by nearest, of meadow",
    ]
    assert all("Answer: fake. " in one and "members find it suspicious" in one for one in notes)


def test_words_are_written_once_an_image_and_not_once_a_pixel(
    found: tuple[list[Finding], list[Section]],
) -> None:
    maps = next(one for s in found[1] for one in s.views if isinstance(one, ImageScores))
    letters = maps.frame["note"].str.len().sum() + maps.frame["item"].str.len().sum()
    assert letters < 10 * len(maps.frame)


def test_no_map_is_shown_where_none_is_wanted() -> None:
    made = detector_subject(planted_corpus(8, seed=9))
    _, sections = outcome(made, replace(CHECK, maps=0))
    assert not any(isinstance(one, ImageScores) for s in sections for one in s.views)


def test_it_says_that_no_order_was_tested_where_nothing_was_called_fake() -> None:
    made = detector_subject(planted_corpus(8, generators=("linear",), seed=9, side=64))
    assert "fake" not in set(made.detected.answers["answer"])  # nothing so large was calibrated on
    findings, sections = outcome(made)
    assert [one for one in findings if "parts" in one.where] == []
    assert len(sections) == 1
    assert sections[0].text.endswith("No image was called fake: no order was tested.")


def test_fakes_that_are_photographs_have_no_band_of_their_own() -> None:
    rows = planted_corpus(12, generators=("nearest",), seed=3)
    others = planted_corpus(12, generators=(), seed=4)
    fakes = (rows[LABEL] == FAKE).to_numpy()
    images = rows["image"].to_numpy().copy()
    images[fakes] = others["image"].to_numpy()
    findings, _ = outcome(detector_subject(rows.assign(image=images)))
    said = [one for one in findings if "generator" in one.where]
    assert len(said) == 1
    assert said[0].message.startswith("No band of frequencies alone surely gives away")


def test_it_says_nothing_of_few_images_and_of_other_models() -> None:
    with pytest.raises(NotApplicable, match="7 real and 7 made images are too few"):
        outcome(detector_subject(planted_corpus(7, seed=1)))
    with pytest.raises(NotApplicable, match="does not tell made images"):
        outcome(subject(gap_of(0.0)))


def test_the_same_audit_says_the_same_twice() -> None:
    made = [detector_subject(planted_corpus(8, seed=5)) for _ in range(2)]
    first, second = (outcome(one)[0] for one in made)
    assert [one.message for one in first] == [one.message for one in second]


def test_no_number_of_a_picture_is_missing(found: tuple[list[Finding], list[Section]]) -> None:
    for view in (one for section in found[1] for one in section.views):
        numbers = view.frame.select_dtypes("number").to_numpy()
        assert np.isfinite(numbers).all(), view.title


def test_a_small_image_is_held_to_the_levels_of_small_ones() -> None:
    detector = tiny_detector()
    law = detector.calibration
    never = replace(
        law, edges=(1e9,) * len(law.edges), small=replace(law, edges=(-1e9,) * len(MEMBERS))
    )
    rows = planted_corpus(12, seed=9)  # of 32 pixels
    _, sections = outcome(
        detector_subject(rows, detector=replace(detector, calibration=never)), CHECK
    )
    maps = [one for section in sections for one in section.views if isinstance(one, ImageScores)]
    notes = [note for view in maps for note in view.frame["note"] if note]
    assert notes
    assert all(f"{len(VOTING)} of {len(VOTING)} members find it suspicious" in one for one in notes)
