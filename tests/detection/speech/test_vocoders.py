"""Each way of making speech anew keeps its length and what it should, and loses the rest."""

import numpy as np
import pytest
from scipy.stats import kurtosis

from auditkit.detection.speech.lfcc import RATE
from auditkit.detection.speech.vocoders import VOCODERS, random_phase, sinusoids


def voice(count: int = 12_000, pitch: float = 150.0) -> np.ndarray:
    """Pulses of a pitch through a resonance, with breath: nearly a vowel."""
    rng = np.random.default_rng(0)
    time = np.arange(count) / RATE
    tones = sum(np.cos(2 * np.pi * k * pitch * time) / k for k in range(1, 20))
    return 0.05 * np.asarray(tones) + 0.002 * rng.normal(size=count)


@pytest.mark.parametrize("name", VOCODERS)
def test_it_is_as_long_differs_and_is_the_same_twice(name: str) -> None:
    spoken = voice()
    first, second = (VOCODERS[name](spoken, np.random.default_rng(1)) for _ in range(2))
    assert first.shape == spoken.shape
    assert np.isfinite(first).all()
    assert np.array_equal(first, second)
    assert np.abs(first - spoken).mean() > 0.1 * np.abs(spoken).mean()


@pytest.mark.parametrize("name", VOCODERS)
def test_what_is_loud_and_what_is_silent_stays_so(name: str) -> None:
    spoken = voice()
    spoken[6000:] *= 0.01
    made = VOCODERS[name](spoken, np.random.default_rng(1))
    loud, soft = (np.sqrt((one**2).mean()) for one in (made[1000:5000], made[7000:11_000]))
    assert loud > 20 * soft


@pytest.mark.parametrize("name", VOCODERS)
def test_silence_is_no_fault(name: str) -> None:
    made = VOCODERS[name](np.zeros(8000), np.random.default_rng(0))
    assert np.isfinite(made).all()
    assert np.abs(made).max() < 1e-3


def test_drawn_phases_take_the_pulses_away() -> None:
    spoken = voice(pitch=90.0)
    made = random_phase(spoken, np.random.default_rng(0))
    assert kurtosis(made) < kurtosis(spoken) - 2


def test_sinusoids_leave_out_what_lies_between_the_peaks() -> None:
    spoken = np.random.default_rng(0).normal(size=8000)
    some, all_ = (made(spoken, np.random.default_rng(0)) for made in (sinusoids, random_phase))
    assert 0.3 < (some**2).sum() / (all_**2).sum() < 0.95
