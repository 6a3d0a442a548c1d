"""How unusual an image is, told by images that it was not fitted on."""

import numpy as np

from auditkit.detection.typicality import LOW, Cloud


def test_new_images_of_a_kind_are_as_usual_as_those_it_was_fitted_on():
    """Twenty originals in twelve bands lie near their own fit, as no new image does."""
    usual = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        known, new = rng.normal(size=(20, LOW)), rng.normal(size=(200, LOW))
        usual.append(Cloud.of(known, np.arange(20), np.arange(20)).as_far(new).mean())
    assert abs(np.mean(usual) - 0.5) < 0.1
