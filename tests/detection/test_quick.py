"""The quick detector: what it reads of an image is the mean over its squares."""

import numpy as np
import pytest

from auditkit.detection.quick import spectra


def test_of_a_picture_twice_in_a_row_it_reads_the_same():
    once = np.random.default_rng(0).integers(256, size=(1, 64, 64)).astype(np.uint8)
    twice = np.concatenate([once, once], axis=2)
    one, two = spectra([once, twice])
    assert two == pytest.approx(one, rel=1e-5, abs=1e-6)
    assert np.abs(one).max() > 1
