"""How well the other columns give a sensitive one away, which of them do, and a model's score.

A model that is not given a column can still know it. Half of the rows, drawn at random, are learned
from and the others told apart, so that nothing is known by heart and each interval is that of one
learned rule on rows it never saw. It is a lower bound: a better model may tell more.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from auditkit.bias.groups import label
from auditkit.bias.individual.scaling import Feature
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval, score_limits, z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST = 20  # rows of a group from which it is told apart, half of them learned from
# Of the regression, on Adult's race and age: a tenth of this tolerance is worth nothing and takes
# three times as long, ten times it loses .02 of AUC.
ROUNDS, TOLERANCE, STRENGTH = 100, 1e-3, 0.3
METHOD = "DeLong on rows not learned from, score limits"
TOO_FEW = f"telling groups apart takes two of {LEAST} rows"
ALONE = ["feature", "value", "low", "high"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proxies:
    """What gives a column away: the AUC with which its groups are told apart, .5 being chance.

    together is that of all features at once, undefined without features; alone has a line for
    each feature by itself: feature, value, low, high, the most telling first. best and worst
    name the groups told best and worst, where there are
    more than two and they differ. right is the share of rows whose group is named
    rightly, majority what always naming the commonest gets. left_out maps a group to why it is not
    told apart.
    """

    together: Estimate
    best: str
    worst: str
    right: Estimate
    majority: float
    alone: pd.DataFrame
    left_out: dict[str, str]


def proxies(
    features: Sequence[Feature],
    groups: pd.Series,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
) -> Proxies:
    """How well each feature, and all of them, tell the groups of a column apart.

    features are columns in bins (`scaling.binned`), without the sensitive ones; groups has each
    row's group. All at once are taken by a logistic regression on their bins, one alone by the
    share of each group in its bins. A group with fewer than twenty rows, or with fewer than that
    outside it, is not told apart. Undefined for fewer than two groups, and without features.
    Raises DataError for lengths that differ.
    """
    codes, names = _coded(groups)
    _require_rows(features, codes)
    counts, told = np.bincount(codes, minlength=len(names)), _told(codes, len(names))
    left_out = {
        names[i]: f"fewer than {LEAST} rows{' outside it' * bool(counts[i] >= LEAST)}"
        for i in range(len(names))
        if i not in told
    }
    if not len(told):
        return _nothing(TOO_FEW, left_out)
    if not features:
        return _nothing("there are no features besides the sensitive columns", left_out)
    known, asked = _halves(codes, rng)
    each = [_alone(one, codes, told, (known, asked), confidence) for one in features]
    lines = [(f.name, one.value, one.low, one.high) for f, one in zip(features, each, strict=True)]
    alone = pd.DataFrame(lines, columns=ALONE)
    scores = _together(features, codes, len(names), (known, asked))
    by_group, influence = aucs(scores, codes[asked], told)
    differ = len(told) > 2 and np.ptp(by_group) > 0  # two groups are told equally well
    return Proxies(
        together=_macro(by_group, influence, codes[asked], told, confidence),
        best=names[told[by_group.argmax()]] if differ else "",
        worst=names[told[by_group.argmin()]] if differ else "",
        right=_right(scores, codes[asked], confidence),
        majority=float(counts.max() / len(codes)),
        alone=alone.sort_values("value", ascending=False, kind="stable", ignore_index=True),
        left_out=left_out,
    )


def telling(
    feature: Feature, groups: pd.Series, rng: np.random.Generator, *, confidence: float = 0.95
) -> Estimate:
    """The AUC with which one feature alone, a model's score for instance, tells groups apart.

    As `proxies` has it. Undefined for fewer than two groups of twenty rows.
    """
    codes, names = _coded(groups)
    _require_rows([feature], codes)
    told = _told(codes, len(names))
    if not len(told):
        return undefined(TOO_FEW, n=len(codes), method=METHOD)
    return _alone(feature, codes, told, _halves(codes, rng), confidence)


def _require_rows(features: Sequence[Feature], codes: Ints) -> None:
    wrong = next((one for one in features if len(one.codes) != len(codes)), None)
    if wrong is not None:
        raise DataError(f"{wrong.name} has {len(wrong.codes)} rows, the groups have {len(codes)}")


def _told(codes: Ints, size: int) -> Ints:
    """The groups with rows enough on either side."""
    counts = np.bincount(codes, minlength=size)
    return np.flatnonzero(np.minimum(counts, len(codes) - counts) >= LEAST)


def _nothing(reason: str, left_out: dict[str, str]) -> Proxies:
    return Proxies(
        together=undefined(reason, method=METHOD),
        best="",
        worst="",
        right=undefined(reason),
        majority=math.nan,
        alone=pd.DataFrame(columns=ALONE),
        left_out=left_out,
    )


def aucs(scores: Floats, codes: Ints, told: Ints) -> tuple[Floats, Floats]:
    """AUC of each group of `told` against the rest, (told,), and each row's influence, (n, told).

    scores is (n, groups), codes (n,) the true ones. The squares of a column of influence sum to
    DeLong's variance, those of the columns' mean to that of the mean AUC.
    """
    found = np.empty(len(told))
    influence = np.empty((len(codes), len(told)))
    for column, code in enumerate(told):
        own, score = codes == code, scores[:, code]
        m, k = int(own.sum()), int((~own).sum())
        within = np.empty(len(codes))
        within[own], within[~own] = rankdata(score[own]), rankdata(score[~own])
        above = rankdata(score) - within
        placement = np.where(own, above / k, 1 - above / m)
        found[column] = placement[own].mean()
        size = np.where(own, m, k)
        influence[:, column] = (placement - found[column]) / np.sqrt(size * np.maximum(size - 1, 1))
    return found, influence


def _coded(groups: pd.Series) -> tuple[Ints, list[str]]:
    if isinstance(groups.dtype, pd.CategoricalDtype):
        used = groups.cat.remove_unused_categories()
        codes, levels = used.cat.codes.to_numpy(np.int64), list(used.cat.categories)
    else:
        codes, uniques = pd.factorize(groups)
        levels = list(uniques)
    names = [label(one) for one in levels]
    if (codes < 0).any():
        codes, names = np.where(codes < 0, len(names), codes), [*names, "(missing)"]
    return codes.astype(np.int64), names


def _halves(codes: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Rows to learn from and rows to tell apart, with as many of each group."""
    mixed = rng.permutation(len(codes))
    order = mixed[np.argsort(codes[mixed], kind="stable")]
    return np.sort(order[::2]), np.sort(order[1::2])


def _alone(
    feature: Feature, codes: Ints, told: Ints, halves: tuple[Ints, Ints], confidence: float
) -> Estimate:
    known, asked = halves
    size = int(codes.max()) + 1
    place = feature.codes[known] * size + codes[known]
    table = np.bincount(place, minlength=feature.size * size).reshape(feature.size, size)
    # One row's worth of all rows, for bins that hold few.
    shares = (table + table.sum(axis=0) / table.sum()) / (table.sum(axis=1)[:, None] + 1)
    by_group, influence = aucs(shares[feature.codes[asked]], codes[asked], told)
    return _macro(by_group, influence, codes[asked], told, confidence)


def _together(
    features: Sequence[Feature], codes: Ints, size: int, halves: tuple[Ints, Ints]
) -> Floats:
    known, asked = halves
    design = np.hstack([one.onehot() for one in features])
    model = LogisticRegression(max_iter=ROUNDS, tol=TOLERANCE, C=STRENGTH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough to rank rows by
        model.fit(design[known], codes[known])
    scores = np.zeros((len(asked), size))
    scores[:, model.classes_] = model.predict_proba(design[asked])
    return scores


def _macro(
    by_group: Floats, influence: Floats, codes: Ints, told: Ints, confidence: float
) -> Estimate:
    """The mean AUC of groups, with the score limits of as many trials as give its variance."""
    value = float(by_group.mean())
    variance = float(np.sum(influence.mean(axis=1) ** 2))
    counts = np.bincount(codes)[told]
    fewest = float(np.minimum(counts, len(codes) - counts).min())
    trials = value * (1 - value) / variance if variance > 0 else fewest
    low, high = score_limits(value * max(trials, 1.0), max(trials, 1.0), z_of(confidence))
    return Estimate(
        value=value,
        low=float(low),
        high=float(high),
        n=len(codes),
        method=METHOD,
        confidence=confidence,
    )


def _right(scores: Floats, codes: Ints, confidence: float) -> Estimate:
    hits, n = int((scores.argmax(axis=1) == codes).sum()), len(codes)
    low, high = rate_interval(hits, n, confidence=confidence)
    return Estimate(
        value=hits / n,
        low=float(low),
        high=float(high),
        n=n,
        method="guarded Wilson",
        confidence=confidence,
    )
