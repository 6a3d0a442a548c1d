"""Are made images as varied as the real ones, as like them, and more than copies of them?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.checks.base import CHECKS, at_least, at_most, exactly, finding, percent
from auditkit.checks.generation_views import nearest_section
from auditkit.errors import DataError, NotApplicable
from auditkit.generated import Generated
from auditkit.models.predictor import Judge
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Table, Topic, Unit
from auditkit.statistics import generation as measured
from auditkit.statistics.estimate import Estimate, settled_at, undefined
from auditkit.statistics.memorisation import memorisation, most_alike
from auditkit.subject import Subject

NEIGHBOURS = 5
FRESH = 2000  # real images among which the nearest made ones are ranked
FEW = (
    "The generator makes few different images (mode collapse), or images unlike the real ones: "
    "bound the discriminator, average the generator, train longer."
)
DIFFERS = "The images differ from real ones: train longer, or a wider network."
TEXT = (
    "A classifier of the same data, {judge}, looked at {made:,} made and {real:,} real images. "
    "What it does not see, such as a fault in the background, is not in these figures. A Fréchet "
    "distance is never 0, not even between real images and real images: that is its floor."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What the judge sees: features (n, d) and the share of each class, of real and made images."""

    judge: Judge
    real: np.ndarray
    made: np.ndarray
    real_shares: tuple[Estimate, ...]
    made_shares: tuple[Estimate, ...]


@CHECKS.register("generation")
@dataclass(frozen=True, kw_only=True)
class Generation:
    """Does the generator make every class, images like the real ones, and no copies?

    The limits of a class's share give way where the real classes are themselves uneven.
    max_distance_share bounds the Fréchet distance in units of the real images' spread,
    max_distance_ratio in units of its floor, which falls with the number of images, so that no
    limit is set; min_memorisation bounds the score of copying, about standard normal for fresh
    images; min_recall the share of real images that lie among the made ones: three different images
    of each class, made over and over, have a distance like a good generator's, and next to none.
    """

    rule: ClassVar[str] = "AK108"
    title: ClassVar[str] = "Made images"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    min_class_share: float = ranged(0.02, *SHARE)
    max_class_share: float = ranged(0.25, *SHARE)
    max_distance_share: float | None = ranged(0.25, 0)
    max_distance_ratio: float | None = ranged(None, 1)
    min_memorisation: float | None = ranged(-3.0, -inf)
    min_recall: float | None = ranged(0.1, *SHARE)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """Shares of classes, distance beside its floor, copying, and how the images overlap."""
        seen = _seen(subject.generated)
        rng = subject.rng(self.rule)
        yield from self._shares(seen)
        distance = measured.beside_floor(seen.real, seen.made, rng)
        yield from self._distance(distance)
        kernel = measured.kernel_distance(seen.real, seen.made, rng)
        yield finding(
            f"The kernel distance (KID) is {kernel.value:.4f}; images of one kind have about 0.",
            kernel,
            metric="kernel distance",
            unit=Unit.NUMBER,
            null=0.0,
        )
        yield self._copying(subject, seen)
        overlap = measured.precision_recall_density_coverage(seen.real, seen.made, NEIGHBOURS)
        expected = measured.expected_coverage(len(seen.real), len(seen.made), NEIGHBOURS)
        yield from self._overlap(overlap, expected, seen)
        yield _section(seen, _figures(distance, kernel, overlap, expected, seen))
        yield from _nearest(subject.generated, seen)

    def _shares(self, seen: Seen) -> Iterator[Finding]:
        least, most = measured.tolerated_shares(
            seen.real_shares, self.min_class_share, self.max_class_share
        )
        for word, (place, share), judged, limit in (
            ("smallest", measured.smallest_share(seen.made_shares), at_least, least),
            ("largest", measured.largest_share(seen.made_shares), at_most, most),
        ):
            real = seen.real_shares[place].value
            yield finding(
                f"{percent(share.value)} of the made images are seen as "
                f"{seen.judge.levels[place]!r}, the {word} share of a class; of the real ones "
                f"{percent(real)} are.",
                share,
                metric=f"{word} class share",
                status=judged(share, limit),
                limit=limit,
                null=real,
                where={"class": seen.judge.levels[place]},
                remedy="The generator drops or prefers classes (mode collapse): bound the "
                "discriminator (spectral normalisation), average the generator, train longer.",
                rows_needed=partial(settled_at, share, limit),
            )

    def _distance(self, found: measured.BesideFloor) -> Iterator[Finding]:
        yield finding(
            f"Beyond what chance gives, the made images lie from the real ones at "
            f"{percent(found.share.value)} of the Fréchet distance at which a generator lies that "
            "makes the average of the real images over and over.",
            found.share,
            metric="Fréchet distance over the spread",
            status=at_most(found.share, self.max_distance_share),
            limit=self.max_distance_share,
            null=0.0,
            remedy=DIFFERS,
            rows_needed=partial(settled_at, found.share, self.max_distance_share),
        )
        yield finding(
            f"The made images lie at a Fréchet distance of {found.distance.value:.3g} from the "
            f"real ones, and two halves of the real ones at {found.floor.value:.3g} from each "
            f"other: {found.ratio.value:.1f} times as far. The ratio grows with the number of "
            "images.",
            found.ratio,
            metric="Fréchet distance over its floor",
            unit=Unit.NUMBER,
            status=at_most(found.ratio, self.max_distance_ratio),
            limit=self.max_distance_ratio,
            null=1.0,
            remedy=DIFFERS,
            rows_needed=partial(settled_at, found.ratio, self.max_distance_ratio),
        )

    def _copying(self, subject: Subject, seen: Seen) -> Finding:
        metric = "memorisation"
        try:
            found = memorisation(
                subject.generated.seen_training, seen.real, seen.made, subject.rng("copying")
            )
        except (DataError, NotApplicable) as error:
            return finding("", undefined(str(error), n=len(seen.made)), metric=metric)
        side = "nearer to" if found.z < 0 else "farther from"
        score = exactly(found.z, n=found.n, method=f"Mann-Whitney in {found.cells} regions")
        return finding(
            f"Made images lie {side} the training images than fresh real ones do by "
            f"{abs(found.z):.1f} standard deviations of chance (C_T {found.statistic:.2f}); "
            f"{percent(found.copies)} are seen as exact copies.",
            score,
            metric=metric,
            unit=Unit.NUMBER,
            status=at_least(score, self.min_memorisation),
            limit=self.min_memorisation,
            null=0.0,
            remedy="The generator repeats training images: give it more of them, move or mirror "
            "them while training, or stop earlier.",
        )

    def _overlap(self, found: measured.Manifold, expected: float, seen: Seen) -> Iterator[Finding]:
        method = f"balls to the {NEIGHBOURS}th neighbour"
        for metric, value, null, message in (
            ("precision", found.precision, nan, "of the made images lie among the real ones"),
            ("recall", found.recall, nan, "of the real images lie among the made ones"),
            (
                "coverage",
                found.coverage,
                expected,
                "of the real images have a made one beside them",
            ),
        ):
            one = exactly(
                value, n=len(seen.made if metric == "precision" else seen.real), method=method
            )
            limit = self.min_recall if metric == "recall" else None
            yield finding(
                f"{percent(value)} {message} ({metric}).",
                one,
                metric=metric,
                status=at_least(one, limit),
                limit=limit,
                null=null,
                remedy=FEW if metric == "recall" else "",
            )


def _seen(generated: Generated) -> Seen:
    judge = generated.judge
    real, probabilities = generated.seen_real
    made, of_made = generated.seen_made
    return Seen(
        judge=judge,
        real=real,
        made=made,
        real_shares=measured.class_shares(probabilities, len(judge.levels)),
        made_shares=measured.class_shares(of_made, len(judge.levels)),
    )


def _nearest(generated: Generated, seen: Seen) -> Iterator[Section]:
    """The made images most like a training image, where these are known."""
    try:
        alike = most_alike(generated.seen_training, seen.real[:FRESH], seen.made)
    except NotApplicable:
        return  # a finding has said why
    shown = nearest_section(alike, generated.pixels, generated.training, seen.judge.name)
    if shown is not None:
        yield shown


def _figures(
    distance: measured.BesideFloor,
    kernel: Estimate,
    overlap: measured.Manifold,
    expected: float,
    seen: Seen,
) -> Mapping[str, tuple[float, float]]:
    """Each figure of the made images, and what real ones have on average."""
    made, real = (
        measured.effective_classes([one.value for one in shares])
        for shares in (seen.made_shares, seen.real_shares)
    )
    return {
        "Fréchet distance": (distance.distance.value, distance.floor.value),
        "kernel distance (KID)": (kernel.value, 0.0),
        "precision": (overlap.precision, nan),
        "recall": (overlap.recall, nan),
        "density": (overlap.density, 1.0),
        "coverage": (overlap.coverage, expected),
        "classes, as many as even ones with this entropy": (made, real),
    }


def _section(seen: Seen, figures: Mapping[str, tuple[float, float]]) -> Section:
    shares = pd.DataFrame(
        {
            "class": list(seen.judge.levels),
            "share": [one.value for one in seen.made_shares],
            "low": [one.low for one in seen.made_shares],
            "high": [one.high for one in seen.made_shares],
            "real images": [one.value for one in seen.real_shares],
        }
    )
    rows = [(name, *pair) for name, pair in figures.items()]
    return Section(
        title="Made images beside real ones",
        text=TEXT.format(judge=seen.judge.name, made=len(seen.made), real=len(seen.real)),
        views=(
            Intervals(
                title="What the made images are seen as",
                frame=shares,
                label="class",
                value="share",
                low="low",
                high="high",
                reference=1 / len(seen.judge.levels),
                reference_label="even shares",
                text="The share of each class; the intervals hold for all classes at once.",
            ),
            Table(
                title="Figures of made images",
                frame=pd.DataFrame(rows, columns=["figure", "made images", "real images"]),
                text="Beside each figure stands what real images have among themselves.",
            ),
        ),
    )
