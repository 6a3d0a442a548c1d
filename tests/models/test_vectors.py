"""Word vectors of our own networks: the rows of their embedding layer."""

import numpy as np
import pytest
import torch

from auditkit.data.encoders import Coding, fit_encoder
from auditkit.data.schema import Task
from auditkit.errors import NotApplicable
from auditkit.models.base import ARCHITECTURES
from auditkit.models.card import Head
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.files import load, save
from auditkit.models.predictor import WordVectors
from auditkit.models.vectors import word_vectors
from auditkit.runtime import Runtime
from tests.media import SMALL, texts, trained


def built(name: str, units: str) -> tuple[torch.nn.Module, object]:
    """An untrained network of texts, and its encoder."""
    table = texts(60)
    coding = Coding(units=units, vocabulary=400, longest=24)  # type: ignore[arg-type]
    task = Task.LANGUAGE if name == "decoder" else Task.DECISION
    encoder = fit_encoder(table.frame, table.schema, task, coding)
    kind = ARCHITECTURES[name]
    return kind.build(encoder, Head(task=task), kind.Options(**SMALL[name])), encoder


@pytest.mark.parametrize("name", ["encoder", "gru", "lstm"])
def test_a_word_of_one_piece_has_the_row_of_its_token(name: str) -> None:
    model, encoder = built(name, "pieces")
    (token,) = encoder.tokens(["coat"])[0]
    vectors, pieces = word_vectors(model, encoder, ["coat", "COAT", "coatcoat"])
    table = next(one for one in model.modules() if isinstance(one, torch.nn.Embedding)).weight
    assert vectors[0] == pytest.approx(table[int(token)].detach().numpy())
    assert (vectors[0] == vectors[1]).all()  # letters are made small
    assert pieces[:2].tolist() == [1, 1]
    assert pieces[2] > 1


def test_a_word_of_several_pieces_has_their_mean() -> None:
    model, encoder = built("encoder", "pieces")
    tokens = encoder.tokens(["coatcoat"])[0]
    vectors, pieces = word_vectors(model, encoder, ["coatcoat"])
    table = model.stack.embedding.weight.detach().numpy()
    assert pieces[0] == len(tokens) > 1
    assert vectors[0] == pytest.approx(table[tokens].mean(axis=0), abs=1e-7)


def test_a_word_that_cannot_be_spelled_has_no_vector() -> None:
    model, encoder = built("encoder", "pieces")
    vectors, pieces = word_vectors(model, encoder, ["coat", "日本"])
    assert pieces.tolist() == [1, 0]
    assert np.isnan(vectors[1]).all()
    assert np.isfinite(vectors[0]).all()


def test_of_bytes_a_word_begins_with_its_blank() -> None:
    model, encoder = built("decoder", "bytes")
    vectors, pieces = word_vectors(model, encoder, ["good"])
    tokens = encoder.tokens([" good"])[0]
    assert pieces[0] == len(tokens)
    table = model.stack.embedding.weight.detach().numpy()
    assert vectors[0] == pytest.approx(table[tokens].mean(axis=0), abs=1e-7)


def test_letters_and_tables_have_no_words() -> None:
    with pytest.raises(NotApplicable, match="letter by letter"):
        word_vectors(*built("gru", "characters"), ["coat"])
    with pytest.raises(NotApplicable, match="reads no text"):
        word_vectors(torch.nn.Linear(2, 2), object(), ["coat"])


def test_a_checkpoint_shows_its_words(tmp_path) -> None:
    network, card = trained("gru", table=texts(60))
    checkpoint = load(save(tmp_path / "gru", network, card))
    model = CheckpointModel(checkpoint=checkpoint, runtime=Runtime(device="cpu"), name="gru")
    assert isinstance(model, WordVectors)
    with pytest.raises(NotApplicable, match="letter by letter"):
        model.word_vectors(["coat"])
