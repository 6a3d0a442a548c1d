"""AK606 on small trained networks that write."""

import pandas as pd
import pytest

from auditkit.checks.base import CHECKS
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Lines, Section, Table, TokenScores
from tests.learned import learner


def outcome(name: str) -> tuple[Finding, list[Section]]:
    finding, *sections = CHECKS["lens"]().run(learner(name))
    assert isinstance(finding, Finding)
    return finding, sections


@pytest.mark.parametrize("name", ["decoder", "encoder-decoder"])
def test_the_curves_end_where_the_network_ends(name):
    finding, (formed, heads) = outcome(name)
    settled, bits, grid = formed.views
    assert isinstance(settled, Lines)
    assert settled.frame["logit lens"].iloc[-1] == settled.frame["tuned lens"].iloc[-1] == 1
    assert settled.frame["logit lens"].is_monotonic_increasing
    assert bits.frame["logit lens"].iloc[-1] == bits.frame["tuned lens"].iloc[-1]
    assert isinstance(grid, TokenScores)
    assert grid.frame["layer"].iloc[-1] == "the text"
    assert finding.value == pytest.approx(
        settled.frame["logit lens"][int(settled.frame["logit lens"].ge(0.5).idxmax())], abs=1e-4
    )
    (table,) = heads.views
    assert isinstance(table, Table)
    assert "surely look there three times" in heads.text


def test_it_is_small_and_the_same_twice():
    first, second = outcome("decoder"), outcome("decoder")
    frames = [[one.frame for part in found[1] for one in part.views] for found in (first, second)]
    for one, other in zip(*frames, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert sum(len(one.to_json()) for one in frames[0]) < 8000
    assert first[0] == second[0]


def test_a_network_that_does_not_write_is_not_asked():
    with pytest.raises(NotApplicable, match="turns a text into another"):
        outcome("encoder")
