"""Parts exchanged between images: bands hold what is theirs, and nothing is lost or doubled."""

import numpy as np
import pytest
import torch
from torch import Tensor

from auditkit.detection.corpus import ORIGINAL, REAL, SOURCE
from auditkit.detection.patches import grey
from auditkit.detection.swapping import (
    BANDS,
    DRAWS,
    EDGES,
    MIDDLES,
    REGIONS,
    Lens,
    exchange_of,
    stand_in,
    suspicious,
    swapped,
)
from tests.detectors import RUNTIME, planted_corpus, tiny_detector

SIZES = ((16, 16), (28, 28), (31, 64), (64, 64))


def wave(frequency: float, side: int = 32) -> Tensor:
    """A ripple along rows around a middle grey, as bytes would hold it."""
    along = 0.5 + 0.1 * torch.cos(2 * torch.pi * frequency * torch.arange(side))
    return (along.expand(1, side, side) * 255).round() / 255


def out(lens: Lens, *places: int) -> Tensor:
    taken = torch.zeros(1, len(lens.players), dtype=torch.bool)
    taken[0, list(places)] = True
    return taken


def noise(seed: int = 0) -> Tensor:
    drawn = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed)) / 2 + 0.25
    return (drawn * 255).round() / 255


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lens", [BANDS, REGIONS], ids=lambda one: one.name)
def test_every_place_is_shared_out_once(lens: Lens, size: tuple[int, int]) -> None:
    whole = lens.shares(*size).sum(0)
    if lens.frequencies:
        assert whole[0, 0] == 0  # the mean brightness is nobody's
        whole[0, 0] = 1
    assert torch.allclose(whole, torch.ones_like(whole), atol=1e-5)


@pytest.mark.parametrize("lens", [BANDS, REGIONS], ids=lambda one: one.name)
def test_an_image_is_as_it_was_where_nothing_is_exchanged(lens: Lens) -> None:
    none = torch.zeros(3, len(lens.players), dtype=torch.bool)
    assert torch.allclose(swapped(lens, noise(), noise(1), none), noise(), atol=1e-6)


@pytest.mark.parametrize("lens", [BANDS, REGIONS], ids=lambda one: one.name)
def test_it_is_the_other_image_where_all_is_exchanged(lens: Lens) -> None:
    own, other = noise(), noise(1)
    if lens.frequencies:
        other = other + own.mean((1, 2), keepdim=True) - other.mean((1, 2), keepdim=True)
    every = torch.ones(3, len(lens.players), dtype=torch.bool)
    assert (swapped(lens, own, other, every) - other).abs().max() < 0.6 / 255


@pytest.mark.parametrize(("place", "frequency"), [(1, 0.09375), (4, 0.28125), (7, 0.46875)])
def test_a_ripple_goes_with_its_own_band_alone(place: int, frequency: float) -> None:
    ripple, flat = wave(frequency), torch.full((1, 32, 32), 128 / 255)
    assert EDGES[place] < frequency < EDGES[place + 1]
    rest = [one for one in range(len(BANDS.players)) if one != place]
    assert swapped(BANDS, ripple, flat, out(BANDS, place)).std() < 0.003
    assert torch.allclose(swapped(BANDS, ripple, flat, out(BANDS, *rest)), ripple, atol=1.1 / 255)


def test_a_checkerboard_is_above_one_half() -> None:
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 0.2 + 0.4
    without = swapped(BANDS, board[None], torch.full((1, 32, 32), 0.5), out(BANDS, 8))
    assert without.std() < 0.003


def test_bands_are_drawn_within_their_edges() -> None:
    assert all(a < m < b for a, m, b in zip(EDGES, MIDDLES, EDGES[1:], strict=False))


def test_a_region_changes_its_own_pixels_and_a_few_beside() -> None:
    own, other = torch.zeros(1, 32, 32), torch.ones(1, 32, 32)
    mixed = swapped(REGIONS, own, other, out(REGIONS, 5))[0]  # rows and columns 8 to 15
    assert bool((mixed[10:14, 10:14] == 1).all())
    assert bool((mixed[:6] == 0).all())
    assert bool((mixed[18:] == 0).all())


def test_what_stands_in_has_the_brightness_and_contrast_of_the_square() -> None:
    rng = np.random.default_rng(0)
    square = (0.4 + 0.05 * rng.normal(size=(20, 20))).astype(np.float32)
    image = rng.integers(60, 200, (3, 40, 50)).astype(np.uint8)
    found = stand_in(square, image, rng)
    assert found is not None
    assert found.shape == (20, 20)
    assert found.mean() == pytest.approx(square.mean(), abs=1e-4)
    assert found.std() == pytest.approx(square.std(), rel=1e-3)


def test_a_flat_image_is_not_stretched_until_its_grain_shows() -> None:
    rng = np.random.default_rng(0)
    square = rng.uniform(size=(20, 20)).astype(np.float32)
    flat = (100 + rng.integers(2, size=(1, 20, 20))).astype(np.uint8)
    found = stand_in(square, flat, rng)
    assert found is not None
    assert found.std() < 0.01  # of .29


def test_nothing_stands_in_for_a_square_that_is_larger_than_the_image() -> None:
    square = np.zeros((20, 20), np.float32)
    assert stand_in(square, np.zeros((1, 19, 90), np.uint8), np.random.default_rng(0)) is None


def test_the_most_suspicious_square_is_the_one_that_was_enlarged() -> None:
    images = planted_corpus(3, generators=("zeros",), side=64, seed=3)["image"]
    beside = [np.concatenate([images[i], images[i + 1]], axis=2) for i in (0, 2, 4)]
    found = suspicious(tiny_detector(), beside, RUNTIME)
    for square, image in zip(found, (images[1], images[3], images[5]), strict=True):
        assert np.array_equal(square, grey(image))


def test_pieces_are_never_of_the_same_photograph_and_of_its_own_source() -> None:
    rows = planted_corpus(5, sources=("meadow", "sea"), seed=4)
    reals = rows[rows["label"] == REAL]
    known = np.stack([grey(one).ravel() for one in reals["image"]])
    given = exchange_of(tiny_detector(), rows, reals, RUNTIME, np.random.default_rng(0))
    for pieces, (_, row) in zip(given.others, rows.iterrows(), strict=True):
        assert len(pieces) == DRAWS
        for piece in pieces:
            whose = reals.iloc[np.corrcoef(piece.ravel(), known)[0, 1:].argmax()]
            assert whose[ORIGINAL] != row[ORIGINAL]
            assert whose[SOURCE] == row[SOURCE]


def test_a_square_is_left_out_where_other_photographs_are_too_few() -> None:
    reals = planted_corpus(DRAWS, generators=(), seed=4)  # each has two others, and needs three
    given = exchange_of(tiny_detector(), reals, reals, RUNTIME, np.random.default_rng(0))
    assert given.others == [[]] * DRAWS
    assert list(given.by_size()) == []
