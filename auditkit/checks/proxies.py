"""Do the other columns give a sensitive one away, and does the model's score?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.individual.proxies import Proxies, proxies, telling
from auditkit.bias.individual.scaling import Feature, binned, bins_of
from auditkit.checks.base import CHECKS, at_most, finding, percent, reasons
from auditkit.checks.flipping import drawn
from auditkit.data.schema import Kind, Medium, Task
from auditkit.errors import NotApplicable
from auditkit.models.predictor import Ability
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Topic, Unit
from auditkit.statistics.estimate import Estimate, settled_at
from auditkit.subject import Subject

SCORE_BINS = 20
MOST_SHOWN = 6
CHANCE = 0.5


@CHECKS.register("proxies")
@dataclass(frozen=True, kw_only=True)
class ProxyColumns:
    """How well is a sensitive column told from the others, and from the model's own score?

    Where it is told well, leaving it out of the features hides nothing from the model. On at most
    `rows` rows; no limit is generally accepted, and none is set.
    """

    rule: ClassVar[str] = "AK225"
    title: ClassVar[str] = "Proxies of sensitive columns"
    topic: ClassVar[Topic] = Topic.HARM

    max_auc: float | None = ranged(None, *SHARE)
    rows: int = ranged(8000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Two findings for each sensitive column: all features, the score; each by itself."""
        columns = subject.sensitive
        n, rng = len(subject.frame), subject.rng(self.rule)
        rows = drawn(n, self.rows, rng)
        features, said = _features(subject, rows), _said(subject, rows)
        if not features and said is None:
            raise NotApplicable("the model reads no table and gives no decision, class or number")
        views = []
        for column in columns:
            groups = subject.memberships[column].iloc[rows]
            found = proxies(features, groups, subject.rng(f"{self.rule} {column}"))
            if features:
                yield self._finding(subject, column, found, len(features))
            score = None
            if said is not None:
                score = telling(said, groups, subject.rng(f"{self.rule} {column} score"))
                yield _of_score(column, said.name, score)
            views.append(_picture(column, found, said, score))
        yield Section(
            title="What gives a sensitive column away?",
            text="The chance that of two people, one of a group and one outside it, the right one "
            "is picked: 0.5 is a coin, 1 is certain; of several groups the mean. Learned from half "
            f"of {len(rows):,} rows and seen on the other half. A better model than the regression "
            "used here may tell more.",
            views=tuple(one for one in views if len(one.frame)),
        )

    def _finding(self, subject: Subject, column: str, found: Proxies, features: int) -> Finding:
        most = found.alone.iloc[0] if len(found.alone) else None
        own = column in subject.table.schema.feature_names
        given = " (which the model is given as well)" if own else ""
        several = f"; {found.best} is told best, {found.worst} worst" if found.best else ""
        message = ""
        if most is not None:
            message = (
                f"From the other {features} feature{'s' * (features > 1)}, {column}{given} can "
                f"be told with an AUC of {found.together.value:.3f} (0.5 is a coin), and is named "
                f"rightly for {percent(found.right.value)} of rows, where always naming the "
                f"commonest is right for {percent(found.majority)}. By itself {most['feature']} "
                f"tells most ({most['value']:.3f}){several}."
            )
        return finding(
            message,
            found.together,
            metric="AUC of proxies",
            unit=Unit.NUMBER,
            status=at_most(found.together, self.max_auc),
            ceiling=True,
            limit=self.max_auc,
            null=CHANCE,
            where={"column": column, **_left_out(found)},
            remedy="Ask of each column that tells much whether the task needs it. Leaving the "
            "sensitive column out alone changes little: judge by the gaps between groups.",
            rows_needed=lambda: settled_at(found.together, self.max_auc),
        )


def _of_score(column: str, name: str, score: Estimate) -> Finding:
    return finding(
        f"The model's {name} by itself tells {column} with an AUC of {score.value:.3f} (0.5 is a "
        "coin).",
        score,
        metric="AUC of the model's answer",
        unit=Unit.NUMBER,
        null=CHANCE,
        where={"column": column},
    )


def _features(subject: Subject, rows: np.ndarray) -> tuple[Feature, ...]:
    """The features that are not sensitive, in bins; none of a model that reads no table."""
    schema = subject.table.schema
    if schema.medium is not Medium.TABLE:
        return ()
    names = [one for one in schema.feature_names if one not in schema.sensitive_names]
    codes = {one.name for one in schema.features if one.kind is not Kind.NUMERIC}
    return binned(subject.frame[names].iloc[rows], codes) if names else ()


def _said(subject: Subject, rows: np.ndarray) -> Feature | None:
    """What the model says, as a feature."""
    match subject.task:
        case Task.DECISION:
            if not subject.can(Ability.SCORES):
                return bins_of("decision", subject.predictions[rows].astype(float))
            return bins_of("score", subject.scores[rows], SCORE_BINS)
        case Task.CLASSES:
            codes = subject.probabilities[rows].argmax(axis=1)
            return Feature(name="class", codes=codes, size=int(codes.max()) + 1)
        case Task.NUMBER:
            return bins_of("number", subject.values[rows], SCORE_BINS)
    return None


def _left_out(found: Proxies) -> dict[str, str]:
    if not found.left_out:
        return {}
    return {"not told apart": reasons(found.left_out)}


def _picture(
    column: str, found: Proxies, said: Feature | None, score: Estimate | None
) -> Intervals:
    whole = [("all features", found.together)] if found.together.defined else []
    if said is not None and score is not None and score.defined:
        whole.append((f"the model's {said.name}", score))
    first = pd.DataFrame(
        [(name, one.value, one.low, one.high) for name, one in whole], columns=found.alone.columns
    )
    shown = pd.concat([first, found.alone.head(MOST_SHOWN)], ignore_index=True)
    hidden = len(found.alone) - MOST_SHOWN
    return Intervals(
        title=f"How well {column} is told from it alone",
        frame=shown.rename(columns={"value": "AUC"}),
        label="feature",
        value="AUC",
        low="low",
        high="high",
        unit=Unit.NUMBER,
        reference=CHANCE,
        reference_label="a coin",
        text=f"The {hidden} features that tell least are not shown." if hidden > 0 else "",
    )
