import pytest
import torch
from torch import nn

from auditkit.errors import ModelError
from auditkit.probing.recording import replace
from auditkit.probing.usage.resuming import Course


class Counting(nn.Module):
    """A linear layer that counts how often it is computed."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d, d)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.linear(x)


class Skipping(nn.Module):
    """Blocks with a way around each, a part that is used twice, and a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Counting(4) for _ in range(3))
        self.act = nn.ReLU(inplace=True)
        self.steps = nn.GRU(4, 4, batch_first=True)
        self.last = Counting(4)

    def forward(self, x):
        first = x
        for block in self.blocks:
            x = self.act(x + block(x).mul_(2))  # writes in what the block gave
        steps, _ = self.steps(x[:, None])
        return self.last(steps[:, 0] + first)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Skipping().eval()


@pytest.mark.parametrize("layer", ["blocks.0", "blocks.2", "steps", "last"])
@torch.no_grad()
def test_what_follows_a_layer_is_what_a_whole_pass_gives(model, layer):
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    begun = Course(model, ["blocks.0", "blocks.2", "steps", "last"], (x,)).begin((x,))
    assert torch.equal(begun.outputs, model(x))
    for scale in (1.0, -2.0, 0.0):
        with replace(model, layer, lambda numbers, by=scale: by * numbers):
            assert torch.equal(begun.again(layer), model(x))


@torch.no_grad()
def test_what_leads_to_a_layer_is_computed_once(model):
    x = torch.randn(6, 4)
    begun = Course(model, ["blocks.2"], (x,)).begin((x,))
    before = [block.calls for block in (*model.blocks, model.last)]
    for _ in range(5):
        begun.again("blocks.2")
    after = [block.calls for block in (*model.blocks, model.last)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [0, 0, 0, 5]


@torch.no_grad()
def test_the_model_is_left_as_it_came_even_by_an_error(model):
    x = torch.randn(6, 4)
    begun = Course(model, ["blocks.2"], (x,)).begin((x,))
    with replace(model, "blocks.2", lambda numbers: numbers[:2]), pytest.raises(ModelError):
        begun.again("blocks.2")
    assert not any("forward" in vars(one) or one._forward_hooks for one in model.modules())


def test_a_layer_that_is_called_twice_is_refused(model):
    with pytest.raises(ModelError, match="layer 'act' is called 3 times"):
        Course(model, ["act"], (torch.randn(6, 4),))
