"""Several processes that train one network, started by torchrun; one process is the usual case.

Each process takes its share of every batch. Gradients are summed over the processes and divided
by the weight of the whole batch, so that the step is that of one process on the whole batch.
"""

import atexit
import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, slots=True)
class World:
    """Which of how many processes this one is."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, in one exchange."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([one.flatten() for one in tensors])
        distributed.all_reduce(flat)
        start = 0
        for one in tensors:
            one.copy_(flat[start : start + one.numel()].view_as(one))
            start += one.numel()


def is_first() -> bool:
    """Whether this process is the one that writes and speaks, of those torchrun started."""
    return int(os.environ.get("RANK", "0")) == 0


def world(device: str) -> World:
    """The processes that torchrun started, connected now and until this one ends."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World()
    if not distributed.is_initialized():
        # Once for all trainings: a second group would wait at the first one's meeting place.
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        atexit.register(distributed.destroy_process_group)
    return World(rank=distributed.get_rank(), size=distributed.get_world_size())


def local_device(device: str) -> str:
    """The GPU of this process, where there are several; else the device as it is."""
    local = os.environ.get("LOCAL_RANK")
    return f"cuda:{local}" if device == "cuda" and local is not None else device
