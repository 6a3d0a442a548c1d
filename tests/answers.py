"""Planted subjects whose model is not yes-or-no: several classes, numbers, texts, language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from auditkit.data.schema import Column, Kind, Schema, Task
from auditkit.data.tables import Table
from auditkit.models.predictor import Ability, Classes, Decisions, Language, Numbers, Outputs, Texts
from auditkit.runtime import Runtime
from auditkit.subject import Subject

LEVELS = ("cat", "dog", "bird")


@dataclass(frozen=True, kw_only=True)
class PlantedModel:
    """A model whose answers are a function of the rows."""

    task: Task
    say: Callable[[pd.DataFrame], Outputs]
    abilities: frozenset[Ability] = frozenset()

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"name": "planted", "kind": "planted"}

    def outputs(self, frame: pd.DataFrame) -> Outputs:
        return self.say(frame)


def told(
    frame: pd.DataFrame,
    schema: Schema,
    task: Task,
    say: Callable[[pd.DataFrame], Outputs],
    *,
    train: pd.DataFrame | None = None,
    abilities: frozenset[Ability] = frozenset(),
) -> Subject:
    """A subject whose model says what `say` makes of the rows."""
    table = Table(frame=frame, schema=schema, name="planted", sha256="0" * 64)
    return Subject(
        predictor=PlantedModel(task=task, say=say, abilities=abilities),
        table=table,
        train=None if train is None else replace(table, frame=train),
        card=None,
        runtime=Runtime(device="cpu"),
    )


def schema_of(target: Column, *features: Column, positive: str | None = None) -> Schema:
    """A schema with the column `group` as the sensitive one."""
    group = Column(name="group", kind=Kind.CATEGORICAL)
    return Schema(target=target, positive=positive, features=features, sensitive=(group,))


def animals(
    n: int = 900, *, right: float = 0.9, unfair: float = 0.0, seed: int = 0, known: bool = False
) -> Subject:
    """Three classes, the model right for a share of the rows, and surer of it than it should be
    where `right` is low; group b loses `unfair` of it. With known, it is right on training rows.
    """
    schema = schema_of(
        Column(name="animal", kind=Kind.CATEGORICAL, levels=LEVELS),
        Column(name="weight", kind=Kind.NUMERIC),
    )
    frame, train = _animals(n, seed), _animals(n, seed + 1)

    def say(rows: pd.DataFrame) -> Classes:
        truth = np.array([LEVELS.index(one) for one in rows["animal"]])
        rng = np.random.default_rng(12)
        share = np.where(rows["group"] == "b", right - unfair, right)
        share = 1.0 if rows is train else share
        wrong = rng.uniform(size=len(rows)) >= share
        said = np.where(wrong, (truth + rng.integers(1, 3, len(rows))) % 3, truth)
        return Classes(probabilities=0.05 + 0.85 * np.eye(3)[said])

    return told(frame, schema, Task.CLASSES, say, train=train if known else None)


def _animals(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    code = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "animal": np.array(LEVELS)[code],
            "weight": 3.0 * code + rng.normal(size=n),
            "group": rng.choice(["a", "b"], size=n),
        }
    )


def prices(
    n: int = 400,
    *,
    noise: float = 0.5,
    known: bool = False,
    blind: bool = False,
    unfair: float = 0.0,
) -> Subject:
    """A number that follows from a feature; the model's own error has this deviation.

    For group b it is larger by the share `unfair`. blind: the model says numbers that have
    nothing to do with the rows. With known, it is without error on training rows.
    """
    schema = schema_of(
        Column(name="price", kind=Kind.NUMERIC), Column(name="size", kind=Kind.NUMERIC)
    )
    frame, train = _prices(n, 0), _prices(n, 1)

    def say(rows: pd.DataFrame) -> Numbers:
        rng = np.random.default_rng(6)
        error = rng.normal(size=len(rows)) * (0.0 if rows is train else noise)
        error = np.where(rows["group"] == "b", (1 + unfair) * error, error)
        return Numbers(values=error if blind else rows["price"].to_numpy() + error)

    return told(frame, schema, Task.NUMBER, say, train=train if known else None)


def _prices(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    group = rng.choice(["a", "b"], size=n)
    return pd.DataFrame(
        {"size": size, "price": 2 * size + 0.3 * rng.normal(size=n), "group": group}
    )


def spellings(n: int = 150, *, right: bool = True, known: bool = True) -> Subject:
    """Words to be written backwards, some twice with a second answer; right, or as they are."""
    schema = schema_of(Column(name="out", kind=Kind.TEXT), Column(name="word", kind=Kind.TEXT))
    frame, train = _words(n, 0), _words(n, 1)

    def say(rows: pd.DataFrame) -> Texts:
        said = [word[::-1] if right else "zzzzzzzzzzzzzz" for word in rows["word"]]
        return Texts(texts=np.array(said, dtype=object))

    return told(frame, schema, Task.TRANSDUCTION, say, train=train if known else None)


def _words(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefgh"), size=rng.integers(3, 9))) for _ in range(n)]
    frame = pd.DataFrame({"word": words, "out": [one[::-1] for one in words], "group": "a"})
    again = frame.iloc[:20].assign(out="x")
    return pd.concat([frame, again], ignore_index=True)


def speeches(n: int = 12, *, bits: float = 1.0, known: bool = True) -> Subject:
    """Texts of which every character costs the model about this many bits."""
    text = Column(name="text", kind=Kind.TEXT)
    schema = schema_of(text, text)
    frame, train = _speeches(n, 0), _speeches(n, 1)

    def say(rows: pd.DataFrame) -> Language:
        characters = rows["text"].str.len().to_numpy()
        each = np.random.default_rng(7).normal(bits, 0.05, len(rows))
        return Language(bits=each * characters, characters=characters, samples=("the sea",))

    return told(frame, schema, Task.LANGUAGE, say, train=train if known else None)


def _speeches(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = ["the ", "sea ", "and ", "a ", "ship ", "sails ", "over ", "it. "]
    texts = ["".join(rng.choice(words, size=rng.integers(80, 200))) for _ in range(n)]
    return pd.DataFrame({"text": texts, "group": "a"})


def pictures(n: int = 240, *, known: bool = True, seed: int = 0) -> Subject:
    """Images that are bright above, below or nowhere; the model guesses."""
    schema = schema_of(
        Column(name="animal", kind=Kind.CATEGORICAL, levels=LEVELS),
        Column(name="image", kind=Kind.IMAGE),
    )

    def rows(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        code = rng.integers(3, size=n)
        cells = rng.integers(0, 60, size=(n, 1, 8, 8)).astype(np.uint8)
        cells[code == 1, :, :4] += 120
        cells[code == 2, :, 4:] += 120
        group = rng.choice(["a", "b"], size=n)
        return pd.DataFrame(
            {"animal": np.array(LEVELS)[code], "image": list(cells), "group": group}
        )

    return told(
        rows(seed), schema, Task.CLASSES, _guessing, train=rows(seed + 1) if known else None
    )


def courses(n: int = 240, *, known: bool = True, seed: int = 0) -> Subject:
    """Sequences of uneven length that rise, fall or stay; the model guesses."""
    schema = schema_of(
        Column(name="animal", kind=Kind.CATEGORICAL, levels=LEVELS),
        Column(name="course", kind=Kind.SEQUENCE),
    )

    def rows(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        code = rng.integers(3, size=n)
        cells = []
        for one in code:
            steps = int(rng.integers(5, 12))
            slope = np.linspace(0, (one - 1) * 4, steps)
            cells.append((slope[:, None] + rng.normal(size=(steps, 2))).astype(np.float32))
        group = rng.choice(["a", "b"], size=n)
        return pd.DataFrame({"animal": np.array(LEVELS)[code], "course": cells, "group": group})

    return told(
        rows(seed), schema, Task.CLASSES, _guessing, train=rows(seed + 1) if known else None
    )


def _guessing(rows: pd.DataFrame) -> Classes:
    return Classes(probabilities=np.random.default_rng(8).dirichlet(np.ones(3), size=len(rows)))


def reviews(n: int = 300, *, known: bool = True, learned: bool = False) -> Subject:
    """Texts that praise or do not, to be decided on; the model knows, or says even odds."""
    schema = schema_of(
        Column(name="liked", kind=Kind.CATEGORICAL, levels=("0", "1")),
        Column(name="text", kind=Kind.TEXT),
        positive="1",
    )

    def rows(seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        liked = rng.integers(2, size=n)
        filler = ["it came", "in blue", "for my sister", "last week", "with a belt"]
        praise = np.where(liked == 1, "lovely fit", "poor cloth")
        texts = [f"{rng.choice(filler)} {one} {rng.choice(filler)}" for one in praise]
        return pd.DataFrame({"liked": liked, "text": texts, "group": rng.choice(["a", "b"], n)})

    def say(given: pd.DataFrame) -> Decisions:
        noise = np.random.default_rng(9).uniform(0.4, 0.6, len(given))
        known_well = np.where(given["liked"] == 1, 0.9, 0.1)
        return Decisions(scores=known_well if learned else noise)

    return told(
        rows(0),
        schema,
        Task.DECISION,
        say,
        train=rows(1) if known else None,
        abilities=frozenset({Ability.SCORES}),
    )
