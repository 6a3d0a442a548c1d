"""Planted models that rank: users with items, ratings and what the model says of them."""

import numpy as np
import pandas as pd

from auditkit.data.schema import Column, Kind, Schema, Task
from auditkit.data.tables import Table
from auditkit.models.predictor import Numbers
from auditkit.runtime import Runtime
from auditkit.subject import Subject
from tests.answers import PlantedModel


def ratings(seed: int, *, users: int = 120, items: int = 90) -> pd.DataFrame:
    """Each user of one of two groups rates 18 items, low numbers more often than high ones."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), 18)
    item = (items * rng.beta(1, 2.5, size=len(user))).astype(int)
    rating = np.clip(np.round(3 + rng.normal(size=len(user))), 1, 5)
    return pd.DataFrame(
        {
            "user": user.astype(str),
            "item": item.astype(str),
            "rating": rating,
            "group": np.where(user % 3 == 0, "b", "a"),
            "number": item.astype(float),
        }
    )


def recommender(
    *, blind: bool = False, loss: float = 0.0, push: float = 0.0, known: bool = True
) -> Subject:
    """A model whose scores are the ratings and noise; group b has `loss` times more of it.

    push adds to the scores of items that are often rated; blind scores have nothing to do with
    the ratings.
    """
    schema = Schema(
        target=Column(name="rating", kind=Kind.NUMERIC),
        positive=None,
        features=(Column(name="number", kind=Kind.NUMERIC),),
        sensitive=(Column(name="group", kind=Kind.CATEGORICAL),),
    )

    def say(rows: pd.DataFrame) -> Numbers:
        rng = np.random.default_rng(9)
        noise = rng.normal(size=len(rows)) * np.where(rows["group"] == "b", 1 + loss, 1.0)
        common = push * (rows["number"].to_numpy() < 15)
        return Numbers(values=noise + (0 if blind else rows["rating"].to_numpy() + common))

    table = Table(frame=ratings(0), schema=schema, name="planted", sha256="0" * 64, apart="user")
    train = Table(frame=ratings(1), schema=schema, name="planted", sha256="0" * 64, apart="user")
    return Subject(
        predictor=PlantedModel(task=Task.NUMBER, say=say),
        table=table,
        train=train if known else None,
        card=None,
        runtime=Runtime(device="cpu"),
    )
