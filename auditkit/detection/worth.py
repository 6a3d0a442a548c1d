"""All figures of a detector's answers on images it never saw, beside chance and the control."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.detection import evaluation
from auditkit.detection.calibration import ALPHA, Answer
from auditkit.detection.corpus import FAKE, GENERATOR, LABEL, ORIGINAL, SOURCE
from auditkit.detection.members.table import MEMBERS
from auditkit.statistics.estimate import Estimate

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class MemberWorth:
    """How a member ranks by itself; a control has no vote."""

    name: str
    title: str
    control: bool
    auc: Estimate


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the images: the share called fake, called real and not answered."""

    names: tuple[str, ...]
    estimate: Estimate
    missed: Estimate
    abstained: Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Worth:
    """What answers (n,) are worth on a corpus (n,).

    rare is the share of fakes found where 1 real image in 100 may be called so; balanced the
    balanced accuracy where a p-value of at most 5 % is a call, half the accuracy at a probability
    of .5, error the calibration error, error_by_chance that of right probabilities.
    """

    rows: pd.DataFrame
    answers: pd.DataFrame
    auc: Estimate
    precision: Estimate
    equal_error: Estimate
    rare: Estimate
    balanced: Estimate
    half: Estimate
    error: Estimate
    error_by_chance: float
    members: tuple[MemberWorth, ...]
    whole: evaluation.Answered

    @property
    def controls(self) -> tuple[MemberWorth, ...]:
        """Members that are only shown."""
        return tuple(one for one in self.members if one.control)

    @property
    def fake(self) -> Bools:
        """Which rows were made."""
        return (self.rows[LABEL] == FAKE).to_numpy(dtype=bool)

    def real(self, rows: Bools) -> Part:
        """Real images among some rows, by all their sources together."""
        return self._part(rows & ~self.fake, SOURCE)

    def sources(self) -> tuple[Part, ...]:
        """Real images by source, that with the most false alarms first."""
        parts = self._parts(~self.fake, SOURCE)
        return tuple(sorted(parts, key=lambda one: (-one.estimate.value, one.names)))

    def generators(self, rows: Bools) -> tuple[Part, ...]:
        """Fakes among some rows by generator, the one found least first."""
        parts = self._parts(rows & self.fake, GENERATOR)
        return tuple(sorted(parts, key=lambda one: (one.estimate.value, one.names)))

    def _parts(self, rows: Bools, by: str) -> list[Part]:
        names = self.rows[by].astype(str).to_numpy()
        return [self._part(rows & (names == one), by) for one in np.unique(names[rows])]

    def _part(self, rows: Bools, by: str) -> Part:
        said = self.answers["answer"].to_numpy()[rows]
        whose = self.rows[ORIGINAL].to_numpy()[rows]
        called, real, none = (
            evaluation.share_of(said == one, whose)
            for one in (Answer.FAKE, Answer.REAL, Answer.ABSTAIN)
        )
        names = tuple(sorted(set(self.rows[by].astype(str).to_numpy()[rows])))
        return Part(names=names, estimate=called, missed=real, abstained=none)


def worth(rows: pd.DataFrame, answers: pd.DataFrame, rng: np.random.Generator) -> Worth:
    """Every figure, with limits by original; undefined ones say why."""
    fake, whose = (rows[LABEL] == FAKE).to_numpy(dtype=bool), rows[ORIGINAL].to_numpy()
    score, chance = answers["score"].to_numpy(), answers["probability"].to_numpy()
    error, by_chance = evaluation.calibration_error(chance, fake, whose, rng=rng)

    def ranked(by: Callable[..., Estimate], **more: object) -> Estimate:
        return by(score, fake, whose, **more)

    return Worth(
        rows=rows,
        answers=answers,
        auc=ranked(evaluation.auc),
        precision=ranked(evaluation.average_precision),
        equal_error=ranked(evaluation.equal_error_rate, rng=rng),
        rare=ranked(evaluation.tpr_at_fpr, rng=rng),
        balanced=evaluation.balanced_accuracy(answers["p_value"] <= ALPHA, fake, whose),
        half=evaluation.balanced_accuracy(chance >= 0.5, fake, whose),
        error=error,
        error_by_chance=by_chance,
        members=tuple(
            MemberWorth(
                name=name,
                title=one.title,
                control=one.control,
                auc=evaluation.auc(answers[name], fake, whose),
            )
            for name, one in MEMBERS.items()
        ),
        whole=evaluation.answered(answers["answer"], fake, whose),
    )
