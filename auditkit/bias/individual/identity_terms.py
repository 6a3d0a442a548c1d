"""Texts in which the words for one group of people stand in place of those for another.

A text that holds a word whose partner depends on the sentence is left out as a whole rather than
changed by halves.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auditkit.bias.individual.identity_words import DIMENSIONS, TEMPLATES, Dimension

Ints = NDArray[np.int64]

VOWELS = tuple("aeiou")
WORD = re.compile(r"\w+")
SHORT = 4  # words: where the median text has fewer, texts are names and no sentences


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Swaps:
    """Texts that say something of somebody, and what they become if that is another.

    texts (t,) are the originals; row (q,) says which of them each of changed (q,) was made of;
    origin and target (q,) are groups. place (t,) is each text's place among those given. without
    counts the texts that name nobody, mixed those that name several groups, ambiguous those that
    hold a word without a partner.
    """

    dimension: Dimension
    texts: tuple[str, ...]
    place: Ints
    changed: tuple[str, ...]
    row: Ints
    origin: Ints
    target: Ints
    without: int = 0
    mixed: int = 0
    ambiguous: int = 0

    def at(self, texts: Ints) -> "Swaps":
        """The same of some of the texts alone, in this order."""
        place = np.full(len(self.texts), -1)
        place[texts] = np.arange(len(texts))
        kept = place[self.row] >= 0
        return replace(
            self,
            texts=tuple(self.texts[one] for one in texts),
            place=self.place[texts],
            changed=tuple(self.changed[one] for one in np.flatnonzero(kept)),
            row=place[self.row[kept]],
            origin=self.origin[kept],
            target=self.target[kept],
        )


def swapped(text: str, dimension: Dimension, group: int) -> str:
    """The text with every term of the dimension put into the words of one group.

    Case is kept ("Mother", "MOTHER", "mother"), and an article follows its new word ("an aunt").
    """

    def instead(found: re.Match[str]) -> str:
        article, blank, term = found.groups()
        row, _ = dimension.place[_plain(term)]
        new = _cased(dimension.rows[row][group], term)
        if article is None:
            return new
        fitting = "an" if new.casefold().startswith(VOWELS) else "a"
        return f"{_cased(fitting, article)}{blank}{new}"

    return dimension.pattern.sub(instead, text)


def swaps(texts: Sequence[str], dimensions: Sequence[Dimension] = DIMENSIONS) -> tuple[Swaps, ...]:
    """By dimension: each text that names one of its groups, and its versions for all the others.

    Left out, and counted, are texts that name nobody, several groups, or hold a word whose
    partner depends on the sentence.
    """
    words = [frozenset(WORD.findall(text.casefold())) for text in texts]
    found = []
    for dimension in dimensions:
        telling = {WORD.findall(term)[-1] for term in dimension.place}
        # Looking words up takes a tenth of the time that the pattern takes on every text.
        places = [place for place, one in enumerate(words) if not telling.isdisjoint(one)]
        found.append(_swaps(texts, places, dimension))
    return tuple(found)


def _swaps(texts: Sequence[str], places: Sequence[int], dimension: Dimension) -> Swaps:
    kept: list[tuple[int, int]] = []
    left = {"without": len(texts) - len(places), "mixed": 0, "ambiguous": 0}
    for place in places:
        text = texts[place]
        groups = {dimension.place[_plain(term)][1] for *_, term in dimension.pattern.findall(text)}
        if not groups:
            left["without"] += 1
        elif dimension.stop is not None and dimension.stop.search(text):
            left["ambiguous"] += 1
        elif len(groups) > 1:
            left["mixed"] += 1
        else:
            kept.append((place, groups.pop()))
    made = [
        (row, origin, target, swapped(texts[place], dimension, target))
        for row, (place, origin) in enumerate(kept)
        for target in range(len(dimension.groups))
        if target != origin
    ]
    own = [texts[place] for place, _ in kept]
    return _made(dimension, own, (place for place, _ in kept), made, **left)


def are_names(texts: Sequence[str]) -> bool:
    """Whether the median text has too few words to be a sentence."""
    return float(np.median([len(one.split()) for one in texts])) < SHORT


def sentences(dimension: Dimension, templates: Sequence[str] = TEMPLATES) -> Swaps:
    """Our own sentences about persons of each group, every one beside those of the other groups.

    Each pair of groups is compared once: the order of the two says nothing here.
    """
    texts: list[str] = []
    made: list[tuple[int, int, int, str]] = []
    for template in templates:
        for nouns in dimension.nouns:
            written = [template.format(_with_article(noun)) for noun in nouns]
            for origin, text in enumerate(written[:-1]):
                later = range(origin + 1, len(written))
                made += [(len(texts), origin, target, written[target]) for target in later]
                texts.append(text)
    return _made(dimension, texts, range(len(texts)), made)


def _made(
    dimension: Dimension,
    texts: Sequence[str],
    places: Iterable[int],
    made: Sequence[tuple[int, int, int, str]],
    **left: int,
) -> Swaps:
    """made holds a line for each changed text: whose row, from which group, to which, the text."""
    return Swaps(
        dimension=dimension,
        texts=tuple(texts),
        place=np.fromiter(places, np.int64),
        changed=tuple(text for *_, text in made),
        row=np.array([row for row, *_ in made], np.int64),
        origin=np.array([origin for _, origin, *_ in made], np.int64),
        target=np.array([target for _, _, target, _ in made], np.int64),
        **left,
    )


def _with_article(noun: str) -> str:
    return f"{'an' if noun.casefold().startswith(VOWELS) else 'a'} {noun}"


def _plain(term: str) -> str:
    """A term as the list has it: small letters, one blank between words."""
    return " ".join(term.casefold().split())


def _cased(new: str, old: str) -> str:
    """The new word in the case of the old one."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() else new
