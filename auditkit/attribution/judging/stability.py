"""Stability: does the same row get the same explanation from another seed, another baseline?"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from auditkit.attribution.base import asked
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.judging.ranking import correlation
from auditkit.attribution.question import Cost, Question


def over_seeds(
    method: str, question: Question, scores: Tensor, exists: Tensor, options: Mapping[str, Any]
) -> Tensor:
    """Correlation of a row's players' scores (B, P) with those of another seed, (B,)."""
    runtime = replace(question.runtime, seed=question.runtime.seed + 1)
    again = asked(method, replace(question, runtime=runtime, cost=Cost()), **options)
    return correlation(scores, again.of(question.players), exists)


def over_baselines(
    method: str,
    question: Question,
    scores: Tensor,
    exists: Tensor,
    baselines: tuple[Baseline, ...],
    options: Mapping[str, Any],
) -> Tensor:
    """The mean of the correlations with the scores from each of `baselines`, (B,)."""
    found = []
    for baseline in baselines:
        again = asked(method, replace(question, baseline=baseline, cost=Cost()), **options)
        found.append(correlation(scores, again.of(question.players), exists))
    return torch.stack(found).nanmean(dim=0)
