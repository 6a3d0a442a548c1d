"""A generator that leaves a trace is found; images of the same law are not."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auditkit.detection import detectability
from auditkit.detection.detectability import LEARNERS, area, fitted, log_spectra, stranger
from auditkit.errors import NotApplicable
from auditkit.runtime import Runtime
from auditkit.statistics.classification import auc
from tests.detectors import RUNTIME, planted_corpus, tiny_detector


def noise(n: int, *, seed: int, side: int = 16) -> np.ndarray:
    grain = np.random.default_rng(seed).normal(128, 30, (n, 1, side, side))
    return grain.clip(0, 255).astype(np.uint8)


def doubled(images: np.ndarray) -> np.ndarray:
    """Each pixel four times, as upsampling by nearest neighbours leaves it."""
    return images[:, :, ::2, ::2].repeat(2, 2).repeat(2, 3)


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    monkeypatch.setattr(detectability, "EPOCHS", 1)


def test_a_trace_is_found_and_halves_of_real_images_are_not_told_apart():
    found = fitted(doubled(noise(200, seed=1)), noise(200, seed=2), np.arange(200), RUNTIME)
    assert [one.title for one in found] == list(LEARNERS)
    assert found[0].made.low > 0.95
    assert found[0].compressed.value > 0.9
    assert all(0.35 < one.control.value < 0.65 for one in found)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_images_of_the_same_law_are_not_told(seed):
    made, real = noise(200, seed=2 * seed), noise(200, seed=2 * seed + 1)
    for one in fitted(made, real, np.arange(200), replace(RUNTIME, seed=seed)):
        assert 0.38 < one.made.value < 0.62


def test_the_same_seed_gives_the_same_figures():
    images = noise(60, seed=1), noise(60, seed=2), np.arange(60)
    again = [fitted(*images, Runtime(device="cpu", seed=3)) for _ in range(2)]
    assert again[0] == again[1]


def test_nobody_is_on_both_sides():
    """Ten pictures of each of six people: by whom it is, a real image is never known before."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    seen = []

    def learner(known, label, asked, runtime):
        seen.append((set(known[:, 0, 0, 0]), set(asked[:, 0, 0, 0])))
        return rng.random(len(asked))

    images = noise(120, seed=1)
    images[:, 0, 0, 0] = groups
    half = groups % 2 == 0
    found = detectability._told(learner, images, half, groups, RUNTIME)
    assert all(not known & asked for known, asked in seen)
    assert "bootstrap of 6 owners" in found.method


def test_people_with_several_images_widen_the_interval():
    rng = np.random.default_rng(0)
    label, score = np.repeat([True, False], 100), rng.random(20).repeat(10)
    alone = area(label, score, np.arange(200))
    together = area(label, score, np.repeat(np.arange(20), 10))
    assert alone == auc(label, score)
    assert together.value == alone.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_weights_count_images_as_often_as_they_say():
    rng = np.random.default_rng(1)
    label, score = rng.random(30) < 0.5, rng.integers(0, 6, 30) / 6
    weights = rng.integers(0, 3, (4, 30))
    areas = detectability._weighted_areas(label, score, weights)
    expected = [roc_auc_score(label, score, sample_weight=one) for one in weights]
    np.testing.assert_allclose(areas, expected)


def test_a_constant_image_has_power_at_its_mean_alone():
    spectra = log_spectra(np.full((1, 1, 8, 8), 10, dtype=np.uint8))
    np.testing.assert_allclose(spectra[0, 0], np.log((8 * 10) ** 2 + 1), rtol=1e-6)
    np.testing.assert_allclose(spectra[0, 1:], 0, atol=1e-6)


def test_power_of_large_images_is_summed_in_cells():
    images = noise(2, seed=0, side=64)
    power = np.exp(log_spectra(images)) - 1
    assert power.shape == (2, 32 * 32)
    # Parseval: the transform keeps the sum of squares.
    np.testing.assert_allclose(power.sum(1), (images.astype(float) ** 2).sum((1, 2, 3)), rtol=1e-4)


def test_too_few_images_are_not_judged():
    with pytest.raises(NotApplicable, match="39 made"):
        fitted(noise(39, seed=1), noise(60, seed=2), np.arange(60), RUNTIME)


def test_images_of_few_people_are_not_judged():
    with pytest.raises(NotApplicable, match="2 people"):
        fitted(noise(40, seed=1), noise(40, seed=2), np.arange(40) % 2, RUNTIME)


def test_a_stranger_finds_what_it_was_taught_and_counts_its_answers():
    corpus = planted_corpus(60, generators=("nearest",), seed=9)
    images = {label: np.stack(list(rows["image"])) for label, rows in corpus.groupby("label")}
    found = stranger(tiny_detector(), images["fake"], images["real"], np.arange(60), RUNTIME)
    assert found.made.value > 0.8
    assert found.found.n == found.false_alarms.n == 60
    assert found.silent.n == 120
    assert found.found.value > found.false_alarms.value


def test_a_stranger_is_not_asked_of_small_images():
    small = noise(4, seed=0, side=8)
    with pytest.raises(NotApplicable, match="8 x 8"):
        stranger(tiny_detector(), small, small, np.arange(4), RUNTIME)
