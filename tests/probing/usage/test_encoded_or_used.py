from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.opened import Rows
from auditkit.probing.probes.labels import Labels, labels_of
from auditkit.probing.probes.reading import read_layers
from auditkit.probing.recording import record
from auditkit.probing.usage.answers import truth_of
from auditkit.probing.usage.measured import Attribute, encoded_or_used, encoded_or_used_many
from auditkit.probing.usage.verdicts import LIMITS, Verdict
from auditkit.runtime import Runtime
from tests.carrying import ANSWERS, LAYERS, people, planted, spoken, trained

CORRELATIONS = (0.0, 0.3, 0.6)


def asked(network, rows, **options):
    return encoded_or_used(
        network, rows.columns, rows.attribute, rows.target, layers=LAYERS, **options
    )


@pytest.mark.parametrize("correlation", CORRELATIONS)
@pytest.mark.parametrize("kind", ANSWERS)
def test_what_was_planted_is_said(kind, correlation):
    """Twenty seeds of each are in benchmarks/encoded_or_used.py."""
    said = [asked(planted(kind, seed), people(correlation, seed)).verdict for seed in range(4)]
    assert said == [ANSWERS[kind]] * 4


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_a_network_learned_is_said(kind):
    for seed in range(2):
        network = trained(kind, people(0.3, 100 + seed, n=1000), seed, steps=200)
        assert asked(network, people(0.3, seed)).verdict is ANSWERS[kind]


@pytest.mark.parametrize("pool", ["mean", "max"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_of_steps_as_of_columns(kind, pool):
    rows, network = people(0.3, 0), spoken(kind, 0, pool)
    steps, lengths = rows.steps()
    usage = encoded_or_used(
        network, (steps, lengths), rows.attribute, rows.target, layers="read", lengths=lengths
    )
    assert usage.verdict is ANSWERS[kind]


def test_the_plain_erasure_changes_what_was_never_read_where_it_goes_with_the_target():
    (layer,) = asked(planted("ignores", 0), people(0.6, 0)).layers[-1:]
    assert layer.plain.changed.low > 0.1
    assert layer.given.changed.high < 0.02


def test_few_rows_are_no_evidence():
    said = [asked(planted("ignores", seed), people(0.3, seed, n=80)).verdict for seed in range(4)]
    assert said.count(Verdict.INSUFFICIENT) >= 3
    (one, _) = asked(planted("ignores", 0), people(0.3, 0, n=80)).layers
    assert one.seen == 0.05  # 4 of 80: no smaller share would have counted


def test_rows_of_one_person_count_together():
    """Each row twice: the intervals stay those of the persons, and the verdict too."""
    rows = people(0.3, 0, n=300)
    twice = torch.cat([rows.columns, rows.columns])
    whose = np.tile(np.arange(300), 2)
    target, attribute = (
        labels_of(
            np.tile([one.levels[place] for place in one.values], 2), name=one.name, whose=whose
        )
        for one in (rows.target, rows.attribute)
    )
    doubled = encoded_or_used(planted("uses", 0), twice, attribute, target, layers=LAYERS)
    single = asked(planted("uses", 0), rows)
    for one, other in zip(doubled.layers, single.layers, strict=True):
        for of in (lambda layer: layer.area, lambda layer: layer.given.changed):
            width, plain = of(one).high - of(one).low, of(other).high - of(other).low
            assert width == pytest.approx(plain, rel=0.3)


def test_gaps_shrink_where_the_attribute_was_used():
    (layer,) = asked(planted("uses", 0), people(0.0, 0)).layers[-1:]
    gap = layer.given.gaps["selection rate"]
    assert gap.low < gap.value < gap.high < -0.2


def test_several_groups_classes_and_a_number_as_target():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(900, 8, generator=generator)
    groups = np.arange(900) % 3
    x[:, :3] += 2.0 * torch.eye(3)[torch.from_numpy(groups)]
    attribute = labels_of(groups, name="group")
    classes = labels_of(x[:, 3:6].argmax(dim=1).numpy(), name="kind")
    number = labels_of(x[:, 3].double().numpy(), name="wage")
    for fair, verdict in ((True, Verdict.NOT_USED), (False, Verdict.USED)):
        head = nn.Linear(8, 3)
        with torch.no_grad():
            head.weight.zero_()
            head.weight[:, 3:6] = torch.eye(3)
            head.weight[:, :3] = 0.0 if fair else torch.eye(3)
            head.bias.zero_()
        network = nn.Sequential(nn.Identity(), head)
        many = encoded_or_used(network, x, attribute, classes, layers="0")
        one = encoded_or_used(
            network, x, attribute, number, layers="0", logits=lambda out: out[:, 0]
        )
        assert (many.verdict, one.verdict) == (verdict, verdict)
        assert many.layers[0].given.pairs == 9
        assert set(one.layers[0].given.gaps) == {"mean answer", "mean error"}
        assert " sd [" in one.sentence


def test_a_number_as_attribute():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(800, 6, generator=generator)
    age = labels_of(x[:, 0].double().numpy() + 0.1, name="age")
    target = labels_of((x[:, 1] > 0).int().numpy(), name="yes")
    for weight, verdict in ((0.0, Verdict.NOT_USED), (0.5, Verdict.USED)):
        head = nn.Linear(6, 1)
        with torch.no_grad():
            head.weight.copy_(torch.tensor([[weight, 1, 0, 0, 0, 0]]))
            head.bias.zero_()
        usage = encoded_or_used(nn.Sequential(nn.Identity(), head), x, age, target, layers="0")
        assert usage.verdict is verdict


def test_the_sentence_says_what_the_verdict_rests_on_and_the_frame_has_a_row_a_layer():
    usage = asked(planted("uses", 0), people(0.3, 0))
    said = usage.sentence
    assert said.startswith("sex: readable and used. It can be read from ")
    assert "(AUC 0.9" in said
    assert "among rows with the same merit" in said
    assert "of the decisions change and answers lean on it by" in said
    assert "directions drawn at random change" in said
    assert usage.frame["layer"].tolist() == list(LAYERS)
    assert usage.frame["verdict"].tolist() == ["readable and used"] * 2
    assert usage.limits == LIMITS
    silent = asked(planted("lacks", 0), people(0.3, 0))
    said = silent.sentence
    assert said.startswith("sex: not readable. Beyond what merit tells, no layer gives it away (at")


def test_it_comes_out_the_same_twice_and_leaves_the_model_as_it_came():
    network, rows = trained("uses", people(0.3, 9), 0, steps=20).train(), people(0.3, 0, n=300)
    before = {name: one.clone() for name, one in network.state_dict().items()}
    first, second = asked(network, rows), asked(network, rows)
    assert first.frame.equals(second.frame)
    assert network.training
    assert all(one.training for one in network)
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
    assert not any(one._forward_hooks or "forward" in vars(one) for one in network.modules())
    assert all(one.requires_grad and one.grad is not None for one in network.parameters())


def test_batches_and_their_order_change_nothing_but_rounding():
    network, rows = planted("uses", 0), people(0.3, 0, n=300)
    whole = asked(network, rows)
    small = asked(network, rows, runtime=Runtime(batch_size=64))
    order = np.random.default_rng(0).permutation(300)
    shuffled = encoded_or_used(
        network,
        [Rows(places=part, inputs=(rows.columns[part],)) for part in np.array_split(order, 3)],
        rows.attribute,
        rows.target,
        layers=LAYERS,
    )
    for other in (small, shuffled):
        assert other.frame.select_dtypes("number").to_numpy() == pytest.approx(
            whole.frame.select_dtypes("number").to_numpy(), abs=1e-4
        )


def test_several_attributes_at_once_and_rows_without_a_label():
    network, rows = planted("uses", 0), people(0.3, 0, n=600)
    places = np.flatnonzero(np.arange(600) % 5 > 0)
    coin = labels_of(np.random.default_rng(0).integers(2, size=600), name="coin")
    sex = rows.attribute.at(places)
    found = encoded_or_used_many(
        network,
        [Rows(places=np.arange(600), inputs=(rows.columns,))],
        [sex, coin],
        rows.target,
        layers=LAYERS,
        places={"sex": places},
    )
    assert found["sex"].verdict is Verdict.USED
    assert found["coin"].verdict is Verdict.NOT_READABLE


def test_a_row_without_a_label_has_the_mean_of_its_class_of_the_target():
    truth = truth_of(labels_of([0] * 10 + [1] * 10), 20, None, None)
    labels = Labels(name="sex", values=np.array([1, 1, 0, 1, 0]), levels=("man", "woman"))
    places = np.array([0, 1, 2, 10, 11])
    concepts = Attribute(labels, truth, places).concepts[:, 0]
    assert concepts[places].tolist() == [1, 1, 0, 1, 0]
    assert concepts[3:10] == pytest.approx(2 / 3)
    assert concepts[12:] == pytest.approx(1 / 2)


def test_what_erasers_do_is_measured_on_rows_they_were_not_fitted_on():
    """Nothing is there to be erased: what was fitted is chance, and does not go on other rows."""
    undone = [
        asked(planted("lacks", seed), people(0.0, seed, n=300)).layers[0].undone for seed in (0, 1)
    ]
    assert max(undone) < 0.7


def test_readings_that_are_given_are_taken():
    network, rows = planted("uses", 0), people(0.3, 0, n=300)
    with torch.no_grad(), record(network, LAYERS) as seen:
        network(rows.columns)
    readings = read_layers(dict(seen), rows.attribute)
    usage = asked(network, rows, readings=readings)
    assert usage.layers[0].reading is readings[LAYERS[0]]
    few = {name: replace(one, said=one.said[:100]) for name, one in readings.items()}
    with pytest.raises(DataError, match="reading of sex has 100 rows for 300 labels"):
        asked(network, rows, readings=few)


def test_bad_input_is_said_in_one_sentence():
    network, rows = planted("uses", 0), people(0.3, 0, n=100)
    wrong = Labels(name="sex", values=np.zeros(99, dtype=np.int64), levels=("a", "b"))
    with pytest.raises(DataError, match="99 labels of sex for 100 rows"):
        encoded_or_used(network, rows.columns, wrong, rows.target, layers=LAYERS)
    with pytest.raises(UsageError, match="no layer 'hidden'"):
        encoded_or_used(network, rows.columns, rows.attribute, rows.target, layers="hidden")
    with pytest.raises(UsageError, match="no level 'yes' of merit"):
        asked(network, rows, positive="yes")
    with pytest.raises(ModelError, match=r"gives 4 numbers a row and merit is 2 classes"):
        asked(network, rows, logits=lambda out: out[:, None].repeat(1, 4))
    with pytest.raises(ModelError, match="for 100 rows: give logits="):
        asked(network, rows, logits=lambda out: out.sum())
    with pytest.raises(UsageError, match="no layer that a sweep would look at"):
        encoded_or_used(nn.Linear(12, 1), rows.columns, rows.attribute, rows.target)
    twice = nn.Sequential(network[0], network[1], network[1], network[2], network[4], network[5])
    with pytest.raises(ModelError, match=r"layer '1' is called"):
        encoded_or_used(twice, rows.columns, rows.attribute, rows.target, layers="1")


def test_the_sentence_says_why_it_is_used_where_random_directions_change_more():
    usage = asked(planted("uses", 0), people(0.3, 0))
    assert "more changes by chance" not in usage.sentence
    layers = tuple(replace(one, random=replace(one.random, value=0.9)) for one in usage.layers)
    told = replace(usage, layers=layers).sentence
    assert told.endswith("more changes by chance, yet the lean stays, which is what tells use")
