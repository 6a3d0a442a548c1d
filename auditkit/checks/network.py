"""What is asked of a network itself: what it looks at, and whether the picture can be believed.

Here are the limits; the work is done in `checks.inside`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from auditkit.checks.base import CHECKS, asked_inside
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Section, Topic
from auditkit.subject import Subject

FEWEST = 50  # training rows below which nothing is said of what they taught


@CHECKS.register("explanations")
@dataclass(frozen=True, kw_only=True)
class Explanations:
    """Which ways of explaining this model can be believed?

    Each method that can be asked is tested on this model before any of its pictures is shown.
    Nothing is judged unless you set a limit: the fewest methods that must hold.
    """

    rule: ClassVar[str] = "AK501"
    title: ClassVar[str] = "Explanations put to the test"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    min_trusted: int | None = ranged(None, 0, 100)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """One finding, the table of methods and tests, and how far the methods agree."""
        return asked_inside("explanations", self, subject)


@CHECKS.register("importance")
@dataclass(frozen=True, kw_only=True)
class Importance:
    """What does the model look at, over many rows? Measured, never judged.

    By the best of the methods that hold on this model, or that are weak where none holds; where
    all failed, nothing is shown.
    """

    rule: ClassVar[str] = "AK502"
    title: ClassVar[str] = "What the model looks at"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding, and a picture of what weighs how much."""
        return asked_inside("importance", self, subject)


@CHECKS.register("explained-rows")
@dataclass(frozen=True, kw_only=True)
class ExplainedRows:
    """What do single answers rest on? Measured, never judged.

    A typical row, a borderline one, the worst mistake, and the pairs of people who are alike but
    for a sensitive column and are answered most differently.
    """

    rule: ClassVar[str] = "AK503"
    title: ClassVar[str] = "Single answers explained"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    pairs: int = ranged(1, 0, 20)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A section with a picture of each row."""
        return asked_inside("explained_rows", self, subject)


@CHECKS.register("sensitive-weight")
@dataclass(frozen=True, kw_only=True)
class SensitiveWeight:
    """Do sensitive columns, or columns that give them away, carry weight in the answers?

    A column gives another away where it tells its groups apart with an AUC of at least min_auc,
    its whole interval above it. Nothing is judged unless you set max_share. rows bounds how many
    proxies are looked for in.
    """

    rule: ClassVar[str] = "AK504"
    title: ClassVar[str] = "Weight of sensitive columns"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    max_share: float | None = ranged(None, *SHARE)
    min_auc: float = ranged(0.6, 0.5, 1.0)
    rows: int = ranged(4000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each sensitive column, and how the weight is shared."""
        return asked_inside("sensitive_weight", self, subject)


@CHECKS.register("explanation-quality")
@dataclass(frozen=True, kw_only=True)
class ExplanationQuality:
    """Does the explanation follow the answers of some groups less closely than those of others?

    The best method's deletion and insertion, row by row. Nothing is judged unless you set
    max_difference, in parts of the range of an answer.
    """

    rule: ClassVar[str] = "AK505"
    title: ClassVar[str] = "Quality of explanations by group"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    max_difference: float | None = ranged(None, 0, 2)
    min_group_size: int = ranged(10, 2)
    draws: int = ranged(1000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding and a picture for each sensitive column."""
        return asked_inside("explanation_quality", self, subject)


@CHECKS.register("attention")
@dataclass(frozen=True, kw_only=True)
class Attention:
    """Does a transformer's attention point at what decides? Measured, never judged.

    Each method that reads the weights beside one that takes words out and asks the model, and
    beside chance; and what each head looks at, whatever the text says.
    """

    rule: ClassVar[str] = "AK506"
    title: ClassVar[str] = "What attention shows"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding of agreement, a table of it, and a map of the heads."""
        return asked_inside("attention", self, subject)


@CHECKS.register("training-rows")
@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """Which training rows helped the model with a row, and which harmed? Measured, never judged.

    By the influence of at most `rows` training rows (by default as many as take seconds) through
    the last layer. Nothing is shown where the estimate's agreement with trainings without
    `left_out` of the rows lies below min_agreement.
    """

    rule: ClassVar[str] = "AK510"
    title: ClassVar[str] = "What the training rows taught"
    topic: ClassVar[Topic] = Topic.EXPLANATION

    rows: int | None = ranged(None, FEWEST, 1_000_000)
    shown: int = ranged(3, 1, 50)
    suspects: int = ranged(8, 1, 1_000)
    left_out: int = ranged(40, 10, 10_000)
    damping: float | None = ranged(None, 0)
    min_agreement: float = ranged(0.5, *SHARE)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Two findings on how far the estimates hold, and what they show if they do."""
        return asked_inside("training_rows", self, subject)
