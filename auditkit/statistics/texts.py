"""How near one text is to another, and how many bits a text costs to write down.

A text is drawn whole: intervals count texts, not their symbols.
"""

import lzma
import math
import zlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.intervals import rate_interval
from auditkit.statistics.ratios import ratio_difference, ratio_estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 4096  # pairs compared at a time
UNICODE = 0x110000  # code points there are
PRESET = 9 | lzma.PRESET_EXTREME  # what `xz -9e` uses


class Edits(NamedTuple):
    """Edits (n,) from each answer to its nearest reference, and the symbols (n,) of that one."""

    edits: Ints
    symbols: Ints


def words_or_characters(references: Sequence[str]) -> str:
    """What the symbols of such texts are: "words" where most hold a blank, else "characters"."""
    spaced = sum(" " in one.strip() for one in references)
    return "words" if 2 * spaced > len(references) else "characters"


def symbols(text: str, kind: str) -> tuple[str, ...]:
    """A text as words between blanks ("words"), or as its characters."""
    return tuple(text.split()) if kind == "words" else tuple(text)


def edit_distances(
    first: Sequence[Sequence[Hashable]], second: Sequence[Sequence[Hashable]]
) -> Ints:
    """Fewest insertions, deletions and substitutions between each pair of sequences, (n,).

    All pairs at once, a row of the table at a time. Raises DataError for unequal numbers.

    Levenshtein 1966; Wagner & Fischer 1974.
    """
    if len(first) != len(second):
        raise DataError(f"{len(first)} texts beside {len(second)}; give them in pairs")
    lengths = np.array([max(len(a), len(b)) for a, b in zip(first, second, strict=True)], int)
    order = np.argsort(lengths, kind="stable")  # pairs of about one length share a table
    found = np.zeros(len(first), dtype=np.int64)
    for start in range(0, len(order), CHUNK):
        rows = order[start : start + CHUNK]
        a, b = [first[i] for i in rows.tolist()], [second[i] for i in rows.tolist()]
        found[rows] = _distances(a, b)
    return found


def nearest_edits(
    said: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Sequence[Hashable]]]
) -> Edits:
    """Each answer beside the nearest of its references; of equally near ones, the longest.

    Raises DataError where an answer has no reference.
    """
    if len(said) != len(references):
        raise DataError(f"{len(said)} answers beside {len(references)} lists of references")
    empty = next((i for i, several in enumerate(references) if not several), None)
    if empty is not None:
        raise DataError(f"row {empty + 1} has no reference; give at least one to each")
    owner = np.repeat(np.arange(len(said)), [len(several) for several in references])
    listed = [one for several in references for one in several]
    edits = edit_distances([said[i] for i in owner.tolist()], listed)
    lengths = np.array([len(one) for one in listed], dtype=np.int64)
    order = np.lexsort((-lengths, edits, owner))
    first = order[np.unique(owner[order], return_index=True)[1]]
    return Edits(edits=edits[first], symbols=lengths[first])


def error_rate(found: Edits, *, confidence: float = 0.95) -> Estimate:
    """All edits over all symbols of the references; 0 is ideal, and it may exceed 1.

    The interval is the ratio estimator's, a text counting as one draw. Where no edit is needed
    its upper limit is that of the share of texts that could still be wrong.
    """
    rate = ratio_estimate(found.edits, found.symbols, least=0.0, confidence=confidence)
    if rate.value != 0:
        return rate
    high = float(rate_interval(0, rate.n, confidence=confidence)[1])
    return replace(rate, high=high, low=0.0, method="Wilson, of whole texts", reason="")


def error_rate_difference(first: Edits, second: Edits, *, confidence: float = 0.95) -> Estimate:
    """The first error rate minus the second, on the same texts."""
    return ratio_difference(
        (first.edits, first.symbols), (second.edits, second.symbols), confidence
    )


def bits_per_character(
    bits: ArrayLike, characters: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """All bits over all characters of texts (n,); less is better.

    The interval is the ratio estimator's, a text counting as one draw: of few texts little is
    known, however long they are.
    """
    return ratio_estimate(bits, characters, least=0.0, confidence=confidence)


def bits_saved(
    bits: ArrayLike, other: ArrayLike, characters: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """Bits a character that are saved against another way to write the same texts."""
    return ratio_difference((other, characters), (bits, characters), confidence)


def compressed_bits(texts: Sequence[str]) -> Floats:
    """Bits that `xz -9e` needs for all the texts together, shared out among them: (n,) float64.

    Each text's part is in proportion to what zlib takes for it alone, so that texts that are
    hard for both can be paired; the sum is what xz needs. The compressor has seen nothing before
    and learns as it reads; its 60 odd bytes of frame count.
    """
    if not len(texts):
        return np.zeros(0)
    whole = len(lzma.compress("\n".join(texts).encode(), preset=PRESET))
    alone = np.array([len(zlib.compress(one.encode(), level=9)) for one in texts], float)
    return np.asarray(8 * whole * alone / alone.sum())


def frequencies(texts: Sequence[str]) -> Mapping[str, int]:
    """How often each character stands in the texts."""
    counts: Counter[str] = Counter()
    for one in texts:
        counts.update(one)
    return counts


def frequency_bits(texts: Sequence[str], counts: Mapping[str, int]) -> Floats:
    """Bits of each text where every character costs -log2 of its share in `counts`: (n,).

    A model of order 0: it knows how common each character is and nothing of their order. Shares
    are counted with half a character more for each known one and for the unknown (Krichevsky &
    Trofimov 1981); an unknown character costs its code point besides.
    """
    total = sum(counts.values()) + 0.5 * (len(counts) + 1)
    cost = {one: -math.log2((count + 0.5) / total) for one, count in counts.items()}
    unknown = -math.log2(0.5 / total) + math.log2(UNICODE)
    return np.array(
        [sum(n * cost.get(one, unknown) for one, n in Counter(text).items()) for text in texts],
        dtype=np.float64,
    )


def _distances(first: Sequence[Sequence[Hashable]], second: Sequence[Sequence[Hashable]]) -> Ints:
    known: dict[Hashable, int] = {}
    a, a_length = _padded(first, known, -1)
    b, b_length = _padded(second, known, -2)
    columns = np.arange(b.shape[1] + 1)
    row = np.broadcast_to(columns, (len(a), len(columns))).copy()  # (pairs, symbols of b + 1)
    found = b_length.copy()  # from nothing: all of b is inserted
    rows = np.arange(len(a))
    for i in range(a.shape[1]):
        changed = row[:, :-1] + (b != a[:, i : i + 1])
        best = np.empty_like(row)
        best[:, 0] = i + 1
        best[:, 1:] = np.minimum(changed, row[:, 1:] + 1)
        # An insertion goes one to the right and costs 1: the least of best[k] + (j - k), k <= j.
        row = np.minimum.accumulate(best - columns, axis=1) + columns
        ended = a_length == i + 1
        found[ended] = row[rows[ended], b_length[ended]]
    return found


def _padded(
    texts: Sequence[Sequence[Hashable]], known: dict[Hashable, int], filler: int
) -> tuple[Ints, Ints]:
    """Symbols as whole numbers (n, longest), the rest filler; and the lengths (n,)."""
    lengths = np.array([len(one) for one in texts], dtype=np.int64)
    table = np.full((len(texts), int(lengths.max(initial=0))), filler, dtype=np.int64)
    for place, one in enumerate(texts):
        table[place, : len(one)] = [known.setdefault(symbol, len(known)) for symbol in one]
    return table, lengths
