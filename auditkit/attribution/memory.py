"""How many rows go through a model at once without using more memory than was allowed."""

from collections.abc import Callable

import torch
from torch import Tensor

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
