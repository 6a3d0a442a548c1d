"""Trained on one generator, asked about another: what a detector's figures are worth elsewhere.

Each detector is a quick one (`quick.QuickDetector`). Half of the originals are learned from and the
others asked about. A generator's fakes stand against real images of their own sources, so that no
source is taken for a generator.

Wang 2020, "CNN-Generated Images Are Surprisingly Easy to Spot... for Now".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.detection.corpus import GENERATOR, IMAGE, NOBODY, ORIGINAL, SOURCE
from auditkit.detection.evaluation import auc, balanced_accuracy
from auditkit.detection.quick import QuickDetector, halved, made, readable, spectra, thinned
from auditkit.errors import DataError
from auditkit.runtime import Runtime, track
from auditkit.statistics.estimate import Estimate

Floats = NDArray[np.float64]

FEWEST = 20  # fakes of a generator and real images of its sources, in each half
MOST = 200  # images of a generator and source that are looked at
OTHERS = "all the others"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A quick detector trained on one generator (or all the others) and asked about one.

    auc says whether it ranks fakes above reals; accuracy whether .5 still parts them, both classes
    weighed alike.
    """

    trained: str
    tested: str
    auc: Estimate
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """Every pair of generators, and each generator against all the others.

    left_out are generators with too few images, and why.
    """

    pairs: tuple[Cell, ...]
    left_one_out: tuple[Cell, ...]
    left_out: dict[str, str]

    @property
    def generators(self) -> tuple[str, ...]:
        """In the order in which they were trained on."""
        return tuple(dict.fromkeys(one.tested for one in self.pairs))

    def of(self, trained: str, tested: str) -> Cell:
        """One pair."""
        return next(c for c in self.pairs if c.trained == trained and c.tested == tested)

    @property
    def hardest(self) -> Cell:
        """The generator that is found worst by a detector of all the others, as ranked."""
        return min(self.left_one_out, key=lambda one: (one.auc.value, one.tested))

    @property
    def least_parted(self) -> Cell:
        """The generator whose fakes .5 parts worst, by a detector of all the others."""
        return min(self.left_one_out, key=lambda one: (one.accuracy.value, one.tested))


def crossed(corpus: pd.DataFrame, runtime: Runtime, *, most: int = MOST) -> Crossed:
    """Train on each generator, and on all others; ask about each. Parts are not looked at.

    Raises DataError where less than two generators have images enough.
    """
    rng = runtime.rng("generator by generator")
    rows = thinned(readable(corpus), [SOURCE, GENERATOR], most, rng).reset_index(drop=True)
    learned = halved(rows[ORIGINAL], rng)
    sets, left_out = _sets(rows, learned)
    if len(sets) < 2:
        raise DataError(
            f"{len(sets)} of the generators has {FEWEST} fakes and real images beside them in "
            "either half of the originals; two are needed to train on one and ask about another"
        )
    every = _Rows(spectra(list(rows[IMAGE])), made(rows), rows[ORIGINAL].to_numpy(), learned)
    trainings = [(name, sets[name]) for name in sets]
    pairs: list[Cell] = []
    for name, own in track(trainings, "generator by generator", len(trainings)):
        pairs += every.cells(name, every.fitted([own]), sets.items())
    alone = [
        cell
        for name, own in sets.items()
        for cell in every.cells(
            OTHERS, every.fitted([sets[o] for o in sets if o != name]), [(name, own)]
        )
    ]
    return Crossed(pairs=tuple(pairs), left_one_out=tuple(alone), left_out=left_out)


def carried(facts: object) -> pd.DataFrame | None:
    """The matrix of the whole panel that a detector's card carries: trained, tested, auc, accuracy.

    None where it carries none, or one that is not to be read.
    """
    if not isinstance(facts, list) or not all(isinstance(one, dict) for one in facts):
        return None
    frame = pd.DataFrame(facts)
    wanted = ["trained", "tested", "auc", "accuracy"]
    if len(frame) == 0 or not set(wanted) <= set(frame.columns):
        return None
    numbers = frame[wanted[2:]].apply(pd.to_numeric, errors="coerce")
    sound = numbers.notna().all().all() and numbers.stack().between(0, 1).all()
    return frame[wanted[:2]].astype(str).join(numbers) if sound else None


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows as a quick detector sees them; learned says which half they are in."""

    features: Floats
    fake: NDArray[np.bool_]
    original: NDArray[np.object_]
    learned: NDArray[np.bool_]

    def fitted(self, sets: Sequence[NDArray[np.bool_]]) -> QuickDetector:
        rows = np.logical_or.reduce(sets) & self.learned
        return QuickDetector(self.features[rows], self.fake[rows])

    def cells(
        self,
        trained: str,
        detector: QuickDetector,
        sets: Iterable[tuple[str, NDArray[np.bool_]]],
    ) -> Iterator[Cell]:
        for name, whose in sets:
            rows = whose & ~self.learned
            said = detector.probability(self.features[rows])
            fake, original = self.fake[rows], self.original[rows]
            yield Cell(
                trained=trained,
                tested=name,
                auc=auc(said, fake, original),
                accuracy=balanced_accuracy(said >= 0.5, fake, original),
            )


def _sets(
    rows: pd.DataFrame, learned: NDArray[np.bool_]
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, str]]:
    """Of each generator, its fakes and the real images beside them; and who has too few."""
    found: dict[str, NDArray[np.bool_]] = {}
    left_out: dict[str, str] = {}
    fake = made(rows)
    for name in sorted(set(rows.loc[fake, GENERATOR].astype(str)) - {NOBODY}):
        own = fake & (rows[GENERATOR] == name).to_numpy()
        beside = ~fake & rows[SOURCE].isin(rows.loc[own, SOURCE]).to_numpy()
        beside = beside if beside.any() else ~fake  # of a user's fakes no source may be known
        fewest = min((half & one).sum() for half in (learned, ~learned) for one in (own, beside))
        if fewest < FEWEST:
            left_out[name] = f"{fewest} images of a class in one half of the originals"
        else:
            found[name] = own | beside
    return found, left_out
