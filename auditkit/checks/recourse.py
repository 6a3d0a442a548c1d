"""What those who are refused would have to change to be accepted: is it more for some groups?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from auditkit.checks.base import (
    CHECKS,
    GROUP,
    at_most,
    finding,
    points,
    reasons,
)
from auditkit.checks.contrasts import chance, picture
from auditkit.checks.counterfactuals import askable, held_of, scores_of, seen_of
from auditkit.checks.flipping import drawn
from auditkit.data.schema import Medium
from auditkit.errors import NotApplicable
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Section, Table, Topic, Unit, View
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

if TYPE_CHECKING:
    from auditkit.attribution.counterfactuals.tables import Counterfactuals
    from auditkit.bias.contrast import Contrast
    from auditkit.bias.disparity import Disparity

FEWEST = 2  # refused rows with a cost, without which nothing is compared
REMEDY = (
    "Look at which columns have to change in the group that pays more, and whether they say "
    "anything of what the decision is for. A threshold of its own, or a model that does not read "
    "what stands for the group, brings the costs together."
)


@CHECKS.register("recourse")
@dataclass(frozen=True, kw_only=True)
class Recourse:
    """Of those who are refused, do some groups have to change more to be accepted than others?

    For at most `rows` refused rows the cheapest plausible change is sought after which the model
    accepts, with at most `budget` changed rows each. A step is another category, or a number's
    typical deviation (measure = "deviations"); or it is told in log-percentiles. What a step
    takes of a person the model cannot tell, so that nothing is judged unless you set a limit.
    """

    rule: ClassVar[str] = "AK512"
    title: ClassVar[str] = "Cost of recourse by group"
    topic: ClassVar[Topic] = Topic.HARM

    max_difference: float | None = ranged(None, 0)
    max_lacking_difference: float | None = ranged(None, *SHARE)
    rows: int = ranged(400, 20, 1_000_000)
    most: int = ranged(4, 1, 20)
    budget: int = ranged(300, 10, 1_000_000)
    measure: Literal["deviations", "percentiles"] = "deviations"
    min_group_size: int = ranged(10, 2)
    draws: int = ranged(1000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Two findings for each sensitive column, pictures of cost, what has to change."""
        if subject.table.schema.medium is not Medium.TABLE:
            raise NotApplicable(
                f"what a person can change are columns of a table; the model reads "
                f"{subject.table.schema.medium.value}s"
            )
        columns, scores = subject.sensitive, askable(subject)
        refused = np.flatnonzero(scores < subject.threshold)
        if len(refused) < FEWEST:
            raise NotApplicable("hardly anybody is refused: there is nothing to be changed")
        rows = refused[drawn(len(refused), self.rows, subject.rng(self.rule))]
        found = self._found(subject, rows)
        views: list[View] = []
        for column in columns:
            groups = subject.memberships[column].iloc[rows].reset_index(drop=True)
            yield from self._gaps(subject, column, found, groups, rows, views)
        yield self._section(subject, found, views)

    def _found(self, subject: Subject, rows: np.ndarray) -> "Counterfactuals":
        from auditkit.attribution.counterfactuals.asking import Effort
        from auditkit.attribution.counterfactuals.tables import counterfactuals

        return counterfactuals(
            lambda frame: scores_of(subject, frame),
            subject.frame.iloc[rows].reset_index(drop=True),
            seen_of(subject, self.measure),
            threshold=subject.threshold,
            effort=Effort(most=self.most, budget=self.budget, several=1, thorough=False),
        )

    def _gaps(
        self,
        subject: Subject,
        column: str,
        found: "Counterfactuals",
        groups: pd.Series,
        rows: np.ndarray,
        views: list[View],
    ) -> Iterator[Finding]:
        from auditkit.attribution.counterfactuals import recourse

        costs, apart = recourse.costs_of(found), subject.table.apart
        asked: dict[str, Any] = {
            "clusters": subject.frame[apart].to_numpy()[rows] if apart else None,
            "draws": self.draws,
            "min_group_size": self.min_group_size,
        }
        lacking = recourse.lacking_gap(
            costs, groups, rng=subject.rng(f"{self.rule} {column} lacking"), **asked
        )
        if np.isfinite(costs).any():
            gap = recourse.cost_gap(
                costs, groups, rng=subject.rng(f"{self.rule} {column}"), **asked
            )
            yield self._cost(column, gap)
            if len(gap.groups):
                views.append(
                    picture(
                        gap,
                        title=f"Steps to be accepted, by {column}",
                        what="steps",
                        unit=Unit.NUMBER,
                    )
                )
        if np.isnan(costs).any() or self.max_lacking_difference is not None:
            yield self._lacking(column, lacking)
        shown = recourse.by_group(found, groups, least=self.min_group_size)
        changes = recourse.what_changes(found, groups, least=self.min_group_size)
        names = [str(name) for name in changes if name != "column"]
        views += [
            Table(
                title=f"Refused rows by {column}",
                frame=shown.rename(columns={"group": GROUP}).round(2),
                shares=("found",),
                text="found: a change was found in the budget. The median counts the others as "
                "costing more than any.",
            ),
            Table(
                title=f"What has to change, by {column}",
                frame=changes.head(8).round(3),
                shares=tuple(names),
                text="Of the rows of each group, how often the cheapest change changes a column.",
            ),
        ]

    def _cost(self, column: str, gap: "Contrast") -> Finding:
        where = {"column": column}
        message = ""
        if gap.estimate.defined:
            low, high = (gap.groups["value"][one] for one in (gap.lowest, gap.highest))
            message = (
                f"By {column}, refused rows of {gap.highest} have to change {_steps(high)} on "
                f"average to be accepted, {_steps(gap.estimate.value)} more than those of "
                f"{gap.lowest} ({_steps(low)}); chance alone would give {_steps(gap.null.mean)}."
            )
            where |= {
                "lowest": gap.lowest,
                "highest": gap.highest,
                "chance alone, 1 in 20": _steps(gap.null.upper),
                "permutation p": chance(gap.null.p_value),
            }
        if gap.measured.left_out:
            where["not compared"] = reasons(gap.measured.left_out)
        return finding(
            message,
            gap.estimate,
            metric="cost of recourse",
            unit=Unit.NUMBER,
            status=at_most(gap.estimate, self.max_difference),
            ceiling=True,
            limit=self.max_difference,
            null=gap.null.mean,
            where=where,
            remedy=REMEDY,
            rows_needed=lambda: settled_at(gap.estimate, self.max_difference),
            p_value=None if self.max_difference is None else gap.beyond(self.max_difference),
        )

    def _lacking(self, column: str, gap: "Disparity") -> Finding:
        limit = self.max_lacking_difference
        where = {"column": column}
        message = ""
        if gap.estimate.defined:
            message = (
                f"By {column}, the share of refused rows for which no change was found is "
                f"{points(gap.estimate.value)} higher in {gap.highest} than in {gap.lowest}; "
                f"chance alone would give {points(gap.null.mean)}."
            )
            if gap.estimate.value == 0:
                message = f"By {column}, a change was found for as many refused rows of each group."
            where |= {
                "chance alone, 1 in 20": points(gap.null.upper),
                "permutation p": chance(gap.null.p_value),
            }
        if gap.left_out:
            where["not compared"] = reasons(gap.left_out)
        return finding(
            message,
            gap.estimate,
            metric="refused without recourse",
            unit=Unit.POINTS,
            status=at_most(gap.estimate, limit),
            ceiling=True,
            limit=limit,
            null=gap.null.mean,
            where=where,
            remedy=REMEDY,
            rows_needed=lambda: settled_at(gap.estimate, limit),
            p_value=None if limit is None else gap.beyond(limit),
        )

    def _section(self, subject: Subject, found: "Counterfactuals", views: list[View]) -> Section:
        lacking = sum(not one.found for one in found.rows)
        none = f"For {lacking:,} none was found in the budget. " if lacking else ""
        asked = sum(one.asked for one in found.rows)
        return Section(
            title="What does it take to be accepted?",
            text=f"{len(found.rows):,} refused rows, drawn at random; {asked:,} changed rows were "
            f"put to the model. {none}What nobody can change stays ({held_of(subject)}). One step "
            "is another category or a number's typical deviation; columns that tell one another "
            "count once. Whether a step can be taken, and is harder for some, the model does not "
            "know. Where the favoured outcome is a burden, read accepted for refused.",
            views=tuple(views),
        )


def _steps(value: float) -> str:
    return f"{value:.2f} steps"
