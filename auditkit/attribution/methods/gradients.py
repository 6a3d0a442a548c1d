"""What a small change of the input does, at the input and on the way to it."""

from collections.abc import Callable, Sequence

import numpy as np
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


def integrated_gradients(question: Question, steps: int = 32) -> Found:
    """The mean gradient on the straight way from the baseline, times the way.

    steps are the points of a Gauss-Legendre rule, which is exact where the gradient along the
    way is a polynomial of a degree below 2 steps.
    """
    surface = surface_of(question)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    rows = torch.arange(question.rows, device=question.device)
    with surface.open() as running:
        end = running.point(question.inputs)
        start = running.point(question.start(rows))
        ways = [b - a for a, b in zip(start, end, strict=True)]
        total = [torch.zeros_like(one, dtype=torch.float64) for one in end]
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            for part in torch.split(rows, question.at_once):
                point = [
                    one[part] + float(node) * way[part]
                    for one, way in zip(start, ways, strict=True)
                ]
                _, slopes = running.gradients(point, part)
                for sum_, slope in zip(total, slopes, strict=True):
                    sum_[part] += float(weight) * slope.double()
    return Found(values=surface.folded([a.double() * b for a, b in zip(ways, total, strict=True)]))


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
    Method(
        name="integrated_gradients",
        family=Family.GRADIENT,
        run=integrated_gradients,
        can=differentiable,
        baseline=True,
        complete=True,
        summary="that reaction, averaged on the way from the baseline, times the way",
        paper="Sundararajan, Taly & Yan 2017",
    ),
):
    METHODS.register(_method.name)(_method)
