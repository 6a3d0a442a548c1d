"""Does a decision on a text change when the person it speaks of is said to be another?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.individual.flipping import Answers, Asked, compared, joined
from auditkit.bias.individual.identity_terms import Swaps, are_names, sentences, swaps
from auditkit.bias.individual.identity_words import Dimension
from auditkit.checks.base import CHECKS, at_most, finding, percent, points
from auditkit.checks.flipping import (
    ask,
    direction,
    drawn,
    flips_table,
    most_often,
    steady_answers,
)
from auditkit.data.schema import Medium, Task
from auditkit.errors import NotApplicable
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Section, Topic, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

PROBE = 50  # texts that are asked a second time


@CHECKS.register("flipped-terms")
@dataclass(frozen=True, kw_only=True)
class FlippedTerms:
    """Does the answer change when words for one group of people stand in place of another's?

    In audited texts that name one group (women or men, young or old, ...) its words are put into
    those of each other group; texts that would lose their meaning are left out. Judged where
    min_texts of a dimension are found, on at most most_texts. Beside it, and without a verdict,
    stand sentences of our own, which are unlike the texts that the model was made for.
    """

    rule: ClassVar[str] = "AK224"
    title: ClassVar[str] = "Flipping words of identity"
    topic: ClassVar[Topic] = Topic.HARM

    max_rate: float | None = ranged(0.05, *SHARE)
    min_texts: int = ranged(20, 1)
    most_texts: int = ranged(300, 10, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each dimension with enough texts, one for our sentences; by pair."""
        column = _text_column(subject)
        texts = subject.frame[column].astype(str).tolist()
        own = swaps(texts)
        enough = [one for one in own if len(one.texts) >= self.min_texts]
        if not enough and are_names(texts):
            raise NotApplicable("the texts are single words: none of them speaks of a person")
        before, rng = steady_answers(subject, probe=PROBE), subject.rng(self.rule)
        audited = [one.at(drawn(len(one.texts), self.most_texts, rng)) for one in enough]
        asked = [_asked(subject, column, one, before.at(one.place)) for one in audited]
        found = [(swap.dimension, one) for swap, one in zip(audited, asked, strict=True)]
        for dimension, one in found:
            yield self._finding(one, dimension.name, decides=subject.task is not Task.NUMBER)
        ours = [(one.dimension, _asked_ours(subject, column, one.dimension)) for one in own]
        yield _of_sentences(subject, [asked for _, asked in ours])
        yield Section(
            title="What changes if a text speaks of another person?",
            text=f"Audited texts that name one group: {', '.join(map(_found, own))}; fewer than "
            f"{self.min_texts} are not judged. A text in which a word has no single partner (her "
            "is him or his) is left as it is. Our own sentences praise, blame and do neither; the "
            "model was not made for them, so that what it says of them hints at leanings at most.",
            views=tuple(
                flips_table(
                    f"Words of another group in {where}",
                    pd.concat([_lines(asked, by) for by, asked in part], ignore_index=True),
                    decides=subject.task is not Task.NUMBER,
                )
                for where, part in (("audited texts", found), ("our own sentences", ours))
                if part
            ),
        )

    def _finding(self, asked: Asked, name: str, *, decides: bool) -> Finding:
        moved, rate = asked.largest_change(), asked.rate()
        if not decides:
            return finding(
                f"In {moved.n:,} audited texts with words of {name}, those of another group move "
                f"the number by {moved.value:.4g} on average.",
                moved,
                metric="largest change when flipped",
                unit=Unit.NUMBER,
                null=0.0,
                where={"dimension": name},
            )
        by = f"; the score moves by {points(moved.value)} on average" if moved.defined else ""
        return finding(
            f"In {rate.n:,} audited texts with words of {name}, those of another group change the "
            f"decision for {percent(rate.value)}{direction(asked)}{by}.",
            rate,
            metric="flip rate of terms",
            status=at_most(rate, self.max_rate),
            ceiling=True,
            limit=self.max_rate,
            null=0.0,
            where={"dimension": name, **most_often(asked)},
            remedy="Train on texts beside their flipped versions, or with such words masked, and "
            "look at the texts whose decision changes.",
            rows_needed=lambda: settled_at(rate, self.max_rate),
        )


def _asked(subject: Subject, column: str, swap: Swaps, before: Answers) -> Asked:
    """The model's answers to the flipped versions of texts, beside those to the texts."""
    rows = swap.place[swap.row]
    frame = subject.frame.iloc[rows].assign(**{column: list(swap.changed)})
    return compared(
        before,
        ask(subject, frame),
        row=swap.row,
        origin=swap.origin,
        target=swap.target,
        labels=swap.dimension.groups,
    )


def _asked_ours(subject: Subject, column: str, dimension: Dimension) -> Asked:
    """The answers to our sentences; whatever else a row has is that of the first row."""
    swap = sentences(dimension)
    written = list(dict.fromkeys([*swap.texts, *swap.changed]))
    place = {text: number for number, text in enumerate(written)}
    rows = np.zeros(len(written), np.int64)
    answers = ask(subject, subject.frame.iloc[rows].assign(**{column: written}))
    return compared(
        answers.at([place[text] for text in swap.texts]),
        answers.at([place[text] for text in swap.changed]),
        row=swap.row,
        origin=swap.origin,
        target=swap.target,
        labels=dimension.groups,
    )


def _of_sentences(subject: Subject, asked: Sequence[Asked]) -> Finding:
    flipped = joined(asked)
    rate, moved = flipped.rate(), flipped.largest_change()
    if subject.task is Task.NUMBER:
        return finding(
            f"In {moved.n:,} sentences of our own, words of another group move the number by "
            f"{moved.value:.4g} on average; they are unlike the texts it was made for.",
            moved,
            metric="largest change in our sentences",
            unit=Unit.NUMBER,
            null=0.0,
        )
    return finding(
        f"In {rate.n:,} sentences of our own, words of another group change the decision for "
        f"{percent(rate.value)}; they are unlike the texts that the model was made for, and no "
        "verdict rests on them.",
        rate,
        metric="flip rate in our sentences",
        null=0.0,
    )


def _lines(asked: Asked, dimension: Dimension) -> pd.DataFrame:
    frame = asked.directions()
    frame.insert(0, "by", dimension.name)
    return frame


def _found(swap: Swaps) -> str:
    left = swap.mixed + swap.ambiguous
    more = f" ({left:,} more are left out)" if left else ""
    return f"{swap.dimension.name} {len(swap.texts):,}{more}"


def _text_column(subject: Subject) -> str:
    schema = subject.table.schema
    if schema.medium is not Medium.TEXT:
        raise NotApplicable("the model reads no text: see flipped-attribute for tables")
    subject.require(Task.DECISION, Task.CLASSES, Task.NUMBER)
    return next(one.name for one in schema.features if one.kind.value == Medium.TEXT.value)
