"""Small planted tables of every medium: what a network should learn of each is known."""

import numpy as np
import pandas as pd

from auditkit.data.encoders import Coding
from auditkit.data.planted import planted
from auditkit.data.schema import Column, Kind, Schema
from auditkit.data.tables import Table
from auditkit.models.base import ARCHITECTURES
from auditkit.models.card import Card, DataSource
from auditkit.models.recipe import Engine, Recipe
from auditkit.models.train import Plan, Trained, train
from auditkit.runtime import Runtime

SOURCE = DataSource(
    name="planted", sha256="0" * 64, catalogue=False, test_fraction=0.25, split_seed=0
)
CODING = Coding(bins=8, units="characters", vocabulary=60, longest=24, written_longest=24)
SMALL = {
    "fnn": {"width": 32, "embedding": 4},
    "cnn": {"width": 4},
    "rnn": {"width": 8, "embedding": 8},
    "lstm": {"width": 8, "embedding": 8},
    "gru": {"width": 8, "embedding": 8},
    "encoder": {"width": 16, "depth": 1, "heads": 2},
    "decoder": {"width": 16, "depth": 1, "heads": 2},
    "encoder-decoder": {"width": 16, "depth": 1, "heads": 2},
    "gan": {"width": 4, "latent": 8},
    "dcgan": {"width": 4, "latent": 8},
}


def rows(n: int = 800) -> Table:
    """Decisions about people, with a group; nine labels in ten follow from merit."""
    made = planted(n, gap=0.2, rng=np.random.default_rng(0))
    return _table(made.frame, made.schema)


def images(n: int = 240, *, side: int = 8) -> Table:
    """Pictures whose left, right or middle is bright: three classes."""
    rng = np.random.default_rng(1)
    label = rng.integers(3, size=n)
    pixels = rng.integers(60, size=(n, 1, side, side), dtype=np.uint8)
    third = side // 3
    for row, place in enumerate(label):
        pixels[row, :, :, place * third : (place + 1) * third] += 180
    frame = pd.DataFrame({"image": list(pixels), "side": np.array(["l", "m", "r"])[label]})
    return _table(frame, _schema("image", Kind.IMAGE, "side", ("l", "m", "r")))


def sequences(n: int = 240) -> Table:
    """Two channels of 3 to 9 steps; the class is the channel that rises."""
    rng = np.random.default_rng(2)
    label = rng.integers(2, size=n)
    cells = []
    for place in label:
        steps = int(rng.integers(3, 10))
        cell = rng.normal(scale=0.3, size=(steps, 2)).astype(np.float32)
        cell[:, place] += np.linspace(0, 2, steps, dtype=np.float32)
        cells.append(cell)
    frame = pd.DataFrame({"signal": pd.Series(cells, dtype=object), "channel": label.astype(str)})
    return _table(frame, _schema("signal", Kind.SEQUENCE, "channel", ("0", "1")))


def texts(n: int = 240, *, sensitive: bool = False) -> Table:
    """Short texts that hold "good" or "bad": a decision."""
    rng = np.random.default_rng(3)
    label = rng.integers(2, size=n)
    words = np.array(["coat", "hat", "shoe", "belt"])
    text = [
        f"a {'good' if one else 'bad'} {words[rng.integers(4)]} {i % 7}"
        for i, one in enumerate(label)
    ]
    frame = pd.DataFrame({"text": text, "liked": label.astype(str), "age": 20 + np.arange(n) % 40})
    schema = _schema("text", Kind.TEXT, "liked", ("0", "1"), positive="1")
    if sensitive:
        age = Column(name="age", kind=Kind.NUMERIC, bands=(40,))
        schema = schema.with_sensitive([age])
    return _table(frame, schema)


def speeches(n: int = 12) -> Table:
    """Texts to be continued: the alphabet over and over."""
    alphabet = "abcdefghij "
    frame = pd.DataFrame({"text": [alphabet[i:] + alphabet * 12 for i in range(n)]})
    text = Column(name="text", kind=Kind.TEXT)
    return _table(frame, Schema(target=text, positive=None, features=(text,), sensitive=()))


def pairs(n: int = 300) -> Table:
    """Words and the same letters apart: "abc" is to be written "A B C"."""
    rng = np.random.default_rng(4)
    words = ["".join(rng.choice(list("abcde"), size=rng.integers(2, 6))) for _ in range(n)]
    frame = pd.DataFrame({"word": words, "spelled": [" ".join(one.upper()) for one in words]})
    schema = Schema(
        target=Column(name="spelled", kind=Kind.TEXT),
        positive=None,
        features=(Column(name="word", kind=Kind.TEXT),),
        sensitive=(),
    )
    return Table(frame=frame, schema=schema, name="planted", sha256="0" * 64, apart="word")


TABLES = {
    "fnn": rows,
    "cnn": images,
    "rnn": sequences,
    "lstm": sequences,
    "gru": sequences,
    "encoder": texts,
    "decoder": speeches,
    "encoder-decoder": pairs,
    "gan": images,
    "dcgan": images,
}


def plan(name: str, recipe: Recipe | None = None, **options: object) -> Plan:
    """A small network of this architecture, to be trained for an epoch unless told."""
    return Plan(
        architecture=name,
        options=ARCHITECTURES[name].Options(**{**SMALL[name], **options}),
        recipe=recipe or Recipe(epochs=1, batch_size=64),
        coding=CODING,
        engine=Engine(),
    )


def trained(
    name: str = "fnn",
    recipe: Recipe | None = None,
    *,
    table: Table | None = None,
    seed: int = 0,
    device: str = "cpu",
    **options: object,
) -> Trained:
    """A small trained network and its card."""
    return train(
        plan(name, recipe, **options),
        table or TABLES[name](),
        source=SOURCE,
        runtime=Runtime(seed=seed, device=device),
    )


def card_of(name: str) -> Card:
    """The card of such a training."""
    return trained(name)[1]


def _schema(
    feature: str, kind: Kind, target: str, levels: tuple[str, ...], positive: str | None = None
) -> Schema:
    return Schema(
        target=Column(name=target, kind=Kind.CATEGORICAL, levels=levels),
        positive=positive,
        features=(Column(name=feature, kind=kind),),
        sensitive=(),
    )


def _table(frame: pd.DataFrame, schema: Schema) -> Table:
    return Table(frame=frame, schema=schema, name="planted", sha256="0" * 64)
