from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.export import Dim, export

from auditkit.data.schema import Medium, Task
from auditkit.errors import UsageError
from auditkit.models.base import ARCHITECTURES, Head
from auditkit.models.gan import (
    GAN,
    DCGANOptions,
    GANOptions,
    Upsample,
    discriminator_loss,
    generator_loss,
    sides,
    translated,
)
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.generation import class_shares, frechet_distance, smallest_share

UPSAMPLINGS = ("nearest", "transposed", "bilinear", "pixel-shuffle")


def built(
    name: str = "gan",
    shape: tuple[int, int, int] = (1, 8, 8),
    classes: int = 0,
    **options: object,
) -> GAN:
    channels, height, width = shape
    kind = ARCHITECTURES[name]
    torch.manual_seed(0)
    return kind.build(
        SimpleNamespace(channels=channels, height=height, width=width),
        Head(task=Task.IMAGES, size=classes),
        kind.Options(**{"width": 4, "latent": 8, "conditional": bool(classes), **options}),
    )


def digits() -> tuple[Tensor, Tensor]:
    found = load_digits()
    pixels = torch.from_numpy(found.images).float()[:, None] / 16
    return pixels, torch.from_numpy(found.target).long()


def test_sides_are_halved_while_the_smaller_is_eight_or_more():
    assert sides(28, 28) == [(7, 7), (14, 14), (28, 28)]
    assert sides(64, 64) == [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]
    assert sides(8, 8) == [(4, 4), (8, 8)]
    assert sides(33, 15) == [(9, 4), (17, 8), (33, 15)]


def test_sides_that_are_too_small_or_too_large_are_refused():
    for height, width in ((7, 28), (28, 65)):
        with pytest.raises(UsageError, match="takes sides of 8 to 64 pixels"):
            sides(height, width)


@pytest.mark.parametrize("name", ["gan", "dcgan"])
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (2, 33, 15), (3, 64, 64)])
def test_any_size_and_number_of_channels_comes_out_as_it_should(name, upsampling, shape):
    model = built(name, shape, upsampling=upsampling)
    images = model(torch.randn(3, 8))
    assert images.shape == (3, *shape)
    assert 0 <= images.min() < images.max() <= 1
    assert model.discriminator(images).shape == (3,)


def test_layers_widen_inwards_up_to_eight_times():
    model = built(shape=(1, 64, 64), width=2)
    assert [one.norm.num_features for one in model.generator.norms] == [16, 16, 8, 4, 2]


def test_every_weight_learns_from_its_own_loss_and_the_other_half_from_none():
    for name in ("gan", "dcgan"):
        model = built(name, classes=3)
        classes = torch.tensor([0, 1, 2, 0])
        model.discriminator_loss(torch.rand(4, 1, 8, 8), classes).backward()
        assert all(one.grad is not None for one in model.discriminator.parameters())
        assert all(one.grad is None for one in model.generator.parameters())
        model.discriminator.zero_grad()
        model.generator_loss(4, classes).backward()
        assert all(one.grad is not None for one in model.generator.parameters())
        assert all(one.grad is None for one in model.discriminator.parameters())
        assert all(one.requires_grad for one in model.parameters())


def test_hinge_losses_by_hand():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 1.0])
    # (0 + .5 + 2) / 3 and (0 + 1 + 2) / 3
    assert float(discriminator_loss("hinge", real, fake)) == pytest.approx(2.5 / 3 + 1)
    assert float(generator_loss("hinge", fake)) == pytest.approx(2 / 3)


def test_non_saturating_losses_are_cross_entropies():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 1.0])
    entropy = nn.functional.binary_cross_entropy_with_logits
    wanted = entropy(real, torch.ones(3)) + entropy(fake, torch.zeros(3))
    assert torch.allclose(discriminator_loss("non-saturating", real, fake), wanted)
    assert torch.allclose(generator_loss("non-saturating", fake), entropy(fake, torch.ones(3)))
    at_zero = float(generator_loss("non-saturating", torch.zeros(2)))
    assert at_zero == pytest.approx(np.log(2))


def test_the_slope_of_the_discriminators_layers_is_bounded():
    model = built(shape=(1, 28, 28))
    for _ in range(30):  # power iterations
        model.discriminator(torch.rand(2, 1, 28, 28))
    layers = [one for one in model.discriminator.modules() if isinstance(one, nn.Conv2d)]
    norms = [float(torch.linalg.matrix_norm(one.weight.detach().flatten(1), 2)) for one in layers]
    assert norms == pytest.approx([1.0] * 3, rel=0.05)
    plain = built("dcgan", (1, 28, 28)).discriminator
    assert not any(hasattr(one, "parametrizations") for one in plain.modules())
    assert any(isinstance(one, nn.BatchNorm2d) for one in plain.modules())


def test_the_class_moves_the_logit_by_its_product_with_the_features():
    discriminator = built(classes=3).discriminator.eval()
    images = torch.rand(2, 1, 8, 8)
    features = discriminator.layers(2 * images - 1).sum(dim=(2, 3))
    moved = discriminator(images, torch.tensor([2, 0])) - discriminator(images)
    wanted = (features * discriminator.classes.weight[[2, 0]]).sum(dim=1)
    assert torch.allclose(moved, wanted, atol=1e-6)


def test_the_class_changes_the_image_once_it_was_learned():
    model = built(classes=3).eval()
    with torch.no_grad():
        model.generator.norms[0].scale_and_shift.weight.normal_()
    latent = torch.randn(1, 8).expand(3, -1)
    images = model(latent, torch.arange(3))
    assert not torch.allclose(images[0], images[1])


def test_a_conditional_one_without_classes_is_refused():
    with pytest.raises(UsageError, match="needs classes and the data have 1"):
        built(classes=1)
    assert built(classes=10, conditional=False).classes == 0


@pytest.mark.parametrize("kind", UPSAMPLINGS)
def test_each_way_doubles_the_sides(kind):
    assert Upsample(3, 5, kind)(torch.randn(2, 3, 4, 7)).shape == (2, 5, 8, 14)


def test_images_are_moved_by_whole_pixels_and_each_by_its_own():
    torch.manual_seed(0)
    images = torch.zeros(200, 2, 8, 8)
    images[:, :, 4, 4], images[:, :, 4, 5], images[:, :, 5, 4] = 1, 0.5, 0.25
    moved = translated(images, 0.25)
    assert moved.shape == images.shape
    assert torch.equal(moved.sum(dim=(2, 3)), torch.full((200, 2), 1.75))
    assert torch.equal(moved[:, :, :, :-1][moved[:, :, :, 1:] == 0.5], torch.ones(400))  # beside it
    places = moved[:, 0].flatten(1).argmax(dim=1)
    assert len(places.unique()) == 25  # two up to two down, two left to two right
    assert torch.equal(places, moved[:, 1].flatten(1).argmax(dim=1))
    assert translated(images, 0.0) is images


def test_a_shift_lets_gradients_through():
    images = torch.rand(3, 1, 8, 8, requires_grad=True)
    translated(images, 0.1).sum().backward()
    assert images.grad.max() == 1


def test_samples_are_bytes_that_a_seed_decides():
    model = built(classes=4)
    first, classes = model.sample(300, torch.Generator().manual_seed(5))
    again, _ = model.sample(300, torch.Generator().manual_seed(5))
    assert first.dtype == torch.uint8
    assert first.shape == (300, 1, 8, 8)
    assert torch.equal(first, again)
    assert set(classes.tolist()) == {0, 1, 2, 3}
    assert model.training
    assert built().sample(2, torch.Generator().manual_seed(0))[1] is None


def test_samples_are_the_generators_images():
    model = built().eval()
    pixels, _ = model.sample(3, torch.Generator().manual_seed(1))
    latent = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(pixels, (model(latent) * 255).round().to(torch.uint8))


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_saved_weights_give_equal_outputs(name: str):
    model = built(name, classes=3)
    for _ in range(3):
        model.discriminator_loss(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 2]))
    content = save({key: one.contiguous() for key, one in model.state_dict().items()})
    torch.manual_seed(99)
    other = ARCHITECTURES[name].build(
        SimpleNamespace(channels=1, height=8, width=8),
        Head(task=Task.IMAGES, size=3),
        model.options,
    )
    other.load_state_dict(load(content))
    model.eval()
    other.eval()
    latent, classes = torch.randn(5, 8), torch.tensor([0, 1, 2, 0, 1])
    images = model(latent, classes)
    assert torch.equal(images, other(latent, classes))
    assert torch.equal(model.discriminator(images, classes), other.discriminator(images, classes))


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_it_exports_as_its_generator_for_any_batch(upsampling: str):
    model = built(shape=(1, 9, 8), upsampling=upsampling).eval()
    program = export(model, (torch.randn(4, 8),), dynamic_shapes=({0: Dim("rows")},))
    latent = torch.randn(7, 8)
    assert torch.allclose(program.module()(latent), model(latent), atol=1e-6)


def test_a_conditional_one_exports_too():
    model = built(classes=3).eval()
    rows = Dim("rows")
    given = (torch.randn(4, 8), torch.tensor([0, 1, 2, 0]))
    program = export(model, given, dynamic_shapes=({0: rows}, {0: rows}))
    latent, classes = torch.randn(2, 8), torch.tensor([2, 1])
    assert torch.allclose(program.module()(latent, classes), model(latent, classes), atol=1e-6)


def distance(model: GAN, images: Tensor) -> float:
    made, _ = model.sample(1000, torch.Generator().manual_seed(0))
    return frechet_distance(images.flatten(1).numpy(), made.flatten(1).numpy() / 255)


def taught(model: GAN, steps: int, *, learning_rate: float) -> GAN:
    """Some steps of both halves on digits; each loss must stay a number."""
    images, labels = digits()
    halves = [
        (model.discriminator, learning_rate * model.options.discriminator_rate),
        (model.generator, learning_rate),
    ]
    optimizers = [torch.optim.Adam(half.parameters(), lr, model.betas) for half, lr in halves]
    for _ in range(steps):
        rows = torch.randint(len(images), (64,))
        told = labels[rows] if model.classes else None
        losses = (
            lambda rows=rows, told=told: model.discriminator_loss(images[rows], told),
            lambda told=told: model.generator_loss(64, told),
        )
        for optimizer, loss in zip(optimizers, losses, strict=True):
            optimizer.zero_grad()
            paid = loss()
            paid.backward()
            optimizer.step()
            assert torch.isfinite(paid)
    return model


@pytest.mark.parametrize(("name", "classes"), [("gan", 0), ("gan", 10), ("dcgan", 0)])
def test_forty_steps_on_digits_stay_numbers_and_bring_the_images_nearer(name, classes):
    images, _ = digits()
    model = built(name, classes=classes, width=8, latent=16)
    before = distance(model, images)
    taught(model, 40, learning_rate=2e-3)
    assert distance(model, images) < (0.8 if name == "gan" else 1.0) * before


@pytest.mark.slow
def test_the_one_keeps_all_digits_and_the_other_drops_some():
    images, labels = digits()
    judge = LogisticRegression(C=0.1, max_iter=500).fit(images.flatten(1).numpy(), labels.numpy())

    def smallest(name: str, learning_rate: float) -> Estimate:
        model = built(name, width=8, latent=16)
        made, _ = taught(model, 1500, learning_rate=learning_rate).sample(
            1000, torch.Generator().manual_seed(0)
        )
        seen = judge.predict_proba(made.flatten(1).numpy() / 255)
        return smallest_share(class_shares(seen, 10))[1]

    assert smallest("gan", 2e-3).low > 0.02
    assert smallest("dcgan", 2e-4).high < 0.02


def test_the_two_designs_differ_as_they_are_named():
    assert {ARCHITECTURES[name].Options for name in ("gan", "dcgan")} == {GANOptions, DCGANOptions}
    plain = DCGANOptions()
    assert (plain.loss, plain.spectral, plain.discriminator_rate) == ("non-saturating", False, 1)
    assert GAN.media == {Medium.IMAGE}
    assert GAN.tasks == {Task.IMAGES}
    with pytest.raises(UsageError, match="translation"):
        GANOptions(translation=0.7)
