"""The gradient at random places between a row and random baselines: expected gradients."""

from collections.abc import Sequence

import torch
from torch import Tensor

from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.methods.gradients import differentiable, joined
from auditkit.attribution.question import Question
from auditkit.attribution.surface import Surface, surface_of


def expected_gradients(question: Question, samples: int = 64) -> Found:
    """The gradient times the way, at random places on the ways from random baselines.

    The places are drawn in samples / 2 strata of the way, two in each with a baseline of their
    own, so that their difference gives a standard error without bias. All rows see the same
    draws: a row's numbers do not depend on the others.
    """
    surface = surface_of(question)
    strata = max(samples // 2, 1)
    many = len(question.baseline.rows[0]) if question.baseline.several else 1
    which = torch.randint(many, (strata, 2))
    along = (torch.arange(strata)[:, None] + torch.rand(strata, 2, dtype=torch.float64)) / strata
    rows = torch.arange(question.rows, device=question.device)
    values, errors = [], []
    for part in torch.split(rows, question.at_once):
        mean = [torch.zeros_like(one[part], dtype=torch.float64) for one in question.inputs]
        square = [torch.zeros_like(one) for one in mean]
        for baselines, places in zip(which.tolist(), along.tolist(), strict=True):
            first, second = (
                _drawn(question, surface, part, one, place)
                for one, place in zip(baselines, places, strict=True)
            )
            for i, (a, b) in enumerate(zip(first, second, strict=True)):
                mean[i] += (a + b) / (2 * strata)
                square[i] += ((a - b) / (2 * strata)) ** 2
        values.append(mean)
        errors.append([one.sqrt() for one in square])
    return Found(values=joined(values), errors=joined(errors))


def _drawn(
    question: Question, surface: Surface, part: Tensor, which: int, place: float
) -> Sequence[Tensor]:
    """Gradient times way at one place on the ways of some rows, of the inputs' shapes."""
    with surface.open() as running:
        end = running.point(tuple(one[part] for one in question.inputs))
        start = running.point(question.start(part, torch.full_like(part, which)))
        ways = [b - a for a, b in zip(start, end, strict=True)]
        point = [a + place * way for a, way in zip(start, ways, strict=True)]
        _, slopes = running.gradients(point, part)
    return surface.folded([a * b for a, b in zip(ways, slopes, strict=True)])


METHODS.register("expected_gradients")(
    Method(
        name="expected_gradients",
        family=Family.GRADIENT,
        run=expected_gradients,
        can=differentiable,
        baseline=True,
        complete=True,
        samples=True,
        summary="how the answer reacts at random places between the row and random baselines",
        paper="Erion et al. 2021",
    )
)
