"""Traits of files: read where they are, and not where a picture only looks like it."""

import numpy as np
import pandas as pd
import pytest

from auditkit.detection.degrading import degraded
from auditkit.detection.traits import bytes_a_pixel, frame, jpeg_grid, level_step
from tests.detectors import planted_corpus


@pytest.fixture(scope="module")
def corpus() -> pd.DataFrame:
    return planted_corpus(40, generators=("nearest", "zeros"), sources=("meadow", "sea"), seed=3)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    return degraded(pixels, "jpeg", quality, np.random.default_rng(0))


def test_what_repeats_every_two_pixels_does_not_pass_for_jpeg(corpus: pd.DataFrame):
    assert np.mean([jpeg_grid(one) > 0 for one in corpus["image"]]) < 0.02
    compressed = [jpeg_grid(jpeg(one, 75)) for one in corpus["image"][:40]]
    assert np.mean(np.array(compressed) > 0) > 0.95
    assert jpeg_grid(np.zeros((1, 8, 8), np.uint8)) == 0


@pytest.mark.parametrize("step", [1, 2, 3, 5, 8])
def test_the_step_between_grey_levels_is_read(step: int):
    pixels = np.arange(25, dtype=np.uint8) * step + 7
    assert level_step(pixels.reshape(1, 5, 5)) == step


def test_few_levels_have_no_step():
    assert level_step(np.array([[[0, 255], [0, 255]]], np.uint8)) == 1


def test_a_frame_is_read_off_the_steps_at_the_edge():
    slope = np.tile(90 + 3 * np.arange(16, dtype=np.uint8), (1, 16, 1))
    assert frame(slope) == pytest.approx(0, abs=1e-5)
    board = np.indices((16, 16)).sum(0)[None] % 2 * 90
    # What repeats every two pixels is no frame.
    assert frame(board.astype(np.uint8)) == pytest.approx(0, abs=1e-5)
    corner = np.full((1, 16, 16), 100, np.uint8)
    corner[0, 0] = 0  # one of four sides, of 16 pixels
    sides = [100.5 / 0.5, 1, 1, 1]  # along the other two the frame is in every line alike
    assert frame(corner) == pytest.approx(np.log(np.mean(sides)), rel=1e-5)
    assert frame(np.zeros((1, 4, 4), np.uint8)) == 0


def test_flat_images_take_fewer_bytes_than_noise():
    flat = np.full((1, 64, 64), 7, np.uint8)
    noise = np.random.default_rng(0).integers(256, size=(1, 64, 64)).astype(np.uint8)
    assert bytes_a_pixel(flat) < 0.1 < 0.9 < bytes_a_pixel(noise)
