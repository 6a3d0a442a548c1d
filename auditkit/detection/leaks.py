"""Whether a corpus gives its labels away by anything but the making: size, quantisation, doubles.

Each question is asked by learning it from some originals and trying it on others. Real and made
images of each source are taken in equal numbers, so that an uneven mixture is not called a leak.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold

from auditkit.detection.corpus import IMAGE, LABEL, ORIGINAL, SOURCE
from auditkit.detection.evaluation import auc
from auditkit.detection.quick import QuickDetector, halved, made, readable, spectra
from auditkit.detection.traits import GROUPS, TRAITS
from auditkit.errors import DataError
from auditkit.runtime import Runtime
from auditkit.statistics.classification import mean_estimate
from auditkit.statistics.estimate import Estimate

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

FOLDS = 5
FEWEST = 20  # images of a class, and originals, below which nothing is learned
SHUFFLES = 10
TREES = 20


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How well a group of traits alone tells fakes from real images; .5 is chance."""

    group: str
    auc: Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class Leaks:
    """What gives labels away.

    traits has a line for each trait: group, trait, real and made (means), auc (of the trait by
    itself, the larger of both directions). sources are those that have both classes.
    """

    probes: Mapping[str, Probe]
    traits: pd.DataFrame
    sources: tuple[str, ...]


def leaks(corpus: pd.DataFrame, runtime: Runtime, *, most: int = 2000) -> Leaks:
    """What traits alone tell, of at most `most` images, cross-validated by original.

    Raises DataError where a class has too few images or originals.
    """
    rng = runtime.rng("leaks")
    rows = evened(corpus, rng, most)
    fake, original = made(rows), rows[ORIGINAL].astype(str).to_numpy()
    _require(rows, fake)
    values = pd.DataFrame(
        {trait.name: [float(trait.read(one)) for one in rows[IMAGE]] for trait in TRAITS}
    )
    seed = int(rng.integers(2**31))
    probes = {
        group: Probe(
            group=group, auc=auc(_guessed(_of(values, group), fake, original, seed), fake, original)
        )
        for group in GROUPS
    }
    return Leaks(
        probes=probes,
        traits=_by_trait(values, fake, original),
        sources=tuple(sorted(set(rows[SOURCE].astype(str)))),
    )


def evened(corpus: pd.DataFrame, rng: np.random.Generator, most: int) -> pd.DataFrame:
    """As many real as made images of each source, drawn at random, at most `most` in all.

    Where no source has both classes, sources are not looked at.
    """
    shuffled = corpus.iloc[rng.permutation(len(corpus))]
    counts = shuffled.groupby([SOURCE, LABEL]).size().unstack(fill_value=0)
    if counts.shape[1] < 2:
        return shuffled.iloc[:0]
    fewest = counts.min(axis=1)
    if fewest.sum() == 0:
        each = int(min(counts.sum().min(), most // 2))
        return shuffled.groupby(LABEL).head(each)
    share = min(1.0, most / (2 * fewest.sum()))
    room = shuffled[SOURCE].map((fewest * share).astype(int)).to_numpy()
    rank = shuffled.groupby([SOURCE, LABEL]).cumcount().to_numpy()
    return shuffled[rank < room]


@dataclass(frozen=True, kw_only=True)
class Doubles:
    """Images that stand in two parts of a corpus, of which a detector may know the answer by heart.

    pixels counts rows whose very image was learned from, originals those whose photograph or
    person was; rows are all that were looked at.
    """

    pixels: int
    originals: int
    rows: int


def doubles(rows: pd.DataFrame, known: pd.DataFrame) -> Doubles:
    """How many of the rows are also among those a detector learned from."""
    seen = {_fingerprint(one) for one in known[IMAGE]}
    return Doubles(
        pixels=sum(_fingerprint(one) in seen for one in rows[IMAGE]),
        originals=int(rows[ORIGINAL].isin(known[ORIGINAL]).sum()),
        rows=len(rows),
    )


def shuffled_labels(
    corpus: pd.DataFrame, runtime: Runtime, *, most: int = 1000, shuffles: int = SHUFFLES
) -> Estimate:
    """AUC of quick detectors that learned labels dealt out at random, on other images: .5.

    A control of how figures here are taken: images of one original get one random label, and were
    they on both sides it would be found. A photograph under two names gets two labels, and is not.
    The mean over shuffles, with Student's interval over them. Raises DataError where there are too
    few originals.
    """
    rng = runtime.rng("shuffled labels")
    rows = evened(readable(corpus), rng, most)
    _require(rows, made(rows))
    features = spectra(list(rows[IMAGE]))
    places, names = pd.factorize(rows[ORIGINAL].astype(str))
    learned = halved(rows[ORIGINAL], rng)
    found = []
    for _ in range(shuffles):
        label = (rng.permutation(len(names)) % 2 == 0)[places]
        if len({*label[learned]}) < 2 or len({*label[~learned]}) < 2:
            continue
        said = QuickDetector(features[learned], label[learned]).probability(features[~learned])
        found.append(auc(said, label[~learned], rows[ORIGINAL].to_numpy()[~learned]).value)
    return mean_estimate(found, most=1.0)


def _guessed(values: Floats, fake: NDArray[np.bool_], original: NDArray[Any], seed: int) -> Floats:
    """What the traits of other originals say of each row: ranks within its fold, in [0, 1].

    Ranks, because classifiers of several folds begin from unlike shares of fakes: pooled as they
    are, traits that say nothing would come out below .5.
    """
    if (values == values[:1]).all():
        return np.full(len(fake), 0.5)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    said = np.full(len(fake), 0.5)
    for fold, (known, asked) in enumerate(folds.split(values, fake, original)):
        if fake[known].all() or not fake[known].any() or len(asked) == 0:
            continue
        telling = _learned(values[known], fake[known], seed + fold)
        said[asked] = rankdata(telling(values[asked])) / (len(asked) + 1)
    return said


def _learned(
    values: Floats, fake: NDArray[np.bool_], seed: int
) -> Callable[[Floats], NDArray[np.float64]]:
    """A forest of several traits; of a single one whether more or less of it means a fake."""
    if values.shape[1] == 1:
        order = rankdata(values[:, 0])
        towards = np.sign(order[fake].mean() - order[~fake].mean())
        return lambda asked: np.asarray(towards * asked[:, 0])
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=10, class_weight="balanced", random_state=seed, n_jobs=1
    ).fit(values, fake)
    return lambda asked: np.asarray(forest.predict_proba(asked)[:, 1])


def _by_trait(
    values: pd.DataFrame, fake: NDArray[np.bool_], original: NDArray[Any]
) -> pd.DataFrame:
    lines = []
    for trait in TRAITS:
        column = values[trait.name].to_numpy()
        found = auc(rankdata(column) / (len(column) + 1), fake, original).value
        lines.append(
            {
                "group": trait.group,
                "trait": trait.title,
                "real": float(column[~fake].mean()),
                "made": float(column[fake].mean()),
                "auc": max(found, 1 - found),
            }
        )
    return pd.DataFrame(lines)


def _of(values: pd.DataFrame, group: str) -> Floats:
    return values[[one.name for one in TRAITS if one.group == group]].to_numpy(dtype=float)


def _require(rows: pd.DataFrame, fake: NDArray[np.bool_]) -> None:
    fewest = min(int(fake.sum()), int((~fake).sum()), int(rows[ORIGINAL].nunique()))
    if fewest < FEWEST:
        raise DataError(
            f"{int((~fake).sum())} real and {int(fake.sum())} made images of "
            f"{rows[ORIGINAL].nunique()} originals, of sources that have both, are too few to "
            f"look for leaks in: {FEWEST} of each are needed"
        )


def _fingerprint(pixels: Pixels) -> str:
    return sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
