from types import SimpleNamespace

import pytest
import torch
from torch import nn

from auditkit.data.schema import Task
from auditkit.errors import ModelError, UsageError
from auditkit.models.base import ARCHITECTURES, Head
from auditkit.models.cnn import CNN, Block, CNNOptions

CLASSES = Head(task=Task.CLASSES, size=3)
DECISION = Head(task=Task.DECISION)
SMALL = CNNOptions(width=4)


def network(
    head: Head = CLASSES, *, channels: int = 1, options: CNNOptions = SMALL, side: int = 16
) -> CNN:
    torch.manual_seed(0)
    encoder = SimpleNamespace(
        channels=channels,
        height=side,
        width=side,
        mean=(0.4,) * channels,
        deviation=(0.2,) * channels,
    )
    return CNN.build(encoder, head, options)


def test_it_is_registered_for_images():
    assert ARCHITECTURES["cnn"] is CNN


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 17), (28, 28), (64, 40)])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_size_and_any_channels_give_one_answer_a_row(height, width, channels):
    pixels = torch.rand(2, channels, height, width)
    assert network(channels=channels)(pixels).shape == (2, 3)
    assert network(DECISION, channels=channels)(pixels).shape == (2,)


def test_features_are_the_pooled_maps_that_the_last_layer_reads():
    model = network().eval()
    pixels = torch.rand(5, 1, 16, 16)
    features = model.features(pixels)
    assert features.shape == (5, 16)
    assert torch.equal(model.output(features), model(pixels))


def test_a_stage_halves_the_image_and_doubles_its_channels():
    model, seen = network().eval(), {}
    names = ("stem", "stage1", "stage2", "stage3")
    for name in names:
        getattr(model, name).register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.update({name: tuple(output.shape[1:])})
        )
    model(torch.rand(1, 1, 16, 24))
    assert [seen[name] for name in names] == [(4, 8, 12), (4, 8, 12), (8, 4, 6), (16, 2, 3)]


def test_pixels_are_standardised_by_the_network_itself():
    """Twice the contrast around the mean, with twice the deviation, is the same image."""
    model, other = network().eval(), network().eval()
    with torch.no_grad():
        other.deviation.mul_(2)
    pixels = torch.rand(3, 1, 16, 16)
    assert torch.allclose(model(pixels), other(0.4 + 2 * (pixels - 0.4)), atol=1e-5)
    assert not torch.allclose(model(pixels), other(pixels), atol=1e-3)


def test_a_block_whose_change_is_zero_passes_its_positive_input_on():
    block = Block(3, 3, stride=1).eval()
    nn.init.zeros_(block.second[1].weight)
    maps = torch.randn(2, 3, 5, 5)
    assert torch.equal(block(maps), maps.relu())


def test_a_number_is_in_the_targets_own_unit():
    model = network(Head(task=Task.NUMBER, mean=40.0, deviation=12.0)).eval()
    with torch.no_grad():
        model.output.linear.weight.zero_()
        model.output.linear.bias.fill_(0.5)
    assert model(torch.rand(2, 1, 16, 16)).tolist() == [46.0, 46.0]


def test_each_relu_is_used_once():
    model, calls = network(options=CNNOptions(width=4, depth=2)), []
    relus = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    for module in relus:
        module.register_forward_hook(lambda module, *_: calls.append(module))
    model(torch.rand(2, 1, 16, 16))
    assert len(calls) == len(set(map(id, calls))) == len(relus) == 13


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((2, 3, 16, 16), r"\(2, 3, 16, 16\).*\(rows, 1, height, width\)"),
        ((1, 16, 16), r"\(1, 16, 16\).*\(rows, 1, height, width\)"),
        ((2, 1, 16, 7), "16 x 7 pixels.*8 x 8"),
    ],
)
def test_pixels_of_another_shape_are_refused_in_one_line(shape, said):
    with pytest.raises(ModelError, match=said) as caught:
        network()(torch.rand(shape))
    assert "\n" not in str(caught.value)


def test_images_too_small_are_refused_before_anything_is_trained():
    with pytest.raises(ModelError, match="7 x 7 pixels"):
        network(side=7)


def test_a_width_of_nothing_is_refused():
    with pytest.raises(UsageError, match="width"):
        CNNOptions(width=0)


def planted(n: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a bright bar: upright, lying or none. (n, 1, 12, 12) and the kind (n,)."""
    torch.manual_seed(1)
    pixels, kinds = torch.rand(n, 1, 12, 12) * 0.5, torch.arange(n) % 3
    pixels[kinds == 1, :, :, 5] = 1.0
    pixels[kinds == 2, :, 5, :] = 1.0
    return pixels, kinds


def test_it_learns_what_was_planted_and_its_weights_give_the_same_answers_again():
    model, (pixels, kinds) = network(), planted()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(pixels), kinds)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    again = network().eval()
    assert not torch.equal(again(pixels), model.eval()(pixels))
    again.load_state_dict({k: v.contiguous() for k, v in model.state_dict().items()})
    assert torch.equal(again(pixels), model(pixels))


def test_it_exports_for_any_number_of_rows():
    model = network().eval()
    rows = torch.export.Dim("rows", min=1, max=1024)
    program = torch.export.export(
        model, (torch.rand(4, 1, 16, 16),), dynamic_shapes={"pixels": {0: rows}}
    )
    pixels = torch.rand(7, 1, 16, 16)
    assert torch.allclose(program.module()(pixels), model(pixels), atol=1e-6)
