"""What is done to images: nothing where the strength says nothing, and by the numbers else."""

import numpy as np
import pytest

from auditkit.detection.degrading import (
    DEGRADATIONS,
    QUALITIES,
    UNTOUCHED,
    degraded,
    encoded,
    jpeg,
    resized,
)
from auditkit.errors import UsageError

NOTHING = {"blur": 0.0, "resize": 1.0, "crop": 1.0, "noise": 0.0}


def some(channels: int = 3, height: int = 40, width: int = 52) -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = np.linspace(40, 200, width) + np.linspace(0, 40, height)[:, None]
    return (smooth + rng.normal(0, 5, (channels, height, width))).round().astype(np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_each_keeps_bytes_and_channels_and_all_but_a_crop_the_size(
    kind: str, channels: int
) -> None:
    before = some(channels)
    kept = before.copy()
    for strength in DEGRADATIONS[kind].strengths:
        after = degraded(before, kind, strength, rng())
        assert (after.dtype, after.shape[0]) == (np.uint8, channels)
        assert after.shape == before.shape or kind == "crop"
        assert (after != before).any() if kind != "crop" else after.size < before.size
        assert (degraded(before, kind, strength, rng()) == after).all()  # the same draw
    assert (before == kept).all()


@pytest.mark.parametrize(("kind", "strength"), NOTHING.items())
def test_a_strength_of_nothing_changes_nothing(kind: str, strength: float) -> None:
    assert (degraded(some(), kind, strength, rng()) == some()).all()


@pytest.mark.parametrize("kind", ["jpeg", "blur", "resize", "noise"])
def test_the_strengths_go_from_mild_to_harsh(kind: str) -> None:
    before = some(1).astype(float)
    far = [
        np.abs(degraded(some(1), kind, one, rng()) - before).mean()
        for one in DEGRADATIONS[kind].strengths
    ]
    assert far == sorted(far)


def test_a_blurred_point_is_the_normal_density() -> None:
    point = np.zeros((1, 21, 21), dtype=np.uint8)
    point[0, 10, 10] = 255
    blurred = degraded(point, "blur", 1.0, rng())
    # 255 / (2 pi), and exp(-1/2) of it one pixel further: 40.6 and 24.6.
    assert (blurred[0, 10, 10], blurred[0, 10, 11], blurred[0, 9, 10]) == (41, 25, 25)


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    flat = np.full((3, 100, 100), 128, dtype=np.uint8)
    noise = degraded(flat, "noise", 10, rng()).astype(float) - 128
    assert noise.std() == pytest.approx(10, rel=0.02)
    assert np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1] == pytest.approx(0, abs=0.03)


def test_a_crop_is_a_piece_of_the_image_at_any_place() -> None:
    before = np.arange(400, dtype=np.uint16).reshape(1, 20, 20).astype(np.uint8)
    places = set()
    for seed in range(40):
        piece = degraded(before, "crop", 0.5, rng(seed))
        assert piece.shape == (1, 10, 10)
        windows = np.lib.stride_tricks.sliding_window_view(before[0], (10, 10))
        (found,) = np.argwhere((windows == piece[0]).all(axis=(2, 3)))
        places.add(tuple(found))
    assert len(places) > 20


def test_scaling_may_leave_the_image_at_its_new_size() -> None:
    assert resized(some(), 0.5, rng(), back=False).shape == (3, 20, 26)
    assert resized(some(), 0.01, rng(), back=False).shape == (3, 2, 2)


def test_the_encoder_draws_as_promised_and_looks_at_nothing() -> None:
    before = some(1, 24, 24)
    draws = rng(1)
    after = [encoded(before, draws) for _ in range(600)]
    lossless = np.mean([(one == before).all() for one in after])
    assert lossless == pytest.approx(UNTOUCHED, abs=0.06)
    known = [jpeg(before, quality, rng()) for quality in range(QUALITIES[0], QUALITIES[1] + 1)]
    assert all(any((one == other).all() for other in (before, *known)) for one in after)
    # Another image takes as many draws: what follows it is encoded alike.
    first, second = rng(3), rng(3)
    encoded(before, first)
    encoded(some(), second)
    assert first.random() == second.random()


@pytest.mark.parametrize(
    ("kind", "strength", "told"),
    [
        ("jpg", 50, "no degradation 'jpg'.*jpeg"),
        ("jpeg", 0, "JPEG of strength 0: quality must be between 1 and 100"),
        ("noise", float("nan"), "noise of strength nan"),
    ],
)
def test_what_cannot_be_done_is_said(kind: str, strength: float, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        degraded(some(), kind, strength, rng())
