"""What is a detector's call worth, what does not answering buy, and on whom does it err?"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from auditkit.checks.base import at_least, finding, percent
from auditkit.checks.detector import Abstaining
from auditkit.checks.inside.detector_calls import answer_view, curve_view, group_view, worth_view
from auditkit.detected import Detected
from auditkit.detection import evaluation
from auditkit.detection.calibration import Answer
from auditkit.detection.corpus import SOURCE
from auditkit.results import Finding, Section, Table
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

TEXT = (
    "An answer is worth what it is in the hands of whoever reads it. Where few images are made, "
    "most calls of fake are false alarms, however good a detector is. And a detector that does not "
    "answer where it is unsure errs less on what is left; the curve says how much less, for these "
    "images. Prevalence, the share of images that were made, is yours to judge: nobody can read "
    "it from a detector."
)
GROUPS = (
    "False alarms, misses and images without an answer by group. Images without an answer are no "
    "errors, but somebody has to look at them."
)
NEVER = (
    "A detector says nothing of what it never saw, in either direction. This list is what its card "
    "says; it cannot be complete."
)

UNSAID = "Its card does not say what it was never tested on."


def run(check: Abstaining, subject: Subject, seen: Detected) -> Iterator[Finding | Section]:
    """Calls at a prevalence, answers and errors, groups, and what was never tested."""
    said, fake, whose = seen.answers["answer"].to_numpy(), seen.fake, seen.original
    whole = evaluation.answered(said, fake, whose)
    yield from _call(check, whole)
    yield _answered(check, whole)
    sure = evaluation.certainty(seen.answers["probability"], said != Answer.ABSTAIN)
    wrong = (seen.answers["probability"].to_numpy() >= 0.5) != fake
    curve = evaluation.risk_coverage(sure, wrong, whose)
    yield finding(
        f"Had it to answer every image, {percent(curve.random)} would be wrong; over all shares of "
        f"images that may be answered, the surest first, {percent(curve.area.value)} are on "
        f"average, and {percent(curve.oracle)} at the least.",
        curve.area,
        metric="mean risk over coverages",
        null=curve.random,
    )
    yield Section(
        title="What is a call worth?",
        text=TEXT,
        views=(
            *worth_view(whole),
            curve_view(curve, float(np.count_nonzero(said != Answer.ABSTAIN)) / len(said)),
            answer_view(seen),
        ),
    )
    yield from _groups(check, subject, seen)
    yield _never(seen)


def _call(check: Abstaining, whole: evaluation.Answered) -> Iterator[Finding]:
    worth = evaluation.positive_predictive_value(
        whole.found, whole.false_alarms, [check.prevalence]
    )[check.prevalence]
    yield finding(
        f"Where {percent(check.prevalence)} of the images are made, a call of fake is right "
        f"{percent(worth.value)} of the time; by the images there were, it could be as little as "
        f"{percent(worth.low)}.",
        worth,
        metric=f"calls of fake that are right where {percent(check.prevalence)} are made",
        null=check.prevalence,
    )


def _answered(check: Abstaining, whole: evaluation.Answered) -> Finding:
    return finding(
        f"{percent(whole.answered.value)} of the images get an answer, and "
        f"{percent(whole.accuracy.value)} of these a right one.",
        whole.answered,
        metric="share of images with an answer",
        status=at_least(whole.answered, check.min_answered),
        limit=check.min_answered,
        remedy="Calibrate it on images of the kind it will meet: most abstentions are of images "
        "unlike those.",
        rows_needed=partial(settled_at, whole.answered, check.min_answered),
    )


def _groups(check: Abstaining, subject: Subject, seen: Detected) -> Iterator[Finding | Section]:
    """By source and each column of groups: who is falsely called fake most, and a table."""
    views = []
    columns = {SOURCE: seen.rows[SOURCE]} | dict(subject.memberships)
    for name, group in columns.items():
        groups = group.astype(str)
        enough = groups.map(groups.value_counts()) >= check.min_group_size
        if not enough.any():
            continue
        rows = enough.to_numpy()
        found = evaluation.by_group(
            seen.answers["answer"].to_numpy()[rows],
            seen.fake[rows],
            seen.original[rows],
            groups[enough],
        )
        yield from _most_alarms(name, found)
        views.append(group_view(name, found))
    if views:
        yield Section(title="On whom does it err?", text=GROUPS, views=tuple(views))


def _most_alarms(name: str, found: dict[str, evaluation.Answered]) -> Iterator[Finding]:
    """The group whose real images are most surely called fake, where there are two to compare."""
    real = {group: one.false_alarms for group, one in found.items() if one.false_alarms.defined}
    if len(real) < 2:
        return
    group = max(sorted(real), key=lambda one: (real[one].low, real[one].value))
    least = min(sorted(real), key=lambda one: real[one].value)
    yield finding(
        f"By {name}, real images of {group!r} are called fake most, as far as so many tell: "
        f"{percent(real[group].value)}; those of {least!r} {percent(real[least].value)}. The most "
        f"of {len(real)} groups is in part chance.",
        real[group],
        metric=f"most false alarms of a group by {name}",
        where={"grouped by": name, "group": group},
    )


def _never(seen: Detected) -> Section:
    stated = seen.detector.facts.get("limits")
    limits = stated if isinstance(stated, list) and stated else [UNSAID]
    rows = pd.DataFrame({"limit": [str(one) for one in limits]})
    return Section(
        title="What was it never tested on?",
        text=NEVER,
        views=(Table(title="Limits, as the detector's card states them", frame=rows),),
    )
