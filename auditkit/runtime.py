"""Where and how an audit computes: device, seed, batch size; and how it tells of its progress."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar
from zlib import crc32

import numpy as np

from auditkit.errors import UsageError
from auditkit.ranges import MOST, ranged, require_ranges

T = TypeVar("T")
Tick = Callable[[], None]
Progress = Callable[[str, int], AbstractContextManager[Tick]]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The choices made once for a whole run.

    device is "auto", "cpu", "cuda" or "cuda:1"; batch_size counts rows a forward pass; memory is
    in megabytes what a pass with its gradients may keep, where an explanation sends its own rows.
    """

    device: str = "auto"
    seed: int = ranged(0, 0, MOST)
    batch_size: int = ranged(4096, 1)
    memory: int = ranged(128, 1)

    def __post_init__(self) -> None:
        require_ranges(self, "the run's settings")

    def rng(self, name: str) -> np.random.Generator:
        """A generator for one named purpose: adding another changes none of its numbers."""
        return np.random.default_rng([self.seed, crc32(name.encode())])

    @contextmanager
    def seeded(self, name: str) -> Iterator[None]:
        """Inside, torch draws by seed and name; outside, its generators are as they were."""
        import torch

        devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(self.rng(name).integers(2**63)))
            yield

    def resolved_device(self) -> str:
        """The device in torch's words. Raises UsageError where there is no such device."""
        import torch

        if self.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            seen = "cpu" + (", cuda" if torch.cuda.is_available() else " only")
            raise UsageError(
                f"no device {self.device!r}; this machine has {seen}: try --device auto"
            ) from error
        return self.device


@contextmanager
def _quiet(label: str, total: int) -> Iterator[Tick]:
    yield lambda: None


_progress: ContextVar[Progress] = ContextVar("progress", default=_quiet)


@contextmanager
def showing(progress: Progress) -> Iterator[None]:
    """Report progress through `progress` inside this block; the command line draws bars so."""
    token = _progress.set(progress)
    try:
        yield
    finally:
        _progress.reset(token)


def track(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """The items, each counted as done when the next is asked for. Silent unless `showing`."""
    with _progress.get()(label, total) as tick:
        for item in items:
            yield item
            tick()
