import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from auditkit.errors import UsageError
from auditkit.probing.latents.attributes import image_properties
from auditkit.probing.latents.making import Making, made_by
from auditkit.probing.latents.truncation import truncation
from tests.subjects import QuadrantJudge, quadrants

PSI = (0.25, 0.5, 1.0)


class Edges(nn.Module):
    """Lights the last quadrant where the first latent number is beyond 1, else one of the others.

    Which of these is the second number's angle with the third, that scaling does not change.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rest = nn.Parameter(torch.zeros(1))

    def forward(self, latent: Tensor) -> Tensor:
        turn = (torch.atan2(latent[:, 1], latent[:, 2]) / torch.pi + 1) / 2 * 2.999
        place = torch.where(latent[:, 0].abs() > 1, torch.full_like(turn, 3), turn).long()
        images = 0.2 + 0.1 * torch.sin(
            latent[:, :1, None, None] * torch.arange(64).view(1, 1, 8, 8)
        )
        for row in range(len(latent)):
            down, right = int(place[row]) // 2 * 4, int(place[row]) % 2 * 4
            images[row, 0, down : down + 4, right : right + 4] += 0.5
        return images


def planted() -> Making:
    return made_by(Edges(), 3, image_properties)


def test_the_class_that_lives_at_the_edge_of_the_latent_space_goes_first():
    real = QuadrantJudge().look(quadrants(300, seed=0))[0]
    found = truncation(planted(), QuadrantJudge(), real, images=400, psi=PSI)
    shares = found.shares.pivot(index="class", columns="psi", values="share")
    # Beyond 1 deviation lie 31.7 %, beyond 2 4.6 %, beyond 4 none.
    assert shares.loc["3"].tolist() == pytest.approx([0, 0.046, 0.317], abs=0.04)
    assert found.going == {"3": 0.5}
    assert found.curve["classes"].is_monotonic_increasing
    assert found.curve["classes"].iloc[0] == pytest.approx(3, abs=0.1)
    assert (found.images, found.real) == (400, 300)
    again = truncation(planted(), QuadrantJudge(), real, images=400, psi=PSI)
    pd.testing.assert_frame_equal(again.shares, found.shares)


def test_a_generator_that_only_follows_directions_loses_no_class():
    class Turning(Edges):
        def forward(self, latent: Tensor) -> Tensor:
            return super().forward(latent * torch.tensor([0.0, 1.0, 1.0]))

    real = QuadrantJudge().look(quadrants(300, seed=0))[0]
    found = truncation(
        made_by(Turning(), 3, image_properties), QuadrantJudge(), real, images=300, psi=PSI
    )
    assert found.going == {}
    assert found.curve["classes"].nunique() == 1


def test_scales_that_do_not_rise_to_one_are_refused():
    real = np.zeros((30, 16))
    for psi in ((), (0.5, 0.3, 1.0), (0.0, 1.0), (0.5, 0.9)):
        with pytest.raises(UsageError, match="rise from above 0 to 1"):
            truncation(planted(), QuadrantJudge(), real, psi=psi)
