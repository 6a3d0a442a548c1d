"""The corpus that a detector is made from: real images of the catalogue, and fakes made here.

Every real image stands beside one fake of the same size, source and part, and both went through
one encoder by draws of their own, so that size, format and content tell nothing. No photograph or
person is in two parts, and generators are fitted on training originals alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.data.catalogue import load
from auditkit.detection.corpus import COLUMNS, FAKE, IMAGE, NOBODY, REAL, Part, corpus_of
from auditkit.detection.degrading import encoded
from auditkit.detection.generators import KINDS, VERSION, Kind, painter, remaker
from auditkit.detection.keeping import Arrays, kept
from auditkit.detection.reals import (
    CUTS,
    Cut,
    Form,
    Real,
    faces_of,
    promise_of,
    reals_of,
)
from auditkit.detection.remaking import MARGIN
from auditkit.errors import UsageError, suggestion
from auditkit.ranges import MOST, ranged, require_ranges
from auditkit.runtime import Runtime

Pixels = NDArray[np.uint8]

TIMES = {"quick": 1, "full": 2}  # images and steps of each size, in those of a quick one
STEPS = {"autoencoder": 900, "whole": 400, "face": 250}  # of a quick one: GANs by their form
FACES = 10  # squares of each training portrait that a GAN learns from
CLOTHES = 6_000  # training images of fashion that a GAN learns from: the published training part
LEARNED: Mapping[str, Form] = {"fashion-mnist": "whole", "orl-faces": "face"}


@dataclass(frozen=True, kw_only=True)
class CorpusRecipe:
    """Which generators members are fitted on, calibrated on and tested on, and how much there is.

    Members are fitted on all generators of `KINDS` that are named in neither place. quick has about
    6,000 images, full twice as many by generators trained twice as long.
    """

    size: Literal["quick", "full"] = "quick"
    calibrated_on: str = "autoencoder-bilinear"
    tested_on: tuple[str, ...] = ("autoencoder-pixel-shuffle", "gan-non-saturating", "dcgan")
    seed: int = ranged(0, 0, MOST)

    def __post_init__(self) -> None:
        require_ranges(self, "the corpus's recipe")
        if self.size not in TIMES:
            raise UsageError(f"no size {self.size!r} of a corpus; {suggestion(self.size, TIMES)}")
        for one in (self.calibrated_on, *self.tested_on):
            if one not in KINDS:
                raise UsageError(f"no generator {one!r}; {suggestion(one, KINDS)}")
        for part, kinds in self.generators.items():
            if not any(kind.remakes for kind in kinds):
                raise UsageError(
                    f"the part {part.value} of the corpus has no autoencoder, and only these make "
                    "fakes of every source: name one"
                )

    @property
    def generators(self) -> dict[Part, tuple[Kind, ...]]:
        """The kinds of generators of each part."""
        held = (self.calibrated_on, *self.tested_on)
        return {
            Part.TRAIN: tuple(kind for name, kind in KINDS.items() if name not in held),
            Part.CALIBRATION: (KINDS[self.calibrated_on],),
            Part.TEST: tuple(KINDS[name] for name in self.tested_on),
        }


def made_corpus(
    recipe: CorpusRecipe, runtime: Runtime, *, cuts: Sequence[Cut] = CUTS
) -> pd.DataFrame:
    """The corpus of a recipe, from the cache where it is there, else made and kept.

    The recipe's seed counts, not the runtime's. Raises FetchError or ChecksumError where a source
    is not to be had.
    """
    own = replace(runtime, seed=recipe.seed)
    device = runtime.resolved_device().partition(":")[0]
    made_of = f"{TIMES} {STEPS} {FACES} {CLOTHES} {LEARNED} {MARGIN} {promise_of(cuts)}"
    promise = f"{VERSION} {recipe} {KINDS} {made_of} {device}"
    return _unpacked(kept("corpus", promise, lambda: _packed(_made(recipe, cuts, own))))


def _made(recipe: CorpusRecipe, cuts: Sequence[Cut], runtime: Runtime) -> pd.DataFrame:
    reals = reals_of(cuts, runtime, times=TIMES[recipe.size])
    makers = {kind.name: kind for kinds in recipe.generators.values() for kind in kinds}
    chosen = _chosen(reals, recipe.generators)
    fakes: dict[int, tuple[Pixels, str]] = {}
    for name, kind in makers.items():
        places = [place for place, one in chosen.items() if one == name]
        made = _remade if kind.remakes else _painted
        fakes |= made(kind, reals, places, TIMES[recipe.size], runtime)
    rng = runtime.rng("encoding of a corpus")
    rows = []
    for place, one in enumerate(reals):
        if place not in fakes:  # no generator of its part makes such images
            continue
        pixels, original = fakes[place]
        rows.append((encoded(one.pixels, rng), REAL, NOBODY, one, one.original))
        rows.append((encoded(pixels, rng), FAKE, chosen[place], one, original))
    return corpus_of(
        [row[0] for row in rows],
        label=[row[1] for row in rows],
        generator=[row[2] for row in rows],
        source=[row[3].source for row in rows],
        original=[row[4] for row in rows],
        part=[row[3].part.value for row in rows],
    )


def _chosen(reals: Sequence[Real], generators: Mapping[Part, Sequence[Kind]]) -> dict[int, str]:
    """The generator of the fake beside each real image: those that can, in turns."""
    turns: dict[tuple[Part, str, Form], int] = {}
    chosen = {}
    for place, one in enumerate(reals):
        able = [
            kind.name
            for kind in generators[one.part]
            if kind.remakes or (one.source in kind.sources and LEARNED[one.source] == one.form)
        ]
        key = (one.part, one.source, one.form)
        turns[key] = turns.get(key, -1) + 1
        if able:
            chosen[place] = able[turns[key] % len(able)]
    return chosen


def _remade(
    kind: Kind, reals: Sequence[Real], places: Sequence[int], times: int, runtime: Runtime
) -> dict[int, tuple[Pixels, str]]:
    """Fakes by place: each the real image remade, and so of the same original."""
    learned: dict[str, list[Pixels]] = {}
    for one in reals:
        if one.part == Part.TRAIN:
            learned.setdefault(f"{one.source} {one.form}", []).append(one.pixels)
    made = remaker(kind, learned, runtime, steps=STEPS[kind.family] * times)
    images = made.make([reals[place].pixels for place in places], runtime)
    return {
        place: (pixels, reals[place].original) for place, pixels in zip(places, images, strict=True)
    }


def _painted(
    kind: Kind, reals: Sequence[Real], places: Sequence[int], times: int, runtime: Runtime
) -> dict[int, tuple[Pixels, str]]:
    """Fakes by place: each of the real image's source and size, and an original of its own."""
    found = {}
    for source in kind.sources:
        within = [place for place in places if reals[place].source == source]
        learned = _learned(reals, source, runtime)
        steps = STEPS[LEARNED[source]] * times
        made = painter(kind, source, learned, runtime, steps=steps)
        rng = runtime.rng(f"{kind.name} {source}")
        for i, (place, pixels) in enumerate(
            zip(within, made.make(len(within), rng, runtime), strict=True)
        ):
            found[place] = pixels, f"{kind.name}/{source}/{i}"
    return found


def _learned(reals: Sequence[Real], source: str, runtime: Runtime) -> list[Pixels]:
    """What a GAN learns from: images of training originals, more than the corpus holds of them."""
    rng = runtime.rng(f"learned of {source}")
    whole = [one for one in reals if (one.source, one.form) == (source, "whole")]
    if LEARNED[source] == "face":
        portraits = [one.pixels for one in whole if one.part == Part.TRAIN]
        return [face for one in portraits for face in faces_of(one, FACES, rng)]
    held = {one.original for one in whole if one.part != Part.TRAIN}
    images = load(source).frame["image"]
    order = [place for place in rng.permutation(len(images)) if f"{source}/{place}" not in held]
    return [images.iloc[place] for place in order[:CLOTHES]]


def _packed(corpus: pd.DataFrame) -> Arrays:
    images = corpus[IMAGE].tolist()
    text = json.dumps({name: corpus[name].tolist() for name in COLUMNS}).encode()
    return {
        "pixels": np.concatenate([one.ravel() for one in images]),
        "shapes": np.array([one.shape for one in images], dtype=np.int64),
        "columns": np.frombuffer(text, dtype=np.uint8),
    }


def _unpacked(arrays: Arrays) -> pd.DataFrame:
    shapes = arrays["shapes"].astype(np.int64)
    ends = np.cumsum(shapes.prod(axis=1))
    flat = np.split(arrays["pixels"], ends[:-1])
    columns = json.loads(arrays["columns"].tobytes())
    images = [one.reshape(shape) for one, shape in zip(flat, shapes, strict=True)]
    return corpus_of(images, **columns)
