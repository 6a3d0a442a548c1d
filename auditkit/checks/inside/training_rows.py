"""Which rows of the training taught the model what it says, and which of them to doubt?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from auditkit.attribution.rows import Chosen
from auditkit.attribution.training_rows.curvature import DAMPING
from auditkit.attribution.training_rows.examination import (
    Examined,
    examined,
    harmful,
    helpful,
    likeness,
)
from auditkit.attribution.training_rows.influence import Influence
from auditkit.attribution.training_rows.last_layer import last_layer
from auditkit.attribution.training_rows.suspects import Planted, contradicted, doubts, planted
from auditkit.attribution.training_rows.tracin import tracin_last_layer
from auditkit.checks.base import finding, percent
from auditkit.checks.inside.telling import telling
from auditkit.checks.inside.training_rows_views import (
    agreements,
    answer,
    doubted,
    lesson_of,
)
from auditkit.checks.network import FEWEST, TrainingRows
from auditkit.data.schema import Medium
from auditkit.data.tables import Table as Rows
from auditkit.errors import ModelError, NotApplicable
from auditkit.models.trained_rows import Pupil, fitted_places, pupil
from auditkit.results import Finding, Section, Unit
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject

# Training rows that are looked at: as many as take seconds on two cores.
MOST: Mapping[Medium, int] = {
    Medium.TABLE: 5000,
    Medium.IMAGE: 3000,
    Medium.SEQUENCE: 2000,
    Medium.TEXT: 1500,
}
LOOKED_AT = 64  # rows by which the last layer is found
INFLUENCE = "influence (used here)"


def run(check: TrainingRows, subject: Subject) -> Iterator[Finding | Section]:
    """Two findings on how far the estimates hold, and what they show if they do."""
    lesson = _lesson(check, subject)
    exam = examined(
        lesson.influence,
        lesson.features,
        lesson.targets,
        lesson.estimates,
        subject.rng(check.rule),
        rows=check.left_out,
    )
    agreement = exam.agreements[INFLUENCE]
    holds = agreement.defined and agreement.low >= check.min_agreement
    yield _agreement(exam, agreement, lesson, holds)
    search = planted(lesson.influence, subject.rng(f"{check.rule} planted"))
    finds = search.first.low > search.share
    yield _search(search, lesson, finds)
    if holds:
        yield _teachers(check, lesson)
    if finds:
        yield _doubted(check, lesson)
    yield agreements(exam)


def _lesson(check: TrainingRows, subject: Subject) -> "Lesson":
    found, train = pupil(subject.predictor), subject.required_train
    fitted = fitted_places(train, subject.card)
    most = check.rows or MOST[train.schema.medium]
    if len(fitted) < FEWEST:
        raise NotApplicable(f"{len(fitted)} training rows are too few: {FEWEST} are needed")
    places = fitted
    if len(fitted) > most:
        rng = subject.rng(f"{check.rule} rows")
        places = np.sort(rng.choice(fitted, most, replace=False))
    try:
        return Lesson(
            subject=subject,
            pupil=found,
            places=places,
            fitted=len(fitted),
            damping=DAMPING if check.damping is None else check.damping,
        )
    except ModelError as error:
        raise NotApplicable(str(error)) from error


def _teachers(check: TrainingRows, lesson: "Lesson") -> Section:
    table, outputs = lesson.subject.table, lesson.subject.outputs
    views = []
    for one, scores in zip(lesson.explained, lesson.estimates[INFLUENCE], strict=True):
        found = (*helpful(scores, check.shown), *harmful(scores, check.shown))
        places = lesson.places[[taught.row for taught in found]].tolist()
        views.append(lesson_of(one, (table, outputs), lesson.train, places, found))
    return Section(
        title="Which training rows taught it what it says of these?",
        text="A row that helped brought the model nearer to what is recorded for the row "
        "explained, one that harmed took it further away. How much it weighs is told beside "
        f"the average of the {len(lesson.places):,} training rows looked at. Row numbers count "
        "the training part of the data from 1.",
        views=tuple(views),
    )


def _doubted(check: TrainingRows, lesson: "Lesson") -> Section:
    order = np.argsort(-doubts(lesson.influence), kind="stable")
    order = order[contradicted(lesson.influence)[order]][: check.suspects]
    places, train = lesson.places[order].tolist(), lesson.train
    said: list[str] = []
    if places:
        outputs = lesson.subject.predictor.outputs(train.frame.iloc[places])
        said = [answer(outputs, train, i) for i in range(len(places))]
    return Section(
        title="Which training rows should be looked at again?",
        text="Those whose recorded answer the model finds hardest to believe, and knows by "
        "rote if at all. A wrong label is one reason, a rare case another: look before any is "
        "changed. How many of such rows are wrong is not known; how many planted ones this "
        f"finds is told above.{'' if places else ' The model contradicts none of them.'}",
        views=(doubted(train, places, said),) if places else (),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """The last layer on the training rows looked at, and the audited rows that are explained."""

    subject: Subject
    pupil: Pupil
    places: np.ndarray
    fitted: int
    damping: float

    def __post_init__(self) -> None:
        if not self.influence.curvature.written:
            k, d = self.influence.curvature.shape
            raise NotApplicable(f"the last layer, of {k} x {d} weights, is too wide for this")

    @property
    def train(self) -> Rows:
        """The training part."""
        return self.subject.required_train

    @property
    def looked_at(self) -> str:
        """How many training rows of how many, in words."""
        n, all_of = len(self.places), self.fitted
        drawn = f", drawn at random of {all_of:,}" if n < all_of else ""
        return f"{n:,} training rows{drawn}"

    @cached_property
    def influence(self) -> Influence:
        """Of the training rows looked at."""
        few = self.pupil.rows(self.train, self.places[:LOOKED_AT])
        layer = last_layer(self.pupil.module, few.inputs)
        return Influence.of(
            layer,
            self.pupil.features(layer, self.train, self.places),
            self.pupil.targets(self.train, self.places),
            self.pupil.loss,
            damping=self.damping,
        )

    @cached_property
    def explained(self) -> tuple[Chosen, ...]:
        """A typical audited row, a borderline one and the worst mistake."""
        return telling(self.subject)

    @cached_property
    def rows(self) -> np.ndarray:
        """Their places."""
        return np.array([one.row for one in self.explained])

    @cached_property
    def features(self) -> Tensor:
        """What the last layer reads of them."""
        return self.pupil.features(self.influence.layer, self.subject.table, self.rows)

    @cached_property
    def targets(self) -> Tensor:
        """What is recorded for them."""
        return self.pupil.targets(self.subject.table, self.rows)

    @cached_property
    def estimates(self) -> dict[str, Tensor]:
        """What each training row did for each explained one, by several ways to guess it."""
        given = (self.features, self.targets)
        found = {
            INFLUENCE: self.influence.on_loss(*given),
            "TracIn, at the epoch kept": self.influence.products(*given),
            "likeness of features and label": likeness(self.influence, *given),
        }
        kept = self.pupil.snapshots
        if kept:
            found[f"TracIn, {len(kept)} epoch{'s' * (len(kept) > 1)}"] = tracin_last_layer(
                self.pupil.module,
                self.pupil.rows(self.train, self.places),
                self.pupil.rows(self.subject.table, self.rows),
                self.pupil.loss,
                snapshots=kept,
            ).scores
        return found


def _agreement(exam: Examined, found: Estimate, lesson: Lesson, holds: bool) -> Finding:
    end = "" if holds else " That is too little, and no rows are shown."
    return finding(
        "What a training row did for an answer is estimated, and holds as far as this: beside "
        f"training the last layer again without the row, rank correlation {found.value:.2f} over "
        f"{exam.rows} rows (1 is the same order, 0 chance). Looked at were "
        f"{lesson.looked_at}.{end}",
        found,
        metric="agreement with training again",
        unit=Unit.NUMBER,
        null=0.0,
    )


def _search(search: Planted, lesson: Lesson, finds: bool) -> Finding:
    many = f"{search.first.n:,}"
    end = "" if finds else " That may be chance, and no rows are listed."
    return finding(
        f"Of {many} wrong labels planted among {len(lesson.places):,} training rows, "
        f"{percent(search.first.value)} are among the {many} rows most doubted (by chance "
        f"{percent(search.share)}): so far can its list of rows to look at again be trusted.{end}",
        search.first,
        metric="planted wrong labels found",
        null=search.share,
    )
