"""How well each row is explained: whom an explanation serves worse can be seen from it."""

import numpy as np
import torch
from numpy.typing import NDArray

from auditkit.attribution.base import METHODS, Attributions
from auditkit.attribution.judging.deletion import chance_of, curves_of
from auditkit.attribution.judging.removal import removal_of
from auditkit.attribution.question import Question


def quality(
    question: Question, found: Attributions, generator: torch.Generator
) -> NDArray[np.float64]:
    """By how much the answer follows an explanation better than a random order, for each row (B,).

    The mean of deletion and insertion in parts of the span of the row's own answer: 0 is chance,
    NaN where nothing moves the answer. found is the explanation of the question's rows, whose
    model is at rest.
    """
    removal = removal_of(question)
    chance = chance_of(removal, generator)
    scores = found.of(question.players)
    if METHODS[found.method].signed:
        scores = scores * chance.sign[:, None]
    return np.asarray(curves_of(removal, scores, chance, generator).quality.numpy())
