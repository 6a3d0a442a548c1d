"""The direction of a concept among a layer's numbers, and how well it can be read there.

Three readers give one. X are the activations and c the marks, both less their means within each
stratum (all rows are one stratum where none are given):

means      X'c / c'c, the difference of the means: along it activations move when rows have the
           concept. Haufe et al. 2014 call it the pattern; the closed form of Pahde et al. 2022.
ridge      (X'X + penalty)^-1 X'c, the filter of a linear reader: what to look at in order to tell
           the concept, which may mean to subtract something that has nothing to do with it.
logistic   the same by logistic regression, as Kim et al. 2018 have it.

Kim et al. 2018, "Interpretability Beyond Feature Attribution: Quantitative Testing with Concept
Activation Vectors (TCAV)". Haufe et al. 2014, "On the interpretation of weight vectors of linear
models in multivariate neuroimaging". Pahde et al. 2022, "Navigating Neural Space: Revisiting
Concept Activation Vectors to Overcome Directional Divergence".
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from auditkit.attribution.judging.over_rows import mean_of
from auditkit.errors import DataError, UsageError
from auditkit.probing.concepts.examples import HAS, HAS_NOT, Concept
from auditkit.probing.probes.labels import Labels
from auditkit.probing.probes.reading import folds_of
from auditkit.probing.telling import in_short
from auditkit.runtime import Runtime
from auditkit.statistics import classification
from auditkit.statistics.estimate import Estimate

ConceptReader = Literal["means", "ridge", "logistic"]
PENALTY = 0.01  # of the sum of squares of a standardised number, added to each
CLEAR = 0.995  # of the interval that must lie above .5
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ConceptVector:
    """A concept's direction at a layer.

    direction (d,) float64 is as long as rows with the concept lie ahead of the others along it,
    towards those that have it. auc and accuracy are held out, by directions that were fitted
    without the row: accuracy weighs both kinds alike, so that chance is .5. It is readable where
    the AUC lies above .5 with its whole interval at 99.5 %: folds depend on each other, and of
    noise 6 to 10 % would pass one at 95 %, where 2.5 % should (200 to 1,000 rows). cosine is that
    of the direction with the difference of the means: where it is small, the reader subtracts much
    that is not the concept.
    """

    __repr__ = in_short

    concept: str
    layer: str
    reader: ConceptReader
    direction: Tensor
    auc: Estimate
    accuracy: Estimate
    readable: bool
    cosine: float

    @property
    def reason(self) -> str:
        """Why there is no concept here, "" where there is."""
        if self.readable:
            return ""
        return f"cannot be read here: held-out AUC {self.auc.value:.2f}, where chance has 0.50"


def concept_vector(
    activations: Tensor,
    concept: Concept,
    *,
    layer: str = "",
    reader: ConceptReader = "means",
    given: NDArray[np.int64] | None = None,
    runtime: Runtime | None = None,
) -> ConceptVector:
    """The direction of a concept among activations (n, d), which its marks (n,) belong to.

    given (n,) are classes of each row, the target's for instance: the direction is then that of
    the concept among rows of one class. Raises DataError for a concept that cannot be read here.
    """
    found = fitted(
        activations, concept, layer=layer, reader=reader, given=given, runtime=runtime or Runtime()
    )
    if not found.readable:
        where = f" at {layer!r}" if layer else ""
        raise DataError(
            f"concept {concept.name!r} has no direction{where}: it {found.reason}; take another "
            "layer, or more examples"
        )
    return found


def fitted(
    activations: Tensor,
    concept: Concept,
    *,
    layer: str,
    reader: ConceptReader,
    given: Ints | None,
    runtime: Runtime,
) -> ConceptVector:
    """The same, also where it cannot be read."""
    x, strata = used_of(activations, concept, given)
    marks = concept.marks[concept.used]
    c = centred(marks[None], strata)
    direction = _scaled(directions(x, strata, c, reader)[:, 0], x, strata, marks)
    means = directions(x, strata, c, "means")[:, 0]
    said = _held_out(x, concept, strata, reader, runtime.rng(f"concept {concept.name}"))
    right = (said > 0.5) == (marks == HAS)
    shares = np.where(marks == HAS, (marks == HAS).mean(), (marks == HAS_NOT).mean())
    return ConceptVector(
        concept=concept.name,
        layer=layer,
        reader=reader,
        direction=torch.from_numpy(direction),
        auc=classification.auc(marks == HAS, said),
        accuracy=mean_of(right / (2 * shares)),
        readable=classification.auc(marks == HAS, said, confidence=CLEAR).low > 0.5,
        cosine=_cosine(direction, means),
    )


def used_of(activations: Tensor, concept: Concept, given: Ints | None) -> tuple[Floats, Ints]:
    """The activations (m, d) float64 and strata (m,) of the rows that a concept uses."""
    n = len(activations)
    if activations.ndim != 2:
        raise DataError(
            f"activations of shape {tuple(activations.shape)}: give (n, d), by `vectors`"
        )
    if len(concept) != n or (given is not None and len(given) != n):
        other = len(concept) if len(concept) != n else len(given) if given is not None else 0
        raise DataError(f"{n} rows of activations and {other} of marks: give a mark for each row")
    x = activations.detach().cpu().double().numpy()[concept.used]
    if not np.isfinite(x).all():
        raise DataError("the activations hold NaN or infinity: find the layer where they begin")
    if not (x != x[0]).any():
        raise DataError("the activations are the same in every row: nothing can be read from them")
    strata = np.zeros(len(x), np.int64) if given is None else np.asarray(given)[concept.used]
    return x, np.unique(strata, return_inverse=True)[1]


def within(x: Floats, strata: Ints) -> Floats:
    """The mean of each row's stratum: of (m, d) the same shape."""
    of = np.eye(int(strata.max()) + 1)[strata]  # (m, strata)
    found: Floats = of @ ((of.T @ x) / of.sum(axis=0)[:, None])
    return found


def centred(marks: NDArray[np.int8], strata: Ints) -> Floats:
    """Marks (k, m) of 0 and 1 less the mean of each row's stratum."""
    c = marks.astype(np.float64)
    return c - within(c.T, strata).T


def directions(x: Floats, strata: Ints, marks: Floats, reader: ConceptReader) -> Floats:
    """The readers' directions (d, k) for activations (m, d) and centred marks (k, m)."""
    match reader:
        case "means":  # centred marks see nothing of the strata's own means
            found: Floats = x.T @ marks.T / sizes_of(marks)
        case "ridge":
            found = _ridge(x - within(x, strata), marks)
        case "logistic":
            apart = x - within(x, strata)
            found = np.stack([_logistic(apart, one) for one in marks], axis=1)
        case _:
            raise UsageError(
                f"no reader {reader!r}: there are {', '.join(get_args(ConceptReader))}"
            )
    return found


def along(x: Floats, strata: Ints, slope: Floats, marks: Floats, reader: ConceptReader) -> Floats:
    """A slope (d,) along the direction of each of k centred marks (k, m), as (k,).

    Both closed forms are linear in the marks, so that thousands of random ones cost as much as a
    number a row.
    """
    match reader:
        case "means":
            return np.asarray(marks @ (x @ slope) / sizes_of(marks))
        case "ridge":
            apart = x - within(x, strata)
            spread = _spread(apart)
            z = apart / spread
            return np.asarray(marks @ (z @ _damped(z, slope / spread)))
        case _:
            return np.asarray(slope @ directions(x, strata, marks, reader))


def sizes_of(marks: Floats) -> Floats:
    """Squared lengths of centred marks (k, m)."""
    return np.asarray(np.maximum(np.einsum("km,km->k", marks, marks), 1e-12))


def _ridge(apart: Floats, marks: Floats) -> Floats:
    spread = _spread(apart)
    z = apart / spread
    found = _damped(z, z.T @ marks.T)
    return np.asarray(found / spread[:, None])


def _damped(z: Floats, wanted: Floats) -> Floats:
    """(z'z + penalty)^-1 of (d,) or (d, k)."""
    square = z.T @ z
    square[np.diag_indices_from(square)] += PENALTY * len(z)
    return np.asarray(np.linalg.solve(square, wanted))


def _logistic(apart: Floats, marks: Floats) -> Floats:
    spread = _spread(apart)
    fit = LogisticRegression(C=1 / (PENALTY * len(apart)), max_iter=5000, tol=1e-6)
    weights = fit.fit(apart / spread, marks > 0).coef_[0] / spread
    return np.asarray(weights)


def _spread(apart: Floats) -> Floats:
    spread = apart.std(axis=0)
    return np.where(spread > 1e-9 * max(spread.max(), 1e-12), spread, np.inf)  # dead: no weight


def _scaled(v: Floats, x: Floats, strata: Ints, marks: NDArray[np.int8]) -> Floats:
    """A direction (d,), as long as those that have the concept lie ahead along it."""
    unit = v / max(float(np.linalg.norm(v)), 1e-300)
    c = centred(marks[None], strata)
    return np.asarray(unit * (c[0] @ (x @ unit) / sizes_of(c)[0]))


def _held_out(
    x: Floats, concept: Concept, strata: Ints, reader: ConceptReader, rng: np.random.Generator
) -> Floats:
    """Where each row lies between the two kinds, 0 to 1, by a direction fitted on others."""
    marks = concept.marks[concept.used]
    whose = None
    if concept.whose is not None:
        whose = np.unique(concept.whose[concept.used], return_inverse=True)[1]
    labels = Labels(
        name=concept.name, values=marks.astype(np.int64), levels=("no", "yes"), whose=whose
    )
    found = np.full(len(x), 0.5)
    split = folds_of(labels, rng)
    ahead = x @ _folded(x, strata, marks, split, reader)  # (m, folds)
    for part in range(ahead.shape[1]):
        held, here = split == part, ahead[:, part]
        with_, without = ((split != part) & (marks == mark) for mark in (HAS, HAS_NOT))
        if not (with_.any() and without.any()):
            continue
        one, other = here[with_].mean(), here[without].mean()
        if one != other:
            found[held] = expit(4 * (here[held] - (one + other) / 2) / abs(one - other))
    return found


def _folded(
    x: Floats, strata: Ints, marks: NDArray[np.int8], split: Ints, reader: ConceptReader
) -> Floats:
    """Directions (d, folds), each fitted without the rows of a fold."""
    folds = int(split.max()) + 1
    if reader == "means":
        c = np.zeros((folds, len(x)))
        for part in range(folds):
            rest = split != part
            c[part, rest] = centred(marks[rest][None], _compact(strata[rest]))[0]
        return directions(x, strata, c, reader)
    found = np.zeros((x.shape[1], folds))
    for part in range(folds):
        rest = split != part
        if len(np.unique(marks[rest])) == 2:
            own = _compact(strata[rest])
            c = centred(marks[rest][None], own)
            found[:, part] = directions(x[rest], own, c, reader)[:, 0]
    return found


def _compact(strata: Ints) -> Ints:
    return np.unique(strata, return_inverse=True)[1]


def _cosine(one: Floats, other: Floats) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else float("nan")
