"""What a detector's answers rest on. Here are the limits; the work is done in `checks.inside`."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

from auditkit.checks.base import CHECKS
from auditkit.ranges import ranged
from auditkit.results import Finding, Section, Topic
from auditkit.subject import Subject


@CHECKS.register("detector-evidence")
@dataclass(frozen=True, kw_only=True)
class DetectorEvidence:
    """Which frequencies and regions does a call of "fake" rest on? Measured, never judged.

    Parts of images are exchanged with those of real ones, for at most `images` fakes of each
    generator and three times as many real images. Pictures of regions are shown of `maps` images.
    """

    rule: ClassVar[str] = "AK706"
    title: ClassVar[str] = "What the detector looks at"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    images: int = ranged(16, 4, 10_000)
    maps: int = ranged(3, 0, 20)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each generator, two of the tests, curves by frequency and maps."""
        seen = subject.detected  # torch comes with what follows
        work = import_module("auditkit.checks.inside.detector_evidence")
        found: Iterator[Finding | Section] = work.run(self, subject, seen)
        return found
