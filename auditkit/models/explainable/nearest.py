"""Which baseline tells a model least: the one that it answers as if it had been told nothing."""

import math
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.attribution.base import question_of
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.players import Players
from auditkit.attribution.question import at_rest
from auditkit.data.schema import Schema, Task
from auditkit.data.tables import classes, labels
from auditkit.runtime import Runtime

LOOKED_AT = 32  # rows are enough: with all hidden, they differ in their lengths alone
RAREST = 1e-6  # as a share: a class that no training row has


def prior_of(reference: pd.DataFrame | None, schema: Schema, task: Task) -> Tensor | None:
    """The share of each class, or of no and yes, among the training rows; None if not known."""
    if reference is None or not len(reference) or schema.target.name not in reference:
        return None
    if task is Task.DECISION:
        share = torch.from_numpy(labels(reference, schema, "the training rows")).double().mean()
        return torch.stack([1 - share, share]).clamp(min=RAREST)
    if task is Task.CLASSES:
        found = torch.from_numpy(classes(reference, schema, "the training rows"))
        counts = torch.bincount(found, minlength=len(schema.target.levels)).double()
        return (counts / counts.sum()).clamp(min=RAREST)
    return None


@torch.no_grad()
def nearest_first(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    players: Players,
    baselines: Mapping[str, Baseline],
    prior: Tensor,
    task: Task,
    runtime: Runtime,
) -> Mapping[str, Baseline]:
    """The baselines, first the one whose answers differ least from the prior (K,).

    What has several rows is never first: it costs as many times more.
    """
    few = torch.arange(min(LOOKED_AT, len(inputs[0])))
    here = few.to(inputs[0].device)
    far = dict.fromkeys(baselines, math.inf)
    with at_rest(module):
        targets = 0 if task is Task.CLASSES else None
        question = question_of(
            module,
            tuple(one[here] for one in inputs),
            targets,
            known={name: one.at(few) for name, one in baselines.items()},
            players=players.at(few),
            runtime=runtime,
        )
        for name, one in baselines.items():
            if not one.several:
                begun = replace(question, baseline=one.at(few)).start(here)
                far[name] = _distance(module(*begun).double().cpu(), prior)
    first = min(far, key=lambda name: far[name])
    return {first: baselines[first], **baselines}


def _distance(answers: Tensor, prior: Tensor) -> float:
    """How far logits (B,) of yes, or (B, K), are from those of the prior (K,), on average.

    In the explained numbers' own scale, where an answer that is all but certain is far off.
    """
    if answers.ndim == 1:
        answers = torch.stack([torch.zeros_like(answers), answers], dim=1)
    missed = answers - prior.log()
    missed = missed - missed.mean(dim=1, keepdim=True)  # what all classes share says nothing
    return float(missed.square().mean(dim=1).sqrt().mean())
