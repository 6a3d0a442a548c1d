"""What a model loses over many rows where one column is shuffled: importance for all, not a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from auditkit.attribution.memory import rows_forward
from auditkit.attribution.players import Players, each_number
from auditkit.attribution.question import Model, at_rest, tensors
from auditkit.errors import DataError, UsageError
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import z_of

Loss = Callable[[Tensor, Tensor], Tensor]
FEWEST_ROWS = 10


@dataclass(frozen=True, kw_only=True)
class Importance:
    """By how much the loss grows where each player is shuffled over the rows.

    increases are in the players' order; loss is that of the rows as they are, in the unit of
    `loss_name`.
    """

    names: tuple[str, ...]
    increases: tuple[Estimate, ...]
    loss: Estimate
    loss_name: str
    shuffles: int

    @property
    def ranked(self) -> tuple[tuple[str, Estimate], ...]:
        """Names and increases, the largest first; undefined ones last."""
        pairs = zip(self.names, self.increases, strict=True)
        return tuple(
            sorted(pairs, key=lambda one: -one[1].value if one[1].defined else float("inf"))
        )


def permutation_importance(
    model: Model,
    inputs: Tensor | tuple[Tensor, ...],
    truth: Tensor,
    *,
    loss: str | Loss | None = None,
    players: Players | None = None,
    shuffles: int = 5,
    runtime: Runtime | None = None,
) -> Importance:
    """The mean growth of the loss where a player's numbers come from other rows, with intervals.

    loss is a name of LOSSES or a function of outputs (m, ...) and truth (m, ...) that gives one
    number a row; by default what the truth asks for. Each shuffle gives every row the numbers of
    another one, never its own; all numbers of a player go together, so that the columns of a
    group keep their own order among themselves.

    An interval covers what other rows would give: a row takes part twice, as the one whose
    numbers are replaced and as the one they come from, and its influence is the sum of both.

    Breiman 2001, "Random Forests"; Fisher, Rudin & Dominici 2019 ("model reliance"). Raises
    UsageError for players that differ by row, DataError for fewer than 10 rows.
    """
    rows = tensors(inputs)
    runtime = runtime or Runtime()
    players = players or each_number(rows)
    n = len(rows[0])
    _require(players, n, len(truth), shuffles)
    name, measured = _loss(loss, truth)
    with at_rest(model), torch.no_grad():
        parts = _parts(model, rows, runtime)

        def losses(given: tuple[Tensor, ...]) -> Tensor:
            found = [
                measured(model(*(one[part] for one in given)), truth[part.to(truth.device)])
                for part in parts
            ]
            return _each_row(torch.cat([one.double().cpu() for one in found]), n)

        own = losses(rows)
        increases = tuple(
            _increase(rows, players, number, own, losses, shuffles, runtime)
            for number in range(players.most)
        )
    return Importance(
        names=players.names[0],
        increases=increases,
        loss=_mean(own.numpy(), own.numpy(), "mean over rows"),
        loss_name=name,
        shuffles=shuffles,
    )


def log_loss(outputs: Tensor, truth: Tensor) -> Tensor:
    """Minus the log of the probability of the true class, in nats, from logits.

    outputs (m,) or (m, 1) are the logit of class 1, (m, K) one for each class; of more axes,
    (m, ..., K), the mean over them, places whose truth is below 0 left out.
    """
    if outputs.ndim == 1 or outputs.shape[1:] == (1,):
        return torch.nn.functional.binary_cross_entropy_with_logits(
            outputs.reshape(-1).double(), truth.double(), reduction="none"
        )
    seen = truth >= 0
    each = -torch.log_softmax(outputs.double(), dim=-1)
    taken = each.gather(-1, truth.clamp(min=0).long()[..., None])[..., 0] * seen
    if taken.ndim == 1:
        return taken
    axes = tuple(range(1, taken.ndim))
    found: Tensor = taken.sum(dim=axes) / seen.sum(dim=axes).clamp(min=1)
    return found


def squared_error(outputs: Tensor, truth: Tensor) -> Tensor:
    """The squared distance of the answer from the truth, (m,)."""
    return (outputs.reshape(len(truth), -1).double() - truth.reshape(len(truth), -1)).pow(2).sum(1)


def absolute_error(outputs: Tensor, truth: Tensor) -> Tensor:
    """The distance of the answer from the truth, (m,)."""
    return (outputs.reshape(len(truth), -1).double() - truth.reshape(len(truth), -1)).abs().sum(1)


LOSSES: Mapping[str, Loss] = {
    "log loss": log_loss,
    "squared error": squared_error,
    "absolute error": absolute_error,
}


def _require(players: Players, rows: int, truths: int, shuffles: int) -> None:
    if not players.shared or any(len(one) != 1 for one in players.masks):
        raise UsageError(
            "the rows have different players (words): shuffling asks for the same in every row"
        )
    if truths != rows:
        raise DataError(f"{truths} truths for {rows} rows: give one for each")
    if rows < FEWEST_ROWS:
        raise DataError(f"{rows} rows are too few to shuffle: give at least {FEWEST_ROWS}")
    if not 1 <= shuffles < rows:
        raise UsageError(f"{shuffles} shuffles of {rows} rows: give 1 to {rows - 1}")


def _loss(given: str | Loss | None, truth: Tensor) -> tuple[str, Loss]:
    if given is None:
        given = "squared error" if truth.is_floating_point() else "log loss"
    if isinstance(given, str):
        if given not in LOSSES:
            raise UsageError(f"no loss {given!r}; there are {', '.join(LOSSES)}")
        return given, LOSSES[given]
    return getattr(given, "__name__", "loss").replace("_", " "), given


def _parts(model: Model, rows: tuple[Tensor, ...], runtime: Runtime) -> tuple[Tensor, ...]:
    n = len(rows[0])

    def forward(size: int) -> Tensor:
        here = torch.arange(size, device=rows[0].device) % n
        found: Tensor = model(*(one[here] for one in rows))
        return found

    most = rows_forward(forward, runtime.memory, runtime.batch_size)
    return tuple(torch.split(torch.arange(n, device=rows[0].device), most))


def _each_row(found: Tensor, rows: int) -> Tensor:
    if found.shape != (rows,):
        raise UsageError(
            f"the loss gave {tuple(found.shape)} for {rows} rows: let it give one number a row"
        )
    return found


def _increase(
    rows: tuple[Tensor, ...],
    players: Players,
    number: int,
    own: Tensor,
    losses: Callable[[tuple[Tensor, ...]], Tensor],
    shuffles: int,
    runtime: Runtime,
) -> Estimate:
    n = len(own)
    rng = runtime.rng(f"permutation importance {players.names[0][number]}")
    order = rng.permutation(n)
    taken = np.zeros(n)  # what each row loses with the numbers of others
    given = np.zeros(n)  # what others lose with its numbers
    for shift in rng.choice(n - 1, size=shuffles, replace=False) + 1:
        donors = np.empty(n, dtype=np.int64)
        donors[order] = np.roll(order, shift)
        there = torch.from_numpy(donors).to(rows[0].device)
        mixed = tuple(
            torch.where(mask.to(one.device) == number, one[there], one)
            for one, mask in zip(rows, players.masks, strict=True)
        )
        grown = (losses(mixed) - own).numpy()
        taken += grown / shuffles
        given[donors] += grown / shuffles
    return _mean(taken, taken + given, f"mean over rows and {shuffles} shuffles")


def _mean(values: np.ndarray, influences: np.ndarray, method: str) -> Estimate:
    """The mean of values, its interval from the spread of the rows' influences on it."""
    n = len(values)
    if not np.isfinite(values).all():
        return undefined("the loss of a row is not a finite number", n=n, method=method)
    value = float(values.mean())
    reach = z_of(0.95) * float(influences.std(ddof=1)) / n**0.5
    return Estimate(value=value, low=value - reach, high=value + reach, n=n, method=method)
