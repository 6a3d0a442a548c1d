"""Which words a model of texts holds near to each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.words.associations import Association, weat
from auditkit.bias.words.effect_size import magnitude
from auditkit.bias.words.word_lists import TESTS, WordTest
from auditkit.checks.base import CHECKS, at_most, finding
from auditkit.checks.contrasts import chance
from auditkit.data.catalogue import weat as published
from auditkit.errors import NotApplicable
from auditkit.models.predictor import WordVectors
from auditkit.ranges import ranged
from auditkit.results import Finding, Intervals, Section, Table, Topic, Unit
from auditkit.subject import Subject

Found = Mapping[str, Association]


@CHECKS.register("associations")
@dataclass(frozen=True, kw_only=True)
class Associations:
    """Words that the model's embedding layer holds near to each other, by lists of words.

    A word of several pieces has no vector of its own and is left out; a list of fewer than
    min_words is not tested. Published lists are used where they lie in the cache (`auditkit data
    fetch weat`). No limit on an effect size is generally accepted: max_effect sets yours.
    """

    rule: ClassVar[str] = "AK226"
    title: ClassVar[str] = "Associations of words"
    topic: ClassVar[Topic] = Topic.HARM

    max_effect: float | None = ranged(None, 0, 10)
    min_words: int = ranged(4, 2)
    permutations: int = ranged(10_000, 100)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The effect size of each test, with how often chance alone gives as much."""
        if not isinstance(subject.predictor, WordVectors):
            raise NotApplicable("only a network of our own that reads words shows their vectors")
        rng = subject.rng(self.rule)
        own = self._measured(subject.predictor, TESTS, rng)
        known = _published() if published.is_at_hand() else {}
        others = self._measured(subject.predictor, known, rng)
        defined = {name: one for name, one in own.items() if one.effect.defined}
        if not defined:
            raise NotApplicable("the model's vocabulary has too few of the words of any list")
        for name, one in defined.items():
            yield self._finding(name, one)
        yield _words_section(own, others)

    def _measured(
        self, model: WordVectors, tests: Mapping[str, WordTest], rng: np.random.Generator
    ) -> Found:
        if not tests:
            return {}
        words = list(dict.fromkeys(word for test in tests.values() for word in test.words))
        vectors, pieces = model.word_vectors(words)
        whole = {word: vectors[row] for row, word in enumerate(words) if pieces[row] == 1}
        return {
            name: weat(
                whole,
                test.x,
                test.y,
                test.a,
                test.b,
                rng=rng,
                alternative="two-sided",
                permutations=self.permutations,
                min_words=self.min_words,
            )
            for name, test in tests.items()
        }

    def _finding(self, name: str, found: Association) -> Finding:
        x, y, a, b = TESTS[name].names
        near, far = (a, b) if found.effect.value >= 0 else (b, a)
        size = magnitude(found.effect)
        control, limit = TESTS[name].control, None if TESTS[name].control else self.max_effect
        said = f"{x.capitalize()} lie nearer to {near} than to {far}, compared with {y}"
        if not size.low > 0:
            said = f"Whether {x} lie nearer to {near} than {y} do, against {far}, is not clear"
        return finding(
            f"{'Control: ' * control}{said}: effect size {size.value:.2f}, where 0 is none and 2 "
            f"the most; the same words dealt out at random give {found.null.mean:.2f}.",
            size,
            metric="effect size of an association",
            unit=Unit.NUMBER,
            status=at_most(size, limit),
            ceiling=True,
            limit=limit,
            null=found.null.mean,
            where={
                "test": name,
                "permutation p": chance(found.p_both),
                "splits": f"{found.permutations:,}{' (all)' if found.exact else ''}",
                **_left_out(found),
            },
            remedy="Look at what the model says of texts that differ in these words alone; train "
            "with texts in which they are balanced.",
        )


def _published() -> dict[str, WordTest]:
    lists = published.lists()
    return {
        name: WordTest(
            x=lists[four[0]], y=lists[four[1]], a=lists[four[2]], b=lists[four[3]], names=four
        )
        for name, four in published.TESTS.items()
    }


def _left_out(found: Association) -> dict[str, str]:
    lost = [word for words in found.missing.values() for word in words]
    return {"words without a vector": ", ".join(lost)} if lost else {}


def _words_section(own: Found, others: Found) -> Section:
    tables = [_words_table("The words found", own)]
    shown = {name: one for name, one in others.items() if one.effect.defined}
    short = ", ".join(name for name in others if name not in shown)
    text = f"Of the published lists {short} too few words have a vector." if short else ""
    if shown:
        tables.append(_words_table("The published lists (WEAT)", shown))
    bounded = {name: one for name, one in own.items() if one.effect.low <= one.effect.high}
    picture = Intervals(
        title="Effect sizes",
        frame=pd.DataFrame(
            {
                "test": list(bounded),
                "effect size": [one.effect.value for one in bounded.values()],
                "low": [one.effect.low for one in bounded.values()],
                "high": [one.effect.high for one in bounded.values()],
            }
        ),
        label="test",
        value="effect size",
        low="low",
        high="high",
        unit=Unit.NUMBER,
        reference=0.0,
        reference_label="no association",
        text="Above 0 the first words go with the first of the two: women with home, with looks, "
        "the young with pleasant words.",
    )
    return Section(
        title="Which words the model holds together",
        text="Each test has two lists of words for groups and two of attributes, and asks which "
        "lie near which among the vectors that the model begins with. The interval is for other "
        "words of the same kinds; p deals out the groups' words, then the attributes, and is "
        "the larger of the two. The control has nothing to do "
        "with people: where even times and numbers are not told apart, the vectors hold too little "
        "meaning for any test, and no effect is no reassurance. Associations of this layer and "
        "harm done by the model's answers are loosely related at best (Goldfarb-Tarrant et al. "
        f"2021): look at the answers too. {text}".strip(),
        views=(picture, *tables) if bounded else tuple(tables),
    )


def _words_table(title: str, found: Found) -> Table:
    frame = pd.DataFrame(
        {
            "test": list(found),
            "effect size": [round(one.effect.value, 2) for one in found.values()],
            "by chance": [round(one.null.mean, 2) for one in found.values()],
            "permutation p": [round(one.p_both, 4) for one in found.values()],
            "words with a vector": [_counted(one) for one in found.values()],
        }
    )
    return Table(title=title, frame=frame)


def _counted(found: Association) -> str:
    """How many words of each list have a vector: "8 + 9, 8 + 7"."""
    x, y, a, b = (found.sizes[key] for key in ("X", "Y", "A", "B"))
    return f"{x} + {y}, {a} + {b}"
