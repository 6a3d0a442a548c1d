"""Does a generator make what its data hold, class by class, or does it widen their lean?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from auditkit.bias.amplification.generated import GeneratedAmplification, generated_amplification
from auditkit.checks.base import CHECKS, at_most, finding, percent, points
from auditkit.checks.generated_classes_views import changes_section, told_section
from auditkit.generated import Generated
from auditkit.ranges import GAP, ranged
from auditkit.results import NOTHING, Finding, Section, Topic, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.statistics.generation import smallest_share
from auditkit.statistics.quantification import (
    CorrectedShares,
    ToldAndSeen,
    corrected_shares,
    told_and_seen,
)
from auditkit.subject import Subject

REMEDY = (
    "The generator makes what is common commoner. Draw the training images evenly over the "
    "classes, or tell the generator the class (conditional) and draw classes as you want them."
)


@CHECKS.register("generated-classes")
@dataclass(frozen=True, kw_only=True)
class GeneratedClasses:
    """Are the classes of made images those of the training images, or more uneven?

    Counted by the judge, whose own errors on real images are taken back. max_amplification bounds
    what the classes that are commoner in the data gain together: a twentieth of all images is this
    tool's own choice, as no limit is accepted. max_change bounds the change of any class. A
    generator that is told the class makes each as often as it is told; of it is asked whether the
    class is seen.
    """

    rule: ClassVar[str] = "AK711"
    title: ClassVar[str] = "Classes of made images"
    topic: ClassVar[Topic] = Topic.HARM

    max_amplification: float | None = ranged(0.05, *GAP)
    max_change: float | None = ranged(None, *GAP)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The smallest share, the lean beside that of the data, the largest change; or the told."""
        generated = subject.generated
        levels = generated.judge.levels
        where = _where(generated)
        known, real = generated.known
        said = generated.seen_made[1].argmax(axis=1)
        shares = corrected_shares(said, known, real, levels, subject.rng(self.rule))
        yield _smallest(shares, where)
        told = generated.made.classes
        if told is not None:
            seen = told_and_seen(told[: len(said)], said, known, real, levels)
            yield _told(seen)
            yield told_section(seen, generated.judge.name)
            return
        found = generated_amplification(shares, generated.trained)
        yield self._lean(found, where)
        yield self._change(found, where)
        yield changes_section(found, shares, generated.judge.name)

    def _lean(self, found: GeneratedAmplification, where: Mapping[str, str]) -> Finding:
        message = ""
        if found.lean.defined:
            before, after = found.favoured
            names = ", ".join(found.commoner[:4]) + (", ..." if len(found.commoner) > 4 else "")
            changed = "widens their lead" if found.lean.value > 0 else "narrows their lead"
            message = (
                f"{percent(before)} of the training images are of the classes that are commoner "
                f"than even ({names}), and {percent(after)} of the made ones: the generator "
                f"{changed} by {points(abs(found.lean.value))}."
            )
        return finding(
            message,
            found.lean,
            metric="amplification from data to generator",
            unit=Unit.POINTS,
            status=at_most(found.lean, self.max_amplification),
            limit=self.max_amplification,
            null=0.0,
            where=where,
            ceiling=True,
            remedy=REMEDY,
            rows_needed=partial(settled_at, found.lean, self.max_amplification),
        )

    def _change(self, found: GeneratedAmplification, where: Mapping[str, str]) -> Finding:
        message = ""
        if found.largest.defined:
            before, after = found.changed
            message = (
                f"The share that changes most is that of {found.name!r}: {percent(before)} of the "
                f"training images, {percent(after)} of the made ones; were none changed, the "
                f"largest change would be {points(found.null)} by chance."
            )
        return finding(
            message,
            found.largest,
            metric="largest change of a class's share",
            unit=Unit.POINTS,
            status=at_most(found.largest, self.max_change),
            limit=self.max_change,
            null=found.null,
            where={**where, "class": found.name} if found.name else where,
            ceiling=True,
            remedy=REMEDY,
            rows_needed=partial(settled_at, found.largest, self.max_change),
        )


def _smallest(shares: CorrectedShares, where: Mapping[str, str]) -> Finding:
    metric = "smallest class share, the judge's errors taken back"
    if shares.reason:
        return finding("", shares.shares[0], metric=metric, where=where)
    place, share = smallest_share(shares.shares)
    return finding(
        f"Once the judge's errors are taken back, {percent(share.value)} of the made images are "
        f"{shares.levels[place]!r}, the rarest class; as it sees them "
        f"{percent(shares.seen[place])} are.",
        share,
        metric=metric,
        null=1 / len(shares.levels),
        where={**where, "class": shares.levels[place]},
    )


def _told(found: ToldAndSeen) -> Finding:
    message = ""
    if found.least.defined:
        seen, real, instead = found.of_least
        message = (
            f"Of the images made as {found.name!r} the judge sees {percent(seen)} as that, of real "
            f"ones {percent(real)}: no class loses more. Most often it sees {instead!r} instead."
        )
    return finding(
        message,
        found.least,
        metric="class told and seen, less real",
        unit=Unit.POINTS,
        null=0.0,
        where={"class": found.name},
    )


def _where(generated: Generated) -> Mapping[str, str]:
    """The column, where the judge tells who people are and not the target."""
    name = generated.column.name
    return {"column": name} if name in generated.table.schema.sensitive_names else NOTHING
