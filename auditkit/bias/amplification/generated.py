"""Does a generator make the classes of its data more uneven than these are?

The training images are what they are: their shares are counted, and vary no more. The shares of
made images are estimated, and so is what the classifier that counts them gets wrong.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import z_of
from auditkit.statistics.quantification import CorrectedShares

Floats = NDArray[np.float64]

EVEN = 0.02  # of the training images: classes that are so nearly even lean to none


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratedAmplification:
    """How far the shares of made images depart from those of the training images.

    lean is what the classes that are commoner than even among the training images gain together,
    less what the rarer ones do, halved: 80 and 20 % made 90 and 10 % is .1; below 0 the generator
    evens out. Undefined where the training classes are even. largest is the largest change of any
    class, in size, name that class; null is what the largest would be on average if nothing
    changed. classes has a line for each: trained, made, change, low, high; the intervals hold at
    once.
    """

    lean: Estimate
    largest: Estimate
    name: str
    null: float
    classes: pd.DataFrame

    @property
    def commoner(self) -> tuple[str, ...]:
        """The classes that are commoner than even among the training images."""
        return tuple(self.classes.loc[self._lead, "class"])

    @property
    def favoured(self) -> tuple[float, float]:
        """Their share of the training images, and of the made ones."""
        lead = self.classes[self._lead]
        return float(lead["trained"].sum()), float(lead["made"].sum())

    @property
    def changed(self) -> tuple[float, float]:
        """The share that changes most, among the training images and among the made ones."""
        place = int(self.classes["change"].abs().to_numpy().argmax())
        trained, made = self.classes[["trained", "made"]].to_numpy(float)[place]
        return float(trained), float(made)

    @property
    def _lead(self) -> pd.Series:
        return self.classes["trained"] > 1 / len(self.classes)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedAgain:
    """The same over several trainings: does another seed say the same?

    lean has Student's interval over the trainings. classes has a line for each: trained, made (the
    mean), change, low, high (Student's, over all classes at once); each has a line a training.
    """

    lean: Estimate
    classes: pd.DataFrame
    each: pd.DataFrame


def generated_amplification(
    made: CorrectedShares, trained: ArrayLike, *, confidence: float = 0.95
) -> GeneratedAmplification:
    """The shares of made images beside counts (K,) of the training images, class by class.

    Undefined where the shares are. Raises DataError for counts of other classes or of no image.
    """
    before = _shares_of(trained, made)
    low, high = made.ends
    change = made.values - before
    classes = pd.DataFrame(
        {
            "class": list(made.levels),
            "trained": before,
            "made": made.values,
            "change": change,
            "low": low - before,
            "high": high - before,
        }
    )
    n = made.shares[0].n
    if made.reason:
        nothing = undefined(made.reason, n=n)
        return GeneratedAmplification(
            lean=nothing, largest=nothing, name="", null=math.nan, classes=classes
        )
    place = int(np.abs(change).argmax())
    return GeneratedAmplification(
        lean=_lean(made, before, confidence),
        largest=_largest(classes, n, confidence),
        name=made.levels[place],
        null=float(np.abs(made.draws).max(axis=1).mean()),
        classes=classes,
    )


def over_trainings(
    made: Sequence[CorrectedShares], trained: ArrayLike, *, confidence: float = 0.95
) -> TrainedAgain:
    """The same for several trainings of one recipe on the same images, by different seeds.

    Raises DataError for fewer than two, or where the shares of one are undefined.
    """
    if len(made) < 2:
        raise DataError(f"{len(made)} training gives no interval over seeds; give two or more")
    if lacking := next((one.reason for one in made if one.reason), ""):
        raise DataError(lacking)
    before = _shares_of(trained, made[0])
    values = np.stack([one.values for one in made])  # (seeds, K)
    direction = _direction(before)
    leans = (values - before) @ direction
    seeds, classes = values.shape
    wide = student.ppf(1 - (1 - confidence) / 2 / classes, seeds - 1)
    reach = wide * values.std(axis=0, ddof=1) / math.sqrt(seeds)
    change = values.mean(axis=0) - before
    return TrainedAgain(
        lean=_over_seeds(leans, direction, before, confidence),
        classes=pd.DataFrame(
            {
                "class": list(made[0].levels),
                "trained": before,
                "made": values.mean(axis=0),
                "change": change,
                "low": change - reach,
                "high": change + reach,
            }
        ),
        each=pd.DataFrame(values, columns=list(made[0].levels)).assign(lean=leans),
    )


def _lean(made: CorrectedShares, before: Floats, confidence: float) -> Estimate:
    direction = _direction(before)
    n = made.shares[0].n
    if not direction.any():
        return undefined(_even(before), n=n)
    value = float(direction @ (made.values - before))
    centre = float(direction @ (made.inverted - before))
    reach = z_of(confidence) * math.sqrt(float(direction @ made.covariance @ direction))
    return Estimate(
        value=value,
        low=min(max(centre - reach, -1.0), value),
        high=max(min(centre + reach, 1.0), value),
        n=n,
        method="delta method, over made images and the classifier's errors",
        confidence=confidence,
    )


def _largest(classes: pd.DataFrame, n: int, confidence: float) -> Estimate:
    """The largest change in size; no class is proven to change less than `low`."""
    low, high = classes["low"], classes["high"]
    least = np.maximum(np.maximum(low, -high), 0.0)
    most = np.maximum(np.abs(low), np.abs(high))
    return Estimate(
        value=float(classes["change"].abs().max()),
        low=float(least.max()),
        high=float(most.max()),
        n=n,
        method=f"simultaneous over {len(classes)} classes, the classifier's errors taken back",
        confidence=confidence,
    )


def _over_seeds(leans: Floats, direction: Floats, before: Floats, confidence: float) -> Estimate:
    seeds = len(leans)
    if not direction.any():
        return undefined(_even(before), n=seeds)
    value = float(leans.mean())
    half = float(student.ppf((1 + confidence) / 2, seeds - 1) * leans.std(ddof=1))
    return Estimate(
        value=value,
        low=value - half / math.sqrt(seeds),
        high=value + half / math.sqrt(seeds),
        n=seeds,
        method=f"Student's t over {seeds} trainings",
        confidence=confidence,
    )


def _direction(before: Floats) -> Floats:
    """Half the sign of each class's lead over an even share; nothing where all are even."""
    lead = before - 1 / len(before)
    return np.sign(lead) / 2 if np.abs(lead).sum() / 2 > EVEN else np.zeros(len(before))


def _even(before: Floats) -> str:
    return (
        f"the {len(before)} classes are even among the training images, to within "
        f"{100 * EVEN:.0f} %: there is no lean to widen"
    )


def _shares_of(trained: ArrayLike, made: CorrectedShares) -> Floats:
    counts = np.asarray(trained, dtype=float)
    if counts.shape != (len(made.levels),) or not counts.sum() > 0:
        raise DataError(
            f"counts of training images {counts.shape} for {len(made.levels)} classes; give one "
            "for each class, and one image at least"
        )
    shares: Floats = counts / counts.sum()
    return shares
