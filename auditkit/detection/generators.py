"""Generators that are trained here in less than a minute each, to make fakes of.

An autoencoder remakes a real image of any size; a GAN makes small ones of its own. They are small,
and their fakes are no masterpieces: what they share with large ones is how they come to full size,
by layers that double height and width, and the traces that these leave. Each is trained once and
kept in the cache.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from auditkit.data.catalogue.base import category, cells, image
from auditkit.data.encoders import Coding
from auditkit.data.schema import Schema, Task
from auditkit.data.tables import Table
from auditkit.detection.keeping import Arrays, kept
from auditkit.detection.remaking import Autoencoder, Remaker, fitted
from auditkit.models.base import ARCHITECTURES
from auditkit.models.card import DataSource, Head
from auditkit.models.gan import Upsampling
from auditkit.models.presets import PAINTER
from auditkit.models.recipe import Engine, Recipe
from auditkit.models.train import Plan, train
from auditkit.runtime import Runtime

Pixels = NDArray[np.uint8]

VERSION = 1  # raise it where the fakes change: what is kept in caches is then made anew
AUTOENCODER = "autoencoder"
RECIPE = replace(PAINTER, averaging=0.99)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of generator.

    family is an autoencoder, which remakes any image, or an architecture of `models.gan`, which
    learns from each of `sources` separately and makes images of the one size that it learned.
    """

    name: str
    title: str
    family: Literal["autoencoder", "gan", "dcgan"]
    upsampling: Upsampling
    loss: Literal["hinge", "non-saturating"] = "hinge"
    sources: tuple[str, ...] = ()

    @property
    def remakes(self) -> bool:
        """Whether it remakes real images, rather than making its own."""
        return self.family == AUTOENCODER


def _autoencoder(upsampling: Upsampling, title: str) -> Kind:
    return Kind(
        name=f"{AUTOENCODER}-{upsampling}",
        title=f"autoencoder, {title}",
        family="autoencoder",
        upsampling=upsampling,
    )


KINDS: dict[str, Kind] = {
    one.name: one
    for one in (
        _autoencoder("transposed", "transposed convolutions"),
        _autoencoder("nearest", "doubled pixels"),
        _autoencoder("bilinear", "bilinear doubling"),
        _autoencoder("pixel-shuffle", "shuffled channels"),
        Kind(
            name="gan-hinge",
            title="GAN with the hinge loss, doubled pixels",
            family="gan",
            upsampling="nearest",
            sources=("fashion-mnist", "orl-faces"),
        ),
        Kind(
            name="gan-non-saturating",
            title="GAN with the non-saturating loss, bilinear doubling",
            family="gan",
            upsampling="bilinear",
            loss="non-saturating",
            sources=("fashion-mnist", "orl-faces"),
        ),
        Kind(
            name="dcgan",
            title="plain DCGAN of 2016, transposed convolutions",
            family="dcgan",
            upsampling="transposed",
            loss="non-saturating",
            sources=("fashion-mnist",),
        ),
    )
}


class Size(NamedTuple):
    """What a GAN must know of its images."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Painter:
    """A fitted GAN under its name and the source that it learned from."""

    name: str
    source: str
    network: Any

    def make(self, n: int, rng: np.random.Generator, runtime: Runtime) -> list[Pixels]:
        """n images (C, H, W) of its own."""
        drawn = torch.Generator().manual_seed(int(rng.integers(2**63)))
        network = self.network.to(runtime.resolved_device())
        pixels, _ = network.sample(n, drawn)
        return list(pixels.numpy())


def remaker(
    kind: Kind, reals: Mapping[str, Sequence[Pixels]], runtime: Runtime, *, steps: int
) -> Remaker:
    """An autoencoder of a kind, fitted on real images by source, from the cache if it is there."""
    network = Autoencoder(kind.upsampling)
    known = {source: _checksum(images) for source, images in reals.items()}
    promise = _promise(kind, known, runtime, steps)
    state = kept(
        f"{kind.name}", promise, lambda: _arrays(fitted(kind.upsampling, reals, steps, runtime))
    )
    network.load_state_dict(_tensors(state))
    return Remaker(name=kind.name, network=network.eval())


def painter(
    kind: Kind, source: str, reals: Sequence[Pixels], runtime: Runtime, *, steps: int
) -> Painter:
    """A GAN of a kind, fitted on real images of one size, from the cache if it is there.

    steps are of 64 images each, rounded up to whole passes over the images.
    """
    promise = _promise(kind, {source: _checksum(reals)}, runtime, steps)
    state = kept(
        f"{kind.name}-{source}",
        promise,
        lambda: _arrays(_trained(kind, source, reals, runtime, steps).generator),
    )
    size = Size(*reals[0].shape)
    built = ARCHITECTURES[kind.family].build(size, Head(task=Task.IMAGES, size=0), _options(kind))
    network: Any = built  # the protocol of architectures knows nothing of generators
    network.generator.load_state_dict(_tensors(state))
    return Painter(name=kind.name, source=source, network=network.eval())


def _trained(kind: Kind, source: str, reals: Sequence[Pixels], runtime: Runtime, steps: int) -> Any:
    recipe: Recipe = replace(RECIPE, epochs=max(-(-steps * RECIPE.batch_size // len(reals)), 1))
    plan = Plan(
        architecture=kind.family,
        options=_options(kind),
        recipe=recipe,
        coding=Coding(),
        engine=Engine(precision="float32"),
    )
    label = category("label", "The same of every image", "any")
    table = Table(
        frame=pd.DataFrame({"image": cells(reals), "label": "any"}),
        schema=Schema(target=label, positive=None, features=(image("image", ""),), sensitive=()),
        name=source,
        sha256=_checksum(reals),
    )
    learned = DataSource(
        name=source, sha256=table.sha256, catalogue=False, test_fraction=0.0, split_seed=0
    )
    network, _ = train(plan, table, source=learned, runtime=runtime)
    return network


def _options(kind: Kind) -> Any:
    options = ARCHITECTURES[kind.family].Options
    return options(upsampling=kind.upsampling, loss=kind.loss, width=12)


def _promise(kind: Kind, reals: Mapping[str, str], runtime: Runtime, steps: int) -> str:
    device = runtime.resolved_device().partition(":")[0]
    options = asdict(_options(kind)) if not kind.remakes else {}
    return f"{VERSION} {kind} {options} {RECIPE} {dict(reals)} {runtime.seed} {steps} {device}"


def _checksum(images: Sequence[Pixels]) -> str:
    found = sha256()
    for one in images:
        found.update(str(one.shape).encode() + np.ascontiguousarray(one).tobytes())
    return found.hexdigest()


def _arrays(network: nn.Module) -> Arrays:
    return {name: one.detach().cpu().numpy() for name, one in network.state_dict().items()}


def _tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(one)) for name, one in arrays.items()}
