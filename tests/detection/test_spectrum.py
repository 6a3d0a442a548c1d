import numpy as np
import pytest
import torch
from torch import nn

from auditkit.detection.spectrum import beside_real, nyquist_share
from auditkit.errors import DataError
from tests.generated import checkered
from tests.subjects import quadrants


def clouds(n: int, seed: int, side: int = 32) -> np.ndarray:
    """Images with less power the finer it is, as photographs have, (n, 1, side, side)."""
    rng = np.random.default_rng(seed)
    down, right = np.fft.fftfreq(side), np.fft.fftfreq(side)
    fall = 1 / (0.03 + np.hypot(down[:, None], right))
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(n, side, side))) * fall).real
    scaled = 128 + 40 * noise / noise.std(axis=(1, 2), keepdims=True)
    return np.clip(scaled, 0, 255).astype(np.uint8)[:, None]


def transposed(n: int, seed: int) -> np.ndarray:
    """Clouds of half the side through a transposed convolution whose kernel overlaps unevenly."""
    small = torch.from_numpy(clouds(n, seed, 16)).float() / 255
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        layer = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False)
        layer.weight.copy_(torch.full((1, 1, 3, 3), 1 / 3))
        made = layer(small)
    return made.mul(200).clamp(0, 255).to(torch.uint8).numpy()


def test_a_checkerboard_has_all_its_power_at_the_highest_frequency():
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 200 + 20).astype(np.uint8)
    stripes = (np.indices((8, 8))[1] % 2 * 200).astype(np.uint8)
    assert nyquist_share(board[None, None]).tolist() == pytest.approx([1.0])
    assert nyquist_share(stripes[None, None]).tolist() == pytest.approx([1.0])
    assert nyquist_share(board[None, None].repeat(3, axis=1)).tolist() == pytest.approx([1.0])
    assert nyquist_share(np.full((1, 1, 8, 8), 9, np.uint8)).tolist() == [0.0]
    coarse = (np.indices((8, 8))[1] // 4 * 200).astype(np.uint8)
    assert nyquist_share(coarse[None, None])[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_transposed_convolution_is_found_and_two_halves_of_real_images_are_not(seed: int):
    rng = np.random.default_rng(seed)
    real, other = clouds(200, seed), clouds(200, seed + 100)
    made = beside_real(real, transposed(200, seed), rng)
    assert made.checkerboard.low > 6
    assert made.name == "every 2 pixels"
    alike = beside_real(real, other, rng)
    assert alike.checkerboard.low < 3
    assert alike.checkerboard.low < 0 < alike.checkerboard.high
    assert alike.widest.low < 0.5
    assert alike.checkerboard.value < 3 * alike.grid_floor + 1


def test_a_faint_checkerboard_among_noise_is_found_and_grows_with_its_strength():
    found = [
        beside_real(
            quadrants(300, seed=1),
            checkered(quadrants(300, seed=2), grey),
            np.random.default_rng(0),
        )
        for grey in (0, 10, 30)
    ]
    rise = [one.checkerboard.value for one in found]
    assert found[0].checkerboard.low < 0.5
    assert rise[1] < rise[2]
    assert found[2].nyquist[1] > 2 * found[2].nyquist[0]


def test_a_grid_of_four_pixels_is_told_from_one_of_two():
    spots = clouds(200, 1).astype(int)
    spots[:, :, ::4, ::4] += 30
    found = beside_real(
        clouds(200, 2), np.clip(spots, 0, 255).astype(np.uint8), np.random.default_rng(0)
    )
    assert found.name in ("every 4 pixels", "every 2 pixels")  # dots have all their harmonics
    by = found.grids.set_index("grid")["difference"]
    assert by["every 4 pixels"] > 3
    assert by["every 8 pixels"] < 1


def test_images_without_fine_detail_lack_power_at_high_frequencies():
    real = clouds(100, 0)
    blurred = (real.astype(float) + np.roll(real, 1, 2) + np.roll(real, 1, 3)) / 3
    found = beside_real(real, blurred.astype(np.uint8), np.random.default_rng(0))
    frequency, difference = found.apart
    assert frequency > 0.3
    assert difference < -2
    assert found.widest.low > 1


def test_twice_the_contrast_is_six_decibels_at_every_frequency():
    real = clouds(60, 0) // 2 + 64
    double = ((real.astype(int) - 128) * 2 + 128).clip(0, 255).astype(np.uint8)
    found = beside_real(real, double, np.random.default_rng(0))
    assert found.bands["difference"].to_numpy() == pytest.approx(6.02, abs=0.3)
    assert found.checkerboard.value == pytest.approx(0, abs=0.3)


def test_what_cannot_be_compared_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match=r"real images are \(1, 32, 32\), made ones \(1, 16, 16\)"):
        beside_real(clouds(20, 0), clouds(20, 0, 16), rng)
    with pytest.raises(DataError, match="give 20 or more"):
        beside_real(clouds(20, 0), clouds(19, 0), rng)
    odd = np.zeros((20, 1, 9, 9), np.uint8)
    with pytest.raises(DataError, match="hold no grid of 2 pixels"):
        beside_real(odd, odd, rng)
