"""AK603 on small networks."""

import pandas as pd
import pytest
import torch

from auditkit.checks.base import CHECKS
from auditkit.errors import NotApplicable
from auditkit.models.checkpoint import CheckpointModel
from auditkit.results import Bars, Finding, Section, Status, Table
from auditkit.subject import Subject
from tests.explaining import network
from tests.learned import learner

KNOWS, BLIND = (3.0, 2.0, 1.0, 0.0, 0.0), (0.0, 2.0, 1.0, 0.0, 0.0)


def outcome(made: Subject, **limits: float) -> tuple[list[Finding], list[Section]]:
    found = list(CHECKS["units"](**limits).run(made))
    return (
        [one for one in found if isinstance(one, Finding)],
        [one for one in found if isinstance(one, Section)],
    )


def of_metric(findings: list[Finding], metric: str) -> Finding:
    (found,) = [one for one in findings if one.metric.startswith(metric)]
    return found


def test_a_network_that_carries_the_group_has_units_that_know_it_and_a_blind_one_has_none():
    knows = of_metric(outcome(network(KNOWS))[0], "AUC")
    blind = of_metric(outcome(network(BLIND))[0], "AUC")
    assert knows.interval[0] > 0.75
    assert blind.interval[0] < 0.5 < blind.interval[1]
    assert "of 16 units single out a group of group, untrained" in knows.message
    assert "0 of 16 units" in blind.message
    assert "less than a unit did before the network was trained" in blind.message
    assert knows.where["column"] == "group"


def test_a_table_says_how_many_differ_beside_chance():
    for weights, known in ((KNOWS, 16), (BLIND, 0)):
        table = outcome(network(weights))[1][1].views[0].frame.set_index("column")
        assert table["differ at all"]["group"] == known
        assert table["by chance"]["group"] == 1


def test_limits_decide():
    findings, _ = outcome(network(KNOWS), max_auc=0.75, max_doubled=0.1)
    assert of_metric(findings, "AUC").status is Status.FAILED
    assert of_metric(findings, "share of doubled").status is Status.FAILED
    findings, _ = outcome(network(BLIND), max_auc=0.75, max_doubled=1.0)
    assert {one.status for one in findings} == {Status.PASSED}


def test_dead_units_are_counted_by_activation_and_gradients_followed():
    findings, sections = outcome(learner("fnn"), max_dead=0.99)
    dead = of_metric(findings, "share of dead")
    assert dead.status is Status.PASSED
    assert 0 <= dead.value < 0.99
    flow = of_metric(findings, "gradient")
    assert "it reaches all layers" in flow.message
    (bars,) = sections[-1].views
    assert isinstance(bars, Bars)
    assert (bars.frame["gradient"] > 0).all()


def test_a_layer_whose_units_all_sleep_is_named():
    made = learner("fnn", epochs=2)
    predictor = made.predictor
    assert isinstance(predictor, CheckpointModel)
    model = predictor.checkpoint.model
    asleep = next(one for one in model.hidden if isinstance(one, torch.nn.Linear))
    kept = asleep.bias.detach().clone()
    try:
        with torch.no_grad():
            asleep.bias.fill_(-1e4)
        dead = of_metric(outcome(Subject(**_fields(made)))[0], "share of dead")
    finally:
        with torch.no_grad():
            asleep.bias.copy_(kept)
    assert dead.value >= 0.3


def _fields(made: Subject) -> dict[str, object]:
    """A subject of the same parts that has answered nothing yet."""
    names = ("predictor", "table", "train", "card", "runtime")
    return {name: getattr(made, name) for name in names}


@pytest.mark.parametrize("name", ["lstm", "cnn", "gan"])
def test_other_media_are_asked_too(name: str):
    findings, sections = outcome(learner(name))
    assert of_metric(findings, "share of doubled").n > 0
    assert isinstance(sections[0].views[-1], Table)


def test_of_few_rows_nothing_is_said():
    with pytest.raises(NotApplicable, match="3 rows are too few"):
        outcome(learner("decoder"))


def test_it_comes_out_the_same_twice_and_small():
    first, second = (outcome(Subject(**_fields(learner("fnn")))) for _ in range(2))
    assert [one.message for one in first[0]] == [one.message for one in second[0]]
    frames = [[one.frame for part in found[1] for one in part.views] for found in (first, second)]
    for one, other in zip(*frames, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert sum(len(one.to_json()) for one in frames[0]) < 6000
