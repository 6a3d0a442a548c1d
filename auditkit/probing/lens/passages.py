"""Texts as a network that writes is shown them, with what follows each token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from auditkit.attribution.question import tensors
from auditkit.errors import DataError
from auditkit.probing.telling import in_short
from auditkit.runtime import track

NONE = -1  # stands where no token follows that counts


@dataclass(frozen=True, kw_only=True, eq=False)
class Passages:
    """m passages, each of one document.

    inputs are tensors as the network takes them, rows first; following (m, T) int64 is the token
    after each place, -1 where it does not count; document (m,) int64 counts from 0.
    """

    __repr__ = in_short

    inputs: tuple[Tensor, ...]
    following: Tensor
    document: np.ndarray

    def __len__(self) -> int:
        return len(self.following)

    @property
    def documents(self) -> int:
        """How many documents there are."""
        return int(self.document.max()) + 1

    def at(self, rows: np.ndarray) -> "Passages":
        """Some of the passages, their documents numbered anew."""
        here = torch.from_numpy(np.asarray(rows))
        return Passages(
            inputs=tuple(one[here.to(one.device)] for one in self.inputs),
            following=self.following[here.to(self.following.device)],
            document=np.unique(self.document[rows], return_inverse=True)[1],
        )

    def batches(self, size: int, label: str) -> Iterator[tuple[np.ndarray, "Passages"]]:
        """The passages in order, `size` at a time, with the document of each."""
        starts = range(0, len(self), size)
        for start in track(starts, label, len(starts)):
            rows = np.arange(start, min(start + size, len(self)))
            yield self.document[rows], self.at(rows)


def passages_of(
    inputs: Tensor | Sequence[Tensor],
    following: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    documents: ArrayLike | None = None,
) -> Passages:
    """Passages from tensors as the network takes them, rows first.

    following (m, T) is the token after each place, -1 where it does not count; of a network that
    continues one text it may be left out, and lengths (m,) say where each text ends. documents
    (m,) of any kind say what belongs together: each row by itself where it is left out. Raises
    DataError for shapes that do not fit, and where nothing counts.
    """
    given = tensors(inputs)
    rows = len(given[0])
    if following is None:
        following = _shifted(given, lengths)
    if following.ndim != 2 or len(following) != rows or following.is_floating_point():
        raise DataError(
            f"what follows has shape {tuple(following.shape)} for {rows} rows: give (rows, tokens) "
            "of whole numbers, -1 where nothing counts"
        )
    if not bool((following >= 0).any()):
        raise DataError("no token follows another: nothing can be asked of these passages")
    owners = np.arange(rows) if documents is None else np.asarray(documents)
    if owners.shape != (rows,):
        raise DataError(f"{owners.size} documents for {rows} passages: give one a row")
    return Passages(
        inputs=given,
        following=following.long(),
        document=np.unique(owners, return_inverse=True)[1].astype(np.int64),
    )


def cut(
    texts: Sequence[np.ndarray],
    *,
    size: int,
    most: int,
    begin: int | None = None,
    device: str = "cpu",
) -> Passages:
    """Passages of `size` tokens from each text, `most` of them, evenly apart and not overlapping.

    A text of a passage or less is one passage; begin stands before each text. Raises DataError
    where no text has two tokens.
    """
    parts, owners = [], []
    for document, given in enumerate(texts):
        text = given if begin is None else np.concatenate([[begin], given])
        whole = max((len(text) - 1) // size, 1)
        starts = np.unique(np.linspace(0, whole - 1, min(most, whole)).round().astype(int)) * size
        cuts = [text[start : start + size + 1] for start in starts]
        kept = [one for one in cuts if len(one) > 1]
        parts += kept
        owners += [document] * len(kept)
    if not parts:
        raise DataError("no text has two tokens: there is nothing that follows")
    longest = max(map(len, parts))
    framed = np.full((len(parts), longest), NONE, dtype=np.int64)
    for row, one in enumerate(parts):
        framed[row, : len(one)] = one
    tokens = torch.from_numpy(framed).to(device)
    return passages_of(tokens[:, :-1].clamp(min=0), tokens[:, 1:], documents=owners)


def _shifted(given: tuple[Tensor, ...], lengths: Tensor | None) -> Tensor:
    if len(given) != 1 or given[0].ndim != 2 or given[0].is_floating_point():
        raise DataError("say what follows each token: the inputs are not one text a row")
    tokens = given[0].long()
    following = torch.cat([tokens[:, 1:], torch.full_like(tokens[:, :1], NONE)], dim=1)
    if lengths is None:
        return following
    ends = torch.arange(1, tokens.shape[1] + 1, device=tokens.device) >= lengths.to(tokens)[:, None]
    return following.masked_fill(ends, NONE)
