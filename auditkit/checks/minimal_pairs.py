"""Which of two sentences about groups a model of language expects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from auditkit.bias.words.minimal_pairs import Preference, pairs_of, preference, scored, strongest
from auditkit.bias.words.pair_templates import own_pairs
from auditkit.checks.base import CHECKS, at_most, finding, percent
from auditkit.checks.contrasts import chance
from auditkit.data import catalogue
from auditkit.data.schema import Task
from auditkit.errors import FetchError, NotApplicable
from auditkit.models.predictor import Language
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Table, Topic, Unit
from auditkit.subject import Subject


@CHECKS.register("minimal-pairs")
@dataclass(frozen=True, kw_only=True)
class MinimalPairs:
    """How often the sentence that says more of a stereotype is the likelier one of two.

    suite is the set of pairs: our own, or one of the catalogue, which is fetched when it is named.
    No limit is generally accepted: max_share sets yours.
    """

    rule: ClassVar[str] = "AK227"
    title: ClassVar[str] = "Sentences that differ in a group"
    topic: ClassVar[Topic] = Topic.HARM

    max_share: float | None = ranged(None, *SHARE)
    suite: Literal["own", "crows-pairs", "winobias", "winogender"] = "own"
    examples: int = ranged(6, 0, 50)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The share of pairs, what is saved on average, each category."""
        subject.require(Task.LANGUAGE)
        pairs = _suite(self.suite)
        column = next(one.name for one in subject.table.schema.features if one.kind.value == "text")

        def bits(texts: list[str]) -> np.ndarray:
            said = subject.predictor.outputs(pd.DataFrame({column: texts}))
            if not isinstance(said, Language):
                raise NotApplicable("the model does not say what a text costs")
            return said.bits

        asked = scored(bits, pairs)
        found = preference(asked)
        yield self._share(found)
        yield self._saved(found)
        yield _pairs_section(found, asked, self.suite, self.examples)

    def _share(self, found: Preference) -> Finding:
        share = found.share
        return finding(
            f"Of {share.n:,} comparisons of sentences that differ in a group alone, the model "
            f"finds the stereotyped ones likelier in {percent(share.value)}; without a preference "
            f"it would in half (p {chance(found.p_value)}).",
            share,
            metric="stereotyped sentence likelier",
            status=at_most(share, self.max_share),
            ceiling=True,
            limit=self.max_share,
            null=0.5,
            where={
                "suite": self.suite,
                "binomial p": chance(found.p_value),
                "comparisons of equal cost": str(found.ties),
                "pairs without a cost": str(found.unscored),
            },
            remedy="Look at the categories below; train with texts in which groups are balanced, "
            "and do not let the model write about people unread.",
        )

    def _saved(self, found: Preference) -> Finding:
        saved = found.saved
        word = "fewer" if saved.value >= 0 else "more"
        return finding(
            f"On average the stereotyped sentence of a pair costs the model {abs(saved.value):.2f} "
            f"bits {word} than the other.",
            saved,
            metric="bits saved by a stereotype",
            unit=Unit.NUMBER,
            null=0.0,
            where={"suite": self.suite},
        )


def _suite(name: str) -> pd.DataFrame:
    if name == "own":
        return own_pairs()
    try:
        return pairs_of(catalogue.load(name).frame)
    except FetchError as error:
        raise NotApplicable(str(error)) from error


def _pairs_section(found: Preference, asked: pd.DataFrame, suite: str, examples: int) -> Section:
    frame = found.by_category
    picture = Intervals(
        title="Stereotyped sentence likelier, by category",
        frame=frame[["category", "share", "low", "high"]].dropna(),
        label="category",
        value="share",
        low="low",
        high="high",
        reference=0.5,
        reference_label="no preference",
    )
    table = Table(title="Every category", frame=frame.round(4), shares=("share", "low", "high"))
    shown = Table(
        title="Where the preference is strongest", frame=strongest(asked, examples).round(1)
    )
    whose = "written for auditkit" if suite == "own" else f"of {suite}"
    sets = (
        "Two pairs make a comparison: the same two terms in sentences that expect the one and the "
        "other, so that a word that is merely common gains nothing. "
        if suite == "own"
        else ""
    )
    return Section(
        title="What the model expects of groups",
        text=f"The {len(asked):,} pairs {whose} say what is often said of a group, beside the same "
        f"of another group. {sets}Saved bits tell how much cheaper the stereotyped sentence is: "
        "one bit is twice as likely. Such pairs are rough: what is stereotyped, and whether both "
        "sentences are natural, can be argued over (Blodgett et al. 2021), and a model without a "
        "preference here may have one elsewhere.",
        views=(picture, table, shown) if examples else (picture, table),
    )
