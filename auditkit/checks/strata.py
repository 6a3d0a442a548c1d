"""Are groups treated differently where like is compared with like?"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from typing import ClassVar

import pandas as pd

from auditkit.bias.strata import Standardised, within_strata
from auditkit.checks.base import CHECKS, GROUP, at_most, finding, percent, points, reasons, words
from auditkit.checks.contrasts import chance
from auditkit.data.schema import Task
from auditkit.errors import NotApplicable
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Section, Table, Topic, Unit, View
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

ASKED = ("selection_rate", "true_positive_rate", "false_positive_rate")
TEXT = (
    "Groups can differ because of where they are found: one may apply where most are refused. Here "
    "every group's rate is what it would be, were the group spread over the strata as all rows "
    "are. Whether the strata are fair themselves is another question: to control for what a group "
    "was brought to by unfairness hides harm."
)


@CHECKS.register("within-strata")
@dataclass(frozen=True, kw_only=True)
class WithinStrata:
    """Are groups treated alike within strata of the control columns?

    The strata are the combinations of all control columns. No limit is custom for a gap within
    strata, so that it is measured unless one is set.
    """

    rule: ClassVar[str] = "AK216"
    title: ClassVar[str] = "Groups within strata"
    topic: ClassVar[Topic] = Topic.HARM

    max_difference: float | None = ranged(None, *SHARE)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(1000, 100, 1_000_000)
    most_strata: int = ranged(12, 1, 500)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each rate and sensitive column; the rates and the strata as tables."""
        subject.require(Task.DECISION)
        controls = tuple(one.name for one in subject.controls)
        if not controls:
            raise NotApplicable("no control column was named; name one with --control COL")
        columns = [name for name in subject.sensitive if name not in controls]
        if not columns:
            raise NotApplicable("every sensitive column is a control column: nothing is left")
        views: list[View] = []
        for column in columns:
            counts = subject.counts_of((*controls, column))
            together = subject.clusters_of((*controls, column))
            for rate in ASKED:
                found = within_strata(
                    counts,
                    rate,
                    rng=subject.rng(f"{self.rule} {column} {rate}"),
                    draws=self.draws,
                    min_group_size=self.min_group_size,
                    clusters=together,
                )
                yield self._finding(found, column, " × ".join(controls))
                if rate == ASKED[0] and found.estimate.defined:
                    views += self._tables(found, column)
        yield Section(title=f"Groups within {' × '.join(controls)}", text=TEXT, views=tuple(views))

    def _finding(self, found: Standardised, column: str, controls: str) -> Finding:
        limit = self.max_difference
        return finding(
            _said(found, column, controls),
            found.estimate,
            metric=f"{words(found.rate)} difference within strata",
            unit=Unit.POINTS,
            status=at_most(found.estimate, limit),
            limit=limit,
            null=found.null.mean,
            where=_where(found, column, controls),
            remedy="Look at the strata in which the gap is widest: there like is treated unlike. "
            "Have those decisions reviewed before anything is trained anew.",
            rows_needed=lambda: settled_at(found.estimate, limit),
            p_value=nan if limit is None else found.beyond(limit),
        )

    def _tables(self, found: Standardised, column: str) -> Iterator[View]:
        groups = found.groups.reset_index(names=GROUP)[[GROUP, "n", "raw", "value", "low", "high"]]
        names = {"n": "rows", "raw": "as it is", "value": "within strata"}
        rate = words(found.rate).capitalize()
        yield Table(
            title=f"{rate} by {column}, within strata",
            frame=groups.rename(columns=names),
            shares=("as it is", "within strata", "low", "high"),
        )
        left = len(found.strata) - self.most_strata
        yield Table(
            title=f"{rate} by {column}, stratum by stratum",
            frame=_readable(found.strata.head(self.most_strata)),
            shares=("by", "at least"),
            text=f"The {self.most_strata} largest strata; {left:,} more "
            f"{'is' if left == 1 else 'are'} not listed."
            if left > 0
            else "",
        )


def _readable(strata: pd.DataFrame) -> pd.DataFrame:
    """Few enough columns to be read beside another table."""
    between = strata["lowest"] + " below " + strata["highest"]
    frame = strata[["stratum", "rows"]].assign(widest=between, by=strata["value"])
    return frame.assign(**{"at least": strata["low"]})


def _said(found: Standardised, column: str, controls: str) -> str:
    """The adjusted gap in a sentence, and what became of the one there is without strata."""
    if not found.estimate.defined:
        return ""
    rate, value = words(found.rate), found.groups["value"]
    low, high = (percent(float(value[one])) for one in (found.lowest, found.highest))
    said = (
        f"Within strata of {controls}, by {column}, the {rate} of {found.lowest} ({low}) is "
        f"{points(found.estimate.value)} below that of {found.highest} ({high}); chance alone "
        f"would give {points(found.null.mean)}."
    )
    return f"{said} {_turned(found, rate, controls)}".strip()


def _turned(found: Standardised, rate: str, controls: str) -> str:
    """Simpson's paradox, or what else the strata do to the widest pair they change."""
    for pairs, ending in (
        (found.reversed(), "the comparison turns round (Simpson's paradox)"),
        (found.explained(), f"what is left may be chance, and {controls} may explain the rest"),
        (found.hidden(), "there is a gap that the whole of the rows hides"),
    ):
        if len(pairs):
            pair = pairs.iloc[int((pairs["value"] - pairs["raw"]).abs().argmax())]
            raw, side = float(pair["raw"]), "above" if pair["raw"] > 0 else "below"
            return (
                f"On the same rows as they are, the {rate} of {pair['first']} is "
                f"{points(abs(raw))} {side} that of {pair['second']}; within strata it is "
                f"{points(float(pair['value']))} above: {ending}."
            )
    return ""


def _where(found: Standardised, column: str, controls: str) -> dict[str, str]:
    where = {"column": column, "strata": controls}
    if found.estimate.defined:
        where |= {
            "lowest": found.lowest,
            "highest": found.highest,
            "chance alone, 1 in 20": points(found.null.upper),
            "permutation p": chance(found.null.p_value),
        }
        if found.covered < 1:
            where["rows compared"] = (
                f"{percent(found.covered)}: those in strata where every group has enough rows"
            )
    if found.left_out:
        where["not compared"] = reasons(found.left_out)
    return where
