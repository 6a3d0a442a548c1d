"""Where what was recorded lies until it is read: in memory, or in a file that has no name.

Parts come one after another, rows first, and are read as one tensor. The file is gone from its
folder when it is opened, so that it leaves nothing behind, whatever becomes of the process.
"""

from collections.abc import Sequence
from mmap import mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Protocol

import torch
from torch import Tensor

from auditkit.errors import DataError


class Store(Protocol):
    """Keeps parts (n_i, ...) of one dtype, on the CPU."""

    def add(self, part: Tensor) -> None:
        """Keep a part that nobody else writes to."""

    def read(self) -> Tensor | None:
        """All of them, (n, ...), None before the first."""

    def close(self) -> None:
        """No more will come."""


class InMemory:
    """Parts are joined when they are first read, each let go as it is copied."""

    def __init__(self, name: str, ragged: Sequence[int] | None) -> None:
        self._name, self._ragged = name, ragged
        self._parts: list[Tensor] = []

    def add(self, part: Tensor) -> None:
        """Keep a part."""
        self._parts.append(part)

    def read(self) -> Tensor | None:
        """All of them as one."""
        if len(self._parts) > 1:
            self._parts = [self._joined()]
        return self._parts[0] if self._parts else None

    def close(self) -> None:
        """Nothing is open."""

    def _joined(self) -> Tensor:
        shapes = [tuple(one.shape) for one in self._parts]
        whole = _empty(whole_shape(shapes, self._name, self._ragged), shapes, self._parts[0])
        end = len(whole)
        while self._parts:  # from the last, so that a list need not move its rest
            part = self._parts.pop()
            _into(whole[end - len(part) : end], part)
            end -= len(part)
        return whole


class OnDisk:
    """Parts are written one after another, and mapped into memory when they are read."""

    def __init__(self, name: str, ragged: Sequence[int] | None, folder: Path | None) -> None:
        self._name, self._ragged, self._folder = name, ragged, folder
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 closed by `close`
        self._shapes: list[tuple[int, ...]] = []
        self._dtype = torch.float32
        self._whole: Tensor | None = None

    def add(self, part: Tensor) -> None:
        """Write a part behind the others."""
        self._shapes.append(tuple(part.shape))
        self._dtype, self._whole = part.dtype, None
        self._file.write(_bytes(part))

    def read(self) -> Tensor | None:
        """All of them, mapped: the numbers are read from disk as they are looked at."""
        if self._whole is None and self._shapes:
            shape = whole_shape(self._shapes, self._name, self._ragged)
            if any(one[1:] != shape[1:] for one in self._shapes):
                self._level(shape)
            self._whole = _mapped(self._file, self._dtype).view(shape)
        return self._whole

    def close(self) -> None:
        """The map stays while somebody holds it; the file is let go."""
        if not self._file.closed:
            try:
                self.read()
            finally:
                self._file.close()

    def _level(self, shape: tuple[int, ...]) -> None:
        """Write the parts again, all of the longest one's steps."""
        before, level = _mapped(self._file, self._dtype), TemporaryFile(dir=self._folder)  # noqa: SIM115
        start = 0
        for one in self._shapes:
            size = torch.Size(one).numel()
            part = torch.zeros((one[0], *shape[1:]), dtype=self._dtype)
            _into(part, before[start : start + size].view(one))
            level.write(_bytes(part))
            start += size
        self._file.close()
        self._file, self._shapes = level, [shape]


def whole_shape(
    shapes: Sequence[tuple[int, ...]], name: str, ragged: Sequence[int] | None
) -> tuple[int, ...]:
    """The shape of all parts together; only axes of steps may differ, the longest counts.

    ragged are those axes; None stands for the second of three. Raises DataError for parts that
    differ elsewhere.
    """
    axes = ragged if ragged is not None else (1,) if len(shapes[0]) == 3 else ()
    for one in shapes:
        same = len(one) == len(shapes[0]) and all(
            one[axis] == shapes[0][axis] for axis in range(1, len(one)) if axis not in axes
        )
        if not same:
            raise DataError(
                f"layer {name!r} gave {shapes[0]} in one pass and {one} in another: give inputs "
                "of one size, or keep vectors alone with pool='mean'"
            )
    rows = sum(one[0] for one in shapes)
    return (rows, *(max(sizes) for sizes in list(zip(*shapes, strict=True))[1:]))


def _empty(shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]], like: Tensor) -> Tensor:
    if any(one[1:] != shape[1:] for one in shapes):
        return torch.zeros(shape, dtype=like.dtype)
    beside = like.ndim == 4 and not like.is_contiguous()
    if beside and like.is_contiguous(memory_format=torch.channels_last):
        # Channels side by side, as the maps came: to turn each on the way takes twice the time.
        return torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last)
    return torch.empty(shape, dtype=like.dtype)


def _into(place: Tensor, part: Tensor) -> None:
    place[tuple(slice(size) for size in part.shape)] = part


def _bytes(part: Tensor) -> memoryview:
    return part.contiguous().reshape(-1).view(torch.uint8).numpy().data


def _mapped(file: IO[bytes], dtype: torch.dtype) -> Tensor:
    """What a file holds as a flat tensor, which keeps the map open as long as it lives."""
    file.flush()
    if file.tell() == 0:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(mmap(file.fileno(), 0), dtype=dtype)
