"""What a network is trained for: the cost of a batch, task by task.

A cost is a sum over a batch and the weight to divide it by (rows, or tokens), so that batches of
any size, and the parts of one batch on several processes, add up to the same mean.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from auditkit.data.schema import Task
from auditkit.data.text import PAD
from auditkit.models.batches import Batch
from auditkit.models.card import Head

IGNORED = -100  # targets that count for nothing, in torch's own convention


@dataclass(frozen=True, slots=True)
class Cost:
    """total over a batch, and the weight that makes a mean of it; marks are totals like it."""

    total: Tensor
    weight: int | Tensor
    marks: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def mean(self) -> Tensor:
        """total / weight."""
        return self.total / self.weight


CostOf = Callable[[Batch], Cost]


@dataclass(frozen=True, kw_only=True)
class Player:
    """Who is trained: its parameters, what it pays for a batch, and its own pace.

    An ordinary network is one player; generator and discriminator are two that take turns.
    rate multiplies the recipe's learning rate.
    """

    name: str
    module: nn.Module
    cost: CostOf
    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """What its steps change."""
        return [one for one in self.module.parameters() if one.requires_grad]

    @contextmanager
    def alone(self, players: "Sequence[Player]") -> Iterator[None]:
        """Inside, no gradient is computed for the weights of others, who are not to move."""
        others = [p for one in players if one is not self for p in one.parameters]
        for one in others:
            one.requires_grad_(False)
        try:
            yield
        finally:
            for one in others:
                one.requires_grad_(True)


class Objective(Protocol):
    """What is asked of a network."""

    def players(self, model: nn.Module) -> list[Player]:
        """Who takes turns on each batch."""
        ...

    def judged(self, model: nn.Module, batch: Batch) -> Cost | None:
        """The cost on rows that are not trained on, with other marks; None where there is none."""
        ...

    def shown(self, model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        """What the network's forward takes for a batch."""
        ...


@dataclass(frozen=True, kw_only=True)
class Supervised:
    """A target for each row, or each token; subclasses say what an answer costs."""

    smoothing: float = 0.0

    def players(self, model: nn.Module) -> list[Player]:
        """The network alone."""
        return [Player(name="network", module=model, cost=lambda b: self.paid(model, b))]

    def shown(self, model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        """What the network's forward takes."""
        return batch.inputs

    def wanted(self, batch: Batch) -> Tensor:
        """What it should answer."""
        return batch.targets

    def paid(self, model: nn.Module, batch: Batch) -> Cost:
        """The cost that is trained on, smoothing included."""
        return self.cost(model(*self.shown(model, batch)), self.wanted(batch), self.smoothing)

    def judged(self, model: nn.Module, batch: Batch) -> Cost | None:
        """The cost without smoothing, with marks."""
        answer, wanted = model(*self.shown(model, batch)).float(), self.wanted(batch)
        cost = self.cost(answer, wanted, 0.0)
        return Cost(cost.total, cost.weight, self.marks(answer, wanted))

    def cost(self, answer: Tensor, targets: Tensor, smoothing: float) -> Cost:
        """What an answer costs."""
        raise NotImplementedError

    def marks(self, answer: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Other figures, as totals over the same weight."""
        raise NotImplementedError


class Decide(Supervised):
    """Yes or no: cross-entropy of a logit (B,) with labels (B,) of 0 and 1."""

    def cost(self, answer: Tensor, targets: Tensor, smoothing: float) -> Cost:
        """Nats."""
        soft = targets * (1 - smoothing) + smoothing / 2 if smoothing else targets
        total = F.binary_cross_entropy_with_logits(answer, soft, reduction="sum")
        return Cost(total, len(targets))

    def marks(self, answer: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """How many are right."""
        return {"accuracy": ((answer > 0) == (targets > 0.5)).sum()}


class Choose(Supervised):
    """One of several: cross-entropy of logits (B, K) with classes (B,)."""

    def cost(self, answer: Tensor, targets: Tensor, smoothing: float) -> Cost:
        """Nats."""
        total = F.cross_entropy(answer, targets, reduction="sum", label_smoothing=smoothing)
        return Cost(total, len(targets))

    def marks(self, answer: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """How many are right."""
        return {"accuracy": (answer.argmax(dim=-1) == targets).sum()}


@dataclass(frozen=True, kw_only=True)
class Measure(Supervised):
    """A number: squared error in deviations of the training rows, so that 1 is the mean's own."""

    deviation: float

    def cost(self, answer: Tensor, targets: Tensor, smoothing: float) -> Cost:
        """Squared deviations."""
        del smoothing  # of no meaning here
        return Cost((((answer - targets) / self.deviation) ** 2).sum(), len(targets))

    def marks(self, answer: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Absolute errors in the target's unit."""
        return {"absolute error": (answer - targets).abs().sum()}


class Continue(Supervised):
    """The next token at every place: logits (B, T, V) and the tokens (B, T) that follow."""

    def cost(self, answer: Tensor, targets: Tensor, smoothing: float) -> Cost:
        """Nats over tokens."""
        return _of_tokens(answer, targets, smoothing)

    def marks(self, answer: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """How many tokens are guessed right."""
        return _right_tokens(answer, targets)


class Write(Continue):
    """A text from another: the network reads the right beginning, and guesses what follows.

    targets (B, T) begin with START and end with END, PAD after it.
    """

    def shown(self, model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        """The text to read, and the beginning of the one to write."""
        return (*batch.inputs, batch.targets[:, :-1])

    def wanted(self, batch: Batch) -> Tensor:
        """The same, one token further."""
        return batch.targets[:, 1:]


@dataclass(frozen=True, kw_only=True)
class Unmask(Supervised):
    """Guess the tokens that were masked (Devlin 2019), before a task is learned."""

    vocabulary: int

    def paid(self, model: nn.Module, batch: Batch) -> Cost:
        """Nats over the masked tokens."""
        answer, targets = self._guessed(model, batch)
        return _of_tokens(answer, targets, self.smoothing)

    def judged(self, model: nn.Module, batch: Batch) -> Cost | None:
        """The same, and how many masked tokens are guessed right."""
        answer, targets = self._guessed(model, batch)
        cost = _of_tokens(answer.float(), targets, 0.0)
        return Cost(cost.total, cost.weight, _right_tokens(answer, targets))

    def _guessed(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits (1, n, V) of the n places that were masked, and what stood there (1, n)."""
        # Only networks that can be pretrained bring these two, so they are imported here.
        from auditkit.models.transformer.encoder import mask_tokens

        tokens, lengths = batch.inputs
        masked, targets = mask_tokens(tokens, lengths, self.vocabulary)
        at = targets != IGNORED
        return model.masked_logits(masked, lengths, at)[None], targets[at][None]


@dataclass(frozen=True, kw_only=True)
class Imitate:
    """Images like those of the data: a generator and a discriminator take turns."""

    conditional: bool

    def players(self, model: Any) -> list[Player]:
        """The discriminator first, on the batch; then the generator, on as many of its own."""

        def told(batch: Batch) -> Tensor | None:
            return batch.targets if self.conditional else None

        def discriminator(batch: Batch) -> Cost:
            loss = model.discriminator_loss(batch.inputs[0], told(batch))
            return Cost(loss * len(batch), len(batch))

        def generator(batch: Batch) -> Cost:
            loss = model.generator_loss(len(batch), told(batch))
            return Cost(loss * len(batch), len(batch))

        return [
            Player(
                name="discriminator",
                module=model.discriminator,
                cost=discriminator,
                rate=model.options.discriminator_rate,
                betas=model.betas,
            ),
            Player(name="generator", module=model.generator, cost=generator, betas=model.betas),
        ]

    def shown(self, model: Any, batch: Batch) -> tuple[Tensor, ...]:
        """Latent vectors, and the batch's classes for a conditional one."""
        latent = torch.randn(len(batch), model.options.latent, device=batch.targets.device)
        return (latent, batch.targets) if self.conditional else (latent,)

    def judged(self, model: nn.Module, batch: Batch) -> Cost | None:
        """Neither loss says how good the images are: nothing is judged while training."""
        return None


def objective_of(head: Head, *, smoothing: float, conditional: bool = False) -> Objective:
    """What a network with this head is trained for."""
    match head.task:
        case Task.DECISION:
            return Decide(smoothing=smoothing)
        case Task.CLASSES:
            return Choose(smoothing=smoothing)
        case Task.NUMBER:
            return Measure(deviation=head.deviation)
        case Task.LANGUAGE:
            return Continue(smoothing=smoothing)
        case Task.TRANSDUCTION:
            return Write(smoothing=smoothing)
        case _:
            return Imitate(conditional=conditional)


def _of_tokens(answer: Tensor, targets: Tensor, smoothing: float) -> Cost:
    known = (targets != PAD) & (targets != IGNORED)
    total = F.cross_entropy(
        answer.flatten(0, 1),
        targets.masked_fill(~known, IGNORED).flatten(),
        reduction="sum",
        ignore_index=IGNORED,
        label_smoothing=smoothing,
    )
    return Cost(total, known.sum().clamp(min=1))


def _right_tokens(answer: Tensor, targets: Tensor) -> dict[str, Tensor]:
    known = (targets != PAD) & (targets != IGNORED)
    return {"token accuracy": ((answer.argmax(dim=-1) == targets) & known).sum()}


def as_weight(weight: int | Tensor, device: torch.device) -> Tensor:
    """A weight as a number on the device."""
    return torch.as_tensor(weight, dtype=torch.float32, device=device)
