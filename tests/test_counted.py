"""Rows that are counted where they lie: the same figures as of rows that are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from auditkit import cli
from auditkit.checks.base import CHECKS
from auditkit.config import AuditConfig
from auditkit.counted import CountedSubject
from auditkit.data import engines
from auditkit.data.engines import parquet_rows
from auditkit.errors import DataError, NotApplicable, UsageError
from auditkit.loading import load_subject
from auditkit.report.html import report_from_html
from auditkit.results import AuditReport, Status
from auditkit.runner import run_checks
from auditkit.subject import Subject

pytest.importorskip("duckdb")

COUNTED = {"performance", "group-results", "group-sizes", "label-balance", "four-fifths"}
COUNTED |= {"demographic-parity", "equal-opportunity", "equalized-odds", "predictive-parity"}
COUNTED |= {"accuracy-equality", "amplification"}
SCORED = {"auc-equality", "abroca", "group-thresholds", "threshold-sweep"}

NOT_ASKED = {name: {"skip": "it needs rows"} for name in CHECKS if name not in COUNTED}
ONLY_COUNTED = AuditConfig(checks=NOT_ASKED)


def people(n: int = 3000) -> pd.DataFrame:
    """Decisions that favour men, in a table with everything that a reader has to understand."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "hired": rng.choice(["yes", "no "], n),
            "score": rng.random(n),
            "gender": rng.choice(np.array(["Female", " Male", "?", None], dtype=object), n),
            "age": rng.integers(18, 90, n).astype(float),
            "region": rng.integers(1, 12, n),
            "member": rng.random(n) < 0.5,
            "income": rng.random(n),
        }
    )
    frame["decision"] = (frame["score"] + 0.2 * (frame["gender"] == " Male") >= 0.6).astype(int)
    frame.loc[:4, "age"] = [np.nan, np.inf, -np.inf, 17, 200]
    return frame


SENSITIVE = ("gender", "age", "region", "member")
BOTH = {"prediction": "decision", "score": "score"}


def config(path: Path, **given: Any) -> AuditConfig:
    asked = {"target": "hired", "positive": "yes", "sensitive": SENSITIVE, **BOTH, **given}
    return AuditConfig(predictions=str(path), **asked)


def subjects(tmp_path: Path, monkeypatch: Any, **given: Any) -> tuple[Subject, Subject]:
    """The same file, read and counted."""
    path = tmp_path / "people.parquet"
    people().to_parquet(path)
    read = load_subject(config(path, **given))
    monkeypatch.setattr(engines, "MOST_ROWS", 10)
    return read, load_subject(config(path, **given))


@pytest.mark.parametrize("answers", [BOTH, {"prediction": None}, {"score": None}])
def test_counted_rows_give_the_counts_of_rows_that_are_read(tmp_path, monkeypatch, answers):
    read, counted = subjects(tmp_path, monkeypatch, **{**BOTH, **answers})
    assert isinstance(counted, CountedSubject)
    for name in SENSITIVE:
        assert_frame_equal(counted.counts[name], read.counts[name])
        assert list(counted.group_sizes[name]) == list(read.group_sizes[name])
    assert_frame_equal(counted.counts_of(SENSITIVE), read.counts_of(SENSITIVE))
    assert dict(counted.totals) == dict(read.totals)
    assert counted.table.schema == read.table.schema
    assert counted.table.sha256 == read.table.sha256
    assert counted.answer_facts == read.answer_facts


def test_controls_are_counted_in_the_same_pass(tmp_path, monkeypatch):
    read, counted = subjects(tmp_path, monkeypatch, controls=("region",), sensitive=("gender",))
    assert counted.controls == read.controls
    assert_frame_equal(
        counted.counts_of(["region", "gender"]), read.counts_of(["region", "gender"])
    )
    assert counted.table.schema == read.table.schema


def test_declared_edges_cut_rows_that_are_read_and_rows_that_are_counted(tmp_path, monkeypatch):
    given = {"bands": {"age": (30.0, 60.0), "region": (6.0,)}, "controls": ("region",)}
    read, counted = subjects(tmp_path, monkeypatch, sensitive=("age",), **given)
    assert list(read.counts["age"].index) == ["under 30", "30 to 59", "60 and over", "(missing)"]
    assert_frame_equal(counted.counts["age"], read.counts["age"])
    crossed = read.counts_of(["region", "age"])
    assert set(crossed.index.get_level_values("region")) == {"under 6", "6 and over"}
    assert_frame_equal(counted.counts_of(["region", "age"]), crossed)
    assert counted.table.schema == read.table.schema


@pytest.mark.parametrize("threshold", [0.5, 0.37])
def test_scores_are_counted_in_bins_that_part_at_the_threshold(tmp_path, monkeypatch, threshold):
    asked = {"prediction": None, "threshold": threshold}
    read, counted = subjects(tmp_path, monkeypatch, **asked)
    for name in ("gender", "age"):
        whole, binned = read.score_counts_of([name]), counted.score_counts_of([name])
        assert binned.groups == whole.groups
        assert list(binned.rows) == list(whole.rows)
        for at in (threshold, 0.25, 0.75):
            assert_frame_equal(binned.at(at), whole.at(at))
        assert_frame_equal(binned.at(threshold), counted.counts[name])
    assert counted.decides_by_score
    assert not subjects(tmp_path, monkeypatch, score="income")[1].decides_by_score


def test_checks_say_of_counts_what_they_say_of_rows(tmp_path, monkeypatch):
    both = subjects(tmp_path, monkeypatch, sensitive=("gender", "age"))
    read, counted = (run_checks(one, ONLY_COUNTED) for one in both)
    same = {one.name: one for one in read.results}
    for result in counted.results:
        if result.name in COUNTED:
            known = {one.message for one in same[result.name].findings}
            assert result.findings
            assert {one.message for one in result.findings} <= known
    assert {one.name for one in applicable(counted)} >= COUNTED


def test_what_needs_rows_says_that_they_were_not_read(tmp_path, monkeypatch):
    counted = run_checks(subjects(tmp_path, monkeypatch, sensitive=("gender",))[1])
    assert counted.data["audited rows"] == 3000
    assert "where they lie" in counted.data["rows"]
    idle = {one.name: one.reason for one in counted.results}
    for name in SCORED:
        assert idle[name] == ""
    for name in ("calibration", "simpler-model", "missing-values", "group-calibration"):
        assert idle[name].startswith("the 3,000 rows were counted where they lie and not read")
    assert not [one for one in counted.results if one.status is Status.BROKEN]


def test_whoever_asks_for_rows_is_told(tmp_path, monkeypatch):
    counted = subjects(tmp_path, monkeypatch)[1]
    frame = counted.frame
    for ask in (
        lambda: len(frame),
        lambda: frame["age"],
        lambda: frame.columns,
        lambda: list(frame),
        lambda: np.asarray(frame),
        lambda: counted.labels,
        lambda: counted.scores,
        lambda: counted.memberships,
    ):
        with pytest.raises(NotApplicable, match="not read"):
            ask()


def test_a_folder_is_audited_by_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for part, frame in enumerate(np.array_split(np.arange(3000), 3)):
        folder = tmp_path / "answers" / f"part={part}"
        folder.mkdir(parents=True)
        people().iloc[frame].to_parquet(folder / "rows.parquet")
    asked = ["--target", "hired", "--positive", "yes", "--prediction", "decision"]
    code = cli.run(["report", "--predictions", "answers", *asked, "--sensitive", "gender", "part"])
    assert code in (0, 1, 3)
    page = tmp_path / "reports" / "answers" / "report.html"
    report = report_from_html(page.read_text(encoding="utf-8"))
    assert report.data["sensitive columns"] == ["gender", "part"]
    assert report.data["audited rows"] == 3000
    whole = load_subject(config(tmp_path / "answers", sensitive=("gender",), score=None))
    people().to_parquet(tmp_path / "one.parquet")
    alone = load_subject(config(tmp_path / "one.parquet", sensitive=("gender",), score=None))
    assert_frame_equal(whole.counts["gender"], alone.counts["gender"])


@pytest.mark.parametrize(
    ("given", "change", "said"),
    [
        ({"sensitive": ("gendr",)}, {}, "no column 'gendr' in .*did you mean 'gender'"),
        ({"target": "hire"}, {}, "no column 'hire' in .*did you mean 'hired'"),
        ({"score": "points"}, {}, "no column 'points'"),
        ({"features": ("incme",)}, {}, "no column 'incme' in .*did you mean 'income'"),
        ({"positive": "maybe"}, {}, "is never 'maybe'"),
        ({"sensitive": ("hired",)}, {}, "cannot be both target and sensitive"),
        ({"controls": ("score",)}, {}, "'score' is the target or an answer"),
        ({"bands": {"agee": (3.0,)}}, {}, "neither a sensitive column .*did you mean 'age'"),
        ({"bands": {"gender": (3.0,)}}, {}, "'gender' .*is cut into bands but holds text"),
        ({"cluster": "region"}, {}, "--cluster region needs the rows themselves"),
        ({}, {"score": np.nan}, "'score' has no number between 0 and 1 in 1 of 3,000 rows"),
        ({}, {"score": np.inf}, "'score' has no number between 0 and 1 in 1 of 3,000 rows"),
        ({}, {"score": 1.5}, "'score' has no number between 0 and 1 in 1 of 3,000 rows"),
        ({"score": "gender"}, {}, "both the model's answer and sensitive"),
        ({"score": "member"}, {}, "cannot be both|holds Boolean, no numbers"),
        ({}, {"hired": None}, "target 'hired' is missing in 1 of 3,000 rows"),
        ({}, {"hired": "?"}, "target 'hired' is missing in 1 of 3,000 rows"),
        ({}, {"decision": None}, "column 'decision' is missing in 1 of 3,000 rows"),
        ({}, {"decision": 7}, "'decision' in .* has '0', which the target never is"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, given, change, said):
    monkeypatch.setattr(engines, "MOST_ROWS", 10)
    frame = people()
    for name, value in change.items():
        frame.loc[1, name] = value
    frame.to_parquet(tmp_path / "people.parquet")
    with pytest.raises((DataError, UsageError), match=said) as refused:
        load_subject(config(tmp_path / "people.parquet", **given))
    assert "\n" not in str(refused.value)


def test_an_empty_sensitive_column_and_one_of_names_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "MOST_ROWS", 10)
    frame = people().assign(empty=pd.Series(["?"] * 3000), person=[f"p{i}" for i in range(3000)])
    frame.to_parquet(tmp_path / "people.parquet")
    with pytest.raises(DataError, match="'empty' is empty in all 3,000 rows"):
        load_subject(config(tmp_path / "people.parquet", sensitive=("empty",)))
    with pytest.raises(DataError, match=r"'person' of .* distinct values"):
        load_subject(config(tmp_path / "people.parquet", sensitive=("person",)))


def test_one_group_alone_is_undefined_and_never_fair(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "MOST_ROWS", 10)
    people().assign(gender="Female").to_parquet(tmp_path / "people.parquet")
    subject = load_subject(config(tmp_path / "people.parquet", sensitive=("gender",)))
    done = run_checks(subject, ONLY_COUNTED)
    parity = next(one for one in done.results if one.name == "demographic-parity")
    assert parity.status is Status.NOT_APPLICABLE
    assert "1 group" in parity.reason


def test_without_a_sensitive_column_performance_alone_is_judged(tmp_path, monkeypatch):
    both = subjects(tmp_path, monkeypatch, sensitive=())
    read, counted = (run_checks(one, ONLY_COUNTED) for one in both)
    assert "performance" in {one.name for one in applicable(counted)}
    known = {one.message for result in read.results for one in result.findings}
    assert {one.message for one in applicable(counted)[0].findings} <= known


def test_an_awkward_column_name_is_a_name(tmp_path):
    name = 'a "b".c; DROP'
    people().rename(columns={"gender": name}).to_parquet(tmp_path / "people.parquet")
    source = parquet_rows(tmp_path / "people.parquet")
    source.require_few(name, "column")
    (tmp_path / "rows").mkdir()
    (tmp_path / "people.parquet").rename(tmp_path / "rows" / "it's.parquet")
    counted = load_subject(config(tmp_path / "rows", sensitive=(name,)))
    assert list(counted.counts[name].index) == ["Female", "Male", "(missing)"]


def applicable(report: AuditReport) -> list[Any]:
    idle = (Status.NOT_APPLICABLE, Status.SKIPPED)
    return [one for one in report.results if one.status not in idle]
