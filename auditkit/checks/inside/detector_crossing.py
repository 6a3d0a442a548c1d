"""Trained on one generator, what is a detector worth on another?"""

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd

from auditkit.checks.base import at_least, finding, percent, reasons
from auditkit.checks.detector import UnseenGenerators
from auditkit.detected import Detected
from auditkit.detection.crossing import Cell, Crossed, carried, crossed
from auditkit.errors import DataError, NotApplicable
from auditkit.results import Finding, Heatmap, Section, Table, Unit, View
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

TEXT = (
    "Quick detectors, a linear model of the spectra, were trained on one generator and asked about "
    "another, on photographs and persons that they did not learn from. Ranking often survives a "
    "new generator where the threshold does not: a detector may have an AUC near 1 and still call "
    "every fake real. None of them is the detector that is audited: what that one makes of a "
    "generator that it never saw stands above (AK701). Whatever is found here, a generator of "
    "another kind may be worse.{left}"
)
CARRIED = "The whole panel, as its card says"
SHOWN = "AUC of quick detectors"


def run(check: UnseenGenerators, subject: Subject, seen: Detected) -> Iterator[Finding | Section]:
    """The generator found worst by a detector of all others, and maps of all pairs."""
    every = seen.rows if seen.known is None else pd.concat([seen.known, seen.rows])
    try:
        found = crossed(every, subject.runtime, most=check.images)
    except DataError as error:
        raise NotApplicable(str(error)) from error
    yield _ranked(check, found)
    yield _parted(check, found)
    left = f" Left out: {reasons(found.left_out)}." if found.left_out else ""
    yield Section(
        title="Does what is learned of one generator hold for another?",
        text=TEXT.format(left=left),
        views=(*_maps(found.pairs), _alone(found), *_carried(seen)),
    )


def _ranked(check: UnseenGenerators, found: Crossed) -> Finding:
    one = found.hardest
    return finding(
        f"A quick detector (a linear model, not the one audited) of all other generators ranks "
        f"fakes by {one.tested!r} worst of {len(found.left_one_out)}: its AUC is "
        f"{one.auc.value:.2f}, where a coin has 0.50.",
        one.auc,
        metric="worst AUC on a generator left out",
        unit=Unit.NUMBER,
        status=at_least(one.auc, check.min_auc),
        limit=check.min_auc,
        null=0.5,
        where={"generator": one.tested},
        remedy="Train on more kinds of generators; expect fakes of a new kind to be missed.",
        rows_needed=partial(settled_at, one.auc, check.min_auc),
    )


def _parted(check: UnseenGenerators, found: Crossed) -> Finding:
    one = found.least_parted
    return finding(
        f"At a probability of one half, a quick detector of all other generators calls "
        f"{percent(one.accuracy.value)} right of the fakes by {one.tested!r} and the real images "
        f"beside them, both kinds weighed alike; its AUC is {one.auc.value:.2f}. A coin gets 50 %.",
        one.accuracy,
        metric="worst balanced accuracy on a generator left out",
        status=at_least(one.accuracy, check.min_accuracy),
        limit=check.min_accuracy,
        null=0.5,
        where={"generator": one.tested},
        remedy="Calibrate on a generator that was not trained on, and let it abstain.",
        rows_needed=partial(settled_at, one.accuracy, check.min_accuracy),
    )


def _alone(found: Crossed) -> Table:
    rows = [
        {
            "generator left out": one.tested,
            "AUC": one.auc.value,
            "AUC from": one.auc.low,
            "AUC to": one.auc.high,
            "balanced accuracy": one.accuracy.value,
            "trained on it: AUC": found.of(one.tested, one.tested).auc.value,
            "trained on it: accuracy": found.of(one.tested, one.tested).accuracy.value,
            "images": one.auc.n,
        }
        for one in found.left_one_out
    ]
    return Table(
        title="Each generator by quick detectors of all the others, and of itself",
        frame=pd.DataFrame(rows).round(3),
        shares=("balanced accuracy", "trained on it: accuracy"),
    )


def _maps(pairs: Sequence[Cell]) -> tuple[View, ...]:
    frame = pd.DataFrame(
        [
            {
                "trained on": one.trained,
                "asked about": one.tested,
                "AUC": one.auc.value,
                "balanced accuracy": one.accuracy.value,
            }
            for one in pairs
        ]
    ).round(3)
    return (
        _map(SHOWN, frame, "AUC", "Whether fakes are ranked above real images: 0.5 is a coin."),
        _map(
            "Balanced accuracy of the same at a probability of one half",
            frame,
            "balanced accuracy",
            "Whether the threshold still parts them: 50 % is a coin.",
        ),
    )


def _map(title: str, frame: pd.DataFrame, value: str, text: str) -> Heatmap:
    return Heatmap(
        title=title,
        frame=frame[["trained on", "asked about", value]],
        x="asked about",
        y="trained on",
        value=value,
        unit=Unit.NUMBER if value == "AUC" else Unit.SHARE,
        text=text,
    )


def _carried(seen: Detected) -> tuple[View, ...]:
    """What training of the whole panel found, where its card carries it."""
    frame = carried(seen.detector.facts.get("crossed"))
    if frame is None:
        return ()
    return (
        Table(
            title=CARRIED,
            frame=frame.round(3).rename(columns={"auc": "AUC"}),
            shares=("accuracy",),
        ),
    )
