"""The gradient at random places between a row and random baselines: expected gradients."""

from collections.abc import Sequence

import torch
from torch import Tensor

from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.methods.gradients import differentiable, joined
from auditkit.attribution.question import Question
from auditkit.attribution.surface import Surface, surface_of

FEWEST = 4  # strata: two second differences


def expected_gradients(question: Question, samples: int = 64) -> Found:
    """The gradient times the way, at random places on the ways from random baselines.

    One place is drawn in each of `samples` strata of the way, with a baseline of its own. The
    standard error is taken from second differences of neighbouring strata: a slope that changes
    steadily falls out, and one that jumps (a ReLU) is seen, which two draws in the one stratum
    where it jumps would miss every other time. There it is somewhat too large. All rows see the
    same draws: a row's numbers do not depend on the others.
    """
    surface = surface_of(question)
    strata = max(samples, FEWEST)
    many = len(question.baseline.rows[0]) if question.baseline.several else 1
    which = torch.randint(many, (strata,)).tolist()
    along = (torch.arange(strata) + torch.rand(strata, dtype=torch.float64)) / strata
    rows = torch.arange(question.rows, device=question.device)
    values, errors = [], []
    for part in torch.split(rows, question.at_once):
        mean = [torch.zeros_like(one[part], dtype=torch.float64) for one in question.inputs]
        square = [torch.zeros_like(one) for one in mean]
        last: list[Sequence[Tensor]] = []
        for baseline, place in zip(which, along.tolist(), strict=True):
            last = [*last[-2:], _drawn(question, surface, part, baseline, place)]
            for i, one in enumerate(last[-1]):
                mean[i] += one / strata
                if len(last) == 3:
                    square[i] += (last[0][i] - 2 * last[1][i] + one) ** 2
        values.append(mean)
        # A second difference of independent draws has six times the variance of one.
        scale = 6 * (strata - 2) * strata
        errors.append([(one / scale).sqrt() for one in square])
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
