"""Planted models of texts whose prejudice is known: word vectors, and costs of sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from auditkit.bias.words.pair_templates import own_pairs
from auditkit.bias.words.word_lists import TESTS
from auditkit.data.schema import Column, Kind, Schema, Task
from auditkit.models.predictor import Decisions, Language
from auditkit.subject import Subject
from tests.answers import PlantedModel, told


@dataclass(frozen=True, kw_only=True)
class Reader(PlantedModel):
    """Attributes lie at two ends, targets by `towards` from the middle, X the way of A."""

    towards: float
    known: bool = True

    def word_vectors(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(5)
        noise = {
            word: rng.normal(size=40) / np.sqrt(40)
            for test in TESTS.values()
            for word in test.words
        }
        tests = TESTS.values()
        side = {word: 2.0 for test in tests for word in test.a}
        side |= {word: -2.0 for test in tests for word in test.b}
        side |= {word: self.towards for test in tests for word in test.x}
        side |= {word: -self.towards for test in tests for word in test.y}
        ahead = np.eye(40)[0]
        vectors = [noise.get(word, ahead) + side.get(word, 0.0) * ahead for word in words]
        return np.array(vectors), np.full(len(words), 1 if self.known else 2)


def reader(*, towards: float, known: bool = True) -> Subject:
    """A model that decides about texts; its vectors lie as the stereotypes say by `towards`."""
    schema = Schema(
        target=Column(name="liked", kind=Kind.CATEGORICAL, levels=("0", "1")),
        positive="1",
        features=(Column(name="text", kind=Kind.TEXT),),
        sensitive=(),
    )
    frame = pd.DataFrame({"text": ["good", "bad"] * 20, "liked": ["1", "0"] * 20})

    def say(rows: pd.DataFrame) -> Decisions:
        return Decisions(scores=np.full(len(rows), 0.5))

    made = told(frame, schema, Task.DECISION, say)
    planted = Reader(task=Task.DECISION, say=say, towards=towards, known=known)
    return Subject(**{**made.__dict__, "predictor": planted})


def speaker(*, expects: float) -> Subject:
    """A model of language: of our own pairs this share is cheaper in the stereotyped sentence."""
    text = Column(name="text", kind=Kind.TEXT)
    schema = Schema(target=text, positive=None, features=(text,), sensitive=())
    pairs = own_pairs()
    chosen = pairs["set"].astype(int) < expects * pairs["set"].nunique()
    cheap = {*pairs["more"][chosen], *pairs["less"][~chosen]}

    def say(rows: pd.DataFrame) -> Language:
        said = rows["text"].tolist()
        bits = [10.0 + (_arbitrary(one) % 7) - 9.0 * (one in cheap) for one in said]
        return Language(bits=np.array(bits), characters=np.array([len(one) for one in said]))

    return told(pd.DataFrame({"text": ["some words to read"] * 3}), schema, Task.LANGUAGE, say)


def _arbitrary(text: str) -> int:
    """A number that has nothing to do with what a text means."""
    return sum(ord(letter) * place for place, letter in enumerate(text))
