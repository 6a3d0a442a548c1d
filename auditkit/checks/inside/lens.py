"""After which layer the answer of a network that writes is formed, and which heads look back."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from auditkit.checks.base import finding, percent
from auditkit.checks.inside.lens_views import grid_views, lens_views, repetition_views
from auditkit.checks.layers import LensCheck
from auditkit.data.schema import Task
from auditkit.data.tables import Table
from auditkit.data.text import PAD, SPECIAL, START
from auditkit.errors import NotApplicable
from auditkit.models.checkpoint import CheckpointModel
from auditkit.probing.lens.answers import Lens, logit_lens
from auditkit.probing.lens.attention_heads import Repetition, repetition
from auditkit.probing.lens.exits import exits_of
from auditkit.probing.lens.grids import lens_grid
from auditkit.probing.lens.passages import NONE, Passages, cut, passages_of
from auditkit.probing.lens.tuned import TunedLens, tuned_lens
from auditkit.results import Finding, Section
from auditkit.subject import Subject

SIZE = 64  # tokens of a passage
EACH = 4  # passages of a text that is audited
LONGEST = 24  # random tokens that are repeated
IS = (
    "A layer's numbers are read as if they were the last layer's (logit lens), and once more "
    "through a translator that learned on training rows how that layer speaks (tuned lens). An "
    "answer is settled where the first choice no longer changes. A lens shows what could be read "
    "at a layer, not that the network reads it there."
)


def run(check: LensCheck, subject: Subject) -> Iterator[Finding | Section]:
    """A finding of where answers are settled, curves over the layers, an example, the heads."""
    subject.require(Task.LANGUAGE, Task.TRANSDUCTION)
    predictor = subject.predictor
    if not isinstance(predictor, CheckpointModel):
        raise NotApplicable("a lens is asked of auditkit's own transformers: this is no checkpoint")
    model = predictor.checkpoint.model.to(subject.runtime.resolved_device())
    scored = _passages(check, subject, subject.table)
    found = _lenses(check, subject, model, scored)
    tuned = isinstance(found, TunedLens)
    plain = found.plain if isinstance(found, TunedLens) else found
    yield _settled(plain, found.tuned if isinstance(found, TunedLens) else None)
    yield Section(
        title="After which layer is the answer formed?",
        text=f"{IS if tuned else IS.replace(', and once', '; not here: once')} Intervals count "
        f"{plain.documents:,} texts, {plain.tokens:,} tokens.",
        views=(*lens_views(found), *grid_views(_example(predictor, model, scored, found))),
    )
    heads = _heads(predictor, subject, model, scored)
    yield Section(
        title="Which heads look back at what was there before?",
        text="A head that looks at what followed the same token the last time can repeat what it "
        "has read (an induction head, Olsson 2022). Random tokens leave it nothing else to go by: "
        f"{len(heads.looking_back())} of {len(heads.heads)} heads surely look there three times as "
        "often as by chance.",
        views=repetition_views(heads),
    )


def _lenses(check: LensCheck, subject: Subject, model: Any, scored: Passages) -> Lens | TunedLens:
    if subject.train is None:
        return logit_lens(model, scored, runtime=subject.runtime)
    learned = _passages(check, subject, subject.train)
    if learned.documents < 2:
        return logit_lens(model, scored, runtime=subject.runtime)
    return tuned_lens(model, learned, scored, runtime=subject.runtime)


def _passages(check: LensCheck, subject: Subject, table: Table) -> Passages:
    """Some of a table's rows, drawn at random, as the network reads and writes them."""
    frame, device = table.frame, subject.runtime.resolved_device()
    if len(frame) > check.texts:
        drawn = subject.rng(check.rule).permutation(len(frame))[: check.texts]
        frame = frame.iloc[np.sort(drawn)]
    encoder: Any = subject.predictor.checkpoint.card.encoder  # type: ignore[attr-defined]
    if subject.task is Task.LANGUAGE:
        longest = subject.predictor.checkpoint.model.longest  # type: ignore[attr-defined]
        each = EACH if table is subject.table else 1
        texts = encoder.rows(frame)
        return cut(texts, size=min(SIZE, longest), most=each, begin=START, device=device)
    source, lengths = (torch.from_numpy(one).to(device) for one in encoder.arrays(frame))
    written = torch.from_numpy(encoder.written(frame)).to(device)
    following = written[:, 1:].masked_fill(written[:, 1:] == PAD, NONE)
    owners = frame[table.apart].astype(str) if table.apart else None
    return passages_of((source, lengths, written[:, :-1]), following, documents=owners)


def _settled(plain: Lens, tuned: Lens | None) -> Finding:
    place, blocks = plain.formed(), len(plain.layers) - 1
    here = plain.layers[place]
    before = plain.layers[max(place - 1, 0)].settled.value
    when = f"after layer {place} of {blocks}" if place else "before the first layer"
    message = (
        f"Half of what the model writes is settled {when}: {percent(here.settled.value)} of its "
        f"first choices no longer change"
    )
    if place:
        message += f", one layer earlier {percent(before)}"
    if tuned is not None and place:
        message += (
            f"; read through a translator, {percent(tuned.layers[place - 1].settled.value)} are "
            "settled that one layer earlier"
        )
    return finding(
        f"{message}.",
        here.settled,
        metric="answers settled",
        null=plain.guess,
        where={"layer": here.layer},
    )


def _example(predictor: Any, model: Any, scored: Passages, found: Lens | TunedLens) -> Any:
    encoder = predictor.checkpoint.card.encoder
    spell = _speller(getattr(encoder, "target", encoder))
    translators = found.translators if isinstance(found, TunedLens) else None
    return lens_grid(model, scored, spell=spell, translators=translators, exits=exits_of(model))


def _speller(encoder: Any) -> Callable[[int], str]:
    return lambda token: SPECIAL[token] if token < len(SPECIAL) else encoder.text([token])


def _heads(predictor: Any, subject: Subject, model: Any, scored: Passages) -> Repetition:
    encoder = predictor.checkpoint.card.encoder
    vocabulary = getattr(encoder, "target", encoder).vocabulary
    first = scored.at(np.arange(1))
    return repetition(
        model,
        range(len(SPECIAL), vocabulary),
        length=min(LONGEST, (model.longest - 1) // 2),
        begin=START,
        source=first.inputs[:-1],
        copying=False,
        runtime=subject.runtime,
    )
