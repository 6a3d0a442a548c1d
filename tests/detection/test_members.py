import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.fft import dctn

from auditkit.detection.members.convolutional import HighPass, neighbouring_residual, scaled
from auditkit.detection.members.periodic import Periods, peaks
from auditkit.detection.members.spectral import (
    BANDS,
    BLOCK,
    AzimuthalSpectrum,
    CosineSpectrum,
    azimuthal_spectrum,
    cosine_basis,
    cosine_power,
    windowed,
)
from auditkit.detection.members.table import MEMBERS, VOTING


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def checkerboard(side: int) -> torch.Tensor:
    place = torch.arange(side)
    return (1.0 - 2 * ((place[:, None] + place) % 2))[None, None]


@pytest.mark.parametrize("size", [(16, 16), (28, 28), (17, 33), (64, 48), (64, 64)])
@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_takes_patches_of_any_sides_and_gives_finite_logits(
    name: str, size: tuple[int, int]
) -> None:
    member = MEMBERS[name].build().eval()
    for patches in (noise(3, 1, *size), torch.zeros(3, 1, *size), torch.ones(3, 1, *size)):
        logits = member(patches)
        assert logits.shape == (3,)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_what_a_member_says_of_a_patch_does_not_depend_on_its_batch(name: str) -> None:
    member = MEMBERS[name].build().eval()
    patches = noise(5, 1, 32, 32)
    assert_allclose(member(patches).detach()[2], member(patches[2:3]).detach()[0], rtol=1e-4)


@pytest.mark.parametrize("name", VOTING)
def test_brightness_and_contrast_say_nothing_to_a_member_that_votes(name: str) -> None:
    torch.manual_seed(0)
    member = MEMBERS[name].build().eval()
    patches = 0.2 + 0.6 * noise(4, 1, 48, 48)
    said, dimmed = member(patches), member(0.5 + (patches - 0.5) / 2)
    other = member(0.2 + 0.6 * noise(4, 1, 48, 48, seed=1).cumsum(-1) / 48)
    assert (said - dimmed).abs().max() < 0.1 * (said - other).abs().max()


def test_the_control_looks_at_pixels_and_has_no_vote() -> None:
    assert [name for name in MEMBERS if name not in VOTING] == ["pixels"]


def test_neighbouring_residuals_are_those_of_the_paper() -> None:
    residual = neighbouring_residual(torch.arange(16.0).reshape(1, 1, 4, 4))
    assert residual[0, 0].tolist() == 2 * [[0, 1, 0, 1], [4, 5, 4, 5]]


def test_an_odd_row_and_column_are_left_out_of_neighbouring_residuals() -> None:
    patches = noise(2, 1, 5, 7)
    assert torch.equal(neighbouring_residual(patches), neighbouring_residual(patches[..., :4, :6]))


def test_nearest_upsampling_leaves_no_neighbouring_residual() -> None:
    half = noise(2, 1, 8, 8)
    assert not neighbouring_residual(half.repeat_interleave(2, -1).repeat_interleave(2, -2)).any()


def test_high_pass_filters_see_no_slope() -> None:
    kernels = HighPass().kernels
    slope = (torch.arange(12.0)[:, None] + 3 * torch.arange(12.0))[None, None]
    assert torch.nn.functional.conv2d(slope, kernels).abs().max() < 1e-5


def test_a_scaled_residual_has_unit_size_but_for_what_rounding_leaves() -> None:
    assert scaled(noise(1, 1, 32, 32) - 0.5).square().mean().item() == pytest.approx(1, abs=0.03)
    rounding = (noise(1, 1, 32, 32) - 0.5) / 255  # at most half a grey level
    assert scaled(rounding).square().mean() < 0.2


def test_a_checkerboard_has_all_its_energy_at_the_highest_frequency() -> None:
    power = torch.fft.fft2(checkerboard(8)[0, 0]).abs().square()
    assert power[4, 4] == power.sum() == 64**2
    bands = azimuthal_spectrum(checkerboard(64))[0]
    # Rings end where single rows do; the corner beyond them belongs to the last.
    assert bands.argmax() == BANDS - 1
    assert bands[:-1].max() < np.log(1e-6)


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("cycles", [1 / 8, 1 / 4, 3 / 8])
def test_a_wave_is_found_at_its_frequency_whatever_the_size(side: int, cycles: float) -> None:
    wave = torch.sin(2 * np.pi * cycles * torch.arange(side))[None].expand(side, side)
    grain = 0.01 * noise(1, 1, side, side)
    found = azimuthal_spectrum(wave + grain) - azimuthal_spectrum(grain)
    assert found[0].argmax() == int(cycles * 2 * BANDS)


def test_white_noise_has_the_same_power_in_all_bands() -> None:
    bands = azimuthal_spectrum(noise(400, 1, 32, 32) - 0.5).mean(0)
    lowest = bands[4:]  # below lies the mean of the patch, or a line from it
    assert lowest.max() - lowest.min() < 0.15  # in powers of e


def test_a_ring_without_a_point_lies_between_its_neighbours() -> None:
    bands = azimuthal_spectrum(noise(1, 1, 16, 16))[0].numpy()  # it has waves of 0, 1/16, ...
    assert_allclose(bands[:5], np.linspace(bands[0], bands[4], 5), rtol=1e-4)


def test_a_window_keeps_a_slope_out_of_the_high_frequencies() -> None:
    slope = torch.linspace(0, 1, 64)[None].expand(64, 64)[None, None]
    bare, faded = azimuthal_spectrum(slope)[0], azimuthal_spectrum(windowed(slope))[0]
    assert faded[16:].mean() - faded[1] < bare[16:].mean() - bare[1] - 3


def test_the_cosine_transform_is_scipys() -> None:
    block = noise(1, 1, BLOCK, BLOCK, seed=2).double()
    ours = cosine_power(block, cosine_basis())[0, 0, 0]
    assert_allclose(ours, dctn(block[0, 0].numpy(), norm="ortho") ** 2, atol=1e-12)


def test_blocks_of_the_cosine_transform_lie_half_a_block_apart() -> None:
    patch = noise(1, 1, 24, 32, seed=3).double()
    found = cosine_power(patch, cosine_basis())[0]
    assert found.shape == (2, 3, BLOCK, BLOCK)
    alone = cosine_power(patch[..., 8:24, 16:32], cosine_basis())[0, 0, 0]
    assert_allclose(found[1, 2], alone)


@pytest.mark.parametrize("period", [2, 4, 8, 16])
def test_what_repeats_stands_out_at_its_period(period: int) -> None:
    grain = noise(20, 1, 64, 64) - 0.5
    comb = (torch.arange(64) % period == 0).float()
    found = (peaks(grain + 0.5 * comb) - peaks(grain)).mean(0)[0]  # along a row
    place = 16 // period
    harmonics = torch.arange(9) % place == 0
    harmonics[0] = False  # the mean is taken off
    assert found[harmonics].min() > 1
    others = ~harmonics
    others[0] = False
    assert (found[others].abs() < 0.8).all()


def test_no_period_stands_out_of_noise_or_of_a_slope() -> None:
    slope = torch.linspace(0, 1, 64)[None].expand(64, 64)
    for patches in (noise(200, 1, 64, 64), slope + noise(200, 1, 64, 64) / 10):
        assert peaks(patches)[:, 1:8, 1:8].mean(0).max() < 0.4


def test_a_patch_too_small_to_tell_periods_is_given_no_say() -> None:
    member = Periods()
    torch.nn.init.ones_(member.linear.weight)
    assert not member(noise(2, 1, 39, 64)).any()
    assert member(noise(2, 1, 40, 64)).all()


@pytest.mark.parametrize("build", [AzimuthalSpectrum, CosineSpectrum])
def test_an_image_and_its_transpose_have_the_same_spectra(
    build: type[AzimuthalSpectrum] | type[CosineSpectrum],
) -> None:
    member = build()
    patches = noise(2, 1, 32, 32)
    assert_allclose(member.features(patches), member.features(patches.mT), atol=1e-4)
