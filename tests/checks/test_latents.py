"""AK607 on a small trained generator."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from auditkit.checks.base import CHECKS
from auditkit.errors import NotApplicable
from auditkit.results import Finding, Heatmap, Lines, Table
from tests.learned import learner
from tests.subjects import generator, quadrants


class Bright:
    """Sees how light an image is, and calls it by that."""

    name = "eye"
    levels = ("dim", "bright")

    def look(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        light = pixels.mean(axis=(1, 2, 3)) / 255
        return light[:, None], np.stack([1 - light, light], axis=1)


def test_directions_and_channels_are_shown_and_the_judge_is_named():
    subject = replace(learner("gan"), judge=Bright())
    check = CHECKS["latents"](images=200, units=4)
    directed, directions, alone, channels = check.run(subject)
    assert isinstance(directed, Finding)
    assert "attributes surely follow a direction" in directed.message
    assert directed.interval[0] > directed.null
    assert "as eye sees them" in directions.text
    assert [type(one) for one in directions.views] == [Heatmap, Lines, Table]
    assert set(directions.views[2].frame["attribute"]) > {"dim", "bright", "brightness"}
    assert "more than mixtures of others do" in alone.message
    frames = [view.frame for part in (directions, channels) for view in part.views]
    assert sum(len(one.to_json()) for one in frames) < 14_000
    again = [one for one in check.run(subject) if not isinstance(one, Finding)]
    for one, other in zip(
        frames, [view.frame for part in again for view in part.views], strict=True
    ):
        pd.testing.assert_frame_equal(one, other)


def test_a_generator_that_is_not_ours_and_what_makes_no_images_are_not_asked():
    with pytest.raises(NotApplicable, match=r"only the model's|own generators"):
        list(CHECKS["latents"]().run(generator(quadrants(300, seed=2))))
    with pytest.raises(NotApplicable, match="makes images"):
        list(CHECKS["latents"]().run(learner("cnn")))
