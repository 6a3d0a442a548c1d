"""A detector that is fitted in a second: one linear model of all that the linear members read.

It answers questions that need many trainings. What it cannot do, a whole panel may.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from auditkit.detection.corpus import FAKE, IMAGE, LABEL
from auditkit.detection.members.spectral import Linear
from auditkit.detection.members.table import MEMBERS
from auditkit.detection.patches import SMALLEST, patches, stacked

Floats = NDArray[np.float64]

AT_ONCE = 128  # patches whose spectra are taken together
MOST_PATCHES = 2  # of one image: a spectrum is steady, and there are many images
STRENGTH = 0.1  # of the regression, in scikit-learn's C: a hundred features of some hundred images
FLAT = 1e-6  # a feature that varies less says nothing


def spectra(images: Sequence[NDArray[np.uint8]]) -> Floats:
    """What the linear members read of images (1 or 3, height, width), (n, d): means over patches.

    Images have at least `patches.SMALLEST` pixels on a side.
    """
    members = [
        one for one in (made.build() for made in MEMBERS.values()) if isinstance(one, Linear)
    ]
    cut = [_few(patches(one)) for one in images]
    counts = np.array([len(one) for one in cut])
    found = np.zeros((len(cut), sum(len(one.mean) for one in members)))
    with torch.inference_mode():
        for owner, stack in stacked(cut):
            for start in range(0, len(stack), AT_ONCE):
                part = torch.from_numpy(stack[start : start + AT_ONCE])[:, None]
                read = torch.cat([_features(one, part) for one in members], dim=1)
                np.add.at(found, owner[start : start + AT_ONCE], read.double().numpy())
    return np.asarray(found / counts[:, None])


def _features(member: Linear, cut: Tensor) -> Tensor:
    """What a member reads of patches (B, 1, h, w), 0 where they are too small for it."""
    if min(cut.shape[-2:]) < member.least:
        return cut.new_zeros(len(cut), len(member.mean))
    return member.features(cut)


class QuickDetector:
    """A ridge regression of standardised features, both classes weighed alike."""

    def __init__(self, features: Floats, fake: NDArray[np.bool_]) -> None:
        self.mean, self.deviation = features.mean(0), features.std(0)
        self.deviation[self.deviation < FLAT] = np.inf
        self.law = LogisticRegression(C=STRENGTH, max_iter=1000, class_weight="balanced")
        self.law.fit(self._scaled(features), fake)

    def probability(self, features: Floats) -> Floats:
        """The probability of a fake, (n,), where fakes are as many as reals."""
        return np.asarray(expit(self.law.decision_function(self._scaled(features))))

    def _scaled(self, features: Floats) -> Floats:
        return np.asarray((features - self.mean) / self.deviation)


def readable(corpus: pd.DataFrame) -> pd.DataFrame:
    """The rows whose image has at least `patches.SMALLEST` pixels on a side."""
    large = [min(one.shape[1:]) >= SMALLEST for one in corpus[IMAGE]]
    return corpus[large]


def thinned(
    corpus: pd.DataFrame, by: Sequence[str], most: int, rng: np.random.Generator
) -> pd.DataFrame:
    """At most `most` rows of each group by columns, drawn at random, in the order they had."""
    order = pd.Series(rng.permutation(len(corpus)), index=corpus.index)
    rank = order.groupby([corpus[one] for one in by]).rank()
    return corpus[(rank <= most).to_numpy()]


def halved(original: pd.Series, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Half of the originals, drawn at random: which rows are theirs, (n,)."""
    names = np.unique(original.astype(str))
    chosen = rng.permutation(names)[: len(names) // 2]
    return original.astype(str).isin(chosen).to_numpy()


def made(corpus: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows of a corpus are fakes, (n,)."""
    return (corpus[LABEL] == FAKE).to_numpy(dtype=bool)


def _few(cut: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most MOST_PATCHES of an image's patches, spread over it."""
    places = np.linspace(0, len(cut) - 1, min(len(cut), MOST_PATCHES)).astype(int)
    return np.asarray(cut[places])
