"""Generative adversarial networks for small images: one made to work, one made to be caught.

"gan" is stable on small data: spectral normalisation of the discriminator, the hinge loss, two
time scales, and an average of the generator's weights that the trainer keeps. "dcgan" is the
plain design of 2016, which drops classes; an audit that does not catch it is no audit.

Goodfellow 2014, "Generative Adversarial Nets"; Miyato 2018, "Spectral Normalization for
Generative Adversarial Networks"; Lim & Ye 2017, "Geometric GAN"; Heusel 2017, "GANs Trained by a
Two Time-Scale Update Rule Converge to a Local Nash Equilibrium"; Yazici 2019, "The Unusual
Effectiveness of Averaging in GAN Training"; Radford 2016, "Unsupervised Representation Learning
with Deep Convolutional Generative Adversarial Networks".
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal, Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, softplus
from torch.nn.utils.parametrizations import spectral_norm

from auditkit.data.schema import Medium, Task
from auditkit.errors import UsageError
from auditkit.models.base import ARCHITECTURES, Head
from auditkit.ranges import ranged, require_ranges

Loss = Literal["hinge", "non-saturating"]
Upsampling = Literal["nearest", "transposed", "bilinear", "pixel-shuffle"]

SMALLEST, LARGEST = 8, 64  # pixels on a side
WIDEST = 8  # the layers next to the latent have at most this many times `width` channels
SAMPLED_AT_ONCE = 256


class Pictures(Protocol):
    """What the network must know of the images it is built for."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True)
class GANOptions:
    """Sizes and choices; width is the number of channels at the images' full size.

    spectral bounds the slope of the discriminator, which else has batch normalisation.
    discriminator_rate is how many times faster the discriminator learns than the generator.
    translation is the largest shift, as a share of the side, of the images that the
    discriminator is shown: a remedy against memorising few of them (Zhao 2020, "Differentiable
    Augmentation for Data-Efficient GAN Training").
    """

    latent: int = ranged(64, 1, 4_096)
    width: int = ranged(16, 1, 1_024)
    upsampling: Upsampling = "nearest"
    conditional: bool = False
    loss: Loss = "hinge"
    spectral: bool = True
    discriminator_rate: float = ranged(2.0, 0.01, 100)
    translation: float = ranged(0.0, 0, 0.5)

    def __post_init__(self) -> None:
        require_ranges(self, "the network's sizes")


@dataclass(frozen=True, kw_only=True)
class DCGANOptions(GANOptions):
    """The choices of Radford 2016."""

    upsampling: Upsampling = "transposed"
    loss: Loss = "non-saturating"
    spectral: bool = False
    discriminator_rate: float = ranged(1.0, 0.01, 100)


def sides(height: int, width: int) -> list[tuple[int, int]]:
    """Heights and widths of the layers, from the first to the image's own.

    Both sides are halved, a rest rounded up, while the smaller is 8 or more: 28 comes from 14
    and 7, 64 from 32, 16, 8 and 4. A layer doubles and cuts off the row that is too many.
    Raises UsageError for a side that is not between 8 and 64.
    """
    if min(height, width) < SMALLEST or max(height, width) > LARGEST:
        raise UsageError(
            f"the images are {height} x {width}; a GAN takes sides of {SMALLEST} to {LARGEST} "
            "pixels: scale them first"
        )
    found = [(height, width)]
    while min(found[0]) >= SMALLEST:
        found.insert(0, ((found[0][0] + 1) // 2, (found[0][1] + 1) // 2))
    return found


class Upsample(nn.Module):
    """Twice the height and width, by one of four ways that each leave their own traces."""

    def __init__(self, inputs: int, outputs: int, kind: Upsampling) -> None:
        super().__init__()
        self.kind = kind
        if kind == "transposed":
            self.layer: nn.Module = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
        elif kind == "pixel-shuffle":
            convolution = nn.Conv2d(inputs, 4 * outputs, 3, padding=1)
            self.layer = nn.Sequential(convolution, nn.PixelShuffle(2))
        else:
            self.layer = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, 2h, 2w)."""
        if self.kind in ("nearest", "bilinear"):
            x = interpolate(x, scale_factor=2.0, mode=self.kind)
        return self.layer(x)  # type: ignore[no-any-return]


class ClassNorm(nn.Module):
    """Batch normalisation whose scale and shift depend on the class, where there are classes.

    De Vries 2017, "Modulating early visual processing by language".
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=not classes)
        self.scale_and_shift = nn.Embedding(classes, 2 * channels) if classes else None
        if self.scale_and_shift is not None:
            nn.init.zeros_(self.scale_and_shift.weight)

    def forward(self, x: Tensor, classes: Tensor | None) -> Tensor:
        """(B, channels, h, w) -> the same."""
        x = self.norm(x)
        if self.scale_and_shift is None or classes is None:
            return x
        scale, shift = self.scale_and_shift(classes)[:, :, None, None].chunk(2, dim=1)
        return x * (1 + scale) + shift  # type: ignore[no-any-return]


class Generator(nn.Module):
    """Latent vectors into images."""

    def __init__(self, pictures: Pictures, classes: int, options: GANOptions) -> None:
        super().__init__()
        self.sides = sides(pictures.height, pictures.width)
        widths = _widths(options.width, len(self.sides))[::-1]
        height, width = self.sides[0]
        self.first = nn.Linear(options.latent, widths[0] * height * width)
        self.upsamplings = nn.ModuleList(
            Upsample(before, after, options.upsampling) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(ClassNorm(one, classes) for one in widths)
        self.last = nn.Conv2d(widths[-1], pictures.channels, 3, padding=1)

    def forward(self, latent: Tensor, classes: Tensor | None = None) -> Tensor:
        """(B, z), and classes (B,) of a conditional one -> images (B, C, H, W) in [0, 1]."""
        height, width = self.sides[0]
        x = self.first(latent).unflatten(1, (-1, height, width))
        x = torch.relu(self.norms[0](x, classes))
        for i, upsample in enumerate(self.upsamplings, start=1):
            height, width = self.sides[i]
            x = upsample(x)[:, :, :height, :width]
            x = torch.relu(self.norms[i](x, classes))
        return torch.sigmoid(self.last(x))


class Discriminator(nn.Module):
    """Images into one logit each, above 0 for the real ones.

    With classes, the logit grows by the product of the image's features and the class's vector
    (Miyato & Koyama 2018, "cGANs with Projection Discriminator").
    """

    def __init__(self, pictures: Pictures, classes: int, options: GANOptions) -> None:
        super().__init__()
        stages = len(sides(pictures.height, pictures.width))
        widths = [pictures.channels, *_widths(options.width, stages)[1:]]
        bound: Callable[[nn.Module], nn.Module] = (
            spectral_norm if options.spectral else lambda one: one
        )
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise(widths)):
            layers.append(bound(nn.Conv2d(before, after, 4, stride=2, padding=1)))
            # Not on the first layer, where it would hide how bright the images are.
            layers += [nn.BatchNorm2d(after)] if i and not options.spectral else []
            layers.append(nn.LeakyReLU(0.2))
        layers += [bound(nn.Conv2d(widths[-1], widths[-1], 3, padding=1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.output = bound(nn.Linear(widths[-1], 1))
        self.classes = bound(nn.Embedding(classes, widths[-1])) if classes else None

    def forward(self, images: Tensor, classes: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [0, 1], and classes (B,) of a conditional one -> logits (B,)."""
        features = self.layers(2 * images - 1).sum(dim=(2, 3))  # (B, features)
        logits: Tensor = self.output(features).squeeze(-1)
        if self.classes is not None and classes is not None:
            logits = logits + (features * self.classes(classes)).sum(dim=1)
        return logits


@ARCHITECTURES.register("gan")
class GAN(nn.Module):
    """A generator and its discriminator. As a module it is the generator.

    `betas` are Adam's for both; the trainer steps the discriminator on `discriminator_loss` and
    then the generator on `generator_loss`.
    """

    Options: ClassVar[type[GANOptions]] = GANOptions
    media: ClassVar[frozenset[Medium]] = frozenset({Medium.IMAGE})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.IMAGES})
    betas: ClassVar[tuple[float, float]] = (0.0, 0.9)

    def __init__(self, pictures: Pictures, options: GANOptions, *, classes: int = 0) -> None:
        super().__init__()
        self.options = options
        self.classes = classes
        self.generator = Generator(pictures, classes, options)
        self.discriminator = Discriminator(pictures, classes, options)

    @classmethod
    def build(cls, encoder: Any, head: Head, options: Any) -> Self:
        """An untrained pair for images of the encoder's channels, height and width.

        Raises UsageError where a conditional one is asked for and there are no two classes.
        """
        if options.conditional and head.size < 2:
            raise UsageError(
                f"a conditional GAN needs classes and the data have {head.size}; leave out "
                "conditional, or give data whose target is one of several classes"
            )
        return cls(encoder, options, classes=head.size if options.conditional else 0)

    def forward(self, latent: Tensor, classes: Tensor | None = None) -> Tensor:
        """Images (B, C, H, W) in [0, 1] from latent (B, z), and classes (B,) if conditional."""
        return self.generator(latent, classes)  # type: ignore[no-any-return]

    def discriminator_loss(self, real: Tensor, classes: Tensor | None = None) -> Tensor:
        """How badly real images (B, C, H, W) are told from as many made ones of the classes."""
        with torch.no_grad():
            made = self.generator(self._latent(len(real)), classes)
        # In two passes, so that batch normalisation of a plain one sees each kind by itself.
        return discriminator_loss(
            self.options.loss, self._judged(real, classes), self._judged(made, classes)
        )

    def generator_loss(self, batch_size: int, classes: Tensor | None = None) -> Tensor:
        """How badly a batch of made images passes for real."""
        made = self.generator(self._latent(batch_size), classes)
        self.discriminator.requires_grad_(False)  # not its turn: no gradients are wanted
        try:
            logits = self._judged(made, classes)
        finally:
            self.discriminator.requires_grad_(True)
        return generator_loss(self.options.loss, logits)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """n images (n, C, H, W) uint8 on the CPU and their classes, drawn evenly, or None.

        In eval mode, and left in the mode it was in. generator is one of the CPU's, so that a
        seed gives the same latent vectors on every device.
        """
        latent = torch.randn(n, self.options.latent, generator=generator)
        drawn = torch.randint(self.classes, (n,), generator=generator) if self.classes else None
        return self.pictures(latent, drawn), drawn

    @torch.no_grad()
    def pictures(self, latent: Tensor, classes: Tensor | None = None) -> Tensor:
        """The images (n, C, H, W) uint8 on the CPU of latent vectors (n, z), drawn in eval mode."""
        device, training = self._device, self.training
        self.eval()
        try:
            pixels = [
                self(
                    latent[start : start + SAMPLED_AT_ONCE].to(device),
                    None
                    if classes is None
                    else classes[start : start + SAMPLED_AT_ONCE].to(device),
                )
                .mul(255)
                .round()
                .to("cpu", torch.uint8)
                for start in range(0, len(latent), SAMPLED_AT_ONCE)
            ]
        finally:
            self.train(training)
        return torch.cat(pixels)

    @property
    def _device(self) -> torch.device:
        return self.generator.first.weight.device

    def _latent(self, n: int) -> Tensor:
        return torch.randn(n, self.options.latent, device=self._device)

    def _judged(self, images: Tensor, classes: Tensor | None) -> Tensor:
        seen = translated(images, self.options.translation)
        return self.discriminator(seen, classes)  # type: ignore[no-any-return]


@ARCHITECTURES.register("dcgan")
class DCGAN(GAN):
    """The plain design of 2016: no bound on the discriminator, one time scale."""

    Options: ClassVar[type[GANOptions]] = DCGANOptions
    betas: ClassVar[tuple[float, float]] = (0.5, 0.999)

    def __init__(self, pictures: Pictures, options: GANOptions, *, classes: int = 0) -> None:
        super().__init__(pictures, options, classes=classes)
        for one in self.modules():
            if isinstance(one, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(one.weight, 0.0, 0.02)


def discriminator_loss(kind: Loss, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Mean loss of the discriminator: hinges at 1 and -1, or cross-entropy in nats."""
    if kind == "hinge":
        return torch.relu(1 - real_logits).mean() + torch.relu(1 + fake_logits).mean()
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def generator_loss(kind: Loss, fake_logits: Tensor) -> Tensor:
    """Mean loss of the generator: minus the logit, or the cross-entropy of being real."""
    return -fake_logits.mean() if kind == "hinge" else softplus(-fake_logits).mean()


def translated(images: Tensor, share: float) -> Tensor:
    """Each image moved by its own whole pixels, up to `share` of its sides; what comes in is 0."""
    n, _, height, width = images.shape
    most = round(share * height), round(share * width)
    if not any(most):
        return images
    padded = pad(images, (most[1], most[1], most[0], most[0])).movedim(1, -1)  # (B, H', W', C)
    device = images.device
    down = torch.randint(2 * most[0] + 1, (n, 1, 1), device=device)
    right = torch.randint(2 * most[1] + 1, (n, 1, 1), device=device)
    rows = down + torch.arange(height, device=device)[:, None]
    columns = right + torch.arange(width, device=device)
    row = torch.arange(n, device=device)[:, None, None]
    return padded[row, rows, columns].movedim(-1, 1)


def _widths(width: int, stages: int) -> list[int]:
    """Channels of each layer, from the image's own size inwards."""
    return [width * min(2**i, WIDEST) for i in range(stages)]
