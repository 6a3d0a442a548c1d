import numpy as np
import pytest
from torch import nn

from auditkit.data.planted import planted
from auditkit.data.tables import Table
from auditkit.models.card import Card, DataSource
from auditkit.models.trainer import Recipe, train
from auditkit.runtime import Runtime

QUICK = Recipe(epochs=4, batch_size=64, bins=8)
SOURCE = DataSource(
    name="planted", sha256="0" * 64, catalogue=False, test_fraction=0.25, split_seed=0
)


def planted_table(n: int = 800) -> Table:
    made = planted(n, gap=0.2, rng=np.random.default_rng(0))
    return Table(frame=made.frame, schema=made.schema, name="planted", sha256="0" * 64)


def trained(seed: int = 0, recipe: Recipe = QUICK, name: str = "fnn") -> tuple[nn.Module, Card]:
    return train(
        name,
        planted_table(),
        recipe=recipe,
        runtime=Runtime(seed=seed, device="cpu"),
        source=SOURCE,
    )


@pytest.fixture(scope="session")
def model_and_card() -> tuple[nn.Module, Card]:
    return trained()
