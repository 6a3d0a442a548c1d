"""The gradient added up on the way from a baseline to a row: integrated gradients."""

import torch
from torch import Tensor

from auditkit.attribution.base import METHODS, Family, Found, Method
from auditkit.attribution.methods.gradients import differentiable, joined
from auditkit.attribution.paths import Walk, walked
from auditkit.attribution.question import Question
from auditkit.attribution.surface import surface_of

AHEAD = 4  # passes' worth of ways that are held at once


def integrated_gradients(
    question: Question, steps: int = 16, tolerance: float = 0.05, most: int = 512
) -> Found:
    """The mean gradient on the straight way from the baseline, times the way.

    steps, tolerance and most are those of `paths.Walk`; with several baselines, the mean over
    them. `note` says how many gradients a row took, and of how many rows the numbers still miss
    the answer's change by more than the tolerance.
    """
    surface = surface_of(question)
    walk = Walk(steps=steps, tolerance=tolerance, most=max(most, steps))
    many = len(question.baseline.rows[0]) if question.baseline.several else 1
    rows = torch.arange(question.rows, device=question.device)
    block = max(1, AHEAD * question.at_once // steps)
    parts, spent, short = [], [], []
    with surface.open() as running:
        for part in torch.split(rows, block):
            end = running.point(tuple(one[part] for one in question.inputs))
            total = [torch.zeros_like(one, dtype=torch.float64) for one in end]
            for which in range(many):
                start = running.point(question.start(part, torch.full_like(part, which)))
                one = walked(running, start, end, part, walk=walk, at_once=question.at_once)
                for sum_, value in zip(total, one.values, strict=True):
                    sum_ += value / many
                spent.append(one.spent)
                short.append(one.short)
            parts.append(surface.folded(total))
    return Found(
        values=joined(parts),
        note=_told(torch.cat(spent), torch.cat(short), tolerance),
    )


def _told(spent: Tensor, short: Tensor, tolerance: float) -> str:
    least, most = int(spent.min()), int(spent.max())
    taken = f"{least}" if least == most else f"{least} to {most}"
    told = f"{taken} gradients a way"
    if bool(short.any()):
        told += (
            f"; on {int(short.sum())} of {len(short)} ways the numbers still miss the answer's "
            f"change by more than {tolerance:.0%}"
        )
    return told


METHODS.register("integrated_gradients")(
    Method(
        name="integrated_gradients",
        family=Family.GRADIENT,
        run=integrated_gradients,
        can=differentiable,
        baseline=True,
        complete=True,
        summary="how the answer reacts, averaged on the way from the baseline, times the way",
        paper="Sundararajan, Taly & Yan 2017",
    )
)
