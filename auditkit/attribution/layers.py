"""Integrated gradients of what a layer gives, and a model cut at a layer.

`layer_integrated_gradients` says what each number that a named layer gives contributed to the
answer. `Cut` is the model up to there: any method of the table then says what each number of the
inputs contributed to one neuron. Both take layers that give a tensor, a tuple that begins with
one (attention), or an RNN's states, packed or not.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.attribution.answering import Copied
from auditkit.attribution.base import Attributions, question_of
from auditkit.attribution.baselines import Given
from auditkit.attribution.paths import Walk, walked
from auditkit.attribution.question import Question, Targets, at_rest, tensors
from auditkit.models.layers import named_layer, numbers_of, only, put_back, together
from auditkit.runtime import Runtime


def layer_integrated_gradients(
    model: nn.Module,
    layer: str,
    inputs: Tensor | tuple[Tensor, ...],
    targets: Targets = None,
    *,
    baselines: Given = None,
    runtime: Runtime | None = None,
    walk: Walk | None = None,
) -> Attributions:
    """What each number that a layer gives contributed, (B, ...) as the layer gives them.

    The way goes straight from what the layer gives for the baseline to what it gives for the
    row; all else in the model is as the row makes it. So the numbers add up to the answer less
    that of the baseline where everything passes through the layer. Raises UsageError for a layer
    that does not exist, ModelError for one that gives no tensor or is called more than once.
    """
    runtime, walk = runtime or Runtime(), walk or Walk()
    with at_rest(model):
        question = question_of(
            model, tensors(inputs), targets, baselines=baselines, runtime=runtime
        )
        clock = perf_counter()
        every = torch.arange(question.rows, device=question.device)
        parts = []
        with _opened(question, layer) as moving:
            for part in torch.split(every, max(1, 4 * question.at_once // walk.steps)):
                end = moving.given(tuple(one[part] for one in question.inputs))
                start = moving.given(question.start(part))
                found = walked(moving, (start,), (end,), part, walk=walk, at_once=question.at_once)
                parts.append(found.values[0].cpu())
        return Attributions(
            method="layer_integrated_gradients",
            values=(together(parts),),
            errors=None,
            answers=question.own.cpu(),
            reference=question.reference.cpu(),
            baseline=question.baseline.name,
            complete=True,
            forward=question.cost.forward,
            backward=question.cost.backward,
            seconds=perf_counter() - clock,
            note=f"at {layer}",
        )


class Cut(nn.Module):
    """A model that ends at a layer: its answer is what the layer gives, rows first.

    The targets of an explanation are then the places of a neuron: `attribute("saliency",
    Cut(model, "stage3"), pixels, (4, 0, 0))`.
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        super().__init__()
        self.model = model
        self.layer = layer
        _named(model, layer)

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the layer gives for inputs as the model takes them, (B, ...)."""
        kept: list[Tensor] = []
        module = _named(self.model, self.layer)

        def hook(_module: nn.Module, _given: Any, output: Any) -> None:
            kept.append(numbers_of(module, output, self.layer))

        handle = module.register_forward_hook(hook)
        try:
            self.model(*inputs)
        finally:
            handle.remove()
        return only(kept, self.layer)


class _Moving:
    """A question whose layer's output is moved: `paths.Moving`."""

    def __init__(self, question: Question, layer: str, module: nn.Module) -> None:
        self.question, self.layer, self.module = question, layer, module
        self.moved: Tensor | None = None
        self.seen: list[Tensor] = []

    def hook(self, module: nn.Module, _given: Any, output: Any) -> Any:
        if self.moved is None:
            self.seen.append(numbers_of(module, output, self.layer).detach())
            return None
        return put_back(module, output, self.moved)

    @torch.no_grad()
    def given(self, inputs: tuple[Tensor, ...]) -> Tensor:
        self.seen = []
        self.question.cost.forward += len(inputs[0])
        self.question.model(*inputs)
        return only(self.seen, self.layer)

    def answer(self, point: Sequence[Tensor], rows: Tensor) -> Tensor:
        self.moved = point[0]
        try:
            return self.question.answer(tuple(one[rows] for one in self.question.inputs), rows)
        finally:
            self.moved = None

    def gradients(self, point: Sequence[Tensor], rows: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        leaf = point[0].detach().requires_grad_()
        with torch.enable_grad():
            answer = self.answer((leaf,), rows)
        self.question.cost.backward += len(rows)
        if not answer.requires_grad:
            return answer, (torch.zeros_like(leaf),)
        (slope,) = torch.autograd.grad(answer.sum(), leaf, allow_unused=True)
        return answer.detach(), (torch.zeros_like(leaf) if slope is None else slope,)


@contextmanager
def _opened(question: Question, layer: str) -> Iterator[_Moving]:
    assert isinstance(question.model, nn.Module), "a layer is one of a module's"
    module = _named(question.model, layer)
    moving = _Moving(question, layer, module)
    handle = module.register_forward_hook(moving.hook)
    try:
        yield moving
    finally:
        handle.remove()


def _named(model: Any, layer: str) -> nn.Module:
    return named_layer(model.model if isinstance(model, Copied) else model, layer)
