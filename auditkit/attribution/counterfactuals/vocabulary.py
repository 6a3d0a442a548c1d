"""The words that texts are made of, what stands between which two, and where scores lean by them.

How well a word w fits between l and r is taken from pairs of neighbours alone, as if l and r had
nothing to do with each other once w is known:  c(l, w) c(w, r) / c(w),  counts c with a little
added, so that a word seen beside one of the two still ranks above one seen beside neither.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.columns import spaced
from auditkit.bias.individual.identity_words import DIMENSIONS
from auditkit.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
LEAST = 5  # texts that a word stands in, to be put into another
ADDED = 0.1  # to the count of each pair
CAUTION = 5.0  # texts without a leaning that are added to those of each word
IDENTITY = frozenset(
    word.casefold()
    for dimension in DIMENSIONS
    for term in (*dimension.place, *dimension.ambiguous)
    for word in WORD.findall(term)
    # Of a phrase, "person" or "i" says nothing of who somebody is, and both are everywhere.
    if " " not in term
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vocabulary:
    """Words (v,) in small letters, the commonest first, and how often each follows each.

    counts (v,) is in how many texts a word stands; edge v stands for the beginning and the end of
    a text. after and before map a word's place to its neighbours on that side and their counts.
    """

    words: tuple[str, ...]
    place: dict[str, int]
    counts: Ints
    totals: Ints
    after: dict[int, tuple[Ints, Ints]]
    before: dict[int, tuple[Ints, Ints]]

    @classmethod
    def of(cls, texts: Sequence[str], *, least: int = LEAST, most: int = 5000) -> Self:
        """From at most `most` texts, evenly spaced. Words of fewer than `least` are left out.

        Raises DataError where no word is left.
        """
        split = [words_of(texts[row]) for row in spaced(len(texts), most)]
        inside = pd.Series([word for one in split for word in set(one)], dtype=object)
        found = inside.value_counts(sort=False)
        found = found[found >= least]
        if not len(found):
            raise DataError(f"no word stands in {least} of {len(split)} texts: give more texts")
        order = np.lexsort((found.index.to_numpy(str), -found.to_numpy()))
        names = tuple(str(found.index[one]) for one in order)
        place = {name: number for number, name in enumerate(names)}
        edge, unknown = len(names), -1
        codes = [[edge, *(place.get(word, unknown) for word in one), edge] for one in split]
        first = np.array([code for one in codes for code in one[:-1]], np.int64)
        second = np.array([code for one in codes for code in one[1:]], np.int64)
        known = (first >= 0) & (second >= 0)
        totals = np.bincount(first[first >= 0], minlength=edge + 1)
        return cls(
            words=names,
            place=place,
            counts=found.to_numpy()[order].astype(np.int64),
            totals=totals[:edge].astype(np.int64),
            after=_neighbours(first[known], second[known]),
            before=_neighbours(second[known], first[known]),
        )

    def fitting(self, left: str, right: str) -> tuple[Ints, Floats]:
        """Words seen after `left` or before `right`, and how well each fits: (k,), (k,).

        "" stands for the edge of the text.
        """
        nothing = np.empty(0, np.int64), np.empty(0, np.int64)
        edge = len(self.words)
        follow = self.after.get(self.place.get(left, -1) if left else edge, nothing)
        lead = self.before.get(self.place.get(right, -1) if right else edge, nothing)
        words = np.union1d(follow[0], lead[0])
        words = words[words < edge]
        fit = np.ones(len(words))
        for known, counts in (follow, lead):
            have = np.isin(words, known)
            weight = np.zeros(len(words))
            weight[have] = counts[np.searchsorted(known, words[have])]
            fit *= weight + ADDED
        return words, fit / self.totals[words]

    def leaning(self, texts: Sequence[str], scores: Floats) -> Floats:
        """How far the scores of texts with a word lie from those of all, (v,).

        Held towards 0 for words that stand in few. A hint where to look, no effect of the word.
        """
        sums, seen = np.zeros(len(self.words)), np.zeros(len(self.words))
        apart = np.asarray(scores, np.float64) - float(np.mean(scores))
        for text, off in zip(texts, apart, strict=True):
            own = [self.place[word] for word in set(words_of(text)) if word in self.place]
            sums[own] += off
            seen[own] += 1
        return np.asarray(sums / (seen + CAUTION))


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, without signs and numbers."""
    return WORD.findall(text.casefold())


def _neighbours(first: Ints, second: Ints) -> dict[int, tuple[Ints, Ints]]:
    """For each first the seconds beside it, rising, and how often."""
    if not len(first):
        return {}
    size = int(second.max()) + 1
    pairs, counts = np.unique(first * size + second, return_counts=True)
    heads, starts = np.unique(pairs // size, return_index=True)
    parts = zip(np.split(pairs % size, starts[1:]), np.split(counts, starts[1:]), strict=True)
    return dict(zip(heads.tolist(), parts, strict=True))
