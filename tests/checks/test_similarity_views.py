"""What similarity, shape and units look like: each kind of result has its pictures."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from auditkit import probing
from auditkit.checks.inside import similarity_views as alike
from auditkit.checks.inside import units_views as single
from auditkit.probing.probes.labels import labels_of
from auditkit.results import Bars, Heatmap, Intervals, Lines, Table


def noise(seed: int, n: int = 60, d: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_a_comparison_is_a_map_and_a_shape_a_line_of_a_table():
    layers = {"stem": noise(0), "head": noise(1)}
    (drawn,) = alike.comparison_views(probing.compare(layers))
    assert isinstance(drawn, Heatmap)
    assert drawn.frame["cka"].iloc[0] == 1
    assert drawn.frame["cka"].round(2).equals(drawn.frame["cka"])
    doubled = {**layers, "dead": np.ones((60, 2))}
    (table,) = alike.geometry_views(probing.geometry(doubled))
    assert isinstance(table, Table)
    assert table.frame["dimension"].iloc[2] == "–"
    assert table.frame["directions used"].iloc[0].startswith("4.")
    assert list(table.frame["rows that coincide"]) == [0, 0, 59]


def test_one_measure_is_a_dot_beside_chance_and_directions_are_curves():
    (dot,) = alike.measured_views(probing.cka(noise(0), noise(1), permutations=9))
    assert isinstance(dot, Intervals)
    assert dot.reference == 0
    (curves,) = alike.canonical_views(probing.cca(noise(0), noise(1)))
    assert isinstance(curves, Lines)
    assert curves.y == ("held out", "in sample", "chance")


def test_units_are_tables_and_gradients_bars():
    x = np.concatenate([noise(0), noise(0)[:, :1]], axis=1)
    (pairs,) = single.pairs_views(probing.duplicates(x))
    assert pairs.text.startswith("1 pairs in all")
    labels = labels_of(np.arange(60) % 2, name="group")
    (known,) = single.selectivity_views(probing.unit_selectivity(x, labels))
    assert "of 6 units differ at all, by chance 0" in known.text
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    rows = torch.from_numpy(noise(0)).float()
    (top,) = single.exciting_views(probing.exciting(model, "1", [0, 1], [rows], k=2))
    assert list(top.frame.columns) == ["unit", "rank", "row", "activation", "times"]
    flow = probing.gradient_flow(
        model,
        [((rows,), torch.zeros(60, dtype=torch.long))],
        lambda out, wanted: F.cross_entropy(out, wanted, reduction="none"),
    )
    (bars,) = single.flow_views(flow)
    assert isinstance(bars, Bars)
    assert list(bars.frame["layer"]) == ["0", "2"]
