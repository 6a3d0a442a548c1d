import numpy as np
import torch

from auditkit.checks.inside.sweep_views import lines_of, sweep_views, table_of
from auditkit.probing.probes.labels import labels_of
from auditkit.probing.probes.sweep import Sweep, sweep
from auditkit.results import Lines, Table


def swept(*, numbers: bool = False, baselines: bool = True) -> Sweep:
    draw = torch.manual_seed(0)
    inputs = torch.randn(1000, 4, generator=draw)
    values = inputs[:, 0].double().numpy()
    labels = labels_of(values if numbers else (values > 0).astype(int), name="age")
    layers = {"one": inputs.clone(), "two": torch.randn(1000, 4, generator=draw)}
    more = {"untrained": dict(layers), "inputs": inputs} if baselines else {}
    return sweep(layers, labels, controls=4, **more)


def test_a_sweep_is_curves_and_a_table():
    lines, table = sweep_views(swept())
    assert isinstance(lines, Lines)
    assert isinstance(table, Table)
    assert lines.y == ("the layer", "its control", "untrained twin", "the input", "chance")
    assert lines.frame["chance"].tolist() == [0.5, 0.5]
    assert lines.frame["the layer"][0] > 0.9
    assert table.frame["found"].tolist()[0] == "readable"
    assert table.frame["compression"][0] > 2


def test_what_was_not_given_has_no_line():
    lines = lines_of(swept(baselines=False))
    assert lines.y == ("the layer", "its control", "chance")


def test_numbers_are_drawn_by_what_is_explained_and_have_no_compression():
    found = swept(numbers=True)
    lines = lines_of(found)
    assert "R squared" in lines.text
    assert lines.frame["chance"].tolist() == [0, 0]
    assert np.isclose(lines.frame["the layer"][0], found.frame["score"][0], atol=0.001)
    assert "compression" not in table_of(found).frame
