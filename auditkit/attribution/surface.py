"""Where a model's inputs become numbers that can be moved a little.

Real numbers are such themselves. Whole numbers (tokens, levels) become so in an embedding layer:
what that layer gives is moved in their place, in any torch module, without changing it. So is
what a layer makes of real numbers that turns each into a vector. The `Surface` runs the model
from there on.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.attribution.question import Question, embeds
from auditkit.errors import ModelError, NotApplicable


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """Where one tensor of a surface comes from: an input, or what an embedding made of one.

    column is that of the input which the layer read, None where it read all; call counts the
    embeddings' calls in a forward pass.
    """

    input: int
    layer: nn.Module | None = None
    column: int | None = None
    call: int = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """The moved tensors of a question's model, and the model from there on.

    Use it inside `with surface.open():`, which holds the hooks. A point is one tensor for each
    place, rows first.
    """

    question: Question
    places: tuple[Place, ...]
    floats: tuple[int, ...]  # inputs of truth values that the model takes as numbers as well

    @contextmanager
    def open(self) -> Iterator["_Running"]:
        """The running surface; no hook outlives it."""
        running = _Running(self)
        layers = {one.layer for one in self.places if one.layer is not None}
        model = self.question.model
        handles = []
        if isinstance(model, nn.Module):
            handles = [
                one.register_forward_hook(running.hook)
                for one in model.modules()
                if embeds(one) and layers
            ]
        try:
            yield running
        finally:
            for handle in handles:
                handle.remove()

    def folded(self, values: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Numbers at a point as float64 of the inputs' shapes: an embedding's are added up.

        What has no place (lengths) has 0.
        """
        inputs = self.question.inputs
        rows = len(values[0]) if len(values) else len(inputs[0])
        found = [
            torch.zeros(rows, *one.shape[1:], dtype=torch.float64, device=one.device)
            for one in inputs
        ]
        for place, value in zip(self.places, values, strict=True):
            whole = value.double() if place.layer is None else value.double().sum(dim=-1)
            if place.column is None:
                found[place.input] = found[place.input] + whole
            else:
                found[place.input][:, place.column] += whole
        return tuple(found)

    @property
    def moved(self) -> tuple[bool, ...]:
        """Which inputs have a place on the surface."""
        return tuple(
            any(place.input == i for place in self.places) for i in range(len(self.question.inputs))
        )


class _Running:
    """A surface with its hooks in place."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._calls = 0
        self._moved: dict[int, Tensor] | None = None  # the call that gives each tensor
        self._seen: dict[int, Tensor] = {}

    def hook(self, _module: nn.Module, _arguments: Any, output: Tensor) -> Tensor | None:
        call, self._calls = self._calls, self._calls + 1
        if self._moved is None:
            self._seen[call] = output
            return None
        return self._moved.get(call)

    @torch.no_grad()
    def point(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The place of inputs as the model takes them, m rows of them; detached."""
        places = self.surface.places
        self._calls, self._moved, self._seen = 0, None, {}
        if any(place.layer is not None for place in places):
            self.surface.question.model(*inputs)
        return tuple(
            self._number(inputs[one.input], one.input)
            if one.layer is None
            else self._seen[one.call].detach()
            for one in places
        )

    def answer(self, point: Sequence[Tensor], rows: Tensor) -> Tensor:
        """The explained number (m,) from a point of m rows; rows (m,) are the explained ones."""
        question = self.surface.question
        question.cost.forward += len(rows)
        return question.selected(self.outputs(point, rows), rows)

    def outputs(self, point: Sequence[Tensor], rows: Tensor) -> Tensor:
        """All that the model answers from a point."""
        question = self.surface.question
        inputs = [one[rows] for one in question.inputs]
        self._calls, self._moved = 0, {}
        for place, tensor in zip(self.surface.places, point, strict=True):
            if place.layer is None:
                inputs[place.input] = tensor
            else:
                self._moved[place.call] = tensor
        try:
            outputs: Tensor = question.model(*inputs)
            return outputs
        finally:
            self._moved = None

    def gradients(self, point: Sequence[Tensor], rows: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The explained number (m,) and its gradient at each tensor of a point.

        Raises ModelError where the answer has none.
        """
        leaves = tuple(one.detach().requires_grad_() for one in point)
        with torch.enable_grad():
            answer = self.answer(leaves, rows)
        self.surface.question.cost.backward += len(rows)
        if not answer.requires_grad:
            raise ModelError(
                "the answer has no gradient (it is counted, rounded or detached): ask a method "
                "that needs none"
            )
        found = torch.autograd.grad(answer.sum(), leaves, allow_unused=True)
        given = tuple(
            torch.zeros_like(leaf) if one is None else one
            for one, leaf in zip(found, leaves, strict=True)
        )
        return answer.detach(), given

    def _number(self, tensor: Tensor, place: int) -> Tensor:
        return tensor.to(torch.get_default_dtype()) if place in self.surface.floats else tensor


def surface_of(question: Question) -> Surface:
    """The surface of a question's model. Raises NotApplicable where an input has none.

    That is so for whole numbers (more than one a row) that pass through no `nn.Embedding`, and
    for a model that is no torch module.
    """
    model = question.model
    if not isinstance(model, nn.Module):
        raise NotApplicable(
            "the model is a function and no torch module: ask a method that needs no gradient"
        )
    calls = _embeddings(model, question.inputs)
    places, floats = [], []
    for i, one in enumerate(question.inputs):
        if one.is_floating_point():
            places += [Place(input=i), *(place for place in calls if place.input == i)]
        elif one.dtype == torch.bool:
            if _takes_numbers(question, i):
                places.append(Place(input=i))
                floats.append(i)
        else:
            own = [place for place in calls if place.input == i]
            if not own and one.ndim > 1 and one.numel():  # a table may have no categories
                raise NotApplicable(
                    f"input {i + 1} holds whole numbers that pass through no nn.Embedding, so "
                    "they have no gradient: ask a method that needs none"
                )
            places += own
    if not places:
        raise NotApplicable("the model takes nothing that has a gradient")
    return Surface(question=question, places=tuple(places), floats=tuple(floats))


@torch.no_grad()
def _embeddings(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[Place]:
    """Which embedding reads which input, in the order of their calls."""
    found: list[Place] = []
    calls = 0

    def hook(module: nn.Module, arguments: tuple[Tensor, ...], _output: Tensor) -> None:
        nonlocal calls
        for i, one in enumerate(inputs):
            if one.dtype != torch.bool:
                known, column = _read(one, arguments[0])
                if known:
                    found.append(Place(input=i, layer=module, column=column, call=calls))
                    break
        calls += 1

    handles = [one.register_forward_hook(hook) for one in model.modules() if embeds(one)]
    try:
        if handles:
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _read(source: Tensor, seen: Tensor) -> tuple[bool, int | None]:
    """Whether `seen` is the input or one of its columns, and which: by memory, else by value."""
    rows = seen.shape[:1] == source.shape[:1]
    if seen.shape == source.shape and _same(source, seen):
        return True, None
    if source.ndim != 2 or seen.ndim != 1 or not rows:
        return False, None
    if seen.untyped_storage().data_ptr() == source.untyped_storage().data_ptr():
        step = source.stride(1)
        return True, (seen.storage_offset() - source.storage_offset()) // max(step, 1)
    equal = [i for i in range(source.shape[1]) if torch.equal(source[:, i], seen)]
    return (True, equal[0]) if len(equal) == 1 else (False, None)


def _same(source: Tensor, seen: Tensor) -> bool:
    here = seen.untyped_storage().data_ptr() == source.untyped_storage().data_ptr()
    return (here and seen.storage_offset() == source.storage_offset()) or torch.equal(source, seen)


@torch.no_grad()
def _takes_numbers(question: Question, place: int) -> bool:
    """Whether the model answers the same where truth values come as 0 and 1."""
    inputs = list(question.inputs)
    inputs[place] = inputs[place].to(torch.get_default_dtype())
    try:
        moved = question.model(*inputs)
    except (RuntimeError, TypeError, IndexError, ValueError):
        return False
    return torch.allclose(moved, question.model(*question.inputs), equal_nan=True)
