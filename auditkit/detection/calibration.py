"""From what members say to a probability, a p-value and one of three answers.

The p-value is conformal: among real images exchangeable with those of any kind that was calibrated
on, "fake" is said at most a share alpha of the time. Of other sources nothing is promised, and
nothing of the fakes that are found: there it is measured. Small images hold less evidence than
large ones, so either are calibrated by themselves.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from auditkit.detection.conformal import Tail, numbers, tables
from auditkit.detection.detail import Detail
from auditkit.detection.members.table import MEMBERS, Member
from auditkit.detection.panel import Readings
from auditkit.detection.patches import SMALLEST
from auditkit.detection.scoring import odds_of, standardised, weighed
from auditkit.detection.typicality import Cloud, rounded
from auditkit.errors import DataError

Floats = NDArray[np.float64]
Labels = NDArray[Any]

ALPHA = 0.05
STRANGE = 0.01  # an image further out than all but this share of every kind is not judged
SUSPICIOUS = 0.1  # a member is, of an image beyond all but this share of real ones
FEWEST = 20  # originals of either class: with fewer no p-value reaches ALPHA
ALONE = 40  # originals from which a source is a kind of its own
TOGETHER = FEWEST - 1  # from which several are one kind: a p-value can then reach ALPHA
SMALL = 48  # pixels of the shorter side; smaller images are calibrated by themselves
CAP = 20.0  # standard deviations: beyond them a member is as sure as it can be
MADE = "made images"
GUARD = ", image by image"
LITTLE = f" under {SMALL} pixels"


class Answer(StrEnum):
    """What a detector says of an image."""

    FAKE = "fake"
    REAL = "real"
    ABSTAIN = "abstain"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was learned from images that no member was fitted on; plain numbers, for JSON.

    centre, spread and weights, one for each member, make a score of the members' logits: the mean
    of those that vote, in standard deviations of real images, each by its weight, beside that of
    real images of as much detail. A member finds an image suspicious above its edge, which at most
    1 in 10 real images of any kind exceed. The probability of a fake, where fakes are as many as
    reals, is the logistic function of slope * score + intercept, at most surest. reals are the
    scores of real images by kind, clouds the spectra by kind, with those of `MADE`. small is the
    same for images under `SMALL` pixels, where enough of them were calibrated on.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    detail: Detail
    edges: tuple[float, ...]
    slope: float
    intercept: float
    surest: float
    reals: Mapping[str, Tail]
    clouds: Mapping[str, Cloud]
    small: "Calibration | None" = None

    @property
    def kinds(self) -> dict[str, Tail]:
        """All kinds of real images, those of small ones by a longer name."""
        little = {} if self.small is None else self.small.reals
        return {**self.reals, **{name + LITTLE: one for name, one in little.items()}}

    @property
    def promised(self) -> dict[str, Tail]:
        """The kinds of which it is promised how rarely "fake" is said; the others only guard."""
        return {name: one for name, one in self.kinds.items() if GUARD not in name}

    def of(self, sides: tuple[int, int]) -> "Calibration":
        """What holds for an image of this height and width."""
        return self.small if self.small is not None and min(sides) < SMALL else self

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], table: Mapping[str, Member] = MEMBERS) -> Self:
        """What `to_dict` wrote. Raises DataError where a part is missing or impossible."""
        if not isinstance(raw, Mapping):
            raise DataError("the calibration is not one that auditkit wrote: it is no table")
        members = {name: numbers(raw, name) for name in ("centre", "spread", "weights", "edges")}
        slope, intercept, surest = numbers(
            {"law": [raw.get(name) for name in ("slope", "intercept", "surest")]}, "law"
        )
        if any(len(one) != len(table) for one in members.values()):
            raise DataError(f"the calibration is of other members; this version has {len(table)}")
        possible = slope >= 0 and 0.5 <= surest < 1 and min(members["spread"]) > 0
        if not possible or min(members["weights"]) < 0 or not max(members["weights"]) > 0:
            raise DataError("the calibration is not one that auditkit wrote: impossible figures")
        return cls(
            **members,
            detail=Detail.from_dict(raw.get("detail")),
            slope=slope,
            intercept=intercept,
            surest=surest,
            reals={name: Tail.from_dict(one) for name, one in tables(raw, "reals").items()},
            clouds={name: Cloud.from_dict(one) for name, one in tables(raw, "clouds").items()},
            small=_small_of(raw, table),
        )


def calibrated(
    readings: Readings,
    fake: NDArray[np.bool_],
    original: ArrayLike,
    *,
    source: ArrayLike | None = None,
    table: Mapping[str, Member] = MEMBERS,
) -> Calibration:
    """Learn from calibration images; fake (n,) says which were made.

    original (n,) is the photograph or person behind each image: it counts once, however many
    images it has. source (n,) is the set that an image is of: what is promised of "fake" holds for
    each source with 40 originals or more, for smaller ones together if they have as many, and for
    all together where no source has. A source of a few photographs is asked image by image as
    well, which promises nothing and guards it. Raises DataError where the real or the made images
    have fewer than 20 originals, or a reading is no number.
    """
    whose = np.asarray(original)
    _require_enough(readings, fake, whose)
    named = np.full(len(whose), "real images") if source is None else np.asarray(source).astype(str)
    little = readings.sides.min(axis=1) < SMALL
    parts = [
        _learned(_only(readings, at), fake[at], whose[at], named[at], table)
        for at in (~little, little)
        if _enough(fake[at], whose[at])
    ]
    if len(parts) == 2:
        return replace(parts[0], small=parts[1])
    return _learned(readings, fake, whose, named, table)


def _learned(
    readings: Readings,
    fake: NDArray[np.bool_],
    whose: Labels,
    named: Labels,
    table: Mapping[str, Member],
) -> Calibration:
    """What is learned from images of all sizes alike."""
    kinds = _kinds(whose, named, ~fake)
    centre, spread, left_out = standardised(readings.logits[~fake], whose[~fake])
    members = (readings.logits - centre) / spread
    members[~fake] = left_out
    weights, detail, score = weighed(members.clip(-CAP, CAP), readings.spectra, fake, whose, table)
    slope, intercept, surest = odds_of(score, fake, whose)
    return Calibration(
        centre=rounded(centre),
        spread=rounded(spread),
        weights=rounded(weights),
        detail=detail,
        edges=rounded(
            [
                max(
                    Tail.of(one[at], once[at]).least_below(SUSPICIOUS)
                    for at, once in kinds.values()
                )
                for one in members.T
            ]
        ),
        slope=slope,
        intercept=intercept,
        surest=surest,
        reals={name: Tail.of(score[at], once[at]) for name, (at, once) in kinds.items()},
        clouds={
            name: Cloud.of(readings.spectra[at], whose[at], once[at])
            for name, (at, once) in (kinds | {MADE: (fake, whose)}).items()
        },
    )


def answers(
    readings: Readings,
    law: Calibration,
    *,
    alpha: float = ALPHA,
    table: Mapping[str, Member] = MEMBERS,
) -> pd.DataFrame:
    """One row an image: answer, reason, probability, p_value, strange, and each member's score.

    probability is that of a fake where fakes are as many as reals; p_value the share of real
    calibration images at least as suspicious, the image itself counted, of the kind where it is
    largest; strange the share of calibration images at least as unusual, likewise. score is the
    mean of the voting members', and theirs are in standard deviations of real images, positive for
    a fake. reason says why there is no answer. table names the members, where they are not those
    of images.
    """
    if law.small is None:
        return _answered(readings, law, alpha, table)
    little = readings.sides.min(axis=1) < SMALL
    parts = [
        _answered(_only(readings, at), one, alpha, table).set_index(np.flatnonzero(at))
        for at, one in ((~little, law), (little, law.small))
    ]
    return pd.concat(parts).sort_index()


def _answered(
    readings: Readings, law: Calibration, alpha: float, table: Mapping[str, Member]
) -> pd.DataFrame:
    everything = np.hstack([readings.logits, readings.spectra])
    read = np.asarray(np.isfinite(everything).all(axis=1))
    members = (readings.logits - np.array(law.centre)) / np.array(law.spread)
    members = np.where(read[:, None], members, 0)
    spectra = np.where(read[:, None], readings.spectra, 0)
    weights = np.array(law.weights)
    score = law.detail.beside(members.clip(-CAP, CAP) @ weights, spectra)
    rare = np.max([one.p_value(score) for one in law.reals.values()], axis=0)
    strange = np.max([one.as_far(spectra) for one in law.clouds.values()], axis=0)
    odds = law.slope * score + law.intercept
    found = pd.DataFrame(
        {
            "answer": "",
            "reason": "",
            "probability": np.where(read, expit(odds).clip(1 - law.surest, law.surest), 0.5),
            "p_value": np.where(read, rare, 1),
            "strange": strange,
            "score": odds,
            **{name: members[:, i] for i, name in enumerate(table)},
        }
    )
    suspicious = (members > np.array(law.edges)) @ weights / weights.sum()
    found["reason"] = _reasons(found, suspicious, alpha)
    found.loc[~read, "reason"] = "its members gave no number"
    found.loc[readings.sides.min(axis=1) < SMALLEST, "reason"] = (
        f"too small: the shorter side has fewer than {SMALLEST} pixels"
    )
    says = np.where(found["probability"] > 0.5, Answer.FAKE.value, Answer.REAL.value)
    found["answer"] = np.where(found["reason"] == "", says, Answer.ABSTAIN.value)
    return found


def _reasons(found: pd.DataFrame, suspicious: Floats, alpha: float) -> Labels:
    """Why there is no answer, (n,): the last that holds; empty where there is one.

    suspicious (n,) is the share of the voting members, by weight, that would have called the image
    fake alone.
    """
    likely, rare = found["probability"] > 0.5, found["p_value"] <= alpha
    many = suspicious >= 0.5
    reasons = np.full(len(found), "", dtype=object)
    reasons[likely != many] = "its members disagree"
    reasons[likely & ~rare] = "not settled: real images look like this too often"
    reasons[~likely & rare] = "not settled: few real images look like this, and few fakes"
    reasons[found["probability"] == 0.5] = "not settled: as likely real as fake"
    reasons[found["strange"] <= STRANGE] = "unlike anything the detector was calibrated on"
    return reasons


def _kinds(
    original: Labels, source: Labels, real: NDArray[np.bool_]
) -> dict[str, tuple[NDArray[np.bool_], Labels]]:
    """Which real images (n,) are of each kind, and what counts once in it (n,).

    Kinds are sources with originals enough and the others together, or all where none has; and
    each of the others by itself, where every image counts.
    """
    sizes = {
        one: len(pd.unique(original[real & (source == one)])) for one in np.unique(source[real])
    }
    large = [name for name, size in sizes.items() if size >= ALONE]
    small = [name for name in sizes if name not in large]
    together = len(pd.unique(original[real & np.isin(source, small)])) >= TOGETHER
    groups = [[name] for name in large] + [small] * (together or not large)
    kinds = {", ".join(one): (real & np.isin(source, one), original) for one in groups if one}
    image = np.arange(len(original))
    for name in small if len(sizes) > 1 else []:
        rows = real & (source == name)
        if rows.sum() >= ALONE:
            kinds[name + GUARD] = (rows, image)
    return kinds


def _enough(fake: NDArray[np.bool_], original: Labels) -> bool:
    return min(len(pd.unique(original[one])) for one in (~fake, fake)) >= FEWEST


def _require_enough(readings: Readings, fake: NDArray[np.bool_], original: Labels) -> None:
    reals, fakes = (len(pd.unique(original[one])) for one in (~fake, fake))
    if min(reals, fakes) < FEWEST:
        raise DataError(
            f"real images of {reals} originals and made ones of {fakes} are too few to calibrate "
            f"on: {FEWEST} of each are needed"
        )
    if not (np.isfinite(readings.logits).all() and np.isfinite(readings.spectra).all()):
        raise DataError("a member gives no number for some calibration image; train it anew")


def _only(readings: Readings, at: NDArray[np.bool_]) -> Readings:
    return Readings(
        logits=readings.logits[at], spectra=readings.spectra[at], sides=readings.sides[at]
    )


def _small_of(raw: Mapping[str, Any], table: Mapping[str, Member]) -> Calibration | None:
    """The calibration of small images in a card, which has none of its own."""
    given = raw.get("small")
    if given is None:
        return None
    if not isinstance(given, Mapping) or given.get("small") is not None:
        raise DataError("the calibration is not one that auditkit wrote: its small one is no table")
    return Calibration.from_dict(given, table)
