import pytest
from torch import nn

from auditkit.models.card import Card
from auditkit.models.recipe import Recipe
from tests.media import trained

QUICK = Recipe(epochs=4, batch_size=64)


@pytest.fixture(scope="session")
def model_and_card() -> tuple[nn.Module, Card]:
    return trained(recipe=QUICK)
