import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from auditkit.detection.members.spectral import azimuthal_spectrum
from auditkit.detection.members.table import MEMBERS
from auditkit.detection.panel import Panel, read
from auditkit.detection.patches import patches
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu")


@pytest.fixture(scope="module")
def panel() -> Panel:
    torch.manual_seed(0)
    return Panel().eval()


def images(*sizes: tuple[int, int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, size, dtype=np.uint8) for size in sizes]


def test_an_image_is_the_mean_over_its_patches(panel: Panel) -> None:
    (one,) = images((3, 150, 90))
    readings = read(panel, [one], RUNTIME)
    cut = torch.from_numpy(patches(one))[:, None]
    with torch.inference_mode():
        assert_allclose(readings.logits[0], panel(cut).mean(0), rtol=1e-4, atol=1e-5)
        assert_allclose(readings.spectra[0], azimuthal_spectrum(cut).mean(0), rtol=1e-4, atol=1e-4)
    assert readings.sides.tolist() == [[150, 90]]


def test_an_image_is_read_alike_alone_and_among_others_of_other_sizes(panel: Panel) -> None:
    several = images((1, 28, 28), (3, 100, 300), (1, 28, 28), (3, 40, 64))
    together = read(panel, several, RUNTIME)
    for place, one in enumerate(several):
        alone = read(panel, [one], RUNTIME)
        assert_allclose(together.logits[place], alone.logits[0], rtol=1e-4, atol=1e-5)


def test_more_patches_than_a_pass_holds_are_read_in_several(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = images(*[(1, 130, 130)] * 5)
    whole = read(panel, several, RUNTIME)
    monkeypatch.setattr("auditkit.detection.panel.AT_ONCE", 3)
    assert_allclose(read(panel, several, RUNTIME).logits, whole.logits, rtol=1e-4, atol=1e-5)


def test_an_image_of_one_pixel_is_read_and_no_image_at_all_is_too(panel: Panel) -> None:
    assert np.isfinite(read(panel, images((1, 1, 1)), RUNTIME).logits).all()
    assert read(panel, [], RUNTIME).logits.shape == (0, len(MEMBERS))
