"""Whom a ranking serves, and which items it shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd

from auditkit.bias.contrast import Contrast
from auditkit.bias.rankings.exposure import Exposure, exposure
from auditkit.bias.rankings.popularity import popularity_bands
from auditkit.bias.rankings.ranking import MEASURES, by_user, liked_from
from auditkit.bias.rankings.ranking_gaps import groups_of_users, service_gap
from auditkit.bias.rankings.user_means import (
    gain_over_random,
    in_random_order,
    served,
    within_groups,
)
from auditkit.checks.base import CHECKS, at_least, finding, percent, points
from auditkit.checks.contrasts import gap_finding
from auditkit.checks.ranking_views import items_section, users_section
from auditkit.data.schema import Task
from auditkit.errors import DataError, NotApplicable
from auditkit.ranges import GAP, SHARE, ranged
from auditkit.results import Finding, Section, Topic, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

PARTS = ("exposure", "merit", "ideal")


class Asked(NamedTuple):
    """The candidates that are ranked: users, items, what users think of them, what is said."""

    users: np.ndarray
    items: np.ndarray
    relevance: np.ndarray
    scores: np.ndarray
    relevant_from: float


@CHECKS.register("recommendation")
@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """Each user's own rows, ranked by the model: is it in order, for whom, and what comes first?

    item names the column of what is ranked; users are told apart by the column whose values a
    split keeps together. relevant_from is the rating from which an item counts as relevant; left
    out, the least that is no worse than the mean of those learned from. max_gap is of NDCG and
    recall between groups of users; min_exposure of attention over the share of the relevance.
    """

    rule: ClassVar[str] = "AK215"
    title: ClassVar[str] = "Ranking and recommendation"
    topic: ClassVar[Topic] = Topic.HARM

    item: str = "item"
    k: int = ranged(10, 1, 10_000)
    relevant_from: float | None = ranged(None, 0)
    min_gain: float | None = ranged(None, *GAP)
    max_gap: float | None = ranged(None, *SHARE)
    min_exposure: float | None = ranged(None, 0, 100)
    min_group_size: int = ranged(10, 2)
    draws: int = ranged(1000, 100)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """NDCG and recall, their gaps between groups of users, exposure by popularity."""
        asked = self._asked(subject)
        per_user = by_user(
            asked.users,
            asked.relevance,
            asked.scores,
            k=self.k,
            relevant_from=asked.relevant_from,
        )
        yield from self._service(per_user, asked)
        gaps, left = self._gaps(subject, per_user, asked)
        for column, by_measure in gaps.items():
            for measure in ("ndcg", "recall"):
                yield self._gap(by_measure[measure], column, measure)
        if gaps:
            yield users_section(gaps, per_user, left, k=self.k, relevant_from=asked.relevant_from)
        bands, table = popularity_bands(asked.items, self._known(subject))
        shown = exposure(
            asked.users,
            asked.items,
            asked.relevance,
            asked.scores,
            bands,
            k=self.k,
            relevant_from=asked.relevant_from,
            min_group_size=self.min_group_size,
        )
        yield from self._exposed(shown)
        within = within_groups(asked.users, asked.relevance, asked.scores, bands, k=self.k)
        trained = subject.train is not None
        yield items_section(shown, within, table, k=self.k, trained=trained)

    def _asked(self, subject: Subject) -> Asked:
        subject.require(Task.NUMBER)
        user, frame = subject.table.apart, subject.frame
        if not user or self.item not in frame:
            lacking = "says who the user is" if not user else f"is named {self.item!r}"
            raise NotApplicable(
                f"no column of the table {lacking}: a ranking is of the items of one user; set "
                "`item` to the column of what is ranked"
            )
        known = frame[user].notna() & frame[self.item].notna()
        if not known.any() or subject.truth.min() < 0:
            raise NotApplicable("no row has a user and an item, or a rating is below 0")
        learned = subject.truth if subject.train is None else subject.train_expected
        least = liked_from(learned) if self.relevant_from is None else self.relevant_from
        rows = known.to_numpy()
        return Asked(
            users=frame[user].to_numpy()[rows],
            items=frame[self.item].to_numpy()[rows],
            relevance=subject.truth[rows],
            scores=subject.values[rows],
            relevant_from=least,
        )

    def _known(self, subject: Subject) -> pd.Series:
        """The item of each row learned from, or audited where these are not known."""
        rows = subject.frame if subject.train is None else subject.train.frame
        return rows[self.item].dropna()

    def _service(self, per_user: pd.DataFrame, asked: Asked) -> Iterator[Finding]:
        name = f"NDCG@{self.k}"
        ndcg, chance = served(per_user, "ndcg"), in_random_order(per_user, "ndcg")
        silent = int(per_user["ndcg"].isna().sum())
        yield finding(
            f"The items of {ndcg.n:,} users, each user's ranked by the model, reach an {name} of "
            f"{percent(ndcg.value)} on average; in random order {percent(chance)}.",
            ndcg,
            metric=name,
            null=chance,
            where={"users without an order": f"{silent:,}"} if silent else {},
        )
        gain = gain_over_random(per_user, "ndcg")
        side = "nearer to" if gain.value >= 0 else "farther from"
        yield finding(
            f"The model puts users' items {points(abs(gain.value))} of {name} {side} their best "
            "order than a random one does.",
            gain,
            metric=f"{name} gained over a random order",
            unit=Unit.POINTS,
            status=at_least(gain, self.min_gain),
            limit=self.min_gain,
            null=0.0,
            remedy="Do not rank by this model: a random order serves users as well.",
            rows_needed=lambda: settled_at(gain, self.min_gain),
        )
        recall, chance = served(per_user, "recall"), in_random_order(per_user, "recall")
        silent = int(per_user["recall"].isna().sum())
        yield finding(
            f"Of what a user rates {asked.relevant_from:.3g} or more, {percent(recall.value)} are "
            f"among the first {self.k}, on average; in random order {percent(chance)}.",
            recall,
            metric=f"recall@{self.k}",
            null=chance,
            where={"users with nothing relevant": f"{silent:,}"} if silent else {},
        )

    def _gaps(
        self, subject: Subject, per_user: pd.DataFrame, asked: Asked
    ) -> tuple[dict[str, dict[str, Contrast]], list[str]]:
        """Each measure's gap by sensitive column, and the columns that are none of a user."""
        rng = subject.rng(self.rule)
        known = subject.frame[subject.table.apart].notna() & subject.frame[self.item].notna()
        gaps: dict[str, dict[str, Contrast]] = {}
        left = []
        for column in subject.table.schema.sensitive_names:
            try:
                groups = groups_of_users(asked.users, subject.memberships[column][known])
            except DataError:
                left.append(column)
                continue
            gaps[column] = {
                measure: service_gap(
                    per_user,
                    measure,
                    groups,
                    rng=rng,
                    draws=self.draws,
                    min_group_size=self.min_group_size,
                )
                for measure in MEASURES
            }
        return gaps, left

    def _gap(self, gap: Contrast, column: str, measure: str) -> Finding:
        name = f"{MEASURES[measure]}@{self.k}"
        return gap_finding(
            gap,
            column=column,
            what=name,
            metric=f"{name} difference",
            limit=self.max_gap,
            remedy="Gather more ratings of the group that is served worse, or features that say "
            "what its users like.",
        )

    def _exposed(self, shown: Exposure) -> Iterator[Finding]:
        ratio = shown.least_ratio
        told = ""
        if shown.least:
            got, due, own = (float(shown.groups[one][shown.least]) for one in PARTS)
            told = (
                f"Items that are {shown.least} get {percent(got)} of users' attention for "
                f"{percent(due)} of the rating points that users gave: {ratio.value:.2f} times "
                f"their due. The users' own order would give {own / due:.2f} times, a random one "
                f"{shown.least_random:.2f}."
            )
        yield finding(
            told,
            ratio,
            metric="exposure over relevance of the least exposed items",
            unit=Unit.NUMBER,
            status=at_least(ratio, self.min_exposure),
            limit=self.min_exposure,
            null=shown.least_random,
            where={"items": shown.least},
            remedy="Rank with a share of places for these items, or correct scores for how often "
            "an item was rated.",
            rows_needed=lambda: settled_at(ratio, self.min_exposure),
        )
        more = shown.more_unequal
        yield finding(
            f"Attention is {'more' if more.value >= 0 else 'less'} unequal among items than random "
            f"orders make it: a Gini index of {shown.gini:.2f} beside {shown.gini_random:.2f} "
            f"(users' own order: {shown.gini_ideal:.2f}).",
            more,
            metric="Gini index of exposure above that of random orders",
            unit=Unit.NUMBER,
            null=0.0,
        )
