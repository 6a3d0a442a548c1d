"""Grad-CAM and kin: weights by hand, the last maps found, places drawn up to the pixels."""

import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn
from torch.nn.functional import interpolate

from auditkit.attribution import attribute
from auditkit.attribution.base import question_of
from auditkit.attribution.methods.maps import (
    grad_cam,
    grad_cam_plus_plus,
    hires_cam,
    layer_cam,
    stages,
)
from auditkit.errors import NotApplicable, UsageError
from auditkit.runtime import Runtime
from tests.attribution.networks import made

MAPS = torch.tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]])  # two maps of 1 x 2
SLOPES = torch.tensor([[[[1.0, -0.5]], [[-1.0, 0.0]]]])


def test_weights_by_hand():
    # means of the slopes: .25 and -.5
    assert grad_cam(MAPS, SLOPES).tolist() == [[[0.0, 0.75]]]
    assert hires_cam(MAPS, SLOPES).tolist() == [[[-1.0, -1.5]]]
    assert layer_cam(MAPS, SLOPES).tolist() == [[[1.0, 0.0]]]
    # alpha at the first place: 1 / (2 + 4) = 1/6, of a slope of 1; elsewhere no positive slope
    torch.testing.assert_close(grad_cam_plus_plus(MAPS, SLOPES), torch.tensor([[[1 / 6, 3 / 6]]]))


def test_the_last_layer_that_gives_a_map_is_looked_at():
    model, inputs, targets = made("cnn")
    assert attribute("grad_cam", model, inputs, targets).note == "at stage3"
    model, inputs, _ = made("discriminator")
    assert attribute("hires_cam", model, inputs).note == "at layers"


def test_captum_draws_the_same_map():
    model, inputs, targets = made("cnn")
    theirs = LayerGradCam(model, model.stage2).attribute(
        inputs[0], target=2, relu_attributions=True
    )
    ours = attribute("grad_cam", model, inputs, targets, layer="stage2")
    wanted = interpolate(theirs.detach().double(), size=(16, 16), mode="bilinear")
    torch.testing.assert_close(ours.value.sum(dim=1, keepdim=True), wanted, rtol=1e-3, atol=1e-6)


def test_before_a_mean_and_a_linear_layer_places_add_up_to_the_logit_less_its_bias():
    model, inputs, _ = made("cnn")
    kept = []
    handle = model.stage3.register_forward_hook(lambda _m, _a, maps: kept.append(maps))
    logits = model(*inputs)
    handle.remove()
    (slopes,) = torch.autograd.grad(logits[:, 2].sum(), kept[0])
    wanted = logits[:, 2] - model.output.linear.bias[2]
    torch.testing.assert_close(hires_cam(kept[0], slopes).sum(dim=(1, 2)), wanted)


def test_a_bright_corner_that_is_asked_for_lights_up():
    model = nn.Sequential(
        nn.Conv2d(1, 1, 1, bias=False), nn.Flatten(), nn.Linear(16, 1, bias=False)
    )
    model[0].weight.data.fill_(1.0)
    model[2].weight.data.copy_(torch.eye(16)[:1])  # only the first place counts
    image = torch.ones(1, 1, 4, 4)
    for method in ("hires_cam", "layer_cam"):
        seen = attribute(method, model, image).value[0, 0]
        assert seen[0, 0] == 1
        assert seen.sum() == 1


def test_a_layer_that_gives_no_map_is_refused_with_the_nearest_name():
    model, inputs, targets = made("cnn")
    with pytest.raises(UsageError, match=r"no layer 'stag2' that gives a map; .*'stage2'"):
        attribute("grad_cam", model, inputs, targets, layer="stag2")
    with pytest.raises(UsageError, match="no layer 'output'"):
        attribute("grad_cam", model, inputs, targets, layer="output")


def test_networks_that_read_no_image_have_no_maps():
    for name in ("fnn", "lstm", "gan"):
        model, inputs, targets = made(name)
        assert stages(question_of(model, inputs, targets, runtime=Runtime())) == ()
        with pytest.raises(NotApplicable, match="it reads no image, or none of its layers gives"):
            attribute("grad_cam", model, inputs, targets)


def test_maps_without_a_way_to_the_answer_say_nothing():
    class Aside(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = nn.Conv2d(1, 2, 1)

        def forward(self, x):
            self.maps(x)
            return x.sum(dim=(1, 2, 3))

    assert attribute("grad_cam", Aside(), torch.ones(1, 1, 4, 4)).value.abs().max() == 0
