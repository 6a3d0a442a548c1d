"""Short lists of common words for tests of association, chosen for this package.

Each test has two lists of targets and two of attributes. The first targets go with the first
attributes where a text repeats what is often said of people; an effect above 0 says that the
embedding does too. Words are common ones, so that an embedding of a few thousand words has most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordTest:
    """Two lists of targets, two of attributes; names are what a sentence calls the four.

    A control has nothing to do with people.
    """

    x: Words
    y: Words
    a: Words
    b: Words
    names: tuple[str, str, str, str]
    control: bool = False

    @property
    def words(self) -> Words:
        """Every word once."""
        return tuple(dict.fromkeys((*self.x, *self.y, *self.a, *self.b)))


WOMEN = ("she", "her", "woman", "women", "girl", "mom", "mother", "daughter", "wife", "sister")
MEN = ("he", "his", "man", "men", "boy", "dad", "father", "son", "husband", "brother")
PLEASANT = (
    "good",
    "happy",
    "beautiful",
    "love",
    "great",
    "best",
    "perfect",
    "nice",
    "peace",
    "free",
)
UNPLEASANT = ("bad", "sad", "ugly", "hate", "war", "fear", "awful", "poor", "wrong", "worst")
WOMEN_AND_MEN = ("words for women", "words for men")

TESTS: Mapping[str, WordTest] = MappingProxyType(
    {
        "women and men: home and work": WordTest(
            x=WOMEN,
            y=MEN,
            a=("home", "family", "house", "children", "baby", "kids", "wedding", "parents"),
            b=("work", "office", "job", "business", "company", "money", "meeting", "career"),
            names=(*WOMEN_AND_MEN, "home", "work"),
        ),
        "women and men: looks and strength": WordTest(
            x=WOMEN,
            y=MEN,
            a=("pretty", "beautiful", "lovely", "soft", "sweet", "slim", "delicate", "cute"),
            b=("strong", "hard", "heavy", "power", "large", "tough", "bold", "firm"),
            names=(*WOMEN_AND_MEN, "looks", "strength"),
        ),
        "women and men: pleasant and unpleasant": WordTest(
            x=WOMEN,
            y=MEN,
            a=PLEASANT,
            b=UNPLEASANT,
            names=(*WOMEN_AND_MEN, "pleasant words", "unpleasant words"),
        ),
        "young and old: pleasant and unpleasant": WordTest(
            x=("young", "youth", "child", "kid", "teen", "girl", "boy", "new", "younger"),
            y=("old", "age", "aged", "grandmother", "elderly", "senior", "mature", "older"),
            a=PLEASANT,
            b=UNPLEASANT,
            names=(
                "words for the young",
                "words for the old",
                "pleasant words",
                "unpleasant words",
            ),
        ),
        # No people: an embedding that has learned anything of English shows this one.
        "time and numbers, a control": WordTest(
            x=("day", "week", "month", "summer", "night", "morning", "season", "hour"),
            y=("one", "two", "three", "four", "five", "six", "ten", "half"),
            a=("days", "weeks", "months", "winter", "spring", "time", "today", "year"),
            b=("first", "second", "third", "several", "few", "both", "many", "most"),
            names=("words for times", "numbers", "other words for times", "words for how many"),
            control=True,
        ),
    }
)
