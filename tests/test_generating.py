"""Made images are written whole, marked, alike for the same seed, and over nobody's files."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from auditkit.cli import run
from auditkit.detection.marks.reading import declares_made, marks_of
from auditkit.errors import UsageError
from auditkit.generating import Order, drawn_images, generate, signature_of
from auditkit.models.files import load, save
from auditkit.runtime import Runtime
from tests.media import trained

CPU = Runtime(device="cpu", seed=3)


@pytest.fixture(scope="session")
def gans(tmp_path_factory):
    """Checkpoints of a plain and of a conditional generator."""
    place = tmp_path_factory.mktemp("generators")
    for name, options in (("plain", {}), ("told", {"conditional": True})):
        model, card = trained("gan", **options)
        save(place / name, model, card)
    return place


def test_each_image_and_the_grid_are_marked_and_named(gans, tmp_path):
    place = generate(gans / "plain", tmp_path / "out", Order(images=3), CPU)
    names = sorted(one.name for one in place.iterdir())
    pictures = ["grid.png", "image-00000.png", "image-00001.png", "image-00002.png"]
    assert names == ["card.json", *pictures]
    for name in pictures:
        content = (place / name).read_bytes()
        assert declares_made(marks_of(content))
        assert load(gans / "plain").sha256.encode() in content
        assert b"seed 3" in content


def test_the_pixels_are_what_the_model_samples(gans, tmp_path):
    place = generate(gans / "plain", tmp_path / "out", Order(images=3), CPU)
    generator = torch.Generator()
    generator.manual_seed(3)
    pixels, _ = load(gans / "plain").model.sample(3, generator)
    for i, one in enumerate(pixels.numpy()):
        shown = np.asarray(Image.open(place / f"image-{i:05d}.png"))
        np.testing.assert_array_equal(shown, one[0])


def test_the_same_seed_gives_the_same_bytes(gans, tmp_path):
    folders = [
        generate(gans / "plain", tmp_path / str(i), Order(images=2), Runtime(device="cpu", seed=s))
        for i, s in enumerate((3, 3, 4))
    ]
    first, again, other = ((one / "image-00001.png").read_bytes() for one in folders)
    assert first == again != other


def test_shorter_latent_vectors_give_more_alike_images(gans):
    model = load(gans / "plain").model
    spread = [
        drawn_images(model, Order(images=40, psi=psi), CPU)[0].astype(float).std(0).mean()
        for psi in (0.2, 1.0)
    ]
    assert spread[0] < spread[1] / 2


def test_a_conditional_generator_is_told_one_class(gans, tmp_path):
    place = generate(gans / "told", tmp_path / "out", Order(images=4, label="m"), CPU)
    assert b", told m" in (place / "image-00003.png").read_bytes()
    assert json.loads((place / "card.json").read_text())["class"] == "m"
    model, levels = load(gans / "told").model, ("l", "m", "r")
    drawn = drawn_images(model, Order(images=20, label="m"), CPU, levels)[1]
    assert set(drawn.tolist()) == {1}
    assert set(drawn_images(model, Order(images=60), CPU)[1].tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "label", "said"),
    [("plain", "m", "is told no class"), ("told", "n", "no class 'n'")],
)
def test_a_class_it_cannot_be_told_is_refused(gans, tmp_path, name, label, said):
    with pytest.raises(UsageError, match=said):
        generate(gans / name, tmp_path / "out", Order(label=label), CPU)
    assert not (tmp_path / "out").exists()


def test_an_earlier_run_is_replaced_whole(gans, tmp_path):
    generate(gans / "plain", tmp_path / "out", Order(images=5), CPU)
    place = generate(gans / "plain", tmp_path / "out", Order(images=1), CPU)
    assert len(list(place.glob("image-*.png"))) == 1


@pytest.mark.parametrize("name", ["mine.txt", "image-00000.png"])
def test_a_strangers_files_are_left_alone(gans, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=f"holds '{name}'"):
        generate(gans / "plain", tmp_path, Order(images=1), CPU)
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_checkpoint_is_never_replaced_by_images(gans, tmp_path):
    with pytest.raises(UsageError, match="did not write"):
        generate(gans / "plain", gans / "told", Order(images=1), CPU)
    assert load(gans / "told")


def test_the_command_prints_the_folder_and_refuses_to_leave_out_the_mark(gans, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert run(["generate", str(gans / "plain"), "-n", "2", "--out", out, "--device", "cpu"]) == 0
    told = capsys.readouterr()
    assert told.out.strip() == out
    assert "each marked as made by plain" in told.err
    assert run(["generate", str(gans / "plain"), "--unmarked"]) == 2


def test_a_model_of_another_kind_is_refused_in_a_sentence(tmp_path, capsys):
    model, card = trained("fnn")
    save(tmp_path / "fnn", model, card)
    assert run(["generate", str(tmp_path / "fnn"), "--out", str(tmp_path / "out")]) == 2
    assert "only images are written" in capsys.readouterr().err


def test_half_a_signature_is_refused(tmp_path):
    with pytest.raises(UsageError, match="takes both"):
        signature_of(tmp_path / "a.pem", None)
    with pytest.raises(UsageError, match="cannot read"):
        signature_of(tmp_path / "a.pem", tmp_path / "b.pem")
    assert signature_of(None, None) is None


def test_signed_images_verify(gans, tmp_path):
    from tests.detection.marks.test_manifests import signature

    place = generate(gans / "plain", tmp_path / "out", Order(images=1), CPU, signature=signature())
    mark = marks_of((place / "image-00000.png").read_bytes())[0]
    assert mark.kind.value == "C2PA manifest"
    assert mark.holds
