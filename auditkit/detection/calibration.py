"""From what members say to a probability, a p-value and one of three answers.

The p-value is split-conformal: among real images exchangeable with the calibration ones, "fake" is
said at most a share alpha of the time. Of other sources nothing is promised; there it is measured.

Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random World".
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from auditkit.detection.members.table import MEMBERS, VOTING
from auditkit.detection.panel import Readings
from auditkit.detection.patches import SMALLEST
from auditkit.errors import DataError

Floats = NDArray[np.float64]
ALPHA = 0.05
STRANGE = 0.01  # an image less like the calibration ones than all but this share is not judged


class Answer(StrEnum):
    """What a detector says of an image."""

    FAKE = "fake"
    REAL = "real"
    ABSTAIN = "abstain"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was learned from images that no member was fitted on; plain numbers, for JSON.

    centre and spread, one for each member, are of real images; reals are their scores, sorted;
    the probability of a fake is the logistic function of slope * score + intercept, for as many
    fakes as reals. mean and deviation are of the spectra, strangeness their distances, sorted.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    reals: tuple[float, ...]
    slope: float
    intercept: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    strangeness: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote. Raises DataError where a part is missing or no number."""
        try:
            parts: dict[str, Any] = {
                name: tuple(one) if isinstance(one, list) else one for name, one in raw.items()
            }
            made = cls(**parts)
            figures = np.concatenate(
                [np.atleast_1d(np.asarray(one, float)) for one in vars(made).values()]
            )
        except (TypeError, ValueError) as error:
            raise DataError(f"the calibration is not one that auditkit wrote: {error!r}") from error
        if not np.isfinite(figures).all():
            raise DataError("the calibration is not one that auditkit wrote: impossible figures")
        return made


def calibrated(
    readings: Readings,
    fake: NDArray[np.bool_],
    original: ArrayLike,
    *,
    source: ArrayLike | None = None,
) -> Calibration:
    """Learn from calibration images; fake (n,) says which were made.

    original (n,) is the photograph or person behind each, source (n,) the set of images it is of.
    Raises DataError where there are fewer than 20 real or 20 made ones.
    """
    real = ~fake
    if min(real.sum(), fake.sum()) < 20:
        raise DataError(
            f"{real.sum()} real and {fake.sum()} made images are too few to calibrate on: 20 of "
            "each are needed"
        )
    centre = readings.logits[real].mean(0)
    spread = readings.logits[real].std(0).clip(1e-6)
    score = _score(readings.logits, centre, spread)
    law = LogisticRegression(class_weight="balanced").fit(score[:, None], fake)
    mean, deviation = readings.spectra.mean(0), readings.spectra.std(0).clip(1e-6)
    return Calibration(
        centre=tuple(centre.tolist()),
        spread=tuple(spread.tolist()),
        reals=tuple(np.sort(score[real]).tolist()),
        slope=float(law.coef_[0, 0]),
        intercept=float(law.intercept_[0]),
        mean=tuple(mean.tolist()),
        deviation=tuple(deviation.tolist()),
        strangeness=tuple(np.sort(_distance(readings.spectra, mean, deviation)).tolist()),
    )


def answers(readings: Readings, law: Calibration, *, alpha: float = ALPHA) -> pd.DataFrame:
    """One row an image: answer, probability, p_value, reason, strange, and each member's score.

    probability is that of a fake where fakes are as many as reals; p_value the share of real
    calibration images at least as suspicious, itself counted; strange the share of calibration
    images at least as unusual; a member's score is in standard deviations of real images, and
    positive for a fake. reason says why there is no answer.
    """
    centre, spread = np.array(law.centre), np.array(law.spread)
    members = (readings.logits - centre) / spread
    score = _score(readings.logits, centre, spread)
    p_value = _beyond(np.array(law.reals), score)
    distance = _distance(readings.spectra, np.array(law.mean), np.array(law.deviation))
    found = pd.DataFrame(
        {
            "answer": "",
            "probability": expit(law.slope * score + law.intercept),
            "p_value": p_value,
            "strange": _beyond(np.array(law.strangeness), distance),
            "score": score,
            **{name: members[:, i] for i, name in enumerate(MEMBERS)},
        }
    )
    found.insert(1, "reason", _reasons(found, readings, alpha))
    says = np.where(found["probability"] >= 0.5, Answer.FAKE.value, Answer.REAL.value)
    found["answer"] = np.where(found["reason"] == "", says, Answer.ABSTAIN.value)
    return found


def _reasons(found: pd.DataFrame, readings: Readings, alpha: float) -> list[str]:
    small = readings.sides.min(axis=1) < SMALLEST
    strange = found["strange"].to_numpy() <= STRANGE
    open_ = (found["probability"].to_numpy() >= 0.5) & (found["p_value"].to_numpy() > alpha)
    reasons = np.full(len(found), "", dtype=object)
    reasons[open_] = "real images look like this too often"
    reasons[strange] = "unlike anything the detector was calibrated on"
    reasons[small] = f"too small: the shorter side has fewer than {SMALLEST} pixels"
    return reasons.tolist()


def _score(logits: Floats, centre: Floats, spread: Floats) -> Floats:
    """The mean of the voting members' standardised logits, (n,)."""
    voting = [i for i, name in enumerate(MEMBERS) if name in VOTING]
    return ((logits - centre) / spread)[:, voting].mean(axis=1)  # type: ignore[no-any-return]


def _distance(spectra: Floats, mean: Floats, deviation: Floats) -> Floats:
    return np.sqrt((((spectra - mean) / deviation) ** 2).mean(axis=1))  # type: ignore[no-any-return]


def _beyond(known: Floats, values: Floats) -> Floats:
    """(1 + how many known ones are at least as large) / (n + 1), for sorted known ones."""
    above = len(known) - np.searchsorted(known, values, side="left")
    return (1 + above) / (len(known) + 1)
