"""Encoded or used: four answers, and what has to be seen for each."""

import math
from dataclasses import dataclass
from enum import StrEnum

from auditkit.probing.usage.means import Mean

LIMITS = (
    "Only what a linear reader finds is read and erased: what a layer holds in a curve stays. "
    "An erased attribute is gone for linear readers of the rows the eraser was fitted on; a fresh "
    "reader of other rows, or a curved one, may still do better than chance. Later parts that look "
    "at single steps (a maximum, attention) can bring back what the mean of the steps has lost. "
    "Used means that the answers lean on what the layer knows of the attribute beyond the target, "
    "whether it came from that column or from others that go with it; a use that moves no group's "
    "answers on average is not told from none."
)


class Verdict(StrEnum):
    """What is said of an attribute, at a layer or over all of them."""

    NOT_READABLE = "not readable"
    NOT_USED = "readable, not used"
    USED = "readable and used"
    INSUFFICIENT = "insufficient evidence"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What counts as readable, and what as used.

    Areas are given the target, 1/2 by chance: readable where it is at least `read` and clear of
    1/2, not readable where it is surely below `unread`. used: surely more than `material` of the
    decisions changed (of numbers, standard deviations), and a shift surely beyond that of random
    directions. Not used: surely less than `few` changed and no such shift, or less than `material`;
    and at least the part `undone` of what was to be erased was erased on rows that the eraser did
    not see.
    """

    read: float = 0.55
    unread: float = 0.60
    material: float = 0.01
    few: float = 0.05
    undone: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a verdict at one layer rests on, at a confidence that many layers are asked.

    area is how well the attribute is read given the target; changed the two ends of what erasing
    it changed, shift what the answers lost of it, the surest of `pairs`; random_shift the mean of
    directions drawn at random; undone the part of what was to be erased that was, on rows the
    eraser was not fitted on.
    """

    area: Mean
    changed: tuple[float, float]
    shift: Mean
    pairs: int
    random_shift: float
    undone: float


def verdict_of(seen: Evidence, limits: Limits, questions: int) -> tuple[Verdict, str]:
    """The verdict at one layer and, where evidence is missing, what is. Corrected for questions."""
    confidence = 1 - 0.05 / max(questions, 1)
    readable = _readable(seen.area, limits, confidence)
    if readable is None:
        return Verdict.INSUFFICIENT, "whether it can be read is not clear"
    if not readable:
        return Verdict.NOT_READABLE, ""
    reach = seen.shift.reach(1 - 0.05 / (max(questions, 1) * seen.pairs))
    lowest, (low, high) = abs(seen.shift.value) - reach, seen.changed
    if low > limits.material and lowest > seen.random_shift:
        return Verdict.USED, ""
    if seen.undone < limits.undone:
        return Verdict.INSUFFICIENT, "too few rows to find what is to be erased"
    if high < limits.few and (lowest <= seen.random_shift or high < limits.material):
        return Verdict.NOT_USED, ""
    return Verdict.INSUFFICIENT, "whether more changes than by chance is not clear"


def _readable(area: Mean, limits: Limits, confidence: float) -> bool | None:
    if math.isnan(area.value) or math.isnan(area.error):
        return None
    reach = area.reach(confidence)
    if area.value >= limits.read and area.value - reach > 0.5:
        return True
    return False if area.value + reach < limits.unread else None


def overall(verdicts: list[Verdict]) -> Verdict:
    """Used if at any layer; not used if at every layer where it can be read."""
    if Verdict.USED in verdicts:
        return Verdict.USED
    if Verdict.INSUFFICIENT in verdicts:
        return Verdict.INSUFFICIENT
    return Verdict.NOT_USED if Verdict.NOT_USED in verdicts else Verdict.NOT_READABLE
