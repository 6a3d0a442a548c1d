"""How well labels can be read out of activations, on rows the probe was not fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from auditkit.errors import DataError
from auditkit.probing.probes.labels import Labels
from auditkit.runtime import Runtime
from auditkit.statistics import classification, multiclass, regression
from auditkit.statistics.estimate import Estimate, undefined

Reader = Literal["ridge", "logistic", "mlp"]
FOLDS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a probe read, each row by a probe that was fitted on others.

    said (n, K) are probabilities of the classes, or (n,) numbers. score is the accuracy, or the
    coefficient of determination of numbers; chance what reading nothing gets of it. auc is the
    area under the curve, of several classes their mean one against all others; undefined for
    numbers. penalties are the ridge or logistic penalties chosen, one for each part.
    """

    labels: Labels
    reader: Reader
    said: np.ndarray
    score: Estimate
    auc: Estimate
    chance: float
    dimensions: int
    penalties: tuple[float, ...]
    seconds: float

    @property
    def bits(self) -> np.ndarray:
        """Bits that each label costs to say once the activations are known, (n,)."""
        if not self.labels.classes:
            raise DataError("bits are of classes; of numbers look at the score")
        rows = np.arange(len(self.labels))
        return np.asarray(-np.log2(np.clip(self.said[rows, self.labels.values], 1e-12, 1)))


def folds_of(labels: Labels, rng: np.random.Generator, folds: int = FOLDS) -> np.ndarray:
    """The part of each row, (n,) int64 from 0: of like classes, never parting what is one's."""
    seed = int(rng.integers(2**31))
    nothing = np.zeros((len(labels), 1))
    if labels.whose is not None:
        order = rng.permutation(labels.whose.max() + 1)[labels.whose]
        split = GroupKFold(folds).split(nothing, groups=order)
    elif labels.classes:
        split = StratifiedKFold(folds, shuffle=True, random_state=seed).split(
            nothing, labels.values
        )
    else:
        split = KFold(folds, shuffle=True, random_state=seed).split(nothing)
    found = np.empty(len(labels), dtype=np.int64)
    for part, (_, held) in enumerate(split):
        found[held] = part
    return found


def read(
    activations: Tensor,
    labels: Labels,
    *,
    reader: Reader = "logistic",
    folds: int = FOLDS,
    runtime: Runtime | None = None,
    split: np.ndarray | None = None,
) -> Reading:
    """What a probe reads out of activations (n, d), cross-validated."""
    clock = perf_counter()
    rng = (runtime or Runtime()).rng(f"probe {labels.name}")
    parts = folds_of(labels, rng, folds) if split is None else split
    x = activations.double().numpy()
    size = (len(labels), len(labels.levels)) if labels.classes else len(labels)
    said = np.zeros(size)
    for part in range(int(parts.max()) + 1):
        held = parts == part
        scaler = StandardScaler().fit(x[~held])
        near, far = scaler.transform(x[~held]), scaler.transform(x[held])
        if labels.classes:
            fitted = LogisticRegression(max_iter=2000).fit(near, labels.values[~held])
            said[np.ix_(held, fitted.classes_)] = fitted.predict_proba(far)
        else:
            said[held] = Ridge().fit(near, labels.values[~held]).predict(far)
    return judged(
        labels,
        said,
        reader=reader,
        dimensions=x.shape[1],
        penalties=(1.0,) * int(parts.max() + 1),
        seconds=perf_counter() - clock,
    )


def judged(
    labels: Labels,
    said: np.ndarray,
    *,
    reader: Reader,
    dimensions: int,
    penalties: tuple[float, ...],
    seconds: float,
) -> Reading:
    """The reading of what probes said of rows they were not fitted on."""
    if labels.classes:
        score = multiclass.accuracy(said.argmax(axis=1) == labels.values)
        area = _area(labels, said)
        chance = labels.majority
    else:
        score = regression.r_squared(labels.values, said)
        area, chance = undefined("these are numbers"), 0.0
    return Reading(
        labels=labels,
        reader=reader,
        said=said,
        score=score,
        auc=area,
        chance=chance,
        dimensions=dimensions,
        penalties=penalties,
        seconds=seconds,
    )


def _area(labels: Labels, said: np.ndarray) -> Estimate:
    if len(labels.levels) == 2:
        return classification.auc(labels.values, said[:, 1])
    each = [
        classification.auc(labels.values == place, said[:, place])
        for place in range(len(labels.levels))
    ]
    return Estimate(
        value=float(np.mean([one.value for one in each])),
        low=float(np.mean([one.low for one in each])),
        high=float(np.mean([one.high for one in each])),
        n=len(labels),
        method="mean of one class against all others",
    )


def read_layers(
    activations: Mapping[str, Tensor],
    labels: Labels,
    *,
    reader: Reader = "logistic",
    folds: int = FOLDS,
    runtime: Runtime | None = None,
) -> dict[str, Reading]:
    """The same of every layer, on the same parts."""
    runtime = runtime or Runtime()
    split = folds_of(labels, runtime.rng(f"probe {labels.name}"), folds)
    return {
        name: read(one, labels, reader=reader, folds=folds, runtime=runtime, split=split)
        for name, one in activations.items()
    }


def as_vectors(activations: object) -> Tensor:
    """Activations as (n, d) float32 on the CPU."""
    return torch.as_tensor(activations, dtype=torch.float32)
