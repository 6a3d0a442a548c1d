"""Optimisers, their pace, and an average of the weights they leave behind."""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from auditkit.models.objectives import Player
from auditkit.models.recipe import Recipe


def optimizer_of(player: Player, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser for a player; matrices and kernels decay, biases and scales do not."""
    decayed = [one for one in player.parameters if one.ndim > 1]
    others = [one for one in player.parameters if one.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [one for one in groups if one["params"]]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=player.betas, fused=True)


def pace(
    optimizers: Sequence[torch.optim.Optimizer],
    players: Sequence[Player],
    recipe: Recipe,
    share: float,
) -> float:
    """Set the learning rates for a share (0 to 1) of all steps that is done; the recipe's own."""
    rate = recipe.learning_rate * pace_at(recipe, share)
    for optimizer, player in zip(optimizers, players, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * player.rate
    return rate


def pace_at(recipe: Recipe, share: float) -> float:
    """What the learning rate is multiplied by: it rises over the warm-up, then holds or falls.

    The cosine falls to 0 (Loshchilov & Hutter 2017, "SGDR").
    """
    if share < recipe.warmup:
        # Never 0: the first step would be lost.
        return max(share / recipe.warmup, 0.01)
    if recipe.schedule == "constant":
        return 1.0
    done = (share - recipe.warmup) / max(1 - recipe.warmup, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


class Average:
    """An exponential average of a network's weights, or the network itself where decay is 0.

    Over the first steps the decay is lower, so that the start does not linger. Buffers (running
    means) are copied, not averaged.

    Polyak & Juditsky 1992; as an exponential one, Tarvainen & Valpola 2017.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self._source = decay, model
        self.model = copy.deepcopy(model) if decay else model
        self._steps = torch.zeros((), dtype=torch.float64)

    @torch.no_grad()
    def update(self) -> None:
        """Take one step of the network into the average."""
        if not self.decay:
            return
        self._steps += 1
        steps = float(self._steps)
        decay = min(self.decay, (1 + steps) / (10 + steps))
        mine: list[Tensor] = list(self.model.parameters())
        theirs: list[Tensor] = list(self._source.parameters())
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        self.take_buffers()

    @torch.no_grad()
    def take_buffers(self) -> None:
        """Copy the network's running means."""
        if self.decay:
            for own, other in zip(self.model.buffers(), self._source.buffers(), strict=True):
                own.copy_(other)

    def state(self) -> dict[str, Tensor]:
        """What must be kept to go on; nothing where there is no average."""
        return (
            {**self.model.state_dict(), "steps of the average": self._steps} if self.decay else {}
        )

    def restore(self, state: dict[str, Tensor]) -> None:
        """Be as `state` was."""
        if self.decay:
            self._steps = state.pop("steps of the average")
            self.model.load_state_dict(state)
