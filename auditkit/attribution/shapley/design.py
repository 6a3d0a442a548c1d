"""Which coalitions a sampler asks for: pairs of a coalition and its complement, by size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

FEWEST = 2  # pairs of a size that is not counted whole: one has no spread
CHUNK = 256  # coalitions drawn at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Stratum:
    """The pairs of one size, of which some were drawn without replacement, or all.

    A pair is named by its smaller coalition; where both have k/2, by the one with player 0.
    """

    size: int
    pairs: float  # how many there are
    coalitions: Tensor  # (m, k) those drawn
    replaced: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of them were taken, so that none is left to chance."""
        return not self.replaced and len(self.coalitions) >= self.pairs

    @property
    def unseen(self) -> float:
        """The share of pairs that was not drawn: the finite population's correction."""
        return 1.0 if self.replaced else 1 - len(self.coalitions) / self.pairs


def designed(k: int, pairs: int, seed: int, *, whole: bool = True) -> list[Stratum]:
    """Strata of k players with about `pairs` pairs of coalitions in all, at least 2 a size.

    Small sizes (and their complements) have few coalitions and are taken whole where their part
    covers them. whole=False draws with replacement instead, and so takes nothing whole. More
    pairs under the same seed include those of fewer.
    """
    sizes = range(1, k // 2 + 1)
    counts = [_pairs(k, size) for size in sizes]
    taken = _parts(k, counts, pairs, whole=whole)
    return [
        Stratum(
            size=size,
            pairs=float(min(count, 2**60)),
            coalitions=_drawn(k, size, int(count), take, seed, whole=whole),
            replaced=not whole,
        )
        for size, count, take in zip(sizes, counts, taken, strict=True)
    ]


def fewest_pairs(k: int) -> int:
    """The fewest pairs that a fit of k players and the spread within each size can do with."""
    return 2 * k


def _pairs(k: int, size: int) -> int:
    return math.comb(k, size) // (2 if 2 * size == k else 1)


def _parts(k: int, counts: list[int], pairs: int, *, whole: bool) -> list[int]:
    """How many pairs of each size: as many as its part of the standard error asks for.

    The weight of one coalition of size s in the k values is, in all, proportional to
    1 / (C(k, s) sqrt(s (k - s))): times the count of the size this is Neyman's allocation for
    residuals that are equally large everywhere. What a small size cannot use goes to the others.
    """
    wants = np.array(
        [(0.5 if 2 * s == k else 1.0) / math.sqrt(s * (k - s)) for s in range(1, len(counts) + 1)]
    )
    most = np.array([float(min(one, 2**60)) if whole else math.inf for one in counts])
    full = np.zeros(len(counts), dtype=bool)
    while True:
        left = pairs - most[full].sum()
        part = np.where(full, most, wants / max(wants[~full].sum(), 1e-300) * max(left, 0))
        more = ~full & (part >= most)
        if not more.any():
            break
        full |= more
    return [int(min(max(one, FEWEST), top)) for one, top in zip(part, most, strict=True)]


def _drawn(k: int, size: int, count: int, take: int, seed: int, *, whole: bool) -> Tensor:
    if whole and take >= count:
        return _all(k, size)
    rng = np.random.default_rng([seed, size])
    seen: set[bytes] = set()
    found: list[np.ndarray] = []
    for one in _random(k, size, rng):
        name = np.packbits(one).tobytes()
        if whole and name in seen:
            continue
        seen.add(name)
        found.append(one)
        if len(found) == take:
            return torch.from_numpy(np.stack(found))
    raise AssertionError("the draws never end")


def _random(k: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Coalitions of one size, all equally likely, without an end."""
    while True:
        chosen = np.argpartition(rng.random((CHUNK, k)), size - 1, axis=1)[:, :size]
        rows = np.zeros((CHUNK, k), dtype=bool)
        np.put_along_axis(rows, chosen, True, axis=1)
        if 2 * size == k:
            rows ^= ~rows[:, :1]
        yield from rows


def _all(k: int, size: int) -> Tensor:
    rows = [one for one in combinations(range(k), size) if 2 * size < k or one[0] == 0]
    found = torch.zeros(len(rows), k, dtype=torch.bool)
    found.scatter_(1, torch.tensor(rows, dtype=torch.int64).view(len(rows), size), True)
    return found
