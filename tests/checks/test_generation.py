from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.generation import Generation
from auditkit.errors import NotApplicable
from auditkit.results import Finding, ImageScores, Intervals, Section, Status, Table
from auditkit.subject import Subject
from tests.subjects import generator, quadrants


def found(made: Subject, **limits: float) -> dict[str, Finding]:
    given = Generation(**limits).run(made)
    return {one.metric: one for one in given if isinstance(one, Finding)}


def copies() -> np.ndarray:
    """Images that the planted generator was trained on, a thousand draws."""
    return quadrants(1000, seed=1)[np.random.default_rng(0).integers(1000, size=1000)]


def test_a_generator_that_only_makes_one_class_fails_by_its_shares_and_its_distance():
    findings = found(generator(quadrants(1000, seed=2, classes=[3])))
    failed = {name for name, one in findings.items() if one.status is Status.FAILED}
    assert failed == {
        "smallest class share",
        "largest class share",
        "Fréchet distance over the spread",
    }
    assert findings["largest class share"].where["class"] == "3"
    assert findings["recall"].value == pytest.approx(0.25, abs=0.05)
    assert findings["precision"].value > 0.9


def test_a_generator_that_copies_fails_by_that_alone():
    findings = found(generator(copies()))
    failed = [name for name, one in findings.items() if one.status is Status.FAILED]
    assert failed == ["memorisation"]
    assert "100.0 % are seen as exact copies" in findings["memorisation"].message


def test_a_few_images_of_every_class_over_and_over_fail_by_what_they_leave_out():
    """Of Fashion-MNIST 30 have a distance of 12 % of the spread, a generator that works 8 %."""
    few = np.concatenate([quadrants(3, seed=2, classes=[one]) for one in range(4)])
    findings = found(generator(few[np.arange(1000) % 12]))
    failed = [name for name, one in findings.items() if one.status is Status.FAILED]
    assert failed == ["recall"]
    assert "few different images" in findings["recall"].remedy
    assert found(generator(quadrants(1000, seed=2)))["recall"].status is Status.PASSED


def test_a_generator_of_noise_fails_by_its_distance():
    noise = np.random.default_rng(0).integers(256, size=(1000, 1, 8, 8)).astype(np.uint8)
    findings = found(generator(noise))
    assert findings["Fréchet distance over the spread"].status is Status.FAILED
    assert findings["memorisation"].status is Status.PASSED


def test_unknown_training_images_silence_the_question_of_copying_alone():
    findings = found(replace(generator(copies()), train=None))
    assert findings["memorisation"].status is Status.NOT_APPLICABLE
    assert "not known" in findings["memorisation"].reason
    assert findings["smallest class share"].status is Status.PASSED


def test_without_a_judge_it_says_how_to_give_one():
    with pytest.raises(NotApplicable, match=r"--judge CHECKPOINT, such as `auditkit train cnn"):
        found(replace(generator(copies()), judge=None))


def test_few_images_are_not_compared():
    with pytest.raises(NotApplicable, match="19 made and 1000 real images are too few"):
        found(generator(copies()[:19]))


def test_rows_without_images_are_no_ground_to_compare_on():
    made = generator(copies())
    schema = replace(made.table.schema, features=())
    with pytest.raises(NotApplicable, match="no images"):
        found(replace(made, table=replace(made.table, schema=schema)))


def test_limits_of_your_own_are_in_force():
    fresh = generator(quadrants(1000, seed=2))
    held = found(fresh, max_distance_ratio=1.0, max_class_share=0.9)
    assert held["Fréchet distance over its floor"].limit == 1.0
    strict = found(fresh, min_memorisation=5.0)
    assert strict["memorisation"].status is Status.FAILED


def test_the_section_shows_every_class_and_what_real_images_have():
    parts = list(Generation().run(generator(quadrants(1000, seed=2))))
    section, _ = (one for one in parts if isinstance(one, Section))
    shares, figures = section.views
    assert isinstance(shares, Intervals)
    assert isinstance(figures, Table)
    assert shares.frame["class"].tolist() == ["0", "1", "2", "3"]
    assert shares.frame["share"].sum() == pytest.approx(1)
    real = figures.frame.set_index("figure")["real images"]
    assert real["kernel distance (KID)"] == 0
    assert real["coverage"] == pytest.approx(
        1 - np.prod((1000 - np.arange(1, 6)) / (2000 - np.arange(1, 6)))
    )


def test_twice_as_many_real_images_as_made_ones_are_looked_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("auditkit.generated.MOST_REAL", 600)
    monkeypatch.setattr("auditkit.generated.MOST_MADE", 300)
    findings = found(generator(quadrants(1000, seed=2)))
    assert (findings["precision"].n, findings["recall"].n) == (300, 600)
    # Made images against one half of the real ones, and these against the other half.
    assert findings["Fréchet distance over its floor"].n == 300


def test_it_is_the_same_every_time():
    first, second = (found(generator(quadrants(1000, seed=2))) for _ in range(2))
    assert first == second
    assert isinstance(first["recall"], Finding)
    assert pd.notna(first["recall"].value)


def test_a_copy_is_drawn_beside_the_training_image_that_it_repeats():
    parts = list(Generation().run(generator(copies())))
    _, section = (one for one in parts if isinstance(one, Section))
    (pairs,) = section.views
    assert isinstance(pairs, ImageScores)
    assert pairs.frame["item"].unique().tolist() == ["Pair 1", "Pair 2", "Pair 3", "Pair 4"]
    assert (pairs.frame["score"] == 0).all()
    assert pairs.frame["note"].iloc[0].startswith("the same to the judge; 0.0 % of fresh real")
    first = pairs.frame[pairs.frame["item"] == "Pair 1"].pivot(
        index="row", columns="column", values="grey"
    )
    assert first.shape == (8, 18)
    assert (first.iloc[:, :8].to_numpy() == first.iloc[:, 10:].to_numpy()).all()


def test_without_training_images_none_is_drawn_beside():
    parts = Generation().run(replace(generator(copies()), train=None))
    assert sum(isinstance(one, Section) for one in parts) == 1
