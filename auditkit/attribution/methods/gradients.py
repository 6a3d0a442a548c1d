"""What a small change of the input does, at the input and on the way to it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.question import Question
from auditkit.attribution.surface import surface_of
from auditkit.errors import ModelError, NotApplicable

Weighing = Callable[[Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor]]


def differentiable(question: Question) -> str:
    """Why the model's answer has no gradient at its inputs, "" where it has."""
    row = torch.zeros(1, dtype=torch.int64, device=question.device)
    few = question.at(row)
    try:
        with surface_of(few).open() as running:
            running.gradients(running.point(few.inputs), row)
    except (NotApplicable, ModelError) as error:
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


def smoothgrad(question: Question, samples: int = 32, noise: float = 0.15) -> Found:
    """The size of the mean gradient at `samples` points around the row.

    noise is the standard deviation of the points, as a share of the range of the row's own
    numbers (of its vectors, where an embedding is moved). All rows see the same draws, so that a
    row's numbers do not depend on the others. An error is that of the mean; of a vector's sum,
    the bound that its parts give together.
    """
    surface = surface_of(question)
    rows = torch.arange(question.rows, device=question.device)
    parts, errors = [], []
    with surface.open() as running:
        seed = int(torch.randint(2**62, ()))
        for part in torch.split(rows, question.at_once):
            point = running.point(tuple(one[part] for one in question.inputs))
            spread = [noise * _range(one) for one in point]
            drawing = torch.Generator().manual_seed(seed)
            sums = [torch.zeros_like(one, dtype=torch.float64) for one in point]
            squares = [torch.zeros_like(one) for one in sums]
            for _ in range(samples):
                near = [
                    one + size * _drawn(one, drawing)
                    for one, size in zip(point, spread, strict=True)
                ]
                for sum_, square, slope in zip(
                    sums, squares, running.gradients(near, part)[1], strict=True
                ):
                    sum_ += slope
                    square += slope.double() ** 2
            means = [one / samples for one in sums]
            parts.append(surface.folded([one.abs() for one in means]))
            errors.append(
                surface.folded(
                    [
                        ((square / samples - mean**2).clamp(min=0) / max(samples - 1, 1)).sqrt()
                        for square, mean in zip(squares, means, strict=True)
                    ]
                )
            )
    return Found(values=joined(parts), errors=joined(errors), note=f"noise of {noise:.0%}")


def _range(tensor: Tensor) -> Tensor:
    flat = tensor.flatten(1)
    return (flat.amax(dim=1) - flat.amin(dim=1)).view(-1, *[1] * (tensor.ndim - 1))


def _drawn(like: Tensor, drawing: torch.Generator) -> Tensor:
    return torch.randn(like.shape[1:], generator=drawing).to(like.device, like.dtype)


def joined(parts: Sequence[Sequence[Tensor]]) -> tuple[Tensor, ...]:
    """The tensors of several parts of the rows, put together."""
    return tuple(torch.cat(one) for one in zip(*parts, strict=True))


def _weighed(question: Question, weigh: Weighing) -> Found:
    """One pass over the rows, its gradients weighed and folded."""
    surface = surface_of(question)
    rows = torch.arange(question.rows, device=question.device)
    parts = []
    with surface.open() as running:
        for part in torch.split(rows, question.at_once):
            here = running.point(tuple(one[part] for one in question.inputs))
            parts.append(surface.folded(weigh(here, running.gradients(here, part)[1])))
    return Found(values=joined(parts))


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
        summary="how the answer reacts to a small change of each number, times that number",
        paper="Shrikumar, Greenside & Kundaje 2017",
    ),
    Method(
        name="smoothgrad",
        family=Family.GRADIENT,
        run=smoothgrad,
        can=differentiable,
        signed=False,
        samples=True,
        summary="how strongly the answer reacts, averaged over noisy copies of the row",
        paper="Smilkov et al. 2017",
    ),
):
    METHODS.register(_method.name)(_method)
