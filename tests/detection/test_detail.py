"""Scores beside those of real images of as much detail."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from numpy.testing import assert_allclose

from auditkit.detection.detail import Detail
from auditkit.errors import DataError


def spectra_of(detail: np.ndarray) -> np.ndarray:
    """Four bands; the upper two have this mean, the lower two say something else."""
    return np.stack([0 * detail + 9, 0 * detail - 7, detail - 1, detail + 1], axis=1)


def test_lines_that_were_planted_are_taken_out() -> None:
    detail = np.repeat([-4.0, 0.0, 4.0], 2)
    # Means 1 + 2 u, and spreads of 3 + u / 2 either way: 1, 3 and 5.
    score = np.array([-8.0, -6.0, -2.0, 4.0, 4.0, 14.0])
    law = Detail.of(score, spectra_of(detail), np.arange(6))
    assert_allclose([*law.mean, *law.spread, *law.ends], [1, 2, 3, 0.5, -4, 4])
    assert_allclose(law.beside(score, spectra_of(detail)), [-1, 1, -1, 1, -1, 1])


def test_beyond_the_images_it_learned_from_the_lines_end() -> None:
    law = Detail(mean=(0.0, 1.0), spread=(1.0, 0.0), ends=(-1.0, 2.0), least=0.1)
    assert_allclose(law.beside(np.zeros(3), spectra_of(np.array([-50.0, 0.0, 50.0]))), [1, 0, -2])


def test_a_spread_that_a_line_takes_below_nothing_is_bounded() -> None:
    law = Detail(mean=(0.0, 0.0), spread=(1.0, 1.0), ends=(-9.0, 9.0), least=0.5)
    assert_allclose(law.beside(np.ones(1), spectra_of(np.array([-9.0]))), [2.0])


def test_images_of_one_detail_have_one_mean_and_an_original_counts_once() -> None:
    score = np.array([0.0, 0.0, 0.0, 4.0])
    law = Detail.of(score, spectra_of(np.full(4, 3.0)), ["a", "a", "a", "b"])
    assert law.mean == (2.0, 0.0)
    assert law.spread == (2.0, 0.0)


def test_a_card_gives_it_back_and_nothing_else_passes() -> None:
    law = Detail(mean=(0.5, 1.0), spread=(1.0, 0.25), ends=(-1.0, 2.0), least=0.1)
    raw = json.loads(json.dumps(asdict(law)))
    assert Detail.from_dict(raw) == law
    for name, wrong in (("mean", [1.0]), ("least", 0.0), ("least", None), ("ends", "12")):
        with pytest.raises(DataError, match="not one that auditkit wrote"):
            Detail.from_dict({**raw, name: wrong})
    with pytest.raises(DataError, match="tells no detail"):
        Detail.from_dict(None)
