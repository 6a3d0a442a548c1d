"""Cepstra by hand, by law and by scipy."""

import numpy as np
import pytest
from scipy.fft import dct

from auditkit.detection.speech.lfcc import (
    BANDS,
    FAST,
    LOUDNESS,
    RATE,
    SLOW,
    cepstra,
    lfcc,
    linear_filters,
    prepared,
    slopes,
)
from auditkit.errors import DataError


def noise(count: int = RATE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, count)


def test_the_cosine_transform_of_a_constant_is_its_first_number_alone() -> None:
    found = cepstra(np.full((2, 20), 3.0))
    assert found[:, 0] == pytest.approx(3 * np.sqrt(20))
    assert np.abs(found[:, 1:]).max() < 1e-12


def test_cepstra_are_those_of_scipy() -> None:
    log = np.random.default_rng(0).normal(size=(7, BANDS))
    assert np.allclose(cepstra(log), dct(log, type=2, norm="ortho", axis=1), atol=1e-12)


def test_the_slope_of_a_ramp_is_its_step_but_at_the_ends() -> None:
    found = slopes(3.0 * np.arange(9.0)[:, None])[:, 0]
    assert found[2:-2] == pytest.approx(3.0)
    # Held ends: (-2 * 0 - 0 + 3 + 2 * 6) / 10
    assert found[0] == pytest.approx(1.5)


def test_nothing_moves_in_a_constant() -> None:
    assert np.abs(slopes(np.full((6, 2), 5.0))).max() < 1e-12


def test_filters_of_a_frequency_sum_to_one_between_the_outermost_middles() -> None:
    filters = linear_filters()
    middles = np.linspace(0, RATE / 2, BANDS + 2)[1:-1]
    bins = np.linspace(0, RATE / 2, filters.shape[1])
    inner = (bins >= middles[0]) & (bins <= middles[-1])
    assert filters[:, inner].sum(0) == pytest.approx(1.0)
    assert bins[filters.argmax(1)] == pytest.approx(middles, abs=RATE / 512)


@pytest.mark.parametrize(("front", "steps"), [(SLOW, 99), (FAST, 498)])
def test_there_is_a_row_of_sixty_numbers_a_hop(front: tuple[int, int], steps: int) -> None:
    assert lfcc(noise(), front).shape == (steps, 3 * BANDS)


def test_louder_is_only_the_first_number() -> None:
    quiet, loud = (lfcc(size * noise(), SLOW) for size in (0.5, 1.0))
    assert loud[:, 0] - quiet[:, 0] == pytest.approx(np.log(4) * np.sqrt(BANDS), abs=1e-3)
    assert np.allclose(loud[:, 1:], quiet[:, 1:], atol=1e-3)


def test_all_recordings_are_as_loud_and_of_one_rate() -> None:
    rng = np.random.default_rng(0)
    found = [prepared(size * noise(2 * 22_050), 22_050, rng) for size in (0.01, 3.0)]
    for one in found:
        assert len(one) == 2 * RATE
        assert np.sqrt((one**2).mean()) == pytest.approx(LOUDNESS, rel=1e-2)
        assert np.allclose(one * 32767, np.round(one * 32767))


def test_a_pause_is_never_perfectly_silent() -> None:
    signal = noise()
    signal[:4000] = 0
    found = prepared(signal, RATE, np.random.default_rng(0))
    assert 0 < np.abs(found[:4000]).max() < 0.01 * LOUDNESS * 10


@pytest.mark.parametrize("samples", [np.zeros(RATE), noise(RATE // 3)], ids=["silent", "short"])
def test_what_says_too_little_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(DataError, match="says too little"):
        prepared(samples, RATE, np.random.default_rng(0))
