"""Planted subjects that can be asked again: tables with a sensitive feature, texts about people."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from auditkit.data.schema import Column, Kind, Schema, Task
from auditkit.models.predictor import Ability, Classes, Decisions, Numbers, Outputs
from auditkit.subject import Subject
from tests.answers import told

Score = Callable[[pd.DataFrame], np.ndarray]
ASKED = frozenset({Ability.ANY_BATCH, Ability.SCORES})


def people(n: int = 600, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "group": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]),
            "age": rng.integers(20, 80, n),
            "merit": rng.normal(size=n),
            "label": rng.integers(2, size=n).astype(str),
        }
    )


def by_merit(frame: pd.DataFrame) -> np.ndarray:
    return 1 / (1 + np.exp(-frame["merit"].to_numpy()))


def by_group(frame: pd.DataFrame) -> np.ndarray:
    return np.where(frame["group"] == "a", 0.9, 0.1)


def deciding(
    score: Score = by_merit,
    *,
    task: Task = Task.DECISION,
    features: tuple[str, ...] = ("group", "age", "merit"),
    frame: pd.DataFrame | None = None,
    asked: bool = True,
) -> Subject:
    """A model whose score, class or number is a function of the row; group and age sensitive."""
    group = Column(name="group", kind=Kind.CATEGORICAL)
    columns = {
        "group": group,
        "age": Column(name="age", kind=Kind.NUMERIC, bands=(40, 60)),
        "merit": Column(name="merit", kind=Kind.NUMERIC),
    }
    kind = Kind.NUMERIC if task is Task.NUMBER else Kind.CATEGORICAL
    schema = Schema(
        target=Column(name="label", kind=kind, levels=("0", "1")),
        positive="1" if task is Task.DECISION else None,
        features=tuple(columns[name] for name in features),
        sensitive=(group, columns["age"]),
    )

    def say(rows: pd.DataFrame) -> Outputs:
        said = score(rows)
        match task:
            case Task.DECISION:
                return Decisions(scores=said)
            case Task.CLASSES:
                return Classes(probabilities=np.stack([1 - said, said], axis=1))
        return Numbers(values=100 * said)

    made = people() if frame is None else frame
    made = made.assign(label=made["label"].astype(float)) if task is Task.NUMBER else made
    return told(made, schema, task, say, abilities=ASKED if asked else frozenset())


def reading(
    lean: float = 0.0, *, n: int = 300, texts: list[str] | None = None, task: Task = Task.DECISION
) -> Subject:
    """A model of texts that praise or blame; one that speaks of women scores `lean` lower."""
    rng = np.random.default_rng(1)
    who = rng.choice(["My husband", "My wife", "It"], n)
    words = rng.choice(["loved it", "sent it back"], n)
    made = [f"{one} {two} last week." for one, two in zip(who, words, strict=True)]
    frame = pd.DataFrame({"text": made if texts is None else texts})
    frame = frame.assign(group="a", label=rng.integers(2, size=len(frame)).astype(str))
    kind = Kind.NUMERIC if task is Task.NUMBER else Kind.CATEGORICAL
    schema = Schema(
        target=Column(name="label", kind=kind, levels=("0", "1")),
        positive="1" if task is Task.DECISION else None,
        features=(Column(name="text", kind=Kind.TEXT),),
        sensitive=(Column(name="group", kind=Kind.CATEGORICAL),),
    )

    def say(rows: pd.DataFrame) -> Outputs:
        female = rows["text"].str.contains(r"\b(?:wife|woman|girl|sister|aunt|she)\b", case=False)
        likes = rows["text"].str.contains("love|wonderful|best|happy")
        score = np.where(likes, 0.7, 0.2) - lean * female.to_numpy()
        if task is Task.NUMBER:
            return Numbers(values=score)
        return Decisions(scores=np.clip(score, 0, 1))

    if task is Task.NUMBER:
        frame = frame.assign(label=frame["label"].astype(float))
    return told(frame, schema, task, say, abilities=ASKED)
