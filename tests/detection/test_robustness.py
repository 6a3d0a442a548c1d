"""Whom a detector accuses falsely: a planted one that calls whatever is smooth is seen through."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditkit.detection.corpus import FAKE, NOBODY, REAL, corpus_of
from auditkit.detection.robustness import detail, robustness
from auditkit.runtime import Runtime

RUNTIME = Runtime(device="cpu")
SMOOTH = 1.0  # grey levels of detail below which the planted detector says fake


class Smooth:
    """It knows nothing of fakes: smooth is fake."""

    def answers(self, images: list[np.ndarray], runtime: Runtime) -> pd.DataFrame:
        smooth = np.array([detail(one) < SMOOTH for one in images])
        return pd.DataFrame(
            {
                "answer": np.where(smooth, FAKE, REAL),
                "p_value": np.where(smooth, 0.01, 0.5),
                "score": smooth * 1.0,
            }
        )


def corpus() -> pd.DataFrame:
    """Of 40 real images, ten of fog have little detail; fakes have none."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 2, (1, 32, 32)) for _ in range(40)]
    strength = [1] * 10 + [60] * 30  # grey levels
    reals = [(100 + a * b).astype(np.uint8) for a, b in zip(strength, noise, strict=True)]
    fakes = [np.full((1, 32, 32), 100, np.uint8)] * 40
    return corpus_of(
        [*reals, *fakes],
        label=[REAL] * 40 + [FAKE] * 40,
        generator=[NOBODY] * 40 + ["flat"] * 40,
        source=(["fog"] * 10 + ["forest"] * 30) * 2,
        original=[f"{place}" for place in range(80)],
        part="test",
    )


@pytest.fixture(scope="module")
def found() -> Any:
    return robustness(Smooth(), corpus(), RUNTIME, kinds=["blur"], most=80)  # type: ignore[arg-type]


def test_smooth_real_images_are_told_apart_from_the_others(found: Any):
    """Perfect on its fakes, and all that it knows is blur."""
    assert found.untouched.balanced.value == pytest.approx((1 + 0.75) / 2)
    assert (found.smooth.value, found.smooth.n) == (1.0, 10)
    assert (found.detailed.value, found.detailed.n) == (0.0, 30)


def test_the_source_that_is_accused_most_is_named(found: Any):
    assert found.untouched.most_accused == "fog"
    assert found.untouched.by_source["fog"].value == 1
    assert found.untouched.by_source["forest"].value == 0
    assert found.untouched.false_alarms.value == 0.25
    assert found.most_alarming.kind == "blur"


def test_what_is_flat_has_no_detail_and_noise_much():
    assert detail(np.full((3, 9, 9), 7, np.uint8)) == pytest.approx(0, abs=1e-5)
    board = np.indices((32, 32)).sum(0)[None] % 2 * 100
    assert 40 < detail(board.astype(np.uint8)) <= 50.1  # a blur leaves the mean, 50
