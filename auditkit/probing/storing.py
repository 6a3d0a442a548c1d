"""Where what was recorded lies until it is read: in memory, or in a file that has no name.

Parts come one after another, rows first, and are read as one tensor. In memory they are copied
once, into a place that grows under them without moving. The file is gone from its folder when it
is opened, so that it leaves nothing behind, whatever becomes of the process.
"""

import mmap
from collections.abc import Sequence
from math import prod
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import torch
from torch import Tensor

from auditkit.errors import DataError

SMALLEST = 2**16  # bytes of a place before it grows


class Store:
    """Keeps parts (n_i, ...) of one layer; those of a pass count when it is committed."""

    def __init__(self, name: str, ragged: Sequence[int] | None, dtype: torch.dtype | None) -> None:
        self._name, self._ragged, self._dtype = name, ragged, dtype
        self._shapes: list[tuple[int, ...]] = []
        self._committed = 0
        self._beside = False
        self._whole: Tensor | None = None

    @property
    def rows(self) -> int:
        """How many there are, with those of the pass under way."""
        return sum(one[0] for one in self._shapes)

    def add(self, numbers: Tensor, beyond: Tensor | None, axis: int) -> None:
        """Keep a copy of numbers; beyond (n, T) says which steps, along axis, are zero."""
        if not self._shapes:
            self._dtype = self._dtype or numbers.dtype
            # Channels side by side, as maps come: to turn each on the way takes twice the time.
            self._beside = numbers.ndim == 4 and numbers.stride(1) == 1 < numbers.shape[1]
        place = self._place(tuple(numbers.shape))
        place.copy_(numbers)
        if beyond is not None:
            place.movedim(axis, 1)[beyond] = 0
        self._shapes.append(tuple(numbers.shape))
        self._whole = None
        self._put(place)

    def commit(self) -> None:
        """What was added belongs to a pass that went well."""
        self._committed = len(self._shapes)

    def drop(self) -> None:
        """Forget what was added since."""
        if len(self._shapes) > self._committed:
            del self._shapes[self._committed :]
            self._whole = None
            self._cut(self._size())

    def read(self) -> Tensor | None:
        """All that was committed, (n, ...); None before the first."""
        shapes = self._shapes[: self._committed]
        if self._whole is None and shapes:
            shape = whole_shape(shapes, self._name, self._ragged)
            if not prod(shape):
                self._whole = torch.empty(shape, dtype=self._dtype)
            elif all(one[1:] == shape[1:] for one in shapes):
                self._whole = self._seen(self._all(), shape)
            else:
                self._whole = self._level(shapes, shape)
        return self._whole

    def close(self) -> None:
        """No more will come."""

    def _size(self) -> int:
        return sum(map(prod, self._shapes)) * (self._dtype or torch.float32).itemsize

    def _seen(self, flat: Tensor, shape: tuple[int, ...]) -> Tensor:
        """A stretch of numbers as a tensor of that shape."""
        flat = flat[: prod(shape)]
        if not self._beside or len(shape) != 4:
            return flat.view(shape)
        n, channels, height, width = shape
        return flat.view(n, height, width, channels).permute(0, 3, 1, 2)

    def _level(self, shapes: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> Tensor:
        """All parts with the longest one's steps, zeros behind the shorter."""
        flat, start, row = self._all(), 0, 0
        whole = self._zeros(shape)
        for one in shapes:
            stretch = flat[start : start + prod(one)]
            whole[row : row + one[0]][tuple(map(slice, one))] = self._seen(stretch, one)
            start, row = start + prod(one), row + one[0]
        return whole

    def _place(self, shape: tuple[int, ...]) -> Tensor:
        raise NotImplementedError

    def _put(self, place: Tensor) -> None:
        """Nothing where the place is where it stays."""

    def _cut(self, size: int) -> None:
        """Nothing where what comes next overwrites."""

    def _all(self) -> Tensor:
        raise NotImplementedError

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        return torch.zeros(shape, dtype=self._dtype)


class InMemory(Store):
    """In one stretch of memory, up to twice as long as it must be: what is not used takes none."""

    _memory: mmap.mmap | None = None
    _shown = False

    def _place(self, shape: tuple[int, ...]) -> Tensor:
        assert self._dtype is not None
        begin = self._size()
        end = begin + prod(shape) * self._dtype.itemsize
        if self._memory is None or len(self._memory) < end:
            self._memory = _grown(self._memory, max(2 * end, SMALLEST), begin, held=self._shown)
            self._shown = False
        with torch.inference_mode(False):
            flat = torch.frombuffer(self._memory, dtype=self._dtype)
            return self._seen(flat[begin // self._dtype.itemsize :], shape)

    def _all(self) -> Tensor:
        assert self._memory is not None
        assert self._dtype is not None
        self._shown = True
        with torch.inference_mode(False):
            return torch.frombuffer(self._memory, dtype=self._dtype)


class OnDisk(Store):
    """Written one after another, and mapped into memory when they are read."""

    def __init__(
        self,
        name: str,
        ragged: Sequence[int] | None,
        dtype: torch.dtype | None,
        folder: Path | None,
    ) -> None:
        super().__init__(name, ragged, dtype)
        self._folder = folder
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 closed by `close`

    def close(self) -> None:
        """The map stays while somebody holds it; the file is let go."""
        if not self._file.closed:
            self.drop()
            try:
                self.read()
            except DataError:  # it is told to whom reads
                pass
            finally:
                self._file.close()

    def _place(self, shape: tuple[int, ...]) -> Tensor:
        with torch.inference_mode(False):
            return self._seen(torch.empty(prod(shape), dtype=self._dtype), shape)

    def _put(self, place: Tensor) -> None:
        beside = self._beside and place.ndim == 4
        whole = place.permute(0, 2, 3, 1) if beside else place
        self._file.write(whole.reshape(-1).view(torch.uint8).numpy().data)

    def _cut(self, size: int) -> None:
        self._file.seek(size)
        self._file.truncate()

    def _all(self) -> Tensor:
        return self._mapped(self._file)

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        assert self._dtype is not None
        with TemporaryFile(dir=self._folder) as level:
            level.truncate(prod(shape) * self._dtype.itemsize)
            return self._mapped(level)[: prod(shape)].view(shape)

    def _mapped(self, file: IO[bytes]) -> Tensor:
        assert self._dtype is not None
        file.flush()
        with torch.inference_mode(False):
            return torch.frombuffer(mmap.mmap(file.fileno(), 0), dtype=self._dtype)


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


def _grown(memory: mmap.mmap | None, size: int, used: int, *, held: bool) -> mmap.mmap:
    """A longer stretch with the same bytes at its begin; a held one is left as it is."""
    if memory is not None and not held:
        try:
            memory.resize(size)  # by its pages: nothing is copied
            return memory
        except (BufferError, OSError, SystemError, ValueError):
            pass  # the system cannot
    # A private one can grow in place; where there is no such flag, there is one kind alone.
    flags = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    longer = mmap.mmap(-1, size, **flags)
    if memory is not None:
        longer[:used] = memory[:used]
    return longer
