"""What the layers of any torch module give while it runs, and the same with other numbers in it.

>>> with record(model, ["stage1", "blocks.*"]) as activations:
...     model(pixels)
>>> activations["stage1"].shape         # rows first, all passes together
>>> with replace(model, "stage1", lambda maps: maps.mean(dim=0, keepdim=True).expand_as(maps)):
...     model(pixels)

The model needs no conversion, and nothing is left behind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from auditkit.errors import ModelError
from auditkit.models.layers import named_layer, named_layers, numbers_of, put_back, together

Change = Callable[[Tensor], Tensor]


class Recording(Mapping[str, Tensor]):
    """What each layer gave, (n, ...), rows first; the rows of several passes follow each other.

    A layer that was not called has none: asking for it raises ModelError. Numbers are on the CPU
    and hold no gradients.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._parts: dict[str, list[Tensor]] = {name: [] for name in names}
        self._calls: dict[str, int] = dict.fromkeys(names, 0)

    def __getitem__(self, name: str) -> Tensor:
        parts = self._parts[name]
        if not parts:
            raise ModelError(f"layer {name!r} was not called: run the model inside `with`")
        if len(parts) > 1:
            self._parts[name] = parts = [together(parts)]
        return parts[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def take(self, name: str, numbers: Tensor) -> None:
        """Keep what a layer gave."""
        self._parts[name].append(numbers.detach().to("cpu", copy=True))


@contextmanager
def record(model: nn.Module, layers: str | Sequence[str]) -> Iterator[Recording]:
    """While open, keeps what the layers of these names or patterns give, pass after pass.

    Raises UsageError for a name that no layer has, ModelError for a layer that gives no numbers
    or is called several times in a pass.
    """
    found = named_layers(model, layers)
    kept = Recording(tuple(found))
    handles = []
    called: set[str] = set()

    def begin(_module: nn.Module, _given: Any) -> None:
        called.clear()

    def hook(name: str) -> Any:
        def seen(module: nn.Module, _given: Any, output: Any) -> None:
            if name in called:
                raise ModelError(
                    f"layer {name!r} is called several times in a pass: name one that is called "
                    "once"
                )
            called.add(name)
            kept.take(name, numbers_of(module, output, name))

        return seen

    try:
        handles.append(model.register_forward_pre_hook(begin))
        handles += [one.register_forward_hook(hook(name)) for name, one in found.items()]
        yield kept
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def replace(model: nn.Module, layer: str, change: Change) -> Iterator[None]:
    """While open, the model goes on with change(what the layer gave), of the same shape.

    change takes and gives a tensor, rows first; gradients flow through it. Raises UsageError for a
    layer that does not exist, ModelError for a change of another shape.
    """

    def hook(module: nn.Module, _given: Any, output: Any) -> Any:
        numbers = numbers_of(module, output, layer)
        changed = change(numbers)
        if changed.shape != numbers.shape:
            raise ModelError(
                f"the change of layer {layer!r} gave shape {tuple(changed.shape)} for "
                f"{tuple(numbers.shape)}: give one of the same shape"
            )
        return put_back(module, output, changed)

    handle = named_layer(model, layer).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
