"""A predictor and rows as an explanation needs them, by kind of input.

tables      columns are players        typical, sample, zero
images      patches or superpixels     mean, zero, blur, sample
texts       words                      pad, unknown, mask
sequences   stretches of time          zero, sample
written     words read, for each token that is written
generators  latent numbers; of a discriminator, patches of what it is shown
strangers   features of somebody else's module, or what its `preprocess` makes
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import HELD, Players
from auditkit.attribution.question import at_rest
from auditkit.data.images import ImageEncoder
from auditkit.data.schema import Medium, Task
from auditkit.data.sequences import SequenceEncoder
from auditkit.data.tables import classes
from auditkit.data.text import PairEncoder, TextEncoder
from auditkit.errors import NotApplicable, UsageError
from auditkit.models.base import fed
from auditkit.models.checkpoint import AT_ONCE, CheckpointModel
from auditkit.models.explainable import generators, images, sequences, strangers, tables, texts
from auditkit.models.explainable import written as writing
from auditkit.models.explainable.base import (
    Cuts,
    Explainable,
    Wanted,
    answered,
    asked_of,
    classes_of,
)
from auditkit.models.explainable.nearest import nearest_first, prior_of
from auditkit.models.foreign import ForeignModel
from auditkit.models.predictor import Judge, Predictor
from auditkit.runtime import Runtime

__all__ = ["Cuts", "Explainable", "Part", "explainable"]

Part = Literal["discriminator", "generator"]


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What `explainable` was called with."""

    frame: pd.DataFrame
    reference: pd.DataFrame | None
    wanted: Wanted
    cuts: Cuts
    part: Part
    judge: Judge | None
    runtime: Runtime


def explainable(
    predictor: Predictor,
    frame: pd.DataFrame,
    *,
    reference: pd.DataFrame | None = None,
    targets: Wanted = None,
    cuts: Cuts | None = None,
    part: Part = "discriminator",
    judge: Judge | None = None,
    runtime: Runtime,
) -> Explainable:
    """The rows of frame as a question to the predictor.

    reference are training rows, from which baselines are made. targets names a class by its level
    or its place, or one for each row; of a language model a token. part says which network of a
    generator's pair is explained: of a generator as many latent vectors as the frame has rows,
    by the logit of judge for the class it sees, or without one by the discriminator's.

    Raises NotApplicable for a predictor of which only answers are there, UsageError for a class
    that does not exist, DataError for rows that cannot be read.
    """
    given = _Given(
        frame=frame,
        reference=reference,
        wanted=targets,
        cuts=cuts or Cuts(),
        part=part,
        judge=judge,
        runtime=runtime,
    )
    if not len(frame):
        raise UsageError("no rows to explain: give at least one")
    if isinstance(predictor, CheckpointModel):
        return _of_checkpoint(predictor, given)
    if isinstance(predictor, ForeignModel):
        return _of_stranger(predictor, given)
    raise NotApplicable(
        "only the model's answers are known, not the model itself: nothing can be explained by it"
    )


def _of_checkpoint(predictor: CheckpointModel, given: _Given) -> Explainable:
    device = given.runtime.resolved_device()
    model = predictor.checkpoint.model.to(device)
    card = predictor.checkpoint.card
    if card.task is Task.IMAGES:
        return _of_pair(model, card, given, device)
    if card.task in (Task.TRANSDUCTION, Task.LANGUAGE):
        return _of_writer(model, card, given, device)
    inputs = fed(tuple(map(torch.from_numpy, card.encoder.arrays(given.frame))), device)
    size = given.runtime.batch_size if card.schema.medium == "table" else AT_ONCE
    answers = answered(model, inputs, min(size, given.runtime.batch_size))
    wanted, asks = asked_of(card.schema, card.task, given.wanted, answers)
    players, baselines, cells, unit = _players_of(card, inputs, given)
    return Explainable(
        module=model,
        inputs=inputs,
        targets=wanted,
        asks=asks,
        players=players,
        baselines=_in_order(baselines, model, inputs, players, given, card),
        cells=cells,
        medium=card.schema.medium.value,
        unit=unit,
        rows=tuple(range(len(given.frame))),
        runtime=given.runtime,
    )


def _in_order(
    baselines: Mapping[str, Baseline],
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    players: Players,
    given: _Given,
    card: Any,
) -> Mapping[str, Baseline]:
    """Of images and texts, what says least on this very model comes first, if that is known."""
    prior = prior_of(given.reference, card.schema, card.task)
    if prior is None or card.schema.medium not in (Medium.IMAGE, Medium.TEXT):
        return baselines
    return nearest_first(model, inputs, players, baselines, prior, card.task, given.runtime)


Cut = tuple[Players, Mapping[str, Baseline], tuple[tuple[str, ...], ...], str]


def _players_of(card: Any, inputs: tuple[Tensor, ...], given: _Given) -> Cut:
    """Players, baselines, the players' values in words and the word for a player."""
    encoder, cuts, runtime = card.encoder, given.cuts, given.runtime
    if isinstance(encoder, ImageEncoder):
        return _cut_images(encoder, inputs[0], given)
    if isinstance(encoder, SequenceEncoder):
        values, lengths = inputs
        if cuts.channels:
            players, unit = sequences.channels_of(values, lengths), "channel"
        else:
            players, unit = sequences.stretches(values, lengths, cuts.spans), "time span"
        found = sequences.sequence_baselines(
            encoder, (values, lengths), given.reference, cuts.samples, runtime
        )
        return players, found, sequences.strength(values, players), unit
    if isinstance(encoder, TextEncoder):
        players = texts.words(encoder, given.frame[encoder.column].tolist(), inputs[0].shape)
        masked = bool(card.training.recipe.get("pretraining"))
        hidden = texts.hidden(
            encoder, inputs, given.reference, cuts.samples, runtime, masked=masked
        )
        return players, hidden, players.names, "word"
    return (
        tables.columns(encoder),
        tables.table_baselines(encoder, given.reference, cuts.samples, runtime),
        tables.values_in_words(given.frame, encoder.names),
        "column",
    )


def _cut_images(encoder: ImageEncoder, pixels: Tensor, given: _Given) -> Cut:
    cuts = given.cuts
    if cuts.superpixels:
        players, unit = images.pieces(pixels, cuts.cells), "piece"
    else:
        players = images.patches(encoder.channels, encoder.height, encoder.width, cuts.cells)
        unit = "patch"
    found = images.image_baselines(encoder, pixels, given.reference, cuts.samples, given.runtime)
    return players, found, images.brightness(pixels, players), unit


def _of_writer(model: nn.Module, card: Any, given: _Given, device: str) -> Explainable:
    encoder = card.encoder
    with at_rest(model):
        if isinstance(encoder, PairEncoder):
            if given.wanted is not None:
                raise UsageError("a text that is written has no class: leave targets out")
            module: nn.Module = writing.Rewritten(model)
            asked = writing.written_tokens(model, encoder, given.frame, device)
        else:
            module = writing.Continued(model)
            token = writing.one_token(given.wanted, encoder)
            asked = writing.next_tokens(
                model, encoder, given.frame, given.cuts.context, token, device
            )
    pair = isinstance(encoder, PairEncoder)
    hidden = texts.hidden(
        encoder.source if pair else encoder,
        asked.inputs,
        given.reference if pair else None,  # a speech is no shorter text's place
        given.cuts.samples,
        given.runtime,
        masked=False,
    )
    return Explainable(
        module=module,
        inputs=asked.inputs,
        targets=asked.targets,
        asks=asked.asks,
        players=asked.players,
        baselines=hidden,
        cells=asked.players.names,
        medium="text",
        unit="word",
        rows=asked.rows,
        runtime=given.runtime,
    )


def _of_pair(model: Any, card: Any, given: _Given, device: str) -> Explainable:
    if given.part == "generator":
        return _of_generator(model, given)
    if given.part != "discriminator":
        raise UsageError(f"no part {given.part!r}: there are discriminator, generator")
    if given.wanted is not None:
        raise UsageError("a discriminator gives one number, how real an image is: no class")
    pixels = fed(tuple(map(torch.from_numpy, card.encoder.arrays(given.frame))), device)
    players, found, cells, unit = _cut_images(card.encoder, pixels[0], given)
    if model.classes:
        told = torch.from_numpy(classes(given.frame, card.schema, "the rows")).to(device)
        pixels = (*pixels, told)
        players = Players(masks=(*players.masks, torch.full((1,), HELD)), names=players.names)
        found = {name: _told(one, told) for name, one in found.items()}
    return Explainable(
        module=model.discriminator,
        inputs=pixels,
        targets=None,
        asks=("logit of being real",) * len(given.frame),
        players=players,
        baselines=found,
        cells=cells,
        medium="image",
        unit=unit,
        rows=tuple(range(len(given.frame))),
        runtime=given.runtime,
    )


def _told(baseline: Baseline, told: Tensor) -> Baseline:
    """A baseline of images with a class for each, which is held."""
    rows = (*baseline.rows, told[:1].expand(len(baseline.rows[0])))
    return Baseline(name=baseline.name, rows=rows, paired=baseline.paired)


def _of_generator(model: Any, given: _Given) -> Explainable:
    inputs = generators.latents(model, len(given.frame), given.runtime)
    if isinstance(given.judge, CheckpointModel):
        levels = given.judge.levels
        judge = given.judge.checkpoint.model.to(inputs[0].device)
        module: nn.Module = generators.Seen(model.generator, judge)
        answers = answered(module, inputs, min(AT_ONCE, given.runtime.batch_size))
        chosen = classes_of(levels, given.wanted, answers)
        wanted: Tensor | None = chosen[:, None]
        asks = tuple(f"logit of {levels[int(one)]} of the image made" for one in chosen)
    elif given.wanted is not None:
        raise UsageError("a class of a made image needs a judge: give a classifier of such images")
    else:
        module, wanted = generators.Doubted(model), None
        asks = ("logit of being real of the image made",) * len(given.frame)
    players = generators.latent_numbers(inputs)
    cells = tuple(tuple(f"{one:.2f}" for one in row) for row in inputs[0].tolist())
    return Explainable(
        module=module,
        inputs=inputs,
        targets=wanted,
        asks=asks,
        players=players,
        baselines=generators.latent_baselines(inputs, given.cuts.samples, given.runtime),
        cells=cells,
        medium="latent",
        unit="latent number",
        rows=tuple(range(len(given.frame))),
        runtime=given.runtime,
    )


def _of_stranger(predictor: ForeignModel, given: _Given) -> Explainable:
    if given.wanted is not None:
        raise UsageError("the model gives one number, that of the positive outcome: no class")
    device = given.runtime.resolved_device()
    cuts = given.cuts
    inputs = tuple(one.to(device) for one in predictor.inputs(given.frame))
    own = predictor.module.to(device)
    answers = answered(own, inputs, given.runtime.batch_size)
    module, wanted, said = strangers.deciding(own, answers)
    medium, unit = strangers.medium_of(predictor, inputs)
    cells = (
        tables.values_in_words(given.frame, predictor.features)
        if predictor.preprocess is None
        else ((),) * len(given.frame)
    )
    return Explainable(
        module=module,
        inputs=inputs,
        targets=None if wanted is None else wanted.to(device),
        asks=(f"{said} of the positive outcome",) * len(given.frame),
        players=strangers.numbers_of(predictor, inputs, cuts.cells, cuts.spans),
        baselines=strangers.stranger_baselines(
            predictor, inputs, given.reference, cuts.samples, given.runtime
        ),
        cells=cells,
        medium=medium,
        unit=unit,
        rows=tuple(range(len(given.frame))),
        runtime=given.runtime,
    )
