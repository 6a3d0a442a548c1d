"""Planted networks of a user's own whose weights are known, on people with a group."""

from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import nn

from auditkit.data.schema import Column, Kind, Schema
from auditkit.data.tables import Table
from auditkit.models.foreign import ForeignModel
from auditkit.runtime import Runtime
from auditkit.subject import Subject

FEATURES = ("group", "merit", "years", "tenure", "noise")
USED = (0.0, 2.0, 1.0, 0.5, 0.0)  # a weight for each feature


class Curved(nn.Module):
    """A network whose answer depends on each feature by its own weight, and never in a line."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        super().__init__()
        self.first = nn.Linear(len(weights), 16)
        self.second = nn.Linear(16, 1)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            drawn = torch.rand(16, len(weights), generator=generator) + 0.5
            self.first.weight.copy_(drawn * torch.tensor(weights))
            self.first.bias.zero_()
            self.second.weight.copy_(torch.rand(1, 16, generator=generator) / 8)
            self.second.bias.zero_()

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(rows))).squeeze(-1)


def workers(n: int = 600) -> pd.DataFrame:
    """Group 1 has the longer tenure; nothing else tells the groups apart."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=n) for name in FEATURES[1:]})
    frame["group"] = rng.integers(2, size=n)
    frame["tenure"] += 3.0 * frame["group"]
    frame["label"] = (frame["merit"] + rng.normal(scale=0.5, size=n) > 0).astype(int).astype(str)
    return frame


@cache
def network(weights: tuple[float, ...] = USED, *, n: int = 600) -> Subject:
    """A curved network with these weights, audited on workers and trained on others."""
    frame = workers(2 * n)
    group = Column(name="group", kind=Kind.CATEGORICAL)
    schema = Schema(
        target=Column(name="label", kind=Kind.CATEGORICAL, levels=("0", "1")),
        positive="1",
        features=(group, *(Column(name=name, kind=Kind.NUMERIC) for name in FEATURES[1:])),
        sensitive=(group,),
    )
    audited, learned = (
        Table(frame=part.reset_index(drop=True), schema=schema, name="workers", sha256="0" * 64)
        for part in (frame.iloc[:n], frame.iloc[n:])
    )
    runtime = Runtime(device="cpu")
    predictor = ForeignModel(
        module=Curved(weights).eval(),
        name="curved",
        weights_sha256="",
        features=FEATURES,
        preprocess=None,
        preprocess_name="",
        runtime=runtime,
    )
    return Subject(predictor=predictor, table=audited, train=learned, card=None, runtime=runtime)
