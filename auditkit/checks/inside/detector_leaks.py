"""Do the images of a detector give themselves away by anything but the making?"""

from collections.abc import Iterator
from functools import partial

import pandas as pd

from auditkit.checks.base import at_most, exactly, finding, percent
from auditkit.checks.detector import Leaks as Check
from auditkit.detected import Detected
from auditkit.detection import leaks as leaking
from auditkit.detection import naive, traits
from auditkit.errors import DataError, NotApplicable
from auditkit.results import Finding, Section, Table, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

JUDGED = (traits.SIZE, traits.NUMBERS)
WHAT = {
    traits.SIZE: "Height, width and channels alone",
    traits.NUMBERS: "Traces of JPEG and the step between grey levels alone",
    traits.FILE: "Bytes a pixel alone, all by one encoder,",
    traits.FRAME: "How unlike the rest their outermost pixels are, alone,",
}
CHANCE = "where nothing leaks it is about 0.50, or less."
NOTHING = {
    traits.SIZE: CHANCE,
    traits.NUMBERS: "where nothing leaks it is about 0.50, or a little more, for JPEG leaves "
    "plainer traces in smoother images.",
    traits.FILE: "what is smooth takes fewer, and fakes may be smoother.",
    traits.FRAME: "it should be about 0.50, but in small pictures on black, where a real edge is "
    "plainer than a made one.",
}
TEXT = (
    "Where real images are of one size or format and fakes of another, a detector learns that, "
    "and its figures say nothing of fakes. So a classifier was given such traits alone, learned "
    "them from some originals and was tried on others: of {sources}, as many real as made images "
    "of each. Traits of a picture, such as how few bytes a smooth one takes or how plain its edge "
    "is, may differ because of the making and are only shown."
)
NAIVE = (
    "What a leak does, shown on these very images. Real ones were saved as JPEG (quality "
    "{quality}) and fakes were not; a quick detector learned from such files. It looks good on "
    "files with the same leak. The last lines have no fakes at all: what is found there is the "
    "format and nothing else."
)


def run(check: Check, subject: Subject, seen: Detected) -> Iterator[Finding | Section]:
    """What traits tell, labels dealt at random, doubles, and what a leak would do."""
    every = seen.rows if seen.known is None else pd.concat([seen.known, seen.rows])
    every = every.reset_index(drop=True)
    try:
        found = leaking.leaks(every, subject.runtime, most=check.images)
    except DataError as error:
        raise NotApplicable(str(error)) from error
    for group in traits.GROUPS:
        yield _probe(check, group, found)
    yield _shuffled(check, every, subject)
    if seen.known is not None:
        yield from _doubles(seen.rows, seen.known)
    yield Section(
        title="Does anything but the making give the answer away?",
        text=TEXT.format(sources=", ".join(found.sources)),
        views=(_traits(found),),
    )
    yield from _collapse(every, subject)


def _probe(check: Check, group: str, found: leaking.Leaks) -> Finding:
    one, judged = found.probes[group], group in JUDGED
    limit = check.max_auc if judged else None
    return finding(
        f"{WHAT[group]} tell made images from real ones with an AUC of {one.auc.value:.2f}; "
        f"{NOTHING[group]}",
        one.auc,
        metric=f"AUC of {group} alone",
        unit=Unit.NUMBER,
        status=at_most(one.auc, limit),
        limit=limit,
        null=0.5,
        where={"traits": group},
        remedy="Put real and made images through one program, at the same sizes, and train again.",
        rows_needed=partial(settled_at, one.auc, limit),
        ceiling=True,
    )


def _shuffled(check: Check, every: pd.DataFrame, subject: Subject) -> Finding:
    found = leaking.shuffled_labels(every, subject.runtime)
    return finding(
        f"Trained on labels dealt out at random, quick detectors have an AUC of {found.value:.2f} "
        f"on other originals, the mean of {found.n}; it should be 0.50.",
        found,
        metric="AUC of labels dealt at random",
        unit=Unit.NUMBER,
        status=at_most(found, check.max_auc),
        limit=check.max_auc,
        null=0.5,
        remedy="Images that were learned from are asked about again: the figures of this page "
        "cannot be relied on.",
        ceiling=True,
    )


def _doubles(rows: pd.DataFrame, known: pd.DataFrame) -> Iterator[Finding]:
    found = leaking.doubles(rows, known)
    for count, what, metric in (
        (found.pixels, "are, pixel by pixel, among those it learned from", "images in two parts"),
        (
            found.originals,
            "are of a photograph or person it learned from",
            "originals in two parts",
        ),
    ):
        share = exactly(count / found.rows, n=found.rows)
        yield finding(
            f"{count:,} of the {found.rows:,} images it is judged on {what}.",
            share,
            metric=metric,
            status=at_most(share, 0.0),
            limit=0.0,
            remedy="Leave them out, or split by photograph or person, and train again.",
            ceiling=True,
        )


def _collapse(every: pd.DataFrame, subject: Subject) -> Iterator[Finding | Section]:
    """What a leak would do; nothing where there are too few images to show it."""
    try:
        trials = naive.collapse(every, subject.runtime)
    except DataError:
        return
    by = {(one.trained, one.tested): one for one in trials}
    leaky, fair = by[naive.LEAK, naive.LEAK], by[naive.LEAK, naive.JPEG]
    alone = by[naive.NOTHING_MADE, naive.LEAK]
    yield finding(
        f"Were real images JPEG and fakes not, a quick detector would seem to call "
        f"{percent(leaky.accuracy.value)} right, and once all are JPEG call "
        f"{percent(fair.accuracy.value)} right. Without one fake among them it would still tell "
        f"the files apart with an AUC of {alone.auc.value:.2f}.",
        fair.accuracy,
        metric="balanced accuracy of a detector that learned the format, in one format",
        null=0.5,
    )
    yield Section(
        title="What would a leak of the format do?",
        text=NAIVE.format(quality=naive.QUALITY),
        views=(_trials(trials),),
    )


def _traits(found: leaking.Leaks) -> Table:
    return Table(
        title="Traits that no detector should rest on",
        frame=found.traits.rename(columns={"auc": "AUC alone"}).round(3),
        text="Means of real and of made images, and how well each trait alone tells them apart. "
        "Traces of JPEG are told from squares of 8 x 8 pixels that begin at an image's corner: a "
        "cropped image may hide them.",
    )


def _trials(trials: tuple[naive.Trial, ...]) -> Table:
    rows = [
        {
            "trained on": one.trained,
            "asked about": one.tested,
            "AUC": one.auc.value,
            "from": one.auc.low,
            "to": one.auc.high,
            "balanced accuracy": one.accuracy.value,
            "images": one.auc.n,
        }
        for one in trials
    ]
    return Table(
        title="A quick detector that learned from leaking files, and one that did not",
        frame=pd.DataFrame(rows).round(3),
        shares=("balanced accuracy",),
    )
