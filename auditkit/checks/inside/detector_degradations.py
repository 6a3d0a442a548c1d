"""What is left of a detector after JPEG, blur, scaling, cropping and noise."""

from collections.abc import Iterator
from functools import partial

import pandas as pd

from auditkit.checks.base import at_least, at_most, finding, percent
from auditkit.checks.detector import Degradations
from auditkit.detected import Detected
from auditkit.detection.degrading import DEGRADATIONS
from auditkit.detection.robustness import Robustness, Step, robustness
from auditkit.errors import DataError, NotApplicable
from auditkit.results import Finding, Lines, Section, Table, Unit, View
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

TEXT = (
    "Images are saved again, scaled and cropped wherever they are sent on. Real and made ones were "
    "treated alike here, {n:,} of them, and the detector's threshold stayed as it was calibrated. "
    "A falling AUC says that traces are gone; a balanced accuracy that falls faster, that the "
    "threshold no longer fits; rising false alarms, that real images begin to look made."
)


def run(check: Degradations, subject: Subject, seen: Detected) -> Iterator[Finding | Section]:
    """Each kind at its strongest, the worst first; whom it calls fake falsely."""
    try:
        found = robustness(seen.detector, seen.rows, subject.runtime, most=check.images)
    except DataError as error:
        raise NotApplicable(str(error)) from error
    for one in sorted(found.strongest, key=lambda step: step.balanced.value):
        yield _left(check, one, found.untouched)
    yield _alarms(check, found)
    yield finding(
        f"Of the quarter of real images with the least detail {percent(found.smooth.value)} are "
        f"called fake untouched, of the others {percent(found.detailed.value)}: what is smooth, or "
        "out of focus, may look made.",
        found.smooth,
        metric="false alarms of real images with little detail",
        null=found.detailed.value,
        remedy="Do not rely on a call of smooth or blurred images.",
    )
    yield Section(
        title="What is left of it once images were sent on?",
        text=TEXT.format(n=found.untouched.auc.n),
        views=(*(_curve(kind, found) for kind in DEGRADATIONS), _table(found)),
    )


def _left(check: Degradations, one: Step, untouched: Step) -> Finding:
    return finding(
        f"After {one.title}, {percent(one.balanced.value)} would be called right had it to answer "
        f"every image, both kinds weighed alike, against {percent(untouched.balanced.value)} of "
        "the same images untouched; a coin gets 50 %.",
        one.balanced,
        metric=f"balanced accuracy after {DEGRADATIONS[one.kind].title}",
        status=at_least(one.balanced, check.min_accuracy),
        limit=check.min_accuracy,
        null=0.5,
        where={"degradation": one.title},
        remedy="Train on images degraded in this way, or let it not answer on such images.",
        rows_needed=partial(settled_at, one.balanced, check.min_accuracy),
    )


def _alarms(check: Degradations, found: Robustness) -> Finding:
    worst = found.most_alarming
    source = worst.most_accused
    return finding(
        f"Real images are called fake most after {worst.title}: "
        f"{percent(worst.false_alarms.value)} of them, against "
        f"{percent(found.untouched.false_alarms.value)} untouched; of {source} it is "
        f"{percent(worst.by_source[source].value)}, against "
        f"{percent(found.untouched.by_source[source].value)}.",
        worst.false_alarms,
        metric="most false alarms after a degradation",
        status=at_most(worst.false_alarms, check.max_false_alarms),
        limit=check.max_false_alarms,
        where={"degradation": worst.title},
        remedy="Calibrate it on images degraded in this way.",
        rows_needed=partial(settled_at, worst.false_alarms, check.max_false_alarms),
        ceiling=True,
    )


def _curve(kind: str, found: Robustness) -> View:
    one = DEGRADATIONS[kind]
    rows = [
        {
            "strength": step.strength,
            "AUC": step.auc.value,
            "balanced accuracy": step.balanced.value,
            "false alarms": step.false_alarms.value,
            "answered": step.answered.value,
        }
        for step in found.of(kind)
    ]
    frame = pd.DataFrame(rows).sort_values("strength").round(4)
    return Lines(
        title=f"{one.title[0].upper()}{one.title[1:]}",
        frame=frame.rename(columns={"strength": one.unit}),
        x=one.unit,
        y=("AUC", "balanced accuracy", "false alarms", "answered"),
        unit=Unit.SHARE,
        text=f"Untouched, AUC is {found.untouched.auc.value:.2f} and balanced accuracy "
        f"{percent(found.untouched.balanced.value)}.",
    )


def _table(found: Robustness) -> Table:
    rows = [
        {
            "images": step.title,
            "AUC": round(step.auc.value, 3),
            "balanced accuracy": step.balanced.value,
            "from": step.balanced.low,
            "to": step.balanced.high,
            "false alarms": step.false_alarms.value,
            "at most": step.false_alarms.high,
            "answered": step.answered.value,
        }
        for step in (found.untouched, *found.steps)
    ]
    return Table(
        title="Every degradation",
        frame=pd.DataFrame(rows).round(4),
        shares=("balanced accuracy", "from", "to", "false alarms", "at most", "answered"),
        text='"At most" is the upper end of the interval of the false alarms.',
    )
