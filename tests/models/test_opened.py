"""A predictor's network opened: every medium runs, and its layers are those of a pass."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from auditkit.errors import NotApplicable
from auditkit.models.base import ARCHITECTURES
from auditkit.models.opened import opened
from tests.explaining import network
from tests.learned import learner
from tests.media import TABLES


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_architecture_answers_rows_as_they_are_opened(name):
    subject = learner(name, epochs=1)
    network = opened(subject.predictor, subject.runtime)
    rows = network.rows(subject.frame, np.arange(3))

    with torch.no_grad():
        answers = network.module.eval()(*rows.inputs)

    assert len(answers) == 3
    assert network.layers(subject.frame)


def test_layers_are_the_stages_of_a_pass_in_its_order():
    cnn, text = learner("cnn", epochs=1), learner("encoder", epochs=1)

    assert opened(cnn.predictor, cnn.runtime).layers(cnn.frame) == (
        "stem",
        "stage1",
        "stage2",
        "stage3",
    )
    assert opened(text.predictor, text.runtime).layers(text.frame) == (
        "stack.embedding",
        "stack.blocks.0",
        "stack.norm",
    )


def test_an_embedding_of_places_that_is_never_called_is_no_layer():
    subject = learner("encoder-decoder", epochs=1)

    found = opened(subject.predictor, subject.runtime).layers(subject.frame)

    assert not any("positions" in one for one in found)
    assert {one.split(".")[0] for one in found} == {"reader", "writer"}


def test_what_is_read_and_what_is_written_have_lengths_of_their_own():
    subject = learner("encoder-decoder", epochs=1)
    rows = opened(subject.predictor, subject.runtime).rows(subject.frame, np.arange(20))
    words = subject.frame["word"].iloc[:20]

    assert rows.lengths_of("reader.blocks.0").tolist() == words.str.len().tolist()
    # START and what is written: the end is only said, never read.
    tokens = subject.card.encoder.written(subject.frame.iloc[:20])
    assert rows.lengths_of("writer.norm").tolist() == ((tokens != 0).sum(axis=1) - 1).tolist()


def test_batches_hold_every_row_once_texts_of_like_length_together():
    subject = learner("lstm", epochs=1)
    texts = learner("encoder", epochs=1)
    for one in (subject, texts):
        batches = list(opened(one.predictor, one.runtime).batches(one.frame))
        places = np.concatenate([rows.places for rows in batches])
        assert sorted(places) == list(range(len(one.frame)))
    order = np.concatenate(
        [rows.places for rows in opened(texts.predictor, texts.runtime).batches(texts.frame)]
    )
    assert texts.frame["text"].str.len().iloc[order].is_monotonic_increasing


def test_an_untrained_network_of_the_same_kind_can_be_built():
    subject = learner("gan", epochs=1)
    network = opened(subject.predictor, subject.runtime)

    other = network.built()

    assert type(other) is type(network.module)
    assert [one.shape for one in other.parameters()] == [
        one.shape for one in network.module.parameters()
    ]
    assert ARCHITECTURES["gan"] is not type(other)  # the discriminator alone


def test_a_users_module_is_opened_as_it_is():
    subject = network()
    found = opened(subject.predictor, subject.runtime)

    assert found.built is None
    assert found.rows(subject.frame, np.arange(4)).inputs[0].shape == (4, 5)
    assert found.layers(subject.frame) == ("first",)


def test_a_layer_that_gives_its_numbers_by_name_is_a_layer():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(5, 4)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"out": self.inner(x)}

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = Named(), nn.Linear(4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.first(x)["out"])

    subject = network()
    found = replace(opened(subject.predictor, subject.runtime), module=Whole())
    assert "first" in found.layers(subject.frame)


def test_only_answers_cannot_be_opened():
    with pytest.raises(NotApplicable, match="only the model's answers are known"):
        opened(object(), network().runtime)


def test_opening_leaves_no_hook_and_no_mode_behind():
    subject = network()
    module = subject.predictor.module
    module.train()
    opened(subject.predictor, subject.runtime).layers(subject.frame)

    assert module.training
    assert not any(one._forward_hooks for one in module.modules() if isinstance(one, nn.Module))
    module.eval()
