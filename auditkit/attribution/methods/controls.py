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
    """How large each number is; of a token or a level the length of its vector."""
    if not any(_whole(one) for one in question.inputs):
        return Found(values=tuple(_size(one) for one in question.inputs))
    surface = surface_of(question)
    with surface.open() as running:
        parts = []
        for part in torch.split(torch.arange(question.rows), question.at_once):
            here = tuple(one[part.to(one.device)] for one in question.inputs)
            parts.append(running.point(here))
    point = [torch.cat(one) for one in zip(*parts, strict=True)]
    lengths = [
        one.abs() if place.layer is None else _length(one)
        for one, place in zip(point, surface.places, strict=True)
    ]
    return Found(values=surface.folded(lengths))


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


def _size(one: Tensor) -> Tensor:
    held = one.ndim == 1 and not one.is_floating_point()  # a length
    return torch.zeros(one.shape, dtype=torch.float64) if held else one.double().abs()


def _length(vectors: Tensor) -> Tensor:
    """A vector whose parts add up to its length, for what is folded by adding up."""
    squares = vectors.double() ** 2
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
        signed=False,
        summary="how large each input is, whatever the model makes of it",
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
