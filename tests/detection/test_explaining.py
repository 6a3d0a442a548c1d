"""Bands and regions that were planted are found, and none where nothing was planted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from auditkit.attribution.judging.verdicts import Verdict
from auditkit.detection.calibration import calibrated
from auditkit.detection.corpus import FAKE, LABEL, NOBODY, ORIGINAL, REAL
from auditkit.detection.explaining import (
    Evidence,
    contrasts,
    deletion,
    evidence,
    grounds,
    pictured,
    strongest,
)
from auditkit.detection.files import Detector
from auditkit.detection.members.table import MEMBERS, VOTING
from auditkit.detection.panel import Panel, read
from auditkit.detection.patches import grey
from auditkit.detection.swapping import BANDS, CELLS, REGIONS, Exchange, exchange_of, scored
from auditkit.errors import DataError
from tests.detectors import RUNTIME, photograph, planted_corpus, tiny_detector

BAND = "from 0.25 to 0.31"


def grained(n: int, seed: int, *, strength: float = 4.0) -> pd.DataFrame:
    """Photographs and, as fakes, other photographs with grain of one band of frequencies."""
    rng = np.random.default_rng(seed)
    corpus = planted_corpus(n, generators=("nearest",), seed=seed)
    down, right = np.fft.fftfreq(32), np.fft.rfftfreq(32)
    radius = np.hypot(down[:, None], right)
    within = (radius > 0.25) & (radius < 0.3125)
    images = corpus["image"].tolist()
    for place in np.flatnonzero(corpus[LABEL] == FAKE):
        grain = np.fft.irfft2(within * np.fft.rfft2(rng.normal(size=(32, 32))), s=(32, 32))
        taken = photograph("meadow", rng) + strength * grain / grain.std()
        images[place] = taken.round().clip(0, 255).astype(np.uint8)[None]
        corpus.loc[place, ORIGINAL] = f"other {seed} {place}"
    return corpus.assign(image=images)


def reader_of_one_band() -> Detector:
    """A detector whose only feature is the spectrum's height in BAND."""
    panel, known = Panel().eval(), grained(40, 7)
    member, fake = panel.members["azimuthal"], torch.tensor((known[LABEL] == FAKE).to_numpy())
    seen = torch.stack([torch.from_numpy(grey(one))[None] for one in known["image"]])
    with torch.no_grad():
        features = member.features(seen)
        rings = (features[fake].mean(0) - features[~fake].mean(0)).topk(3).indices
        for one in panel.parameters():
            one.zero_()
        member.linear.weight[0, rings] = 1.0
    readings = read(panel, list(known["image"]), RUNTIME)
    law = calibrated(readings, fake.numpy(), known[ORIGINAL])
    return Detector(panel=panel, calibration=law)


def exchanged(detector: Detector, rows: pd.DataFrame, seed: int = 0) -> Exchange:
    reals = rows[rows[LABEL] == REAL]
    return exchange_of(detector, rows, reals, RUNTIME, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def reader() -> Detector:
    return reader_of_one_band()


@pytest.mark.parametrize("seed", range(3))
def test_the_band_of_the_grain_is_found(reader: Detector, seed: int) -> None:
    rows = grained(16, 20 + seed)
    told = contrasts(evidence(reader, exchanged(reader, rows), BANDS, RUNTIME), rows)
    best = strongest(told)["nearest"]
    assert best.part == BAND
    assert best.gap.low > 0.3
    assert [one.part for one in told if one.gap.low > 0.1] == [BAND]


@pytest.mark.parametrize("seed", range(5))
def test_no_band_is_found_where_there_is_no_such_grain(reader: Detector, seed: int) -> None:
    rows = grained(16, 40 + seed, strength=0.0)
    told = contrasts(evidence(reader, exchanged(reader, rows), BANDS, RUNTIME), rows)
    assert all(one.gap.low <= 0 for one in told)


def test_a_member_that_says_nothing_has_no_evidence(reader: Detector) -> None:
    rows = grained(8, 3)
    found = evidence(reader, exchanged(reader, rows), BANDS, RUNTIME)
    columns = list(MEMBERS)
    assert np.abs(found.values[:, :, 1 + columns.index("cosine")]).max() == 0
    assert np.abs(found.values[:, :, 1 + columns.index("azimuthal")]).max() > 1


def test_the_order_of_the_planted_band_holds_and_a_shuffled_one_fails(reader: Detector) -> None:
    rows = grained(24, 11)
    rows = rows[rows[LABEL] == FAKE]
    given = exchange_of(reader, rows, grained(24, 12), RUNTIME, np.random.default_rng(0))
    found = evidence(reader, given, BANDS, RUNTIME)
    held = deletion(reader, given, found, RUNTIME)
    assert held.judged.verdict is Verdict.TRUSTED
    curves = held.curves.iloc[2:-1]  # of one part alone chance says as much
    assert (curves["weightiest first"] < curves["random order"]).all()
    assert (curves["random order"] < curves["lightest first"]).all()
    rng = np.random.default_rng(0)
    verdicts = [
        deletion(reader, given, shuffled(found, rng), RUNTIME).judged.verdict for _ in range(5)
    ]
    assert verdicts.count(Verdict.TRUSTED) <= 1


def shuffled(found: Evidence, rng: np.random.Generator) -> Evidence:
    """The evidence of each square, dealt out to its parts anew."""
    order = rng.permuted(np.tile(np.arange(len(found.lens.players)), (len(found.falls), 1)), axis=1)
    falls, rises = (
        np.take_along_axis(one, order[:, :, None], axis=1) for one in (found.falls, found.rises)
    )
    return replace(found, falls=falls, rises=rises)


def test_the_curves_begin_at_the_score_and_all_end_together(reader: Detector) -> None:
    rows = grained(6, 5)
    given = exchanged(reader, rows)
    found = evidence(reader, given, BANDS, RUNTIME)
    curves = deletion(reader, given, found, RUNTIME).curves
    own = scored(reader, torch.from_numpy(np.stack(given.squares)), RUNTIME)[:, 0].mean()
    assert curves.iloc[0, 1:].to_numpy() == pytest.approx(float(own))
    assert np.ptp(curves.iloc[-1, 1:].to_numpy()) < 1e-9
    assert curves["share"].tolist() == pytest.approx([i / 9 for i in range(10)])


def pasted(n: int, seed: int, *, generator: str | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Photographs of 64 x 64 with a quarter in a drawn corner from a fake, and that corner."""
    names = ("zeros",) if generator is None else (generator,)
    both = planted_corpus(2 * n, generators=names, seed=seed, side=64)
    reals, fakes = (both[both[LABEL] == one].reset_index(drop=True) for one in (REAL, FAKE))
    corners = np.random.default_rng(seed).integers(4, size=n)
    images = []
    for place, corner in enumerate(corners):
        image = reals["image"][place].copy()
        other = (fakes if generator else reals)["image"][n + place]
        y, x = 32 * (corner // 2), 32 * (corner % 2)
        shift = image[0, y : y + 32, x : x + 32].mean() - other[0, y : y + 32, x : x + 32].mean()
        piece = other[:, y : y + 32, x : x + 32] + shift
        image[:, y : y + 32, x : x + 32] = piece.round().clip(0, 255)
        images.append(image)
    return fakes.head(n).assign(image=images), corners


def corner_of(values: np.ndarray) -> np.ndarray:
    """The corner with the most evidence, (n,), from that of the 16 regions (n, 16)."""
    grid = values.reshape(-1, 2, CELLS // 2, 2, CELLS // 2).sum((2, 4))
    return grid.reshape(-1, 4).argmax(1)


def test_the_region_that_was_pasted_is_found_and_a_real_one_is_not() -> None:
    found = {}
    for generator in ("zeros", None):
        rows, corners = pasted(10, 2, generator=generator)
        reals = planted_corpus(12, generators=(), seed=77, side=64)
        given = exchange_of(tiny_detector(), rows, reals, RUNTIME, np.random.default_rng(0))
        told = evidence(tiny_detector(), given, REGIONS, RUNTIME)
        found[generator] = (corner_of(told.values[:, :, 0]) == corners).mean()
    assert found["zeros"] > 0.8
    assert found[None] < 0.6  # chance is a quarter


def test_evidence_counts_an_original_once() -> None:
    rows = planted_corpus(4, generators=("nearest",), seed=1)
    falls = np.zeros((len(rows), len(BANDS.players), 1 + len(MEMBERS)))
    falls[rows[LABEL] == FAKE] = 1.0
    found = Evidence(lens=BANDS, falls=falls, rises=falls)
    twice = pd.concat([rows, rows.tail(1)])
    again = Evidence(
        lens=BANDS, falls=np.concatenate([falls, falls[-1:]]), rises=falls[[*range(8), 7]]
    )
    for one, other in zip(contrasts(found, rows), contrasts(again, twice), strict=True):
        assert one.fakes.n == other.fakes.n == 4
        assert one.gap.value == other.gap.value == 1
        assert NOBODY not in (one.generator, other.generator)


def test_squares_larger_than_any_real_image_have_no_evidence() -> None:
    rows = planted_corpus(4, seed=1)
    small = planted_corpus(4, generators=(), seed=2, side=16)
    given = exchange_of(tiny_detector(), rows, small, RUNTIME, np.random.default_rng(0))
    found = evidence(tiny_detector(), given, BANDS, RUNTIME)
    assert np.isnan(found.values).all()
    assert strongest(contrasts(found, rows)) == {}
    with pytest.raises(DataError, match="no real image is as large"):
        deletion(tiny_detector(), given, found, RUNTIME)


def test_a_picture_of_a_large_square_is_half_as_large() -> None:
    rows = planted_corpus(3, generators=(), seed=1, side=64)
    square = np.full((64, 64), 0.25, np.float32)
    values = np.zeros((1, CELLS * CELLS, 1 + len(MEMBERS)))
    values[0, 0] = 2.0
    given = Exchange(rows=rows.head(1), squares=[square], others=[[]])
    grey, scores = pictured(given, Evidence(lens=REGIONS, falls=values, rises=values), 0)
    assert grey.shape == scores.shape == (32, 32)
    assert (grey == 0.25).all()
    assert scores[0, 0] == 2
    assert (scores[:, 10:] == 0).all()


def test_grounds_count_the_members_above_their_edges() -> None:
    many = len(VOTING)
    law = replace(tiny_detector().calibration, edges=(2.0,) * len(MEMBERS))
    answer = dict.fromkeys(MEMBERS, 1.9) | {"azimuthal": 2.1, "cosine": 6.25, "pixels": 9.0}
    assert grounds(answer, law) == (
        f"2 of {many} members find it suspicious, most by cosine transform of blocks "
        "(+6.2 standard deviations of real images)"
    )
    quiet = dict.fromkeys(MEMBERS, -1.0) | {"high-pass": 0.5, "pixels": 9.0}
    assert grounds(quiet, law) == (
        f"0 of {many} members find it suspicious, the closest by what neighbours do not predict "
        "of a pixel (+0.5 standard deviations of real images)"
    )
