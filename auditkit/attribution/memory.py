"""How many rows go through a model at once without using more memory than was allowed."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

MEGABYTE = 2**20


def bytes_kept(forward: Callable[[], Tensor]) -> int:
    """Bytes that a forward pass keeps for its backward pass, each storage counted once."""
    seen: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # the tensor itself would hold on to its own graph

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    return sum(seen.values())


def rows_at_once(forward: Callable[[int], Tensor], megabytes: int, most: int) -> int:
    """Rows of which a pass with its gradients keeps at most `megabytes`, from 1 to `most`.

    forward(n) sends n rows through the model; what 3 rows keep beyond what 1 keeps is what a row
    takes, so that the weights do not count.
    """
    one = bytes_kept(lambda: forward(1))
    three = bytes_kept(lambda: forward(3))
    row = max((three - one) / 2, 1.0)
    return max(1, min(most, int(megabytes * MEGABYTE / row)))


class _Largest(TorchFunctionMode):
    """Sees every call of torch, and the most bytes that one of them reads and writes.

    A mode of dispatch would see what fused calls do inside, and takes seconds to import.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = func(*args, **(kwargs or {}))
        seen = {id(one): one for one in _tensors((args, kwargs, given))}
        size = sum(one.numel() * one.element_size() for one in seen.values())
        self.bytes = max(self.bytes, size)
        return given


def _tensors(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, tuple | list):
        for one in given:
            yield from _tensors(one)
    elif isinstance(given, dict):
        yield from _tensors(tuple(given.values()))


@torch.no_grad()
def bytes_touched(forward: Callable[[], Tensor]) -> int:
    """Bytes of what the largest operation of a forward pass reads and writes."""
    with _Largest() as largest:
        forward()
    found: int = largest.bytes
    return found


def rows_forward(forward: Callable[[int], Tensor], megabytes: int, most: int) -> int:
    """Rows of a pass without gradients within about `megabytes`, from 1 to `most`.

    As `rows_at_once`; a row takes four times what the largest operation reads and writes of it,
    since branches wait beside it and fused operations hold more than they show.
    """
    two = bytes_touched(lambda: forward(3)) - bytes_touched(lambda: forward(1))
    row = max(2.0 * two, 1.0)
    return max(1, min(most, int(megabytes * MEGABYTE / row)))
