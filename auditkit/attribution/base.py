"""What an attribution method is, the table of them, and what each gives."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from auditkit.attribution.answering import first_answer, require_steady, told
from auditkit.attribution.baselines import Baseline, Given, chosen
from auditkit.attribution.players import Players, each_number
from auditkit.attribution.question import Model, Question, Targets, at_rest, targets_of, tensors
from auditkit.errors import (
    AuditkitError,
    DataError,
    ModelError,
    NotApplicable,
    UsageError,
    suggestion,
)
from auditkit.registry import Registry
from auditkit.runtime import Runtime


class Family(StrEnum):
    """How a method asks the model."""

    GRADIENT = "gradient"  # what a small change of the input does
    PROPAGATION = "propagation"  # the answer handed back layer by layer, by rules
    PERTURBATION = "perturbation"  # parts of the input are taken out
    ATTENTION = "attention"  # weights that the model computes itself
    CONTROL = "control"  # knows nothing of the model: what a method must beat


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a method's own code gives: numbers of the inputs' shapes, any device and type.

    errors are standard errors of the same shapes where the method samples; note says in words
    what a reader must know (that it stopped early, which rule was left out).
    """

    values: tuple[Tensor, ...]
    errors: tuple[Tensor, ...] | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One row of the table of methods.

    run(question, **options) does the work; can(question) says in one sentence why this model
    cannot be served, "" where it can. signed: a number below 0 speaks against the answer.
    complete: the numbers add up to answer minus that of the baseline. samples: its numbers
    depend on the seed. summary says in plain words what it does.
    """

    name: str
    family: Family
    run: Callable[..., Found]
    summary: str
    paper: str
    can: Callable[[Question], str]
    baseline: bool = False
    signed: bool = True
    complete: bool = False
    samples: bool = False


METHODS: Registry[Method] = Registry("attribution method", "auditkit.attribution.methods")


@dataclass(frozen=True, kw_only=True, eq=False)
class Attributions:
    """What each number of the inputs contributed to one number of the answer, for B rows.

    values have the inputs' shapes, float64 on the CPU; errors are standard errors where the
    method samples, else None. answers (B,) is what is explained; reference (B,) that of the
    baseline, NaN for a method without one. forward and
    backward count rows sent through the model and back.
    """

    method: str
    values: tuple[Tensor, ...]
    errors: tuple[Tensor, ...] | None
    answers: Tensor
    reference: Tensor
    baseline: str
    complete: bool
    forward: int
    backward: int
    seconds: float
    note: str = ""

    @property
    def value(self) -> Tensor:
        """The numbers of the first input, which for many models is the only one."""
        return self.values[0]

    @property
    def gap(self) -> Tensor:
        """By how much the numbers miss what they should add up to, (B,); NaN if not promised."""
        if not self.complete:
            return torch.full_like(self.answers, torch.nan)
        total = sum(one.reshape(len(one), -1).sum(dim=1) for one in self.values)
        found: Tensor = total - (self.answers - self.reference)
        return found

    def of(self, players: Players) -> Tensor:
        """Each player's contribution, (B, players) float64."""
        return players.gathered(self.values)


def attribute(
    method: str,
    model: Model,
    inputs: Tensor | tuple[Tensor, ...],
    targets: Targets = None,
    *,
    baselines: Given = None,
    players: Players | None = None,
    runtime: Runtime | None = None,
    **options: Any,
) -> Attributions:
    """What each number of the inputs contributed to one number of the model's answer.

    inputs are one tensor or several, rows first, as the model takes them; several go to it in
    their order. targets names the class that is explained, where the model answers several
    numbers a row: one for all rows, or one for each; a place in each axis for answers of more.
    baselines is "zero", a tensor or several, or a `Baseline`; players groups numbers for methods
    that take parts of the input out. options are the method's own.

    Nothing of the model is changed: it leaves in the mode it came. Raises UsageError for a name,
    a target or an option that does not exist, DataError for inputs with NaN, NotApplicable where
    this model cannot be asked in this way, with the methods that can.
    """
    rows = tensors(inputs)
    runtime = runtime or Runtime()
    with at_rest(model):
        question = question_of(
            model, rows, targets, baselines=baselines, players=players, runtime=runtime
        )
        return asked(method, question, **options)


def question_of(
    model: Model,
    inputs: tuple[Tensor, ...],
    targets: Targets = None,
    *,
    baselines: Given = None,
    known: Mapping[str, Baseline] | None = None,
    players: Players | None = None,
    runtime: Runtime,
) -> Question:
    """The question, checked. Ask for it with the model `at_rest`."""
    with runtime.seeded("attribution question"):
        outputs, model = first_answer(model, inputs)
        found = targets_of(outputs, targets, len(inputs[0]))
        if not bool(torch.isfinite(outputs).all()):
            raise ModelError("the model answers NaN or infinity: check its weights and its inputs")
        require_steady(model, inputs, outputs)
    return Question(
        model=model,
        inputs=inputs,
        targets=found,
        baseline=chosen(baselines, inputs, known),
        players=players or each_number(inputs),
        runtime=runtime,
    )


def asked(method: str, question: Question, **options: Any) -> Attributions:
    """A method's answer to a question whose model is at rest; as `attribute` says."""
    row = METHODS[method]
    reason = refusal(row, question)
    if reason:
        raise NotApplicable(f"{method} cannot explain this model: {reason}; {_others(question)}")
    before = (question.cost.forward, question.cost.backward)
    clock = time.perf_counter()
    _require_options(row, options)
    try:
        with question.runtime.seeded(f"attribution {method}"):
            found = row.run(question, **options)
    except AuditkitError:
        raise
    except Exception as error:  # of the model's own code, on its way forward or back
        raise ModelError(f"{method} did not get through this model: {told(error)}") from error
    seconds = time.perf_counter() - clock
    values = tuple(_plain(one) for one in found.values)
    if not all(bool(torch.isfinite(one).all()) for one in values):
        raise DataError(f"{method} gave NaN or infinity for this model: ask another method")
    forward, backward = question.cost.forward - before[0], question.cost.backward - before[1]
    own = question.own.cpu()
    return Attributions(
        method=method,
        values=values,
        errors=None if found.errors is None else tuple(_plain(one) for one in found.errors),
        answers=own,
        reference=question.reference.cpu() if row.baseline else torch.full_like(own, torch.nan),
        baseline=question.baseline.name if row.baseline else "",
        complete=row.complete,
        forward=forward,
        backward=backward,
        seconds=seconds,
        note=found.note,
    )


def served(question: Question) -> Iterator[str]:
    """The names of the methods that can explain this model, in the table's order."""
    return (name for name, row in METHODS.items() if not refusal(row, question))


def refusal(row: Method, question: Question) -> str:
    """Why a method cannot serve a question's model, "" where it can; in one sentence."""
    try:
        return row.can(question)
    except Exception as error:  # some ask the model, whose own code may raise anything
        return f"it does not get through this model ({told(error)})"


def anything(_question: Question) -> str:
    """The `can` of a method that asks for nothing but answers."""
    return ""


def _others(question: Question) -> str:
    names = [name for name in served(question) if METHODS[name].family is not Family.CONTROL]
    return f"these can: {', '.join(names)}" if names else "no method can"


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float64)


def _require_options(row: Method, options: Mapping[str, Any]) -> None:
    known = [name for name in signature(row.run).parameters if name != "question"]
    for name in options:
        if name not in known:
            raise UsageError(f"{row.name} has no option {name!r}; {suggestion(name, known)}")
