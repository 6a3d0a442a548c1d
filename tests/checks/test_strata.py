"""The story of Berkeley's admissions as an auditor reads it, and rows of one person."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.base import CHECKS
from auditkit.config import AuditConfig, read_config
from auditkit.data.schema import Column, Kind
from auditkit.errors import DataError, NotApplicable, UsageError
from auditkit.loading import load_subject
from auditkit.results import Finding, Section
from auditkit.runner import run_checks
from tests.answers import animals
from tests.bias.test_strata import BERKELEY
from tests.subjects import gap_of, subject


def applicants() -> pd.DataFrame:
    parts = []
    for department, cells in BERKELEY.items():
        for sex, (admitted, rejected) in zip(("men", "women"), cells, strict=True):
            said = [1] * admitted + [0] * rejected
            parts.append(pd.DataFrame({"prediction": said, "sex": sex, "department": department}))
    return pd.concat(parts, ignore_index=True).assign(label=lambda one: one["prediction"])


def asked(frame: pd.DataFrame, control: str, **options) -> tuple[list[Finding], Section]:
    made = replace(
        subject(frame, **options), controls=(Column(name=control, kind=Kind.CATEGORICAL),)
    )
    found = list(CHECKS["within-strata"]().run(made))
    (section,) = (one for one in found if isinstance(one, Section))
    return [one for one in found if isinstance(one, Finding)], section


def test_simpsons_paradox_is_pointed_out_in_one_sentence():
    findings, section = asked(applicants(), "department", sensitive=("sex",))
    said = findings[0].message
    assert "men (38.7 %) is 4.3 points below that of women (43.0 %)" in said
    assert (
        "On the same rows as they are, the selection rate of women is 14.2 points below that of men"
        in said
    )
    assert "Simpson's paradox" in said
    groups, departments = (view.frame for view in section.views)
    assert groups["as it is"].round(3).tolist() == [0.445, 0.304]
    assert departments["stratum"].tolist() == ["A", "C", "D", "F", "B", "E"]


def test_a_gap_that_the_strata_explain_is_said_to_be_explained():
    rng = np.random.default_rng(1)
    place = rng.integers(0, 2, 4000)
    group = np.where(rng.random(4000) < 0.2 + 0.6 * place, "a", "b")
    chosen = (rng.random(4000) < 0.2 + 0.5 * place).astype(int)
    frame = pd.DataFrame({"group": group, "place": place, "label": 1, "prediction": chosen})
    frame.loc[::2, "label"] = 0
    findings, _ = asked(frame, "place")
    assert "may be chance, and place may explain the rest" in findings[0].message


def test_where_every_sensitive_column_is_a_control_nothing_is_left():
    with pytest.raises(NotApplicable, match="nothing is left"):
        asked(gap_of(0.1), "group")


@pytest.fixture
def predictions(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    frame = gap_of(0.3, n=600)[["group", "label", "prediction"]]
    frame = frame.assign(branch=rng.integers(0, 3, 600), years=rng.normal(40, 9, 600))
    frame = frame.assign(person=np.arange(600) // 6)
    path = tmp_path / "answers.csv"
    frame.to_csv(path, index=False)
    return str(path)


def config(path: str, **options) -> AuditConfig:
    return AuditConfig(
        predictions=path, target="label", prediction="prediction", sensitive=("group",), **options
    )


def test_controls_are_read_from_the_configuration_and_numbers_are_cut_into_bands(predictions):
    made = load_subject(config(predictions, controls=("branch", "years")))
    assert [one.name for one in made.controls] == ["branch", "years"]
    assert made.strata["years"].nunique() == 4
    counts = made.counts_of(["branch", "years", "group"])
    assert counts.index.names == ["branch", "years", "group"]
    assert counts.to_numpy().sum() == 600


def test_the_findings_of_the_section_count_rows_of_one_person_together(predictions):
    alone = run_checks(load_subject(config(predictions)))
    together = run_checks(load_subject(config(predictions, cluster="person")))
    checks = {one.rule: one for one in together.results}
    for one in alone.results:
        if one.rule in ("AK201", "AK206"):
            found = checks[one.rule].findings[0]
            assert "100 clusters of rows" in found.method
            assert found.n == one.findings[0].n
    assert "person" not in load_subject(config(predictions, cluster="person")).table.schema.names


def test_both_are_read_from_audit_toml(tmp_path):
    path = tmp_path / "audit.toml"
    path.write_text('controls = ["branch"]\ncluster = "person"\n')
    read = read_config(path)
    assert (read.controls, read.cluster) == (("branch",), "person")


def test_a_cluster_of_one_row_each_is_none(predictions):
    frame = pd.read_csv(predictions).assign(row=np.arange(600))
    frame.to_csv(predictions, index=False)
    assert load_subject(config(predictions, cluster="row")).clusters == {"group": None}


def test_of_several_classes_too_rows_of_one_person_count_together():
    made = animals(right=0.9)
    person = np.arange(len(made.frame)) // 4
    table = replace(made.table, frame=made.frame.assign(person=person), apart="person")
    found = next(iter(CHECKS["accuracy-equality"]().run(replace(made, table=table))))
    assert f"{person.max() + 1:,} clusters of rows" in found.method


@pytest.mark.parametrize("option", [{"controls": ("label",)}, {"cluster": "prediction"}])
def test_the_target_and_the_answer_are_neither_strata_nor_clusters(predictions, option):
    with pytest.raises(UsageError, match="target or an answer"):
        load_subject(config(predictions, **option))


def test_a_misspelt_control_is_answered_with_the_nearest(predictions):
    with pytest.raises(DataError, match="did you mean 'branch'"):
        load_subject(config(predictions, controls=("brnch",)))


@pytest.mark.parametrize("name", ["missing-values", "label-balance", "amplification"])
def test_checks_of_data_and_of_links_count_rows_of_one_person_together(name):
    # Each row eight times over, known to be one person's: as sure as the rows by themselves.
    rng = np.random.default_rng(0)
    frame = gap_of(0.2, n=300).assign(extra=np.where(rng.random(300) < 0.2, np.nan, 1.0))
    person = np.repeat(np.arange(300), 8)
    once = subject(frame, features=["extra"])
    many = frame.iloc[person].reset_index(drop=True).assign(person=person)
    told = replace(once, table=replace(once.table, frame=many, apart="person"))
    untold = replace(once, table=replace(once.table, frame=many))
    widths = []
    for made in (once, told, untold):
        found = next(one for one in CHECKS[name]().run(made) if isinstance(one, Finding))
        widths.append(found.interval[1] - found.interval[0])
    assert widths[1] == pytest.approx(widths[0], rel=0.2)
    assert widths[2] < 0.6 * widths[1]
