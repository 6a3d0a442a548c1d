"""What an answer costs, row by row: its value, its slope and its bend by what the network says.

outputs are (n, K): logits, or numbers in the target's own unit. Only what is convex in the
outputs is here, so that the last layer of any network is a convex problem.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from auditkit.errors import UsageError
from auditkit.ranges import SHARE, ranged, require_ranges


class RowLoss(Protocol):
    """A loss of each row; convex in the outputs, and bent alike whatever the target."""

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Losses (n,) of outputs (n, K), or (n,) where K is 1."""
        ...

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """First derivatives (n, K) by the outputs (n, K)."""
        ...

    @property
    def plain(self) -> "RowLoss":
        """The same without smoothing: what is asked of rows that are not trained on."""
        ...

    def bent(self, outputs: Tensor, moves: Tensor) -> Tensor:
        """Second derivatives (n, K, K) by the outputs (n, K), times moves (n, K, c)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Squared:
    """((answer - target) / unit)^2: of numbers. Its slope is 2 e / unit^2."""

    unit: float = 1.0

    def __post_init__(self) -> None:
        if not self.unit > 0:
            raise UsageError(f"the unit of a squared loss is {self.unit}: give one above 0")

    @property
    def plain(self) -> "Squared":
        """Itself."""
        return self

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Squared errors in units."""
        return ((_columns(outputs) - _columns(targets)) / self.unit).square().sum(dim=1)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """2 e / unit^2."""
        return 2 * (outputs - _columns(targets)) / self.unit**2

    def bent(self, outputs: Tensor, moves: Tensor) -> Tensor:
        """2 / unit^2, the same for all rows."""
        return moves * (2 / self.unit**2)


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """Cross-entropy in nats of one logit with targets 0 or 1, smoothed as in the training."""

    smoothing: float = ranged(0.0, *SHARE)

    def __post_init__(self) -> None:
        require_ranges(self, "a logistic loss")

    @property
    def plain(self) -> "Logistic":
        """Without smoothing."""
        return Logistic()

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Nats."""
        logits = _columns(outputs)[:, 0]
        soft = self._soft(targets, logits)
        return F.binary_cross_entropy_with_logits(logits, soft, reduction="none")

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """p - y."""
        return torch.sigmoid(outputs) - self._soft(targets, outputs)[:, None]

    def bent(self, outputs: Tensor, moves: Tensor) -> Tensor:
        """p (1 - p)."""
        # sigmoid(-z) and not 1 - p, which is 0 where the network is sure.
        return moves * (torch.sigmoid(outputs) * torch.sigmoid(-outputs))[:, :, None]

    def _soft(self, targets: Tensor, like: Tensor) -> Tensor:
        return targets.to(like) * (1 - self.smoothing) + self.smoothing / 2


@dataclass(frozen=True, kw_only=True)
class Softmax:
    """Cross-entropy in nats of K logits with classes 0 to K - 1, smoothed as in the training."""

    smoothing: float = ranged(0.0, *SHARE)

    def __post_init__(self) -> None:
        require_ranges(self, "a softmax loss")

    @property
    def plain(self) -> "Softmax":
        """Without smoothing."""
        return Softmax()

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Nats."""
        return F.cross_entropy(outputs, targets, reduction="none", label_smoothing=self.smoothing)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """p - y."""
        classes = outputs.shape[1]
        soft = F.one_hot(targets, classes).to(outputs) * (1 - self.smoothing)
        return torch.softmax(outputs, dim=1) - soft - self.smoothing / classes

    def bent(self, outputs: Tensor, moves: Tensor) -> Tensor:
        """diag(p) - p p'."""
        p = torch.softmax(outputs, dim=1)[:, :, None]  # (n, K, 1)
        return p * (moves - (p * moves).sum(dim=1, keepdim=True))


def _columns(values: Tensor) -> Tensor:
    return values[:, None] if values.ndim == 1 else values
