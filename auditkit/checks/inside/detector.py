"""How well does a detector tell made images from real ones that it never saw?"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from auditkit.checks.base import at_least, at_most, finding, percent, points
from auditkit.checks.detector import DetectorWorth
from auditkit.checks.inside.detector_views import (
    alarm_view,
    figure_view,
    found_view,
    member_view,
)
from auditkit.detected import Detected
from auditkit.detection.worth import Part, Worth, worth
from auditkit.results import Finding, Section, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

Bools = NDArray[np.bool_]
TEXT = (
    "Every image here was in no part that the detector learned from. A figure holds for images "
    "like these: by these generators, of these sources. Of anybody else's it says little. "
    "Intervals are by photograph or person, since several images of one tell "
    "less than as many others."
)


def run(check: DetectorWorth, subject: Subject, seen: Detected) -> Iterator[Finding | Section]:
    """Ranking, calls, false alarms and finds, each where there are such images."""
    found = worth(seen.rows, seen.answers, subject.rng(check.rule))
    yield from _finds(check, found, seen)  # what it misses comes before what it is good at
    yield _ranking(check, found)
    yield _rare(found)
    yield _threshold(found)
    yield _calibration(found)
    for new in (False, True):
        yield from _alarms(check, found, seen.new_source, new=new)
    yield Section(
        title="How well does it tell made images from real ones?",
        text=TEXT,
        views=(
            figure_view(found),
            member_view(found),
            *alarm_view(found, seen, check.max_false_alarms),
            *found_view(found, seen),
        ),
    )


def _ranking(check: DetectorWorth, found: Worth) -> Finding:
    control = " and ".join(f"{one.title} {percent(one.auc.value)}" for one in found.controls)
    beside = f" As a control, {control}." if control else ""
    return finding(
        f"Of a made and a real image it holds the made one for more suspicious "
        f"{percent(found.auc.value)} of the time (AUC; a coin gets 50 %).{beside}",
        found.auc,
        metric="AUC of made against real images",
        unit=Unit.NUMBER,
        status=at_least(found.auc, check.min_auc),
        limit=check.min_auc,
        null=0.5,
        remedy="Train on more generators, with images degraded as those it will meet.",
        rows_needed=partial(settled_at, found.auc, check.min_auc),
    )


def _rare(found: Worth) -> Finding:
    return finding(
        f"If only 1 real image in 100 may be called fake, it finds {percent(found.rare.value)} of "
        "the made ones; chance gives 1 %.",
        found.rare,
        metric="share of fakes found at 1 % of false alarms",
        null=0.01,
    )


def _threshold(found: Worth) -> Finding:
    whole = found.whole
    return finding(
        f"It calls {percent(whole.found.value)} of the made images fake and "
        f"{percent(whole.missed.value)} real; of the others it says nothing. Had it to answer "
        f"every image, {percent(found.balanced.value)} would be called right at the threshold it "
        f"was calibrated to, both kinds weighed alike, and {percent(found.half.value)} at a "
        "probability of one half. A coin gets 50 %.",
        found.balanced,
        metric="balanced accuracy at the calibrated threshold",
        null=0.5,
    )


def _calibration(found: Worth) -> Finding:
    return finding(
        f"Its probabilities are off by {points(found.error.value)} on average; right ones would "
        f"show {points(found.error_by_chance)} on as many images.",
        found.error,
        metric="expected calibration error of the probability of a fake",
        unit=Unit.POINTS,
        null=found.error_by_chance,
    )


def _alarms(
    check: DetectorWorth, found: Worth, new_source: Bools, *, new: bool
) -> Iterator[Finding]:
    """False alarms on real images of sources that it knows, or of new ones."""
    part = found.real(new_source if new else ~new_source)
    if part.estimate.n == 0:
        return
    kind = "of sources that it never saw" if new else "of sources that it learned from"
    promise = (
        "Nothing was promised there"
        if new
        else "No more than 5 % was promised of images like those it was calibrated on"
    )
    yield finding(
        f"{percent(part.estimate.value)} of the real images {kind} are called fake. {promise}.",
        part.estimate,
        metric="false alarms on new sources" if new else "false alarms on known sources",
        status=at_most(part.estimate, check.max_false_alarms),
        limit=check.max_false_alarms,
        where={"sources": ", ".join(part.names)},
        remedy="Calibrate it on real images of the kind it will meet, or say no more than "
        '"suspicious" of such images.',
        rows_needed=partial(settled_at, part.estimate, check.max_false_alarms),
        ceiling=True,
    )


def _finds(check: DetectorWorth, found: Worth, seen: Detected) -> Iterator[Finding]:
    """The generator that is found worst, among those never seen where there are such."""
    some = seen.new_generator if seen.new_generator.any() else seen.fake
    parts: tuple[Part, ...] = found.generators(some)
    if not parts:
        return
    worst = parts[0]
    known = "that it never saw" if seen.new_generator.any() else "of these images"
    which = f"the one found least of {len(parts)}" if len(parts) > 1 else "the only one"
    yield finding(
        f"Of the fakes by {worst.names[0]!r}, {which} {known}, {percent(worst.estimate.value)} are "
        f"called fake, and {percent(worst.missed.value)} are called real.",
        worst.estimate,
        metric="share of a generator's fakes found",
        status=at_least(worst.estimate, check.min_found),
        limit=check.min_found,
        where={"generator": worst.names[0]},
        remedy="Train on fakes of that kind of generator; until then expect to miss them.",
        rows_needed=partial(settled_at, worst.estimate, check.min_found),
    )
