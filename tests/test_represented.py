"""A sample of rows as the layers hold them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from auditkit import represented
from auditkit.data.schema import Medium
from auditkit.errors import NotApplicable
from auditkit.represented import Represented
from tests.explaining import FEATURES, network
from tests.learned import learner
from tests.media import TABLES, texts
from tests.subjects import gap_of
from tests.subjects import subject as predicted


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_layer_holds_one_vector_of_each_row(name):
    found = learner(name, epochs=1).represented

    for activations in (found.activations, found.untrained):
        assert tuple(activations) == found.layers
        for one in activations.values():
            assert one.ndim == 2
            assert len(one) == len(found.rows) == len(found.input)
            assert torch.isfinite(one).all()
    assert found.activations.keys() == found.untrained.keys()


def test_activations_stand_in_the_order_of_the_rows():
    subject = network()
    found = subject.represented
    weights = subject.predictor.module.first
    rows = torch.tensor(subject.frame[list(FEATURES)].to_numpy(np.float32))
    with torch.no_grad():
        by_hand = weights(rows)

    torch.testing.assert_close(found.activations["first"], by_hand)
    torch.testing.assert_close(found.input, rows)


def test_of_texts_padding_does_not_count():
    subject = learner("encoder", epochs=1)
    found = subject.represented
    whole = found.activations["stack.norm"]
    alone = Represented(
        predictor=subject.predictor,
        table=replace(subject.table, frame=subject.frame.iloc[[7]]),
        runtime=subject.runtime,
    ).activations["stack.norm"]

    torch.testing.assert_close(whole[7:8], alone, rtol=1e-4, atol=1e-5)


def test_the_twin_has_other_weights_and_the_same_for_the_same_seed():
    found = network().represented
    again = replace(found)

    assert not torch.allclose(found.activations["first"], found.untrained["first"])
    torch.testing.assert_close(found.untrained["first"], again.untrained["first"])


def test_target_and_sensitive_columns_are_asked():
    asked = network().represented.asked

    assert list(asked) == ["label", "group"]
    assert asked["group"].labels.levels == ("0", "1")
    assert len(asked["group"].labels) == 600


def test_a_group_of_a_few_rows_is_left_out():
    subject = network()
    frame = subject.frame.assign(group=np.where(np.arange(600) < 5, 7, subject.frame["group"]))
    few = replace(network().represented, table=replace(subject.table, frame=frame))

    one = few.asked["group"]

    assert "7" not in one.labels.levels
    assert len(one.labels) == 595
    assert len(one.of({"input": few.input})["input"]) == 595


def test_rows_of_one_owner_are_known_as_such():
    table = texts(sensitive=True)
    owners = table.frame.assign(who=np.arange(len(table.frame)) // 4)
    subject = learner("encoder", epochs=1)
    found = Represented(
        predictor=subject.predictor,
        table=replace(table, frame=owners, apart="who"),
        runtime=subject.runtime,
    )

    whose = found.asked["liked"].labels.whose

    assert whose is not None
    assert len(np.unique(whose)) == len(owners) // 4


def test_of_many_rows_some_are_drawn_the_same_for_the_same_seed(monkeypatch):
    monkeypatch.setattr(represented, "READ", dict.fromkeys(Medium, 100))
    first, again = (replace(network().represented) for _ in range(2))

    assert len(first.rows) == 100
    assert (first.rows == again.rows).all()
    assert (np.diff(first.rows) > 0).all()
    assert first.activations["first"].shape == (100, 16)


def test_a_model_of_which_only_answers_are_known_has_no_layers():
    with pytest.raises(NotApplicable, match="only the model's answers"):
        _ = predicted(gap_of(0.1)).represented


def test_the_truth_has_the_levels_in_the_order_of_the_answers():
    subject = learner("cnn", epochs=1)
    levels = tuple(reversed(subject.table.schema.target.levels))
    target = replace(subject.table.schema.target, levels=levels)
    table = replace(subject.table, schema=replace(subject.table.schema, target=target))

    truth = replace(subject.represented, table=table).truth

    assert truth.levels == levels  # not by the alphabet
    said = np.asarray(levels)[truth.values]
    assert (said == subject.frame[target.name].to_numpy()).all()


def test_of_a_decision_the_second_level_is_the_positive_one():
    subject = network()
    truth = subject.represented.truth

    assert truth.levels == ("not 1", "1")
    assert (truth.values == subject.frame["label"].astype(int)).all()


def test_a_sensitive_column_that_is_the_target_is_none_to_erase():
    subject = network()
    schema = subject.table.schema
    own = replace(subject.table, schema=schema.with_sensitive([schema.target]))
    both = replace(subject.table, schema=schema.with_sensitive([schema.target, *schema.sensitive]))

    assert replace(subject.represented, table=both).sensitive == ("group",)
    with pytest.raises(NotApplicable, match="the target aside"):
        _ = replace(subject.represented, table=own).sensitive
