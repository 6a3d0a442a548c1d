"""Channels of a generator's stages: which of them alone move an attribute of the images.

Bau et al. 2019, "GAN Dissection: Visualizing and Understanding Generative Adversarial Networks".
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import Tensor, nn

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.attribution.question import at_rest
from auditkit.errors import ModelError, UsageError
from auditkit.models.gan import Generator
from auditkit.models.layers import named_layers, stages
from auditkit.probing.latents.making import Making, spread_of
from auditkit.probing.recording import record, replace
from auditkit.probing.telling import in_short
from auditkit.runtime import track
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.multiplicity import holm

Floats = NDArray[np.float64]

PUSH = 2.0  # standard deviations of a channel, either way
SPREAD_OF = 256  # images on which a channel's spread is measured
SEEN = 512  # images on which an attribute's is


class Effect(NamedTuple):
    """What pushing one channel does: rises (images, attributes), and what mixtures of others do."""

    layer: str
    channel: int
    rises: Floats
    random: Floats
    mixtures: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Channel:
    """One channel and the attribute that it moves, in standard deviations of that attribute.

    screened is the mean rise from 2 of the channel's standard deviations below to 2 above what it
    gives, on the images by which channels were compared; random what as large a push of the
    stage's other channels, mixed at random, does (a standard deviation of it); p_value is of a
    push this far out among such mixtures (Student's t), adjusted over all channels and attributes
    (Holm). pushed is the same rise on fresh latent vectors, ablated what happens there once the
    channel gives 0.
    """

    layer: str
    channel: int
    attribute: str
    screened: float
    random: float
    p_value: float
    pushed: Estimate
    ablated: Estimate

    @property
    def controls(self) -> bool:
        """Whether it stands out among mixtures, and does so again on fresh latent vectors."""
        again = self.pushed.low > 0 if self.screened > 0 else self.pushed.high < 0
        return self.p_value <= 0.05 and again


@dataclass(frozen=True, kw_only=True, eq=False)
class Channels:
    """The strongest channel of each attribute, and every effect that was measured.

    effects has a line for each layer, channel and attribute.
    """

    __repr__ = in_short

    strongest: tuple[Channel, ...]
    effects: pd.DataFrame
    images: int

    @property
    def frame(self) -> pd.DataFrame:
        """A line for each attribute."""
        lines = [
            (
                one.attribute,
                one.layer,
                one.channel,
                one.screened,
                one.random,
                one.p_value,
                *(one.pushed.value, one.pushed.low, one.pushed.high),
                *(one.ablated.value, one.ablated.low, one.ablated.high),
                one.controls,
            )
            for one in self.strongest
        ]
        rest = ["pushed", "pushed low", "pushed high", "ablated", "ablated low", "ablated high"]
        names = ["attribute", "layer", "channel", "screened", "random", "p_value", *rest]
        return pd.DataFrame(lines, columns=[*names, "controls"])


def generator_units(
    made: Making,
    layers: str | Sequence[str] | None = None,
    *,
    images: int = 32,
    most: int = 32,
    mixtures: int = 40,
) -> Channels:
    """What each channel of a generator's stages does to each attribute of its images.

    Each is pushed up and down by twice its standard deviation on `images` latent vectors, beside
    as large pushes of the others mixed at random: that a push moves an attribute says little, that
    a single channel moves it more than mixtures do says that it stands for something. A mixture
    holds half of a stage's channels; each channel stands beside those it is not in. The strongest
    of each attribute is asked again on fresh latent vectors. Of a stage of more than `most`
    channels those that vary most are asked. Raises UsageError for names that no layer has,
    ModelError for layers that give no channels.
    """
    if images < 2 or most < 1 or mixtures < 4 or mixtures % 2:
        raise UsageError(
            "give two images, a channel and four mixtures or more, and an even number of these"
        )
    names = channels_of(made) if layers is None else tuple(named_layers(made.generator, layers))
    spread = spread_of(made.looked_at(made.drawn(SEEN, "attributes")))
    begun = made.drawn(images, "pushed channels")
    scales = _scales(made, names)
    rng = made.runtime.rng("mixed channels")
    effects: list[Effect] = []
    for name in track(names, "pushing channels", len(names)):
        scale = scales[name]
        order = np.argsort(-scale, kind="stable")[:most]
        here = {
            int(one): _pushed(made, begun, name, _only(scale, one), spread)
            for one in np.sort(order[scale[order] > 0])
        }
        drawn = _mixtures(len(scale), mixtures, rng)
        mixed = np.stack(
            [_pushed(made, begun, name, one * scale, spread).mean(axis=0) for one in drawn]
        )
        for one, rises in here.items():
            others = mixed[drawn[:, one] == 0]  # (mixtures without it, attributes)
            random = np.sqrt(np.square(others).mean(axis=0))
            effects.append(Effect(name, one, rises, random, len(others)))
    return _channels(made, effects, scales, spread, images)


def _only(scale: Floats, channel: int) -> Floats:
    push = np.zeros(len(scale))
    push[channel] = scale[channel]
    return push


def _mixtures(channels: int, mixtures: int, rng: np.random.Generator) -> Floats:
    """Weights (mixtures, channels), length 1 each; in pairs, every channel is in one of the two."""
    found = rng.standard_normal((mixtures, channels))
    for first in range(0, mixtures - 1, 2):
        order = rng.permutation(channels)
        found[first, order[: channels // 2]] = 0
        found[first + 1, order[channels // 2 :]] = 0
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(length, 1e-12))


def channels_of(made: Making) -> tuple[str, ...]:
    """The stages of a generator that give channels; of ours, what stands before each rectifier."""
    if isinstance(made.generator, Generator):
        return tuple(f"norms.{i}" for i in range(len(made.generator.norms)))
    names = stages(made.generator)
    with at_rest(made.generator), record(made.generator, names) as seen:
        images = made.images(made.drawn(2, "stages"))
    found = [one for one in names if seen[one].ndim > 1 and seen[one].shape != images.shape]
    if not found:
        raise ModelError("the generator has no stage with channels: name its layers")
    return tuple(found)


def _scales(made: Making, names: Sequence[str]) -> dict[str, Floats]:
    """The standard deviation (C,) of each channel over images and places."""
    with at_rest(made.generator), record(made.generator, names) as seen:
        made.images(made.drawn(SPREAD_OF, "spread of channels"))
    found = {}
    for name in names:
        numbers = seen[name].double()
        if numbers.ndim < 2:
            raise ModelError(f"layer {name!r} gives {tuple(numbers.shape)}: it has no channels")
        found[name] = numbers.transpose(0, 1).flatten(1).std(dim=1, correction=0).numpy()
    return found


def _shifted(layer: nn.Module, name: str, push: Floats) -> AbstractContextManager[None]:
    def change(numbers: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (numbers.ndim - 2))
        return numbers + torch.from_numpy(push).to(numbers).reshape(shape)

    return replace(layer, name, change)


def _pushed(made: Making, begun: Tensor, name: str, push: Floats, spread: pd.Series) -> Floats:
    """The rise of each attribute from 2 pushes down to 2 up, (images, attributes)."""
    low, high = (
        made.looked_at(begun, _shifted(made.generator, name, way * push))[spread.index]
        for way in (-PUSH, PUSH)
    )
    return np.asarray((high - low).to_numpy(float) / spread.to_numpy())


def _channels(
    made: Making,
    effects: list[Effect],
    scales: dict[str, Floats],
    spread: pd.Series,
    images: int,
) -> Channels:
    means = np.stack([one.rises.mean(axis=0) for one in effects])  # (channels, attributes)
    reach = np.abs(means) / np.maximum(np.stack([one.random for one in effects]), 1e-12)
    beside = np.array([[one.mixtures] for one in effects])
    p_values = holm((2 * student.sf(reach, beside)).ravel()).reshape(means.shape)
    fresh = made.drawn(2 * images, "channels confirmed")
    base = made.looked_at(fresh)[spread.index]
    strongest = []
    for place, attribute in enumerate(spread.index):
        best = int(np.lexsort((-np.abs(means[:, place]), p_values[:, place]))[0])
        one = effects[best]
        push = _only(scales[one.layer], one.channel)
        again = _pushed(made, fresh, one.layer, push, spread)[:, place]
        gone = made.looked_at(fresh, _silenced(made.generator, one.layer, one.channel))[attribute]
        strongest.append(
            Channel(
                layer=one.layer,
                channel=one.channel,
                attribute=str(attribute),
                screened=float(means[best, place]),
                random=float(one.random[place]),
                p_value=float(p_values[best, place]),
                pushed=mean_of(again),
                ablated=mean_of((gone - base[attribute]) / spread[attribute]),
            )
        )
    lines = _lines(effects, spread, p_values)
    return Channels(strongest=tuple(strongest), effects=lines, images=images)


def _silenced(layer: nn.Module, name: str, channel: int) -> AbstractContextManager[None]:
    def change(numbers: Tensor) -> Tensor:
        changed = numbers.clone()
        changed[:, channel] = 0
        return changed

    return replace(layer, name, change)


def _lines(effects: list[Effect], spread: pd.Series, p_values: Floats) -> pd.DataFrame:
    lines = []
    for one, each in zip(effects, p_values, strict=True):
        for attribute, column, p_value in zip(spread.index, one.rises.T, each, strict=True):
            found = mean_of(column)
            ends = (found.value, found.low, found.high)
            lines.append((one.layer, one.channel, attribute, *ends, float(p_value)))
    columns = ["layer", "channel", "attribute", "effect", "low", "high", "p_value"]
    return pd.DataFrame(lines, columns=columns)
