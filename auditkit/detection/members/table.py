"""Every member of a panel: what it looks at, whether it is only a control, who described it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from auditkit.detection.members.convolutional import HighPass, Neighbours, Pixels
from auditkit.detection.members.periodic import Periods
from auditkit.detection.members.spectral import AzimuthalSpectrum, CosineSpectrum


@dataclass(frozen=True, kw_only=True)
class Member:
    """One detector among several: patches (B, 1, h, w) in [0, 1] to logits (B,), fakes above 0.

    `build` gives it untrained; it takes patches of any sides from 16 to 64. A control is shown
    beside the others and has no vote.
    """

    name: str
    title: str
    build: Callable[[], nn.Module]
    paper: str
    control: bool = False


MEMBERS: dict[str, Member] = {
    one.name: one
    for one in (
        Member(
            name="azimuthal",
            title="spectrum by frequency",
            build=AzimuthalSpectrum,
            paper="Durall 2020, Watch your Up-Convolution",
        ),
        Member(
            name="cosine",
            title="cosine transform of blocks",
            build=CosineSpectrum,
            paper="Frank 2020, Leveraging Frequency Analysis for Deep Fake Image Recognition",
        ),
        Member(
            name="periods",
            title="what repeats every few pixels",
            build=Periods,
            paper="Zhang 2019, Detecting and Simulating Artifacts in GAN Fake Images",
        ),
        Member(
            name="neighbours",
            title="differences between neighbouring pixels",
            build=Neighbours,
            paper="Tan 2024, Rethinking the Up-Sampling Operations in CNN-based Generative "
            "Network for Generalizable Deepfake Detection",
        ),
        Member(
            name="high-pass",
            title="what neighbours do not predict of a pixel",
            build=HighPass,
            paper="Fridrich & Kodovsky 2012, Rich Models for Steganalysis of Digital Images",
        ),
        Member(
            name="pixels",
            title="the pixels themselves",
            build=Pixels,
            paper="Wang 2020, CNN-Generated Images Are Surprisingly Easy to Spot... for Now",
            control=True,
        ),
    )
}
VOTING = tuple(name for name, one in MEMBERS.items() if not one.control)
