"""V-information: how many bits of a label a kind of reader gets out of activations.

I_V(X -> Y) = H_V(Y) - H_V(Y | X): what a reader of that kind saves by being shown the activations.
Unlike Shannon's, it can grow by processing, since a layer may bring out what a linear reader can
then read. Measured on rows the reader was not fitted on: below 0 where it learnt what is not so.

Xu et al. 2020, "A Theory of Usable Information under Computational Constraints".
"""

from dataclasses import dataclass
from math import log, nan

import numpy as np

from auditkit.errors import UsageError
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.paired import Floats, Score, contrast
from auditkit.probing.probes.reading import Reading
from auditkit.probing.telling import in_short
from auditkit.statistics.estimate import Estimate

NATS = log(2)  # in a bit


@dataclass(frozen=True, kw_only=True, eq=False)
class Information:
    """Bits of a label that a reader gets out of a layer, on average over rows.

    entropy is H_V(Y), what a label costs to a reader that sees nothing; of numbers, whose entropy
    depends on their unit, it is NaN. score holds what each row adds, for comparisons by row.
    """

    __repr__ = in_short

    bits: Estimate
    entropy: float
    score: Score

    @property
    def share(self) -> float:
        """The part of the label's entropy that is read; NaN for numbers."""
        return self.bits.value / self.entropy


def information(reading: Reading, *, variance: float | None = None) -> Information:
    """The V-information of a cross-validated reading, in bits, with a paired interval.

    Of numbers the readers say a normal law around their answer: with the variance of their
    errors the information is -log2(1 - R^2) / 2; with a fixed variance s^2 it is
    Var(Y) R^2 / (2 s^2) nats, with 1/2 that of Xu et al.'s linear Gaussian family, Var(Y) R^2.
    Raises UsageError for a variance that is not above 0, or of classes.
    """
    labels = reading.labels
    if variance is not None and (labels.classes or not variance > 0):
        raise UsageError(
            f"variance is {variance:g}: give one above 0, and of numbers only; leave it out"
        )
    score = _classes(reading) if labels.classes else _numbers(labels, reading.said, variance)
    entropy = float(_prior_bits(labels).mean()) if labels.classes else nan
    method = "Student's t over persons" if labels.whose is not None else "Student's t over rows"
    return Information(bits=contrast(score, labels).estimate(method), entropy=entropy, score=score)


def _classes(reading: Reading) -> Score:
    saved = _prior_bits(reading.labels) - reading.bits
    return Score(value=float(saved.mean()), moved=saved - saved.mean())


def _prior_bits(labels: Labels) -> Floats:
    """What each label costs to somebody who knows how frequent the classes are.

    Of all rows, as parts of like classes tell a reader: to count the others alone would cost more,
    and a reader that says nothing but frequencies would seem to know something.
    """
    counts = np.bincount(labels.values, minlength=len(labels.levels))
    return np.asarray(-np.log2(counts[labels.values] / len(labels)))


def _numbers(labels: Labels, said: Floats, variance: float | None) -> Score:
    n = len(labels)
    # The mean of the others, as the reader has not seen the row either.
    spread = ((labels.values - labels.values.mean()) * n / (n - 1)) ** 2
    wrong = (labels.values - said) ** 2
    if variance is not None:
        saved = (spread - wrong) / (2 * variance * NATS)
        return Score(value=float(saved.mean()), moved=saved - saved.mean())
    whole, left = float(spread.mean()), max(float(wrong.mean()), 1e-300)
    return Score(
        value=float(np.log2(whole / left)) / 2,
        moved=(spread / whole - wrong / left) / (2 * NATS),
    )
