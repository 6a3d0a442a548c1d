"""What the checks of explanations say of planted networks whose weights are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from auditkit import explained
from auditkit.attribution.base import METHODS, Family
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.judging.verdicts import Verdict
from auditkit.attribution.players import Players
from auditkit.checks.base import CHECKS
from auditkit.config import AuditConfig
from auditkit.data.schema import Medium
from auditkit.models.explainable import Explainable
from auditkit.results import Finding, Section, Status
from auditkit.runner import run_checks
from auditkit.runtime import Runtime
from tests.explaining import network
from tests.subjects import gap_of, subject

ROOM = ("explanations", "importance", "explained-rows", "sensitive-weight", "explanation-quality")
GROUP_WEIGHS = (3.0, 0.5, 0.0, 0.5, 0.0)  # group, merit, years, tenure, noise


def said(name, audited, **limits):
    return list(CHECKS[name](**limits).run(audited))


def test_the_sensitive_column_that_carries_weight_is_named_with_its_share():
    finding = said("sensitive-weight", network(GROUP_WEIGHS), max_share=0.4)[0]
    assert finding.status is Status.FAILED
    assert "group" in finding.message
    assert finding.value > 0.4


def test_a_column_without_weight_is_not_blamed():
    found = [
        one
        for one in said("sensitive-weight", network(), max_share=0.4)
        if not isinstance(one, Section)
    ]
    assert all(one.status is not Status.FAILED for one in found)


def test_what_weighs_most_is_what_was_planted():
    finding = said("importance", network())[0]
    assert finding.where["column"] == "merit"
    assert finding.interval[0] > 1 / 5


def test_no_picture_is_by_a_method_that_failed():
    audited = network()
    judged = audited.explained.examination
    assert judged.verdict(audited.explained.best) in (Verdict.TRUSTED, Verdict.WEAK)
    methods = {one.where["method"] for one in said("importance", audited)[:1]}
    assert methods == {audited.explained.best}


def test_where_every_method_fails_the_others_say_so_and_show_nothing():
    report = run_checks(
        network((0.0,) * 5),
        AuditConfig(checks={one: {"skip": "not asked"} for one in CHECKS if one not in ROOM}),
    )
    by_name = {one.name: one for one in report.results}
    assert by_name["explanations"].status is Status.MEASURED
    for name in ("importance", "explained-rows"):
        assert by_name[name].status is Status.NOT_APPLICABLE
        assert not by_name[name].sections


def test_an_audit_of_predictions_says_that_the_model_itself_is_missing():
    report = run_checks(subject(gap_of(0.0)))
    for one in report.results:
        if one.name in ROOM:
            assert one.status is Status.NOT_APPLICABLE
            assert "only the model's answers" in one.reason or "predictions" in one.reason


def test_controls_are_never_shown_and_the_table_names_each_method_once():
    section = next(one for one in said("explanations", network()) if isinstance(one, Section))
    names = list(section.views[0].frame["method"])
    assert len(names) == len(set(names))
    controls = {one for one, row in METHODS.items() if row.family is Family.CONTROL}
    assert network().explained.best not in controls


def test_another_check_changes_no_explanation():
    alone = network.__wrapped__()
    after = network.__wrapped__()
    said("explanation-quality", after)
    said("explained-rows", after)
    first, second = said("importance", alone)[0], said("importance", after)[0]
    assert first == second


class Large(torch.nn.Module):
    """Keeps many numbers of a row for its way back."""

    def forward(self, rows):
        return torch.tanh(rows.repeat(1, 200_000)).mean(dim=1)


@pytest.mark.parametrize(("memory", "judged"), [(40, 8), (4_000, 64)])
def test_of_rows_that_take_much_fewer_are_judged(memory, judged):
    plain = network.__wrapped__(n=300)
    predictor = replace(plain.predictor, module=Large())
    found = explained.Explained(
        predictor=predictor,
        frame=plain.frame,
        reference=None,
        medium=plain.explained.medium,
        runtime=Runtime(device="cpu", memory=memory),
    )
    assert len(found.rows) == judged
    assert np.array_equal(found.rows, np.sort(found.rows))


class Judged:
    """An examination in which methods did as is said: verdict, quality, passes."""

    def __init__(self, **methods):
        self.methods = methods

    def verdicts(self, verdict):
        names = [name for name, one in self.methods.items() if one[0] is verdict]
        return tuple(sorted(names, key=lambda name: -self.quality(name)))

    def quality(self, name):
        return self.methods[name][1]

    def passes(self, name):
        return self.methods[name][2]


def test_a_trusted_method_goes_before_a_better_weak_one_and_the_cheaper_of_equals_first():
    found = explained.Explained(
        predictor=None, frame=None, reference=None, medium=None, runtime=Runtime(device="cpu")
    )
    found.__dict__["examination"] = Judged(
        shapley=(Verdict.TRUSTED, 0.300, 2000),
        feature_ablation=(Verdict.WEAK, 0.4, 10),
        integrated_gradients=(Verdict.TRUSTED, 0.295, 100),
        deeplift=(Verdict.TRUSTED, 0.2, 4),
    )
    assert found.best == "integrated_gradients"


def test_a_column_that_only_takes_the_noise_out_of_another_is_told_in_words():
    """Haufe 2014: merit = outcome + distraction, years = distraction, and the model subtracts."""
    made = network((0.0, 2.0, -2.0, 0.0, 0.0), n=2000)
    rng = np.random.default_rng(1)
    frame = made.frame.copy()
    outcome, distraction = rng.normal(size=(2, len(frame)))
    frame["merit"], frame["years"] = outcome + distraction, distraction
    frame["label"] = (outcome > 0).astype(int).astype(str)
    planted = replace(made, table=replace(made.table, frame=frame))
    told = [one.message for one in said("importance", planted) if isinstance(one, Finding)]
    (sentence,) = [one for one in told if "next to nothing" in one]
    assert sentence.startswith("years carries weight")
    assert "goes together with merit" in sentence
    quiet = [one.message for one in said("importance", made) if isinstance(one, Finding)]
    assert not [one for one in quiet if "goes together with" in one]


def test_a_column_without_weight_costs_nothing_when_it_is_shuffled():
    sections = [one for one in said("importance", network()) if isinstance(one, Section)]
    lost = sections[0].views[1].frame.set_index("player")
    assert lost.index[0] == "merit"
    assert lost.loc["group", "loss"] == lost.loc["noise", "loss"] == 0.0


def test_a_text_of_many_words_is_asked_often_enough_to_be_explained():
    """A fit to 512 coalitions cannot say how sure it is of 150 words, and was refused."""
    words = 150
    tokens = torch.arange(words).repeat(2, 1).double()
    weights = torch.linspace(-1, 1, words, dtype=torch.float64)
    rows = Explainable(
        module=Weighing(weights),
        inputs=(tokens + 1,),
        targets=None,
        asks=("a number",) * 2,
        players=Players(masks=(torch.arange(words)[None],), names=(("w",) * words,)),
        baselines={"zero": Baseline(name="zero", rows=(torch.zeros(1, words).double(),))},
        cells=((),) * 2,
        medium="text",
        unit="word",
        rows=(0, 1),
        runtime=Runtime(device="cpu"),
    )
    audited = explained.Explained(
        predictor=network().predictor,
        frame=network().frame,
        reference=None,
        medium=Medium.TEXT,
        runtime=Runtime(device="cpu"),
    )
    found = audited.asked("kernel_shap", rows)
    assert torch.allclose(found.value, weights * (tokens + 1), atol=1e-6)


class Weighing(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def forward(self, numbers):
        return numbers @ self.weights


def test_it_is_told_how_many_answers_were_explained():
    (finding, section) = said("explanations", network())
    assert finding.n == 64
    assert "the same 64 answers" in section.text
