"""What the two checks of changes say, and of whom."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.arguments import spread
from auditkit.checks.base import CHECKS
from auditkit.config import AuditConfig, read_config
from auditkit.errors import NotApplicable, UsageError
from auditkit.loading import load_subject
from auditkit.results import Finding, Section, Table
from auditkit.subject import Subject
from tests.flipped import by_merit, deciding, reading


def outcome(name: str, made: Subject, **limits: object) -> tuple[list[Finding], list[Section]]:
    found = list(CHECKS[name](**limits).run(made))
    return (
        [one for one in found if isinstance(one, Finding)],
        [one for one in found if isinstance(one, Section)],
    )


def test_a_row_is_said_in_words_and_the_sensitive_columns_stay():
    _, (section,) = outcome("counterfactuals", deciding())
    (table,) = section.views
    assert isinstance(table, Table)
    said = table.frame["it would say"].str.cat(sep=" ")
    assert "had merit been" in said
    assert "age been" not in said
    assert "group been" not in said
    assert set(table.frame["the model says"].str[:2]) == {"ye", "no"}


def test_a_text_is_said_by_its_words():
    _, (section,) = outcome("counterfactuals", reading())
    said = section.views[0].frame["it would say"].str.cat(sep=" ")
    assert '"loved" been' in said or '"sent" been' in said


def test_of_texts_whose_words_never_come_again_it_has_no_say():
    names = [f"Love{one}{other}" for one in "abcdefghijkl" for other in "mnopqrstuv"]
    with pytest.raises(NotApplicable, match="no word stands in 5 of 120 texts"):
        outcome("counterfactuals", reading(texts=names))


def test_an_immutable_column_leaves_nothing_to_change():
    made = replace(deciding(), immutable=("merit",))
    for name in ("counterfactuals", "recourse"):
        with pytest.raises(NotApplicable, match="nothing to change"):
            outcome(name, made)


def test_the_group_that_pays_more_is_named_first():
    def further(rows: pd.DataFrame) -> np.ndarray:
        return by_merit(rows.assign(merit=rows["merit"] - (rows["group"] == "c")))

    findings, _ = outcome("recourse", deciding(further))
    (by_group,) = [one for one in findings if one.where["column"] == "group"]
    assert by_group.message.startswith("By group, refused rows of c have to change")
    assert by_group.where["highest"] == "c"
    assert by_group.interval[0] > 0


def test_those_without_recourse_are_a_finding_of_their_own():
    def never_c(rows: pd.DataFrame) -> np.ndarray:
        return np.where(rows["group"] == "c", 0.1, by_merit(rows))

    findings, _ = outcome("recourse", deciding(never_c), max_lacking_difference=0.1)
    lacking = [one for one in findings if one.metric == "refused without recourse"]
    by_group = next(one for one in lacking if one.where["column"] == "group")
    assert by_group.value == 1
    assert by_group.status.value == "failed"


def test_both_say_the_same_twice():
    for name in ("counterfactuals", "recourse"):
        first, second = (outcome(name, deciding())[0] for _ in range(2))
        assert [one.message for one in first] == [one.message for one in second]


def test_nobody_who_is_refused_is_no_subject():
    with pytest.raises(NotApplicable, match="hardly anybody is refused"):
        outcome("recourse", deciding(lambda rows: np.full(len(rows), 0.9)))


def test_immutable_columns_come_from_the_configuration_and_must_be_features(tmp_path):
    frame = pd.DataFrame({"g": list("ab") * 20, "x": range(40), "y": [0, 1] * 20, "said": 1})
    frame.to_csv(tmp_path / "answers.csv", index=False)
    given = {
        "predictions": str(tmp_path / "answers.csv"),
        "target": "y",
        "positive": "1",
        "prediction": "said",
        "sensitive": ("g",),
    }
    assert load_subject(AuditConfig(**given, immutable=("x",))).immutable == ("x",)
    with pytest.raises(UsageError, match="--immutable 'z' is no feature"):
        load_subject(AuditConfig(**given, immutable=("z",)))
    (tmp_path / "audit.toml").write_text('immutable = ["x"]\n')
    assert read_config(tmp_path / "audit.toml").immutable == ("x",)
    assert spread(["report", "m", "--immutable", "a", "b"])[-3:] == ["a", "--immutable", "b"]
