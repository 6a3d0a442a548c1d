"""What a detector of made images is worth, where it fails, and on what it was never tested.

Here are the limits; the work is done in `checks.inside`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

from auditkit.checks.base import CHECKS, Check
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Section, Topic
from auditkit.subject import Subject


@CHECKS.register("detector")
@dataclass(frozen=True, kw_only=True)
class DetectorWorth:
    """How well does it tell made images from real ones that it never saw?

    max_false_alarms bounds the share of real images that are called fake, 5 % by default: of
    sources that it knows that was promised; of new ones it is measured. Nothing else is judged
    unless you set min_auc, or min_found, the share of each new generator's fakes to be found.
    """

    rule: ClassVar[str] = "AK701"
    title: ClassVar[str] = "Detector of made images"
    topic: ClassVar[Topic] = Topic.MISUSE

    max_false_alarms: float | None = ranged(0.05, *SHARE)
    min_auc: float | None = ranged(None, 0.5, 1.0)
    min_found: float | None = ranged(None, *SHARE)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Findings of ranking, calls, false alarms by source and finds by generator."""
        return _detected("detector", self, subject)


@CHECKS.register("unseen-generators")
@dataclass(frozen=True, kw_only=True)
class UnseenGenerators:
    """Trained on one generator, what is a detector worth on another? Measured, never judged.

    Quick detectors are trained on each generator, and on all but one, with at most `images` of
    a generator and source; nothing is judged unless you set min_auc or min_accuracy, of the
    generator that is found worst by a detector of all the others.
    """

    rule: ClassVar[str] = "AK702"
    title: ClassVar[str] = "Generators never seen"
    topic: ClassVar[Topic] = Topic.MISUSE

    min_auc: float | None = ranged(None, 0.5, 1.0)
    min_accuracy: float | None = ranged(None, *SHARE)
    images: int = ranged(200, 40, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Two findings of leaving one out, and two maps of generators."""
        return _detected("detector_crossing", self, subject)


@CHECKS.register("degradations")
@dataclass(frozen=True, kw_only=True)
class Degradations:
    """What is left of it after JPEG, blur, scaling, cropping and noise?

    On at most `images` images, as many real as made. Nothing is judged unless you set
    min_accuracy, the mean of both classes' shares called right, or max_false_alarms.
    """

    rule: ClassVar[str] = "AK703"
    title: ClassVar[str] = "Images on their way"
    topic: ClassVar[Topic] = Topic.MISUSE

    min_accuracy: float | None = ranged(None, *SHARE)
    max_false_alarms: float | None = ranged(None, *SHARE)
    images: int = ranged(300, 40, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each kind at its strongest, one of false alarms, curves over strength."""
        return _detected("detector_degradations", self, subject)


@CHECKS.register("leaks")
@dataclass(frozen=True, kw_only=True)
class Leaks:
    """Do its images give themselves away by anything but the making?

    Size and channels alone, and quantisation alone, must not tell made images from real ones with
    an AUC above max_auc; nor may labels dealt out at random. No image may be in two parts.
    """

    rule: ClassVar[str] = "AK704"
    title: ClassVar[str] = "What gives the answer away"
    topic: ClassVar[Topic] = Topic.MISUSE

    max_auc: float | None = ranged(0.6, 0.5, 1.0)
    images: int = ranged(2000, 100, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Findings of what leaks, of doubles, and of what a leak of the format would do."""
        return _detected("detector_leaks", self, subject)


@CHECKS.register("abstaining")
@dataclass(frozen=True, kw_only=True)
class Abstaining:
    """What is a call worth, what does not answering buy, and on whom does it err?

    Nothing is judged unless you set min_answered, the share of images with an answer. Groups of
    fewer than min_group_size images are left out.
    """

    rule: ClassVar[str] = "AK705"
    title: ClassVar[str] = "What a call is worth"
    topic: ClassVar[Topic] = Topic.MISUSE

    min_answered: float | None = ranged(None, *SHARE)
    prevalence: float = ranged(0.01, 1e-6, 0.999)
    min_group_size: int = ranged(20, 2)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Findings of calls and abstentions, curves, tables by group, what was never tested."""
        return _detected("detector_abstaining", self, subject)


def _detected(module: str, check: Check, subject: Subject) -> Iterator[Finding | Section]:
    """What a module of `checks.inside` finds of a detector; torch comes with it.

    Raises NotApplicable where the model is no detector.
    """
    seen = subject.detected
    work = import_module(f"auditkit.checks.inside.{module}")
    found: Iterator[Finding | Section] = work.run(check, subject, seen)
    return found
