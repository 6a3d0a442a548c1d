"""Networks that make images, and those that tell made images from real ones."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import HELD, Players
from auditkit.runtime import Runtime


class Seen(nn.Module):
    """What a judge says of the images that a generator makes of latent vectors."""

    def __init__(self, generator: nn.Module, judge: nn.Module) -> None:
        super().__init__()
        self.generator = generator
        self.judge = judge

    def forward(self, latent: Tensor, *classes: Tensor) -> Tensor:
        """(B, z), and classes (B,) of a conditional generator -> the judge's answers."""
        return self.judge(self.generator(latent, *classes))  # type: ignore[no-any-return]


class Doubted(nn.Module):
    """The discriminator's logit of the images that its generator makes."""

    def __init__(self, gan: Any) -> None:
        super().__init__()
        self.generator = gan.generator
        self.discriminator = gan.discriminator

    def forward(self, latent: Tensor, *classes: Tensor) -> Tensor:
        """(B, z), and classes (B,) of a conditional pair -> logits (B,)."""
        made = self.generator(latent, *classes)
        return self.discriminator(made, *classes)  # type: ignore[no-any-return]


def latents(gan: Any, rows: int, runtime: Runtime) -> tuple[Tensor, ...]:
    """Latent vectors (rows, z) drawn by the seed, and even classes of a conditional generator."""
    device = runtime.resolved_device()
    drawn = runtime.rng("explained latents").standard_normal((rows, gan.options.latent))
    latent = torch.from_numpy(drawn).float().to(device)
    if not gan.classes:
        return (latent,)
    return latent, torch.arange(rows, device=device) % gan.classes


def latent_numbers(inputs: tuple[Tensor, ...]) -> Players:
    """Each number of a latent vector a player; a class is held."""
    size = inputs[0].shape[1]
    masks = (torch.arange(size)[None], *(torch.full((1,), HELD) for _ in inputs[1:]))
    return Players(masks=masks, names=(tuple(f"latent {i + 1}" for i in range(size)),))


def latent_baselines(
    inputs: tuple[Tensor, ...], samples: int, runtime: Runtime
) -> Mapping[str, Baseline]:
    """zero: the middle of the latent vectors; sample: others drawn as the explained ones are."""
    latent, classes = inputs[0], inputs[1:]
    drawn = runtime.rng("baseline latents").standard_normal((samples, latent.shape[1]))
    others = torch.from_numpy(drawn).to(latent)
    middle, told = torch.zeros_like(latent[:1]), [one[:1] for one in classes]  # classes are held
    return {
        "zero": Baseline(name="zero", rows=(middle, *told)),
        "sample": Baseline(name="sample", rows=(others, *(one.expand(samples) for one in told))),
    }
