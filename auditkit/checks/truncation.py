"""What a generator gives up where it is turned down to what looks typical: the limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from auditkit.checks.base import CHECKS, asked_inside
from auditkit.ranges import ranged
from auditkit.results import Finding, Section, Topic
from auditkit.subject import Subject


@CHECKS.register("truncation")
@dataclass(frozen=True, kw_only=True)
class Truncated:
    """Which classes vanish first where latent vectors are scaled towards 0? Measured, never judged.

    `images` latent vectors, the same for each scale, beside `real` real images.
    """

    rule: ClassVar[str] = "AK713"
    title: ClassVar[str] = "Truncation"
    topic: ClassVar[Topic] = Topic.HARM

    images: int = ranged(1000, 20, 1_000_000)
    real: int = ranged(2000, 20, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding of what is lost, and curves of likeness, variety and classes by scale."""
        return asked_inside("truncation", self, subject)
