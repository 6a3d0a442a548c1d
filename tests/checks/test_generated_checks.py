"""AK711, AK712 and AK713 on planted generators."""

from dataclasses import replace

import numpy as np
import pytest

from auditkit.checks.base import CHECKS
from auditkit.checks.inside.discriminator import made_section
from auditkit.data.schema import Column, Kind
from auditkit.errors import NotApplicable
from auditkit.explained import Explained
from auditkit.results import Finding, Intervals, Lines, Section, Status, Table
from auditkit.subject import Subject
from tests.generated import checkered, drawn, judged_generator, leaning, told
from tests.subjects import PlantedGenerator, QuadrantJudge, generator, quadrants

MIX, SHIFTED = (0.4, 0.4, 0.1, 0.1), (0.45, 0.45, 0.05, 0.05)  # 80 and 20 %, 90 and 10 %
LEAN, LARGEST = "amplification from data to generator", "largest change of a class's share"


def asked(name: str, made: Subject, **limits: float) -> tuple[dict[str, Finding], list[Section]]:
    parts = list(CHECKS[name](**limits).run(made))
    return (
        {one.metric: one for one in parts if isinstance(one, Finding)},
        [one for one in parts if isinstance(one, Section)],
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_generator_that_keeps_80_to_20_passes_and_one_that_makes_it_90_to_10_fails(seed: int):
    kept, _ = asked("generated-classes", leaning(MIX, MIX, seed=seed))
    assert kept[LEAN].status is Status.PASSED
    assert kept[LEAN].value == pytest.approx(0, abs=0.02)
    shifted, _ = asked("generated-classes", leaning(MIX, SHIFTED, seed=seed))
    assert shifted[LEAN].status is Status.FAILED
    assert shifted[LEAN].value == pytest.approx(0.1, abs=0.02)
    assert "80.0 % of the training images are of the classes that are commoner" in (
        shifted[LEAN].message
    )
    assert "widens their lead by" in shifted[LEAN].message


def test_what_the_judge_gets_wrong_is_taken_back():
    _, (section,) = asked("generated-classes", leaning(MIX, MIX))
    shares = section.views[1]
    assert isinstance(shares, Table)
    line = shares.frame.set_index("class").loc["1"]
    assert line["made, as seen"] == pytest.approx(0.32, abs=0.02)
    assert line["made, corrected"] == pytest.approx(0.4, abs=0.02)
    assert isinstance(section.views[0], Intervals)


def test_a_judge_of_a_sensitive_column_counts_its_groups():
    made = leaning(MIX, SHIFTED)
    people = Column(name="group", kind=Kind.CATEGORICAL, levels=QuadrantJudge.levels)
    schema = replace(
        made.table.schema,
        target=Column(name="kind", kind=Kind.CATEGORICAL, levels=("x", "y")),
        sensitive=(people,),
    )
    tables = {
        name: replace(one, schema=schema, frame=one.frame.rename(columns={"label": "group"}))
        for name, one in (("table", made.table), ("train", made.train))
    }
    found, _ = asked("generated-classes", replace(made, **tables))
    assert found[LEAN].status is Status.FAILED
    assert found[LEAN].where == {"column": "group"}


def test_even_training_classes_have_no_lean_and_the_largest_change_stands_beside_chance():
    found, _ = asked("generated-classes", leaning([0.25] * 4, MIX), max_change=0.05)
    assert found[LEAN].status is Status.NOT_APPLICABLE
    assert found[LARGEST].status is Status.FAILED
    assert found[LARGEST].value == pytest.approx(0.15, abs=0.02)
    assert 0 < found[LARGEST].null < 0.03


def test_a_generator_that_is_told_the_class_is_asked_whether_it_is_seen():
    right, (section,) = asked("generated-classes", told(confused=0.0))
    wrong, _ = asked("generated-classes", told(confused=0.3))
    metric = "class told and seen, less real"
    assert right[metric].interval[0] < 0 < right[metric].interval[1] + 0.05
    assert wrong[metric].interval[1] < -0.1
    assert LEAN not in right
    assert "dealt evenly" in section.text


def test_a_judge_of_other_classes_has_no_say():
    class Stranger(QuadrantJudge):
        levels = ("north", "east", "south", "west")

    with pytest.raises(NotApplicable, match="tells north, east, south, west"):
        asked("generated-classes", replace(leaning(MIX, MIX), judge=Stranger()))
    with pytest.raises(NotApplicable, match="--judge"):
        asked("generated-classes", replace(leaning(MIX, MIX), judge=None))


def test_a_checkerboard_fails_and_real_images_pass():
    board = generator(checkered(quadrants(500, seed=2), 30))
    found, (section,) = asked("generated-spectrum", board)
    assert found["checkerboard"].status is Status.FAILED
    assert "On the grid of every 2 pixels" in found["checkerboard"].message
    assert [type(one) for one in section.views] == [Lines, Intervals, Table]
    fresh, _ = asked("generated-spectrum", generator(quadrants(500, seed=2)))
    assert fresh["checkerboard"].status is Status.PASSED
    dull, _ = asked("generated-spectrum", generator(quadrants(500, seed=2) // 3), max_difference=3)
    assert dull["largest difference of spectra"].status is Status.FAILED
    assert dull["largest difference of spectra"].value == pytest.approx(9.5, abs=0.5)


def test_the_spectrum_needs_no_judge_but_real_images_of_the_same_size():
    made = replace(generator(quadrants(100, seed=2)), judge=None)
    assert asked("generated-spectrum", made)[0]
    other = replace(made, predictor=PlantedGenerator(np.zeros((50, 1, 9, 9), np.uint8)))
    with pytest.raises(NotApplicable, match="audit on images like those"):
        asked("generated-spectrum", other)


def test_truncation_of_a_trained_generator_is_drawn_by_class_and_comes_out_the_same_twice():
    subject = judged_generator()
    first, second = (list(CHECKS["truncation"](images=40).run(subject)) for _ in range(2))
    assert first[0] == second[0]
    assert first[0].status is Status.MEASURED
    likeness, shares = first[1].views
    assert likeness.frame["psi"].tolist() == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert shares.frame[["left", "right"]].sum(axis=1).tolist() == pytest.approx([1.0] * 8)
    with pytest.raises(NotApplicable, match=r"only the model's|own generators"):
        list(CHECKS["truncation"]().run(generator(drawn([0.25] * 4, 100, 0))))


def test_the_discriminator_is_explained_on_made_images(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Explained, "best", "input_x_gradient")  # in place of trying all of them
    section = made_section(judged_generator())
    assert section is not None
    (made,) = section.views
    assert made.frame["item"].unique().tolist() == [f"Made image {i}" for i in (1, 2, 3)]
    assert made.frame["score"].abs().max() > 0
    pixels = judged_generator().generated.pixels[0].ravel().tolist()
    assert made.frame.loc[made.frame["item"] == "Made image 1", "grey"].tolist() == pixels
    assert made_section(generator(quadrants(30, seed=0))) is None
