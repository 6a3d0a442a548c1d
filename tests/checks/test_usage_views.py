import numpy as np
import pytest
import torch
from torch import nn

from auditkit.checks.inside.usage_views import usage_views
from auditkit.probing.probes.labels import labels_of
from auditkit.probing.usage.measured import encoded_or_used
from tests.carrying import LAYERS, people, planted


def test_two_curves_over_the_layers_and_the_verdict_of_each():
    rows = people(0.3, 0, n=400)
    usage = encoded_or_used(
        planted("uses", 0), rows.columns, rows.attribute, rows.target, layers=LAYERS
    )
    read, changed, table = usage_views(usage)
    assert list(read.frame) == ["layer", "read", "given merit", "chance"]
    assert read.frame["layer"].tolist() == list(LAYERS)
    drawn = changed.frame[["given the target", "plainly", "random direction"]].to_numpy()
    wanted = [
        [one.given.changed.value, one.plain.changed.value, one.random.value] for one in usage.layers
    ]
    assert drawn == pytest.approx(np.array(wanted), abs=5e-4)
    assert table.frame["verdict"].tolist() == ["readable and used"] * 2
    assert {"selection gap", "true positive gap", "accuracy"} <= set(table.frame)


def test_numbers_are_told_in_standard_deviations():
    x = torch.randn(400, 4, generator=torch.Generator().manual_seed(0))
    age = labels_of(x[:, 0].double().numpy(), name="age")
    wage = labels_of(x[:, 1].double().numpy(), name="wage")
    network = nn.Sequential(nn.Identity(), nn.Linear(4, 1))
    read, changed, table = usage_views(encoded_or_used(network, x, age, wage, layers="0"))
    assert read.y == ("given wage", "chance")
    assert changed.title.startswith("Answers moved, in standard deviations,")
    assert table.shares == ()
