"""One trainer for every architecture: parts, phases and a recipe in, a fitted network out.

A training is a list of phases (pretraining where a recipe asks for it, then the task). A phase is
epochs, an epoch batches, and on each batch every player takes its turn. Whatever an epoch draws
comes from the seed and the epoch's number, so that a training that was killed goes on from its
last whole epoch as if nothing had been.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.errors import UsageError
from auditkit.models.augmentation import augmented
from auditkit.models.batches import Batch, Windows, shuffled
from auditkit.models.card import Epoch, epoch_from_dict, without_nan
from auditkit.models.figures import LayerFigures, census_of, layer_figures, operations_of
from auditkit.models.objectives import Cost, Objective, Player, as_weight
from auditkit.models.optimization import Average, optimizer_of, pace
from auditkit.models.progress import Progress, write_progress
from auditkit.models.work import Work, arithmetic, judge, memory, moved
from auditkit.runtime import track

LOOKED_AT = 50  # steps between two looks at the losses, which make a GPU wait


class Diverged(UsageError):
    """The loss is no number any more. fitted is what was reached before, or None.

    trained is the network and the card of that, where a caller has made one.
    """

    fitted: "Fitted | None" = None
    trained: Any = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """What a training ends with: its curve, the epoch kept, and what it took.

    snapshots are the weights of epochs up to the one kept, where the recipe asked for them.
    """

    history: tuple[Epoch, ...]
    best: int
    seconds: float
    operations: float
    snapshots: Mapping[int, Mapping[str, Tensor]]


class Trainer:
    """The moving parts of a training: network, average, optimisers, history.

    After `fit` the network holds the weights of the epoch that was kept.
    """

    def __init__(self, model: nn.Module, work: Work) -> None:
        self.model, self.work = model, work
        self.average = Average(model, work.recipe.averaging)
        self.history: list[Epoch] = []
        self.best, self.kept = 0, _copied(model)
        self.snapshots: dict[int, dict[str, Tensor]] = {}
        self.phase = self.epochs = self.steps = 0  # where it is: epochs and steps of the phase
        self.seconds = self.operations = 0.0
        self._enter()

    def fit(self, saved: Progress | None = None) -> Fitted:
        """Train to the end, from the beginning or from where a killed training was.

        Raises Diverged where the loss becomes NaN or infinite, UsageError where a GPU's memory
        does not hold a batch.
        """
        if saved is not None:
            self._restore(saved)
        left = sum(one.epochs for one in self.work.phases) - len(self.history)
        written = time.monotonic()
        try:
            for _ in track(range(left), "training", left):
                started = time.perf_counter()
                self._epoch()
                self.seconds += time.perf_counter() - started
                if self._phase_is_over() and not self._next_phase():
                    break
                if time.monotonic() - written >= self.work.pause:
                    self._write()
                    written = time.monotonic()
        except Diverged as error:
            begun = self.best > len(self.history) - self.epochs  # an epoch of this phase is kept
            error.fitted = self._fitted() if begun else None
            raise
        return self._fitted()

    def _fitted(self) -> Fitted:
        self.model.load_state_dict(self.kept)
        return Fitted(
            history=tuple(self.history),
            best=self.best,
            seconds=self.seconds,
            operations=self.operations,
            # What came after the epoch that is kept had no part in it.
            snapshots={e: w for e, w in self.snapshots.items() if e <= self.best},
        )

    def _enter(self) -> None:
        """Players and fresh optimisers for the phase that begins."""
        self.epochs = self.steps = 0
        self.operations_a_row = 0.0  # until they are counted, on the phase's first batch
        run: Any = torch.compile(self.model) if self.work.engine.compile else self.model
        self.players = self._objective.players(run)
        self.optimizers = [optimizer_of(one, self.work.recipe) for one in self.players]

    @property
    def _objective(self) -> Objective:
        return self.work.phases[self.phase].objective

    def _phase_is_over(self) -> bool:
        phase = self.work.phases[self.phase]
        waited = len(self.history) - self.best
        return self.epochs >= phase.epochs or 0 < phase.patience <= waited

    def _next_phase(self) -> bool:
        if self.phase + 1 == len(self.work.phases):
            return False
        self.phase += 1
        self._enter()
        return True

    def _epoch(self) -> None:
        number, at = len(self.history) + 1, self.work.at
        # Processes draw apart (dropout), one alone draws as it always did.
        with self.work.runtime.seeded(f"epoch {number}" + f" of {at.rank}" * (at.rank > 0)):
            started = time.perf_counter()
            loss, norm, rate, rows, layers = self._train(number)
            seconds = time.perf_counter() - started
            self._share_buffers()
            judged = self._agreed(judge(self.average.model, self.work, self._objective))
            census = census_of(self.average.model, self.work.validation, self._objective)
        self.epochs += 1
        self.operations += rows * self.operations_a_row
        self.history.append(
            Epoch(
                epoch=number,
                phase=self.work.phases[self.phase].name,
                train_loss=loss,
                validation_loss=judged.pop("loss", math.nan),
                metrics=judged,
                gradient_norm=norm,
                learning_rate=rate,
                layers=layers,
                dead_units=census.share,
                saturated_units=census.saturated_share,
                rows_per_second=rows / seconds,
                seconds=time.perf_counter() - started,
            )
        )
        if self._is_best():
            self.best, self.kept = number, _copied(self.average.model)
        if self.work.recipe.snapshots:
            self._keep(number)

    def _keep(self, number: int) -> None:
        """Keep this epoch's weights, if it is one of the evenly spaced ones that are kept.

        How many epochs there will be is not known: as they grow, every second is let go.
        """
        apart = apart_of(number, self.work.recipe.snapshots)
        if number % apart == 0:
            # The network's own, at which the gradients were taken, and not their average.
            self.snapshots[number] = _copied(self.model)
        self.snapshots = {e: w for e, w in self.snapshots.items() if e % apart == 0}

    def _agreed(self, judged: dict[str, float]) -> dict[str, float]:
        """The same figures on every process, to the bit: all must stop at the same epoch."""
        if self.work.at.size == 1 or not judged:
            return judged
        values = torch.tensor(list(judged.values()), device=self.work.device)
        self.work.at.sum([values])
        means = (values / self.work.at.size).tolist()
        return dict(zip(judged, means, strict=True))

    def _is_best(self) -> bool:
        """Whether the last epoch is the best of its phase; it is where nothing can be judged."""
        now = self.history[-1]
        before = self.history[self.best - 1] if self.best else None
        if before is None or before.phase != now.phase or math.isnan(before.validation_loss):
            return True
        return now.validation_loss < before.validation_loss

    def _train(self, number: int) -> tuple[float, float, float, int, LayerFigures]:
        """Loss, gradient norm, learning rate, rows and figures by layer of one epoch."""
        work, turns = self.work, self.work.recipe.turns
        passes, turn = divmod(number - 1, turns)
        rng = work.runtime.rng(f"order {passes + 1}")
        if isinstance(work.fitting, Windows):
            work.fitting.begin(rng)
        chosen = shuffled(work.fitting, work.recipe.batch_size, rng)
        # Fewer batches than turns: some are seen again rather than none.
        chosen = chosen[turn % len(chosen) :: turns]
        # Batch normalisation has nothing to say of a single row, a process nothing of none.
        fewest = min(2 * work.at.size, work.recipe.batch_size)
        chosen = [one for one in chosen if len(one) >= fewest] or chosen
        self.model.train()
        losses: list[Tensor] = []
        weights: list[Tensor] = []
        norms: list[Tensor] = []
        layers: LayerFigures = {}
        with memory(work):
            mine = [rows[work.at.rank :: work.at.size] for rows in chosen]
            for i, batch in enumerate(work.fitting.batches(mine), start=1):
                share = self.steps / (self.work.phases[self.phase].epochs * len(chosen))
                rate = pace(self.optimizers, self.players, work.recipe, share)
                batch = augmented(moved(batch, work), work.recipe)
                if self.operations_a_row == 0:
                    self.operations_a_row = operations_of(self.model, self._objective, batch)
                loss, weight, norm, layers = self._step(batch, last=i == len(chosen))
                losses.append(loss)
                weights.append(weight)
                norms.append(norm)
                if work.device == "cpu":
                    self._require_finite(losses[-1:], number)
                elif i == len(chosen) or i % LOOKED_AT == 0:
                    self._require_finite(losses[-LOOKED_AT:], number)
        mean = float(torch.stack(losses).double().sum() / torch.stack(weights).sum())
        return mean, float(torch.stack(norms).mean()), rate, sum(map(len, chosen)), layers

    def _step(self, batch: Batch, *, last: bool) -> tuple[Tensor, Tensor, Tensor, LayerFigures]:
        """Every player's turn on a batch.

        The first one's loss, as a total and its weight, the last one's gradient norm, and figures
        by layer where it is the last step of an epoch.
        """
        losses: list[tuple[Tensor, Tensor]] = []
        layers: LayerFigures = {}
        norm = torch.zeros(())
        for player, optimizer in zip(self.players, self.optimizers, strict=True):
            with player.alone(self.players):
                self.model.zero_grad(set_to_none=True)
                with self._arithmetic():
                    cost = player.cost(batch)
                losses.append(self._backward(player, cost))
            bound = self.work.recipe.clip or math.inf
            norm = nn.utils.clip_grad_norm_(player.parameters, bound, foreach=True)
            if last:
                with layer_figures(self.model, layers):
                    optimizer.step()
            else:
                optimizer.step()
        self.average.update()
        self.steps += 1
        return *losses[0], norm, layers

    def _backward(self, player: Player, cost: Cost) -> tuple[Tensor, Tensor]:
        """Gradients of the mean over the whole batch, on all processes; its total and weight."""
        total, weight = cost.total.detach().float(), as_weight(cost.weight, cost.total.device)
        self.work.at.sum([total, weight])
        (cost.total / weight).backward()  # type: ignore[no-untyped-call]
        self.work.at.sum([one.grad for one in player.parameters if one.grad is not None])
        return total, weight

    def _arithmetic(self) -> torch.autocast:
        return arithmetic(self.work)

    def _require_finite(self, losses: Sequence[Tensor], number: int) -> None:
        """Raise Diverged for the first of the last losses that is no finite number."""
        wrong = ~torch.isfinite(torch.stack(list(losses)))
        if not bool(wrong.any()):
            return
        step = self.steps - len(losses) + int(wrong.int().argmax()) + 1
        kept = f"; epoch {self.best} was the best before it" if self.best else ""
        raise Diverged(
            f"training diverged at step {step:,} (epoch {number}): the loss is no finite number "
            f"any more{kept}; try a lower --learning-rate"
        )

    def _share_buffers(self) -> None:
        """Running means of batch normalisation, averaged over the processes."""
        if self.work.at.size > 1:
            floats = [one for one in self.model.buffers() if one.is_floating_point()]
            self.work.at.sum(floats)
            for one in floats:
                one.div_(self.work.at.size)
            self.average.take_buffers()

    def _write(self) -> None:
        if self.work.folder is None or not self.work.at.first:
            return
        tensors = {f"model.{name}": one for name, one in self.model.state_dict().items()}
        tensors |= {f"average.{name}": one for name, one in self.average.state().items()}
        tensors |= {f"kept.{name}": one for name, one in self.kept.items()}
        for epoch, weights in self.snapshots.items():
            tensors |= {f"snapshot.{epoch}.{name}": one for name, one in weights.items()}
        for place, optimizer in enumerate(self.optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{place}.{index}.{name}": one for name, one in state.items()}
        facts = {
            **self.work.kept,
            "choices": self.work.choices,
            "history": [without_nan(asdict(one)) for one in self.history],
            "counters": without_nan({name: getattr(self, name) for name in COUNTERS}),
        }
        write_progress(self.work.folder, Progress(tensors=tensors, facts=facts))

    def _restore(self, saved: Progress) -> None:
        """Be where the training was that wrote this."""
        self.history = [epoch_from_dict(one) for one in saved.facts["history"]]
        self.phase = saved.facts["counters"]["phase"]
        self._enter()
        for name in COUNTERS:
            value = saved.facts["counters"][name]
            setattr(self, name, math.nan if value is None else value)
        self.model.load_state_dict(_under("model.", saved.tensors))
        self.average.restore(_under("average.", saved.tensors))
        self.kept = {
            name: one.to(self.work.device) for name, one in _under("kept.", saved.tensors).items()
        }
        self.snapshots = {}
        for key, one in _under("snapshot.", saved.tensors).items():
            epoch, _, name = key.partition(".")
            self.snapshots.setdefault(int(epoch), {})[name] = one.to(self.work.device)
        for place, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, one in _under(f"optimizer.{place}.", saved.tensors).items():
                index, _, key = name.partition(".")
                state.setdefault(int(index), {})[key] = one
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
            _as_laid_out(optimizer)


def apart_of(epochs: int, most: int) -> int:
    """Every how many epochs weights are kept, a power of 2, so that of so many `most` are kept."""
    return int(2 ** max(0, math.ceil(math.log2((epochs + 1) / (most + 1)))))


COUNTERS = (
    "phase",
    "epochs",
    "steps",
    "best",
    "seconds",
    "operations",
    "operations_a_row",
)


def _as_laid_out(optimizer: torch.optim.Optimizer) -> None:
    """The moments of a kernel laid out in memory as the kernel is: fused steps count on it."""
    for parameter, state in optimizer.state.items():
        for name, one in state.items():
            if one.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(one)


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: one.detach().clone() for name, one in model.state_dict().items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
