"""What leaves a generator: can it be found, does it say what it is, was its release thought over?

Here are the limits; the work of the first two is done in `checks.inside`, of the third in
`checks.release`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

from auditkit.checks.base import CHECKS
from auditkit.checks.release import GENERATING, concluded
from auditkit.data.schema import Task
from auditkit.ranges import SHARE, ranged
from auditkit.results import CheckResult, Finding, Section, Topic
from auditkit.subject import Subject


@CHECKS.register("detectability")
@dataclass(frozen=True, kw_only=True)
class Detectability:
    """Can the made images be told from real ones? Where they cannot, misuse is harder to find.

    By detectors fitted on half of `images` made and real ones and asked of the other half, beside
    two halves of the real ones, and by the detector that ships with auditkit. Nothing is judged
    unless you set min_auc, the least that the best of the fitted ones may reach.
    """

    rule: ClassVar[str] = "AK714"
    title: ClassVar[str] = "Can its images be found"
    topic: ClassVar[Topic] = Topic.MISUSE

    min_auc: float | None = ranged(None, 0.5, 1.0)
    images: int = ranged(2000, 40, 5_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding of the best fitted detector, one of the stranger, and a table."""
        subject.require(Task.IMAGES)
        found: Iterator[Finding | Section] = import_module(
            "auditkit.checks.inside.detectability"
        ).run(self, subject)
        return found


@CHECKS.register("provenance")
@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Does what it makes say so to a machine, and is the mark still there after a re-save?

    Of `images` written as `auditkit generate` does, or of the files in the folder `outputs`, as
    you publish them. Nothing is judged unless you set min_marked, a share of the files.
    """

    rule: ClassVar[str] = "AK715"
    title: ClassVar[str] = "Marks of provenance"
    topic: ClassVar[Topic] = Topic.MISUSE

    outputs: str | None = None
    min_marked: float | None = ranged(None, *SHARE)
    images: int = ranged(64, 1, 5_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding of marked files, one of the marks that a re-save leaves, and a picture."""
        subject.require(Task.IMAGES)
        found: Iterator[Finding | Section] = import_module("auditkit.checks.inside.provenance").run(
            self, subject
        )
        return found


@CHECKS.register("release")
@dataclass(frozen=True, kw_only=True)
class Release:
    """What is the model for, how could it be misused, and what was done about it?

    The three fields are a human's own words, written under [release] in audit.toml. Each point is
    measured, declared by a human or not assessed. Measured, never judged.
    """

    rule: ClassVar[str] = "AK716"
    title: ClassVar[str] = "Responsible release"
    topic: ClassVar[Topic] = Topic.MISUSE

    intended_use: str = ""
    foreseeable_misuse: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding and a table, of an audit in which nothing else was asked."""
        return self.conclude(subject, ())

    def conclude(
        self, subject: Subject, results: Sequence[CheckResult]
    ) -> Iterator[Finding | Section]:
        """The same, where other checks have measured some of the points."""
        subject.require(*GENERATING)
        return concluded(self, subject.task, results)
