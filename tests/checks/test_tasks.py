"""What each check makes of models that do not decide yes or no."""

import math
from dataclasses import replace

import numpy as np
import pytest

from auditkit.checks.base import CHECKS
from auditkit.checks.simpler import SimplerModel
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Section, Status
from auditkit.runner import run_checks
from auditkit.subject import Subject
from tests.answers import animals, courses, pictures, prices, reviews, speeches, spellings
from tests.subjects import counted, subject

MADE = {
    "classes": animals,
    "numbers": prices,
    "texts": spellings,
    "language": speeches,
    "images to classes": pictures,
    "sequences to classes": courses,
    "texts to decisions": reviews,
}

OF_DECISIONS = {
    "demographic-parity",
    "equal-opportunity",
    "equalized-odds",
    "predictive-parity",
    "accuracy-equality",
    "four-fifths",
    "group-results",
    "label-balance",
}


def found(name: str, made: Subject, **limits: float) -> list[Finding]:
    return [one for one in CHECKS[name](**limits).run(made) if isinstance(one, Finding)]


def by_metric(name: str, made: Subject, **limits: float) -> dict[str, Finding]:
    return {one.metric: one for one in found(name, made, **limits)}


@pytest.mark.parametrize("known", [True, False], ids=["training rows known", "unknown"])
@pytest.mark.parametrize("name", MADE)
def test_no_check_breaks_whatever_the_model_is_asked(name: str, known: bool):
    report = run_checks(MADE[name](120, known=known))
    assert [one.reason for one in report.results if one.status is Status.BROKEN] == []
    said = " ".join(one.message for one in report.findings)
    assert "nan" not in said
    assert report.verdict is not Status.NOT_APPLICABLE


@pytest.mark.parametrize("sensitive", [True, False], ids=["groups named", "none named"])
@pytest.mark.parametrize("name", ["numbers", "texts", "language"])
def test_what_compares_decisions_by_group_says_why_it_does_not_apply(name: str, sensitive: bool):
    made = MADE[name](60)
    if not sensitive:
        table = replace(made.table, schema=made.table.schema.with_sensitive(()))
        made = replace(made, table=table)
    for result in run_checks(made).results:
        if result.name in OF_DECISIONS:
            assert result.status is Status.NOT_APPLICABLE, result.name
            assert "this is asked only where the model decides between two" in result.reason


def test_rows_are_compared_with_training_rows_in_the_columns_that_both_have():
    made = animals(60, known=True)
    train = replace(made.train, frame=made.frame.drop(columns="animal"))
    found_twins = found("duplicates", replace(made, train=train))
    assert [one.value for one in found_twins] == [1.0, 1.0]


def test_of_several_classes_being_right_is_compared_by_group():
    fair = by_metric("accuracy-equality", animals(4000))
    unfair = by_metric("accuracy-equality", animals(4000, unfair=0.3))
    assert fair["accuracy equality difference"].status is Status.PASSED
    gap = unfair["accuracy equality difference"]
    assert gap.status is Status.FAILED
    assert gap.interval[0] < 0.3 < gap.interval[1]
    assert gap.where["lowest"] == "b"
    with pytest.raises(NotApplicable, match="several classes"):
        found("demographic-parity", animals())


def test_the_likeliest_class_is_held_to_its_probability():
    """The model says .9 whatever it knows: right for 90 % of the rows, and for 60 %."""
    sure = by_metric("calibration", animals(4000, right=0.9))["expected calibration error"]
    assert sure.status is Status.PASSED
    vain = by_metric("calibration", animals(4000, right=0.6))["expected calibration error"]
    assert vain.status is Status.FAILED
    assert vain.interval[0] < 0.3 < vain.interval[1]


def test_memorised_classes_and_numbers_show():
    assert found("overfitting", animals(4000, right=1.0, known=True))[0].status is Status.PASSED
    gap = found("overfitting", animals(4000, right=0.7, known=True))[0]
    assert gap.status is Status.FAILED
    assert gap.interval[0] < 0.3 < gap.interval[1]
    assert found("overfitting", prices(noise=0.01, known=True))[0].status is Status.PASSED
    assert found("overfitting", prices(noise=1.0, known=True))[0].status is Status.FAILED
    with pytest.raises(NotApplicable, match="continues texts"):
        found("overfitting", speeches())


@pytest.mark.parametrize(
    "name", ["classes", "numbers", "images to classes", "sequences to classes"]
)
def test_a_simpler_model_beats_one_that_guesses(name: str):
    guessing = {
        "classes": lambda: animals(300, right=0.4),
        "numbers": lambda: prices(blind=True),
        "images to classes": pictures,
        "sequences to classes": courses,
    }
    findings = found("simpler-model", guessing[name]())
    assert findings
    assert all(one.status is Status.FAILED for one in findings)


def test_a_simpler_model_that_is_worse_is_no_reproach():
    assert {one.status for one in found("simpler-model", animals(300, right=1.0))} == {
        Status.PASSED
    }
    assert {one.status for one in found("simpler-model", prices(200, noise=0.01))} == {
        Status.PASSED
    }


def test_counting_words_is_compared_by_accuracy_and_by_order():
    name = "logistic regression on words and pairs of words"
    guessing = by_metric("simpler-model", reviews(), max_auc_loss=0.01)
    assert guessing[f"lead of {name}"].status is Status.FAILED
    assert guessing[f"AUC lead of {name}"].status is Status.FAILED
    learned = by_metric("simpler-model", reviews(600, learned=True))
    assert learned[f"lead of {name}"].status is Status.PASSED
    assert learned[f"AUC lead of {name}"].status is Status.MEASURED
    (section,) = [one for one in SimplerModel().run(reviews()) if isinstance(one, Section)]
    assert [view.title for view in section.views] == [
        "Accuracy beside simpler models",
        "AUC beside simpler models",
    ]


def test_where_texts_are_made_no_simpler_model_is_fitted_and_it_says_so():
    for made in (spellings(), speeches()):
        with pytest.raises(NotApplicable, match="no simpler model is fitted here"):
            found("simpler-model", made)


def test_a_class_without_rows_is_named_and_breaks_nothing():
    made = animals()
    rows = made.frame[made.frame["animal"] != "bird"].reset_index(drop=True)
    made = replace(made, table=replace(made.table, frame=rows))
    results = by_metric("class-performance", made)
    assert results["accuracy"].status is Status.MEASURED
    for metric in ("macro recall", "macro F1", "recall of the worst class"):
        assert results[metric].status is Status.NOT_APPLICABLE
        assert results[metric].reason == "no rows of class bird"


def test_limits_of_ones_own_are_judged():
    classes = by_metric("class-performance", animals(3000, right=0.6), min_class_recall=0.9)
    assert classes["recall of the worst class"].status is Status.FAILED
    numbers = by_metric("number-performance", prices(), min_r2=0.99, max_error=0.1)
    assert numbers["R²"].status is Status.FAILED
    assert numbers["mean absolute error"].status is Status.FAILED
    texts = by_metric("transduction", spellings(right=False), max_error_rate=0.1)
    assert texts["error rate"].status is Status.FAILED
    language = by_metric("language", speeches(), min_gain_over_compressor=0.1, max_bits=2.0)
    assert {one.status for one in language.values()} == {Status.PASSED}


def test_a_text_with_several_right_answers_is_asked_once_and_the_nearest_counts():
    made = spellings(150)
    results = by_metric("transduction", made)
    assert results["whole texts right"].n == made.frame["word"].nunique()
    assert results["whole texts right"].value == 1.0  # though 20 rows ask for "x"
    assert results["error rate"].interval[1] > 0


def test_the_trivial_answer_to_a_text_is_the_nearest_in_training():
    nearest = by_metric("transduction", spellings())["gain over a trivial answer"]
    assert "spelled most alike" in nearest.message
    commonest = by_metric("transduction", spellings(known=False))["gain over a trivial answer"]
    assert "commonest" in commonest.message


def test_bits_are_compared_with_those_that_counting_and_compressing_need():
    results = by_metric("language", speeches(bits=1.0))
    own = results["bits a character"]
    assert own.value == pytest.approx(1.0, abs=0.05)
    # Eight words of a mean of 4.1 letters: 3 bits a word is what can be known of them.
    assert results["bits a character saved over a compressor (xz -9e)"].value > 0
    assert results["bits a character saved over counting"].value == pytest.approx(
        own.null - own.value
    )


def test_the_report_says_what_was_asked_and_what_was_not():
    decisions, chosen, spoken = (run_checks(one(120)) for one in (reviews, animals, speeches))
    assert decisions.data["positive outcome"] == "1"
    assert decisions.data["medium"] == "text"
    assert "positive outcome" not in chosen.data
    assert chosen.data["classes"] == ["cat", "dog", "bird"]
    assert "threshold" not in chosen.environment
    assert "threshold" in decisions.environment
    misuse = {
        name: next(why for what, why in report.not_tested if what.startswith("Misuse"))
        for name, report in (("chosen", chosen), ("spoken", spoken))
    }
    assert "generates nothing" in misuse["chosen"]
    assert "makes texts" in misuse["spoken"]


def test_a_probability_of_one_for_the_wrong_class_has_a_finite_loss():
    made = animals(right=0.5)
    made.outputs.probabilities[:] = np.eye(3)[made.outputs.probabilities.argmax(axis=1)]
    assert math.isfinite(by_metric("class-performance", made)["log loss"].value)


def test_the_rows_of_groups_are_said_in_good_grammar():
    def said(**cells: tuple[int, int, int, int]) -> str:
        sizes = CHECKS["group-sizes"]()
        return next(iter(sizes.run(subject(counted(**cells), sensitive=("group",))))).message

    assert "a is the only group, with 200 of 200 rows; no group has fewer than 100." in said(
        a=(50, 50, 50, 50)
    )
    assert "; 1 group has fewer than 100." in said(a=(50, 50, 50, 50), b=(5, 5, 5, 5))
    assert "; 2 groups have fewer than 100." in said(a=(6, 6, 6, 6), b=(5, 5, 5, 5))
