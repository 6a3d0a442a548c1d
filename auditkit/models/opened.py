"""A predictor's network and rows as its layers are asked: what it takes, and where it has layers.

tables, images, sequences, texts    as the checkpoint's encoder makes them
speeches                            the first tokens of each, for a network that continues texts
pairs                               what is read, and what is to be written from it
made images                         the discriminator on real ones
a user's own module                 its features, or what its `preprocess` makes
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.question import at_rest
from auditkit.data.images import ImageEncoder
from auditkit.data.schema import Medium, Task
from auditkit.data.sequences import SequenceEncoder
from auditkit.data.tables import classes
from auditkit.data.text import END, PAD, START, PairEncoder, TextEncoder, padded
from auditkit.errors import ModelError, NotApplicable
from auditkit.models.base import ARCHITECTURES, fed
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.foreign import ForeignModel
from auditkit.models.layers import numbers_of, stages
from auditkit.models.predictor import Predictor
from auditkit.runtime import Runtime, track

# Rows a forward pass of what is no table: of texts 64 take a sixth less time than 256, and the
# largest pass of the reviews' encoder, with all that waits beside it, 1.0 GB and not 2.4.
AT_ONCE = 64
CONTEXT = 128  # tokens of a text that is continued
LETTERS = 64  # more than a token has


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """m rows as a network takes them, rows first.

    places (m,) are where they stand in the frame. lengths are how many steps each row has, for
    the layers whose names begin so, () for rows without steps.
    """

    places: np.ndarray
    inputs: tuple[Tensor, ...]
    lengths: tuple[tuple[str, Tensor], ...] = ()

    def lengths_of(self, layer: str) -> Tensor | None:
        """Steps of each row (m,) in what a layer gives; None for rows without."""
        return next((one for begin, one in self.lengths if layer.startswith(begin)), None)


Encoding = Callable[[pd.DataFrame], tuple[tuple[Tensor, ...], tuple[tuple[str, Tensor], ...]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A network whose layers can be seen.

    encode makes rows of a frame, built an untrained network of the same kind, None where that is
    not known. size is how many rows go through at once; column names a text by which rows of like
    length are brought together.
    """

    module: nn.Module
    medium: Medium
    encode: Encoding
    built: Callable[[], nn.Module] | None
    size: int
    column: str | None
    runtime: Runtime

    def rows(self, frame: pd.DataFrame, places: np.ndarray | None = None) -> Rows:
        """All or some of a frame's rows, in the order of `places`."""
        chosen = np.arange(len(frame)) if places is None else np.asarray(places)
        inputs, lengths = self.encode(frame.iloc[chosen])
        return Rows(places=chosen, inputs=inputs, lengths=lengths)

    def batches(self, frame: pd.DataFrame, label: str = "reading layers") -> Iterator[Rows]:
        """Every row of a frame, of texts those of like length together."""
        order = np.arange(len(frame))
        if self.column is not None:
            order = np.argsort(frame[self.column].str.len().to_numpy(), kind="stable")
        starts = range(0, len(frame), self.size)
        for start in track(starts, label, len(starts)):
            yield self.rows(frame, order[start : start + self.size])

    def layers(self, frame: pd.DataFrame) -> tuple[str, ...]:
        """The stages of the network that are called once in a pass and give numbers, in order.

        Raises NotApplicable where there are none.
        """
        known = dict(self.module.named_modules())
        wanted = stages(self.module)
        calls: dict[str, list[bool]] = {name: [] for name in wanted}

        def hook(name: str) -> Any:
            def seen(module: nn.Module, _given: Any, output: Any) -> None:
                try:
                    numbers_of(module, output, name)
                except ModelError:
                    calls[name].append(False)
                else:
                    calls[name].append(True)

            return seen

        handles = [known[name].register_forward_hook(hook(name)) for name in wanted]
        try:
            with at_rest(self.module), torch.no_grad():
                self.module(*self.rows(frame, np.arange(min(2, len(frame)))).inputs)
        finally:
            for handle in handles:
                handle.remove()
        found = tuple(name for name in wanted if calls[name] == [True])
        if not found:
            raise NotApplicable(
                "the network has no layer between its inputs and its answer that is called once"
            )
        return found

    @cached_property
    def device(self) -> str:
        """Where the network is."""
        return self.runtime.resolved_device()


def opened(predictor: Predictor, runtime: Runtime) -> Opened:
    """The network behind a predictor. Raises NotApplicable where only its answers are known."""
    if isinstance(predictor, CheckpointModel):
        return _of_checkpoint(predictor, runtime)
    if not isinstance(predictor, ForeignModel):
        raise NotApplicable(
            "only the model's answers are known, not the model itself: its layers cannot be seen"
        )
    device = runtime.resolved_device()

    def encode(frame: pd.DataFrame) -> Any:
        return tuple(one.to(device) for one in predictor.inputs(frame)), ()

    return Opened(
        module=predictor.module.to(device),
        medium=Medium.TABLE,
        encode=encode,
        built=None,
        size=min(AT_ONCE, runtime.batch_size),
        column=None,
        runtime=runtime,
    )


def _of_checkpoint(predictor: CheckpointModel, runtime: Runtime) -> Opened:
    card, device = predictor.checkpoint.card, runtime.resolved_device()
    table = card.schema.medium is Medium.TABLE
    family = ARCHITECTURES[card.architecture]
    whole = predictor.checkpoint.model.to(device)
    encoder: Any = card.encoder
    part = "discriminator" if card.task is Task.IMAGES else ""

    def built() -> nn.Module:
        made = family.build(encoder, card.head, family.Options(**card.options)).to(device)
        return made.get_submodule(part)

    return Opened(
        module=whole.get_submodule(part),
        medium=card.schema.medium,
        encode=_encoding(card, whole, device),
        built=built,
        size=runtime.batch_size if table else min(AT_ONCE, runtime.batch_size),
        column=card.schema.feature_names[0] if card.schema.medium is Medium.TEXT else None,
        runtime=runtime,
    )


def _encoding(card: Any, model: Any, device: str) -> Encoding:
    encoder = card.encoder

    def sent(arrays: Sequence[np.ndarray]) -> tuple[Tensor, ...]:
        return fed(tuple(map(torch.from_numpy, arrays)), device)

    def plain(frame: pd.DataFrame) -> Any:
        inputs = sent(encoder.arrays(frame))
        stepwise = isinstance(encoder, TextEncoder | SequenceEncoder)
        return inputs, (("", inputs[1]),) if stepwise else ()

    def continued(frame: pd.DataFrame) -> Any:
        most = min(CONTEXT, model.longest) - 1
        short = frame.assign(**{encoder.column: frame[encoder.column].str[: LETTERS * most]})
        begun = [np.concatenate([[START], one[:most]]) for one in encoder.rows(short)]
        tokens, lengths = sent(padded(begun))
        return (tokens,), (("", lengths),)

    def pairs(frame: pd.DataFrame) -> Any:
        source, lengths = sent(encoder.arrays(frame))
        (target,) = sent((encoder.written(frame)[:, :-1],))
        return (source, lengths, target), (
            ("reader", lengths),
            ("writer", ((target != PAD) & (target != END)).sum(dim=1)),
        )

    def pictures(frame: pd.DataFrame) -> Any:
        (pixels,) = sent(encoder.arrays(frame))
        if not model.classes:
            return (pixels,), ()
        told = torch.from_numpy(classes(frame, card.schema, "the rows")).to(device)
        return (pixels, told), ()

    if isinstance(encoder, PairEncoder):
        return pairs
    if card.task is Task.LANGUAGE:
        return continued
    if card.task is Task.IMAGES and isinstance(encoder, ImageEncoder):
        return pictures
    return plain
