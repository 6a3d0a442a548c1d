"""Each check has a case in which it fires, one in which it stays silent, one it has no say in."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.base import CHECKS, Check
from auditkit.data.schema import Column, Kind
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Section, Status
from auditkit.runner import run_checks
from auditkit.subject import Subject
from tests.answers import animals, prices, speeches, spellings
from tests.detectors import detecting, detector_subject, planted_corpus
from tests.explaining import network
from tests.flipped import by_group, by_merit, deciding, people, reading
from tests.generated import checkered, judged_generator, leaning
from tests.learned import learner
from tests.prejudiced import reader, speaker
from tests.recommending import recommender
from tests.scored import scored_groups
from tests.subjects import card_with, counted, gap_of, generator, hungry, quadrants, subject


class Cases(NamedTuple):
    fires: Callable[[], Subject]
    silent: Callable[[], Subject]
    no_say: Callable[[], Subject] | None
    limits: Mapping[str, Any] = MappingProxyType({})


def scored(*, skew: float = 0.0, n: int = 4000) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.05, 0.95, n)
    label = (rng.uniform(size=n) < truth).astype(int)
    return pd.DataFrame({"group": "a", "label": label, "score": np.clip(truth + skew, 0, 1)})


def noise(n: int = 2000) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    label = (rng.uniform(size=n) < 0.1).astype(int)
    return pd.DataFrame({"label": label, "prediction": rng.integers(2, size=n), "group": "a"})


def shifted(*, by: float = 0.3) -> Subject:
    """Scores of group b that are too low, though its outcomes are as good."""
    frame = scored()
    group = np.where(np.arange(len(frame)) % 2, "a", "b")
    score = np.clip(frame["score"] - np.where(group == "b", by, 0), 0, 1)
    return subject(frame.assign(group=group, score=score), prediction=None, score="score")


def learnable(*, blind: bool) -> Subject:
    frame = gap_of(0.0)
    decided = np.zeros(len(frame), int) if blind else frame["prediction"]
    frame = frame.assign(prediction=decided)
    return subject(frame, features=("merit", "noise", "branch"))


def with_missing(share: float) -> Subject:
    frame = gap_of(0.0).assign(size=1.0)
    rng = np.random.default_rng(0)
    empty = (frame["group"] == "A") & (rng.uniform(size=len(frame)) < share)
    return subject(frame.assign(size=frame["size"].mask(empty)), features=("size", "merit"))


def split_in_two(*, leak: bool) -> Subject:
    frame = gap_of(0.0)
    test, train = frame.iloc[:2000], frame.iloc[2000:]
    train = pd.concat([train, test.iloc[:500]]) if leak else train
    return subject(test, train=train, features=("merit", "noise", "branch"))


def memorised(*, wrong: float) -> Subject:
    frame = gap_of(0.0)
    rng = np.random.default_rng(1)
    test = frame.iloc[:2000]
    flip = rng.uniform(size=len(test)) < wrong
    test = test.assign(prediction=np.where(flip, 1 - test["label"], test["label"]))
    train = frame.iloc[2000:].assign(prediction=frame["label"].iloc[2000:])
    return subject(test, train=train, card=card_with())


def within_branches(gap: float) -> Subject:
    made = subject(gap_of(gap))
    branch = Column(name="branch", kind=Kind.CATEGORICAL)
    return replace(made, controls=(branch,))


def further(rows: pd.DataFrame) -> np.ndarray:
    """Who is of group b needs more merit than others, by 2."""
    return by_merit(rows.assign(merit=rows["merit"] - 2 * (rows["group"] == "b")))


def nobody() -> Subject:
    return subject(gap_of(0.0), sensitive=())


def sliced(*, worse: float, n: int = 20_000) -> Subject:
    """One answer in twenty is wrong; of a twentieth of the rows, by two columns, more are."""
    rng = np.random.default_rng(7)
    ages = rng.permutation(np.arange(n) % 50 + 18)
    frame = pd.DataFrame({"age": ages, "trade": rng.choice(list("abcd"), n)})
    there = (frame["age"] < 28) & (frame["trade"] == "a")
    frame["label"] = rng.integers(2, size=n)
    wrong = rng.random(n) < 0.05 + worse * there
    frame["prediction"] = np.where(wrong, 1 - frame["label"], frame["label"])
    return subject(frame.assign(group="a"), features=("age", "trade"))


# tp, fp, fn, tn by group, for the gaps of one rate while others agree.
LOST_POSITIVES = {"a": (900, 100, 100, 900), "b": (500, 100, 500, 900)}
FALSE_ALARMS = {"a": (900, 100, 100, 900), "b": (900, 500, 100, 500)}
EVEN = {"a": (900, 100, 100, 900), "b": (890, 105, 110, 895)}
# The outcome is a's in half the rows and b's in a fifth; the model makes that 60 % and 10 %.
WIDENED = {"a": (500, 100, 0, 400), "b": (100, 0, 100, 800)}

CASES = {
    "performance": Cases(lambda: subject(noise()), lambda: subject(gap_of(0.0)), animals),
    "simpler-model": Cases(
        lambda: learnable(blind=True),
        lambda: learnable(blind=False),
        lambda: subject(gap_of(0.0)),
    ),
    "calibration": Cases(
        lambda: subject(scored(skew=0.2), prediction=None, score="score"),
        lambda: subject(scored(), prediction=None, score="score"),
        lambda: subject(gap_of(0.0)),
    ),
    "demographic-parity": Cases(lambda: subject(gap_of(0.3)), lambda: subject(gap_of(0.0)), nobody),
    "equal-opportunity": Cases(
        lambda: subject(counted(**LOST_POSITIVES)), lambda: subject(counted(**EVEN)), nobody
    ),
    "equalized-odds": Cases(
        lambda: subject(counted(**FALSE_ALARMS)), lambda: subject(counted(**EVEN)), nobody
    ),
    "predictive-parity": Cases(
        lambda: subject(counted(**FALSE_ALARMS)), lambda: subject(counted(**EVEN)), nobody
    ),
    "accuracy-equality": Cases(
        lambda: subject(counted(**LOST_POSITIVES)), lambda: subject(counted(**EVEN)), nobody
    ),
    "four-fifths": Cases(lambda: subject(gap_of(0.3)), lambda: subject(gap_of(0.0)), nobody),
    "within-strata": Cases(
        lambda: within_branches(0.3),
        lambda: within_branches(0.0),
        lambda: subject(gap_of(0.3)),
        {"max_difference": 0.1},
    ),
    "group-results": Cases(lambda: subject(gap_of(0.3)), lambda: subject(gap_of(0.0)), nobody),
    "group-sizes": Cases(lambda: subject(gap_of(0.3)), lambda: subject(gap_of(0.0)), nobody),
    "missing-values": Cases(
        lambda: with_missing(0.4),
        lambda: with_missing(0.0),
        lambda: subject(gap_of(0.0)),
        {"max_difference": 0.1},
    ),
    "label-balance": Cases(
        lambda: subject(counted(a=(900, 0, 0, 100), b=(100, 0, 0, 900))),
        lambda: subject(counted(**EVEN)),
        nobody,
        {"max_difference": 0.1},
    ),
    "duplicates": Cases(
        lambda: split_in_two(leak=True),
        lambda: split_in_two(leak=False),
        lambda: subject(gap_of(0.0)),
    ),
    "overfitting": Cases(
        lambda: memorised(wrong=0.3),
        lambda: memorised(wrong=0.0),
        lambda: subject(gap_of(0.0)),
    ),
    "dead-units": Cases(
        lambda: subject(gap_of(0.0), card=card_with(dead=0.9)),
        lambda: subject(gap_of(0.0), card=card_with(dead=0.1)),
        lambda: subject(gap_of(0.0)),
    ),
    "training-course": Cases(
        lambda: subject(gap_of(0.0), card=card_with()),
        lambda: subject(gap_of(0.0), card=card_with()),
        lambda: subject(gap_of(0.0)),
    ),
    "data-hunger": Cases(
        lambda: subject(gap_of(0.0), card=card_with(curve=hungry(0.5))),
        lambda: subject(gap_of(0.0), card=card_with(curve=hungry(1.5))),
        lambda: subject(gap_of(0.0), card=card_with()),
        {"max_gain": 0.03},
    ),
    "cost": Cases(
        lambda: subject(gap_of(0.0), card=card_with(seconds=100)),
        lambda: subject(gap_of(0.0), card=card_with(seconds=1)),
        lambda: subject(gap_of(0.0)),
        {"max_seconds": 10.0},
    ),
    "amplification": Cases(
        lambda: subject(counted(**WIDENED)),
        lambda: subject(counted(**EVEN)),
        prices,
        {"max_excess": 0.03},
    ),
    "group-thresholds": Cases(shifted, lambda: shifted(by=0.0), lambda: subject(gap_of(0.0))),
    "measures": Cases(
        lambda: subject(counted(**WIDENED)), lambda: subject(counted(**EVEN)), prices
    ),
    "class-performance": Cases(
        lambda: animals(right=0.2), lambda: animals(right=0.9), lambda: subject(gap_of(0.0))
    ),
    "subgroups": Cases(
        lambda: sliced(worse=0.4), lambda: sliced(worse=0.0), nobody, {"max_difference": 0.1}
    ),
    "number-performance": Cases(
        lambda: prices(noise=3.0, blind=True), prices, lambda: subject(gap_of(0.0))
    ),
    "transduction": Cases(lambda: spellings(right=False), spellings, lambda: subject(gap_of(0.0))),
    "recommendation": Cases(
        lambda: recommender(push=3.0),
        recommender,
        lambda: subject(gap_of(0.0)),
        {"min_exposure": 0.8},
    ),
    "associations": Cases(
        lambda: reader(towards=2.0),
        lambda: reader(towards=0.0),
        lambda: subject(gap_of(0.0)),
        {"max_effect": 1.7},
    ),
    "minimal-pairs": Cases(
        lambda: speaker(expects=1.0),
        lambda: speaker(expects=0.2),
        lambda: subject(gap_of(0.0)),
        {"max_share": 0.6},
    ),
    "language": Cases(lambda: speeches(bits=5.0), speeches, lambda: subject(gap_of(0.0))),
    "class-equality": Cases(
        lambda: animals(4000, unfair=0.3), lambda: animals(8000), lambda: subject(gap_of(0.0))
    ),
    "number-equality": Cases(
        lambda: prices(unfair=1.0),
        lambda: prices(2000),
        lambda: subject(gap_of(0.0)),
        {"max_difference": 0.25},
    ),
    "generation": Cases(
        lambda: generator(quadrants(1000, seed=2, classes=[3])),
        lambda: generator(quadrants(1000, seed=2)),
        lambda: subject(gap_of(0.0)),
    ),
    "generated-classes": Cases(
        lambda: leaning((0.4, 0.4, 0.1, 0.1), (0.45, 0.45, 0.05, 0.05)),
        lambda: leaning((0.4, 0.4, 0.1, 0.1), (0.4, 0.4, 0.1, 0.1)),
        lambda: subject(gap_of(0.0)),
    ),
    "generated-spectrum": Cases(
        lambda: generator(checkered(quadrants(500, seed=2), 30)),
        lambda: generator(quadrants(500, seed=2)),
        lambda: subject(gap_of(0.0)),
    ),
    "truncation": Cases(
        judged_generator,
        judged_generator,
        lambda: learner("fnn"),
        {"images": 40},
    ),
    "auc-equality": Cases(
        lambda: scored_groups(order=0.2), scored_groups, lambda: subject(gap_of(0.0))
    ),
    "group-calibration": Cases(
        lambda: scored_groups(skew=0.1),
        scored_groups,
        lambda: subject(gap_of(0.0)),
        {"max_difference": 0.05},
    ),
    "abroca": Cases(
        lambda: scored_groups(order=0.2),
        scored_groups,
        lambda: subject(gap_of(0.0)),
        {"max_area": 0.05},
    ),
    "threshold-sweep": Cases(
        lambda: scored_groups(skew=0.1), scored_groups, lambda: subject(gap_of(0.0))
    ),
    "consistency": Cases(
        lambda: deciding(lambda rows: np.random.default_rng(0).uniform(size=len(rows))),
        lambda: deciding(lambda rows: np.ones(len(rows))),
        speeches,
        {"min_consistency": 0.9},
    ),
    "individual-inequality": Cases(
        lambda: subject(counted(**LOST_POSITIVES)),
        lambda: subject(gap_of(0.0)),
        animals,
        {"max_index": 0.08},
    ),
    "flipped-attribute": Cases(
        lambda: deciding(by_group), deciding, lambda: subject(gap_of(0.0), features=("merit",))
    ),
    "flipped-terms": Cases(lambda: reading(lean=0.3), reading, lambda: subject(gap_of(0.0))),
    "attention": Cases(
        lambda: learner("encoder"),
        lambda: learner("encoder"),
        lambda: subject(gap_of(0.0)),
    ),
    "latents": Cases(lambda: learner("gan"), lambda: learner("dcgan"), lambda: learner("fnn")),
    "lens": Cases(
        lambda: learner("decoder"),
        lambda: learner("encoder-decoder"),
        lambda: subject(gap_of(0.0)),
    ),
    "training-rows": Cases(learner, lambda: learner("encoder"), lambda: subject(gap_of(0.0))),
    "counterfactuals": Cases(
        deciding,
        lambda: deciding(lambda rows: by_merit(rows.assign(merit=rows["merit"] - 3))),
        animals,
        {"max_single": 0.2},
    ),
    "recourse": Cases(
        lambda: deciding(further),
        deciding,
        speeches,
        {"max_difference": 1.0},
    ),
    "proxies": Cases(
        lambda: deciding(frame=people().assign(merit=lambda rows: rows["age"])),
        deciding,
        speeches,
        {"max_auc": 0.7},
    ),
    "explanations": Cases(
        lambda: network((0.0,) * 5),
        network,
        lambda: subject(gap_of(0.0)),
        {"min_trusted": 1},
    ),
    "importance": Cases(network, network, lambda: subject(gap_of(0.0))),
    "explained-rows": Cases(network, network, lambda: subject(gap_of(0.0))),
    "sensitive-weight": Cases(
        lambda: network((3.0, 0.5, 0.0, 0.5, 0.0)),
        network,
        lambda: subject(gap_of(0.0)),
        {"max_share": 0.4},
    ),
    "explanation-quality": Cases(network, network, lambda: subject(gap_of(0.0))),
    "encoded-or-used": Cases(
        lambda: network((3.0, 2.0, 1.0, 0.0, 0.0)),
        lambda: network((0.0, 2.0, 1.0, 0.0, 0.0)),
        lambda: subject(gap_of(0.0)),
        {"max_changed": 0.05},
    ),
    "layers": Cases(network, network, lambda: subject(gap_of(0.0))),
    "units": Cases(
        lambda: network((3.0, 2.0, 1.0, 0.0, 0.0)),
        lambda: network((0.0, 2.0, 1.0, 0.0, 0.0)),
        lambda: subject(gap_of(0.0)),
        {"max_auc": 0.75},
    ),
    "concepts": Cases(
        lambda: network((3.0, 2.0, 1.0, 0.0, 0.0)),
        lambda: network((0.0, 2.0, 1.0, 0.0, 0.0)),
        lambda: subject(gap_of(0.0)),
    ),
    "detectability": Cases(
        lambda: generator(quadrants(300, seed=2), n=300),
        lambda: generator(quadrants(300, seed=2) // 2, n=300),
        lambda: subject(gap_of(0.0)),
        {"min_auc": 0.8, "images": 300},
    ),
    "provenance": Cases(
        lambda: generator(quadrants(8, seed=2)),
        lambda: generator(quadrants(8, seed=2)),
        lambda: subject(gap_of(0.0)),
    ),
    "release": Cases(
        speeches, lambda: generator(quadrants(8, seed=2)), lambda: subject(gap_of(0.0))
    ),
    "causes": Cases(
        lambda: network((3.0, 2.0, 1.0, 0.0, 0.0)), network, lambda: learner("decoder")
    ),
    "detector": Cases(
        lambda: detecting(reals_are_made=True), detecting, lambda: subject(gap_of(0.0))
    ),
    "unseen-generators": Cases(
        lambda: detecting(generators=("nearest", "untraced", "linear")),
        lambda: detecting(),
        lambda: subject(gap_of(0.0)),
        {"min_auc": 0.8, "images": 60},
    ),
    "degradations": Cases(
        detecting,
        lambda: detecting(generators=("nearest",)),
        lambda: subject(gap_of(0.0)),
        {"images": 40},
    ),
    "leaks": Cases(
        lambda: detecting(fakes_made_smaller=True),
        detecting,
        lambda: subject(gap_of(0.0)),
        {"images": 400},
    ),
    "abstaining": Cases(
        lambda: detecting(half_too_small=True),
        detecting,
        lambda: subject(gap_of(0.0)),
        {"min_answered": 0.8},
    ),
    "detector-evidence": Cases(
        lambda: detector_subject(planted_corpus(8, seed=9)),
        lambda: detector_subject(planted_corpus(8, seed=9)),
        lambda: subject(gap_of(0.0)),
        {"images": 4, "maps": 1},
    ),
}
ONLY_MEASURES = {
    "degradations",
    "detector-evidence",
    "layers",
    "importance",
    "explained-rows",
    "explanation-quality",
    "attention",
    "threshold-sweep",
    "group-results",
    "group-sizes",
    "training-course",
    "group-thresholds",
    "measures",
    "training-rows",
    "lens",
    "latents",
    "truncation",
    "concepts",
    "causes",
    "provenance",
    "release",
}


def outcome(name: str, made: Subject) -> tuple[list[Finding], list[Section]]:
    found = list(CHECKS[name](**CASES[name].limits).run(made))
    return (
        [one for one in found if isinstance(one, Finding)],
        [one for one in found if isinstance(one, Section)],
    )


def test_every_check_has_its_cases():
    assert set(CASES) == set(CHECKS)


def test_every_check_is_a_frozen_dataclass_with_a_rule_of_its_own():
    rules = [kind.rule for _, kind in CHECKS.items()]
    assert len(set(rules)) == len(rules)
    for name, kind in CHECKS.items():
        assert is_dataclass(kind), name
        assert kind.__dataclass_params__.frozen, name
        assert isinstance(kind(), Check), name
        assert all(field.kw_only for field in fields(kind)), name


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_fires(name: str):
    findings, _ = outcome(name, CASES[name].fires())
    wanted = Status.MEASURED if name in ONLY_MEASURES else Status.FAILED
    assert wanted in {one.status for one in findings}
    failed = [one for one in findings if one.status is Status.FAILED]
    assert all(one.remedy or name in {"label-balance"} for one in failed)


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_stays_silent(name: str):
    findings, _ = outcome(name, CASES[name].silent())
    statuses = {one.status for one in findings}
    assert statuses <= {Status.PASSED, Status.MEASURED}
    assert findings
    assert name in ONLY_MEASURES | {"missing-values"} or Status.PASSED in statuses


@pytest.mark.parametrize("name", sorted(name for name in CASES if CASES[name].no_say))
def test_it_has_no_say(name: str):
    with pytest.raises(NotApplicable, match=r"\w+ \w+"):
        outcome(name, CASES[name].no_say())


@pytest.mark.parametrize("name", sorted(CASES))
def test_its_findings_carry_their_evidence(name: str):
    for one in outcome(name, CASES[name].fires())[0]:
        assert one.n > 0
        assert one.method
        assert one.message.endswith(".")
        assert "nan" not in one.message.casefold()
        low, high = one.interval
        assert low <= one.value <= high


def test_the_gap_that_was_planted_lies_in_its_interval():
    findings, _ = outcome("demographic-parity", subject(gap_of(0.3)))
    low, high = findings[0].interval
    assert low < 0.3 < high
    assert findings[0].where["lowest"] == "B"
    assert findings[0].where["highest"] == "A"
    assert findings[0].null < 0.05


def test_few_rows_are_insufficient_evidence_and_say_how_many_would_do():
    found = outcome("demographic-parity", subject(gap_of(0.15, n=200)))[0][0]
    assert found.status is Status.INSUFFICIENT
    assert 200 < found.rows_needed < 100_000
    enough = gap_of(0.15, n=4 * found.rows_needed)
    assert outcome("demographic-parity", subject(enough))[0][0].status is Status.FAILED


def test_small_groups_are_left_out_by_name():
    frame = pd.concat([gap_of(0.0), counted(tiny=(3, 0, 0, 0))], ignore_index=True)
    found = outcome("demographic-parity", subject(frame))[0][0]
    assert found.status is Status.PASSED
    assert "tiny" in found.where["not compared"]


def test_a_gap_over_one_group_is_undefined_with_its_reason():
    report = run_checks(subject(counted(only=(90, 10, 10, 90))))
    result = next(one for one in report.results if one.name == "demographic-parity")
    assert result.status is Status.NOT_APPLICABLE
    assert "two" in result.findings[0].reason
    assert np.isnan(result.findings[0].value)


def test_of_many_intersections_the_largest_are_shown_and_the_rest_are_counted():
    frame = gap_of(0.1, n=3000)
    rng = np.random.default_rng(0)
    frame = frame.assign(town=rng.integers(40, size=len(frame)), team=rng.integers(8, size=3000))
    made = subject(frame, sensitive=("group", "town", "team"))
    _, (section,) = outcome("group-results", made)
    crossed = section.views[-1]
    every = frame.groupby(["group", "town", "team"]).size().sort_values(ascending=False)
    assert len(crossed.frame) == min(40, int((every >= 10).sum())) > 0
    assert crossed.frame["rows"].min() >= 10
    hidden = len(frame) - int(crossed.frame["rows"].sum())
    assert f"hold {hidden:,} rows." in crossed.text
    assert f"of {len(every):,} intersections" in crossed.text
