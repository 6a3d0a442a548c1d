"""What would have had to be otherwise for another decision: a few rows in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from auditkit.checks.base import CHECKS, at_most, finding, percent
from auditkit.checks.flipping import ask, drawn, steady_answers
from auditkit.data.schema import Medium, Task
from auditkit.data.values import canonical
from auditkit.errors import DataError, NotApplicable
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Section, Table, Topic
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

if TYPE_CHECKING:
    from auditkit.attribution.counterfactuals.columns import Seen
    from auditkit.attribution.counterfactuals.tables import Counterfactual, Explained
    from auditkit.attribution.counterfactuals.words import Rewriting, Rewritten

PROBE = 50  # rows that are asked a second time
SHOWN = 3  # rows of either decision: nearest to the threshold, middling, farthest from it
LONGEST = 120  # signs of a text that are shown
STEP, FAR = 1.0, 3.0  # a small change; how many times the cheapest another may cost to be shown
REAL = 0.95  # of real rows are nearer to another than a row that is called unlike any
UNLIKE = "unlike anybody seen"


@CHECKS.register("counterfactuals")
@dataclass(frozen=True, kw_only=True)
class Counterfactuals:
    """What would have had to be otherwise, for single rows, and how often one thing would do.

    Of at most `rows` rows (`texts` where the model reads texts) the smallest plausible change is
    sought after which the model itself decides otherwise. Sensitive columns and those named with
    --immutable stay. At most `budget` changed rows are asked about for each.
    """

    rule: ClassVar[str] = "AK511"
    title: ClassVar[str] = "What would have to change"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    max_single: float | None = ranged(None, *SHARE)
    rows: int = ranged(40, 1, 100_000)
    texts: int = ranged(8, 1, 100_000)
    most: int = ranged(4, 1, 20)
    most_words: int = ranged(6, 1, 50)
    budget: int = ranged(300, 10, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """How many decisions hang on one thing; a few rows, a line each."""
        scores = askable(subject)
        match subject.table.schema.medium:
            case Medium.TABLE:
                yield from self._of_table(subject, scores)
            case Medium.TEXT:
                yield from self._of_texts(subject, scores)
            case other:
                raise NotApplicable(
                    f"what could be otherwise is said of columns and words; these are {other}s"
                )

    def _of_table(self, subject: Subject, scores: np.ndarray) -> Iterator[Finding | Section]:
        from auditkit.attribution.counterfactuals.asking import Effort
        from auditkit.attribution.counterfactuals.tables import counterfactuals

        shown = picked(scores, subject.threshold)
        sample = drawn(subject.rows, self.rows, subject.rng(self.rule))
        rows = np.union1d(shown, sample)
        found = counterfactuals(
            lambda frame: scores_of(subject, frame),
            subject.frame.iloc[rows].reset_index(drop=True),
            seen_of(subject),
            threshold=subject.threshold,
            effort=Effort(most=self.most, budget=self.budget, thorough=False),
            real=source_of(subject),
        )
        by_row = dict(zip(rows.tolist(), found.rows, strict=True))
        every = [by_row[row] for row in sample.tolist()]
        turned = [any(it.count == 1 and it.cost <= STEP for it in one.found) for one in every]
        lacking = sum(not one.found for one in every)
        asked = sum(one.asked for one in found.rows)
        yield self._finding(turned, lacking, asked, "a single thing were otherwise by one step")
        yield Section(
            title="What would have had to be otherwise?",
            text="For a few rows the cheapest change after which the model decides otherwise, and "
            "others that change something else: each was put to the model again. What nobody can "
            f"change stays ({held_of(subject)}), values are those that occur, and pairs that "
            "never occur together are not made. A change costs one step for another category, and "
            "one for a number's typical deviation. It says how this model decides, not what would "
            f'happen to a person who changes so. "{UNLIKE}" marks a row farther from every real '
            f"one than 95 % of real rows are from another.",
            views=(_rows_table(subject, [(row, by_row[row]) for row in shown.tolist()]),),
        )

    def _of_texts(self, subject: Subject, scores: np.ndarray) -> Iterator[Finding | Section]:
        from auditkit.attribution.counterfactuals.asking import Effort
        from auditkit.attribution.counterfactuals.vocabulary import Vocabulary
        from auditkit.attribution.counterfactuals.words import word_counterfactuals

        column = subject.table.schema.feature_names[0]
        try:
            vocabulary = Vocabulary.of(source_of(subject)[column].astype(str).tolist())
        except DataError as error:  # names, or texts of letters: nothing can be put in for a word
            raise NotApplicable(str(error)) from error
        sample = drawn(subject.rows, self.texts, subject.rng(self.rule))
        rows = np.union1d(picked(scores, subject.threshold, each=2), sample)
        found = word_counterfactuals(
            lambda frame: scores_of(subject, frame),
            subject.frame.iloc[rows].reset_index(drop=True),
            column,
            vocabulary,
            threshold=subject.threshold,
            effort=Effort(most=self.most_words, budget=self.budget, thorough=False),
            leaning=vocabulary.leaning(subject.frame[column].astype(str).tolist(), scores),
        )
        every = [one for row, one in zip(rows.tolist(), found, strict=True) if row in sample]
        turned = [any(len(it.words) == 1 for it in one.found) for one in every]
        lacking, asked = sum(not one.found for one in every), sum(one.asked for one in found)
        yield self._finding(turned, lacking, asked, "a single word were another")
        yield Section(
            title="Which words would have had to be others?",
            text="For a few texts the fewest words that have to be others, or left out, for the "
            "model to decide otherwise: each text was put to the model again. Words put in were "
            "seen between such neighbours in the texts known; those that say who somebody is "
            "stay. A text may lose its sense on the way: it shows on which words the decision "
            "rests, and no more.",
            views=(_texts_table(subject, column, rows, found),),
        )

    def _finding(self, turned: Sequence[bool], lacking: int, asked: int, what: str) -> Finding:
        from auditkit.attribution.counterfactuals.recourse import hanging

        share = hanging(turned)
        none = f"; for {lacking:,} no change was found in the budget" if lacking else ""
        return finding(
            f"Of {len(turned):,} decisions, {percent(share.value)} would be the other one if "
            f"{what}{none}.",
            share,
            metric="decisions that one step turns",
            status=at_most(share, self.max_single),
            ceiling=True,
            limit=self.max_single,
            where={"changed rows put to the model": f"{asked:,}"},
            remedy="Look at the rows: a decision that turns on one entry needs that entry to be "
            "right, and a person for cases near the line.",
            rows_needed=lambda: settled_at(share, self.max_single),
        )


def askable(subject: Subject) -> np.ndarray:
    """The scores of the audited rows; raises NotApplicable where the model cannot be asked again.

    The decisions stand in their place, as 0 and 1, where there are no scores or these do not
    decide.
    """
    subject.require(Task.DECISION)
    before = steady_answers(subject, probe=PROBE)
    if before.values is None or not subject.decides_by_score:
        assert before.decisions is not None, "a model that decides gives decisions"
        return before.decisions.astype(np.float64)
    return before.values


def scores_of(subject: Subject, frame: pd.DataFrame) -> np.ndarray:
    """The same of any rows."""
    said = ask(subject, frame)
    if said.values is None or not subject.decides_by_score:
        assert said.decisions is not None, "a model that decides gives decisions"
        return said.decisions.astype(np.float64)
    return said.values


def source_of(subject: Subject) -> pd.DataFrame:
    """The rows from which it is taken what occurs: those of the training, where they are known."""
    return subject.frame if subject.train is None else subject.train.frame


def seen_of(subject: Subject, measure: str = "deviations") -> "Seen":
    """What occurs, and what may change. Raises NotApplicable where nothing may."""
    from auditkit.attribution.counterfactuals.columns import Seen

    schema = subject.table.schema
    held = {*schema.sensitive_names, *subject.immutable} & set(schema.feature_names)
    if held == set(schema.feature_names):
        raise NotApplicable("every feature is sensitive or immutable: there is nothing to change")
    return Seen.of(source_of(subject), schema.features, immutable=held, measure=measure)  # type: ignore[arg-type]


def held_of(subject: Subject) -> str:
    """The columns that stay, by name."""
    named = (*subject.table.schema.sensitive_names, *subject.immutable)
    return ", ".join(dict.fromkeys(named)) or "no column was named"


def picked(scores: np.ndarray, threshold: float, *, each: int = SHOWN) -> np.ndarray:
    """Places of `each` rows of either decision, from the nearest to the threshold to the last."""
    found: list[int] = []
    for side in (scores < threshold, scores >= threshold):
        rows = np.flatnonzero(side)
        rows = rows[np.argsort(np.abs(scores[rows] - threshold), kind="stable")]
        last = len(rows) - 1
        found += [int(rows[place * last // (each - 1)]) for place in range(each) if last >= 0]
    return np.unique(found)


def _rows_table(subject: Subject, rows: Sequence[tuple[int, "Explained"]]) -> Table:
    outcome = f"{subject.table.schema.target.name} = {subject.table.schema.positive}"
    lines = []
    for row, one in sorted(rows, key=lambda it: it[1].score):
        said = row + 1, _decided(subject, one.score)
        near = [it for it in one.found[:SHOWN] if it.cost <= FAR * one.cost]
        lines += [(*said, _sentence(subject, it), it.cost) for it in near]
        if not near:
            lines.append((*said, f"{one.reason}.", np.nan))
    frame = pd.DataFrame(lines, columns=["row", "the model says", "it would say", "steps"])
    return Table(
        title=f"Is {outcome}?",
        frame=frame.round({"steps": 2}),
        text="Rows on either side of the threshold: the nearest, a middling one, the farthest.",
    )


def _sentence(subject: Subject, one: "Counterfactual") -> str:
    parts = [
        f"{change.column} been {change.after} instead of {change.before or 'missing'}"
        for change in one.changes
    ]
    odd = f"; {UNLIKE}" if one.unusual > REAL else ""
    return f"{_decided(subject, one.score)}, had {', and '.join(parts)}{odd}"


def _decided(subject: Subject, score: float) -> str:
    return f"{'yes' if score >= subject.threshold else 'no'} ({score:.3f})"


def _texts_table(
    subject: Subject, column: str, rows: np.ndarray, found: Sequence["Rewritten"]
) -> Table:
    lines = []
    for row, one in sorted(zip(rows.tolist(), found, strict=True), key=lambda it: it[1].score):
        text = canonical(subject.frame[column].iloc[row])
        short = text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()} ..."
        said = _words(subject, one.found[0]) if one.found else f"{one.reason}."
        lines.append((short, _decided(subject, one.score), said))
    outcome = f"{subject.table.schema.target.name} = {subject.table.schema.positive}"
    return Table(
        title=f"Is {outcome}?",
        frame=pd.DataFrame(lines, columns=["text", "the model says", "it would say"]),
    )


def _words(subject: Subject, one: "Rewriting") -> str:
    parts = [
        f'"{word.before}" been "{word.after}"' if word.after else f'"{word.before}" been left out'
        for word in one.words
    ]
    return f"{_decided(subject, one.score)}, had {', and '.join(parts)}"
