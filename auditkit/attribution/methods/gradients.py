"""What a small change of the input does, at the input and on the way to it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.question import Question
from auditkit.attribution.surface import surface_of
from auditkit.errors import NotApplicable

Weighing = Callable[[Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor]]


def differentiable(question: Question) -> str:
    """Why the model's inputs have no gradient, "" where they have."""
    try:
        surface_of(question)
    except NotApplicable as error:
        return str(error)
    return ""


def saliency(question: Question) -> Found:
    """The gradient's size at each number."""
    return _weighed(question, lambda _point, slopes: [one.abs() for one in slopes])


def input_x_gradient(question: Question) -> Found:
    """The gradient times the number itself."""
    return _weighed(
        question, lambda point, slopes: [a * b for a, b in zip(point, slopes, strict=True)]
    )


def _weighed(question: Question, weigh: Weighing) -> Found:
    """One pass over the rows, its gradients weighed and folded."""
    surface = surface_of(question)
    rows = torch.arange(question.rows, device=question.device)
    parts = []
    with surface.open() as running:
        point = running.point(question.inputs)
        for part in torch.split(rows, question.at_once):
            here = [one[part] for one in point]
            parts.append(surface.folded(weigh(here, running.gradients(here, part)[1])))
    return Found(values=tuple(torch.cat(one) for one in zip(*parts, strict=True)))


for _method in (
    Method(
        name="saliency",
        family=Family.GRADIENT,
        run=saliency,
        can=differentiable,
        signed=False,
        summary="how strongly the answer reacts to a small change of each number",
        paper="Simonyan, Vedaldi & Zisserman 2014",
    ),
    Method(
        name="input_x_gradient",
        family=Family.GRADIENT,
        run=input_x_gradient,
        can=differentiable,
        summary="that reaction times the number itself",
        paper="Shrikumar, Greenside & Kundaje 2017",
    ),
):
    METHODS.register(_method.name)(_method)
