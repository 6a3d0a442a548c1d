"""The corpus that is made here, of planted sources: nothing but the making tells the classes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from auditkit.data.catalogue import CATALOGUE
from auditkit.data.catalogue.base import cells
from auditkit.data.tables import Table
from auditkit.detection import generators, making, reals, remaking
from auditkit.detection.corpus import (
    FAKE,
    GENERATOR,
    IMAGE,
    LABEL,
    NOBODY,
    ORIGINAL,
    PART,
    REAL,
    SOURCE,
    Part,
    require_corpus,
)
from auditkit.detection.degrading import encoded
from auditkit.detection.generators import KINDS, Kind, painter
from auditkit.detection.making import CorpusRecipe, made_corpus
from auditkit.detection.reals import CUTS, SHARES, Cut, faces_of, parts_of, reals_of
from auditkit.errors import UsageError
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu")
FEW = {Part.TRAIN: 3, Part.CALIBRATION: 2, Part.TEST: 2}
SMALL = (
    Cut(source="photographs", column="scene", counts=FEW),
    Cut(source="orl-faces", column="person", counts=FEW, form="whole"),
    Cut(source="orl-faces", column="person", counts=FEW, form="face"),
    Cut(source="fashion-mnist", counts={one: 8 * n for one, n in FEW.items()}, form="whole"),
    Cut(source="mate-photographs", column="file", counts={Part.TEST: 2}),
)
SIZES = {
    "photographs": (3, 100, 130),
    "orl-faces": (1, 112, 92),
    "fashion-mnist": (1, 28, 28),
    "mate-photographs": (3, 90, 90),
}


def planted(name: str) -> Table:
    """A source of the catalogue, of noise."""
    rng = np.random.default_rng(len(name))
    entry, n = CATALOGUE[name], 120 if name == "fashion-mnist" else 12
    noise = rng.normal(size=(n, *SIZES[name]))
    smooth = gaussian_filter(noise, (0, 0, 2, 2), mode="wrap")
    pixels = (128 + 50 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)
    frame = pd.DataFrame({"image": cells(pixels)})
    if name != "fashion-mnist":
        frame[entry.apart] = [f"{place // 2}" for place in range(n)]  # two images of each
    return Table(frame=frame, schema=entry.schema, name=name, sha256="0" * 64)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Planted sources, next to no training, and a cache of their own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AUDITKIT_CACHE", str(folder))
        patched.setattr(reals, "load", planted)
        patched.setattr(making, "load", planted)
        patched.setattr(making, "STEPS", {"autoencoder": 1, "whole": 1, "face": 1})
        patched.setattr(making, "FACES", 2)
        patched.setattr(making, "CLOTHES", 16)
        patched.setattr(remaking, "BATCH", 2)
        patched.setattr(generators, "RECIPE", replace(generators.RECIPE, batch_size=8))
        yield folder


@pytest.fixture(scope="module")
def corpus(sources: Path) -> pd.DataFrame:
    return made_corpus(CorpusRecipe(), RUNTIME, cuts=SMALL)


def test_every_part_has_its_generators_and_its_sources(corpus: pd.DataFrame) -> None:
    require_corpus(corpus, "it")
    fakes = corpus[corpus[LABEL] == FAKE].groupby(PART)
    assert {part: set(rows[GENERATOR]) for part, rows in fakes} == {
        "train": {"autoencoder-transposed", "autoencoder-nearest", "gan-hinge"},
        "calibration": {"autoencoder-bilinear"},
        "test": {"autoencoder-pixel-shuffle", "gan-non-saturating", "dcgan"},
    }
    assert set(corpus[GENERATOR][corpus[LABEL] == REAL]) == {NOBODY}
    known = {"photographs", "orl-faces", "fashion-mnist"}
    assert {part: set(rows[SOURCE]) for part, rows in fakes} == {
        "train": known,
        "calibration": known,
        "test": known | {"mate-photographs"},
    }


def test_both_classes_have_the_same_sizes_channels_and_sources_in_every_part(
    corpus: pd.DataFrame,
) -> None:
    shapes = corpus[IMAGE].map(lambda one: one.shape)
    counts = corpus.groupby([PART, SOURCE, shapes, LABEL]).size().unstack()
    assert (counts[REAL] == counts[FAKE]).all()


def test_no_original_is_in_two_parts(corpus: pd.DataFrame) -> None:
    assert corpus.groupby(ORIGINAL)[PART].nunique().max() == 1
    remade = corpus[corpus[GENERATOR].str.startswith("autoencoder")]
    assert set(remade[ORIGINAL]) <= set(corpus[ORIGINAL][corpus[LABEL] == REAL])
    painted = corpus[corpus[GENERATOR].isin(["gan-hinge", "gan-non-saturating", "dcgan"])]
    assert painted[ORIGINAL].is_unique


def test_generators_learn_from_nothing_that_is_calibrated_or_tested_on(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "CLOTHES", 1_000)
    shown: list[np.ndarray] = []

    def spied(kind: Kind, learned: Mapping[str, list[np.ndarray]], *_: object, **__: object) -> Any:
        shown.extend(one for images in learned.values() for one in images)
        return SimpleNamespace(make=lambda images, runtime: images)

    monkeypatch.setattr(making, "remaker", spied)
    real = reals_of(SMALL, RUNTIME)
    held = {one.pixels.tobytes() for one in real if one.part != Part.TRAIN and one.form == "whole"}
    making._remade(KINDS["autoencoder-nearest"], real, [0], 1, RUNTIME)
    assert len(shown) == sum(one.part == Part.TRAIN for one in real)
    assert not held & {one.tobytes() for one in shown}
    clothes = making._learned(real, "fashion-mnist", RUNTIME)
    assert len(clothes) == 120 - 8 * (FEW[Part.CALIBRATION] + FEW[Part.TEST])
    assert not held & {one.tobytes() for one in clothes}
    faces = making._learned(real, "orl-faces", RUNTIME)
    portraits = [one for one in real if (one.source, one.form) == ("orl-faces", "whole")]
    assert len(faces) == 2 * sum(one.part == Part.TRAIN for one in portraits)
    assert {one.shape for one in faces} == {(1, 48, 48)}


@pytest.fixture
def without_corpus(
    corpus: pd.DataFrame, sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A cache that has the generators of `corpus`, and not the corpus itself."""
    (tmp_path / "derived").mkdir()
    for one in (sources / "derived").iterdir():
        if not one.name.startswith("corpus"):
            (tmp_path / "derived" / one.name).write_bytes(one.read_bytes())
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path))


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    images = zip(one[IMAGE], other[IMAGE], strict=True)
    rest = one.drop(columns=IMAGE).equals(other.drop(columns=IMAGE))
    return rest and all(np.array_equal(a, b) for a, b in images)


def test_from_the_cache_a_corpus_is_the_same_whatever_the_runtimes_seed(
    corpus: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "reals_of", None)  # nothing is made
    assert same(corpus, made_corpus(CorpusRecipe(), replace(RUNTIME, seed=5), cuts=SMALL))


def test_a_corpus_of_other_fakes_is_not_taken_from_the_cache(
    corpus: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "reals_of", None)
    for name, other in (("MARGIN", 0), ("FACES", 3), ("STEPS", {"autoencoder": 2})):
        with monkeypatch.context() as patched:
            patched.setattr(making, name, other)
            with pytest.raises(TypeError):  # it would be made, and cannot be
                made_corpus(CorpusRecipe(), RUNTIME, cuts=SMALL)


def test_of_a_source_with_too_few_images_each_is_taken_once(sources: Path) -> None:
    greedy = Cut(source="fashion-mnist", counts=dict.fromkeys(Part, 90), form="whole")
    found = [one.original for one in reals_of([greedy], RUNTIME)]
    assert 115 < len(found) == len(set(found)) <= 120


@pytest.mark.usefixtures("without_corpus")
def test_made_again_a_corpus_is_the_same(corpus: pd.DataFrame) -> None:
    assert same(corpus, made_corpus(CorpusRecipe(), RUNTIME, cuts=SMALL))


@pytest.mark.usefixtures("without_corpus")
def test_the_encoder_takes_as_many_of_either_class(
    corpus: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def spied(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = encoded(pixels, rng)
        taken.append(out is not pixels)
        return out

    monkeypatch.setattr(making, "encoded", spied)
    assert same(corpus, made_corpus(CorpusRecipe(), RUNTIME, cuts=SMALL))
    shares = pd.Series(taken).groupby(corpus[LABEL]).mean()
    assert shares[REAL] == pytest.approx(0.6, abs=0.15)
    assert shares[FAKE] == pytest.approx(0.6, abs=0.15)


def test_a_gan_makes_the_same_images_of_the_same_draw(sources: Path) -> None:
    learned = planted("fashion-mnist").frame["image"].tolist()[:16]
    first, again = (
        painter(KINDS["dcgan"], "fashion-mnist", learned, RUNTIME, steps=1) for _ in range(2)
    )
    made = [one.make(3, np.random.default_rng(2), RUNTIME) for one in (first, again)]
    assert all((a == b).all() for a, b in zip(*made, strict=True))
    assert [(one.shape, one.dtype) for one in made[0]] == [((1, 28, 28), np.uint8)] * 3


def test_originals_are_shared_out_as_promised() -> None:
    names = [f"{place}" for place in range(20)]
    parts = parts_of(names, list(Part), np.random.default_rng(0))
    counts = {part: sum(one == part for one in parts.values()) for part in Part}
    assert counts == {part: share * 20 for part, share in SHARES.items()}
    assert set(parts) == set(names)
    assert set(parts_of(names, [Part.TEST], np.random.default_rng(0)).values()) == {Part.TEST}
    # Of three the rounding is of running sums: 1.5, 2.7, 3.
    three = sorted(parts_of(names[:3], list(Part), np.random.default_rng(0)).values())
    assert three == ["calibration", "train", "train"]


def test_a_face_is_the_middle_of_a_portrait_moved_a_little() -> None:
    places = np.arange(112 * 92).reshape(1, 112, 92)
    corners = [
        divmod(int(one[0, 0, 0]), 92)
        for one in faces_of(places, 200, np.random.default_rng(0))  # type: ignore[arg-type]
    ]
    tops, lefts = zip(*corners, strict=True)
    assert (min(tops), max(tops), min(lefts), max(lefts)) == (29, 39, 17, 27)


def test_the_usual_cuts_keep_new_sources_out_of_training() -> None:
    new = {one.source for one in CUTS if Part.TRAIN not in one.counts}
    assert new == {"mate-photographs", "mnist-5k"}
    assert all(Part.CALIBRATION not in one.counts for one in CUTS if one.source in new)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"size": "huge"}, "no size 'huge' of a corpus"),
        ({"calibrated_on": "gan"}, "no generator 'gan'.*gan-hinge"),
        ({"calibrated_on": "dcgan"}, "the part calibration .* has no autoencoder"),
        ({"tested_on": ("dcgan",)}, "the part test .* has no autoencoder"),
        (
            {"tested_on": tuple(one for one in KINDS if one != "autoencoder-bilinear")},
            "the part train .* has no autoencoder",
        ),
        ({"seed": -1}, "seed in the corpus's recipe is -1"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        CorpusRecipe(**wrong)  # type: ignore[arg-type]
