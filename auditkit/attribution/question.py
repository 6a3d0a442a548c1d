"""What is explained: one number of a model's answer for each row."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.attribution.answering import by_row, told
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.memory import rows_at_once, rows_forward
from auditkit.attribution.players import HELD, Players
from auditkit.errors import AuditkitError, DataError, ModelError, UsageError
from auditkit.runtime import Runtime

Model = nn.Module | Callable[..., Any]
Targets = int | Sequence[int] | Tensor | None


@dataclass(kw_only=True)
class Cost:
    """What was asked of the model: rows that went forward, and rows that went back as well."""

    forward: int = 0
    backward: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """A model, B rows and which number of its answer is explained.

    inputs are tensors as the model takes them, rows first, on its device. targets is (B, k)
    int64, one place in each of the answer's k axes after the rows; k is 0 where the answer is
    one number a row. Made by `question_of`, which has checked all of it.
    """

    model: Model
    inputs: tuple[Tensor, ...]
    targets: Tensor
    baseline: Baseline
    players: Players
    runtime: Runtime
    cost: Cost = field(default_factory=Cost)

    @property
    def rows(self) -> int:
        """How many rows are explained."""
        return len(self.inputs[0])

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.inputs[0].device

    def at(self, rows: Tensor) -> "Question":
        """The same question of some rows, in the order of `rows` (m,); costs are shared."""
        here = rows.to(self.device)
        return Question(
            model=self.model,
            inputs=tuple(one[here] for one in self.inputs),
            targets=self.targets[here],
            baseline=self.baseline.at(here),
            players=self.players.at(here),
            runtime=self.runtime,
            cost=self.cost,
        )

    def answer(self, inputs: tuple[Tensor, ...], rows: Tensor | None = None) -> Tensor:
        """The number that is explained, (m,), of any inputs of m rows, in one pass.

        rows (m,) says to which explained row each belongs, and so which target is looked at;
        None where inputs are the explained rows themselves. Gradients flow where they are on.
        """
        self.cost.forward += len(inputs[0])
        try:
            outputs = self.model(*inputs)
        except AuditkitError:
            raise
        except Exception as error:  # the user's own code may raise anything
            raise ModelError(
                f"the model does not take {len(inputs[0])} rows made for its explanation: "
                f"{told(error)}"
            ) from error
        return self.selected(outputs, rows)

    def selected(self, outputs: Tensor, rows: Tensor | None = None) -> Tensor:
        """The explained number of each row of the model's outputs (m, ...)."""
        targets = self.targets if rows is None else self.targets[rows]
        outputs = by_row(outputs, len(targets))
        if targets.shape[1] == 0:
            return outputs.reshape(len(outputs))
        return outputs[(torch.arange(len(outputs), device=outputs.device), *targets.unbind(1))]

    @torch.no_grad()
    def answers(self, inputs: tuple[Tensor, ...], rows: Tensor | None = None) -> Tensor:
        """The same as (m,) float64, without gradients and in internal batches."""
        m = len(inputs[0])
        where = torch.arange(m, device=self.device) if rows is None else rows
        parts = [
            self.answer(
                tuple(one[start : start + self.at_once] for one in inputs),
                where[start : start + self.at_once],
            ).double()
            for start in range(0, m, self.at_once)
        ]
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64)

    @cached_property
    def own(self) -> Tensor:
        """The explained number of the rows as they are, (B,) float64."""
        return self.answers(self.inputs)

    def start(self, rows: Tensor, which: Tensor | None = None) -> tuple[Tensor, ...]:
        """A baseline for each of the explained rows (m,), which keep what no player moves.

        A text's length is its own, so that an explanation starts where its end can go. which (m,)
        says which of several baselines is taken; without it, the row's own, the only or the first.
        """
        place = torch.zeros_like(rows) if which is None else which
        place = rows if self.baseline.paired else place
        found = []
        for own, base, mask in zip(
            self.inputs, self.baseline.rows, self.players.masks, strict=True
        ):
            held = (mask if len(mask) == 1 else mask[rows.to(mask.device)]) == HELD
            there = base.to(own.device, own.dtype)[place]
            found.append(torch.where(held.to(own.device), own[rows], there))
        return tuple(found)

    @cached_property
    def reference(self) -> Tensor:
        """The explained number of the baseline, (B,) float64; the mean where it has several."""
        many = len(self.baseline.rows[0]) if self.baseline.several else 1
        total = torch.zeros(self.rows, dtype=torch.float64, device=self.device)
        every = torch.arange(self.rows, device=self.device)
        for which in range(many):
            for part in torch.split(every, self.at_once):
                begun = self.start(part, torch.full_like(part, which))
                total[part] += self.answers(begun, part) / many
        return total

    @cached_property
    def at_once(self) -> int:
        """Rows a pass within the runtime's memory, as if all of them went back as well."""

        def forward(n: int) -> Tensor:
            rows = torch.arange(n, device=self.device) % self.rows
            with torch.enable_grad(), _moving(self.model):
                moved = tuple(
                    one[rows].requires_grad_() if one.is_floating_point() else one[rows]
                    for one in self.inputs
                )
                return self.selected(self.model(*moved), rows)

        def plainly(n: int) -> Tensor:
            rows = torch.arange(n, device=self.device) % self.rows
            return self.selected(self.model(*(one[rows] for one in self.inputs)), rows)

        memory, most = self.runtime.memory, self.runtime.batch_size
        try:
            return rows_at_once(forward, memory, most)
        except Exception:  # a function of numpy's takes no tensor that wants a gradient
            return rows_forward(plainly, memory, most)


def embeds(module: nn.Module) -> bool:
    """Whether a layer turns each number of its input into a vector, (..., d) from (...).

    So does `nn.Embedding`, and any layer that says so by an attribute `embeds`: on the way
    through its bins or waves a gradient along a straight line says little.
    """
    return isinstance(module, nn.Embedding) or bool(getattr(module, "embeds", False))


@contextmanager
def _moving(model: Model) -> Iterator[None]:
    """Inside, what the embeddings give wants a gradient, as where it is moved."""
    layers = [one for one in model.modules() if embeds(one)] if isinstance(model, nn.Module) else []
    handles = [
        one.register_forward_hook(lambda _m, _a, output: output.detach().requires_grad_())
        for one in layers
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def at_rest(model: Model) -> Iterator[None]:
    """Inside, the model is as it is used: no dropout, no running statistics, weights fixed.

    Every part leaves in the mode it came, every weight with the gradients it wanted, every buffer
    (a counter, a state) with its numbers. A recurrent network is kept from cuDNN, which cannot go
    back through one that is not training.
    """
    if not isinstance(model, nn.Module):
        yield
        return
    # A frozen script has no mode.
    modes = [(one, one.training) for one in model.modules() if hasattr(one, "training")]
    wanted = [(one, one.requires_grad) for one in model.parameters()]
    buffers = _buffers(model)
    recurrent = any(isinstance(one, nn.RNNBase) for one, _ in modes)
    fused = torch.backends.mha.get_fastpath_enabled()
    try:
        # In one piece, a transformer of torch's own hands its layers' hooks nested tensors.
        torch.backends.mha.set_fastpath_enabled(False)
        model.eval()
        for weight, _ in wanted:
            weight.requires_grad_(False)
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not recurrent):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for one, training in modes:
            one.training = training
        for weight, wants in wanted:
            weight.requires_grad_(wants)
        _put_back(buffers)


Buffers = list[tuple[nn.Module, str, Tensor, Tensor]]


def _buffers(model: nn.Module) -> Buffers:
    """Every buffer with where it is and a copy of its numbers."""
    return [
        (part, name, one, one.clone())
        for part in model.modules()
        for name, one in part.named_buffers(recurse=False)
    ]


@torch.no_grad()
def _put_back(buffers: Buffers) -> None:
    for part, name, one, before in buffers:
        if getattr(part, name) is not one and not isinstance(part, torch.jit.ScriptModule):
            setattr(part, name, one)
        if not torch.equal(one, before):
            one.copy_(before)


def tensors(inputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """One tensor or several as a tuple. Raises DataError for no rows, NaN or infinite numbers."""
    found = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if not found or not all(isinstance(one, Tensor) and one.ndim for one in found):
        seen = ", ".join(type(one).__name__ for one in found) or "nothing"
        raise DataError(f"the inputs are {seen}: give a tensor, or a tuple of them, rows first")
    lengths = {len(one) for one in found}
    if len(lengths) > 1 or lengths == {0}:
        raise DataError(f"the inputs have {sorted(lengths)} rows: give the same number, 1 or more")
    for place, one in enumerate(found):
        if one.is_floating_point() and not bool(torch.isfinite(one).all()):
            wrong = (~torch.isfinite(one)).reshape(len(one), -1).any(dim=1)
            raise DataError(
                f"row {int(wrong.int().argmax()) + 1} of input {place + 1} holds NaN or infinity: "
                "fill it in or leave the row out"
            )
    # Nothing made in inference mode can ever want a gradient.
    return tuple(one.clone() if one.is_inference() else one.detach() for one in found)


def targets_of(outputs: Any, given: Targets, rows: int) -> Tensor:
    """The targets (rows, k) for outputs (rows, ...). One output needs none.

    given is a class for all rows, a tuple of places in the k axes, or a tensor (rows,) or
    (rows, k). Raises ModelError for outputs that hold no answer a row, UsageError for a target
    that is missing or does not exist.
    """
    outputs = by_row(outputs, rows)
    if not isinstance(outputs, Tensor) or outputs.ndim == 0 or len(outputs) != rows:
        seen = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ModelError(
            f"the model gave {seen} for {rows} rows; an explanation needs one answer a row: wrap "
            "it in a module that returns that tensor"
        )
    sizes = outputs.shape[1:]
    if outputs.numel() == rows:
        _require_only(given, sizes)
        return torch.zeros((rows, 0), dtype=torch.int64, device=outputs.device)
    if given is None:
        raise UsageError(
            f"the model answers {tuple(sizes)} numbers a row: say with targets which is explained"
        )
    wanted = torch.as_tensor(given, dtype=torch.int64, device=outputs.device)
    if wanted.ndim == 1 and len(sizes) == 1 and len(wanted) == rows:
        wanted = wanted[:, None]
    wanted = wanted.expand(rows, len(sizes)) if wanted.ndim < 2 else wanted
    if wanted.shape != (rows, len(sizes)):
        raise UsageError(
            f"targets of shape {tuple(wanted.shape)} for {rows} rows of {tuple(sizes)} answers: "
            f"give one place, or a tensor ({rows}, {len(sizes)})"
        )
    for axis, size in enumerate(sizes):
        _require_within(wanted[:, axis], size)
    return wanted


def _require_only(given: Targets, sizes: Sequence[int]) -> None:
    if given is None:
        return
    if bool((torch.as_tensor(given) != 0).any()):
        raise UsageError(f"no answer {given}: the model gives one number a row; leave targets out")


def _require_within(wanted: Tensor, size: int) -> None:
    wrong = (wanted < 0) | (wanted >= size)
    if bool(wrong.any()):
        raise UsageError(
            f"no answer {int(wanted[wrong][0])}: the model gives {size} a row, 0 to {size - 1}"
        )
