"""Planted networks that carry an attribute and ignore it, use it, or do not carry it at all."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.models.transformer.blocks import present
from auditkit.probing.probes.labels import Labels, labels_of
from auditkit.probing.usage.verdicts import Verdict

Kind = Literal["ignores", "uses", "lacks"]
ANSWERS = {
    "ignores": Verdict.NOT_USED,
    "uses": Verdict.USED,
    "lacks": Verdict.NOT_READABLE,
}
LAYERS = ("1", "3")
MERIT, MARKS, NOISE = 4, 2, 6  # columns that tell the target, the attribute, and nothing
TOLD = 1.0  # standard deviations by which a column lies higher in one class than in the mean


@dataclass(frozen=True, eq=False)
class People:
    """n people: columns (n, 12), and of each whether it is right to say yes, and their sex."""

    columns: Tensor
    right: np.ndarray
    sex: np.ndarray
    correlation: float

    @property
    def target(self) -> Labels:
        return labels_of(self.right, name="merit")

    @property
    def attribute(self) -> Labels:
        return labels_of(np.where(self.sex == 1, "woman", "man"), name="sex")

    def steps(self, most: int = 6) -> tuple[Tensor, Tensor]:
        """The same told in 2 to 6 steps, (n, 6, 12), and how many there are; padding is noise."""
        generator = torch.Generator().manual_seed(len(self.right))
        lengths = torch.randint(2, most + 1, (len(self.right),), generator=generator)
        shape = (len(self.right), most, self.columns.shape[1])
        return self.columns[:, None] + torch.randn(shape, generator=generator), lengths


def people(correlation: float, seed: int, n: int = 1000) -> People:
    """Target and attribute correlated; given the target, no column of merit tells the attribute."""
    rng = np.random.default_rng([seed, n, round(100 * correlation)])
    right = rng.integers(2, size=n)
    sex = np.where(rng.uniform(size=n) < (1 + correlation) / 2, right, 1 - right)
    columns = rng.normal(size=(n, MERIT + MARKS + NOISE))
    columns[:, :MERIT] += TOLD * (2 * right - 1)[:, None] / 2
    columns[:, MERIT : MERIT + MARKS] += TOLD * (2 * sex - 1)[:, None]
    return People(torch.from_numpy(columns).float(), right, sex, correlation)


def planted(kind: Kind, seed: int) -> nn.Sequential:
    """Weights by hand: two hidden layers whose units mix all that they hold, and a head.

    What reads merit and what reads sex are units of their own, turned together before the head
    so that no single unit is either.
    """
    generator = torch.Generator().manual_seed(seed)
    merit, sex = 16, 8

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    first = nn.Linear(MERIT + MARKS + NOISE, merit + sex)
    second = nn.Linear(merit + sex, merit + sex)
    head = nn.Linear(merit + sex, 1)
    with torch.no_grad():
        first.weight.copy_(0.3 * drawn(*first.weight.shape))
        first.weight[:merit, :MERIT] = 0.3 + 0.1 * drawn(merit, MERIT)
        first.weight[:merit, MERIT : MERIT + MARKS] = 0
        first.weight[merit:, :MERIT] = 0
        first.weight[merit:, MERIT : MERIT + MARKS] = 0.0 if kind == "lacks" else 0.5
        first.bias.zero_()
        turn = torch.linalg.qr(drawn(merit + sex, merit + sex))[0]
        second.weight.copy_(turn)
        second.bias.copy_(0.1 * drawn(merit + sex))
        weights = torch.zeros(merit + sex)
        weights[:merit] = 1.0
        weights[merit:] = 1.0 if kind == "uses" else 0.0
        head.weight.copy_((turn @ weights)[None])
        head.bias.copy_(-(turn @ weights) @ second.bias)
    return nn.Sequential(first, nn.Tanh(), second, nn.Identity(), head, nn.Flatten(0))


def trained(kind: Kind, rows: People, seed: int, steps: int = 300) -> nn.Sequential:
    """A network that learned decisions: those of merit alone, or those that mind the sex.

    One that lacks the attribute never sees the columns that tell it.
    """
    torch.manual_seed(seed)
    blind = MERIT + MARKS + NOISE
    network = nn.Sequential(
        nn.Linear(blind, 16),
        nn.ReLU(),
        nn.Linear(16, 16),
        nn.ReLU(),
        nn.Linear(16, 1),
        nn.Flatten(0),
    )
    columns = rows.columns
    if kind == "lacks":
        with torch.no_grad():
            network[0].weight[:, MERIT : MERIT + MARKS] = 0
        columns = columns.clone()
        columns[:, MERIT : MERIT + MARKS] = 0
    merit = rows.columns[:, :MERIT].sum(dim=1)
    liked = 2.0 * torch.from_numpy(2 * rows.sex - 1) if kind == "uses" else 0.0
    decided = (merit + liked > 0).float()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, weight_decay=1e-4)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(columns), decided).backward()
        optimizer.step()
    return network.eval()


class Spoken(nn.Module):
    """A planted network that reads step by step, and pools its steps before the head."""

    def __init__(self, read: nn.Module, head: nn.Module, pool: str) -> None:
        super().__init__()
        self.read = read
        self.head = head
        self.pool = pool

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(n,) from steps (n, T, 12) and how many there are."""
        read = self.read(steps)
        within = present(lengths, steps.shape[1])[..., None]
        if self.pool == "max":
            return self.head(read.masked_fill(~within, -torch.inf).amax(dim=1)).squeeze(-1)
        return self.head((read * within).sum(dim=1) / lengths[:, None]).squeeze(-1)


def spoken(kind: Kind, seed: int, pool: str) -> Spoken:
    """The first layer and the head of the planted network, unturned: a maximum is no mean."""
    network = planted(kind, seed)
    first, second, head = network[0], network[2], network[4]
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    assert isinstance(head, nn.Linear)
    short = nn.Linear(first.out_features, 1)
    with torch.no_grad():
        short.weight.copy_(head.weight @ second.weight)
        short.bias.zero_()
    if pool == "max":  # the maximum of many steps is above 0
        with torch.no_grad():
            short.bias -= short.weight.sum() * 0.55
    return Spoken(nn.Sequential(first, nn.Tanh()), short, pool)
