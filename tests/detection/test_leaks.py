"""What gives labels away: planted leaks are found, corpora without one are not accused."""

import numpy as np
import pandas as pd
import pytest

from auditkit.detection import naive
from auditkit.detection.corpus import FAKE, LABEL, ORIGINAL, SOURCE
from auditkit.detection.degrading import degraded
from auditkit.detection.leaks import doubles, evened, leaks, shuffled_labels
from auditkit.detection.traits import FILE, FRAME, GROUPS, NUMBERS, SIZE
from auditkit.errors import DataError
from auditkit.runtime import Runtime
from tests.detectors import RUNTIME, planted_corpus


@pytest.fixture(scope="module")
def corpus() -> pd.DataFrame:
    return planted_corpus(40, generators=("nearest", "zeros"), sources=("meadow", "sea"), seed=3)


def changed(corpus: pd.DataFrame, label: str, change) -> pd.DataFrame:
    images = [
        change(one) if said == label else one
        for one, said in zip(corpus["image"], corpus[LABEL], strict=True)
    ]
    return corpus.assign(image=pd.Series(images, corpus.index))


def jpeg(pixels: np.ndarray, quality: int = 80) -> np.ndarray:
    return degraded(pixels, "jpeg", quality, np.random.default_rng(0))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_corpus_without_a_leak_is_not_accused(corpus: pd.DataFrame, seed: int):
    found = leaks(corpus, Runtime(device="cpu", seed=seed))
    for group in (SIZE, NUMBERS):
        assert found.probes[group].auc.low < 0.5 < found.probes[group].auc.high
    assert found.sources == ("meadow", "sea")


@pytest.mark.parametrize(
    ("group", "label", "change"),
    [
        (SIZE, FAKE, lambda one: one[:, :28, :28]),
        (SIZE, FAKE, lambda one: one.repeat(3, 0)),
        (NUMBERS, "real", jpeg),
        (NUMBERS, FAKE, lambda one: one // 4 * 4),
    ],
    ids=["size", "channels", "jpeg", "six bits"],
)
def test_a_planted_leak_is_found_by_its_traits(corpus, group, label, change):
    found = leaks(changed(corpus, label, change), RUNTIME)
    assert found.probes[group].auc.low > 0.85
    spared = next(one for one in (SIZE, NUMBERS) if one != group)
    assert found.probes[spared].auc.low < 0.6


def test_a_frame_of_one_pixel_is_shown(corpus: pd.DataFrame):
    def framed(one: np.ndarray) -> np.ndarray:
        return np.pad(one[:, 1:-1, 1:-1], ((0, 0), (1, 1), (1, 1)))

    plain, planted = (leaks(one, RUNTIME) for one in (corpus, changed(corpus, FAKE, framed)))
    assert planted.probes[FRAME].auc.low > 0.95
    assert abs(plain.probes[FRAME].auc.value - 0.5) < 0.1
    assert planted.probes[SIZE].auc.value == plain.probes[SIZE].auc.value


def test_an_uneven_mixture_of_sources_is_no_leak(corpus: pd.DataFrame):
    """Sources of two sizes; most fakes are of the smaller one."""
    small = changed(corpus[corpus[SOURCE] == "sea"], "none", jpeg)
    small = small.assign(image=[one[:, :24, :24] for one in small["image"]])
    large = corpus[(corpus[SOURCE] == "meadow") & (corpus["generator"] != "zeros")]
    found = leaks(pd.concat([small, large], ignore_index=True), RUNTIME)
    assert found.probes[SIZE].auc.low < 0.5 < found.probes[SIZE].auc.high
    assert set(found.probes) == set(GROUPS)
    assert found.probes[FILE].auc.value > 0.9  # smooth fakes take fewer bytes: shown, no leak


def test_doubles_are_counted_by_pixel_and_by_original(corpus: pd.DataFrame):
    known, rows = corpus[:30], corpus[20:60].copy()
    rows.loc[rows.index[:5], ORIGINAL] = "renamed"
    found = doubles(rows, known)
    assert (found.pixels, found.rows) == (10, 40)
    assert found.originals == int(rows[ORIGINAL].isin(known[ORIGINAL]).sum()) == 5
    assert doubles(corpus[60:], corpus[:60]).pixels == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_labels_dealt_at_random_are_at_chance(corpus: pd.DataFrame, seed: int):
    found = shuffled_labels(corpus, Runtime(device="cpu", seed=seed), shuffles=20)
    assert abs(found.value - 0.5) < 0.1
    assert found.n == 20


def test_real_and_made_images_of_a_source_are_taken_in_equal_numbers(corpus: pd.DataFrame):
    once = evened(corpus, np.random.default_rng(0), 100)
    assert set(once.groupby([SOURCE, LABEL]).size()) == {25}
    reals = corpus[corpus[LABEL] != FAKE]
    assert len(evened(reals, np.random.default_rng(0), 100)) == 0


@pytest.fixture(scope="module")
def by(corpus: pd.DataFrame) -> dict[tuple[str, str], naive.Trial]:
    return {(one.trained, one.tested): one for one in naive.collapse(corpus, RUNTIME)}


def test_a_leak_of_the_format_looks_perfect_and_collapses(by):
    """Real = JPEG and fake = PNG gave an AUC of 1.000 on an unseen generator, then .624."""
    assert by[naive.LEAK, naive.LEAK].accuracy.value > 0.97
    assert by[naive.LEAK, naive.JPEG].accuracy.value < 0.9
    assert by[naive.LEAK, naive.LOSSLESS].accuracy.value < 0.7
    assert by[naive.ONE_ENCODER, naive.JPEG].accuracy.value > 0.9


def test_without_one_fake_the_format_alone_is_found(by):
    assert by[naive.NOTHING_MADE, naive.LEAK].auc.value > 0.95
    alike = by[naive.NOTHING_MADE, naive.JPEG].auc
    assert alike.low < 0.5 < alike.high


def test_too_few_images_are_refused_in_a_sentence(corpus: pd.DataFrame):
    with pytest.raises(DataError, match="too few to look for leaks"):
        leaks(corpus[:20], RUNTIME)
    with pytest.raises(DataError, match="too few to show what a leak does"):
        naive.collapse(corpus[:20], RUNTIME)
