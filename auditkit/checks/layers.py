"""What is asked of a network's layers: what they hold, and whether the decisions use it.

Here are the limits; the work is done in `checks.inside`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from auditkit.checks.base import CHECKS, asked_inside
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Section, Topic
from auditkit.subject import Subject


@CHECKS.register("encoded-or-used")
@dataclass(frozen=True, kw_only=True)
class EncodedOrUsed:
    """Is a sensitive column encoded in the layers, and is it used in the decisions?

    Read by probes, beside their controls; then erased at each layer, given the target, beside
    erasing directions drawn at random. Nothing is judged unless you set max_changed, the share of
    decisions that may change when the column is erased.
    """

    rule: ClassVar[str] = "AK601"
    title: ClassVar[str] = "Encoded or used"
    topic: ClassVar[Topic] = Topic.HARM

    max_changed: float | None = ranged(None, *SHARE)
    draws: int = ranged(4, 1, 1000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each sensitive column, and curves over the layers."""
        return asked_inside("encoded_or_used", self, subject)


@CHECKS.register("layers")
@dataclass(frozen=True, kw_only=True)
class Layers:
    """What do the layers know of the target, and how do they differ? Measured, never judged.

    Probes of every layer beside a control task, an untrained twin of the network and the rows
    themselves; how alike the layers are, and how many directions they use.
    """

    rule: ClassVar[str] = "AK602"
    title: ClassVar[str] = "What the layers know"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding of the target, curves over the layers, a map of how alike they are."""
        return asked_inside("layers", self, subject)


@CHECKS.register("units")
@dataclass(frozen=True, kw_only=True)
class Units:
    """Which units do nothing, or what another does, and which know who people are?

    Nothing is judged unless you set max_dead or max_doubled, shares of units, or max_auc, how well
    a single unit may tell a group of a sensitive column from all others. Two units are doubles
    where their activations correlate beyond `threshold`.
    """

    rule: ClassVar[str] = "AK603"
    title: ClassVar[str] = "Single units"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    max_dead: float | None = ranged(None, *SHARE)
    max_doubled: float | None = ranged(None, *SHARE)
    max_auc: float | None = ranged(None, 0.5, 1.0)
    threshold: float = ranged(0.99, 0.5, 0.999999)
    rows: int = ranged(2000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Findings of idle, doubled and selective units and of the gradient, and tables."""
        return asked_inside("units", self, subject)


@CHECKS.register("concepts")
@dataclass(frozen=True, kw_only=True)
class Concepts:
    """Do the answers follow who people are, as a direction among a layer's numbers?

    Measured, never judged. Each group of a sensitive column beside `draws` groups drawn at random
    among rows with the same right answer, by default 1,000 or more. The answer's slopes are asked
    of at most `rows` rows.
    """

    rule: ClassVar[str] = "AK604"
    title: ClassVar[str] = "Groups as concepts"
    topic: ClassVar[Topic] = Topic.HARM

    draws: int | None = ranged(None, 99, 100_000)
    rows: int = ranged(256, 20, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each sensitive column, and a table of groups and layers."""
        return asked_inside("concepts", self, subject)


@CHECKS.register("causes")
@dataclass(frozen=True, kw_only=True)
class Causes:
    """Which layers and units carry the decision, and whom does it hurt where one is gone?

    Measured, never judged. At most `units` units of the last layers are taken out, the strongest
    to first order, on at most `rows` rows: by default 2,000 of a table, else 256.
    """

    rule: ClassVar[str] = "AK605"
    title: ClassVar[str] = "What carries the decision"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    units: int = ranged(24, 1, 10_000)
    rows: int | None = ranged(None, 20, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding of what is worth most, one for each sensitive column, and their pictures."""
        return asked_inside("causes", self, subject)


@CHECKS.register("lens")
@dataclass(frozen=True, kw_only=True)
class LensCheck:
    """After which layer is the answer of a network that writes formed? Measured, never judged.

    What it would write if it stopped after each layer, on at most `texts` texts, as it is and
    through a translator that learned on as many training texts; and which heads look back.
    """

    rule: ClassVar[str] = "AK606"
    title: ClassVar[str] = "Where the answer is formed"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    texts: int = ranged(400, 2, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding of where answers are settled, curves over the layers, an example, the heads."""
        return asked_inside("lens", self, subject)


@CHECKS.register("latents")
@dataclass(frozen=True, kw_only=True)
class Latents:
    """What of the made images do latent directions and generator units control? Only measured.

    The classes that the judge sees, and plain properties of an image, on `images` made images;
    `units` of each stage are tried at most.
    """

    rule: ClassVar[str] = "AK607"
    title: ClassVar[str] = "What controls the images"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    images: int = ranged(1500, 200, 1_000_000)
    units: int = ranged(32, 1, 10_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding of the attribute that follows its direction best, a map, a curve, units."""
        return asked_inside("latents", self, subject)
