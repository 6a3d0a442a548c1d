import math

import numpy as np
import pandas as pd
import pytest
import torch

from auditkit.errors import DataError, UsageError
from auditkit.probing.probes.labels import labels_of
from auditkit.probing.probes.sweep import Verdict, sweep
from auditkit.runtime import Runtime


def planted(n: int = 1500, width: int = 16, seed: int = 0):
    """A class in the input's first column; one layer carries it, another does not."""
    draw = torch.manual_seed(seed)
    inputs = torch.randn(n, 5, generator=draw)
    y = (inputs[:, 0] + 0.3 * torch.randn(n, generator=draw) > 0).int().numpy()
    layers = {
        "early": torch.randn(n, width, generator=draw),
        "late": torch.randn(n, width, generator=draw),
    }
    layers["early"][:, 0] += 2 * inputs[:, 0]
    return layers, labels_of(y, name="group"), inputs


def test_a_planted_class_is_found_where_it_is_and_nowhere_else():
    layers, labels, inputs = planted()
    found = sweep(layers, labels, inputs=inputs)
    assert found.best == "early"
    assert found.readable("early").verdict is Verdict.READABLE
    assert found.readable("late").verdict is Verdict.NOT_READABLE
    frame = found.frame.set_index("layer")
    assert frame.loc["early", "selectivity low"] > 0.2
    assert frame.loc["early", "compression"] > 1.3
    assert frame.loc["late", "compression"] == pytest.approx(1, abs=0.05)
    assert frame.loc["early", "control compression"] == pytest.approx(1, abs=0.05)
    assert frame.loc["early", "information low"] > 0.2
    assert frame.loc["early", "control auc"] == pytest.approx(0.5, abs=0.08)


def test_noise_is_called_not_readable_on_19_of_20_seeds():
    verdicts = []
    for seed in range(20):
        layers = {"only": torch.randn(2500, 12, generator=torch.manual_seed(seed))}
        labels = labels_of(np.random.default_rng(seed).integers(2, size=2500))
        found = sweep(layers, labels, controls=2, runtime=Runtime(seed=seed))
        verdicts.append(found.readable("only").verdict)
    assert verdicts.count(Verdict.NOT_READABLE) >= 19


def test_of_many_layers_of_noise_hardly_any_is_called_readable():
    """Six layers each: without a correction every seventh sweep would find one."""
    found = 0
    for seed in range(10):
        draw = torch.manual_seed(seed)
        layers = {f"{i}": torch.randn(120, 4, generator=draw) for i in range(6)}
        labels = labels_of(np.random.default_rng(seed).integers(2, size=120))
        noise = sweep(layers, labels, controls=2, runtime=Runtime(seed=seed))
        found += (noise.frame["verdict"] == "readable").any()
    assert found <= 1


def test_p_values_are_corrected_for_the_layers_by_holm():
    draw = torch.manual_seed(1)
    y = torch.randint(2, (300,), generator=draw)
    layers = {f"{one}": torch.randn(300, 3, generator=draw) for one in range(3)}
    for one in range(3):
        layers[f"{one}"][:, 0] += 0.15 * one * y
    found = sweep(layers, labels_of(y.numpy()))
    raw = [max(found.beyond(name, one).p for one in ("chance", "control")) for name in found.layers]
    order = np.argsort(raw)
    by_hand = np.maximum.accumulate(np.sort(raw) * [3, 2, 1]).clip(max=1)
    assert [found.readable(f"{one}").p for one in order] == pytest.approx(by_hand)


def test_a_weak_class_among_few_rows_is_left_open():
    layers, labels, _ = planted(n=120)
    layers = {"weak": layers["late"]}
    layers["weak"][:, 0] += 0.5 * torch.tensor(labels.values)
    found = sweep(layers, labels).readable("weak")
    assert found.verdict is Verdict.UNSURE
    assert "120 rows do not tell" in found.reason


def test_what_only_the_input_says_is_said_of_the_input_alone():
    layers, labels, inputs = planted()
    found = sweep({"late": layers["late"]}, labels, inputs=inputs)
    assert found.readable("late").verdict is Verdict.NOT_READABLE
    beyond = found.beyond("late", "input").estimate("paired")
    assert beyond.high < -0.3
    assert found.frame["input auc"][0] > 0.9


def test_a_layer_that_says_more_than_input_and_twin_is_surely_above_them():
    """The class is a product of two columns, which no linear reader of the input can see."""
    draw = torch.manual_seed(0)
    inputs = torch.randn(1500, 4, generator=draw)
    labels = labels_of((inputs[:, 0] * inputs[:, 1] > 0).int().numpy())
    layer = torch.cat([inputs, (inputs[:, :1] * inputs[:, 1:2])], dim=1)
    twin = inputs @ torch.randn(4, 6, generator=draw)
    found = sweep({"hidden": layer}, labels, inputs=inputs, untrained={"hidden": twin})
    assert found.readable("hidden").verdict is Verdict.READABLE
    for baseline in ("input", "untrained"):
        assert found.beyond("hidden", baseline).estimate("").low > 0.2
        assert found.adjusted(baseline)["hidden"] < 0.001


def test_a_layer_that_says_the_same_as_the_input_is_not_above_it():
    _, labels, inputs = planted()
    turned = inputs @ torch.linalg.qr(torch.randn(5, 5, generator=torch.manual_seed(1))).Q
    found = sweep({"turned": turned}, labels, inputs=inputs, untrained={"turned": turned})
    estimate = found.beyond("turned", "input").estimate("")
    assert estimate.low < 0 < estimate.high
    assert found.beyond("turned", "untrained").value == 0


def test_a_layer_that_learns_by_heart_is_accurate_and_not_selective():
    """Each of 80 words has a class of its own; the layer knows words, and nothing about them."""
    rng = np.random.default_rng(0)
    words = rng.permutation(np.repeat(np.arange(80), 15))
    labels = labels_of(rng.permutation(np.arange(80) % 2)[words])
    wide = torch.randn(80, 120, generator=torch.manual_seed(0))[words]
    found = sweep({"wide": wide}, labels, types=words)
    row = found.frame.iloc[0]
    assert row["score"] > 0.95
    assert row["control"] > 0.95
    assert abs(row["selectivity"]) < 0.05
    said = found.readable("wide")
    assert said.verdict is Verdict.NOT_READABLE
    assert "its control 1.00" in said.reason


def test_a_layer_that_knows_what_the_class_is_about_is_selective_of_the_same_words():
    rng = np.random.default_rng(0)
    words = rng.permutation(np.repeat(np.arange(80), 15))
    own = rng.permutation(np.arange(80) % 2)
    labels = labels_of(own[words])
    about = torch.randn(80, 10, generator=torch.manual_seed(0))
    about[:, 0] = 4.0 * torch.tensor(own)
    found = sweep({"about": about[words]}, labels, types=words, controls=5)
    assert found.selectivity("about").low > 0.1
    assert found.readable("about").verdict is Verdict.READABLE


def test_what_marks_persons_is_not_read_of_new_persons():
    rng = np.random.default_rng(0)
    whose = np.repeat(np.arange(60), 15)
    own = rng.permutation(np.arange(60) % 2)[whose]
    marks = torch.tensor(rng.normal(size=(60, 8))[whose] + 0.2 * rng.normal(size=(900, 8)))
    grouped = sweep({"marks": marks}, labels_of(own, whose=whose))
    assert grouped.readable("marks").verdict is not Verdict.READABLE
    assert "none of which a probe sees again" in grouped.note
    marks[:, 0] += 5 * torch.tensor(own)
    told = sweep({"marks": marks}, labels_of(own, whose=whose))
    assert told.readable("marks").verdict is Verdict.READABLE
    assert "60 persons" not in told.readable("marks").reason


def test_numbers_are_read_by_what_is_explained():
    layers, _, inputs = planted()
    found = sweep(layers, labels_of(inputs[:, 0].double().numpy(), name="age"), inputs=inputs)
    assert found.measure == "r2"
    assert found.readable("early").verdict is Verdict.READABLE
    assert found.readable("late").verdict is Verdict.NOT_READABLE
    frame = found.frame.set_index("layer")
    assert frame.loc["early", "selectivity"] == pytest.approx(frame.loc["early", "score"], abs=0.05)
    assert math.isnan(frame.loc["early", "compression"])
    assert frame.loc["early", "information"] == pytest.approx(
        -0.5 * math.log2(1 - frame.loc["early", "score"]), abs=0.01
    )


def test_several_classes_are_read_together():
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=800)
    layer = torch.tensor(rng.normal(size=(800, 6)))
    layer[:, :4] += 3 * torch.eye(4)[y]
    found = sweep({"one": layer, "none": torch.tensor(rng.normal(size=(800, 6)))}, labels_of(y))
    assert found.readable("one").verdict is Verdict.READABLE
    assert found.readable("none").verdict is not Verdict.READABLE
    assert found.frame["compression"][0] > 2


def test_a_trace_is_not_called_readable_however_sure_it_is():
    draw = torch.manual_seed(0)
    y = torch.randint(2, (20000,), generator=draw)
    layer = torch.randn(20000, 2, generator=draw)
    layer[:, 0] += 0.07 * y
    found = sweep({"trace": layer}, labels_of(y.numpy()))
    assert found.beyond("trace", "chance").p < 0.01
    assert found.readable("trace").verdict is Verdict.NOT_READABLE


def test_a_seed_settles_everything():
    layers, labels, inputs = planted(n=300)
    first, same = (sweep(layers, labels, inputs=inputs).frame for _ in range(2))
    pd.testing.assert_frame_equal(first, same)
    other = sweep(layers, labels, inputs=inputs, runtime=Runtime(seed=1)).frame
    assert (first["control"] != other["control"]).any()


def test_adding_a_layer_changes_nothing_about_another():
    layers, labels, inputs = planted(n=300)
    alone = sweep({"early": layers["early"]}, labels, inputs=inputs).frame
    both = sweep(layers, labels, inputs=inputs).frame
    same = [one for one in alone if one not in ("p", "verdict", "reason")]
    pd.testing.assert_frame_equal(alone[same], both[same].iloc[:1])
    assert both["p"][0] >= alone["p"][0]


def test_a_twin_that_says_the_same_of_every_row_is_left_out():
    layers, labels, _ = planted(n=300)
    found = sweep(layers, labels, untrained={"early": torch.zeros(300, 4)})
    assert found.beyond("early", "untrained") is None
    assert found.frame["untrained auc"].isna().all()


def test_what_is_wrong_is_said_in_one_sentence():
    layers, labels, _ = planted(n=300)
    found = sweep(layers, labels)
    with pytest.raises(UsageError, match="did you mean 'early'"):
        found.readable("earl")
    with pytest.raises(UsageError, match="no baseline 'twin'"):
        found.beyond("early", "twin")
    with pytest.raises(UsageError, match="a sweep needs a layer"):
        sweep({}, labels)
    with pytest.raises(DataError, match="layer dead: "):
        sweep({"dead": torch.zeros(300, 4)}, labels)
    with pytest.raises(DataError, match="layer early: 200 rows"):
        sweep({"early": layers["early"][:200]}, labels)
