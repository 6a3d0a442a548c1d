"""What leaves a generator: found or not, marked or not, declared or open."""

from dataclasses import replace

import numpy as np
import pytest

from auditkit.checks.base import Concluding
from auditkit.checks.release import DECLARED, MEASURED, OPEN, POINTS
from auditkit.checks.released import Detectability, Provenance, Release
from auditkit.config import AuditConfig, read_config
from auditkit.detection.marks.writing import Provenance as Origin
from auditkit.detection.marks.writing import marked_png
from auditkit.errors import DataError
from auditkit.results import CheckResult, Finding, Section, Status, Topic, Unit
from auditkit.runner import run_checks
from tests.answers import speeches
from tests.detectors import RUNTIME, tiny_detector
from tests.subjects import generator, quadrants, subject

ORIGIN = Origin(generator="g", checksum="c", tool="t", made="m")


def parted(found) -> tuple[list[Finding], Section]:
    found = list(found)
    return [one for one in found if isinstance(one, Finding)], found[-1]


def release(check: Release, results=(), made=None) -> dict[str, tuple[str, str]]:
    """State and answer of each point."""
    findings, section = parted(check.conclude(made or generator(quadrants(8, seed=0)), results))
    table = section.views[0].frame
    assert findings[0].value == (table["state"] == OPEN).sum()
    return {row.point: (row.state, row[4]) for row in table.itertuples()}


def result(name: str, status: Status, metric: str, message: str = "It was so.") -> CheckResult:
    found = Finding(message=message, status=status, metric=metric, value=1.0, n=1)
    return CheckResult(
        rule="AK108",
        name=name,
        title=name,
        topic=Topic.MISUSE,
        status=status,
        findings=(found,) if status is not Status.NOT_APPLICABLE else (),
        reason="no judge was given" if status is Status.NOT_APPLICABLE else "",
    )


def test_without_anything_every_point_is_open():
    assert {state for state, _ in release(Release()).values()} == {OPEN}


def test_what_a_human_declared_is_repeated_and_called_so():
    found = release(Release(intended_use="To <b>test</b>.", mitigations=("Few pixels.",)))
    assert found["What is it for?"] == (DECLARED, "To <b>test</b>.")
    assert found["What was done against it?"] == (DECLARED, "Few pixels.")
    assert found["What misuse is to be expected?"][0] == OPEN


def test_a_point_is_measured_only_where_its_check_found_something():
    point = "Are images of the training data repeated?"
    ran = result("generation", Status.PASSED, "memorisation")
    assert release(Release(), [ran])[point] == (MEASURED, "It was so. (AK108 generation)")
    other = result("generation", Status.PASSED, "smallest class share")
    assert release(Release(), [other])[point][0] == OPEN
    idle = result("generation", Status.NOT_APPLICABLE, "memorisation")
    assert release(Release(), [idle])[point] == (OPEN, "no judge was given")


def test_what_failed_is_not_told_as_if_it_were_well():
    ran = result("generation", Status.FAILED, "memorisation")
    answer = release(Release(), [ran])["Are images of the training data repeated?"][1]
    assert answer.endswith("(AK108 generation, failed)")


def test_texts_have_points_of_their_own():
    found = release(Release(), made=speeches())
    assert "Do its texts carry a machine-readable mark?" in found
    assert "Are images of the training data repeated?" not in found


def test_the_checks_that_measure_a_point_exist():
    from auditkit.checks.base import CHECKS

    assert {name for point in POINTS for name in point.checks} <= set(CHECKS)


def test_an_audit_tells_the_release_what_was_measured():
    assert isinstance(Release(), Concluding)
    assert not isinstance(Provenance(), Concluding)
    config = AuditConfig(
        checks={
            name: {"skip": "too slow here"}
            for name in ("generation", "detectability", "generated-spectrum", "truncation")
        }
    )
    done = run_checks(generator(quadrants(40, seed=0), n=40), config)
    (found,) = (one for one in done.results if one.name == "release")
    table = found.sections[0].views[0].frame.set_index("point")
    marked = table.loc["Does what it makes carry a machine-readable mark?"]
    assert marked["state"] == MEASURED
    assert "AK715 provenance" in marked["what is known"]
    skipped = table.loc["Can what it makes be told from real images?"]
    assert (skipped["state"], skipped["what is known"]) == (OPEN, "too slow here")


def test_release_is_read_from_its_own_table(tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text('[release]\nintended-use = "tests"\nforeseeable_misuse = ["a", "b"]\n')
    assert read_config(path).checks["release"] == {
        "intended_use": "tests",
        "foreseeable_misuse": ["a", "b"],
    }


def test_pictures_as_generate_writes_them_are_marked_and_lose_it():
    (share, left), section = parted(Provenance(images=4).run(generator(quadrants(8, seed=0))))
    assert (share.value, share.n, share.status) == (1.0, 4, Status.MEASURED)
    assert left.value == 0.0
    assert [one.title for one in section.views] == ["Marks that were read", "Marks that are left"]


def test_a_folder_of_bare_pictures_fails_the_limit(tmp_path):
    from PIL import Image

    for i in range(30):
        Image.new("L", (8, 8), i).save(tmp_path / f"{i}.png")
    made = generator(quadrants(8, seed=0))
    check = Provenance(outputs=str(tmp_path), min_marked=0.9)
    (share,), section = parted(check.run(made))
    assert (share.value, share.status) == (0.0, Status.FAILED)
    assert share.remedy
    assert section.views == ()
    for i in range(30):
        pixels = np.full((1, 8, 8), i, dtype=np.uint8)
        (tmp_path / f"{i}.png").write_bytes(marked_png(pixels, ORIGIN))
    assert parted(Provenance(outputs=str(tmp_path), min_marked=0.8).run(made))[0][0].status is (
        Status.PASSED
    )


def test_a_folder_without_pictures_is_told(tmp_path):
    with pytest.raises(DataError, match="no PNG"):
        list(Provenance(outputs=str(tmp_path)).run(generator(quadrants(8, seed=0))))


def test_small_pictures_are_not_shown_to_the_detector_that_ships(monkeypatch):
    monkeypatch.setattr(
        "auditkit.checks.inside.detectability.load_detector", lambda: tiny_detector()
    )
    findings, section = parted(Detectability(images=60).run(generator(quadrants(60, seed=1))))
    assert len(findings) == 1
    assert "8 x 8 pixels" in section.text


def test_the_detector_that_ships_is_asked_where_pictures_are_large_enough(monkeypatch):
    monkeypatch.setattr(
        "auditkit.checks.inside.detectability.load_detector", lambda: tiny_detector()
    )
    findings, section = parted(Detectability(images=60).run(large()))
    assert findings[1].metric == "AUC of the detector that ships"
    assert findings[1].unit is Unit.NUMBER
    assert "auditkit's own detector" in list(section.views[0].frame["detector"])
    assert "real images of meadow, sea and fakes by nearest, zeros, linear." in section.text
    assert "it has seen" not in section.text


def test_a_detector_that_knows_the_data_is_not_called_a_stranger(monkeypatch):
    monkeypatch.setattr(
        "auditkit.checks.inside.detectability.load_detector", lambda: tiny_detector()
    )
    made = large()
    made = replace(made, table=replace(made.table, name="sea"))
    assert "So it has seen real images of sea" in parted(Detectability(images=60).run(made))[1].text


def large():
    """A generator of the same pictures at twice the size."""
    made = generator(quadrants(60, seed=1).repeat(2, 2).repeat(2, 3))
    rows = made.frame.assign(image=[one.repeat(2, 1).repeat(2, 2) for one in made.frame["image"]])
    return replace(made, table=replace(made.table, frame=rows), runtime=RUNTIME)


def test_another_model_is_not_asked():
    from auditkit.errors import NotApplicable
    from tests.subjects import gap_of

    for check in (Detectability(), Provenance(), Release()):
        with pytest.raises(NotApplicable, match="makes images"):
            list(check.run(subject(gap_of(0.0))))
