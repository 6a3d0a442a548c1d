"""What a score is made of: members standardised and weighed, and the odds that follow from it.

Everything is learned from calibration images; where one of them is scored itself, what it is scored
by was learned from others, as for a new image.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from auditkit.detection.conformal import once_each
from auditkit.detection.detail import Detail
from auditkit.detection.members.table import Member

Floats = NDArray[np.float64]
Labels = NDArray[Any]

LEAST = 1e-9  # standard deviation of a member that says the same of all
RIDGE = 0.03  # how little the members' weights are held back; their logits are standardised
FOLDS = 5


def standardised(logits: Floats, original: Labels) -> tuple[Floats, Floats, Floats]:
    """Mean and deviation of each member's logits, each original once; and them standardised.

    Those of an original by all others, as a new image is: by its own, a rare one would hide in
    the deviation that it makes.
    """
    weight, originals = once_each(original)
    codes = pd.factorize(original)[0]
    centre = np.average(logits, axis=0, weights=weight)
    moved = (logits - centre) * weight[:, None]
    sums, squares = np.zeros((2, originals, logits.shape[1]))
    np.add.at(sums, codes, moved)
    np.add.at(squares, codes, moved * (logits - centre))
    spread = np.sqrt(squares.sum(axis=0) / originals).clip(LEAST)
    off = (0 - sums) / (originals - 1)  # the mean of the others, from that of all
    others = np.sqrt(((squares.sum(axis=0) - squares) / (originals - 1) - off**2).clip(LEAST**2))
    return centre, spread, (logits - centre - off[codes]) / others[codes]


def weighed(
    members: Floats,
    spectra: Floats,
    fake: NDArray[np.bool_],
    original: Labels,
    table: Mapping[str, Member],
) -> tuple[Floats, Detail, Floats]:
    """Weights (members,) of those that vote, what detail does, and scores (n,) by others' laws.

    An original is scored by the weights of folds without it: as a new image is.
    """
    voting = np.array([not one.control for one in table.values()])
    fold = pd.factorize(original)[0] % FOLDS
    score = np.empty(len(members))
    for one in range(FOLDS):
        out = fold == one
        weights, detail = _law(members, spectra, fake, original, ~out, voting)
        score[out] = detail.beside(members[out] @ weights, spectra[out])
    every = np.ones(len(members), dtype=bool)
    return *_law(members, spectra, fake, original, every, voting), score


def _law(
    members: Floats,
    spectra: Floats,
    fake: NDArray[np.bool_],
    original: Labels,
    at: NDArray[np.bool_],
    voting: NDArray[np.bool_],
) -> tuple[Floats, Detail]:
    """Weights, by a ridge regression of the rows `at`, and how real scores go with detail.

    No weight is below 0, and they sum to 1, so that folds and all of them speak of one scale; where
    no member ranks better than chance all weigh alike.
    """
    weight, known = np.zeros(at.sum()), len(pd.unique(original[at]))
    for one in (fake[at], ~fake[at]):
        weight[one], originals = once_each(original[at][one])
        weight[one] *= known / (2 * originals)
    law = LogisticRegression(C=RIDGE, max_iter=1000)
    law.fit(members[at][:, voting], fake[at], weight)
    found = np.zeros(len(voting))
    found[voting] = law.coef_[0].clip(0)
    weights = np.asarray(found / found.sum() if found.any() else voting / voting.sum())
    real = at & ~fake
    return weights, Detail.of(members[real] @ weights, spectra[real], original[real])


def odds_of(score: Floats, fake: NDArray[np.bool_], original: Labels) -> tuple[float, float, float]:
    """Slope, intercept, and the most certain that so many originals allow.

    Both classes weigh alike; the outcomes are Platt's, short of 0 and 1, so that no separation
    makes the slope endless. A panel that ranks calibration images no better than chance knows
    nothing: its probability is always a half.

    Platt 1999, "Probabilistic outputs for support vector machines".
    """
    weight, outcome = np.zeros(len(score)), np.zeros(len(score))
    for one in (fake, ~fake):
        weight[one], originals = once_each(original[one])
        weight[one] /= weight[one].sum()
        surest = (originals + 1) / (originals + 2)
        outcome[one] = surest if one is fake else 1 - surest
    doubled = np.concatenate([score, score])[:, None]
    truth = np.repeat([1, 0], len(score))
    weights = np.concatenate([weight * outcome, weight * (1 - outcome)])
    law = LogisticRegression(C=1e6, max_iter=1000).fit(doubled, truth, len(score) * weights)
    slope = float(law.coef_[0, 0])
    fewest = min(len(pd.unique(original[one])) for one in (fake, ~fake))
    most = (fewest + 1) / (fewest + 2)
    return (slope, float(law.intercept_[0]), most) if slope > 0 else (0.0, 0.0, most)
