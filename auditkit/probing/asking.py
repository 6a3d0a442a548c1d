"""Any torch module asked in batches: its answers, and what layers gave with the slopes there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.attribution.answering import by_row, told
from auditkit.attribution.memory import rows_at_once, rows_forward
from auditkit.attribution.question import Targets, targets_of
from auditkit.errors import AuditkitError, ModelError
from auditkit.models.layers import only
from auditkit.probing.parts import spots_of
from auditkit.probing.recording import replace
from auditkit.runtime import Runtime, track

Inputs = tuple[Tensor, ...]
# Which number of an answer is looked at: as `attribute` takes it, or a function of the outputs
# that gives one number a row.
Looked = Targets | Callable[[Any], Tensor]
# What is wanted of the outputs of rows (m,), which a loss has to know: one or several numbers each.
Measure = Callable[[Any, Tensor], Tensor]
Seen = Mapping[str, tuple[Tensor, Tensor]]  # what each layer gave, and the slope there


def said(model: nn.Module, inputs: Inputs) -> Any:
    """What the model answers, rows first. Raises ModelError where its code does not take them."""
    try:
        return by_row(model(*inputs), len(inputs[0]))
    except AuditkitError:
        raise
    except Exception as error:  # the user's own code may raise anything
        shapes = ", ".join(str(tuple(one.shape)) for one in inputs)
        raise ModelError(
            f"the model does not take inputs of shape {shapes}: {told(error)}"
        ) from error


def number_of(outputs: Any, looked: Looked, rows: Tensor, n: int) -> Tensor:
    """The number (m,) that is looked at, of outputs of the rows (m,) among n.

    Raises UsageError for a target that does not exist, ModelError where there is none a row.
    """
    if callable(looked):
        found = looked(outputs)
        if not isinstance(found, Tensor) or found.shape != (len(rows),):
            seen = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ModelError(
                f"the function of the outputs gave {seen} for {len(rows)} rows: give one number a "
                "row"
            )
        return found
    each = isinstance(looked, Tensor) and looked.ndim > 0 and len(looked) == n
    given = looked[rows.to(looked.device)] if each and isinstance(looked, Tensor) else looked
    wanted = targets_of(outputs, given, len(rows))
    if wanted.shape[1] == 0:
        only_one: Tensor = outputs.reshape(len(outputs))
        return only_one
    picked: Tensor = outputs[(torch.arange(len(outputs), device=outputs.device), *wanted.unbind(1))]
    return picked


def looking(looked: Looked, n: int) -> Measure:
    """`number_of` as a measure."""
    return lambda outputs, rows: number_of(outputs, looked, rows, n)


def parts(n: int, size: int, label: str = "") -> Iterator[Tensor]:
    """Places 0 to n - 1, `size` at a time."""
    found = torch.split(torch.arange(n), size)
    yield from track(found, label, len(found)) if label else found


def taken(inputs: Inputs, rows: Tensor) -> Inputs:
    """Some rows of the inputs, as copies: a model may write in what it is given."""
    return tuple(one[rows.to(one.device)] for one in inputs)


def forward_size(model: nn.Module, inputs: Inputs, runtime: Runtime) -> int:
    """Rows of a pass without gradients that stay within the runtime's memory."""

    def some(n: int) -> Tensor:
        found = said(model, taken(inputs, torch.arange(n) % len(inputs[0])))
        return found if isinstance(found, Tensor) else torch.empty(0)

    return rows_forward(some, runtime.memory, runtime.batch_size)


@torch.no_grad()
def answers(
    model: nn.Module, inputs: Inputs, looked: Looked, *, runtime: Runtime, size: int | None = None
) -> Tensor:
    """The number that is looked at, (n,) float64 on the CPU, of a model at rest."""
    n = len(inputs[0])
    size = size or forward_size(model, inputs, runtime)
    return torch.cat(
        [
            number_of(said(model, taken(inputs, rows)), looked, rows, n).double().cpu()
            for rows in parts(n, size)
        ]
    )


@contextmanager
def touched(model: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, list[Tensor]]]:
    """While open, keeps what the layers give so that an answer's slope there can be asked.

    The model goes on with a copy: what comes later may write in it.
    """
    seen: dict[str, list[Tensor]] = {one.name: [] for one in spots_of(model, layers, moves=True)}

    def keep(name: str, numbers: Tensor) -> Tensor:
        if not numbers.requires_grad:
            numbers = numbers.detach().requires_grad_()
        seen[name].append(numbers)
        return numbers.clone()

    with ExitStack() as kept:
        for name in seen:
            kept.enter_context(replace(model, name, partial(keep, name)))
        yield seen


@contextmanager
def narrowed(model: nn.Module) -> Iterator[None]:
    """Inside, padding that no row of a pass needs is cut off: the model takes steps and lengths.

    Rows of like length are then best asked together.
    """

    def cut(_module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        steps, lengths, *rest = given
        return (steps[:, : int(lengths.max())], lengths, *rest)

    handle = model.register_forward_pre_hook(cut)
    try:
        yield
    finally:
        handle.remove()


def slopes(
    model: nn.Module,
    layers: Sequence[str],
    inputs: Inputs,
    measure: Measure,
    *,
    runtime: Runtime,
    label: str = "slopes at layers",
) -> Iterator[tuple[Tensor, Seen]]:
    """Rows, what each layer gave for them and the slope of their number there, batch by batch.

    measure gives that number (m,) of the outputs of rows (m,), as `looking` does.

    One pass there and back serves all layers. A row's number depends on its own row alone, so
    the slope of the sum is each row's own. The model is to be at rest.
    """
    n = len(inputs[0])
    with touched(model, layers) as seen:

        def asked(rows: Tensor) -> Tensor:
            for one in seen.values():
                one.clear()
            with sloping():
                return measure(said(model, taken(inputs, rows)), rows)

        def some(m: int) -> Tensor:
            return asked(torch.arange(m) % n)

        size = rows_at_once(some, runtime.memory, runtime.batch_size)
        for rows in parts(n, size, label):
            number = asked(rows)
            given = {name: only(one, name) for name, one in seen.items()}
            yield rows, _back(number, given)


@contextmanager
def sloping() -> Iterator[None]:
    """Inside, slopes can be asked for, whatever the caller's code is under."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def _back(number: Tensor, given: Mapping[str, Tensor]) -> Seen:
    if not number.requires_grad:  # the layers lie beside the way to the answer
        return {name: (one.detach(), torch.zeros_like(one)) for name, one in given.items()}
    with sloping():
        found = torch.autograd.grad(number.sum(), list(given.values()), allow_unused=True)
    return {
        name: (one.detach(), torch.zeros_like(one) if slope is None else slope)
        for (name, one), slope in zip(given.items(), found, strict=True)
    }
