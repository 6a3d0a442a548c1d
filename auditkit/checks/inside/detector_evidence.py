"""Which frequencies and regions does a detector's call of "fake" rest on?"""

from collections.abc import Iterator

import numpy as np

from auditkit.attribution.judging.verdicts import Verdict
from auditkit.checks.base import finding
from auditkit.checks.detector_evidence import DetectorEvidence
from auditkit.checks.inside.detector_evidence_views import (
    band_views,
    deletion_view,
    map_view,
    most_told,
)
from auditkit.detected import Detected
from auditkit.detection.calibration import Answer
from auditkit.detection.corpus import GENERATOR, LABEL, NOBODY, REAL
from auditkit.detection.explaining import (
    Contrast,
    Deletion,
    contrasts,
    deletion,
    evidence,
    strongest,
)
from auditkit.detection.swapping import BANDS, REGIONS, Exchange, exchange_of
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Section, Unit
from auditkit.subject import Subject

FEWEST = 8  # images of either kind
REALS = 3  # times as many real images as fakes of one generator
BY_BANDS = (
    "Of each image the most suspicious square is looked at. One band of its frequencies is "
    "exchanged with that of a real image: its evidence is how far the score falls without it, and "
    "how far the real image's rises by it, a mean, in log odds of a fake: 0.7 doubles them. Low "
    "frequencies hold what an image shows, high ones its grain and the dots that enlarging leaves. "
    "What exchanging itself does is seen where both images are real."
)
BY_REGIONS = (
    "The same of the 16 regions of a square, for images that were called fake. Most generators "
    "leave traces all over an image, and no region stands out. A map says where the score comes "
    "from; it is no proof of where an image was changed."
)


def run(check: DetectorEvidence, subject: Subject, seen: Detected) -> Iterator[Finding | Section]:
    """By bands for every generator, then by regions for images that were called fake."""
    given, called = _exchange(check, subject, seen)
    detector, runtime = seen.detector, subject.runtime
    found = evidence(detector, given, BANDS, runtime)
    told = contrasts(found, given.rows)
    for one in strongest(told).values():
        yield _finding(one)
    views = band_views(told, found, given)
    if called:
        held = deletion(detector, given.at(called), found.at(called), runtime)
        yield _order(held, "bands")
        views += (deletion_view(held, "bands"),)
    text = BY_BANDS if called else f"{BY_BANDS} No image was called fake: no order was tested."
    yield Section(title="Which frequencies speak for a fake?", text=text, views=views)
    if called:
        yield from _regions(check, subject, seen, given.at(called))


def _exchange(
    check: DetectorEvidence, subject: Subject, seen: Detected
) -> tuple[Exchange, list[int]]:
    """What is exchanged with what, and which of it was called fake: as many as of a generator."""
    rng = subject.rng(f"{check.rule} images")
    real = (seen.rows[LABEL] == REAL).to_numpy()
    if min(real.sum(), (~real).sum()) < FEWEST:
        raise NotApplicable(
            f"{real.sum()} real and {(~real).sum()} made images are too few to compare: {FEWEST} "
            "of each are needed"
        )
    places = []
    for name in seen.rows[GENERATOR].unique():
        of = rng.permutation(np.flatnonzero(seen.rows[GENERATOR] == name))
        places += list(of[: check.images * (REALS if name == NOBODY else 1)])
    pool = seen.rows if seen.known is None else seen.known
    given = exchange_of(
        seen.detector,
        seen.rows.iloc[places],
        pool[pool[LABEL] == REAL],
        subject.runtime,
        subject.rng(f"{check.rule} pieces"),
    )
    said = seen.answers["answer"].to_numpy()[places]
    called = [i for i in rng.permutation(len(places)) if said[i] == Answer.FAKE and given.others[i]]
    return given, sorted(called[: check.images])


def _finding(one: Contrast) -> Finding:
    gap = one.gap
    where = f"frequencies {one.part} cycles a pixel"
    beside = (
        f"{gap.value:.2f} in log odds of a fake beyond what exchanging does to a real "
        f"image ({gap.low:.2f} to {gap.high:.2f}, all bands and generators together)"
    )
    clear = gap.low > 0
    said = f"Fakes by {one.generator} are told most surely by {where}: they are worth {beside}."
    unclear = (
        f"No band of frequencies alone surely gives away fakes by {one.generator}; the closest "
        f"are {where}: {beside}."
    )
    return finding(
        said if clear else unclear,
        gap,
        metric="evidence of the surest band",
        unit=Unit.NUMBER,
        null=0.0,
        where={"generator": one.generator, "band": one.part},
    )


def _order(held: Deletion, parts: str) -> Finding:
    """Whether the order of evidence is one that the score follows."""
    one = held.judged
    known = "Explained" if one.verdict is Verdict.TRUSTED else "Not explained"
    return finding(
        f"{known} by {parts}: on {one.estimate.n:,} images called fake {one.sentence}.",
        one.estimate,
        metric=f"order of {parts} ahead of chance",
        unit=Unit.NUMBER,
        null=0.0,
        where={"parts": parts},
    )


def _regions(
    check: DetectorEvidence, subject: Subject, seen: Detected, given: Exchange
) -> Iterator[Finding | Section]:
    found = evidence(seen.detector, given, REGIONS, subject.runtime)
    held = deletion(seen.detector, given, found, subject.runtime)
    yield _order(held, "regions")
    shown = held.judged.verdict is not Verdict.FAILED and check.maps > 0
    refused = "" if shown else " No map is shown: on these images it would say nothing."
    places = most_told(given, check.maps)
    maps = (map_view(given, found, places, seen),) if shown else ()
    yield Section(
        title="Which regions speak for a fake?",
        text=f"{BY_REGIONS}{refused if check.maps else ''}",
        views=(*maps, deletion_view(held, "regions")),
    )
