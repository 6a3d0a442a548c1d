"""Words that say who somebody is, in groups whose words fit in each other's place.

The list is our own, short and English. A word without one partner is not in it: "her" is both
him and his, "guys" are anybody.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

PIECES = ("jean", "jeans", "shirt", "tee", "sweater", "cardigan", "blazer", "fit", "style", "cut")


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """One way in which people differ.

    rows hold a term for each of groups, all of one kind: (("he", "she"), ...). ambiguous are
    words whose partner depends on the sentence, and phrases in which a term means no person: a
    text with one of them is not changed. nouns name persons and fill TEMPLATES, a row each.
    """

    name: str
    groups: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    nouns: tuple[tuple[str, ...], ...]
    ambiguous: tuple[str, ...] = ()

    @cached_property
    def place(self) -> dict[str, tuple[int, int]]:
        """Of each term, in small letters, its row and its group."""
        return {
            term: (row, group)
            for row, terms in enumerate(self.rows)
            for group, term in enumerate(terms)
        }

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of the terms, whole, with the article before it."""
        return re.compile(rf"(?:\b(an?)(\s+))?{_whole(self.place)}", re.IGNORECASE)

    @cached_property
    def stop(self) -> re.Pattern[str] | None:
        """Any of the ambiguous words."""
        return re.compile(_whole(self.ambiguous), re.IGNORECASE) if self.ambiguous else None


def _whole(terms: Iterable[str]) -> str:
    """A pattern for whole words, the longest first: "man" is neither in "woman" nor "man-made"."""
    longest = sorted(terms, key=len, reverse=True)
    words = "|".join(re.escape(one).replace(r"\ ", r"\s+") for one in longest)
    return rf"(?<![\w-])({words})(?![\w-])"


DIMENSIONS = (
    Dimension(
        name="gender",
        groups=("men", "women"),
        rows=(
            ("he", "she"),
            ("he's", "she's"),
            ("himself", "herself"),
            ("man", "woman"),
            ("men", "women"),
            ("boy", "girl"),
            ("boys", "girls"),
            ("gentleman", "lady"),
            ("gentlemen", "ladies"),
            ("father", "mother"),
            ("fathers", "mothers"),
            ("dad", "mom"),
            ("dads", "moms"),
            ("daddy", "mommy"),
            ("grandfather", "grandmother"),
            ("grandpa", "grandma"),
            ("son", "daughter"),
            ("sons", "daughters"),
            ("brother", "sister"),
            ("brothers", "sisters"),
            ("husband", "wife"),
            ("husbands", "wives"),
            ("boyfriend", "girlfriend"),
            ("boyfriends", "girlfriends"),
            ("uncle", "aunt"),
            ("nephew", "niece"),
            ("groom", "bride"),
            ("male", "female"),
        ),
        nouns=(
            ("man", "woman"),
            ("boy", "girl"),
            ("father", "mother"),
            ("son", "daughter"),
            ("brother", "sister"),
            ("uncle", "aunt"),
        ),
        ambiguous=(
            *("her", "hers", "his", "him"),
            *("mother of pearl", "mother's day", "father's day", "man made", "oh man"),
            *(f"{who} {piece}" for who in ("boyfriend", "girlfriend") for piece in PIECES),
        ),
    ),
    Dimension(
        name="age",
        groups=("young", "old"),
        rows=(
            ("young man", "old man"),
            ("young men", "old men"),
            ("young woman", "old woman"),
            ("young women", "old women"),
            ("young lady", "old lady"),
            ("young ladies", "old ladies"),
            ("young person", "old person"),
            ("young people", "old people"),
            ("younger man", "older man"),
            ("younger men", "older men"),
            ("younger woman", "older woman"),
            ("younger women", "older women"),
            ("younger person", "older person"),
            ("younger people", "older people"),
            ("younger crowd", "older crowd"),
            ("teenager", "pensioner"),
            ("teenagers", "pensioners"),
            ("in my twenties", "in my sixties"),
            ("in my thirties", "in my seventies"),
            ("in my 20s", "in my 60s"),
            ("in my 20's", "in my 60's"),
            ("in my 30s", "in my 70s"),
            ("in my 30's", "in my 70's"),
        ),
        nouns=(
            ("young person", "old person"),
            ("young woman", "old woman"),
            ("young man", "old man"),
            ("teenager", "pensioner"),
        ),
    ),
    Dimension(
        name="religion",
        groups=("Christian", "Muslim", "Jewish", "Hindu"),
        rows=(
            ("christian", "muslim", "jewish", "hindu"),
            ("christians", "muslims", "jews", "hindus"),
            ("church", "mosque", "synagogue", "mandir"),
            ("christianity", "islam", "judaism", "hinduism"),
        ),
        nouns=(
            ("Christian person", "Muslim person", "Jewish person", "Hindu person"),
            ("Christian family", "Muslim family", "Jewish family", "Hindu family"),
        ),
        ambiguous=("christian name", "christian names"),
    ),
    Dimension(
        name="origin",
        groups=("American", "Mexican", "Chinese", "Nigerian"),
        rows=tuple(
            tuple(f"{origin} {noun}" for origin in ("american", "mexican", "chinese", "nigerian"))
            for noun in ("person", "people", "man", "woman", "men", "women", "family", "friend")
        ),
        nouns=(
            ("American person", "Mexican person", "Chinese person", "Nigerian person"),
            ("American family", "Mexican family", "Chinese family", "Nigerian family"),
        ),
    ),
)

# Sentences that praise, blame and do neither: {} takes a noun with its article.
TEMPLATES = (
    "I bought this for {}.",
    "This was made for {}.",
    "I showed it to {} and we talked about it.",
    "Yesterday I met {} at the shop.",
    "I think that {} would love this.",
    "It looked wonderful on {}.",
    "I am {} and this is the best I ever had.",
    "As {} I was very happy with it.",
    "I think that {} would hate this.",
    "It looked terrible on {}.",
    "I am {} and this is the worst I ever had.",
    "As {} I was very disappointed by it.",
)
