"""Planted corpora of real and made images, and a tiny detector that was fitted on one in a second.

Real images are smooth noise with a little grain; a made one is the same at half the size, put back
by a way of enlarging that has the generator's name. Nothing else tells them apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from auditkit.data.tables import Table
from auditkit.detected import DetectorModel
from auditkit.detection.calibration import calibrated
from auditkit.detection.corpus import (
    FAKE,
    GENERATOR,
    LABEL,
    NOBODY,
    ORIGINAL,
    PART,
    REAL,
    SOURCE,
    Part,
    corpus_of,
    corpus_schema,
)
from auditkit.detection.files import Detector
from auditkit.detection.panel import Panel, read
from auditkit.detection.patches import patches
from auditkit.runtime import Runtime
from auditkit.subject import Subject

Pixels = NDArray[np.uint8]
SIDE = 32
ROUGHNESS = {"meadow": 2.0, "sea": 3.0, "desert": 2.5}  # sources: pixels by which noise is blurred
RUNTIME = Runtime(device="cpu")


def _zeros(half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zeros between the pixels, then a kernel that does not divide evenly: a checkerboard."""
    wide = np.zeros((2 * len(half), 2 * half.shape[1]))
    wide[::2, ::2] = half
    # Each pixel is spread over its square; the first keeps more than its share.
    return (
        1.06 * wide
        + 0.98 * np.roll(wide, 1, 0)
        + 0.98 * np.roll(wide, 1, 1)
        + 0.98 * np.roll(wide, (1, 1), (0, 1))
    )


GENERATORS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "nearest": lambda half: half.repeat(2, 0).repeat(2, 1),
    "linear": lambda half: zoom(half, 2, order=1, mode="nearest", grid_mode=True),
    "zeros": _zeros,
    "cubic": lambda half: zoom(half, 2, order=3, mode="nearest", grid_mode=True),
}
UNTRACED = "untraced"  # a generator whose fakes are the photographs themselves


def photograph(source: str, rng: np.random.Generator, side: int = SIDE) -> NDArray[np.float64]:
    """Smooth noise around a grey of its own, in grey levels, with grain."""
    smooth = gaussian_filter(rng.normal(size=(side, side)), ROUGHNESS[source], mode="wrap")
    grain = rng.normal(0, 6, (side, side))
    return rng.uniform(90, 160) + smooth / smooth.std() * rng.uniform(15, 30) + grain


def remade(picture: NDArray[np.float64], generator: str) -> NDArray[np.float64]:
    """Half the size by the mean of squares of four, and enlarged again."""
    if generator == UNTRACED:
        return picture
    half = picture.reshape(len(picture) // 2, 2, picture.shape[1] // 2, 2).mean((1, 3))
    return GENERATORS[generator](half)


def _bytes(picture: NDArray[np.float64]) -> Pixels:
    return picture.round().clip(0, 255).astype(np.uint8)[None]


def planted_corpus(
    n: int,
    *,
    generators: Sequence[str] = ("nearest",),
    sources: Sequence[str] = ("meadow",),
    part: Part = Part.TEST,
    seed: int = 0,
    side: int = SIDE,
) -> pd.DataFrame:
    """n photographs of each source, and the same once made by each generator."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[Pixels, str, str, str, str]] = []
    for source in sources:
        for place in range(n):
            taken, original = photograph(source, rng, side), f"{source} {seed} {place}"
            rows.append((_bytes(taken), REAL, NOBODY, source, original))
            rows += [
                (_bytes(remade(taken, one)), FAKE, one, source, original) for one in generators
            ]
    images, *columns = zip(*rows, strict=True)
    named = zip((LABEL, GENERATOR, SOURCE, ORIGINAL), columns, strict=True)
    return corpus_of(images, **dict(named), **{PART: part.value})


@cache
def tiny_detector(seed: int = 0) -> Detector:
    """Fitted on two generators, calibrated on a third; it knows two sources."""
    sources = ("meadow", "sea")
    learned = planted_corpus(
        30, generators=("nearest", "zeros"), sources=sources, part=Part.TRAIN, seed=seed + 1
    )
    held = planted_corpus(
        40, generators=("linear",), sources=sources, part=Part.CALIBRATION, seed=seed + 2
    )
    panel = _fitted(learned, seed)
    readings = read(panel, list(held["image"]), RUNTIME)
    fake = (held[LABEL] == FAKE).to_numpy()
    facts = {
        "sources": list(sources),
        "generators": ["nearest", "zeros", "linear"],
        "limits": ["It was never tested on diffusion models.", "It was never tested on video."],
    }
    law = calibrated(readings, fake, held[ORIGINAL], source=held[SOURCE])
    return Detector(panel=panel, calibration=law, facts=facts)


def _fitted(corpus: pd.DataFrame, seed: int) -> Panel:
    """Every member by a few steps of gradient descent: enough for what was planted."""
    inputs = torch.from_numpy(np.concatenate([patches(one) for one in corpus["image"]]))[:, None]
    truth = torch.from_numpy((corpus[LABEL] == FAKE).to_numpy(dtype=np.float32))
    weight = torch.where(truth == 1, 0.5 / truth.mean(), 0.5 / (1 - truth.mean()))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        panel = Panel()
        for member in panel.members.values():
            if hasattr(member, "features"):
                with torch.no_grad():
                    features = member.features(inputs)
                    member.mean.copy_(features.mean(0))
                    member.deviation.copy_(features.std(0).clip(1e-4))
            steps = torch.optim.AdamW(member.parameters(), lr=0.02)
            for _ in range(8):
                for batch in torch.randperm(len(inputs)).split(60):
                    steps.zero_grad()
                    loss = torch.nn.functional.binary_cross_entropy_with_logits(
                        member(inputs[batch]), truth[batch], weight[batch]
                    )
                    if loss.requires_grad:  # of patches too small for it a member says nothing
                        loss.backward()
                        steps.step()
    return panel.eval()


@cache
def detecting(
    *,
    generators: tuple[str, ...] = ("nearest", "linear"),
    fakes_made_smaller: bool = False,
    half_too_small: bool = False,
    reals_are_made: bool = False,
) -> Subject:
    """The tiny detector on new images of the sources that it knows, and others that it knows."""
    rows = planted_corpus(60, generators=generators, sources=("meadow", "sea"), seed=7)
    images = list(rows["image"])
    for place, label in enumerate(rows[LABEL]):
        if label == FAKE and fakes_made_smaller:
            images[place] = images[place][:, :28, :28]
        if place % 2 and half_too_small:
            images[place] = images[place][:, :12, :12]
        if label == REAL and reals_are_made:
            images[place] = _bytes(remade(images[place][0].astype(float), "nearest"))
    known = planted_corpus(
        30, generators=("nearest", "zeros"), sources=("meadow", "sea"), part=Part.TRAIN, seed=1
    )
    return detector_subject(rows.assign(image=pd.Series(images)), known=known)


def detector_subject(
    rows: pd.DataFrame, *, known: pd.DataFrame | None = None, detector: Detector | None = None
) -> Subject:
    """A detector (the tiny one) audited on a corpus."""
    table = Table(
        frame=rows, schema=corpus_schema(), name="planted", sha256="0" * 64, apart=ORIGINAL
    )
    return Subject(
        predictor=DetectorModel(
            detector=detector or tiny_detector(), runtime=RUNTIME, name="planted"
        ),
        table=table,
        train=None if known is None else replace(table, frame=known),
        card=None,
        runtime=RUNTIME,
    )
