"""Do made images carry traces of how they were made that real ones do not have?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from auditkit.checks.base import CHECKS, at_most, finding, percent
from auditkit.detection.spectrum import Spectra, beside_real
from auditkit.errors import DataError, NotApplicable
from auditkit.ranges import ranged
from auditkit.results import Finding, Intervals, Lines, Section, Table, Topic, Unit
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

TEXT = (
    "How much power the images have at each frequency, from broad shades to single pixels: "
    "{made:,} made ones beside {real:,} real ones, in decibels (3 is twice the power). Upsampling "
    "layers leave power on a grid of frequencies, seen as a checkerboard. Two halves of the real "
    "images differ by at most {floor:.1f} decibels at any frequency, and by {grid:.1f} on a grid. "
    "A generator without a grid may have other traces: none of this proves that its images pass "
    "for real."
)


@CHECKS.register("generated-spectrum")
@dataclass(frozen=True, kw_only=True)
class GeneratedSpectrum:
    """Is there a checkerboard in the made images, and power that real ones do not have?

    max_checkerboard bounds, in decibels, by how much power on a grid of frequencies rises above
    what real images have there: 3 is twice the power. max_difference bounds the same of any band.
    """

    rule: ClassVar[str] = "AK712"
    title: ClassVar[str] = "Spectrum of made images"
    topic: ClassVar[Topic] = Topic.PERFORMANCE

    max_checkerboard: float | None = ranged(3.0, 0)
    max_difference: float | None = ranged(None, 0)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The checkerboard, the band that differs most, and curves of both kinds."""
        generated = subject.generated
        try:
            found = beside_real(generated.real, generated.pixels, subject.rng(self.rule))
        except DataError as error:
            raise NotApplicable(str(error)) from error
        yield self._grid(found)
        yield self._band(found)
        yield _section(found, len(generated.real), len(generated.pixels))

    def _grid(self, found: Spectra) -> Finding:
        high = found.checkerboard
        return finding(
            f"On the grid of {found.name} made images have {_beside(high.value)} than real ones do "
            f"there; {percent(found.nyquist[1])} of their power lies at the highest frequency, of "
            f"real ones' {percent(found.nyquist[0])}. Two halves of the real images differ by "
            f"{found.grid_floor:.1f} decibels.",
            high,
            metric="checkerboard",
            unit=Unit.NUMBER,
            status=at_most(high, self.max_checkerboard),
            limit=self.max_checkerboard,
            null=found.grid_floor,
            where={"grid": found.name},
            ceiling=True,
            remedy="The upsampling layers leave a grid: take nearest or bilinear upsampling "
            "followed by a convolution, or kernels whose size is a multiple of the stride.",
            rows_needed=partial(settled_at, high, self.max_checkerboard),
        )

    def _band(self, found: Spectra) -> Finding:
        widest = found.widest
        frequency, difference = found.apart
        return finding(
            f"Where the spectra differ most, at {frequency:.2f} cycles a pixel, made images have "
            f"{_beside(difference)} than real ones; two halves of the real ones differ by "
            f"{found.floor:.1f} decibels at most.",
            widest,
            metric="largest difference of spectra",
            unit=Unit.NUMBER,
            status=at_most(widest, self.max_difference),
            limit=self.max_difference,
            null=found.floor,
            where={"cycles a pixel": f"{frequency:.2f}"},
            ceiling=True,
            remedy="Power that real images do not have, or lack of it: a wider last layer, or a "
            "discriminator that is shown the images' high frequencies.",
            rows_needed=partial(settled_at, widest, self.max_difference),
        )


def _beside(decibels: float) -> str:
    word = "more" if decibels >= 0 else "less"
    return f"{abs(decibels):.1f} decibels {word} power"


def _section(found: Spectra, real: int, made: int) -> Section:
    bands = found.bands.round(2)
    return Section(
        title="The spectrum of made images beside real ones",
        text=TEXT.format(made=made, real=real, floor=found.floor, grid=found.grid_floor),
        views=(
            Lines(
                title="Power by frequency, in decibels",
                frame=bands[["frequency", "real", "made"]],
                x="frequency",
                y=("real", "made"),
                text="Frequency in cycles a pixel: .5 is as fine as pixels are.",
            ),
            Intervals(
                title="Made less real, in decibels",
                frame=bands.assign(band=[f"{one:.2f}" for one in bands["frequency"]])[
                    ["band", "difference", "low", "high"]
                ],
                label="band",
                value="difference",
                low="low",
                high="high",
                unit=Unit.NUMBER,
                reference=0.0,
                reference_label="as real images",
                text="By cycles a pixel; the intervals hold for all of them at once.",
            ),
            Table(
                title="Power on the grids of upsampling layers, above that beside them",
                frame=found.grids.round(2).set_axis(
                    ["grid", "real", "made", "difference", "from", "to"], axis=1
                ),
                text="In decibels. A layer that doubles the sides leaves a grid of 2 pixels, two "
                "such layers of 4.",
            ),
        ),
    )
