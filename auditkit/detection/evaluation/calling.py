"""What calls and abstentions are worth: errors, the classes apart, by group, at any prevalence.

called (n,) says which images are called made, answer (n,) holds values of `Answer`, fake (n,) says
what was made, original (n,) whose photograph or person each image is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from auditkit.detection.calibration import Answer
from auditkit.detection.evaluation.by_original import (
    Bools,
    Floats,
    Ints,
    both,
    codes,
    limited,
    require_same,
    share_of,
    smaller,
    variance_of,
)
from auditkit.errors import DataError, UsageError
from auditkit.statistics.classification import ONE_CLASS
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import ratio_of

CERTAIN = 1e-9  # how far from 0 and 1 a probability is held before its odds are taken
PREVALENCES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a detector's three answers come to.

    answered is the share of images with an answer; false_alarms that of real ones called fake,
    found and missed those of made ones called fake and called real, an abstention being neither;
    accuracy and balanced_accuracy are of the images with an answer.
    """

    answered: Estimate
    false_alarms: Estimate
    found: Estimate
    missed: Estimate
    accuracy: Estimate
    balanced_accuracy: Estimate


def answered(
    answer: ArrayLike, fake: ArrayLike, original: ArrayLike, *, confidence: float = 0.95
) -> Answered:
    """All figures of three answers. Raises DataError for an answer that is none of `Answer`."""
    said = np.asarray(answer).astype(str)
    strange = sorted(set(said.tolist()) - {one.value for one in Answer})
    if strange:
        raise DataError(f"an answer is {strange[0]!r}; it is {', '.join(Answer)}")
    called, made, whose = _calls(said == Answer.FAKE, fake, original)
    some = said != Answer.ABSTAIN
    rest = (called[some], made[some], whose[some])
    return Answered(
        answered=share_of(some, whose, confidence=confidence),
        false_alarms=false_alarms(called, made, whose, confidence=confidence),
        found=found_share(called, made, whose, confidence=confidence),
        missed=found_share(said == Answer.REAL, made, whose, confidence=confidence),
        accuracy=accuracy(*rest, confidence=confidence),
        balanced_accuracy=balanced_accuracy(*rest, confidence=confidence),
    )


def by_group(
    answer: ArrayLike,
    fake: ArrayLike,
    original: ArrayLike,
    group: ArrayLike,
    *,
    confidence: float = 0.95,
) -> dict[str, Answered]:
    """`answered` of the images of each group (n,), by its name; rows without one are left out."""
    said, made, whose = np.asarray(answer), np.asarray(fake, bool), np.asarray(original)
    places, names = pd.factorize(np.asarray(group), sort=True)
    require_same(said, made, whose, places)
    return {
        str(name): answered(said[one], made[one], whose[one], confidence=confidence)
        for name, one in ((name, places == place) for place, name in enumerate(names))
    }


def positive_predictive_value(
    found: Estimate,
    false: Estimate,
    prevalences: Sequence[float] = PREVALENCES,
) -> Mapping[float, Estimate]:
    """How often a call is right where a share (prevalence) of images is what is called, by it.

    found is the share of such images that are called, false that of others. Of "fake" these are
    `found_share` and `false_alarms`; of "real" the share of reals called real, and the missed.
    Limits are of the ratio false / found, from the limits of each (MOVER-R). Undefined where
    nothing is called at all. Raises UsageError for a prevalence outside (0, 1).

    found .95, false .05 and 1 in 100 made: a call is right 16 % of the time.
    """
    return {one: _worth(found, false, one) for one in prevalences}


def accuracy(
    called: ArrayLike, fake: ArrayLike, original: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """The share of images that are called (n,) what they are: 1 is ideal."""
    call, made, whose = _calls(called, fake, original)
    return share_of(call == made, whose, confidence=confidence)


def false_alarms(
    called: ArrayLike, fake: ArrayLike, original: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """The share of real images that are called made: 0 is ideal. Undefined without real ones."""
    call, made, whose = _calls(called, fake, original)
    return share_of(call[~made], whose[~made], confidence=confidence)


def found_share(
    called: ArrayLike, fake: ArrayLike, original: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """The share of made images that are called made: 1 is ideal. Undefined without made ones."""
    call, made, whose = _calls(called, fake, original)
    return share_of(call[made], whose[made], confidence=confidence)


def balanced_accuracy(
    called: ArrayLike, fake: ArrayLike, original: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """Mean over the two classes of the share that is called right: 1 is ideal, .5 is chance."""
    call, made, whose = _calls(called, fake, original)
    if not both(made):
        return undefined(ONE_CLASS, n=len(made), method="linearised")
    right = call == made
    rates = right[made].mean(), right[~made].mean()
    influence = np.where(made, right - rates[0], right - rates[1])
    influence = influence / (2 * np.where(made, made.sum(), (~made).sum()))
    return limited(
        float(np.mean(rates)),
        variance_of(influence, whose),
        whose,
        without=2 * smaller(made, whose),
        confidence=confidence,
        method="linearised, score limits",
    )


def at_prevalence(probability: ArrayLike, prevalence: float) -> Floats:
    """The probability of a fake where that share of images is made, from one for a half.

    Elkan 2001, "The Foundations of Cost-Sensitive Learning", theorem 2.
    """
    if not 0 < prevalence < 1:
        raise UsageError(f"prevalence is {prevalence}; it is a share between 0 and 1")
    held = np.asarray(probability, float).clip(CERTAIN, 1 - CERTAIN)
    made, real = held * prevalence, (1 - held) * (1 - prevalence)
    return np.asarray(made / (made + real))


def _worth(found: Estimate, false: Estimate, prevalence: float) -> Estimate:
    if not 0 < prevalence < 1:
        raise UsageError(f"prevalence is {prevalence}; it is a share between 0 and 1")
    method, n = "from both rates (MOVER-R)", found.n + false.n
    if not (found.defined and false.defined):
        return undefined(found.reason or false.reason, n=n, method=method)
    if found.value + false.value == 0:
        return undefined("no image is called so", n=n, method=method)
    hits, alarms = (np.asarray(one.value) for one in (found, false))
    ends = [tuple(np.asarray(one) for one in (of.low, of.high)) for of in (false, found)]
    low, high = ratio_of(alarms, (ends[0][0], ends[0][1]), hits, (ends[1][0], ends[1][1]))
    odds = (1 - prevalence) / prevalence

    def right(ratio: float) -> float:
        return float(1 / (1 + odds * ratio))

    value = prevalence * found.value
    return Estimate(
        value=value / (value + (1 - prevalence) * false.value),
        low=right(float(high)),
        high=right(float(low)),
        n=n,
        method=method,
        confidence=found.confidence,
    )


def _calls(called: ArrayLike, fake: ArrayLike, original: ArrayLike) -> tuple[Bools, Bools, Ints]:
    call, made, whose = np.asarray(called, bool), np.asarray(fake, bool), codes(original)
    require_same(call, made, whose)
    return call, made, whose
