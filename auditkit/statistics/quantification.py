"""Shares of classes among images that nobody labelled, from a classifier that errs.

A classifier that takes one sneaker in ten for a boot sees too many boots. How it errs is counted on
images whose classes are known, and taken back. That rests on one assumption, which the answers
cannot prove: of an unlabelled image of a class it says what it says of a known one. An image that
only half resembles a class may be called by it more or less often.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import difference_interval, z_of

Floats = NDArray[np.float64]

SINGULAR = 0.1  # the least singular value of the rates below which the inversion is not believed
FEWEST = 20  # known images of a class: of fewer its errors are not known
ROUNDS = 5000
METHOD = "the classifier's errors taken back; simultaneous over {} classes, errors estimated"


@dataclass(frozen=True, kw_only=True, eq=False)
class CorrectedShares:
    """The share of each class once the classifier's errors are taken back.

    shares have intervals that hold at once, over the unlabelled images and over the known ones;
    seen (K,) is what the classifier says as it is. inverted (K,) are the shares by the linear
    inversion, which may lie below 0; covariance (K, K) is theirs, draws (D, K) normal deviations
    with it. misfit is the share of the answers that no mixture of the classes explains.
    """

    levels: tuple[str, ...]
    shares: tuple[Estimate, ...]
    seen: Floats
    inverted: Floats
    covariance: Floats
    draws: Floats
    misfit: float
    reason: str = ""

    @property
    def values(self) -> Floats:
        """The shares alone, (K,)."""
        return np.array([one.value for one in self.shares])

    @property
    def ends(self) -> tuple[Floats, Floats]:
        """The lower and the upper ends of their intervals, (K,) each."""
        low, high = zip(*((one.low, one.high) for one in self.shares), strict=True)
        return np.array(low), np.array(high)


def corrected_shares(
    said: ArrayLike,
    known: ArrayLike,
    known_said: ArrayLike,
    levels: Sequence[str],
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    draws: int = 4000,
) -> CorrectedShares:
    """Shares of the classes among images that the classifier calls `said` (n,), as codes.

    levels are the classes' names in the order of the codes; known (m,) are the true codes of other
    images, known_said what it calls these. Values are the maximum of the likelihood, found by
    expectation and maximisation, and so between 0 and 1. Intervals are those of the linear
    inversion, by the delta method: both samples vary.
    Undefined where a class has fewer than 20 known images, or the rates are near singular: then
    two classes look alike to the classifier. Raises DataError without an unlabelled image.

    Saerens, Latinne & Decaestecker 2002, "Adjusting the Outputs of a Classifier to New a Priori
    Probabilities"; Buck & Gart 1966 for the inversion.
    """
    codes, truth, answers = (np.asarray(one, dtype=np.int64) for one in (said, known, known_said))
    n, classes = len(codes), len(levels)
    if n == 0:
        raise DataError("there is no image to count the classes of; give one at least")
    counts = confusion(truth, answers, classes)
    seen = np.bincount(codes, minlength=classes) / n
    reason = _why_undefined(counts, levels)
    if reason:
        return _undefined(levels, seen, reason, n)
    rates = counts / counts.sum(axis=1, keepdims=True)  # rates[i, j] = P(said j | truly i)
    shares = _most_likely(seen, rates)
    covariance = _covariance(seen, shares, counts, n)
    errors = np.sqrt(np.diag(covariance))
    deviations = rng.multivariate_normal(np.zeros(classes), covariance, draws, method="eigh")
    critical = np.quantile(np.abs(deviations / errors).max(axis=1), confidence)
    centre = np.linalg.solve(rates.T, seen)
    return CorrectedShares(
        levels=tuple(levels),
        shares=_around(shares, centre, critical * errors, n, confidence),
        seen=seen,
        inverted=centre,
        covariance=covariance,
        draws=deviations,
        misfit=float(np.abs(seen - shares @ rates).sum() / 2),
    )


def confusion(known: ArrayLike, said: ArrayLike, classes: int) -> NDArray[np.int64]:
    """How many images of each true class (row) are called by each (column), (K, K)."""
    truth, answers = np.asarray(known, np.int64), np.asarray(said, np.int64)
    return np.bincount(truth * classes + answers, minlength=classes**2).reshape(classes, classes)


def _around(
    shares: Floats, centre: Floats, reach: Floats, n: int, confidence: float
) -> tuple[Estimate, ...]:
    """Each share with an interval around the inverted one, between 0 and 1."""
    low, high = (np.clip(centre + sign * reach, 0, 1) for sign in (-1, 1))
    return tuple(
        Estimate(
            value=float(value),
            low=float(min(a, value)),
            high=float(max(b, value)),
            n=n,
            method=METHOD.format(len(shares)),
            confidence=confidence,
        )
        for value, a, b in zip(shares, low, high, strict=True)
    )


def _most_likely(seen: Floats, rates: Floats) -> Floats:
    """The shares under which the answers are likeliest: none is below 0."""
    shares = np.full(len(seen), 1 / len(seen))
    for _ in range(ROUNDS):
        expected = np.maximum(shares @ rates, 1e-300)
        after = shares * (rates @ (seen / expected))
        if np.abs(after - shares).max() < 1e-10:
            return after
        shares = after
    return shares


def _covariance(seen: Floats, shares: Floats, counts: NDArray[np.int64], n: int) -> Floats:
    """Of the inverted shares: half an image is added to each cell, so that none is certain."""
    classes = len(seen)
    soft = (seen * n + 0.5) / (n + classes / 2)
    known = counts.sum(axis=1)
    smooth = (counts + 0.5) / (known[:, None] + classes / 2)
    of_answers = (np.diag(soft) - np.outer(soft, soft)) / n
    for share, rate, rows in zip(shares, smooth, known, strict=True):
        of_answers += share**2 * (np.diag(rate) - np.outer(rate, rate)) / rows
    back = np.linalg.inv((counts / known[:, None]).T)
    found: Floats = back @ of_answers @ back.T
    return (found + found.T) / 2


def _why_undefined(counts: NDArray[np.int64], levels: Sequence[str]) -> str:
    rows = counts.sum(axis=1)
    if rows.min() < FEWEST:
        return (
            f"{int(rows.min())} known images of {levels[int(rows.argmin())]!r} are too few to tell "
            f"how the classifier errs on it; {FEWEST} are needed"
        )
    rates = counts / rows[:, None]
    least = float(np.linalg.svd(rates, compute_uv=False)[-1])
    if least >= SINGULAR:
        return ""
    apart = [
        (float(np.abs(rates[i] - rates[j]).sum() / 2), i, j)
        for i in range(len(rates))
        for j in range(i)
    ]
    gap, i, j = min(apart)
    return (
        f"the classifier cannot tell the classes apart (least singular value {least:.2f}): of "
        f"{levels[j]!r} and {levels[i]!r} it says the same but for {100 * gap:.0f} % of the images"
    )


def _undefined(levels: Sequence[str], seen: Floats, reason: str, n: int) -> CorrectedShares:
    nothing = np.full((len(seen), len(seen)), np.nan)
    return CorrectedShares(
        levels=tuple(levels),
        inverted=np.full(len(seen), np.nan),
        shares=tuple(undefined(reason, n=n) for _ in seen),
        seen=seen,
        covariance=nothing,
        draws=nothing,
        misfit=float("nan"),
        reason=reason,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class ToldAndSeen:
    """How often images made as a class are called by it, beside real images of that class.

    classes has a line for each: made, how many were; seen, the share called as told; real, that of
    the real images; difference, seen less real, with low and high, which hold for all classes at
    once; instead, what it is called most often otherwise. least is the lowest difference, name its
    class; undefined where no class has images of both kinds.
    """

    classes: pd.DataFrame
    least: Estimate
    name: str

    @property
    def of_least(self) -> tuple[float, float, str]:
        """Of that class: seen, real and instead."""
        place = self.classes["class"].tolist().index(self.name)
        seen, real = self.classes[["seen", "real"]].to_numpy(float)[place]
        return float(seen), float(real), str(self.classes["instead"].iloc[place])


def told_and_seen(
    told: ArrayLike,
    said: ArrayLike,
    known: ArrayLike,
    known_said: ArrayLike,
    levels: Sequence[str],
    *,
    confidence: float = 0.95,
) -> ToldAndSeen:
    """Of a generator that is told classes (n,), what a classifier calls its images, as codes.

    known and known_said (m,) are the same of real images. Score intervals of the differences.
    """
    classes = len(levels)
    made, real = confusion(told, said, classes), confusion(known, known_said, classes)
    hits = np.diag(made), np.diag(real)
    rows = made.sum(axis=1), real.sum(axis=1)
    z = z_of(1 - (1 - confidence) / classes)
    low, high = difference_interval(hits[0], rows[0], hits[1], rows[1], z)
    with np.errstate(invalid="ignore"):
        seen, beside = (hit / row for hit, row in zip(hits, rows, strict=True))
    other = np.where(np.eye(classes, dtype=bool), -1, made).argmax(axis=1)
    frame = pd.DataFrame(
        {
            "class": list(levels),
            "made": rows[0],
            "seen": seen,
            "real": beside,
            "difference": seen - beside,
            "low": low,
            "high": high,
            "instead": [levels[one] for one in other],
        }
    )
    return _with_least(frame, confidence)


def _with_least(frame: pd.DataFrame, confidence: float) -> ToldAndSeen:
    n = int(frame["made"].sum())
    if frame["difference"].isna().all():
        least = undefined("no class has made and real images", n=n)
        return ToldAndSeen(classes=frame, least=least, name="")
    least = Estimate(
        value=float(frame["difference"].min()),
        low=float(frame["low"].min()),
        high=float(frame["high"].min()),
        n=n,
        method=f"score intervals, simultaneous over {len(frame)} classes",
        confidence=confidence,
    )
    name = str(frame["class"].iloc[int(np.nanargmin(frame["difference"]))])
    return ToldAndSeen(classes=frame, least=least, name=name)
