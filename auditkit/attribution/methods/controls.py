"""Explanations that know nothing of what the model answers: what a method must beat."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from auditkit.attribution.base import METHODS, Family, Found, Method, anything
from auditkit.attribution.methods.gradients import differentiable
from auditkit.attribution.question import Question
from auditkit.attribution.surface import surface_of

WIDE = 4  # axes of an image: rows, channels, height, width


def random(question: Question) -> Found:
    """A number drawn for each player: every order is as likely as every other."""
    drawn = torch.rand(question.rows, question.players.most, dtype=torch.float64)
    return Found(values=question.players.spread(drawn))


def input_size(question: Question) -> Found:
    """How far each number is from the baseline's; a token or a level by the way of its vector.

    Of several baselines the mean distance counts.
    """
    return Found(values=distances(question, from_zero=False))


def distances(question: Question, *, from_zero: bool) -> tuple[Tensor, ...]:
    """That distance, or that from 0, in the inputs' shapes, float64."""
    several = question.baseline.several and not from_zero
    many = len(question.baseline.rows[0]) if several else 1
    found: list[tuple[Tensor, ...]] = []
    every = torch.arange(question.rows, device=question.device)
    named = any(_whole(one) for one in question.inputs)
    for which in range(many):
        parts = []
        for part in torch.split(every, question.at_once):
            own = tuple(one[part] for one in question.inputs)
            start = None if from_zero else question.start(part, torch.full_like(part, which))
            parts.append(_on_surface(question, own, start) if named else _plain(own, start))
        found.append(tuple(torch.cat(one) for one in zip(*parts, strict=True)))
    return tuple(torch.stack(one).mean(dim=0) for one in zip(*found, strict=True))


def edges(question: Question) -> Found:
    """How much each number of an image differs from its neighbours to the right and below."""
    return Found(values=tuple(_edges(one) for one in question.inputs))


def sized(question: Question) -> str:
    """Why the inputs have no size, "" where they have."""
    if not any(_whole(one) for one in question.inputs):
        return ""
    return differentiable(question)


def pictured(question: Question) -> str:
    """Why the inputs are no image, "" where they are."""
    if any(one.ndim == WIDE and one.is_floating_point() for one in question.inputs):
        return ""
    return "its inputs are no image (rows, channels, height, width)"


def _whole(one: Tensor) -> bool:
    """Whether an input holds whole numbers that name something: tokens, levels."""
    return one.ndim > 1 and not one.is_floating_point() and one.dtype != torch.bool


def _plain(own: tuple[Tensor, ...], start: tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
    found = []
    for i, one in enumerate(own):
        held = one.ndim == 1 and not one.is_floating_point()  # a length
        way = one.double() if start is None else one.double() - start[i].double()
        found.append(torch.zeros_like(way) if held else way.abs())
    return tuple(found)


def _on_surface(
    question: Question, own: tuple[Tensor, ...], start: tuple[Tensor, ...] | None
) -> tuple[Tensor, ...]:
    surface = surface_of(question)
    with surface.open() as running:
        point = running.point(own)
        begun = [torch.zeros_like(one) for one in point] if start is None else running.point(start)
    lengths = [
        (one.double() - base.double()).abs()
        if place.layer is None
        else _length(one.double() - base.double())
        for one, base, place in zip(point, begun, surface.places, strict=True)
    ]
    return surface.folded(lengths)


def _length(vectors: Tensor) -> Tensor:
    """A vector whose parts add up to its length, for what is folded by adding up."""
    squares = vectors**2
    length = squares.sum(dim=-1, keepdim=True).sqrt()
    return squares / length.clamp(min=torch.finfo(torch.float64).tiny)


def _edges(one: Tensor) -> Tensor:
    if one.ndim != WIDE or not one.is_floating_point():
        return torch.zeros(one.shape, dtype=torch.float64)
    image = one.double()
    across = image.diff(dim=3).abs()
    down = image.diff(dim=2).abs()
    return pad(across, (0, 1)) + pad(down, (0, 0, 0, 1))


for _method in (
    Method(
        name="random",
        family=Family.CONTROL,
        run=random,
        can=anything,
        signed=False,
        samples=True,
        summary="numbers drawn by chance",
        paper="",
    ),
    Method(
        name="input_size",
        family=Family.CONTROL,
        run=input_size,
        can=sized,
        baseline=True,
        signed=False,
        summary="how far each input is from the baseline, whatever the model makes of it",
        paper="",
    ),
    Method(
        name="edges",
        family=Family.CONTROL,
        run=edges,
        can=pictured,
        signed=False,
        summary="where the image changes, whatever the model makes of it",
        paper="Adebayo et al. 2018",
    ),
):
    METHODS.register(_method.name)(_method)
