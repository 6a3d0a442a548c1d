"""Rows on their way to a network: encoded once and kept, or encoded batch by batch.

Small data are encoded once and moved to the device whole: a batch is then an index, which takes
a fortieth of the time of torch's DataLoader on a table. What would not fit the memory budget goes
through a DataLoader. Running text has no rows: its parts are windows into one stream of tokens.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from auditkit.data.text import END, PAD, START

Arrays = tuple[np.ndarray, ...]
SPAN = 50  # batches among which rows of like length are put together


@dataclass(frozen=True, slots=True)
class Batch:
    """What a network takes, rows first, and what it should say; rows counts them."""

    inputs: tuple[Tensor, ...]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs[0])


class Part(Protocol):
    """Rows to train on or to judge by."""

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    @property
    def lengths(self) -> np.ndarray | None:
        """Length of each row where they differ, so that like can go with like; else None."""
        ...

    def batches(self, chosen: list[np.ndarray]) -> Iterator[Batch]:
        """A batch for each array of positions, in that order, on the device."""
        ...


@dataclass(frozen=True)
class Held:
    """Rows that were encoded once and stay on the device. Sequences are cut to a batch's longest.

    inputs are tensors, rows first; the last holds lengths where they differ.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.inputs[0])

    def batches(self, chosen: list[np.ndarray]) -> Iterator[Batch]:
        """A batch for each array of positions."""
        for rows in chosen:
            index = torch.from_numpy(rows).to(self.targets.device)
            inputs = tuple(one[index] for one in self.inputs)
            if self.lengths is not None:
                longest = int(self.lengths[rows].max())
                inputs = (inputs[0][:, :longest], *inputs[1:])
            yield Batch(inputs=inputs, targets=_trimmed(self.targets[index]))


class Windows:
    """Texts laid end to end as one stream; a row is a window of `context` tokens and the next.

    Each pass shifts the windows (`begin`), so that every token is predicted from many places.
    """

    lengths: np.ndarray | None = None

    def __init__(self, texts: list[np.ndarray], context: int, device: str) -> None:
        framed = [np.concatenate([[START], one, [END]]) for one in texts]
        stream = np.concatenate(framed).astype(np.int64)
        self.context = min(context, max(len(stream) - 2, 1))
        self.shift = 0
        self.stream = torch.from_numpy(stream).to(device)

    def __len__(self) -> int:
        return max((len(self.stream) - 1 - self.shift) // self.context, 1)

    def begin(self, rng: np.random.Generator) -> None:
        """Shift the windows for a new pass."""
        # As far as leaves a window, and no further than brings the next one to its place.
        self.shift = int(rng.integers(min(self.context, len(self.stream) - self.context)))

    def batches(self, chosen: list[np.ndarray]) -> Iterator[Batch]:
        """A batch for each array of positions: tokens (B, T), and the tokens that follow each."""
        steps = torch.arange(self.context + 1, device=self.stream.device)
        for rows in chosen:
            starts = torch.from_numpy(rows).to(self.stream.device) * self.context + self.shift
            window = self.stream[starts[:, None] + steps]  # (B, T + 1)
            yield Batch(inputs=(window[:, :-1],), targets=window[:, 1:])


class Streamed:
    """Rows that are encoded when their batch comes, by torch's DataLoader."""

    lengths: np.ndarray | None = None

    def __init__(
        self,
        frame: pd.DataFrame,
        encode: Callable[[pd.DataFrame], tuple[Arrays, np.ndarray]],
        *,
        loaders: int,
    ) -> None:
        self._rows = _Rows(frame, encode)
        self._loaders = loaders

    def __len__(self) -> int:
        return len(self._rows.frame)

    def batches(self, chosen: list[np.ndarray]) -> Iterator[Batch]:
        """A batch for each array of positions."""
        loader = DataLoader(
            self._rows,
            batch_sampler=[one.tolist() for one in chosen],
            num_workers=self._loaders,
            collate_fn=_first,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # else it draws from the one that dropout draws from
        )
        for inputs, targets in loader:
            yield Batch(inputs=inputs, targets=_trimmed(targets))


class _Rows(Dataset[tuple[tuple[Tensor, ...], Tensor]]):
    """Rows by position; asked for several at once, so that a batch is encoded in one go."""

    def __init__(
        self,
        frame: pd.DataFrame,
        encode: Callable[[pd.DataFrame], tuple[Arrays, np.ndarray]],
    ) -> None:
        self.frame = frame
        self._encode = encode

    def __getitems__(self, rows: list[int]) -> list[tuple[tuple[Tensor, ...], Tensor]]:
        inputs, targets = self._encode(self.frame.iloc[rows])
        return [(tuple(map(torch.from_numpy, inputs)), torch.from_numpy(targets))]

    def __getitem__(self, row: int) -> tuple[tuple[Tensor, ...], Tensor]:
        return self.__getitems__([row])[0]


def _trimmed(targets: Tensor) -> Tensor:
    """Texts to be written (B, T) without the steps at the end that are padding in all rows."""
    if targets.ndim < 2:
        return targets
    longest = int((targets != PAD).sum(dim=1).max())
    return targets[:, :longest]


def _first(batch: list[tuple[tuple[Tensor, ...], Tensor]]) -> tuple[tuple[Tensor, ...], Tensor]:
    return batch[0]


def in_order(part: Part, size: int) -> list[np.ndarray]:
    """Positions of all rows, `size` at a time; rows of like length together."""
    lengths = part.lengths
    order = np.arange(len(part)) if lengths is None else np.argsort(lengths, kind="stable")
    return [order[start : start + size] for start in range(0, len(order), size)]


def shuffled(part: Part, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The same in random order. Rows of like length share a batch, so that little is padding."""
    order = rng.permutation(len(part))
    lengths = part.lengths
    if lengths is not None:
        spans = [order[i : i + SPAN * size] for i in range(0, len(order), SPAN * size)]
        order = np.concatenate([one[np.argsort(lengths[one], kind="stable")] for one in spans])
    found = [order[start : start + size] for start in range(0, len(order), size)]
    return [found[i] for i in rng.permutation(len(found))] if lengths is not None else found
