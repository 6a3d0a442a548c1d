"""A pass that goes on from a layer: what led there is not computed again.

What each part before the layer gave is kept for one batch and handed out in its place. So a layer
can be changed in many ways at the cost of what follows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from auditkit.models.layers import only

Inputs = tuple[Tensor, ...]


class Course:
    """The order in which the parts of a model are done in a pass, and what is done by each layer.

    Found out by one pass of the rows given. A part that is called several times, or gives
    something other than tensors, is computed again.
    """

    def __init__(self, model: nn.Module, layers: Sequence[str], inputs: Inputs) -> None:
        self.model = model
        order: list[tuple[str, Any]] = []
        named = [(name, one) for name, one in model.named_modules() if name]
        with _watched(named, lambda name, output: order.append((name, output))):
            model(*inputs)
        names = [name for name, _ in order]
        once = {name: output for name, output in order if names.count(name) == 1}
        for layer in layers:
            only([torch.empty(0)] * names.count(layer), layer)
        parts = dict(named)
        self._before: Mapping[str, tuple[str, ...]] = {
            layer: tuple(
                name
                for name in _outermost(names[: names.index(layer) + 1])
                if name in once
                and _copied(once[name]) is not None
                and not isinstance(parts[name], torch.jit.ScriptModule)
            )
            for layer in layers
        }
        self._parts = parts

    def begin(self, inputs: Inputs) -> "Begun":
        """Run a batch once, and keep what `Begun.at` needs."""
        wanted = {name for names in self._before.values() for name in names}
        kept: dict[str, Any] = {}
        watched = [(name, self._parts[name]) for name in wanted]
        with _watched(watched, lambda name, output: kept.update({name: _copied(output)})):
            outputs = self.model(*inputs)
        return Begun(self, inputs, kept, outputs)

    def parts_before(self, layer: str) -> dict[str, nn.Module]:
        """The parts that are done when a layer is, itself included."""
        return {name: self._parts[name] for name in self._before[layer]}


class Begun:
    """A batch that went through once, with what the model said of it."""

    def __init__(
        self, course: Course, inputs: Inputs, kept: Mapping[str, Any], outputs: Any
    ) -> None:
        self.outputs = outputs
        self._course = course
        self._inputs = inputs
        self._kept = kept

    def again(self, layer: str) -> Any:
        """What the model says when it goes on from a layer, with whatever is hooked to it."""
        with self._handed_out(layer):
            return self._course.model(*self._inputs)

    @contextmanager
    def _handed_out(self, layer: str) -> Iterator[None]:
        """While open, parts up to the layer hand out what they gave."""
        parts = self._course.parts_before(layer)
        changed = [(part, self._kept[name]) for name, part in parts.items() if name in self._kept]
        own = [part.__dict__.get("forward") for part, _ in changed]
        try:
            for part, output in changed:
                part.forward = _handing(output)
            yield
        finally:
            for (part, _), before in zip(changed, own, strict=True):
                if before is None:
                    part.__dict__.pop("forward", None)
                else:
                    part.forward = before


def _handing(output: Any) -> Any:
    def forward(*_given: Any, **_named: Any) -> Any:
        return _copied(output)  # what comes later may write in it

    return forward


@contextmanager
def _watched(parts: Sequence[tuple[str, nn.Module]], seen: Any) -> Iterator[None]:
    def hook(name: str) -> Any:
        return lambda _module, _given, output: seen(name, output)

    handles = [one.register_forward_hook(hook(name)) for name, one in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _outermost(done: Sequence[str]) -> list[str]:
    """Of the parts that are done, those within no other of them."""
    known = set(done)
    return [name for name in done if not any(name[:place] in known for place in _dots(name))]


def _dots(name: str) -> list[int]:
    return [place for place, sign in enumerate(name) if sign == "."]


def _copied(output: Any) -> Any:
    """The same numbers, apart; None for what is not made of tensors alone."""
    if isinstance(output, PackedSequence):
        return output._replace(data=output.data.clone())
    if isinstance(output, Tensor):
        return output.clone()
    if isinstance(output, tuple) and type(output) is tuple:
        parts = [None if one is None else _copied(one) for one in output]
        lost = any(new is None and old is not None for new, old in zip(parts, output, strict=True))
        return None if lost else tuple(parts)
    return None
