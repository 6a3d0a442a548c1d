"""What an auditor reads of explanations: short numbers, rows by name, pairs told apart."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from auditkit.checks.inside.explained_rows import _number
from auditkit.checks.inside.explanation_views import row_views, short
from auditkit.checks.inside.importance import several
from auditkit.checks.network import ExplainedRows, Explanations
from auditkit.report.story import TRUSTED
from auditkit.results import Finding, Section
from tests.explaining import network


def of_table(given):
    """Bars of one row with these contributions."""
    players = SimpleNamespace(of=lambda row: [f"c{i}" for i in range(len(given))])
    rows = SimpleNamespace(medium="table", players=players, cells=[["7"] * len(given)])
    found = SimpleNamespace(of=lambda players: torch.tensor([given]))
    return row_views(rows, found, ["Typical"], ["note"])[0].frame


def test_columns_that_carry_nothing_are_one_bar_with_the_others():
    assert of_table([0.0, -2.0, 0.0, 1.0])["feature"].tolist() == ["c1 = 7", "c3 = 7", "2 others"]
    assert of_table([0.0, 1.0])["feature"].tolist() == ["c1 = 7", "1 other"]
    assert of_table([0.0, 0.0])["feature"].tolist() == ["c0 = 7", "1 other"]
    assert of_table([float(i + 1) for i in range(8)])["feature"].tolist()[-1] == "1 other"


def test_a_number_of_an_image_has_a_thousandth_of_the_largest_and_no_more():
    assert short(np.array([[1.2349, 0.0012345], [-0.00002, 0.05678]])) == [1.235, 0.001, 0, 0.057]
    assert short(np.array([123456.0, 17.0])) == [123500, 0]
    assert short(np.array([0.0, 0.0])) == [0, 0]
    assert short(np.array([1e-9, 4e-10])) == [1e-9, 4e-10]
    assert json.dumps(short(np.array([1.0, -0.00001]))) == "[1.0, 0.0]"
    assert np.isnan(short(np.array([np.nan, 0.12345]))[0])


@pytest.mark.parametrize(
    ("value", "said"),
    [(7.5e-9, "less than 0.001"), (0.9999, "more than 0.999"), (0.5, "0.500"), (1.0, "1.000")],
)
def test_a_score_is_never_told_in_powers_of_ten_nor_rounded_to_certainty(value, said):
    assert _number(value, True) == said


def test_a_pair_is_told_with_what_it_differs_in_and_is_not_said_to_be_alike_in_everything():
    found = list(ExplainedRows().run(network()))
    finding = next(one for one in found if isinstance(one, Finding))
    assert "They differ in merit (" in finding.message
    alone, section = (one for one in found if isinstance(one, Section))
    assert not any("beside" in one.title for one in alone.views)
    notes = [view.text for view in section.views if "beside" in view.title]
    assert len(notes) == 2
    assert all("They differ in merit (" in one for one in notes)
    assert not any("alike in everything" in one for one in notes)


def test_rows_are_named_by_their_number():
    section = next(one for one in ExplainedRows().run(network()) if isinstance(one, Section))
    assert section.views[0].title.startswith("Typical: audited row ")
    assert "from 0" in section.text


def test_the_story_knows_the_finding_that_tells_how_many_methods_held():
    first = next(iter(Explanations().run(network())))
    assert (first.metric, first.value) == (TRUSTED, len(network().explained.examination.trusted))


def test_many_of_what_is_explained_are_named_in_english():
    assert [several(one) for one in ("patch", "column", "time span")] == [
        "patches",
        "columns",
        "time spans",
    ]
