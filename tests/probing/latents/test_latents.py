import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.gan import GAN, GANOptions
from auditkit.probing.latents.attributes import attributes_of, image_properties
from auditkit.probing.latents.channels import channels_of, generator_units
from auditkit.probing.latents.directions import latent_directions
from auditkit.probing.latents.making import made_by
from auditkit.runtime import Runtime

SIZE, CHANNELS, SIDE = 12, 32, 8
LIGHT = 5  # the channel that lights the whole image
SEEDS = range(4)


class Stage(nn.Module):
    """Latent vectors to channels by an orthogonal matrix, so that none repeats another."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        drawn = torch.randn(CHANNELS, CHANNELS, generator=torch.Generator().manual_seed(seed))
        self.weight = nn.Parameter(torch.linalg.qr(drawn)[0][:, :SIZE].contiguous())

    def forward(self, latents: Tensor) -> Tensor:
        return (latents @ self.weight.T)[:, :, None, None]  # (n, channels, 1, 1)


class Planted(nn.Module):
    """Each channel adds a pattern; those of all but one leave the brightness as it is.

    With `mixed` the light hangs a little on every channel, and so on none by itself; with `none`
    it comes from the size of a latent number, whatever its sign.
    """

    def __init__(self, seed: int, light: str = "one") -> None:
        super().__init__()
        drawn = torch.Generator().manual_seed(100 + seed)
        self.stage = Stage(seed)
        patterns = torch.randn(CHANNELS, 1, SIDE, SIDE, generator=drawn)
        patterns -= patterns.mean(dim=(2, 3), keepdim=True)
        share = torch.randn(CHANNELS, generator=drawn)
        self.light = light
        self.patterns = nn.Parameter(patterns)
        self.lights = nn.Parameter(
            share / share.norm() if light == "mixed" else torch.eye(CHANNELS)[LIGHT]
        )

    def forward(self, latents: Tensor) -> Tensor:
        maps = self.stage(latents)[:, :, 0, 0]
        light = latents[:, :1].abs() if self.light == "none" else maps @ self.lights[:, None]
        drawn = torch.einsum("nc,cohw->nohw", maps, self.patterns)
        return 0.5 + 0.01 * drawn + 0.05 * light[:, :, None, None]


def planted(seed: int, light: str = "one", attributes=image_properties):
    model = Planted(seed, light).eval()
    return model, made_by(model, SIZE, attributes, runtime=Runtime(device="cpu", seed=seed))


def of(found, attribute: str):
    several = getattr(found, "directions", None) or found.strongest
    return next(one for one in several if one.attribute == attribute)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_planted_direction_is_found_and_moves_its_attribute_alone(seed):
    model, made = planted(seed)
    found = latent_directions(made, images=400, moved=16)
    bright = of(found, "brightness")
    own = model.stage.weight[LIGHT].detach().numpy()
    assert bright.vector @ own / np.linalg.norm(own) > 0.999
    assert bright.read.low > 0.99
    assert bright.shuffled < 0.05
    assert bright.controls
    assert bright.rising == 1
    curve = found.curves[found.curves["attribute"] == "brightness"]
    assert list(curve["change"]) == pytest.approx([-2, -1, 0, 1, 2], abs=0.2)
    assert found.entanglement.loc["brightness", "brightness"] == pytest.approx(bright.effect.value)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_attribute_without_a_direction_gets_none(seed):
    _, made = planted(seed, "none")
    found = of(latent_directions(made, images=400, moved=16), "brightness")
    assert found.read.value < 0.05
    assert not found.controls


@pytest.mark.parametrize("seed", SEEDS)
def test_the_planted_channel_is_found_and_confirmed(seed):
    _, made = planted(seed)
    found = of(generator_units(made, "stage", images=8), "brightness")
    assert (found.layer, found.channel) == ("stage", LIGHT)
    assert found.controls
    assert found.random == pytest.approx(0, abs=1e-3)
    assert found.screened == pytest.approx(4, rel=0.2)  # from 2 below to 2 above, of its own kind
    assert found.pushed.low > 3


def test_where_all_channels_share_the_light_none_is_named():
    wrong = 0
    for seed in range(6):
        _, made = planted(seed, "mixed")
        wrong += of(generator_units(made, "stage", images=4), "brightness").controls
    assert wrong <= 1


class Squared(nn.Module):
    """An image as light as one channel is large, whichever way."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(0)

    def forward(self, latents: Tensor) -> Tensor:
        return 0.1 * self.stage(latents)[:, LIGHT : LIGHT + 1].square().expand(-1, 1, 4, 4)


def test_taking_a_channel_out_undoes_what_it_did():
    made = made_by(Squared(), SIZE, lambda images: image_properties(images)[["brightness"]])
    found = generator_units(made, "stage", images=16).effects
    assert found.groupby("channel")["effect"].apply(np.ptp).drop(LIGHT).eq(0).all()
    (best,) = generator_units(made, "stage", images=16, most=CHANNELS).strongest
    assert best.channel == LIGHT
    latents = made.drawn(32, "channels confirmed")
    light = made.looked_at(latents)["brightness"]
    spread = made.looked_at(made.drawn(512, "attributes"))["brightness"].std()
    assert best.ablated.value == pytest.approx(-light.mean() / spread)  # nothing is left of it


def test_properties_of_hand_made_images():
    images = torch.zeros(4, 1, 5, 5)
    images[1, 0, 2, 2] = 1
    images[2, 0, :, 4] = 1
    images[3, 0] = torch.eye(5).flip(1)  # rises to the right
    found = image_properties(images)
    assert list(found["brightness"]) == pytest.approx([0, 1 / 25, 1 / 5, 1 / 5])
    assert list(found["right"]) == pytest.approx([0, 0, 0.5, 0])
    assert list(found["down"]) == pytest.approx([0, 0, 0, 0])
    assert list(found["width"]) == pytest.approx([0, 0, 0, 0.125**0.5])
    assert list(found["height"]) == pytest.approx([0, 0, 0.125**0.5, 0.125**0.5])
    assert list(found["slant"]) == pytest.approx([0, 0, 0, 1])
    assert list(found["symmetry"]) == pytest.approx([0, 1, -0.25, 0])
    assert found["edges"].iloc[0] == 0
    assert np.isfinite(found.to_numpy()).all()
    with pytest.raises(DataError, match="give floats"):
        image_properties(images.byte())


class Judge:
    levels = ("dark", "light")

    def look(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        light = pixels.mean(axis=(1, 2, 3)) / 255
        return light[:, None], np.stack([1 - light, light], axis=1)


def test_a_judges_classes_are_told_by_their_log_odds():
    images = torch.tensor([0.0, 0.2, 1.0])[:, None, None, None].expand(3, 1, 4, 4)
    found = attributes_of(Judge())(images)
    assert list(found.columns[-2:]) == ["dark", "light"]
    assert found["light"].iloc[1] == pytest.approx(np.log(0.2 / 0.8))
    assert list(found["light"].iloc[[0, 2]]) == pytest.approx([-9.21, 9.21], abs=0.01)


@pytest.mark.parametrize("conditional", [False, True])
def test_our_own_generator_is_taken_as_it_is(conditional):
    torch.manual_seed(0)
    pictures = type("Pictures", (), {"channels": 1, "height": 8, "width": 8})()
    options = GANOptions(latent=4, width=4, conditional=conditional)
    model = GAN(pictures, options, classes=3 if conditional else 0)
    made = made_by(model.generator, 4, image_properties, classes=model.classes)
    assert channels_of(made) == ("norms.0", "norms.1")
    found = latent_directions(made, images=60, moved=5)
    assert found.frame.equals(latent_directions(made, images=60, moved=5).frame)
    units = generator_units(made, images=3, most=2, mixtures=4)
    assert set(units.effects["layer"]) == {"norms.0", "norms.1"}
    assert units.frame.equals(generator_units(made, images=3, most=2, mixtures=4).frame)
    assert model.training
    assert not any(one._forward_hooks for one in model.modules())
    assert all(one.grad is None and one.requires_grad for one in model.parameters())


def test_each_latent_vector_keeps_its_class():
    class Told(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Parameter(torch.ones(1))

        def forward(self, latents: Tensor, classes: Tensor) -> Tensor:
            return (classes[:, None, None, None] * self.one).expand(-1, 1, 2, 2) / 2

    made = made_by(Told(), 2, image_properties, classes=3)
    light = made.looked_at(torch.zeros(600, 2))["brightness"]
    assert list(light) == [one % 3 / 2 for one in range(600)]


def test_what_cannot_be_asked():
    model, made = planted(0)
    with pytest.raises(UsageError, match="give 50 or more"):
        latent_directions(made, images=20)
    with pytest.raises(UsageError, match="even number"):
        generator_units(made, mixtures=5)
    with pytest.raises(UsageError, match=r"no layer 'stgae' in the model; .*did you mean 'stage'"):
        generator_units(made, "stgae")

    class Flat(nn.Linear):
        def forward(self, latents: Tensor) -> Tensor:
            return super().forward(latents)

    with pytest.raises(ModelError, match="it must give images"):
        latent_directions(made_by(Flat(SIZE, 3), SIZE, image_properties))
    model.patterns.data.zero_()
    model.lights.data.zero_()
    with pytest.raises(DataError, match="all alike"):
        latent_directions(made)
    wrong = made_by(model, SIZE, lambda images: image_properties(images) * np.nan)
    with pytest.raises(DataError, match="attribute 'brightness' of the made images is NaN"):
        latent_directions(wrong)
