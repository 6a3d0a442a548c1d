"""What the checks of individual fairness, flipping and proxies say, and when they say nothing."""

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.base import CHECKS
from auditkit.data.schema import Task
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Section, Status
from tests.answers import animals, prices, reviews
from tests.flipped import by_group, by_merit, deciding, people, reading
from tests.subjects import counted, gap_of, subject


def findings(name, made, **limits) -> list[Finding]:
    return [one for one in CHECKS[name](**limits).run(made) if isinstance(one, Finding)]


def section(name, made) -> Section:
    return next(one for one in CHECKS[name]().run(made) if isinstance(one, Section))


def test_a_model_that_ignores_the_column_flips_nothing_and_passes():
    group, age = findings("flipped-attribute", deciding())
    assert group.status is age.status is Status.PASSED
    assert group.value == age.value == 0
    assert group.n == 600


def test_a_model_that_is_the_column_flips_everybody_and_fails():
    group, age = findings("flipped-attribute", deciding(by_group))
    assert (group.value, group.status) == (1, Status.FAILED)
    assert age.status is Status.PASSED
    a = int((people()["group"] == "a").sum())
    # Each of b and c gains once, by a; each of a loses twice.
    assert f"{600 - a} changes gain the favoured outcome, {2 * a} lose it" in group.message
    assert group.where["most often"] in {"a to b: 100.0 %", "b to a: 100.0 %", "c to a: 100.0 %"}


def test_a_column_that_is_no_feature_flips_nothing_by_construction_and_no_verdict_rests_on_it():
    group, _ = findings("flipped-attribute", deciding(features=("age", "merit")))
    assert group.status is Status.MEASURED
    assert group.value == 0
    assert "by construction" in group.message
    assert "proxies" in group.message


def test_a_column_that_is_no_feature_and_is_read_all_the_same_is_found_out():
    group, _ = findings("flipped-attribute", deciding(by_group, features=("age", "merit")))
    assert group.status is Status.FAILED
    assert group.value == 1


def test_a_lean_by_age_is_seen_from_band_to_band():
    def score(frame: pd.DataFrame) -> np.ndarray:
        return by_merit(frame) - 0.2 * (frame["age"] < 40)

    group, age = findings("flipped-attribute", deciding(score))
    assert group.value == 0
    assert age.status is Status.FAILED
    views = section("flipped-attribute", deciding(score)).views
    lines = next(one for one in views if one.title == "Another age in its place").frame
    assert set(lines["from"]) == {"under 40", "40 to 59", "60 and over"}
    worse = lines[lines["to"] == "under 40"]
    assert (worse["gained"] == 0).all()
    assert worse["change"].tolist() == pytest.approx([-0.2, -0.2])


def test_classes_flip_without_a_direction_and_numbers_change_without_a_decision():
    group, _ = findings("flipped-attribute", deciding(by_group, task=Task.CLASSES))
    assert group.value == 1
    assert "favoured" not in group.message
    number, still = findings("flipped-attribute", deciding(by_group, task=Task.NUMBER))
    assert number.status is Status.MEASURED
    assert number.value == pytest.approx(80)
    assert "moves the number by 80" in number.message
    assert still.value == 0


def test_one_group_alone_leaves_nothing_to_put_in_its_place():
    made = deciding(frame=people().assign(group="a"))
    group, age = findings("flipped-attribute", made)
    assert group.status is Status.NOT_APPLICABLE
    assert "all of one group" in group.message
    assert age.status is Status.PASSED


def test_a_model_that_cannot_be_asked_or_is_not_steady_is_not_judged():
    with pytest.raises(NotApplicable, match="only its answers"):
        findings("flipped-attribute", deciding(asked=False))
    coin = np.random.default_rng(0)
    with pytest.raises(NotApplicable, match="told from chance"):
        findings("flipped-attribute", deciding(lambda rows: coin.uniform(size=len(rows))))
    with pytest.raises(NotApplicable, match="flipped-terms"):
        findings("flipped-attribute", reading())


def test_texts_that_lean_by_gender_fail_and_even_ones_pass():
    unfair, ours = findings("flipped-terms", reading(lean=0.3))
    assert unfair.status is Status.FAILED
    assert 0.3 < unfair.value < 0.7, "only praise is lost"
    assert unfair.where["dimension"] == "gender"
    assert ours.status is Status.MEASURED
    assert ours.value > 0
    fair, ours = findings("flipped-terms", reading())
    assert (fair.status, fair.value, ours.value) == (Status.PASSED, 0, 0)


def test_without_enough_own_texts_only_our_sentences_are_asked():
    found = findings("flipped-terms", reading(lean=0.3, texts=["it came in time for us"] * 60))
    assert [one.status for one in found] == [Status.MEASURED]
    assert "no verdict rests on them" in found[0].message


def test_single_words_are_no_texts_about_people():
    with pytest.raises(NotApplicable, match="single words"):
        findings("flipped-terms", reading(texts=["MARY", "JOHN"] * 30))


def test_numbers_said_of_texts_change():
    found, ours = findings("flipped-terms", reading(lean=0.25, task=Task.NUMBER))
    assert found.value == pytest.approx(0.25)
    assert found.status is ours.status is Status.MEASURED


def test_the_plainest_proxy_is_named_and_the_score_is_asked_too():
    frame = people().assign(merit=lambda rows: (rows["group"] == "a") + 0.01 * rows["merit"])
    made = deciding(frame=frame)
    group, of_score, age, _ = findings("proxies", made)
    assert "merit tells most" in group.message
    assert "which the model is given as well" in group.message
    assert group.interval[0] > 0.7
    assert of_score.metric == "AUC of the model's answer"
    assert of_score.interval[0] > 0.7
    assert age.interval[0] < 0.5 < age.interval[1]
    assert group.null == 0.5


def test_of_texts_the_score_alone_is_asked():
    made = reviews(learned=True)
    found = findings("proxies", made)
    assert [one.metric for one in found] == ["AUC of the model's answer"]


def test_consistency_of_decisions_classes_and_numbers_stands_beside_chance():
    for made in (deciding(), animals(), prices()):
        (found,) = findings("consistency", made)
        assert found.status is Status.MEASURED
        assert found.value > found.null + 0.1
    views = section("consistency", deciding()).views
    assert [one.title for one in views] == ["Consistency by group", "Consistency by age"]


def test_consistency_needs_features_and_rows():
    with pytest.raises(NotApplicable, match="besides the sensitive"):
        findings("consistency", deciding(features=("group", "age")))
    with pytest.raises(NotApplicable, match="7 rows at least"):
        findings("consistency", deciding(frame=people(6)))
    with pytest.raises(NotApplicable, match="these are texts"):
        findings("consistency", reading())


def test_inequality_needs_no_sensitive_column_and_says_what_a_plain_guess_would_have():
    index, theil = findings("individual-inequality", subject(gap_of(0.0), sensitive=()))
    assert index.value < theil.value
    assert "commonest answer" in index.message


def test_inequality_of_a_model_that_refuses_everybody_is_undefined_with_its_reason():
    found = findings("individual-inequality", subject(counted(a=(0, 0, 9, 0), b=(0, 0, 5, 0))))
    assert {one.status for one in found} == {Status.NOT_APPLICABLE}
    assert all("nobody benefits" in one.message for one in found)


def test_the_part_between_groups_is_said_beside_what_chance_gives():
    made = subject(counted(a=(300, 10, 10, 300), b=(200, 10, 200, 210)))
    part = findings("individual-inequality", made)[-1]
    assert part.where == {"column": "group"}
    assert part.interval[0] > part.null > 0
    assert "lies between groups of group; chance alone" in part.message
