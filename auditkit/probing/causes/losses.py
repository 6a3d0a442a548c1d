"""What answers cost row by row, and which are wrong: told from their shapes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from auditkit.errors import DataError

IGNORED = -100  # tokens that count for nothing, in torch's own convention
RowLoss = Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Price:
    """What the answers of rows cost.

    loss gives (m,) for outputs and targets of m rows. wrong gives (m,), 0 or 1 for an answer, a
    share for one of many tokens, a distance for a number; unit says which of these.
    """

    loss: RowLoss
    wrong: RowLoss
    unit: str


def price_of(outputs: Any, targets: Tensor) -> Price:
    """The price for outputs of some rows and the targets of all, by their shapes.

    One logit (n,) with targets of 0 and 1, or numbers with any others; logits (n, K) with classes
    (n,); logits (n, T, V) with tokens (n, T), of which -100 do not count. Raises DataError for
    others.
    """
    if isinstance(outputs, Tensor):
        if outputs.ndim and outputs.numel() == len(outputs) and targets.ndim == 1:
            yes_or_no = bool(((targets == 0) | (targets == 1)).all())
            return DECISION if yes_or_no else NUMBER
        if outputs.ndim == 2 and targets.ndim == 1 and not targets.is_floating_point():
            return CLASSES
        if outputs.ndim == 3 and targets.shape[1:] == outputs.shape[1:2]:
            return TOKENS
    seen = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
    raise DataError(
        f"outputs {seen} for targets of shape {tuple(targets.shape)}: no loss is known for these: "
        "give one with price="
    )


def _logits(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.reshape(len(targets)).double()


def _decided(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(
        _logits(outputs, targets), targets.double(), reduction="none"
    )


def _misjudged(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((_logits(outputs, targets) > 0) != (targets > 0.5)).double()


def _chosen(outputs: Tensor, targets: Tensor) -> Tensor:
    _require_classes(targets, outputs.shape[1])
    return F.cross_entropy(outputs.double(), targets.long(), reduction="none")


def _require_classes(targets: Tensor, classes: int) -> None:
    if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < classes:
        raise DataError(
            f"targets from {int(targets.min())} to {int(targets.max())} for {classes} numbers a "
            f"row: give places, 0 to {classes - 1}"
        )


def _mischosen(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(dim=1) != targets).double()


def _squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return (_logits(outputs, targets) - targets.double()).square()


def _far(outputs: Tensor, targets: Tensor) -> Tensor:
    return (_logits(outputs, targets) - targets.double()).abs()


def _tokens(outputs: Tensor, targets: Tensor) -> Tensor:
    _require_classes(targets[targets != IGNORED], outputs.shape[2])
    each = F.cross_entropy(
        outputs.double().transpose(1, 2), targets.long(), reduction="none", ignore_index=IGNORED
    )
    return each.sum(dim=1) / _counted(targets)


def _misguessed(outputs: Tensor, targets: Tensor) -> Tensor:
    wrong = (outputs.argmax(dim=2) != targets) & (targets != IGNORED)
    return wrong.double().sum(dim=1) / _counted(targets)


def _counted(targets: Tensor) -> Tensor:
    return (targets != IGNORED).sum(dim=1).clamp(min=1)


def decision_at(threshold: float) -> Price:
    """The price of a decision that is positive from a probability of `threshold` on."""
    cut = torch.logit(torch.tensor(float(threshold), dtype=torch.float64))

    def wrong(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((_logits(outputs, targets) >= cut) != (targets > 0.5)).double()

    return Price(loss=_decided, wrong=wrong, unit="share")


DECISION = Price(loss=_decided, wrong=_misjudged, unit="share")
CLASSES = Price(loss=_chosen, wrong=_mischosen, unit="share")
NUMBER = Price(loss=_squared, wrong=_far, unit="number")
TOKENS = Price(loss=_tokens, wrong=_misguessed, unit="share")


def checked(found: Tensor, rows: int, what: str) -> Tensor:
    """One finite number a row. Raises DataError for anything else."""
    if found.shape != (rows,):
        raise DataError(f"the {what} gave {tuple(found.shape)} for {rows} rows: give one a row")
    if not bool(torch.isfinite(found).all()):
        raise DataError(f"the {what} is NaN or infinite for some rows: look at the model's answers")
    return found
